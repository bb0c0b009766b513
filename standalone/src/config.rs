//! Flags and file, made into one checked configuration.
//!
//! Owns the names of keys and flags, their defaults and their ranges; all problems are told at
//! once. It must not open anything but the configuration file.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use lathe_topology::document::{Document, Reader};
use lathe_topology::{Code, Diagnostic, render};

pub use hosts::{HostConfig, PortsError};

mod hosts;
mod shown;

const LISTEN: &str = "127.0.0.1:0";
const DEFAULT_HOSTS: u64 = 3;
const MOST_HOSTS: u64 = 64;

/// A Mesos-v1-compatible master with virtual hosts and Lathe's store, for one machine.
#[derive(Clone, Debug, Parser)]
#[command(name = "lathe-standalone", version)]
pub struct CommandLine {
    #[command(subcommand)]
    pub internal: Option<Internal>,
    #[command(flatten)]
    pub flags: Flags,
}

/// What the master starts by itself.
#[derive(Clone, Debug, Subcommand)]
pub enum Internal {
    /// One virtual host (started by the master, not by people).
    #[command(hide = true)]
    Host(HostFlags),
}

/// Flags of the master.
#[derive(Clone, Debug, Default, Args)]
pub struct Flags {
    /// Configuration file (TOML). Flags win over it.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder of everything that is kept: sandboxes, the store.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// How many virtual hosts there are.
    #[arg(long, value_name = "N")]
    pub hosts: Option<u64>,
    /// One host's properties; other names than these are attributes.
    #[arg(long, value_name = "name=h1,cpus=4,mem=8GiB,disk=10GiB,ports=31000-31999,rack=r1")]
    pub host: Vec<String>,
    /// Address to listen on (loopback only); port 0 lets the system choose.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// File with the secret that callers must have; made in the data folder if not named.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Socket of the store; in the data folder if not named.
    #[arg(long, value_name = "PATH")]
    pub store_socket: Option<PathBuf>,
    /// Form of the log on stderr; what is logged is set by LATHE_LOG.
    #[arg(long, value_enum, value_name = "FORM", env = "LATHE_LOG_FORMAT")]
    pub log_format: Option<LogFormat>,
    /// Print the configuration that would be used, and end.
    #[arg(long)]
    pub print_config: bool,
}

/// Flags of a host process.
#[derive(Clone, Debug, Args)]
pub struct HostFlags {
    /// Its name.
    #[arg(long)]
    pub name: String,
    /// Its folder.
    #[arg(long)]
    pub dir: PathBuf,
    /// Where the master waits for it.
    #[arg(long)]
    pub link: SocketAddr,
    /// File with the secret.
    #[arg(long)]
    pub token_file: PathBuf,
    /// The address that it serves on.
    #[arg(long)]
    pub ip: std::net::IpAddr,
    /// Form of the log.
    #[arg(long, value_enum, default_value_t, env = "LATHE_LOG_FORMAT")]
    pub log_format: LogFormat,
}

/// Form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object a line.
    Json,
}

impl LogFormat {
    /// The word for it in flags and files.
    pub fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// Everything that the stand-in is told before it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub data: PathBuf,
    pub listen: SocketAddr,
    pub hosts: Vec<HostConfig>,
    pub token_file: Option<PathBuf>,
    pub store_socket: PathBuf,
    pub log_format: LogFormat,
    /// How long a host may be silent before its tasks are unreachable, in milliseconds.
    pub unreachable_after_ms: u64,
    /// How long an executor may take to subscribe, in milliseconds.
    pub executor_registration_ms: u64,
}

/// Everything that is wrong with the configuration, as text for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", problems.join("\n"))]
pub struct ConfigError {
    /// Each with its place, where it has one.
    pub problems: Vec<String>,
}

impl Config {
    /// Reads the file that the flags name, lets the flags win, checks everything.
    ///
    /// # Errors
    /// All problems at once.
    pub fn load(flags: &Flags) -> Result<Self, ConfigError> {
        let Some(path) = &flags.config else { return Self::from_source(flags, None) };
        let text = fs::read_to_string(path).map_err(|error| ConfigError {
            problems: vec![format!("cannot read {}: {error}", path.display())],
        })?;
        Self::from_source(flags, Some((path, &text)))
    }

    pub(crate) fn from_source(
        flags: &Flags,
        file: Option<(&Path, &str)>,
    ) -> Result<Self, ConfigError> {
        let told = |problems: &[Diagnostic]| match file {
            Some((path, text)) => vec![render(&path.display().to_string(), text, problems)],
            None => problems.iter().map(|problem| problem.message.clone()).collect(),
        };
        let document = match file {
            Some((_, text)) => Document::parse(text)
                .map_err(|problems| ConfigError { problems: told(&problems) })?,
            None => Document::empty(),
        };
        let mut reader = document.reader();
        let mut problems = Vec::new();
        let config = read(&mut reader, flags, &mut problems);
        if let Err(found) = reader.finish() {
            problems.splice(0..0, told(&found));
        }
        match problems.is_empty() {
            true => Ok(config),
            false => Err(ConfigError { problems }),
        }
    }

    /// The configuration as a file that says the same.
    pub fn print(&self) -> String {
        shown::print(self)
    }
}

fn read(reader: &mut Reader, flags: &Flags, problems: &mut Vec<String>) -> Config {
    let data = reader.string("data", "");
    let data = flags.data.clone().unwrap_or_else(|| data.into());
    if data.as_os_str().is_empty() {
        problems.push("the data folder is not named: give --data or the key `data`".to_owned());
    }
    let listen = reader.parsed("listen", LISTEN.parse().expect("the default is an address"));
    let listen: SocketAddr = flags.listen.unwrap_or(listen);
    if !listen.ip().is_loopback() {
        problems.push(format!(
            "lathe-standalone is for one machine and listens on loopback only, not on {listen}"
        ));
    }
    let log_format = match reader.one_of("log_format", "text", &["text", "json"]) {
        "json" => LogFormat::Json,
        _ => LogFormat::Text,
    };
    let store_socket = reader.optional_string("store_socket").map(PathBuf::from);
    let token_file = reader.optional_string("token_file").map(PathBuf::from);
    Config {
        hosts: read_hosts(reader, flags, problems),
        listen,
        token_file: flags.token_file.clone().or(token_file),
        store_socket: flags
            .store_socket
            .clone()
            .or(store_socket)
            .unwrap_or_else(|| data.join("run/store.sock")),
        log_format: flags.log_format.unwrap_or(log_format),
        unreachable_after_ms: reader.duration_ms_within(
            "unreachable_after",
            3_000,
            100..=3_600_000,
        ),
        executor_registration_ms: reader.duration_ms_within(
            "executor_registration",
            60_000,
            1_000..=3_600_000,
        ),
        data,
    }
}

fn read_hosts(reader: &mut Reader, flags: &Flags, problems: &mut Vec<String>) -> Vec<HostConfig> {
    let given = reader.optional_u64_within("hosts", 1..=MOST_HOSTS);
    let mut described = Vec::new();
    for mut table in reader.table_list("host") {
        described.push(hosts::from_table(&mut table, described.len()));
    }
    if !flags.host.is_empty() {
        described.clear();
    }
    for text in &flags.host {
        match hosts::from_text(text, described.len()) {
            Ok(host) => described.push(host),
            Err(problem) => problems.push(format!("--host {text}: {problem}")),
        }
    }
    let default = if described.is_empty() { DEFAULT_HOSTS } else { described.len() as u64 };
    let count = flags.hosts.or(given).unwrap_or(default).max(described.len() as u64);
    if !(1..=MOST_HOSTS).contains(&count) {
        problems.push(format!("the number of hosts is from 1 to {MOST_HOSTS}, not {count}"));
    }
    let count = usize::try_from(count.min(MOST_HOSTS)).unwrap_or(1);
    while described.len() < count {
        described.push(HostConfig::numbered(described.len()));
    }
    problems.extend(hosts::check(&described));
    described
}

/// A wrong value with its place in the file.
fn wrong(reader: &mut Reader, key: &str, message: String) {
    reader.refuse(Code::CONFIG_WRONG_VALUE, key, message);
}

#[cfg(test)]
mod tests;

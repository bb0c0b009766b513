//! Flags and file, made into one checked configuration.
//!
//! Owns the names of keys and flags, their defaults and their ranges. All problems are told at once. It must
//! not open anything but the configuration file and the templates that it names.

mod gossip;

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};
use lathe_api::door::{self, TlsFiles, Trust};
use lathe_hooks::{Recipe, config as hooks};
use lathe_topology::document::{Document, Reader};
use lathe_topology::{Code, render};

pub use gossip::Gossip;

use crate::client::Base;
use crate::copy::Selection;
use crate::follower::Limits;

const LISTEN: &str = "127.0.0.1:0";
/// One stream follows as many.
const GROUPS_MAX: usize = 256;
/// So long may nobody be heard by an agent that hears of registries by others alone, in milliseconds.
const LOST_BY_GOSSIP_MS: u64 = 60_000;
const WAIT_MAX_MS: u64 = 600_000;
/// Bytes of a template.
const TEMPLATE_BYTES_MAX: u64 = 1 << 20;

/// Keeps a copy of groups of a Lathe cluster's catalog, and runs hooks when they change.
#[derive(Clone, Debug, Parser)]
#[command(name = "lathe-agent", version)]
pub struct Flags {
    /// Configuration file (TOML).
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Address to listen on; port 0 lets the system choose.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// Form of the log on stderr; what is logged is set by LATHE_LOG.
    #[arg(long, value_enum, value_name = "FORM", env = "LATHE_LOG_FORMAT")]
    pub log_format: Option<LogFormat>,
    /// Check the configuration and its templates, and end.
    #[arg(long)]
    pub check: bool,
    /// Ask a registry once, print what every hook would do and how its files would change, do nothing, and end.
    #[arg(long, conflicts_with = "once")]
    pub dry_run: bool,
    /// End when a registry was heard and every hook has followed; the exit code is 1 if one has failed.
    #[arg(long)]
    pub once: bool,
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

/// Everything that an agent is told before it starts.
#[derive(Clone, Debug)]
pub struct Config {
    /// Registries, by their URLs; none where others are told of them.
    pub registries: Vec<String>,
    /// Address to listen on.
    pub listen: SocketAddr,
    /// An address other than loopback may be listened on without TLS.
    pub insecure: bool,
    /// What its own listener shows, if it speaks TLS.
    pub tls: Option<TlsFiles>,
    /// Whom it trusts where it asks registries by TLS.
    pub trust: Trust,
    /// Names, beside loopback's, by which clients may call this agent.
    pub hosts: Vec<String>,
    /// File with a token that registries take, for turns of hooks.
    pub registry_token_file: Option<PathBuf>,
    /// File with tokens; without, nothing can be asked of hooks.
    pub token_file: Option<PathBuf>,
    /// Where DNS is answered, if it is.
    pub dns: Option<lathe_dns::Settings>,
    /// The longest time that a look-up waits for a change, in milliseconds.
    pub wait_max_ms: u64,
    /// Requests of one address in a second; 0 is without a limit.
    pub requests_per_second: u32,
    /// Folder for the copy, the journal and what hooks keep.
    pub data_dir: PathBuf,
    /// What is followed: what is named, and what hooks look at.
    pub selection: Selection,
    /// Pace of following and asking.
    pub limits: Limits,
    /// The name of this host, by which hooks are spread.
    pub host: String,
    /// How agents tell each other, if they do.
    pub gossip: Option<Gossip>,
    /// The hooks.
    pub hooks: Vec<Recipe>,
    /// End when everything is followed.
    pub once: bool,
    /// Form of the log.
    pub log_format: LogFormat,
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
        let path = &flags.config;
        let text = fs::read_to_string(path).map_err(|error| ConfigError {
            problems: vec![format!("cannot read {}: {error}", path.display())],
        })?;
        Self::from_source(flags, &text)
    }

    pub(crate) fn from_source(flags: &Flags, text: &str) -> Result<Self, ConfigError> {
        let name = flags.config.display().to_string();
        let told =
            |problems: Vec<_>| ConfigError { problems: vec![render(&name, text, &problems)] };
        let document = Document::parse(text).map_err(told)?;
        let mut reader = document.reader();
        let config = read(&mut reader, flags);
        reader.finish().map_err(told)?;
        let mut problems = Vec::new();
        if let Err(refused) = door::allow(config.listen, config.insecure || config.tls.is_some()) {
            problems.push(refused.to_string());
        }
        let dns = config.dns.as_ref().map(|dns| door::allow(dns.listen, config.insecure));
        if let Some(Err(refused)) = dns {
            problems.push(format!("`dns`: {refused}"));
        }
        if problems.is_empty() { Ok(config) } else { Err(ConfigError { problems }) }
    }
}

fn read(reader: &mut Reader, flags: &Flags) -> Config {
    let usual = Limits::default();
    let listen = reader.parsed("listen", LISTEN.parse().expect("the default is an address"));
    let log_format = match reader.one_of("log_format", "text", &["text", "json"]) {
        "json" => LogFormat::Json,
        _ => LogFormat::Text,
    };
    let gossips = reader.has("gossip");
    let registries = read_registries(reader, gossips);
    let trust = read_trust(reader, &registries);
    let own = host_name();
    let host = reader.string("host", &own);
    let rate = reader.u64_within("requests_per_second", 50_000, 0..=10_000_000);
    let data_dir = PathBuf::from(reader.required_string("data_dir"));
    let mut named =
        Selection { groups: names(reader, "groups"), configs: names(reader, "configs") };
    // What others have heard is as old as their last asking.
    let lost_after_ms = if registries.is_empty() { LOST_BY_GOSSIP_MS } else { usual.lost_after_ms };
    let gossip = gossip::read(reader);
    let limits = Limits {
        poll_ms: reader.duration_ms_within("poll", usual.poll_ms, 100..=86_400_000),
        first_ms: reader.duration_ms_within("retry", usual.first_ms, 1..=60_000),
        longest_ms: reader.duration_ms_within("retry_max", usual.longest_ms, 1..=600_000),
        lost_after_ms: reader.duration_ms_within("lost_after", lost_after_ms, 0..=600_000),
    };
    let hooks = hooks::read(reader, &mut load_template);
    refuse_turns_of_nobody(reader, &registries, &hooks);
    named.groups.extend(hooks.iter().flat_map(|recipe| recipe.groups.iter().cloned()));
    let number = named.groups.len() + named.configs.len();
    if number == 0 || number > GROUPS_MAX {
        let message =
            format!("{number} groups and configurations are followed; 1 to {GROUPS_MAX} can be");
        let help = "name some under `groups`, or in a hook";
        reader.refuse_with_help(Code::CONFIG_WRONG_VALUE, "groups", message, help);
    }
    Config {
        registries,
        listen: flags.listen.unwrap_or(listen),
        insecure: reader.bool("insecure", false),
        tls: TlsFiles::read(reader),
        trust,
        hosts: reader.list("hosts"),
        registry_token_file: reader.optional_string("registry_token_file").map(PathBuf::from),
        token_file: reader.optional_string("token_file").map(PathBuf::from),
        dns: lathe_dns::Settings::read(reader),
        wait_max_ms: reader.duration_ms_within("wait_max", WAIT_MAX_MS, 100..=3_600_000),
        requests_per_second: u32::try_from(rate).unwrap_or(u32::MAX),
        data_dir,
        selection: named,
        limits,
        host,
        gossip,
        hooks,
        once: flags.once,
        log_format: flags.log_format.unwrap_or(log_format),
    }
}

fn read_registries(reader: &mut Reader, gossips: bool) -> Vec<String> {
    let registries = reader.list("registries");
    if registries.is_empty() && !gossips {
        reader.missing("registries");
    }
    if registries.len() > 64 {
        let message = format!("`registries` names {}; 64 are allowed", registries.len());
        reader.refuse(Code::CONFIG_WRONG_VALUE, "registries", message);
    }
    for url in &registries {
        if let Err(error) = Base::parse(url) {
            let help = "as in `registries = [\"http://10.0.0.1:7000\"]`";
            reader.refuse_with_help(
                Code::CONFIG_WRONG_VALUE,
                "registries",
                error.to_string(),
                help,
            );
        }
    }
    let urls = registries.iter().map(|url| url.trim_end_matches('/').to_owned());
    let mut seen = BTreeSet::new();
    urls.filter(|url| seen.insert(url.clone())).collect()
}

fn refuse_turns_of_nobody(reader: &mut Reader, registries: &[String], hooks: &[Recipe]) {
    if registries.is_empty() && hooks.iter().any(|recipe| recipe.fleet.is_some()) {
        let message = "turns are granted by registries, and none is named";
        let help = "name them under `registries`, or take `max_parallel` out";
        reader.refuse_with_help(Code::CONFIG_WRONG_VALUE, "registries", message, help);
    }
}

fn read_trust(reader: &mut Reader, registries: &[String]) -> Trust {
    let trust = Trust::read(reader);
    if trust.authorities.is_none() && registries.iter().any(|url| url.starts_with("https://")) {
        let message = "a registry is asked by TLS, and nobody is trusted";
        let help = "name the certificates of the authorities under `ca_file`";
        reader.refuse_with_help(Code::CONFIG_WRONG_VALUE, "registries", message, help);
    }
    trust
}

fn names(reader: &mut Reader, key: &'static str) -> BTreeSet<String> {
    let names = reader.list(key);
    if let Some(wrong) = names.iter().find(|name| lathe_api::reads::name(name).is_err()) {
        let message = format!("`{key}` has {wrong:?}, which is no name");
        reader.refuse(Code::CONFIG_WRONG_VALUE, key, message);
    }
    names.iter().map(|name| name.strip_prefix("task.").unwrap_or(name).to_owned()).collect()
}

fn load_template(path: &Path) -> std::io::Result<String> {
    if fs::metadata(path)?.len() > TEMPLATE_BYTES_MAX {
        return Err(std::io::Error::other(format!("it has more than {TEMPLATE_BYTES_MAX} bytes")));
    }
    fs::read_to_string(path)
}

fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "localhost".to_owned() } else { name }
}

#[cfg(test)]
mod tests;

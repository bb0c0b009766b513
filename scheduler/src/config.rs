//! The scheduler's configuration: file, then environment and flags over it, into one checked value.

mod mesos;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Parser, ValueEnum};
use lathe_api::door::{self, TlsDoor};
use lathe_topology::document::{Document, Reader};

pub use mesos::Mesos;

/// More than any cluster has use for.
const REGISTRIES_MAX: u64 = 64;
/// As long as the registries' by default.
const SESSION_MS: u64 = 5_000;

/// Flags of `lathe-scheduler`. Each stands over the same key of the file.
#[derive(Debug, Default, Parser)]
#[command(
    name = "lathe-scheduler",
    version,
    about = "Places topologies on Apache Mesos and keeps them running"
)]
pub struct Flags {
    /// Configuration file (TOML).
    #[arg(long, value_name = "FILE", env = "LATHE_SCHEDULER_CONFIG")]
    pub config: Option<PathBuf>,
    /// Address of the API [default: 127.0.0.1:0].
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// A Mesos master, `host:port` or `https://host:port`, or where masters announce themselves,
    /// `zk://host:port,host:port/mesos`; may be given several times.
    #[arg(long = "master", value_name = "MASTER")]
    pub masters: Vec<String>,
    /// The store, such as `local:/run/lathe/store.sock`.
    #[arg(long, value_name = "STORE")]
    pub store: Option<String>,
    /// How long the store waits for a scheduler that says nothing before another one may lead, such
    /// as `5s`.
    #[arg(long, value_name = "DURATION")]
    pub session_timeout: Option<String>,
    /// Folder for artifacts.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// File with the token that callers present (0600; made when it is not there).
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// File with the key that makes the incarnations' secrets, shared with the registries.
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// File with the secret of the Mesos principal.
    #[arg(long, value_name = "FILE")]
    pub mesos_secret_file: Option<PathBuf>,
    /// File with the authorities (PEM) that masters and agents are trusted by, for `https`.
    #[arg(long, value_name = "FILE")]
    pub mesos_ca_file: Option<PathBuf>,
    /// The executor's binary [default: beside this one].
    #[arg(long, value_name = "FILE")]
    pub executor: Option<PathBuf>,
    /// How long an unreachable instance is waited for, such as `5m`.
    #[arg(long, value_name = "DURATION")]
    pub replace_after: Option<String>,
    /// Instances name themselves in their answers.
    #[arg(long)]
    pub served_by: bool,
    /// Form of the log on stderr [default: text]; what is logged is set by LATHE_LOG.
    #[arg(long, value_enum, value_name = "FORM", env = "LATHE_LOG_FORMAT")]
    pub log_format: Option<LogFormat>,
    /// Prints the configuration that is in effect, and ends.
    #[arg(long)]
    pub print_config: bool,
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
    fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// The checked configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub listen: SocketAddr,
    pub insecure: bool,
    /// Where others are served by TLS, if they are.
    pub tls: Option<TlsDoor>,
    /// Names, beside loopback's and those of the addresses, by which clients may call this scheduler.
    pub hosts: Vec<String>,
    /// How others reach this scheduler, when not by the address it listens on.
    pub advertise: Option<String>,
    pub mesos: Mesos,
    pub store: String,
    pub session_timeout: Duration,
    /// The folder of artifacts is the same one for all schedulers of this store.
    pub artifacts_shared: bool,
    pub data: PathBuf,
    pub token_file: PathBuf,
    pub key_file: PathBuf,
    pub executor: PathBuf,
    /// Registries that the scheduler places itself.
    pub registries: u32,
    /// Their program.
    pub registry: PathBuf,
    /// A file with what else they are told, hooks and TLS for example.
    pub registry_config: Option<PathBuf>,
    pub replace_after_ms: u64,
    pub hold_losses_ms: u64,
    pub leave_before_ms: u64,
    pub served_by: bool,
    pub log_format: LogFormat,
}

/// Everything that is wrong, as text for the terminal.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

impl Config {
    /// Reads the file that the flags name, and puts the flags over it.
    ///
    /// # Errors
    /// Every problem of the file and the flags, each with its code and place.
    pub fn load(flags: &Flags) -> Result<Self, ConfigError> {
        let (name, source) = match &flags.config {
            Some(path) => (path.display().to_string(), read(path)?),
            None => ("lathe-scheduler.toml".to_owned(), String::new()),
        };
        Self::parse(&source, flags).map_err(|problems| {
            ConfigError(lathe_topology::render(&name, &source, &problems).trim_end().to_owned())
        })
    }

    pub(crate) fn parse(
        source: &str,
        flags: &Flags,
    ) -> Result<Self, Vec<lathe_topology::Diagnostic>> {
        let mut file = Document::parse(source)?.reader();
        let path = |flag: &Option<PathBuf>, key: Option<String>, usual: &str| {
            flag.clone().or(key.map(PathBuf::from)).unwrap_or_else(|| PathBuf::from(usual))
        };
        let mut listen: SocketAddr = file.parsed("listen", SocketAddr::from(([127, 0, 0, 1], 0)));
        let mut replace_after_ms = file.duration_ms("replace_after", 300_000);
        let mut session_ms = file.duration_ms("session_timeout", SESSION_MS);
        let data = path(&flags.data, file.optional_string("data"), "/var/lib/lathe/scheduler");
        let in_data = |name: &str| data.join(name).display().to_string();
        let config = Self {
            insecure: file.bool("insecure", false),
            tls: TlsDoor::read(&mut file),
            hosts: file.list("hosts"),
            advertise: file.optional_string("advertise"),
            mesos: Mesos::read(&mut file, flags),
            store: flags
                .store
                .clone()
                .or(file.optional_string("store"))
                .unwrap_or_else(|| "local:/run/lathe/store.sock".to_owned()),
            token_file: path(
                &flags.token_file,
                file.optional_string("token_file"),
                &in_data("token"),
            ),
            key_file: path(&flags.key_file, file.optional_string("key_file"), &in_data("key")),
            executor: path(
                &flags.executor,
                file.optional_string("executor"),
                &beside("lathe-executor"),
            ),
            registries: u32::try_from(file.u64_within("registries", 0, 0..=REGISTRIES_MAX))
                .unwrap_or_default(),
            registry: path(&None, file.optional_string("registry"), &beside("lathe-registry")),
            registry_config: file.optional_string("registry_config").map(PathBuf::from),
            hold_losses_ms: file.duration_ms("hold_losses", 30 * 60_000),
            leave_before_ms: file.duration_ms("leave_before", 60 * 60_000),
            served_by: file.bool("served_by", false) || flags.served_by,
            log_format: flags.log_format.unwrap_or(log_format(&mut file)),
            artifacts_shared: file.bool("artifacts_shared", false),
            session_timeout: Duration::ZERO,
            data,
            listen,
            replace_after_ms,
        };
        config.fits(&mut file);
        let mut problems = file.finish().err().unwrap_or_default();
        if let Some(text) = &flags.listen {
            match text.parse() {
                Ok(address) => listen = address,
                Err(_) => problems.push(flag_problem("--listen", text, "an address and port")),
            }
        }
        for (flag, text, ms) in [
            ("--replace-after", &flags.replace_after, &mut replace_after_ms),
            ("--session-timeout", &flags.session_timeout, &mut session_ms),
        ] {
            problems.extend(put_duration(flag, text.as_deref(), ms));
        }
        let session_timeout = Duration::from_millis(session_ms);
        problems.extend(config.unfit(listen));
        if problems.is_empty() {
            Ok(Self { listen, replace_after_ms, session_timeout, ..config })
        } else {
            Err(problems)
        }
    }

    /// Whether registries are placed, where it is said how.
    fn fits(&self, file: &mut Reader) {
        if self.registry_config.is_some() && self.registries == 0 {
            let message =
                "`registry_config` is for registries that the scheduler places: it places none";
            let help =
                "say how many, as in `registries = 3`, or take it out: others have their own files";
            let code = lathe_topology::Code::CONFIG_WRONG_VALUE;
            file.refuse_with_help(code, "registry_config", message, help);
        }
    }

    /// What each key by itself does not show.
    fn unfit(&self, listen: SocketAddr) -> Vec<lathe_topology::Diagnostic> {
        let mut problems = Vec::new();
        if self.mesos.masters.is_empty() && self.mesos.group.is_none() {
            problems.push(missing("masters", "name the masters in the file, or by --master"));
        }
        if let Err(error) = door::allow(listen, self.insecure) {
            problems.push(plain(lathe_topology::Code::CONFIG_OPEN_LISTENER, error.to_string()));
        }
        problems
    }

    /// The configuration as a file would say it.
    #[must_use]
    pub fn print(&self) -> String {
        let mut table = toml::Table::new();
        let mut put = |key: &str, value: toml::Value| table.insert(key.to_owned(), value);
        let text = |path: &Path| toml::Value::String(path.display().to_string());
        put("listen", self.listen.to_string().into());
        put("insecure", self.insecure.into());
        for (key, value) in self.tls.iter().flat_map(TlsDoor::keys) {
            put(key, value.into());
        }
        if !self.hosts.is_empty() {
            put("hosts", self.hosts.clone().into());
        }
        if let Some(url) = &self.advertise {
            put("advertise", url.clone().into());
        }
        put("store", self.store.clone().into());
        let session_ms = self.session_timeout.as_millis();
        put("session_timeout", format!("{session_ms}ms").into());
        put("artifacts_shared", self.artifacts_shared.into());
        put("data", text(&self.data));
        put("token_file", text(&self.token_file));
        put("key_file", text(&self.key_file));
        put("executor", text(&self.executor));
        put("registries", i64::from(self.registries).into());
        put("registry", text(&self.registry));
        if let Some(path) = &self.registry_config {
            put("registry_config", text(path));
        }
        put("replace_after", format!("{}ms", self.replace_after_ms).into());
        put("hold_losses", format!("{}ms", self.hold_losses_ms).into());
        put("leave_before", format!("{}ms", self.leave_before_ms).into());
        put("served_by", self.served_by.into());
        put("log_format", self.log_format.word().into());
        self.mesos.print(&mut table);
        table.to_string()
    }
}

fn log_format(file: &mut Reader) -> LogFormat {
    match file.one_of("log_format", "text", &["text", "json"]) {
        "json" => LogFormat::Json,
        _ => LogFormat::Text,
    }
}

fn read(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path)
        .map_err(|error| ConfigError(format!("cannot read {}: {error}", path.display())))
}

/// The path of a binary in the folder of this one.
fn beside(name: &str) -> String {
    std::env::current_exe()
        .ok()
        .and_then(|own| Some(own.parent()?.join(name).display().to_string()))
        .unwrap_or_else(|| name.to_owned())
}

fn plain(code: lathe_topology::Code, message: String) -> lathe_topology::Diagnostic {
    lathe_topology::Diagnostic {
        code,
        severity: lathe_topology::Severity::Error,
        message,
        labels: Vec::new(),
        help: None,
        parties: Vec::new(),
    }
}

/// Puts a flag over what the file says.
fn put_duration(
    flag: &str,
    text: Option<&str>,
    ms: &mut u64,
) -> Option<lathe_topology::Diagnostic> {
    let text = text?;
    match lathe_topology::parse_duration_ms(text) {
        Ok(given) => *ms = given,
        Err(_) => return Some(flag_problem(flag, text, "a duration as `5m`")),
    }
    None
}

fn flag_problem(flag: &str, text: &str, wanted: &str) -> lathe_topology::Diagnostic {
    plain(lathe_topology::Code::CONFIG_WRONG_VALUE, format!("{flag} `{text}` is not {wanted}"))
}

fn missing(key: &str, hint: &str) -> lathe_topology::Diagnostic {
    let message = format!("key `{key}` is missing");
    let mut problem = plain(lathe_topology::Code::CONFIG_MISSING_KEY, message);
    problem.help = Some(hint.to_owned());
    problem
}

#[cfg(test)]
mod tests;

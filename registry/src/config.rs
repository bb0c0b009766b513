//! Flags and file, made into one checked configuration.
//!
//! Owns the names of keys and flags, their defaults and their ranges. All problems are told at
//! once. It must not open anything but the configuration file.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};
use lathe_api::door::{self, TlsDoor};
use lathe_catalog::Limits as LivenessLimits;
use lathe_hooks::monitor::{Rule, config as hooks};
use lathe_topology::document::{Document, Reader};
use lathe_topology::{Code, Diagnostic, render};
use serde::Serialize;

use crate::directory;

const LISTEN: &str = "127.0.0.1:0";
const SESSION_TIMEOUT_MS: u64 = 5000;
const GROUPS_PER_WATCH_MAX: u64 = 256;
const WATCHERS_PER_ADDRESS_MAX: u64 = 1024;
/// Beyond what any program asks that does its work; what asks more is in a loop.
const REQUESTS_PER_SECOND: u64 = 50_000;
const WAIT_MAX_MS: u64 = 600_000;
const MAX_AGE_MS: u64 = 60_000;
/// What a registry that the scheduler has placed is told, or has of its host.
const TOLD: [&str; 6] = ["listen", "insecure", "advertise", "store", "key_file", "token_file"];

/// Keeps the catalog of a Lathe cluster, listens for heartbeats and serves look-ups and changes.
#[derive(Clone, Debug, Default, Parser)]
#[command(name = "lathe-registry", version)]
pub struct Flags {
    /// Configuration file (TOML). Flags win over it.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address to listen on; port 0 lets the system choose.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// The store, such as local:/run/lathe/store.sock.
    #[arg(long, value_name = "STORE")]
    pub store: Option<String>,
    /// File (mode 600) with the key of the incarnations' secrets, shared with the scheduler.
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// File (mode 600) with the tokens of those who may say something to groups; the scheduler's does.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Ask the scheduler that has placed this instance for everything else. With `--print-config` the file is
    /// checked as the scheduler gives it to those that it places.
    #[arg(long, hide = true)]
    pub placed: bool,
    /// Which configuration the scheduler gives: with another one it is another life.
    #[arg(long, hide = true, value_name = "DIGEST")]
    pub told: Option<String>,
    /// An address other than loopback may be listened on without TLS, whatever the file says.
    #[arg(skip)]
    pub insecure: bool,
    /// Form of the log on stderr; what is logged is set by LATHE_LOG.
    #[arg(long, value_enum, value_name = "FORM", env = "LATHE_LOG_FORMAT")]
    pub log_format: Option<LogFormat>,
    /// Print the configuration that would be used, and end.
    #[arg(long)]
    pub print_config: bool,
    /// Print the public key of what registries with this configuration sign, and end. Agents that gossip trust it.
    #[arg(long)]
    pub public_key: bool,
}

/// Form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object a line.
    Json,
}

/// Everything that a registry is told before it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Address of the store.
    pub store: String,
    /// File with the key of the incarnations' secrets.
    pub key_file: PathBuf,
    /// File with the tokens of those who may say something to groups. Without one nobody may.
    pub token_file: Option<PathBuf>,
    /// An address other than loopback may be listened on without TLS.
    pub insecure: bool,
    /// Where others are served by TLS, if they are.
    pub tls: Option<TlsDoor>,
    /// Names, beside loopback's, by which clients may call this registry.
    pub hosts: Vec<String>,
    /// The URL that others are told, if it is not the one that is listened on.
    pub advertise: Option<String>,
    /// How long the store keeps this registry's node without hearing of it, in milliseconds.
    pub session_timeout_ms: u64,
    /// What the machine holds to.
    pub limits: directory::Limits,
    /// Groups and configurations that one watcher may name.
    pub groups_per_watch_max: usize,
    /// Streams and waiting look-ups of one address.
    pub watchers_per_address_max: usize,
    /// Requests of one address in a second; 0 is without a limit.
    pub requests_per_second: u32,
    /// The longest time that a look-up waits for a change, in milliseconds.
    pub wait_max_ms: u64,
    /// So old may an answer be unless its reader takes any, in milliseconds.
    pub max_age_ms: u64,
    /// Where DNS is answered, if it is.
    pub dns: Option<lathe_dns::Settings>,
    /// Programs that are told of what happens to instances.
    pub hooks: Vec<Rule>,
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
        if flags.placed {
            refuse_told(&mut reader);
        }
        let config = read(&mut reader, flags);
        let mut problems = reader.finish().err().map(|all| told(&all)).unwrap_or_default();
        if config.store.is_empty() {
            problems.push("the store is not named: give --store or the key `store`".to_owned());
        }
        if config.key_file.as_os_str().is_empty() {
            problems.push(
                "the key file is not named: give --key-file or the key `key_file`".to_owned(),
            );
        }
        if let Err(refused) = door::allow(config.listen, config.insecure) {
            problems.push(refused.to_string());
        }
        let dns = config.dns.as_ref().map(|dns| door::allow(dns.listen, config.insecure));
        if let Some(Err(refused)) = dns {
            problems.push(format!("`dns`: {refused}"));
        }
        if problems.is_empty() { Ok(config) } else { Err(ConfigError { problems }) }
    }

    /// The configuration as a file that says the same.
    #[must_use]
    pub fn print(&self) -> String {
        let shown = Shown {
            listen: self.listen.to_string(),
            store: &self.store,
            key_file: &self.key_file,
            token_file: self.token_file.as_deref(),
            insecure: self.insecure,
            tls: self.tls.iter().flat_map(TlsDoor::keys).collect(),
            hosts: &self.hosts,
            advertise: self.advertise.as_deref(),
            session_timeout: format!("{}ms", self.session_timeout_ms),
            suspect_after: format!("{}ms", self.limits.liveness.suspect_after_ms),
            closed_after: format!("{}ms", self.limits.liveness.closed_after_ms),
            watchers_max: self.limits.watchers_max,
            groups_per_watch_max: self.groups_per_watch_max,
            watchers_per_address_max: self.watchers_per_address_max,
            requests_per_second: self.requests_per_second,
            wait_max: format!("{}ms", self.wait_max_ms),
            max_age: format!("{}ms", self.max_age_ms),
            dns: self.dns.as_ref().map(|dns| dns.listen.to_string()),
            dns_zone: self.dns.as_ref().map(|dns| dns.zone.as_str()),
            dns_ttl: self.dns.as_ref().map(|dns| format!("{}ms", dns.ttl_ms)),
            log_format: self.log_format,
            hook: self.hooks.iter().map(|rule| (rule.name(), hooks::Shown::of(rule))).collect(),
        };
        toml::to_string(&shown).expect("a configuration is plain text and numbers")
    }
}

/// The keys of the file, in the order of printing.
#[derive(Serialize)]
struct Shown<'a> {
    listen: String,
    store: &'a str,
    key_file: &'a Path,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_file: Option<&'a Path>,
    insecure: bool,
    #[serde(flatten)]
    tls: BTreeMap<&'static str, String>,
    hosts: &'a [String],
    advertise: Option<&'a str>,
    session_timeout: String,
    suspect_after: String,
    closed_after: String,
    watchers_max: usize,
    groups_per_watch_max: usize,
    watchers_per_address_max: usize,
    requests_per_second: u32,
    wait_max: String,
    max_age: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    dns: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dns_zone: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dns_ttl: Option<String>,
    log_format: LogFormat,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    hook: BTreeMap<&'a str, hooks::Shown>,
}

fn read(reader: &mut Reader, flags: &Flags) -> Config {
    let listen = reader.parsed("listen", LISTEN.parse().expect("the default is an address"));
    let store = reader.string("store", "");
    let key_file = reader.string("key_file", "");
    let token_file = reader.optional_string("token_file").map(PathBuf::from);
    let advertise = reader.optional_string("advertise");
    if advertise.as_ref().is_some_and(|url| !is_base_url(url)) {
        reader.refuse_with_help(
            Code::CONFIG_WRONG_VALUE,
            "advertise",
            "`advertise` is not the URL of a registry",
            "write http://NAME:PORT without a path",
        );
    }
    let defaults = directory::Limits::default();
    let liveness = LivenessLimits::default();
    let watchers_max = reader.u64_within("watchers_max", defaults.watchers_max as u64, 1..=20_000);
    let groups_max = reader.u64_within("groups_per_watch_max", GROUPS_PER_WATCH_MAX, 1..=10_000);
    let address_max =
        reader.u64_within("watchers_per_address_max", WATCHERS_PER_ADDRESS_MAX, 1..=20_000);
    let rate = reader.u64_within("requests_per_second", REQUESTS_PER_SECOND, 0..=10_000_000);
    let log_format = match reader.optional_string("log_format").as_deref() {
        None | Some("text") => LogFormat::Text,
        Some("json") => LogFormat::Json,
        Some(_) => {
            let message = "`log_format` is neither \"text\" nor \"json\"";
            reader.refuse(Code::CONFIG_WRONG_VALUE, "log_format", message);
            LogFormat::Text
        }
    };
    Config {
        listen: flags.listen.unwrap_or(listen),
        store: flags.store.clone().unwrap_or(store),
        key_file: flags.key_file.clone().unwrap_or_else(|| key_file.into()),
        token_file: flags.token_file.clone().or(token_file),
        insecure: reader.bool("insecure", false) || flags.insecure,
        tls: TlsDoor::read(reader),
        hosts: reader.list("hosts"),
        advertise,
        session_timeout_ms: reader.duration_ms_within(
            "session_timeout",
            SESSION_TIMEOUT_MS,
            500..=60_000,
        ),
        limits: directory::Limits {
            liveness: LivenessLimits {
                suspect_after_ms: reader.duration_ms_within(
                    "suspect_after",
                    liveness.suspect_after_ms,
                    2000..=600_000,
                ),
                closed_after_ms: reader.duration_ms_within(
                    "closed_after",
                    liveness.closed_after_ms,
                    1500..=600_000,
                ),
                ..liveness
            },
            watchers_max: usize::try_from(watchers_max).unwrap_or(usize::MAX),
            ..defaults
        },
        groups_per_watch_max: usize::try_from(groups_max).unwrap_or(usize::MAX),
        watchers_per_address_max: usize::try_from(address_max).unwrap_or(usize::MAX),
        requests_per_second: u32::try_from(rate).unwrap_or(u32::MAX),
        wait_max_ms: reader.duration_ms_within("wait_max", WAIT_MAX_MS, 100..=3_600_000),
        max_age_ms: reader.duration_ms_within("max_age", MAX_AGE_MS, 1000..=86_400_000),
        dns: lathe_dns::Settings::read(reader),
        hooks: hooks::read(reader),
        log_format: flags.log_format.unwrap_or(log_format),
    }
}

/// Whoever has placed it says these, or its host does.
fn refuse_told(reader: &mut Reader) {
    for key in TOLD {
        if reader.has(key) {
            let message = format!("`{key}` is not for registries that the scheduler places");
            let help = "take it out: it follows from their hosts and from the scheduler's own configuration";
            reader.refuse_with_help(Code::CONFIG_WRONG_VALUE, key, message, help);
        }
    }
}

fn is_base_url(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")) else {
        return false;
    };
    !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic() && !b"/?#,".contains(&byte))
}

#[cfg(test)]
mod tests;

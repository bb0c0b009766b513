//! JSON types: the scheduler's REST answers, and what a scheduler tells an executor at launch.
//!
//! The registry's JSON types live in `lathe_catalog`, since the SDK reads them too; those that the
//! command line reads are named here.

use std::collections::BTreeMap;

pub use lathe_catalog::{Entry, GroupView, MemberView, MessageView, MetadataView, Receipt};
use lathe_topology::{BEAT_INTERVAL_MS, BEAT_TIMEOUT_MS};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Largest artifact that is taken or fetched, in bytes.
pub const ARTIFACT_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// What an executor is told of its instance: JSON in Mesos's `TaskInfo.data`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LaunchSpec {
    /// `http.lb#2.7`; also the Mesos task id and executor id.
    pub incarnation: String,
    /// `http.lb#2`
    pub instance: String,
    pub topology: String,
    /// `http.lb`
    pub task_path: String,
    pub slot: u32,
    /// The program's name of the task, such as `my::LoadBalancer`.
    pub task: String,
    pub crate_name: String,
    pub version: String,
    pub artifact: ArtifactRef,
    pub args: Vec<String>,
    pub env: BTreeMap<String, String>,
    pub user: Option<String>,
    /// Between TERM and KILL.
    pub grace_ms: u64,
    /// Host's name.
    pub host: String,
    /// The address to bind and to announce.
    pub address: String,
    pub ports: BTreeMap<String, u16>,
    /// The author's own keys, with their version.
    pub config: lathe_catalog::ConfigView,
    pub registries: Vec<String>,
    pub schedulers: Vec<String>,
    /// Good for this incarnation only.
    pub secret: String,
    /// Whether the program was written against the SDK and will shake hands.
    pub sdk: bool,
    /// Whether answers name the instance that served them.
    pub served_by: bool,
    /// How it is found out that it hangs. Schedulers of before say nothing: `HealthSpec::usual`.
    #[serde(default)]
    pub health: Option<HealthSpec>,
}

impl LaunchSpec {
    /// What was said of its health, or what usually holds.
    #[must_use]
    pub fn health(&self) -> HealthSpec {
        self.health.clone().unwrap_or_else(|| HealthSpec::usual(self.sdk))
    }
}

/// Answer of a scheduler's `GET /v1/system/registry` to a registry that it has placed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacedRegistry {
    /// The store's address, with a login where it has one.
    pub store: String,
    /// The key of the incarnations' secrets, as its file has it.
    pub key: String,
    /// Tokens of those who may write, as their file has them.
    pub tokens: String,
    /// Whether an address other than loopback may be listened on without TLS.
    pub insecure: bool,
    /// The file of configuration that it has beside all that, as text; empty where it has none.
    #[serde(default)]
    pub config: String,
}

impl std::fmt::Debug for PlacedRegistry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // All of it may be secret.
        f.debug_struct("PlacedRegistry").finish_non_exhaustive()
    }
}

/// How an executor finds out that its instance does not do its work any more. Times are
/// milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthSpec {
    /// Not at all.
    None,
    /// The program says each `interval_ms` that it lives, and hangs after `timeout_ms` of silence.
    Beat { interval_ms: u64, timeout_ms: u64 },
    /// It is asked each `interval_ms`. When `failures` in a row fail it is ended; in the first
    /// `grace_ms` none of them counts.
    Probe { probe: ProbeSpec, interval_ms: u64, timeout_ms: u64, failures: u32, grace_ms: u64 },
}

impl HealthSpec {
    /// What holds where nothing is said: the SDK beats, of others nothing is known.
    #[must_use]
    pub fn usual(sdk: bool) -> Self {
        if sdk {
            Self::Beat { interval_ms: BEAT_INTERVAL_MS, timeout_ms: BEAT_TIMEOUT_MS }
        } else {
            Self::None
        }
    }
}

/// How an instance is asked, on the address that it binds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeSpec {
    /// `GET path`, answered with 200 to 399.
    Http { port: u16, path: String },
    /// A connection.
    Tcp { port: u16 },
    /// A program and its arguments, ended with 0.
    Command { command: Vec<String> },
}

/// A binary by its digest, and where to get it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactRef {
    /// Lower-case hex.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// Tried in turn, with `Authorization: Bearer <secret>`.
    pub urls: Vec<String>,
}

/// `GET /v1/topologies`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TopologyView {
    pub name: String,
    pub revision: u64,
    pub tasks: Vec<TaskView>,
    /// Milliseconds since 1970.
    pub submitted_ms: u64,
    /// Whether other contents wait to take the place of what runs.
    #[serde(default)]
    pub paused: bool,
}

/// One of `GET /v1/topologies/{name}/history`, the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevisionView {
    pub revision: u64,
    /// Whether it is the one that counts.
    pub present: bool,
    /// Milliseconds since 1970.
    pub submitted_ms: u64,
    pub submission_id: String,
    /// What made it: `submitted`, `scaled http.lb from 3 to 5`, `rolled back to revision 2`, …
    pub cause: String,
    pub tasks: Vec<RevisionTask>,
}

/// A task as a revision wanted it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevisionTask {
    pub task: String,
    pub crate_name: String,
    pub version: String,
    pub wanted: u32,
}

/// `GET /v1/tasks`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskView {
    pub task: String,
    pub topology: String,
    pub crate_name: String,
    pub version: String,
    pub wanted: u32,
    pub ready: u32,
    pub own: Map<String, Value>,
    /// Set while its instances give way to others.
    #[serde(default)]
    pub rollout: Option<RolloutView>,
}

/// How far the update of a task is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutView {
    /// Instances that hold what is wanted and are ready.
    pub replaced: u32,
    pub of: u32,
    /// Instances that run beside these meanwhile.
    pub surge: u32,
    /// `replacing`, `baking`, `paused` or `halted`.
    pub state: String,
    /// Whether these are the ones that go first.
    pub canary: bool,
    /// When the last of those that are ready will count, while it is `baking`.
    pub until_ms: Option<u64>,
    /// What it waits for, or why it goes no further.
    pub reason: Option<String>,
}

/// `GET /v1/instances`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InstanceView {
    pub instance: String,
    pub incarnation: Option<String>,
    pub topology: String,
    pub task: String,
    pub slot: u32,
    pub crate_name: String,
    pub version: String,
    pub host: Option<String>,
    pub address: Option<String>,
    pub ports: BTreeMap<String, u16>,
    pub tags: Vec<String>,
    /// waiting, launching, starting, ready, unreachable, killing; the command line shows ready as
    /// suspect where a registry says so
    pub state: String,
    /// Why it is in that state, where there is something to say.
    pub reason: Option<String>,
    /// Milliseconds since 1970.
    pub since_ms: u64,
    /// Incarnations so far.
    pub incarnations: u64,
}

/// `GET /v1/explain/{instance}`: why an instance is where it is, or why it waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExplainView {
    pub instance: InstanceView,
    /// Whether an accepted topology wants it.
    pub wanted: bool,
    /// How its last life ended.
    pub last_end: Option<String>,
    /// Ends in a row before it had been ready for 10 s.
    pub early_ends: u32,
    /// Not started before: milliseconds since 1970, 0 for at once.
    pub not_before_ms: u64,
    /// Every host, the best first; behind them those that are excluded, and those out of use.
    pub hosts: Vec<ExplainHost>,
}

/// One host as a place for the instance, everything else where it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainHost {
    pub host: String,
    /// The instance runs there now.
    pub here: bool,
    /// The host takes nothing now: its state, as `/v1/hosts` has it. It is not weighed then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_of_use: Option<String>,
    /// What it would add to the score there.
    pub points: i64,
    /// What keeps it away; empty where it may be.
    pub excluded: Vec<ExplainRule>,
    /// Where the points come from.
    pub rules: Vec<ExplainRule>,
}

/// A rule that excludes a host, or adds points to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainRule {
    /// The code whose page tells more, of what excludes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    pub topology: String,
    /// The task whose statement it is.
    pub task: String,
    /// As it stands in the file.
    pub statement: String,
    /// Below 0 for a cost; 0 for what excludes.
    pub points: i64,
    pub sentence: String,
}

/// `GET /v1/hosts`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostView {
    pub name: String,
    pub cpus_milli: u64,
    pub mem_bytes: u64,
    pub disk_bytes: u64,
    pub ports: u64,
    pub attributes: BTreeMap<String, String>,
    pub instances: Vec<String>,
    /// active, leaving, draining, drained, deactivated, or unreachable. One that is out of reach and that the
    /// master lists no more has no resources.
    #[serde(default = "listed")]
    pub state: String,
    /// Maintenance that an operator has planned.
    #[serde(default)]
    pub maintenance: Option<WindowView>,
}

/// When a host is to be away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowView {
    /// Milliseconds since 1970.
    pub start_ms: u64,
    /// None where it is open.
    pub end_ms: Option<u64>,
}

/// What an older scheduler says of a host: nothing.
fn listed() -> String {
    "listed".to_owned()
}

/// `GET /v1/status`: the above at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatusView {
    pub scheduler: SchedulerView,
    pub topologies: Vec<TopologyView>,
    pub instances: Vec<InstanceView>,
    pub hosts: Vec<HostView>,
}

/// What a scheduler says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SchedulerView {
    pub framework_id: Option<String>,
    pub master: Option<String>,
    pub connected: bool,
    pub term: u64,
    /// What it waits for, when it waits.
    pub waiting_for: Option<String>,
    /// Hosts that went at once, and of which nothing is replaced for the time being.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub losses: Option<LossesView>,
}

/// Hosts that went at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossesView {
    pub hosts: Vec<String>,
    /// How many hosts there are, these among them.
    pub of: usize,
    /// Until when nothing of theirs is replaced, in milliseconds since 1970.
    pub held_until_ms: u64,
}

/// One of `GET /v1/events` (server-sent events; the id counts up within a scheduler's life).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventView {
    pub id: u64,
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// submitted, removed, restarted, paused, resumed, launched, starting, ready, ended, connected,
    /// disconnected
    pub kind: String,
    pub instance: Option<String>,
    pub incarnation: Option<String>,
    pub topology: Option<String>,
    pub host: Option<String>,
    pub message: String,
}

/// `GET /v1/logs/{incarnation}?file=task.out&offset=N`: a piece of a sandbox file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPiece {
    pub incarnation: String,
    pub file: String,
    pub offset: u64,
    /// Of the whole file, in bytes.
    pub size: u64,
    /// As text; what is no UTF-8 is replaced.
    pub text: String,
    /// Bytes of the piece in the file.
    pub length: u64,
}

/// A problem (RFC 9457) as every REST listener of Lathe answers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    pub detail: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<String>,
}

/// `$LATHE_HOME/run/endpoints.json`: how a second terminal finds a running `lathe up`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoints {
    /// Process id of `lathe up`.
    pub pid: u32,
    pub scheduler: String,
    pub registries: Vec<String>,
    pub master: String,
    /// File with the token, 0600.
    pub token_file: String,
}

/// A name as one segment of a path, or as a value in a query: everything that may mean something else
/// there is encoded (RFC 3986, section 2.3).
#[must_use]
pub fn segment(name: &str) -> String {
    const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(name, PLAIN).to_string()
}

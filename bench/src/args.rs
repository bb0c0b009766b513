//! The command line of `lathe-bench`.
//!
//! Owns the words and their help. It must not know how a figure is measured.

use clap::{Parser, ValueEnum};
use serde::Serialize;

/// Measures one area of Lathe, and prints a row for each figure.
#[derive(Debug, Parser)]
#[command(name = "lathe-bench", version, max_term_width = 100)]
pub(crate) struct Args {
    /// The area
    #[arg(value_enum)]
    pub(crate) area: Area,
    /// Print the rows as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Also measure what takes minutes: `lathe up` with all compiling
    #[arg(long)]
    pub(crate) cold: bool,
    /// Rewrite the table in docs/performance.md; rows that were not measured stay as they are
    #[arg(long)]
    pub(crate) write: bool,
    /// Measure these rows only
    #[arg(long, value_enum, value_delimiter = ',', value_name = "ROW")]
    pub(crate) only: Vec<Figure>,
    /// So many rounds in place of those that a row stands for, to try a measurement
    #[arg(long, value_name = "N", conflicts_with = "write",
        value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: Option<u32>,
    /// Measure Lathe alone, without others that do the same and have to be fetched
    #[arg(long)]
    pub(crate) alone: bool,
    /// How often an agent, and what stands beside it, is killed
    #[arg(long, value_name = "N", default_value_t = 100,
        value_parser = clap::value_parser!(u32).range(3..))]
    pub(crate) kills: u32,
    /// Solve one case of placement in this process, and print what came of it as JSON
    #[arg(long, hide = true, value_name = "NAME")]
    pub(crate) case: Option<String>,
    /// For so many milliseconds the case may be improved
    #[arg(long, hide = true, default_value_t = 0)]
    pub(crate) within: u32,
    /// Be the scheduler of a model cluster, and print what is seen of it as JSON
    #[arg(long, value_enum, hide = true, value_name = "MODEL")]
    pub(crate) model: Option<Model>,
    /// Instances of the model
    #[arg(long, hide = true, default_value_t = 1_000)]
    pub(crate) instances: u32,
    /// Address of the model's store
    #[arg(long, hide = true)]
    pub(crate) store: Option<String>,
}

/// A framework without processes around it, measured in a process of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Model {
    /// Everything runs: its memory, and what a step costs
    Idle,
    /// Every instance reports one status after the other, through a real store
    Updates,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Area {
    /// The main path: a topology file in, processes running and serving
    Path,
    /// What takes the engines of a cluster
    Cluster,
    /// Registries: changes that are heard, look-ups
    Discovery,
    /// Where instances run: families of cases made from seeds
    Placement,
}

/// The figures of all areas; their names are the names of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Figure {
    /// A submission's receipt by the scheduler to all instances ready
    ReceiptToReady,
    /// The whole command `lathe submit`
    SubmitCommand,
    /// Warm `lathe up` to the first answer
    WarmUp,
    /// `lathe up` with all compiling, to the first answer
    ColdUp,
    /// Instructions that a request costs a task
    HelloInstructions,
    /// Resident memory of an executor
    ExecutorMemory,
    /// Start of standalone to its line
    StandaloneReady,
    /// Crates in a task's build
    TaskCrates,
    /// Half of all killed instances are replaced within this time
    #[serde(rename = "kill-to-ready-p50")]
    #[value(name = "kill-to-ready-p50")]
    KillToReadyP50,
    /// A killed instance to its replacement ready
    #[serde(rename = "kill-to-ready-p95")]
    #[value(name = "kill-to-ready-p95")]
    KillToReadyP95,
    /// A killed host to all its instances replaced
    HostKilled,
    /// A changed own key to every running instance
    OwnKey,
    /// `lathe check` of a thousand tasks
    #[serde(rename = "check-1000")]
    #[value(name = "check-1000")]
    Check1000,
    /// Status updates made durable and acknowledged
    UpdatesPersisted,
    /// A scheduler of 100,000 instances on 10,000 hosts
    SchedulerMemory,
    /// What an idle step of it costs more than one of a hundredth of it
    IdleStep,
    /// Status updates made durable in ZooKeeper and acknowledged
    ZookeeperUpdates,
    /// On a real Mesos: a submission's receipt by the scheduler to all instances ready
    MesosSubmit,
    /// The same by the whole command `lathe submit`
    MesosSubmitCommand,
    /// On a real Mesos: half of all killed instances are replaced within this time
    #[serde(rename = "mesos-replace-p50")]
    #[value(name = "mesos-replace-p50")]
    MesosReplaceP50,
    /// The same: nineteen of twenty
    #[serde(rename = "mesos-replace-p95")]
    #[value(name = "mesos-replace-p95")]
    MesosReplaceP95,
    /// The leading scheduler killed to the standby subscribed
    SchedulerFailover,
    /// Tasks launched on twenty real agents, against a framework that places nothing
    Launches,
    /// A change to the last of a hundred watchers
    ChangeHeard,
    /// The same beside Consul's blocking queries, with answers of about as many bytes
    ChangeConsul,
    /// The same with as many instances: ten
    ChangeConsulTen,
    /// The same of ten thousand watchers
    CrowdHeard,
    /// What each of them costs the registry
    CrowdWake,
    /// Look-ups answered by one core
    Lookups,
    /// Changes that an agent's hook misses when the agent is killed
    KillsLost,
    /// Runs of such a hook that nothing was the cause of
    KillsWithoutCause,
    /// Resident memory of an agent with a copy of 10,000 entries
    AgentMemory,
    /// What such an agent takes of a core while nothing changes
    AgentIdle,
    /// 10,000 instances without rules on 1,000 hosts
    FlatPlain,
    /// The same, each task apart from itself
    FlatNever,
    /// 100,000 instances on 10,000 hosts
    FlatLarge,
    /// How the time grows with the number of instances
    FlatGrowth,
    /// Rules of all words: a first valid plan of 10,000 instances on 1,000 hosts
    MixedFirst,
    /// The same on 10 to 100 hosts: how many have a valid plan within a second
    MixedValid,
    /// The same on up to 50 hosts: the score within a second, of the bound
    MixedBound,
    /// The same on 100 hosts: the score within two seconds, of the bound
    MixedMiddle,
    /// The score within a second, of the bound, where a third of the wishes is about racks and zones
    RackedBound,
    /// The score within 0.1 s, of the best there is: 1,000 instances on 100 hosts
    PlantedSmall,
    /// The score within 2 s, of the best there is: 10,000 instances on 1,000 hosts
    PlantedLarge,
    /// Right verdicts on impossible cases and their possible twins
    ImpossibleVerdicts,
    /// The check alone that sees a contradiction, a group that fits nowhere, a crowd of one task
    ImpossibleStatic,
    /// A refusal with its reasons, without changes that would help
    ImpossibleReasons,
    /// Refusals with no more statements than are enough
    ImpossibleCores,
    /// Refusals of which each named statement is needed: without it there is a placement
    ImpossibleIrreducible,
    /// Chains, stars and cycles of `always` placed, nine tenths full
    BundlesFull,
    /// The same, 95 % full
    BundlesFuller,
    /// An event in a cluster of 10,000 instances planned
    ChurnEvent,
    /// The score after all events, of a plan made anew
    ChurnScore,
    /// Peak memory of planning 100,000 instances on 10,000 hosts
    PlacementMemory,
}

impl Figure {
    /// All, in the order in which they are printed.
    pub(crate) const ALL: [Self; 54] = [
        Self::ReceiptToReady,
        Self::SubmitCommand,
        Self::WarmUp,
        Self::ColdUp,
        Self::HelloInstructions,
        Self::ExecutorMemory,
        Self::StandaloneReady,
        Self::TaskCrates,
        Self::KillToReadyP50,
        Self::KillToReadyP95,
        Self::HostKilled,
        Self::OwnKey,
        Self::Check1000,
        Self::UpdatesPersisted,
        Self::SchedulerMemory,
        Self::IdleStep,
        Self::ZookeeperUpdates,
        Self::MesosSubmit,
        Self::MesosSubmitCommand,
        Self::MesosReplaceP50,
        Self::MesosReplaceP95,
        Self::SchedulerFailover,
        Self::Launches,
        Self::ChangeHeard,
        Self::ChangeConsul,
        Self::ChangeConsulTen,
        Self::CrowdHeard,
        Self::CrowdWake,
        Self::Lookups,
        Self::KillsLost,
        Self::KillsWithoutCause,
        Self::AgentMemory,
        Self::AgentIdle,
        Self::FlatPlain,
        Self::FlatNever,
        Self::FlatLarge,
        Self::FlatGrowth,
        Self::MixedFirst,
        Self::MixedValid,
        Self::MixedBound,
        Self::MixedMiddle,
        Self::RackedBound,
        Self::PlantedSmall,
        Self::PlantedLarge,
        Self::ImpossibleVerdicts,
        Self::ImpossibleStatic,
        Self::ImpossibleReasons,
        Self::ImpossibleCores,
        Self::ImpossibleIrreducible,
        Self::BundlesFull,
        Self::BundlesFuller,
        Self::ChurnEvent,
        Self::ChurnScore,
        Self::PlacementMemory,
    ];

    /// The name of its row.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ReceiptToReady => "receipt-to-ready",
            Self::SubmitCommand => "submit-command",
            Self::WarmUp => "warm-up",
            Self::ColdUp => "cold-up",
            Self::HelloInstructions => "hello-instructions",
            Self::ExecutorMemory => "executor-memory",
            Self::StandaloneReady => "standalone-ready",
            Self::TaskCrates => "task-crates",
            Self::KillToReadyP50 => "kill-to-ready-p50",
            Self::KillToReadyP95 => "kill-to-ready-p95",
            Self::HostKilled => "host-killed",
            Self::OwnKey => "own-key",
            Self::Check1000 => "check-1000",
            Self::UpdatesPersisted => "updates-persisted",
            Self::SchedulerMemory => "scheduler-memory",
            Self::IdleStep => "idle-step",
            Self::ZookeeperUpdates => "zookeeper-updates",
            Self::MesosSubmit => "mesos-submit",
            Self::MesosSubmitCommand => "mesos-submit-command",
            Self::MesosReplaceP50 => "mesos-replace-p50",
            Self::MesosReplaceP95 => "mesos-replace-p95",
            Self::SchedulerFailover => "scheduler-failover",
            Self::Launches => "launches",
            Self::ChangeHeard => "change-heard",
            Self::ChangeConsul => "change-consul",
            Self::ChangeConsulTen => "change-consul-ten",
            Self::CrowdHeard => "crowd-heard",
            Self::CrowdWake => "crowd-wake",
            Self::Lookups => "lookups",
            Self::KillsLost => "kills-lost",
            Self::KillsWithoutCause => "kills-without-cause",
            Self::AgentMemory => "agent-memory",
            Self::AgentIdle => "agent-idle",
            Self::FlatPlain => "flat-plain",
            Self::FlatNever => "flat-never",
            Self::FlatLarge => "flat-large",
            Self::FlatGrowth => "flat-growth",
            Self::MixedFirst => "mixed-first",
            Self::MixedValid => "mixed-valid",
            Self::MixedBound => "mixed-bound",
            Self::MixedMiddle => "mixed-middle",
            Self::RackedBound => "racked-bound",
            Self::PlantedSmall => "planted-small",
            Self::PlantedLarge => "planted-large",
            Self::ImpossibleVerdicts => "impossible-verdicts",
            Self::ImpossibleStatic => "impossible-static",
            Self::ImpossibleReasons => "impossible-reasons",
            Self::ImpossibleCores => "impossible-cores",
            Self::ImpossibleIrreducible => "impossible-irreducible",
            Self::BundlesFull => "bundles-full",
            Self::BundlesFuller => "bundles-fuller",
            Self::ChurnEvent => "churn-event",
            Self::ChurnScore => "churn-score",
            Self::PlacementMemory => "placement-memory",
        }
    }
}

impl Figure {
    /// Those of an area, in the order in which they are printed.
    pub(crate) fn of(area: Area) -> impl Iterator<Item = Self> {
        let is_of = move |figure: &Self| match figure {
            Self::ZookeeperUpdates
            | Self::MesosSubmit
            | Self::MesosSubmitCommand
            | Self::MesosReplaceP50
            | Self::MesosReplaceP95
            | Self::SchedulerFailover
            | Self::Launches => area == Area::Cluster,
            Self::ChangeHeard
            | Self::ChangeConsul
            | Self::ChangeConsulTen
            | Self::CrowdHeard
            | Self::CrowdWake
            | Self::Lookups
            | Self::KillsLost
            | Self::KillsWithoutCause
            | Self::AgentMemory
            | Self::AgentIdle => area == Area::Discovery,
            placement if *placement >= Self::FlatPlain => area == Area::Placement,
            _ => area == Area::Path,
        };
        Self::ALL.into_iter().filter(is_of)
    }
}

impl Args {
    /// As many rounds as are wanted, of a row that stands for so many.
    pub(crate) fn rounds(&self, usual: usize) -> usize {
        self.rounds.map_or(usual, |rounds| usize::try_from(rounds).unwrap_or(usual))
    }

    /// Whether this figure is to be measured.
    pub(crate) fn wants(&self, figure: Figure) -> bool {
        if self.only.is_empty() {
            figure != Figure::ColdUp || self.cold
        } else {
            self.only.contains(&figure)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_called_the_same_on_the_command_line_in_json_and_in_tables() {
        for figure in Figure::ALL {
            let value = figure.to_possible_value().unwrap();
            assert_eq!(value.get_name(), figure.name());
            assert_eq!(serde_json::to_value(figure).unwrap(), figure.name());
        }
        assert_eq!(Figure::ALL.len(), Figure::value_variants().len());
    }

    #[test]
    fn minutes_are_spent_only_when_asked_for() {
        let parse = |words: &[&str]| Args::parse_from([&["lathe-bench", "path"], words].concat());
        assert!(!parse(&[]).wants(Figure::ColdUp));
        assert!(parse(&[]).wants(Figure::WarmUp));
        assert!(parse(&["--cold"]).wants(Figure::ColdUp));
        let one = parse(&["--only", "cold-up,task-crates"]);
        assert!(one.wants(Figure::ColdUp) && one.wants(Figure::TaskCrates));
        assert!(!one.wants(Figure::WarmUp));
    }
}

//! How a run is made: its seed, its length, what is left out of it, and the weather that follows
//! from the seed.

use std::collections::BTreeSet;

use crate::draw::Draw;
use crate::world::{KINDS, Kind, OPERATED};

/// Steps of the chaos phase unless it is said otherwise.
pub const STEPS: u64 = 2_000;
/// Lines of the trace that are kept unless it is said otherwise.
pub const LINES: usize = 80;

/// One run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub seed: u64,
    /// Steps of the chaos phase.
    pub steps: u64,
    /// Decisions that are not carried out, by their numbers.
    pub without: BTreeSet<u64>,
    /// A mistake put in by hand, to see that it is found.
    pub sabotage: Option<Sabotage>,
    /// Whether operators have a hand in it in half of the seeds; without them a seed is what it was
    /// before there were any.
    pub operators: bool,
    /// Whether maintenance is planned in some of the seeds; the same holds without it.
    pub maintenance: bool,
    /// Lines of the trace that are kept.
    pub lines: usize,
}

impl Settings {
    #[must_use]
    pub fn of_seed(seed: u64) -> Self {
        Self {
            seed,
            steps: STEPS,
            without: BTreeSet::new(),
            sabotage: None,
            operators: true,
            maintenance: true,
            lines: LINES,
        }
    }

    #[must_use]
    pub fn without_operators(self) -> Self {
        Self { operators: false, ..self.without_maintenance() }
    }

    #[must_use]
    pub fn without_maintenance(self) -> Self {
        Self { maintenance: false, ..self }
    }

    #[must_use]
    pub fn with(self, sabotage: Sabotage) -> Self {
        Self { sabotage: Some(sabotage), ..self }
    }
}

/// Known mistakes, made between the framework and its surroundings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sabotage {
    /// A status is acknowledged as it arrives.
    AcknowledgeEarly,
    /// A new leader recovers counters that are one too low.
    ReuseIds,
    /// A launch's write counts as durable while the store does not answer.
    LaunchBlind,
    /// The store takes the writes of a leader of the past.
    NoFence,
    /// Offers are never declined.
    HoardOffers,
    /// A registry takes every silence for the end.
    Distrust,
    /// Hosts out of use are listed as if they took work.
    ListAllActive,
    /// What ends by a drain seems to have failed.
    BlameDrains,
    /// What ends by a drain is not acknowledged.
    ForgetDrains,
    /// What is out of reach is not waited for.
    Impatience,
    /// Many hosts that are lost at once are dealt with one by one.
    NoHold,
    /// Nobody hears of planned maintenance.
    IgnoreWindows,
    /// A host is given as soon as it is asked for.
    GiveAtOnce,
    /// Registries make nothing of what others pass on to them.
    IgnorePassed,
    /// A registry knows of no other and takes everything for its own.
    TwoOwners,
}

impl Sabotage {
    pub const ALL: [Self; 15] = [
        Self::AcknowledgeEarly,
        Self::ReuseIds,
        Self::LaunchBlind,
        Self::NoFence,
        Self::HoardOffers,
        Self::Distrust,
        Self::ListAllActive,
        Self::BlameDrains,
        Self::ForgetDrains,
        Self::Impatience,
        Self::NoHold,
        Self::IgnoreWindows,
        Self::GiveAtOnce,
        Self::IgnorePassed,
        Self::TwoOwners,
    ];

    /// The word for it on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AcknowledgeEarly => "acknowledge-early",
            Self::ReuseIds => "reuse-ids",
            Self::LaunchBlind => "launch-blind",
            Self::NoFence => "no-fence",
            Self::HoardOffers => "hoard-offers",
            Self::Distrust => "distrust",
            Self::ListAllActive => "list-all-active",
            Self::BlameDrains => "blame-drains",
            Self::ForgetDrains => "forget-drains",
            Self::Impatience => "impatience",
            Self::NoHold => "no-hold",
            Self::IgnoreWindows => "ignore-windows",
            Self::GiveAtOnce => "give-at-once",
            Self::IgnorePassed => "ignore-passed",
            Self::TwoOwners => "two-owners",
        }
    }

    /// The mistake with that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

/// What a seed's world is like: seeds differ in kind, not only in luck.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Weather {
    pub(crate) hosts: usize,
    pub(crate) registries: usize,
    /// Longest delay of a message.
    pub(crate) delay_ms: u64,
    /// Longest time in which the store makes a write durable.
    pub(crate) write_ms: u64,
    /// Longest time until the master makes an offer of what is free.
    pub(crate) offer_ms: u64,
    /// Longest pause between two decisions.
    pub(crate) pause_ms: u64,
    pub(crate) replace_after_ms: u64,
    /// How long nothing is replaced of many hosts that are lost at once.
    pub(crate) hold_losses_ms: u64,
    /// How often a process that was started goes wrong, in a thousand.
    pub(crate) trouble: u64,
    /// What may go wrong at all.
    pub(crate) kinds: Vec<Kind>,
    /// Whether operators have a hand in it, and topologies say how long they wait.
    pub(crate) operators: bool,
    /// Whether maintenance is planned, and how long before it a host is left.
    pub(crate) maintenance: bool,
    pub(crate) leave_before_ms: u64,
}

impl Weather {
    pub(crate) fn of_seed(seed: u64) -> Self {
        let mut draw = Draw::new(seed, "weather");
        let mut one_of = |from: &[u64]| draw.pick(from).copied().unwrap_or_default();
        let hosts = one_of(&[3, 4, 5, 5, 6]);
        let registries = one_of(&[0, 1, 2, 2]);
        let mut weather = Self {
            delay_ms: one_of(&[3, 30, 30, 400]),
            write_ms: one_of(&[2, 20, 20, 300]),
            offer_ms: one_of(&[0, 0, 200, 1_500]),
            pause_ms: one_of(&[1_500, 4_000, 4_000, 12_000]),
            replace_after_ms: one_of(&[0, 8_000, 60_000]),
            hold_losses_ms: 0,
            trouble: one_of(&[0, 100, 250]),
            hosts: usize::try_from(hosts).unwrap_or(3),
            registries: usize::try_from(registries).unwrap_or(0),
            kinds: Vec::new(),
            operators: false,
            maintenance: false,
            leave_before_ms: 60 * 60_000,
        };
        // Faults hide one another: each seed has about half of the kinds, a few all of them.
        let all = draw.permille(150);
        let held = Draw::new(seed, "losses").pick(&[0, 20_000, 1_800_000]).copied();
        weather.hold_losses_ms = held.unwrap_or_default();
        weather.kinds = KINDS.into_iter().filter(|_| draw.permille(500) || all).collect();
        weather
    }

    /// In half of the seeds: whatever else those say stays as it is.
    pub(crate) fn with_operators(mut self, seed: u64) -> Self {
        let mut draw = Draw::new(seed, "operators");
        self.operators = draw.permille(500);
        if self.operators {
            // Each a few times, so that it is not lost among so many others.
            let often = usize::try_from(draw.between(1, 3)).unwrap_or(1);
            let more = OPERATED.into_iter().filter(|_| draw.permille(700));
            self.kinds.extend(more.flat_map(|kind| std::iter::repeat_n(kind, often)));
        }
        self
    }

    /// Where there are two registries there may be three, and links between them that break.
    pub(crate) fn with_shares(mut self, seed: u64) -> Self {
        let mut draw = Draw::new(seed, "shares");
        if self.registries < 2 {
            return self;
        }
        self.registries += usize::from(draw.permille(600));
        if draw.permille(600) {
            let often = usize::try_from(draw.between(1, 3)).unwrap_or(1);
            self.kinds.extend(std::iter::repeat_n(Kind::RegistriesAreCutApart, often));
        }
        self
    }

    /// In two of five seeds.
    pub(crate) fn with_maintenance(mut self, seed: u64) -> Self {
        let mut draw = Draw::new(seed, "maintenance");
        self.maintenance = draw.permille(400);
        if self.maintenance {
            self.leave_before_ms = draw.pick(&[0, 10_000, 60_000]).copied().unwrap_or_default();
            let often = usize::try_from(draw.between(1, 4)).unwrap_or(1);
            self.kinds.extend(std::iter::repeat_n(Kind::MaintenanceIsPlanned, often));
        }
        self
    }
}

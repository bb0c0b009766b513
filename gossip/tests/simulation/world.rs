//! Agents, registries and a network on one clock, from one seed.
//!
//! Owns what is lost, cut and delayed, and the account of what was shown. Machines are the real ones, and so are
//! seals and signatures.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use lathe_gossip::{
    AskId, Command, Counts, Event, Gossip, Keys, Member, Now, Passed, Report, Session, Settings,
    Signer, Statement, Subject, Trust,
};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// The clock begins here, in milliseconds since the Unix epoch.
const EPOCH_MS: u64 = 1_790_000_000_000;
/// A round, in milliseconds.
pub(crate) const ROUND_MS: u64 = 1000;
const KEY: &str = "k:0707070707070707070707070707070707070707070707070707070707070707";

/// What is done to the network, or not done by an agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sabotage {
    /// Nothing.
    #[default]
    None,
    /// Agents answer nobody.
    NoAnswers,
    /// Agents believe what anybody signs.
    NoSignatures,
}

/// A world to be made.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) agents: usize,
    /// Groups that all follow.
    pub(crate) groups: usize,
    /// Of a hundred packets so many are lost.
    pub(crate) loss: u32,
    /// All know all from the start; else they join by the first agents.
    pub(crate) met: bool,
    pub(crate) sabotage: Sabotage,
}

impl Default for Plan {
    fn default() -> Self {
        let sabotage = Sabotage::None;
        Self { seed: 1, agents: 10, groups: 3, loss: 0, met: true, sabotage }
    }
}

#[derive(Debug)]
enum Happening {
    Packet(usize, Vec<u8>),
    Ask { of: usize, by: usize, frame: Vec<u8> },
    Frame { by: usize, of: usize, frame: Vec<u8> },
    FetchEnded { by: usize, of: usize },
    Wake(usize, u64),
    Hear(usize),
}

struct Node {
    machine: Option<Gossip>,
    life: u64,
    wake_ms: u64,
    asks: BTreeMap<u64, usize>,
    shown: BTreeMap<Subject, (usize, u64)>,
    heard_ms: Option<u64>,
    /// It follows a registry.
    hears: bool,
}

/// All of it.
pub(crate) struct World {
    plan: Plan,
    pub(crate) now_ms: u64,
    dice: StdRng,
    happenings: BTreeMap<(u64, u64), Happening>,
    made: u64,
    nodes: Vec<Node>,
    signer: Signer,
    /// Histories in their order, and what registries say now.
    histories: Vec<String>,
    truth: BTreeMap<Subject, u64>,
    commit: u64,
    /// Everything that a registry ever said.
    said: BTreeSet<(String, Subject, u64, String)>,
    cuts: BTreeSet<(usize, usize)>,
    parts: BTreeMap<usize, u8>,
    pub(crate) wrong: Vec<String>,
    pub(crate) forged: u64,
}

fn address(at: usize) -> SocketAddr {
    let [.., high, low] = u32::try_from(at).expect("it is there").to_be_bytes();
    ([10, 0, high, low], 4801).into()
}

fn place(address: SocketAddr) -> usize {
    let SocketAddr::V4(address) = address else { panic!("an address of another kind") };
    let [.., high, low] = address.ip().octets();
    usize::from(high) << 8 | usize::from(low)
}

impl World {
    pub(crate) fn new(plan: Plan) -> Self {
        let mut world = Self {
            now_ms: 0,
            dice: StdRng::seed_from_u64(plan.seed),
            happenings: BTreeMap::new(),
            made: 0,
            nodes: Vec::new(),
            signer: Signer::from_seed(&[1; 32]),
            histories: vec!["first".to_owned()],
            truth: BTreeMap::new(),
            commit: 0,
            said: BTreeSet::new(),
            cuts: BTreeSet::new(),
            parts: BTreeMap::new(),
            wrong: Vec::new(),
            forged: 0,
            plan,
        };
        for at in 0..world.plan.agents {
            let asks = BTreeMap::new();
            world.nodes.push(Node {
                machine: None,
                life: 0,
                wake_ms: 0,
                asks,
                shown: BTreeMap::new(),
                heard_ms: None,
                hears: false,
            });
            world.start(at);
        }
        if world.plan.met {
            let all: Vec<Member> = world.machines().map(|it| it.own().clone()).collect();
            let now = world.now();
            for node in &mut world.nodes {
                let machine = node.machine.as_mut().expect("it is there");
                let own = machine.own().clone();
                machine.meet(now, all.iter().filter(|it| **it != own).cloned());
            }
        }
        for group in 0..world.plan.groups {
            world.truth.insert(Subject::group(&format!("g{group}")), 0);
        }
        for subject in world.truth.keys().cloned().collect::<Vec<_>>() {
            world.change(&subject);
        }
        world
    }

    fn now(&self) -> Now {
        Now { ms: self.now_ms, unix_ms: EPOCH_MS + self.now_ms }
    }

    pub(crate) fn machines(&self) -> impl Iterator<Item = &Gossip> {
        self.nodes.iter().filter_map(|node| node.machine.as_ref())
    }

    pub(crate) fn subjects(&self) -> Vec<Subject> {
        self.truth.keys().cloned().collect()
    }

    /// An agent begins a life, without anything of the one before.
    pub(crate) fn start(&mut self, at: usize) {
        let mut signers = vec![self.signer.public_key()];
        if self.plan.sabotage == Sabotage::NoSignatures {
            signers.push(self.evil().public_key());
        }
        let trust = Trust::parse(&signers).expect("it is there");
        let machine = self.machine(at, trust);
        self.nodes[at].machine = Some(machine);
        self.nodes[at].shown.clear();
        self.nodes[at].heard_ms = None;
        self.step(at, Event::Woken);
        if self.nodes[at].hears {
            self.schedule(1, Happening::Hear(at));
        }
    }

    fn machine(&mut self, at: usize, trust: Trust) -> Gossip {
        self.nodes[at].life += 1;
        let mut chance = [0; 10];
        self.dice.fill(&mut chance[..]);
        let session = Session::begin(EPOCH_MS + self.now_ms, chance);
        let own = Member::new(address(at), session, &format!("host-{at}"));
        let settings = Settings {
            keys: Keys::parse(KEY).expect("it is there"),
            seeds: vec![address(0), address(1)],
            interval_ms: ROUND_MS,
            fanout: 3,
        };
        let groups = (0..self.plan.groups).map(|group| Subject::group(&format!("g{group}")));
        Gossip::new(own, settings, &groups.collect(), trust, self.dice.random())
    }

    pub(crate) fn kill(&mut self, at: usize) {
        self.nodes[at].machine = None;
    }

    fn evil(&self) -> Signer {
        Signer::from_seed(&[66; 32])
    }

    /// An agent that has the key of gossip and none of a registry says what no registry has said.
    pub(crate) fn invent(&mut self, at: usize) {
        let evil = self.evil();
        let trust =
            Trust::parse(&[evil.public_key(), self.signer.public_key()]).expect("it is there");
        let all: Vec<Member> = self.machines().map(|it| it.own().clone()).collect();
        let mut machine = self.machine(at, trust);
        let own = machine.own().clone();
        machine.meet(self.now(), all.into_iter().filter(|it| it.address != own.address));
        self.nodes[at].machine = Some(machine);
        for subject in self.subjects() {
            let history = self.histories.last().expect("it is there").clone();
            let stamps = (self.commit + 1000, EPOCH_MS + self.now_ms + 60_000);
            let signature = evil.sign((&subject, &history), stamps, "lie");
            let lie = Statement::new((subject, &history), stamps, "lie".into(), signature);
            self.step(at, Event::Said(lie));
        }
        // What it shows itself is its own matter.
        self.nodes[at].shown.clear();
        self.wrong.clear();
    }

    /// An agent follows a registry from now on, or does not.
    pub(crate) fn hear(&mut self, at: usize, hears: bool) {
        self.nodes[at].hears = hears;
        if hears {
            self.schedule(1, Happening::Hear(at));
        }
    }

    /// Something changes; registries say so to those that follow them.
    pub(crate) fn change(&mut self, subject: &Subject) {
        self.commit += 1;
        self.truth.insert(subject.clone(), self.commit);
        for at in 0..self.nodes.len() {
            if self.nodes[at].hears {
                self.schedule(2, Happening::Hear(at));
            }
        }
    }

    /// The store is made anew.
    pub(crate) fn begin_history(&mut self) {
        self.histories.push(format!("history-{}", self.histories.len()));
        self.commit = 0;
        for subject in self.subjects() {
            self.change(&subject);
        }
    }

    /// No packet of the one reaches the other.
    pub(crate) fn cut(&mut self, from: usize, to: usize) {
        self.cuts.insert((from, to));
    }

    /// Agents of different parts do not reach each other; without parts all do.
    pub(crate) fn part(&mut self, parts: BTreeMap<usize, u8>) {
        self.parts = parts;
    }

    pub(crate) fn heal(&mut self) {
        self.cuts.clear();
        self.parts.clear();
    }

    fn reaches(&self, from: usize, to: usize) -> bool {
        !self.cuts.contains(&(from, to)) && self.parts.get(&from) == self.parts.get(&to)
    }

    fn schedule(&mut self, after_ms: u64, happening: Happening) {
        self.made += 1;
        self.happenings.insert((self.now_ms + after_ms, self.made), happening);
    }

    pub(crate) fn run(&mut self, for_ms: u64) {
        let end = self.now_ms + for_ms;
        while let Some(entry) = self.happenings.first_entry()
            && entry.key().0 <= end
        {
            let ((at_ms, _), happening) = entry.remove_entry();
            self.now_ms = self.now_ms.max(at_ms);
            self.happen(happening);
        }
        self.now_ms = end;
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Packet(to, packet) => self.step(to, Event::Packet(packet)),
            Happening::Ask { of, by, frame } => {
                self.made += 1;
                let id = self.made;
                self.nodes[of].asks.insert(id, by);
                self.step(of, Event::Asked { id: AskId(id), frame });
            }
            Happening::Frame { by, of, frame } => {
                self.step(by, Event::Fetched { from: address(of), frame });
            }
            Happening::FetchEnded { by, of } => {
                self.step(by, Event::FetchEnded { from: address(of) });
            }
            Happening::Wake(at, wake_ms) => {
                if self.nodes[at].wake_ms == wake_ms {
                    self.step(at, Event::Woken);
                }
            }
            Happening::Hear(at) => self.say(at),
        }
    }

    /// A registry tells an agent what is.
    fn say(&mut self, at: usize) {
        if !self.nodes[at].hears || self.nodes[at].machine.is_none() {
            return;
        }
        let history = self.histories.last().expect("it is there").clone();
        let all: Vec<(Subject, u64)> = self.truth.iter().map(|it| (it.0.clone(), *it.1)).collect();
        for (subject, version) in all {
            // One group has more than a datagram carries.
            let more = if subject.name == "g0" { ".".repeat(4000) } else { String::new() };
            let content: Arc<str> = format!("{}@{history}:{version}{more}", subject.name).into();
            let stamps = (version, EPOCH_MS + self.now_ms);
            let known =
                self.nodes[at].machine.as_ref().expect("it is there").statements().any(|it| {
                    it.subject == subject && it.history == history && it.version == version
                });
            self.said.insert((history.clone(), subject.clone(), version, content.to_string()));
            if !known {
                let signature = self.signer.sign((&subject, &history), stamps, &content);
                let said = Statement::new((subject, &history), stamps, content, signature);
                self.step(at, Event::Said(said));
            }
        }
    }

    fn step(&mut self, at: usize, event: Event) {
        let is_answer = matches!(event, Event::Packet(_) | Event::Asked { .. });
        let now = self.now();
        let Some(machine) = &mut self.nodes[at].machine else { return };
        let mut commands = Vec::new();
        machine.step(now, event, &mut commands);
        for command in commands {
            match command {
                Command::Send { .. } | Command::Answer { .. }
                    if is_answer && self.plan.sabotage == Sabotage::NoAnswers => {}
                Command::Send { to, packet } => self.send(at, place(to), packet),
                Command::Fetch { to, frame } => self.fetch(at, place(to), frame),
                Command::Answer { id, frames } => self.answer(at, id, frames),
                Command::Pass(passed) => self.judge(at, passed),
                Command::WakeAt { ms } => {
                    self.nodes[at].wake_ms = ms;
                    self.schedule(ms.saturating_sub(self.now_ms), Happening::Wake(at, ms));
                }
                Command::Report(Report::Forged { .. }) => self.forged += 1,
                Command::Report(_) => {}
            }
        }
    }

    fn send(&mut self, from: usize, to: usize, packet: Vec<u8>) {
        let is_lost = self.dice.random_range(0..100) < self.plan.loss;
        let after_ms = self.dice.random_range(1..=30);
        if !is_lost && self.reaches(from, to) {
            // Now and then one comes twice.
            if self.dice.random_range(0..50) == 0 {
                self.schedule(after_ms + 40, Happening::Packet(to, packet.clone()));
            }
            self.schedule(after_ms, Happening::Packet(to, packet));
        }
    }

    /// A connection: what is lost comes later.
    fn fetch(&mut self, by: usize, of: usize, frame: Vec<u8>) {
        let slow = u64::from(self.plan.loss) * 20;
        let after_ms = self.dice.random_range(5..=50 + slow);
        if self.reaches(by, of) && self.reaches(of, by) && self.nodes[of].machine.is_some() {
            self.schedule(after_ms, Happening::Ask { of, by, frame });
        } else {
            self.schedule(5000, Happening::FetchEnded { by, of });
        }
    }

    fn answer(&mut self, of: usize, id: AskId, frames: Vec<Vec<u8>>) {
        let Some(by) = self.nodes[of].asks.remove(&id.0) else { return };
        let slow = u64::from(self.plan.loss) * 20;
        let after_ms = self.dice.random_range(5..=50 + slow);
        if self.reaches(of, by) {
            for frame in frames {
                self.schedule(after_ms, Happening::Frame { by, of, frame });
            }
        }
        self.schedule(after_ms + 1, Happening::FetchEnded { by, of });
    }

    /// What is passed on was said by a registry, and nothing goes back.
    fn judge(&mut self, at: usize, passed: Passed) {
        let order = |history: &str| self.histories.iter().position(|it| it == history);
        for statement in passed.statements {
            let Statement { subject, history, version, content, .. } = statement;
            let said = (history.clone(), subject.clone(), version, content.to_string());
            if !self.said.contains(&said) {
                self.wrong.push(format!("{at} shows {said:?}, which nobody has said"));
                continue;
            }
            let point = (order(&history).expect("it is there"), version);
            let before = self.nodes[at].shown.insert(subject.clone(), point);
            if before.is_some_and(|before| before > point) {
                self.wrong.push(format!("{at} goes back to {point:?} of {subject:?}"));
            }
        }
        let before = std::mem::replace(&mut self.nodes[at].heard_ms, passed.heard_ms);
        if passed.heard_ms.is_some_and(|heard| heard > EPOCH_MS + self.now_ms) {
            self.wrong.push(format!("{at} knows the future, after {before:?}"));
        }
    }

    /// How many agents know less than registries.
    pub(crate) fn behind(&self) -> usize {
        let history = self.histories.last().expect("it is there");
        let is_behind = |machine: &&Gossip| {
            machine.history() != history
                || self.truth.iter().any(|(subject, version)| {
                    !machine.statements().any(|it| it.subject == *subject && it.version == *version)
                })
        };
        self.machines().filter(is_behind).count()
    }

    /// The same in words.
    pub(crate) fn who_is_behind(&self) -> String {
        let mut text = format!("{:?} {:?}", self.histories.last(), self.truth);
        for machine in self.machines() {
            let has: Vec<u64> = machine.statements().map(|it| it.version).collect();
            let (name, members) = (&machine.own().name, machine.members().count());
            let history = machine.history();
            text.push_str(&format!("\n{name} knows {members} members and {has:?} of {history}"));
        }
        text
    }

    /// Rounds until nobody is behind; the most that are waited for where somebody stays so.
    pub(crate) fn rounds_to_agree(&mut self, most: usize) -> usize {
        for round in 0..most {
            if self.behind() == 0 {
                return round;
            }
            self.run(ROUND_MS);
        }
        most
    }

    pub(crate) fn counts(&self) -> Counts {
        let mut all = Counts::default();
        for counts in self.machines().map(Gossip::counts) {
            all.sent += counts.sent;
            all.sent_bytes += counts.sent_bytes;
            all.rounds += counts.rounds;
            all.taken += counts.taken;
            all.forged += counts.forged;
            all.fetched += counts.fetched;
            for (why, number) in &counts.refused {
                *all.refused.entry(*why).or_default() += number;
            }
        }
        all
    }
}

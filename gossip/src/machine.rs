//! The machine of gossip: whom to tell what, what to ask for, what to hand on.
//!
//! Owns every decision. Pure: no I/O, no clock, no dice but its own.
//!
//! Every round some members are told what is known (a digest). Who lacks something asks for it; who has something
//! newer sends it. What is new is sent to some members at once, before any digest. What no datagram carries is
//! asked for by a connection. Rumours go to all members, so that those that follow what few follow find each other.

mod exchange;
mod receive;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

pub use exchange::{AskId, Command, Event, Now, Passed, Report, Settings};

use crate::counts::{Counts, Round, Rounds};
use crate::member::Member;
use crate::peers::Peers;
use crate::rumour::Rumour;
use crate::seal::Seals;
use crate::shelf::{Placed, Shelf};
use crate::statement::{Statement, Subject, SubjectKey, history_key};
use crate::swim::Swim;
use crate::wire::{self, Digest, Envelope, MESSAGE_BYTES_MAX, Message, Told, Wanted, is_large};
use crate::{Keys, Trust};

/// A seed that is no member is asked to let this agent in as often, in milliseconds.
const ANNOUNCE_MS: u64 = 5_000;
/// Things of which one datagram says what is known.
const DIGEST_ITEMS: usize = 45;
/// Statements that are sent at once; of more a digest tells.
const EAGER_MAX: usize = 8;
/// Datagrams that answer one.
const DATAGRAMS_MAX: usize = 16;
/// What was asked for is asked for again after so long, in milliseconds.
const ASKED_MS: u64 = 300;
/// A connection counts as lost after so long, in milliseconds.
const FETCH_MS: u64 = 15_000;
/// Connections of one's own at a time.
const FETCHES_MAX: usize = 4;
/// A kind of report is told once in so long, in milliseconds.
const REPORT_MS: u64 = 60_000;

/// The machine.
#[derive(Debug)]
pub struct Gossip {
    settings: Settings,
    swim: Swim,
    seals: Seals,
    shelf: Shelf,
    peers: Peers,
    counts: Counts,
    rounds: Rounds,
    round_ms: u64,
    announce_ms: u64,
    /// What was asked for, until when the answer is waited for.
    asked: BTreeMap<SubjectKey, u64>,
    fetching: BTreeMap<SocketAddr, u64>,
    /// What is new since the last step, and of whom.
    news: BTreeMap<SubjectKey, Option<SocketAddr>>,
    passed: Passed,
    passed_heard_ms: Option<u64>,
    reported: BTreeMap<u8, u64>,
    wake_ms: Option<u64>,
}

impl Gossip {
    /// A machine of this agent, which follows these and believes those registries.
    #[must_use]
    pub fn new(
        own: Member,
        settings: Settings,
        followed: &BTreeSet<Subject>,
        trust: Trust,
        seed: u64,
    ) -> Self {
        let mut peers = Peers::new(seed);
        let round_ms = peers.draw(settings.interval_ms);
        Self {
            seals: Seals::new(own.session),
            swim: Swim::new(own, seed),
            shelf: Shelf::new(followed, trust),
            settings,
            peers,
            counts: Counts::default(),
            rounds: Rounds::default(),
            round_ms,
            announce_ms: 0,
            asked: BTreeMap::new(),
            fetching: BTreeMap::new(),
            news: BTreeMap::new(),
            passed: Passed::default(),
            passed_heard_ms: None,
            reported: BTreeMap::new(),
            wake_ms: None,
        }
    }

    /// Takes statements that were kept; those that are none of a registry that is believed are left.
    pub fn remember(&mut self, statements: impl IntoIterator<Item = Statement>) {
        for statement in statements {
            self.shelf.place(statement);
        }
    }

    /// Takes members as known.
    pub fn meet(&mut self, now: Now, members: impl Iterator<Item = Member>) {
        self.swim.meet(now.ms, members);
    }

    /// Seals with these keys from now on, and opens with them alone.
    pub fn rekey(&mut self, keys: Keys) {
        self.settings.keys = keys;
    }

    /// Takes an event, appends what is to be done.
    pub fn step(&mut self, now: Now, event: Event, commands: &mut Vec<Command>) {
        match event {
            Event::Packet(packet) => self.packet(now, &packet, commands),
            Event::Asked { id, frame } => self.asked(now, id, &frame, commands),
            Event::Fetched { from, frame } => self.fetched(now, from, &frame, commands),
            Event::FetchEnded { from } => drop(self.fetching.remove(&from)),
            Event::Said(statement) => self.said(now, statement, commands),
            Event::SignedAgain { subject, version, heard_ms, signature } => {
                let found = self.shelf.signed_again(&subject, (version, heard_ms), signature);
                if let Some(statement) = found {
                    self.said(now, statement, commands);
                }
            }
            Event::Seeds(seeds) => self.settings.seeds = seeds,
            Event::Rekeyed | Event::Woken => {}
            Event::Ending => self.swim.leave(now.ms),
        }
        self.go_on(now, commands);
    }

    /// A registry has said so.
    fn said(&mut self, now: Now, statement: Statement, commands: &mut Vec<Command>) {
        let (key, name) = (statement.subject.key(), statement.subject.name.clone());
        match self.shelf.place(statement) {
            Placed::New | Placed::Differs => {
                self.news.insert(key, None);
                self.rumour(key);
            }
            Placed::Switched => {
                for key in self.shelf.statements().map(|it| it.subject.key()).collect::<Vec<_>>() {
                    self.news.insert(key, None);
                    self.rumour(key);
                }
            }
            Placed::Forged => self.report(now, 1, Report::NotBelieved { name }, commands),
            Placed::Refreshed
            | Placed::Pending
            | Placed::Known
            | Placed::Older
            | Placed::Foreign => {}
        }
    }

    fn rumour(&mut self, key: SubjectKey) {
        let source = self.swim.own().address;
        let Some(statement) = self.shelf.statement(key) else { return };
        let rumour = Rumour {
            key,
            history: history_key(&statement.history),
            version: statement.version,
            heard_ms: statement.heard_ms,
            large: is_large(statement),
            source,
        };
        self.swim.spread(&rumour);
    }

    /// What follows from the time, and what is left to be sent.
    fn go_on(&mut self, now: Now, commands: &mut Vec<Command>) {
        self.swim.wake(now.ms);
        if now.ms >= self.round_ms {
            self.round(now, commands);
        }
        self.tell_news(commands);
        self.flush(now, commands);
        self.pass(commands);
        let wake_ms = self.round_ms.min(self.swim.wake_ms().unwrap_or(u64::MAX));
        if self.wake_ms != Some(wake_ms) {
            self.wake_ms = Some(wake_ms);
            commands.push(Command::WakeAt { ms: wake_ms });
        }
    }

    fn round(&mut self, now: Now, commands: &mut Vec<Command>) {
        // Not all at the same time.
        let interval_ms = self.settings.interval_ms;
        let early_ms = self.peers.draw(interval_ms / 8 + 1);
        self.round_ms = now.ms.saturating_add((interval_ms - early_ms).max(1));
        self.asked.retain(|_, until| *until > now.ms);
        self.fetching.retain(|_, until| *until > now.ms);
        let peers = self.choose(&self.shelf.keys(), None);
        self.counts.rounds += 1;
        self.rounds.turn(now.unix_ms, peers.len(), &self.counts);
        for digest in self.shelf.digests() {
            for part in parts(&digest) {
                for peer in &peers {
                    self.send(peer, Message::Digest(part.clone()), commands);
                }
            }
        }
        if now.ms >= self.announce_ms {
            self.announce_ms = now.ms.saturating_add(ANNOUNCE_MS);
            self.announce(now);
        }
    }

    /// One of the seeds that are no members; without members all of them.
    fn announce(&mut self, now: Now) {
        let own = self.swim.own().address;
        let seeds = self.settings.seeds.iter().copied();
        let mut seeds: Vec<SocketAddr> =
            seeds.filter(|seed| *seed != own && self.swim.at(*seed).is_none()).collect();
        if self.swim.number() > 0 && !seeds.is_empty() {
            let at = usize::try_from(self.peers.draw(seeds.len() as u64)).unwrap_or(0);
            seeds = vec![seeds[at]];
        }
        for seed in seeds {
            self.swim.announce(now.ms, seed);
        }
    }

    fn choose(&mut self, keys: &BTreeSet<SubjectKey>, except: Option<SocketAddr>) -> Vec<Member> {
        let Self { swim, peers, settings, .. } = self;
        let members: Vec<&Member> =
            swim.members().filter(|it| Some(it.address) != except).collect();
        peers.choose(&members, keys, settings.fanout)
    }

    /// What is new goes to some members at once.
    fn tell_news(&mut self, commands: &mut Vec<Command>) {
        let news = std::mem::take(&mut self.news);
        let mut by_source: BTreeMap<Option<SocketAddr>, Vec<SubjectKey>> = BTreeMap::new();
        for (key, source) in news {
            by_source.entry(source).or_default().push(key);
        }
        for (source, keys) in by_source {
            let peers = self.choose(&keys.iter().copied().collect(), source);
            let small =
                |key: &&SubjectKey| self.shelf.statement(**key).is_some_and(|it| !is_large(it));
            let few: Vec<SubjectKey> = keys.iter().filter(small).take(EAGER_MAX).copied().collect();
            let rest: Vec<SubjectKey> = keys.into_iter().filter(|key| !few.contains(key)).collect();
            let told = few.iter().filter_map(|key| self.shelf.statement(*key));
            let told: Vec<Told> = told.map(|statement| Told::of(statement, true)).collect();
            let digest = (!rest.is_empty()).then(|| self.shelf.digest_of(&rest));
            for peer in &peers {
                self.send_told(peer, told.clone(), commands);
                for part in digest.iter().flat_map(parts) {
                    self.send(peer, Message::Digest(part), commands);
                }
            }
        }
    }

    /// Sends statements in as few datagrams as carry them.
    fn send_told(&mut self, to: &Member, told: Vec<Told>, commands: &mut Vec<Command>) {
        let (mut datagrams, mut size, mut some) = (0, 0, Vec::new());
        for one in told {
            let bytes = one.size();
            if !some.is_empty() && size + bytes + 64 > MESSAGE_BYTES_MAX {
                self.send(to, Message::Told(std::mem::take(&mut some)), commands);
                (datagrams, size) = (datagrams + 1, 0);
                if datagrams >= DATAGRAMS_MAX {
                    return;
                }
            }
            size += bytes;
            some.push(one);
        }
        if !some.is_empty() {
            self.send(to, Message::Told(some), commands);
        }
    }

    fn send(&mut self, to: &Member, message: Message, commands: &mut Vec<Command>) {
        let packet = self.seal(to, message);
        debug_assert!(packet.len() <= wire::DATAGRAM_BYTES_MAX, "{} bytes", packet.len());
        commands.push(Command::Send { to: to.address, packet });
    }

    fn seal(&mut self, to: &Member, message: Message) -> Vec<u8> {
        let own = self.swim.own();
        if *self.seals.own() != own.session {
            self.seals.become_session(own.session);
        }
        let text = wire::write(&Envelope { from: own.address, message });
        let packet = self.seals.seal(&self.settings.keys, to.bound(), &text);
        self.counts.sent += 1;
        self.counts.sent_bytes += packet.len() as u64;
        packet
    }

    /// What the membership wants to be sent, and the rumours that came with it.
    fn flush(&mut self, now: Now, commands: &mut Vec<Command>) {
        let (sent, rumours) = self.swim.take();
        for (to, data) in sent {
            self.send(&to, Message::Members(data), commands);
        }
        for rumour in rumours {
            self.heard(now, &rumour, commands);
        }
    }

    /// Where there is something that is followed, it is asked for where it comes from.
    fn heard(&mut self, now: Now, rumour: &Rumour, commands: &mut Vec<Command>) {
        let Rumour { key, history, version, heard_ms, large, source } = *rumour;
        if source == self.swim.own().address || !self.shelf.lacks(key, history, version, heard_ms) {
            return;
        }
        self.peers.shares(source, &[key]);
        let Some(member) = self.swim.at(source).cloned() else { return };
        let wanted = self.shelf.want(key);
        let list = if large { (Vec::new(), vec![wanted]) } else { (vec![wanted], Vec::new()) };
        self.ask(now, &member, list, commands);
    }

    /// Asks for what was not asked for just now.
    fn ask(
        &mut self,
        now: Now,
        of: &Member,
        (small, large): (Vec<Wanted>, Vec<Wanted>),
        commands: &mut Vec<Command>,
    ) {
        let mut is_open = |wanted: &Wanted| {
            let until = self.asked.entry(wanted.key).or_insert(0);
            let is_open = *until <= now.ms;
            if is_open {
                *until = now.ms + ASKED_MS;
            }
            is_open
        };
        let small: Vec<Wanted> = small.into_iter().filter(&mut is_open).collect();
        for part in small.chunks(DIGEST_ITEMS) {
            self.send(of, Message::Want(part.to_vec()), commands);
        }
        let is_free = self.fetching.len() < FETCHES_MAX && !self.fetching.contains_key(&of.address);
        if large.is_empty() || !is_free {
            return;
        }
        let large = large.into_iter().take(DIGEST_ITEMS).collect();
        self.fetching.insert(of.address, now.ms + FETCH_MS);
        let frame = self.seal(of, Message::Want(large));
        commands.push(Command::Fetch { to: of.address, frame });
    }

    /// Hands on what came, and how new it is.
    fn pass(&mut self, commands: &mut Vec<Command>) {
        let mut passed = std::mem::take(&mut self.passed);
        passed.heard_ms = self.shelf.heard_ms();
        if passed.statements.is_empty() && passed.heard_ms == self.passed_heard_ms {
            return;
        }
        self.passed_heard_ms = passed.heard_ms;
        commands.push(Command::Pass(passed));
    }

    fn report(&mut self, now: Now, kind: u8, report: Report, commands: &mut Vec<Command>) {
        let last = self.reported.get(&kind);
        if last.is_none_or(|last| now.ms.saturating_sub(*last) >= REPORT_MS) {
            self.reported.insert(kind, now.ms);
            commands.push(Command::Report(report));
        }
    }

    /// This agent, as others know it.
    #[must_use]
    pub fn own(&self) -> &Member {
        self.swim.own()
    }

    /// The others that are alive, as far as is known.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.swim.members()
    }

    /// Everything that is known, with its signatures.
    pub fn statements(&self) -> impl Iterator<Item = &Statement> {
        self.shelf.statements()
    }

    /// The history that is known; empty where nothing is.
    #[must_use]
    pub fn history(&self) -> &str {
        self.shelf.history()
    }

    /// Numbers since the start.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The last rounds.
    #[must_use]
    pub fn rounds(&self) -> Vec<Round> {
        self.rounds.past()
    }

    /// The names of the keys, the one that seals first.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.settings.keys.names()
    }
}

/// A digest in parts that datagrams carry.
fn parts(digest: &Digest) -> Vec<Digest> {
    let part = |items: &[wire::Item]| Digest { items: items.to_vec(), ..digest.clone() };
    digest.items.chunks(DIGEST_ITEMS).map(part).collect()
}

#[cfg(test)]
mod tests;

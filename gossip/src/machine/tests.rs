//! What comes from outside: spoilt, cut, replayed, made with other keys, or by somebody who has the key.

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::*;
use crate::{Session, Signer, hex};

fn keys(byte: u8) -> Keys {
    Keys::parse(&format!("k:{}", hex::encode(&[byte; 32]))).unwrap()
}

fn machine(at: u8, key: u8) -> Gossip {
    let own = Member::new(([10, 0, 0, at], 1).into(), Session::begin(u64::from(at), [at; 10]), "m");
    let seeds = vec![([10, 0, 0, 1], 1).into()];
    let settings = Settings { keys: keys(key), seeds, interval_ms: 1000, fanout: 3 };
    let trust = Trust::parse(&[Signer::from_seed(&[1; 32]).public_key()]).unwrap();
    Gossip::new(own, settings, &[Subject::group("g")].into(), trust, u64::from(at))
}

fn said(version: u64, signer: &Signer, content: &str) -> Event {
    let subject = Subject::group("g");
    let signature = signer.sign((&subject, "h"), (version, version), content);
    Event::Said(Statement::new((subject, "h"), (version, version), content.into(), signature))
}

fn now(ms: u64) -> Now {
    Now { ms, unix_ms: ms }
}

/// Machines that talk, on one clock.
struct Net {
    all: Vec<Gossip>,
    ms: u64,
    queue: Vec<(SocketAddr, Event)>,
    /// Every packet, with where it went.
    kept: Vec<(SocketAddr, Vec<u8>)>,
}

impl Net {
    fn of(all: Vec<Gossip>) -> Self {
        Self { all, ms: 0, queue: Vec::new(), kept: Vec::new() }
    }

    fn step(&mut self, at: usize, event: Event) {
        let mut commands = Vec::new();
        self.all[at].step(now(self.ms), event, &mut commands);
        for command in commands {
            if let Command::Send { to, packet } = command {
                self.kept.push((to, packet.clone()));
                self.queue.push((to, Event::Packet(packet)));
            }
        }
    }

    fn run(&mut self, for_ms: u64) {
        let end = self.ms + for_ms;
        while self.ms < end || !self.queue.is_empty() {
            if let Some((to, event)) = self.queue.pop() {
                let found = self.all.iter().position(|it| it.own().address == to);
                found.into_iter().for_each(|at| self.step(at, event.clone()));
            } else {
                self.ms += 100;
                (0..self.all.len()).for_each(|at| self.step(at, Event::Woken));
            }
        }
    }

    fn versions(&self) -> Vec<Option<u64>> {
        self.all.iter().map(|it| it.statements().next().map(|it| it.version)).collect()
    }
}

fn registry() -> Signer {
    Signer::from_seed(&[1; 32])
}

#[test]
fn agents_find_each_other_and_pass_on_what_registries_say() {
    let mut net = Net::of(vec![machine(1, 7), machine(2, 7), machine(3, 7), machine(4, 8)]);
    net.step(1, said(5, &registry(), "{}"));
    net.run(20_000);
    // The one with another key is nobody.
    assert_eq!(net.versions(), [Some(5), Some(5), Some(5), None]);
    let members: Vec<usize> = net.all.iter().map(|it| it.members().count()).collect();
    assert_eq!(members, [2, 2, 2, 0]);
    assert!(net.all[0].counts().refused[&crate::Refused::Key] > 0);
}

#[test]
fn keys_are_changed_one_agent_after_the_other_without_a_lost_round() {
    let both = |first: u8, second: u8| {
        let line = |byte: u8| format!("k{byte}:{}\n", hex::encode(&[byte; 32]));
        Keys::parse(&(line(first) + &line(second))).unwrap()
    };
    let mut net = Net::of(vec![machine(1, 7), machine(2, 7), machine(3, 7)]);
    net.run(5_000);
    let mut version = 5;
    for keys in [both(7, 8), both(8, 7), keys(8)] {
        for at in 0..3 {
            net.all[at].rekey(keys.clone());
            version += 1;
            net.step(at, said(version, &registry(), "{}"));
            net.run(1_000);
            assert_eq!(net.versions(), [Some(version); 3]);
            for machine in &net.all {
                assert!(machine.counts().refused.is_empty(), "{:?}", machine.counts().refused);
            }
        }
    }
}

#[test]
fn what_was_recorded_spoilt_or_made_without_the_key_changes_nothing() {
    let mut net = Net::of(vec![machine(1, 7), machine(2, 7), machine(3, 7)]);
    net.step(1, said(5, &registry(), "{}"));
    net.run(10_000);
    let Net { mut all, kept, .. } = net;
    assert!(kept.len() > 50);
    let refused = |machine: &Gossip| machine.counts().refused.values().sum::<u64>();
    // One that has seen nothing of it: another life of the second.
    let own = Member::new(([10, 0, 0, 2], 1).into(), Session::begin(99, [9; 10]), "m");
    let settings = machine(2, 7).settings;
    let trust = Trust::parse(&[registry().public_key()]).unwrap();
    all.push(Gossip::new(own, settings, &[Subject::group("g")].into(), trust, 9));
    for (to, packet) in &kept {
        // The first one to a seed is for whoever is there, and asks to be let in; it says nothing else.
        let is_unbound = packet[1] == 2;
        for machine in &mut all {
            let (before, known) = (refused(machine), machine.statements().count());
            machine.step(now(10_000), Event::Packet(packet.clone()), &mut Vec::new());
            assert!(refused(machine) > before || is_unbound, "to {to}: it was taken again");
            assert_eq!(machine.statements().count(), known);
        }
    }
    let mut dice = StdRng::seed_from_u64(1);
    for _ in 0..20_000 {
        let mut packet = kept[dice.random_range(0..kept.len())].1.clone();
        match dice.random_range(0..4) {
            0 => {
                let at = dice.random_range(0..packet.len());
                packet[at] ^= 1 << dice.random_range(0..8);
            }
            1 => packet.truncate(dice.random_range(0..packet.len())),
            2 => packet.extend((0..dice.random_range(1..3000)).map(|it| it as u8)),
            _ => dice.fill(&mut packet[..]),
        }
        for machine in &mut all {
            let (before, known) = (refused(machine), machine.seals.remembered());
            machine.step(now(10_000), Event::Packet(packet.clone()), &mut Vec::new());
            assert_eq!(refused(machine), before + 1);
            assert_eq!(machine.seals.remembered(), known, "what was refused left a trace");
        }
    }
}

#[test]
fn who_has_the_key_of_gossip_and_none_of_a_registry_invents_nothing() {
    let mut net = Net::of(vec![machine(1, 7), machine(2, 7), machine(3, 7)]);
    let evil = Signer::from_seed(&[66; 32]);
    let trust = Trust::parse(&[evil.public_key()]).unwrap();
    net.all[2].shelf = Shelf::new(&[Subject::group("g")].into(), trust);
    net.run(10_000);
    net.step(2, said(9, &evil, "lie"));
    net.run(10_000);
    assert_eq!(net.versions(), [None, None, Some(9)]);
    assert!(net.all[0].counts().forged > 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_text_by_who_has_the_key_breaks_nothing(
        text in prop::collection::vec(any::<u8>(), 0..1200),
        word in 0_usize..4,
        at in 0_usize..200,
        spoilt in any::<bool>(),
    ) {
        crate::fuzz::insider(&text);
        let mut word = crate::fuzz::words().swap_remove(word).1;
        if spoilt {
            let end = word.len();
            word.splice(at.min(end)..end.min(at + 3), text.iter().take(5).copied());
        }
        crate::fuzz::insider(&word);
        crate::fuzz::packet(&word);
    }
}

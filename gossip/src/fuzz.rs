//! What the repository's fuzzer may reach of this crate's inside. No part of the crate's interface; must not be
//! used by anything else.

use crate::machine::{Command, Event, Gossip, Now, Settings};
use crate::member::Member;
use crate::statement::{Statement, Subject};
use crate::wire::{Digest, Envelope, Has, Item, Message, Told, Wanted};
use crate::{Keys, KeysError, Seals, Session, Signer, Trust, wire};

/// A packet's text and a packet, as anybody may send them: nothing is taken, nothing breaks, and what can be
/// read is written alike.
pub fn packet(bytes: &[u8]) {
    if let Ok(envelope) = wire::read(bytes) {
        let written = wire::write(&envelope);
        assert_eq!(wire::read(&written).as_ref(), Ok(&envelope), "read again, it is another");
    }
    let keys = Keys::parse(&format!("k:{}", "07".repeat(32))).expect("a key");
    let mut seals = Seals::new(Session::begin(1, [1; 10]));
    assert!(seals.open(0, &keys, bytes, wire::FRAME_BYTES_MAX).is_err(), "without the key");
    assert_eq!(seals.remembered(), (0, 0), "what was refused left a trace");
}

/// What somebody says who has the key: nothing breaks, no statement is taken, and what is answered is bounded.
pub fn insider(text: &[u8]) {
    let settings = || Settings {
        keys: Keys::parse(&format!("k:{}", "07".repeat(32))).expect("a key"),
        seeds: Vec::new(),
        interval_ms: 1000,
        fanout: 3,
    };
    let own = Session::begin(2, [2; 10]);
    let signer = Signer::from_seed(&[1; 32]);
    let trust = Trust::parse(&[signer.public_key()]).expect("a key");
    let member = Member::new(([10, 0, 0, 2], 4801).into(), own, "own");
    let followed = [Subject::group("web"), Subject::config("web")].into();
    let mut machine = Gossip::new(member, settings(), &followed, trust, 1);
    let mut theirs = Seals::new(Session::begin(1, [1; 10]));
    let mut commands = Vec::new();
    for to in [Some(&own), None] {
        let packet = theirs.seal(&settings().keys, to, text);
        machine.step(Now { ms: 1, unix_ms: 1 }, Event::Packet(packet.clone()), &mut commands);
        machine.step(Now { ms: 1, unix_ms: 1 }, Event::Packet(packet), &mut commands);
    }
    // The timers of what was believed.
    for ms in (0..60_000).step_by(500) {
        machine.step(Now { ms, unix_ms: ms }, Event::Woken, &mut commands);
    }
    assert!(commands.len() < 10_000, "{} commands", commands.len());
    let passed = commands.iter().filter_map(|command| match command {
        Command::Pass(passed) => Some(&passed.statements),
        _ => None,
    });
    // The one that is signed is a seed of the corpus.
    let is_signed = |it: &Statement| (it.version, it.heard_ms, &*it.content) == (7, 99, "{}");
    assert!(passed.flatten().all(is_signed), "an invention was passed on");
}

/// A file of keys.
pub fn keys(text: &str) {
    match Keys::parse(text) {
        Ok(keys) => assert!((1..=crate::KEYS_MAX).contains(&keys.names().count())),
        Err(KeysError::None | KeysError::Line { .. }) => {}
    }
}

/// One of each message, as text of packets.
#[must_use]
pub fn words() -> Vec<(&'static str, Vec<u8>)> {
    let subject = Subject::group("web");
    let signature = Signer::from_seed(&[1; 32]).sign((&subject, "h"), (7, 99), "{}");
    let statement = Statement::new((subject.clone(), "h"), (7, 99), "{}".into(), signature);
    let has = Some(Has { version: 7, heard_ms: 99, large: false });
    let items = vec![Item { key: subject.key(), has }, Item { key: 1, has: None }];
    let digest = Digest { history: "h".to_owned(), heard_ms: 99, answer: true, items };
    let wanted = vec![Wanted { key: 1, known: Some((7, 99)) }, Wanted { key: 2, known: None }];
    let told = vec![Told::of(&statement, true), Told::of(&statement, false)];
    let messages = [
        ("members", Message::Members(members())),
        ("digest", Message::Digest(digest)),
        ("want", Message::Want(wanted)),
        ("told", Message::Told(told)),
    ];
    let from = ([10, 0, 0, 1], 4801).into();
    let text = |message| wire::write(&Envelope { from, message });
    messages.into_iter().map(|(name, message)| (name, text(message))).collect()
}

/// What a member says to the one of [`insider`], with news of others.
fn members() -> Vec<u8> {
    let own = Member::new(([10, 0, 0, 2], 4801).into(), Session::begin(2, [2; 10]), "own");
    let theirs = Member::new(([10, 0, 0, 1], 4801).into(), Session::begin(1, [1; 10]), "host");
    let mut swim = crate::swim::Swim::new(theirs, 1);
    let others = (3..6).map(|at| ([10, 0, 0, at], 4801).into());
    let others = others.map(|at| Member::new(at, Session::begin(3, [3; 10]), "other"));
    swim.meet(0, others.chain([own.clone()]));
    swim.leave(1);
    let (sent, _) = swim.take();
    sent.into_iter().find(|(to, _)| *to == own).map(|(_, data)| data).unwrap_or_default()
}

//! What members of groups are told of what is said to those.

use lathe_catalog::{Acks, Board, MailView};
use serde_json::json;

use super::*;

impl Rig {
    fn watch_as(&mut self, id: u64, member: &str) {
        self.take(Event::Subscribed {
            watcher: WatcherId(id),
            selection: Selection { member: Some(member.to_owned()), ..Selection::default() },
            resume: None,
        });
    }

    fn post(&mut self, board: &Board) {
        self.commit += 1;
        let data = serde_json::to_vec(board).unwrap();
        let nodes = vec![node(paths::board(&board.group), data, self.commit, self.commit)];
        self.take(Event::Committed { commit: self.commit, nodes });
    }

    fn acknowledge(&mut self, incarnation: &str, group: &str, number: u64) {
        self.commit += 1;
        let groups = BTreeMap::from([(group.to_owned(), number)]);
        let acks = Acks { incarnation: incarnation.to_owned(), groups };
        let data = serde_json::to_vec(&acks).unwrap();
        let nodes = vec![node(paths::acks(incarnation), data, self.commit, self.commit)];
        self.take(Event::Committed { commit: self.commit, nodes });
    }

    /// The mail that went to a watcher since it was last looked, each batch taken.
    fn mail(&mut self, id: u64) -> Vec<MailView> {
        let mut mail = Vec::new();
        loop {
            let sent = self.sent();
            if sent.is_empty() {
                return mail;
            }
            for (watcher, batch) in sent {
                let frames = batch.frames.iter().filter(|_| watcher == id);
                let frames = frames.filter(|frame| frame.kind == Kind::Mail);
                mail.extend(frames.map(|frame| serde_json::from_str(&frame.data).unwrap()));
                self.drained(watcher);
            }
        }
    }
}

fn send(board: &mut Board, body: u64, to: &[&str]) {
    board.send((json!(body), None, to.iter().copied().collect()), 1, |_| false).unwrap();
}

fn numbers(mail: &[MailView]) -> Vec<(&str, u64)> {
    let all = mail.iter().flat_map(|view| &view.messages);
    all.map(|message| (message.group.as_str(), message.number)).collect()
}

#[test]
fn a_message_goes_to_its_members_once_over_one_stream_and_again_over_the_next() {
    let mut rig = Rig::new();
    rig.put("a#0.1", State::Ready);
    rig.put("b#0.1", State::Ready);
    rig.watch_as(1, "a#0.1");
    rig.watch_as(2, "b#0.1");
    assert!(rig.mail(1).is_empty());
    let mut web = Board::new("web");
    send(&mut web, 1, &["a#0.1"]);
    rig.post(&web);
    let mail = rig.mail(1);
    assert_eq!(numbers(&mail), [("web", 1)]);
    assert_eq!(
        (mail[0].messages[0].body.clone(), mail[0].incarnation.as_str()),
        (json!(1), "a#0.1")
    );
    send(&mut web, 2, &["a#0.1", "b#0.1"]);
    rig.post(&web);
    let sent = rig.sent();
    let kinds = |id: u64| {
        let batches = sent.iter().filter(|(watcher, _)| *watcher == id);
        batches
            .flat_map(|(_, batch)| batch.frames.iter().map(|frame| frame.kind))
            .collect::<Vec<_>>()
    };
    assert_eq!((kinds(1), kinds(2)), (vec![Kind::Mail], vec![Kind::Mail]));
    rig.drained(1);
    rig.drained(2);
    // Who has acknowledged is told nothing new.
    rig.acknowledge("a#0.1", "web", 1);
    assert!(rig.mail(1).is_empty());
    rig.watch_as(3, "a#0.1");
    assert_eq!(numbers(&rig.mail(3)), [("web", 2)]);
}

#[test]
fn kept_values_go_to_whoever_comes_and_to_whoever_is_there() {
    let mut rig = Rig::new();
    rig.put("a#0.1", State::Ready);
    let mut web = Board::new("web");
    web.keep("level", Some(json!(3))).unwrap();
    rig.post(&web);
    rig.watch_as(1, "a#0.1");
    let level = |mail: &[MailView]| {
        mail.iter().map(|view| view.metadata.get("web").cloned()).collect::<Vec<_>>()
    };
    let kept = |value: u64| Some(BTreeMap::from([("level".to_owned(), json!(value))]));
    assert_eq!(level(&rig.mail(1)), [kept(3)]);
    web.keep("level", Some(json!(4))).unwrap();
    rig.post(&web);
    assert_eq!(level(&rig.mail(1)), [kept(4)]);
    web.keep("level", None).unwrap();
    rig.post(&web);
    assert_eq!(level(&rig.mail(1)), [None]);
    // One that was not known when it came is told once it is.
    rig.watch_as(2, "a#1.1");
    web.keep("level", Some(json!(5))).unwrap();
    rig.post(&web);
    assert!(rig.mail(2).is_empty());
    rig.put("a#1.1", State::Starting);
    assert_eq!(level(&rig.mail(2)), [kept(5)]);
}

#[test]
fn many_messages_come_in_order_a_few_at_a_time() {
    let mut rig = Rig::new();
    rig.put("a#0.1", State::Ready);
    let (mut web, mut own) = (Board::new("web"), Board::new("a"));
    for number in 1..=40 {
        send(&mut web, number, &["a#0.1"]);
        send(&mut own, number, &["a#0.1"]);
    }
    rig.post(&web);
    rig.post(&own);
    rig.watch_as(1, "a#0.1");
    let mail = rig.mail(1);
    assert!(mail.iter().all(|view| (1..=16).contains(&view.messages.len())));
    let expected = ["a", "web"].into_iter().flat_map(|group| (1..=40).map(move |n| (group, n)));
    assert_eq!(numbers(&mail), expected.collect::<Vec<_>>());
}

#[test]
fn a_reader_waits_for_what_is_said_for_who_has_it_and_for_who_is_gone() {
    let mut rig = Rig::new();
    rig.put("a#0.1", State::Ready);
    rig.put("b#0.1", State::Ready);
    let mut web = Board::new("web");
    for happens in 0..3 {
        let seen =
            Resume { history: "h".to_owned(), commit: rig.machine.catalog().said_version("web") };
        let wish = Wish::Board("web".to_owned());
        rig.take(Event::Awaited { watcher: WatcherId(9), wish, seen });
        let released = |rig: &mut Rig| {
            std::mem::take(&mut rig.commands).contains(&Command::Release { watcher: WatcherId(9) })
        };
        assert!(!released(&mut rig));
        match happens {
            0 => {
                send(&mut web, 1, &["a#0.1", "b#0.1"]);
                rig.post(&web);
            }
            1 => rig.acknowledge("a#0.1", "web", 1),
            _ => {
                rig.commit += 1;
                let gone = Node { path: paths::entry("b#0.1"), content: None };
                rig.take(Event::Committed { commit: rig.commit, nodes: vec![gone] });
            }
        }
        assert!(released(&mut rig), "{happens}");
    }
}

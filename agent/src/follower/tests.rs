//! The machine step by step, and before registries that lie, lag and go.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn selection() -> Selection {
    Selection { groups: ["g".to_owned()].into(), configs: std::collections::BTreeSet::new() }
}

fn group(history: &str, version: u64) -> News {
    let view = json!({ "group": "g", "history": history, "version": version, "entries": [] });
    News::Group(serde_json::from_value(view).unwrap())
}

fn point(history: &str, commit: u64) -> Point {
    Point { history: history.to_owned(), commit }
}

struct Rig {
    now: u64,
    follower: Follower,
    said: Vec<Command>,
    wake_at: Option<u64>,
}

impl Rig {
    fn new(registries: &[&str]) -> Self {
        Self::with(registries, Kept::default(), 0)
    }

    fn with(registries: &[&str], kept: Kept, age_ms: u64) -> Self {
        let urls: Vec<String> = registries.iter().map(|url| (*url).to_owned()).collect();
        let follower = Follower::new((Limits::default(), selection()), &urls, kept, age_ms, 1);
        let mut rig = Self { now: 1, follower, said: Vec::new(), wake_at: None };
        let mut commands = Vec::new();
        rig.follower.start(rig.now, &mut commands);
        rig.hear(commands);
        rig
    }

    fn hear(&mut self, commands: Vec<Command>) {
        for command in commands {
            match command {
                Command::WakeAt { ms } => self.wake_at = Some(ms),
                Command::Save(_) => {
                    self.said.push(command);
                    self.step(Event::Saved);
                }
                command => self.said.push(command),
            }
        }
    }

    fn step(&mut self, event: Event) {
        let mut commands = Vec::new();
        self.follower.step(self.now, event, &mut commands);
        self.hear(commands);
    }

    fn pass(&mut self, ms: u64) {
        let until = self.now + ms;
        while let Some(at) = self.wake_at.filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.wake_at = None;
            self.step(Event::Woken);
        }
        self.now = until;
    }

    fn news(&mut self, history: &str, version: u64, commit: u64) {
        self.step(Event::Told(Told::News(group(history, version), point(history, commit))));
    }

    fn synced(&mut self, history: &str, commit: u64) {
        self.step(Event::Told(Told::Synced(point(history, commit))));
    }

    fn broken(&mut self) {
        self.step(Event::Broken { problem: "cut".to_owned() });
    }

    fn take(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.said)
    }

    fn opened(&self) -> Vec<(String, Option<Point>)> {
        let opened = self.said.iter().filter_map(|command| match command {
            Command::Open { registry, resume } => Some((registry.clone(), resume.clone())),
            _ => None,
        });
        opened.collect()
    }

    fn shown(&self) -> Vec<u64> {
        let shown = self.said.iter().filter_map(|command| match command {
            Command::Show(copy) => Some(copy.version()),
            _ => None,
        });
        shown.collect()
    }

    /// Follows its registry at version 5.
    fn following(registries: &[&str]) -> Self {
        let mut rig = Self::new(registries);
        rig.news("one", 5, 0);
        rig.synced("one", 9);
        rig
    }
}

#[test]
fn the_first_state_is_shown_when_it_is_complete_and_then_it_is_fresh() {
    let mut rig = Rig::new(&["a"]);
    assert_eq!(rig.opened(), [("a".to_owned(), None)]);
    rig.news("one", 5, 0);
    rig.pass(1000);
    assert_eq!(rig.shown(), Vec::<u64>::new());
    assert!(rig.follower.is_lost());
    rig.take();
    rig.synced("one", 9);
    let said = rig.take();
    let show = said.iter().position(|it| matches!(it, Command::Show(_))).unwrap();
    let fresh = said.iter().position(|it| *it == Command::Fresh).unwrap();
    assert!(show < fresh, "hooks see the state before they hear that it is fresh");
    assert_eq!(rig.follower.followed(), Some("a"));
    rig.pass(100_000);
    assert_eq!(rig.follower.age_ms(rig.now), 0);
}

#[test]
fn what_changes_is_shown_at_once_when_it_is_whole() {
    let mut rig = Rig::following(&["a"]);
    rig.take();
    // Another group of the same commit is to come.
    rig.news("one", 11, 9);
    assert_eq!(rig.shown(), Vec::<u64>::new());
    rig.news("one", 12, 12);
    assert_eq!(rig.shown(), [12]);
    // A registry that is behind gives no new point.
    rig.news("one", 13, 12);
    rig.pass(TOGETHER_MS);
    assert_eq!(rig.shown(), [12, 13]);
}

#[test]
fn a_broken_stream_is_taken_up_at_the_next_registry_where_it_was() {
    let mut rig = Rig::following(&["a", "b", "c"]);
    let first = rig.follower.followed().unwrap().to_owned();
    rig.news("one", 11, 11);
    rig.take();
    rig.broken();
    assert!(rig.said.iter().any(|it| matches!(it, Command::Report(Report::Broken { .. }))));
    rig.pass(200);
    let (second, resume) = rig.opened().remove(0);
    assert_ne!(second, first);
    assert_eq!(resume, Some(point("one", 11)));
    // It is refused there: the next one is asked for everything.
    rig.take();
    rig.broken();
    rig.pass(1000);
    assert_eq!(rig.opened()[0].1, None);
    assert!(!rig.follower.is_lost(), "a reconnect is no loss");
}

#[test]
fn tries_come_ever_later_and_the_loss_is_told_once_with_its_age() {
    let mut rig = Rig::following(&["a", "b"]);
    rig.take();
    rig.broken();
    let mut tries = Vec::new();
    while tries.len() < 40 {
        rig.pass(10);
        if !rig.opened().is_empty() {
            tries.push(rig.now);
            rig.said.retain(|it| !matches!(it, Command::Open { .. }));
            rig.broken();
        }
    }
    let pauses: Vec<u64> = tries.windows(2).map(|two| two[1] - two[0]).collect();
    assert!(pauses.iter().all(|pause| *pause <= 10_020), "{pauses:?}");
    assert!(pauses.iter().any(|pause| *pause > 2000), "{pauses:?}");
    let lost: Vec<_> = rig.said.iter().filter(|it| matches!(it, Command::Lost { .. })).collect();
    assert!(matches!(lost[..], [Command::Lost { age_ms: 5000.. }]), "{lost:?}");
    assert!(rig.follower.age_ms(rig.now) >= 5000);
    rig.synced("one", 9);
    assert!(rig.said.contains(&Command::Fresh));
}

#[test]
fn older_state_of_the_same_history_is_an_alarm_and_no_data() {
    let mut rig = Rig::following(&["a"]);
    rig.take();
    rig.news("one", 3, 13);
    rig.pass(1000);
    assert_eq!(rig.follower.copy().version(), 5);
    let alarm = Alarm { name: "g".to_owned(), known: 5, told: 3 };
    assert!(rig.said.contains(&Command::Report(Report::Older(alarm))));
    assert_eq!(rig.shown(), Vec::<u64>::new());
}

#[test]
fn another_history_is_taken_whole() {
    let mut rig = Rig::following(&["a"]);
    rig.take();
    rig.news("two", 2, 0);
    assert_eq!(rig.follower.copy().history(), "one");
    rig.synced("two", 4);
    assert_eq!((rig.follower.copy().history(), rig.follower.copy().version()), ("two", 2));
    assert_eq!(rig.shown(), [2]);
    assert!(rig.said.iter().any(|it| matches!(it, Command::Report(Report::AnotherHistory { .. }))));
    // It breaks off before it is complete: what was known stays.
    let mut rig = Rig::following(&["a"]);
    rig.news("two", 2, 0);
    rig.broken();
    rig.pass(60_000);
    assert_eq!((rig.follower.copy().history(), rig.follower.copy().version()), ("one", 5));
}

#[test]
fn registries_are_asked_within_the_bound_and_what_they_know_better_is_taken() {
    let mut rig = Rig::following(&["a", "b"]);
    rig.take();
    rig.pass(45_000);
    let asked = rig.said.iter().find_map(|command| match command {
        Command::Poll { registry, history, wishes } => {
            Some((registry.clone(), history.clone(), wishes.clone()))
        }
        _ => None,
    });
    let (registry, history, wishes) = asked.expect("it was asked");
    assert_ne!(Some(registry.as_str()), rig.follower.followed(), "not the one that is followed");
    assert_eq!((history.as_str(), wishes), ("one", vec![(Wish::Group("g".to_owned()), Some(5))]));
    // The stream hangs; nobody would know without asking.
    rig.take();
    rig.step(Event::Polled { news: Some(group("one", 8)), age_ms: 0 });
    rig.step(Event::PollEnded { problem: None });
    rig.pass(TOGETHER_MS);
    assert_eq!(rig.shown(), [8]);
    // A part of another history is no data, but the stream is opened anew.
    rig.pass(45_000);
    rig.step(Event::Polled { news: Some(group("two", 1)), age_ms: 0 });
    assert!(rig.said.contains(&Command::Close));
    assert_eq!(rig.follower.copy().history(), "one");
}

#[test]
fn asking_keeps_the_state_fresh_where_no_stream_comes() {
    let mut rig = Rig::following(&["a", "b"]);
    rig.broken();
    for _ in 0..20 {
        rig.pass(5000);
        rig.broken();
        rig.step(Event::Polled { news: None, age_ms: 0 });
        rig.step(Event::PollEnded { problem: None });
    }
    assert!(rig.follower.age_ms(rig.now) <= 45_000);
    rig.take();
    // A registry that hears no store says so.
    rig.pass(45_000);
    rig.step(Event::Polled { news: None, age_ms: 70_000 });
    rig.step(Event::PollEnded { problem: None });
    assert!(rig.follower.age_ms(rig.now) >= 70_000);
}

#[test]
fn a_copy_of_before_is_shown_with_its_age_and_taken_up() {
    let mut copy = Copy::of("one");
    copy.take(group("one", 5), &selection());
    let kept = Kept {
        copy,
        resume: Some(point("one", 9)),
        registries: vec!["told".to_owned(), "a".to_owned()],
    };
    let rig = Rig::with(&["a"], kept, 70_000);
    assert_eq!(rig.said[0], Command::Lost { age_ms: 70_001 });
    assert_eq!(rig.shown(), [5]);
    assert_eq!(rig.opened()[0].1, Some(point("one", 9)));
    assert_eq!(rig.follower.registries(), ["a", "told"]);
}

#[test]
fn a_copy_that_lacks_something_is_not_taken_up_where_it_was() {
    let kept =
        Kept { copy: Copy::of("one"), resume: Some(point("one", 9)), registries: Vec::new() };
    let rig = Rig::with(&["a"], kept, 0);
    assert_eq!(rig.opened(), [("a".to_owned(), None)]);
}

#[test]
fn registries_that_are_told_of_are_followed_and_those_of_the_configuration_never_forgotten() {
    let mut rig = Rig::following(&["a"]);
    rig.step(Event::Told(Told::Registries(vec!["b".to_owned(), "c".to_owned()])));
    assert_eq!(rig.follower.registries(), ["a", "b", "c"]);
    assert_eq!(rig.follower.followed(), Some("a"));
    rig.broken();
    rig.pass(200);
    rig.synced("one", 9);
    assert_eq!(rig.follower.followed(), Some("b"));
    rig.step(Event::Told(Told::Registries(Vec::new())));
    assert_eq!(rig.follower.followed(), Some("b"), "it is still followed");
    let many: Vec<String> = (0..1000).map(|at| format!("r{at}")).collect();
    rig.step(Event::Told(Told::Registries(many)));
    assert_eq!(rig.follower.registries().len(), REGISTRIES_MAX);
}

#[test]
fn the_copy_is_put_on_disk_at_most_once_a_second() {
    let mut rig = Rig::following(&["a"]);
    rig.take();
    for version in 10..60 {
        rig.news("one", version, version);
        rig.pass(100);
    }
    rig.pass(2000);
    let saved: Vec<_> = rig.said.iter().filter(|it| matches!(it, Command::Save(_))).collect();
    assert!((4..=6).contains(&saved.len()), "{}", saved.len());
    assert!(matches!(saved.last(), Some(Command::Save(kept)) if kept.copy.version() == 59));
}

#[derive(Clone, Debug)]
enum Act {
    News(bool, u64),
    Synced(bool, u64),
    Broken,
    Polled(Option<(bool, u64)>),
    PollEnded(bool),
    Pass(u64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (any::<bool>(), 1..30_u64).prop_map(|(other, version)| Act::News(other, version)),
        3 => (any::<bool>(), 1..30_u64).prop_map(|(other, commit)| Act::Synced(other, commit)),
        2 => Just(Act::Broken),
        2 => prop::option::of((any::<bool>(), 1..30_u64)).prop_map(Act::Polled),
        1 => any::<bool>().prop_map(Act::PollEnded),
        3 => (0..40_000_u64).prop_map(Act::Pass),
    ]
}

proptest! {
    #[test]
    fn within_a_history_nothing_that_is_shown_goes_back(acts in prop::collection::vec(act(), 1..80)) {
        let mut rig = Rig::new(&["a", "b"]);
        let history = |other| if other { "two" } else { "one" };
        for act in acts {
            match act {
                Act::News(other, version) => rig.news(history(other), version, version),
                Act::Synced(other, commit) => rig.synced(history(other), commit),
                Act::Broken => rig.broken(),
                Act::Polled(news) => {
                    let news = news.map(|(other, version)| group(history(other), version));
                    rig.step(Event::Polled { news, age_ms: 0 });
                }
                Act::PollEnded(well) => {
                    let problem = (!well).then(|| "no".to_owned());
                    rig.step(Event::PollEnded { problem });
                }
                Act::Pass(ms) => rig.pass(ms),
            }
        }
        let mut last: Option<(String, u64)> = None;
        for command in &rig.said {
            let Command::Show(copy) = command else { continue };
            if let Some((history, version)) = &last {
                prop_assert!(copy.history() != history || copy.version() >= *version);
            }
            last = Some((copy.history().to_owned(), copy.version()));
        }
        // Whatever was said, a registry that tells everything is believed again.
        rig.pass(60_000);
        rig.news("three", 1, 1);
        rig.synced("three", 1);
        rig.pass(1000);
        prop_assert_eq!(rig.follower.copy().history(), "three");
        prop_assert!(!rig.follower.is_lost());
    }
}

impl Rig {
    fn passed(&mut self, whole: bool, news: Vec<News>, age_ms: Option<u64>) {
        self.step(Event::Passed { whole, news, age_ms });
    }

    fn alarms(&self) -> usize {
        let is_alarm = |said: &&Command| {
            matches!(said, Command::Report(Report::Older(_) | Report::Contradiction(_)))
        };
        self.said.iter().filter(is_alarm).count()
    }

    fn version(&self) -> (String, u64) {
        (self.follower.copy().history().to_owned(), self.follower.copy().version())
    }
}

#[test]
fn without_registries_what_others_pass_on_is_all_and_has_its_age() {
    let mut rig = Rig::new(&[]);
    rig.pass(100_000);
    assert!(rig.follower.is_lost() && rig.follower.followed().is_none());
    assert!(!rig.said.iter().any(|it| matches!(it, Command::Open { .. } | Command::Poll { .. })));
    rig.passed(false, vec![group("one", 5)], Some(400));
    rig.pass(100);
    assert_eq!(rig.version(), ("one".to_owned(), 5));
    assert!(!rig.follower.is_lost());
    assert_eq!(rig.follower.age_ms(rig.now), 500);
    // An older hearing changes nothing, and none at all makes it lost in time.
    rig.passed(false, Vec::new(), Some(9000));
    assert_eq!(rig.follower.age_ms(rig.now), 500);
    rig.pass(Limits::default().lost_after_ms);
    assert!(rig.follower.is_lost());
    rig.passed(false, Vec::new(), Some(0));
    assert!(!rig.follower.is_lost());
}

#[test]
fn others_may_be_faster_than_the_registry_and_that_is_no_alarm() {
    let mut rig = Rig::new(&["http://a"]);
    rig.news("one", 5, 5);
    rig.synced("one", 5);
    rig.passed(false, vec![group("one", 8)], None);
    rig.news("one", 7, 7);
    assert_eq!((rig.version().1, rig.alarms()), (8, 0));
    rig.passed(false, vec![group("one", 6)], None);
    rig.news("one", 8, 8);
    rig.news("one", 9, 9);
    assert_eq!((rig.version().1, rig.alarms()), (9, 0));
    // From there on the registry has to know it.
    rig.news("one", 8, 8);
    assert_eq!(rig.alarms(), 1);
}

#[test]
fn another_history_of_others_is_taken_whole_and_the_one_of_before_never_comes_back() {
    let mut rig = Rig::new(&["http://a"]);
    rig.news("one", 5, 5);
    rig.synced("one", 5);
    rig.passed(false, vec![group("two", 1)], None);
    assert_eq!(rig.version().0, "one", "a part says nothing");
    rig.passed(true, vec![group("two", 1)], Some(0));
    assert_eq!(rig.version(), ("two".to_owned(), 1));
    assert!(rig.said.contains(&Command::Close), "it is told of something older");
    rig.pass(60_000);
    rig.news("one", 6, 6);
    rig.synced("one", 6);
    assert_eq!(rig.version().0, "two");
    rig.pass(60_000);
    rig.news("two", 2, 2);
    rig.synced("two", 2);
    assert_eq!(rig.version(), ("two".to_owned(), 2));
}

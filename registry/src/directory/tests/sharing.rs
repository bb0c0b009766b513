//! Tests of several registries: whose beats go where, and who judges when one cannot be reached.

use lathe_catalog::Passed;

use super::*;

const OTHER: &str = "http://b";
const THIRD: &str = "http://c";

impl Rig {
    /// Listed beside others, all met just now.
    fn beside(others: &[&str]) -> Self {
        let mut rig = Self::new();
        let mut all = others.to_vec();
        all.push(OWN);
        rig.registries(&all);
        others.iter().for_each(|other| rig.met(other));
        rig.commands.clear();
        rig
    }

    fn met(&mut self, other: &str) {
        let view = self.machine.view().map(str::to_owned);
        self.take(Event::PassedOn { to: other.to_owned(), view });
    }

    /// A life in the catalog that this registry judges, or that another one does.
    fn one_of(&mut self, own: bool) -> String {
        let mut names = (0..).map(|slot| format!("a#{slot}.1"));
        let name = names.find(|name| self.machine.owns(name) == own).unwrap();
        self.put(&name, State::Ready);
        name
    }

    /// Time passes, and the others answer as long as they are named here.
    fn until_with(&mut self, ms: u64, others: &[&str]) {
        while self.ms < ms {
            self.until((self.ms + 250).min(ms));
            others.iter().for_each(|other| self.met(other));
        }
    }

    fn passed(&mut self) -> Vec<(String, Option<String>, Vec<Passed>)> {
        let commands = std::mem::take(&mut self.commands).into_iter();
        commands
            .filter_map(|command| match command {
                Command::PassOn { to, view, beats } => Some((to, view, beats)),
                _ => None,
            })
            .collect()
    }

    fn not_passed_on(&mut self, to: &str, gone: bool, beats: Vec<Passed>) {
        self.take(Event::NotPassedOn { to: to.to_owned(), gone, beats });
    }
}

fn ready(incarnation: &str, hops: u8) -> Passed {
    let beat = Beat { state: State::Ready, failing: None };
    Passed { incarnation: incarnation.to_owned(), beat, hops, closed: false }
}

fn closed(incarnation: &str, hops: u8) -> Passed {
    Passed { closed: true, ..ready(incarnation, hops) }
}

fn here(beats: Vec<Passed>, view: Option<&str>) -> Event {
    Event::PassedHere { from: OTHER.to_owned(), view: view.map(str::to_owned), beats }
}

#[test]
fn a_beat_of_anothers_goes_to_its_owner_and_its_silence_is_not_judged_here() {
    let mut rig = Rig::beside(&[OTHER]);
    let name = rig.one_of(false);
    rig.commands.clear();
    rig.beat(&name);
    rig.beat(&name);
    assert_eq!(rig.passed(), [], "it waits for others that go the same way");
    rig.until(250);
    let view = rig.machine.view().map(str::to_owned);
    assert!(view.is_some());
    assert_eq!(rig.passed(), [(OTHER.to_owned(), view, vec![ready(&name, 1)])]);
    rig.beat(&name);
    rig.until(2_000);
    assert_eq!(rig.passed(), [], "one batch is under way at a time");
    rig.met(OTHER);
    assert_eq!(rig.passed().len(), 1);
    rig.until_with(60_000, &[OTHER]);
    assert_eq!(rig.writes(), Vec::<Vec<Set>>::new());
}

#[test]
fn a_closed_connection_is_passed_on_behind_its_beat_and_a_later_beat_takes_it_back() {
    let mut rig = Rig::beside(&[OTHER]);
    let name = rig.one_of(false);
    rig.commands.clear();
    rig.beat(&name);
    rig.take(Event::Closed { incarnation: name.clone() });
    rig.until(250);
    let (_, _, beats) = rig.passed().pop().unwrap();
    assert_eq!(beats, [ready(&name, 1), closed(&name, 1)]);
    rig.met(OTHER);
    rig.take(Event::Closed { incarnation: name.clone() });
    rig.beat(&name);
    rig.until(1_000);
    let beats: Vec<Passed> = rig.passed().into_iter().flat_map(|(_, _, beats)| beats).collect();
    assert_eq!(beats, [ready(&name, 1)]);
}

#[test]
fn whose_connection_is_closed_is_suspect_sooner_at_its_owner_and_nobody_stands_in_for_that() {
    let mut rig = Rig::beside(&[OTHER]);
    let (own, others) = (rig.one_of(true), rig.one_of(false));
    let view = rig.machine.view().map(str::to_owned);
    rig.take(here(vec![ready(&own, 1), closed(&own, 1)], view.as_deref()));
    rig.until_with(1_250, &[OTHER]);
    assert_eq!(rig.writes(), Vec::<Vec<Set>>::new());
    rig.until_with(2_000, &[OTHER]);
    let writes = rig.writes();
    let entry: Entry = serde_json::from_slice(&writes[0][0].data).unwrap();
    assert_eq!((&entry.incarnation, entry.state), (&own, State::Suspect));
    assert!(entry.reason.as_deref().is_some_and(|it| it.ends_with("its connection is closed")));

    let mut rig = Rig::beside(&[OTHER]);
    rig.put(&others, State::Suspect);
    rig.take(Event::Closed { incarnation: others });
    rig.until(250);
    let (to, _, beats) = rig.passed().pop().unwrap();
    rig.not_passed_on(&to, false, beats);
    assert_eq!(rig.writes(), Vec::<Vec<Set>>::new());
}

#[test]
fn registries_meet_each_beat_and_at_once_when_there_is_news() {
    let mut rig = Rig::new();
    rig.commands.clear();
    rig.registries(&[OWN, OTHER]);
    let first = rig.passed();
    assert_eq!((first.len(), &first[0].2), (1, &vec![]));
    rig.met(OTHER);
    rig.until(750);
    assert_eq!(rig.passed(), []);
    rig.until(1_000);
    assert_eq!(rig.passed().len(), 1);
    rig.met(OTHER);
    // It cannot judge any more, and says so.
    rig.take(Event::StoreLost);
    assert_eq!(rig.passed(), [(OTHER.to_owned(), None, vec![])]);
}

#[test]
fn when_nobody_listens_at_the_owner_its_share_moves_at_once() {
    let mut rig = Rig::beside(&[OTHER]);
    let name = rig.one_of(false);
    rig.beat(&name);
    rig.until(250);
    let (to, _, beats) = rig.passed().pop().unwrap();
    rig.not_passed_on(&to, true, beats);
    assert!(rig.machine.owns(&name));
    rig.commands.clear();
    rig.beat(&name);
    rig.until(3_000);
    assert_eq!(rig.writes(), Vec::<Vec<Set>>::new());
    rig.until(3_250);
    assert_eq!(rig.writes().len(), 1);
    rig.met(OTHER);
    assert!(!rig.machine.owns(&name));
}

#[test]
fn one_that_does_not_answer_is_stood_in_for_by_what_is_said_alone() {
    let mut rig = Rig::beside(&[OTHER]);
    let name = rig.one_of(false);
    rig.put(&name, State::Suspect);
    rig.commands.clear();
    rig.beat(&name);
    let (to, _, beats) = rig.passed().pop().expect("a suspect that is heard is passed on at once");
    rig.not_passed_on(&to, false, beats);
    let writes = rig.writes();
    let back: Entry = serde_json::from_slice(&writes[0][0].data).unwrap();
    assert_eq!(back.state, State::Ready);
    rig.store_takes(&writes[0]);
    rig.commands.clear();
    rig.until(60_000);
    assert_eq!(rig.writes(), Vec::<Vec<Set>>::new());
}

#[test]
fn one_that_hears_and_is_not_heard_is_sent_what_it_may_hear() {
    let mut rig = Rig::beside(&[OTHER]);
    let name = rig.one_of(false);
    rig.until(1_000);
    rig.not_passed_on(OTHER, false, vec![]);
    rig.commands.clear();
    rig.beat(&name);
    rig.until(2_000);
    rig.not_passed_on(OTHER, false, vec![]);
    let passed = rig.passed();
    assert!(passed.iter().any(|(_, _, beats)| *beats == [ready(&name, 1)]), "{passed:?}");
    // Once: the next one is the next beat's.
    rig.not_passed_on(OTHER, false, vec![ready(&name, 1)]);
    rig.until(5_000);
    assert!(rig.passed().iter().all(|(_, _, beats)| beats.is_empty()));
}

#[test]
fn what_the_owner_does_not_answer_to_goes_by_way_of_another() {
    let mut rig = Rig::beside(&[OTHER, THIRD]);
    let name = rig.one_of(false);
    rig.beat(&name);
    rig.until(250);
    let passed = rig.passed();
    let (owner, _, beats) = passed.iter().find(|(_, _, beats)| !beats.is_empty()).unwrap();
    rig.not_passed_on(owner, false, beats.clone());
    let others = [OTHER, THIRD];
    let other = others.iter().find(|url| *url != owner).unwrap();
    rig.met(other);
    let view = rig.machine.view().map(str::to_owned);
    assert_eq!(rig.passed(), [((*other).to_owned(), view, vec![ready(&name, 1)])]);
}

#[test]
fn what_has_come_a_long_way_is_not_passed_on_again() {
    let mut rig = Rig::beside(&[OTHER]);
    let name = rig.one_of(false);
    rig.until(250);
    rig.met(OTHER);
    rig.commands.clear();
    rig.take(here(vec![ready(&name, 2)], None));
    rig.until_with(3_000, &[OTHER]);
    assert!(rig.passed().iter().all(|(_, _, beats)| beats.is_empty()));
}

#[test]
fn who_is_passed_on_here_lives_and_is_suspect_when_that_ends() {
    let mut rig = Rig::beside(&[OTHER]);
    let name = rig.one_of(true);
    let view = rig.machine.view().map(str::to_owned);
    for second in 1..=20 {
        rig.until_with(second * 1_000, &[OTHER]);
        rig.take(here(vec![ready(&name, 1)], view.as_deref()));
        assert_eq!(rig.writes(), Vec::<Vec<Set>>::new());
    }
    rig.until_with(22_750, &[OTHER]);
    assert_eq!(rig.writes(), Vec::<Vec<Set>>::new());
    rig.until_with(23_000, &[OTHER]);
    assert_eq!(rig.writes().len(), 1);
}

#[test]
fn while_another_cannot_be_reached_silence_does_not_count_but_not_for_ever() {
    let mut rig = Rig::beside(&[OTHER]);
    let name = rig.one_of(true);
    rig.beat(&name);
    rig.commands.clear();
    rig.until(9_750);
    assert_eq!(rig.writes(), Vec::<Vec<Set>>::new(), "it may beat to the other one");
    // Not met for ten seconds, it is not waited for any more; then the usual time goes on.
    rig.until(11_750);
    assert_eq!(rig.writes().len(), 1);
}

#[test]
fn another_that_knows_other_registries_is_waited_for() {
    let mut rig = Rig::beside(&[OTHER]);
    let name = rig.one_of(true);
    rig.beat(&name);
    rig.commands.clear();
    for second in 1..=30 {
        rig.until(second * 1_000);
        rig.take(here(vec![], Some("others")));
    }
    assert_eq!(rig.writes(), Vec::<Vec<Set>>::new());
    // A second of its silence was counted before.
    rig.until_with(32_000, &[OTHER]);
    assert_eq!(rig.writes(), Vec::<Vec<Set>>::new());
    rig.until_with(32_500, &[OTHER]);
    assert_eq!(rig.writes().len(), 1);
}

#[test]
fn one_that_can_neither_judge_nor_pass_on_takes_no_beats() {
    let mut rig = Rig::new();
    assert!(rig.machine.takes("a#0.1"));
    rig.take(Event::StoreLost);
    assert!(!rig.machine.takes("a#0.1"), "it had better beat elsewhere");
    rig.registries(&[OWN, OTHER]);
    assert!(rig.machine.takes("a#0.1"));
    rig.not_passed_on(OTHER, false, vec![]);
    assert!(!rig.machine.takes("a#0.1"));
    rig.take(Event::StoreFound);
    assert!(rig.machine.takes("a#0.1"));
}

#[test]
fn a_registry_that_has_just_come_is_ready_when_it_has_heard_whom_it_judges() {
    let mut rig = Rig::new();
    assert!(rig.machine.is_ready(0), "there is nobody");
    let listed = |listens: bool| {
        let mut machine = Directory::new(OWN, Limits::default());
        let nodes = written(1, "a#0.1", State::Ready);
        let event = Event::Listed { history: "h".to_owned(), commit: 1, nodes };
        machine.step(at(0), event, &mut Vec::new());
        if listens {
            let urls = vec![OWN.to_owned()];
            machine.step(at(0), Event::RegistriesListed { urls }, &mut Vec::new());
        }
        machine
    };
    assert!(!listed(false).is_ready(60_000), "it is not listed");
    let silent = listed(true);
    assert!(!silent.is_ready(2_999));
    assert!(silent.is_ready(3_000), "it has listened for as long as anybody may be silent");
    rig.machine = listed(true);
    rig.beat("a#0.1");
    assert!(rig.machine.is_ready(0));
}

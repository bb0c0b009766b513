//! Tests of what heartbeats and their absence make the machine write.

use super::*;

#[test]
fn silence_is_written_and_shows_only_when_the_store_says_it() {
    let mut rig = Rig::new();
    rig.put("a#0.1", State::Ready);
    rig.beat("a#0.1");
    rig.commands.clear();
    rig.until(3000);
    let writes = rig.writes();
    assert_eq!(writes.len(), 1);
    let paths: Vec<&str> = writes[0].iter().map(|set| set.path.as_str()).collect();
    assert_eq!(paths, ["/lathe/catalog/entries/a#0.1", "/lathe/catalog/tasks/a"]);
    assert_eq!(rig.machine.catalog().entry("a#0.1").unwrap().state, State::Ready);
    // One write at a time: nothing more until this one is done and shown.
    rig.until(5000);
    assert_eq!(rig.writes(), Vec::<Vec<Set>>::new());
    rig.store_takes(&writes[0]);
    let shown = rig.machine.catalog().entry("a#0.1").unwrap();
    assert_eq!(shown.state, State::Suspect);
    assert_eq!(shown.reason.as_deref(), Some("no heartbeat for 3000 ms"));
    assert_eq!(rig.machine.catalog().task("a").unwrap().touched, 2);
}

#[test]
fn a_beat_of_a_suspect_is_written_at_once() {
    let mut rig = Rig::new();
    rig.put("a#0.1", State::Ready);
    rig.beat("a#0.1");
    rig.until(3000);
    let writes = rig.writes();
    rig.store_takes(&writes[0]);
    rig.commands.clear();
    rig.beat("a#0.1");
    let writes = rig.writes();
    let back: Entry = serde_json::from_slice(&writes[0][0].data).unwrap();
    assert_eq!((back.state, back.reason), (State::Ready, None));
}

#[test]
fn a_suspect_of_which_the_store_told_a_sum_comes_back_as_it_says() {
    for (told, state) in [(2, State::Starting), (3, State::Ready)] {
        let mut rig = Rig::new();
        rig.put("a#0.1", State::Starting);
        // Another registry has written the suspicion; at version 3 something was between.
        rig.commit = told;
        let nodes = written(told, "a#0.1", State::Suspect);
        rig.take(Event::Committed { commit: told, nodes });
        rig.commands.clear();
        rig.beat("a#0.1");
        let writes = rig.writes();
        let back: Entry = serde_json::from_slice(&writes[0][0].data).unwrap();
        assert_eq!(back.state, state, "told at version {told}");
    }
}

#[test]
fn a_write_that_failed_is_looked_at_again_with_the_newest_versions() {
    let mut rig = Rig::new();
    rig.put("a#0.1", State::Starting);
    rig.beat("a#0.1");
    rig.until(3000);
    assert_eq!(rig.writes()[0][0].expect, 1);
    rig.put("a#0.1", State::Ready);
    rig.take(Event::Written { outcome: Outcome::Failed });
    rig.until(3250);
    assert_eq!(rig.writes()[0][0].expect, 2);
}

#[test]
fn nothing_is_written_while_the_store_is_not_heard() {
    let mut rig = Rig::new();
    rig.put("a#0.1", State::Ready);
    rig.beat("a#0.1");
    rig.take(Event::StoreLost);
    rig.until(9000);
    assert_eq!(rig.writes(), Vec::<Vec<Set>>::new());
    assert_eq!(rig.machine.age_ms(9000), 9000);
    assert!(!rig.machine.is_ready(9000));
    rig.take(Event::StoreFound);
    rig.until(9250);
    assert_eq!((rig.writes().len(), rig.machine.age_ms(9250)), (0, 0));
    assert!(!rig.machine.is_listening(9250));
    // What it said meanwhile may have gone to another registry: it is expected here anew.
    rig.until(18_750);
    assert_eq!(rig.writes(), Vec::<Vec<Set>>::new());
    rig.until(19_000);
    assert_eq!(rig.writes().len(), 1);
}

#[test]
fn mass_silence_is_reported_and_not_written() {
    let mut rig = Rig::new();
    for slot in 0..6 {
        rig.put(&format!("a#{slot}.1"), State::Ready);
        rig.beat(&format!("a#{slot}.1"));
    }
    rig.commands.clear();
    rig.until(4000);
    let held = Command::Report(Report::BrakeHolds { would: 6, of: 6 });
    assert_eq!(rig.commands.iter().filter(|command| **command == held).count(), 1);
    assert!(rig.machine.counts().brake);
    assert_eq!(rig.writes(), Vec::<Vec<Set>>::new());
    for slot in 0..6 {
        rig.beat(&format!("a#{slot}.1"));
    }
    rig.until(4250);
    assert!(rig.commands.contains(&Command::Report(Report::BrakeLetGo)));
}

#[test]
fn a_process_that_stood_still_suspects_nobody_for_it() {
    let mut rig = Rig::new();
    rig.put("a#0.1", State::Ready);
    rig.beat("a#0.1");
    rig.commands.clear();
    rig.until(1000);
    rig.ms = 60_000;
    rig.take(Event::Woken);
    assert!(rig.commands.contains(&Command::Report(Report::WasDeaf { ms: 58_750 })));
    rig.until(61_500);
    assert_eq!(rig.writes(), Vec::<Vec<Set>>::new());
    rig.until(62_000);
    assert_eq!(rig.writes().len(), 1);
}

#[test]
fn what_an_instance_says_of_its_health_is_written_at_once_and_taken_back() {
    let mut rig = Rig::new();
    rig.put("a#0.1", State::Ready);
    rig.beat("a#0.1");
    rig.commands.clear();
    rig.say("a#0.1", Some("GET /: answered 503"));
    let writes = rig.writes();
    rig.store_takes(&writes[0]);
    let shown = rig.machine.catalog().entry("a#0.1").unwrap();
    assert_eq!(
        (shown.state, shown.reason.as_deref()),
        (State::Suspect, Some("GET /: answered 503"))
    );
    rig.commands.clear();
    rig.say("a#0.1", Some("GET /: timed out after 3 s"));
    assert_eq!(rig.writes(), Vec::<Vec<Set>>::new(), "a reason that changes is not written");
    rig.beat("a#0.1");
    let writes = rig.writes();
    let back: Entry = serde_json::from_slice(&writes[0][0].data).unwrap();
    assert_eq!((back.state, back.reason), (State::Ready, None));
}

#[test]
fn a_registry_misses_who_never_beat() {
    let mut rig = Rig::new();
    rig.put("a#0.1", State::Ready);
    rig.commands.clear();
    rig.until(9_750);
    assert_eq!(rig.writes(), Vec::<Vec<Set>>::new());
    rig.until(10_000);
    let writes = rig.writes();
    let shown: Entry = serde_json::from_slice(&writes[0][0].data).unwrap();
    assert_eq!(shown.state, State::Suspect);
    rig.store_takes(&writes[0]);
    rig.beat("a#0.1");
    let writes = rig.writes();
    let back: Entry = serde_json::from_slice(&writes[0][0].data).unwrap();
    assert_eq!(back.state, State::Ready);
}

//! The race of one candidate: who is next, and what ends a lead.

use super::*;
use crate::Listing;

const TERM: &str = "/term";

fn race() -> Race {
    Race::new("/candidates/me".to_owned(), TERM.to_owned())
}

fn record(data: &str, version: u64, commit: u64) -> Record {
    Record { data: Bytes::copy_from_slice(data.as_bytes()), version, commit, ephemeral: false }
}

fn made(name: &str, commit: u64) -> Event {
    let path = format!("/candidates/{name}");
    Event::Candidates(WatchEvent::Changed { path, record: record(name, 0, commit), commit })
}

fn gone(name: &str, commit: u64) -> Event {
    Event::Candidates(WatchEvent::Deleted { path: format!("/candidates/{name}"), commit })
}

fn snapshot(commit: u64) -> WatchEvent {
    WatchEvent::Snapshot(Listing { commit, records: Vec::new() })
}

fn term(data: &str, version: u64, commit: u64) -> Event {
    let path = TERM.to_owned();
    Event::Term(WatchEvent::Changed { path, record: record(data, version, commit), commit })
}

/// One that has joined at commit 10, behind nobody, where no term was ever.
fn joined() -> Race {
    let mut race = race();
    race.step(Event::Candidates(snapshot(5)));
    race.step(Event::Term(snapshot(5)));
    assert_eq!(race.next_command(), Some(Command::Enrol));
    race.step(Event::Answer(Ok(10)));
    assert_eq!(race.next_command(), None, "not seen yet");
    race.step(made("me", 10));
    race
}

/// One that leads under term 1 since commit 11.
fn leading() -> Race {
    let mut race = joined();
    assert_eq!(race.next_command(), Some(Command::Take { term: 1, version: None }));
    race.step(Event::Answer(Ok(11)));
    race.step(term("1", 0, 11));
    race
}

fn lost(race: &Race) -> Option<Lost> {
    match race.standing() {
        Standing::Lost(lost) => Some(lost),
        _ => None,
    }
}

#[test]
fn the_only_one_takes_the_first_term() {
    let race = leading();
    let lead = Lead { term: 1, version: 0, path: TERM.to_owned() };
    assert_eq!(lead.check(), crate::Op::check(TERM, 0));
    assert_eq!(race.standing(), Standing::Leads(lead));
}

#[test]
fn one_behind_others_waits_and_knows_whom_for() {
    let mut race = joined();
    race.step(made("older", 7));
    race.step(made("younger", 12));
    assert_eq!(race.next_command(), None);
    assert_eq!(race.standing(), Standing::Waits { leader: Some("older".into()) });
    race.step(term("41", 7, 8));
    race.step(gone("older", 13));
    assert_eq!(race.next_command(), Some(Command::Take { term: 42, version: Some(7) }));
    race.step(Event::Answer(Ok(14)));
    let Standing::Leads(lead) = race.standing() else { panic!("{race:?}") };
    assert_eq!((lead.term, lead.version), (42, 8));
}

#[test]
fn whoever_was_not_told_the_outcome_looks_and_takes_a_higher_term() {
    let mut race = joined();
    race.next_command().unwrap();
    race.step(Event::Answer(Err(StoreError::disconnected("cut"))));
    assert_eq!(race.next_command(), Some(Command::Look));
    // It was raised, by whomever.
    race.step(Event::Looked(Some(record("1", 0, 11))));
    assert_eq!(race.next_command(), Some(Command::Take { term: 2, version: Some(0) }));
}

#[test]
fn a_conflict_is_looked_at() {
    let mut race = joined();
    race.next_command().unwrap();
    race.step(Event::Answer(Err(StoreError::Exists { path: TERM.to_owned() })));
    assert_eq!(race.next_command(), Some(Command::Look));
    race.step(Event::Answer(Err(StoreError::disconnected("cut"))));
    assert_eq!(race.next_command(), Some(Command::Look), "it was not answered");
    race.step(Event::Looked(Some(record("6", 3, 12))));
    // An older tale of the watch changes nothing.
    race.step(term("5", 2, 11));
    assert_eq!(race.next_command(), Some(Command::Take { term: 7, version: Some(3) }));
}

#[test]
fn another_term_ends_a_lead() {
    let mut race = leading();
    race.step(term("1", 0, 11));
    race.step(Event::Term(WatchEvent::Snapshot(Listing {
        commit: 15,
        records: vec![(TERM.to_owned(), record("1", 0, 11))],
    })));
    assert_eq!(lost(&race), None, "that is its own");
    race.step(term("2", 1, 16));
    assert_eq!(lost(&race), Some(Lost::Superseded));
    assert_eq!(race.next_command(), None);
}

#[test]
fn a_term_that_is_gone_ends_a_lead() {
    let mut race = leading();
    race.step(Event::Term(snapshot(9)));
    assert_eq!(lost(&race), None, "that was before");
    race.step(Event::Term(WatchEvent::Deleted { path: TERM.to_owned(), commit: 12 }));
    assert_eq!(lost(&race), Some(Lost::Superseded));
}

#[test]
fn what_ended_a_lead_may_be_heard_before_its_beginning() {
    let mut race = joined();
    race.next_command().unwrap();
    race.step(term("2", 1, 12));
    race.step(Event::Answer(Ok(11)));
    assert_eq!(lost(&race), Some(Lost::Superseded));
    let mut race = joined();
    race.next_command().unwrap();
    race.step(gone("me", 12));
    race.step(Event::Answer(Ok(11)));
    assert_eq!(lost(&race), Some(Lost::Deleted));
}

#[test]
fn a_leader_whose_record_is_deleted_leads_no_more_and_others_join_again() {
    let mut race = leading();
    race.step(gone("me", 12));
    assert_eq!(lost(&race), Some(Lost::Deleted));
    let mut race = joined();
    race.step(made("older", 7));
    race.step(gone("me", 12));
    assert_eq!(lost(&race), None);
    assert_eq!(race.next_command(), Some(Command::Enrol));
    // It was deleted again before it was ever seen.
    race.step(Event::Answer(Ok(13)));
    assert_eq!(race.next_command(), None);
    race.step(Event::Candidates(snapshot(14)));
    assert_eq!(race.next_command(), Some(Command::Enrol));
}

#[test]
fn the_end_of_the_session_is_final() {
    let mut race = leading();
    race.step(Event::Expired);
    race.step(term("2", 1, 16));
    assert_eq!(lost(&race), Some(Lost::Expired));
}

#[test]
fn whoever_resigns_withdraws_once_and_for_all() {
    let mut race = leading();
    race.step(Event::Resign);
    assert_eq!(race.next_command(), Some(Command::Withdraw));
    race.step(gone("me", 12));
    assert_eq!(lost(&race), None, "it is told when the answer is there");
    race.step(Event::Answer(Ok(12)));
    assert_eq!(lost(&race), Some(Lost::Resigned));
    let mut race = self::race();
    race.step(Event::Resign);
    assert_eq!(race.next_command(), Some(Command::Withdraw));
}

#[test]
fn a_record_that_is_no_term_is_refused() {
    let mut race = joined();
    race.step(term("one", 0, 12));
    assert!(matches!(lost(&race), Some(Lost::Refused(StoreError::Invalid { .. }))));
}

#[test]
fn the_record_above_the_candidates_is_none_of_them() {
    let mut race = joined();
    let path = "/candidates".to_owned();
    let event = WatchEvent::Changed { path, record: record("", 0, 1), commit: 11 };
    race.step(Event::Candidates(event));
    assert_eq!(race.next_command(), Some(Command::Take { term: 1, version: None }));
}

//! Tests of the heartbeat bookkeeping.

use proptest::prelude::*;

use super::*;

fn entry(name: &str, state: State) -> Entry {
    serde_json::from_value(serde_json::json!({
        "topology": "t", "task": "a", "slot": 0, "incarnation": name, "host": "h",
        "address": "127.0.0.1", "crate_name": "c", "version": "1.0.0", "state": state,
        "since_ms": 0,
    }))
    .unwrap()
}

fn said(state: State) -> Beat {
    Beat { state, failing: None }
}

fn unwell(why: &str) -> Beat {
    Beat { state: State::Ready, failing: Some(why.to_owned()) }
}

fn suspect(name: &str, reason: &str) -> Entry {
    Entry { reason: Some(reason.to_owned()), ..entry(name, State::Suspect) }
}

fn liveness(count: usize) -> Liveness {
    let mut liveness = Liveness::new(Limits::default());
    for at in 0..count {
        show(&mut liveness, &entry(&format!("a#{at}.1"), State::Ready));
    }
    liveness
}

/// The catalog shows it, and it is judged here.
fn show(liveness: &mut Liveness, entry: &Entry) {
    show_only(liveness, entry);
    liveness.assign(0, &entry.incarnation, true);
}

fn show_only(liveness: &mut Liveness, entry: &Entry) {
    liveness.observe(entry);
}

fn suspects(findings: &Findings) -> Vec<&str> {
    let suspect = findings.wanted.iter().filter(|one| one.state == State::Suspect);
    suspect.map(|one| one.incarnation.as_str()).collect()
}

#[test]
fn silence_of_three_seconds_makes_suspect_and_says_so() {
    let mut liveness = liveness(1);
    liveness.beat(1000, "a#0.1", said(State::Ready));
    assert!(liveness.findings(3999, true).wanted.is_empty());
    let findings = liveness.findings(4000, true);
    assert_eq!(suspects(&findings), ["a#0.1"]);
    assert_eq!(findings.wanted[0].reason.as_deref(), Some("no heartbeat for 3000 ms"));
}

#[test]
fn a_beat_gives_back_the_state_from_before_with_its_reason() {
    let mut liveness = liveness(0);
    let before = Entry { reason: Some("warm".to_owned()), ..entry("a#0.1", State::Starting) };
    show(&mut liveness, &before);
    liveness.beat(0, "a#0.1", said(State::Ready));
    show(&mut liveness, &entry("a#0.1", State::Suspect));
    let back = liveness.beat(9000, "a#0.1", said(State::Ready)).unwrap();
    assert_eq!((back.state, back.reason.as_deref()), (State::Starting, Some("warm")));
    // Until the catalog shows it, it is found again.
    assert_eq!(liveness.findings(9500, true).wanted, [back]);
}

#[test]
fn who_is_brought_back_by_another_registry_is_not_suspected_here_again() {
    let mut liveness = liveness(1);
    liveness.beat(0, "a#0.1", said(State::Ready));
    assert_eq!(suspects(&liveness.findings(3000, true)), ["a#0.1"]);
    show(&mut liveness, &entry("a#0.1", State::Suspect));
    show(&mut liveness, &entry("a#0.1", State::Ready));
    assert!(liveness.findings(9000, true).wanted.is_empty());
    // Heard here again, its silence counts here again.
    liveness.beat(10_000, "a#0.1", said(State::Ready));
    assert_eq!(suspects(&liveness.findings(13_000, true)), ["a#0.1"]);
}

#[test]
fn who_is_heard_here_and_falls_silent_at_once_is_suspect_again() {
    let mut liveness = liveness(1);
    liveness.beat(0, "a#0.1", said(State::Ready));
    show(&mut liveness, &entry("a#0.1", State::Suspect));
    assert!(liveness.beat(4000, "a#0.1", said(State::Ready)).is_some());
    show(&mut liveness, &entry("a#0.1", State::Ready));
    assert_eq!(suspects(&liveness.findings(7000, true)), ["a#0.1"]);
}

#[test]
fn who_was_suspect_and_came_back_unseen_was_heard_elsewhere() {
    let mut liveness = liveness(1);
    liveness.beat(0, "a#0.1", said(State::Ready));
    assert_eq!(suspects(&liveness.findings(3000, true)), ["a#0.1"]);
    // The suspicion was written and another registry took it back, while nothing of it came here.
    let back = |since_ms| Entry { since_ms, ..entry("a#0.1", State::Ready) };
    show(&mut liveness, &back(3100));
    assert!(liveness.findings(9000, true).wanted.is_empty());
    // Heard here again, its silence counts here again; what is told once more says nothing new.
    liveness.beat(10_000, "a#0.1", said(State::Ready));
    show(&mut liveness, &back(3100));
    assert!(liveness.findings(12_999, true).wanted.is_empty());
    assert_eq!(suspects(&liveness.findings(13_000, true)), ["a#0.1"]);
}

#[test]
fn a_suspect_of_an_earlier_registry_comes_back_as_it_says() {
    let mut liveness = liveness(0);
    show(&mut liveness, &entry("a#0.1", State::Suspect));
    assert_eq!(liveness.beat(10, "a#0.1", said(State::Starting)).unwrap().state, State::Starting);
    assert_eq!(liveness.beat(10, "a#0.1", said(State::Draining)).unwrap().state, State::Ready);
}

#[test]
fn a_suspect_that_was_listed_anew_comes_back_as_it_says() {
    let mut liveness = liveness(0);
    show(&mut liveness, &entry("a#0.1", State::Starting));
    liveness.beat(0, "a#0.1", said(State::Starting));
    // It became ready, and then suspect at another registry, while nothing of it came here.
    liveness.retain(|_| true);
    show(&mut liveness, &suspect("a#0.1", "no heartbeat for 3000 ms"));
    assert_eq!(liveness.findings(500, true), Findings::default(), "what it said before may be old");
    let back = liveness.beat(1_000, "a#0.1", said(State::Ready)).unwrap();
    assert_eq!((back.state, &back.reason), (State::Ready, &None));
    assert_eq!(liveness.findings(1_500, true).wanted, [back]);
}

#[test]
fn who_drains_is_not_watched() {
    let mut liveness = liveness(1);
    liveness.beat(0, "a#0.1", said(State::Ready));
    show(&mut liveness, &entry("a#0.1", State::Draining));
    assert!(liveness.findings(60_000, true).wanted.is_empty());
}

#[test]
fn who_left_the_catalog_is_forgotten() {
    let mut liveness = liveness(1);
    liveness.beat(0, "a#0.1", said(State::Ready));
    liveness.forget("a#0.1");
    assert_eq!(liveness.findings(60_000, true), Findings::default());
    assert_eq!(liveness.beat(1, "a#0.1", said(State::Ready)), None);
}

#[test]
fn who_says_that_it_is_not_well_is_suspect_until_it_says_otherwise() {
    let mut liveness = liveness(1);
    let found = liveness.beat(0, "a#0.1", unwell("GET /: answered 503")).unwrap();
    assert_eq!(
        (found.state, found.reason.as_deref()),
        (State::Suspect, Some("GET /: answered 503"))
    );
    // Until the catalog shows it, it is found again; then not, whatever its reason is now.
    assert_eq!(liveness.findings(500, true).wanted, [found]);
    show(&mut liveness, &suspect("a#0.1", "GET /: answered 503"));
    assert_eq!(liveness.findings(600, true).wanted, []);
    assert_eq!(liveness.beat(1_000, "a#0.1", unwell("GET /: timed out after 3 s")), None);
    let back = liveness.beat(2_000, "a#0.1", said(State::Ready)).unwrap();
    assert_eq!((back.state, back.reason), (State::Ready, None));
}

#[test]
fn health_goes_before_heartbeats() {
    let mut liveness = liveness(1);
    liveness.beat(0, "a#0.1", said(State::Ready));
    show(&mut liveness, &suspect("a#0.1", "no heartbeat for 3000 ms"));
    let found = liveness.beat(5_000, "a#0.1", unwell("GET /: answered 503")).unwrap();
    assert_eq!(found.reason.as_deref(), Some("GET /: answered 503"));
    show(&mut liveness, &suspect("a#0.1", "GET /: answered 503"));
    // Silence adds nothing to it.
    assert_eq!(liveness.findings(60_000, true).wanted, []);
}

#[test]
fn health_that_another_listener_heard_to_be_good_is_not_bad_any_more() {
    let mut liveness = liveness(1);
    liveness.beat(0, "a#0.1", unwell("no"));
    show(&mut liveness, &suspect("a#0.1", "no"));
    liveness.beat(1_000, "a#0.1", unwell("no"));
    show(&mut liveness, &entry("a#0.1", State::Ready));
    assert_eq!(liveness.findings(1_500, true).wanted, []);
}

#[test]
fn who_starts_or_drains_is_not_suspect_for_its_health() {
    let mut liveness = liveness(0);
    for state in [State::Starting, State::Draining] {
        show(&mut liveness, &entry("a#0.1", state));
        assert_eq!(liveness.beat(0, "a#0.1", unwell("no")), None);
        assert_eq!(liveness.findings(0, true).wanted, []);
    }
}

#[test]
fn the_brake_is_not_for_those_who_speak() {
    let mut liveness = liveness(10);
    for at in 0..10 {
        liveness.beat(0, &format!("a#{at}.1"), unwell("no"));
    }
    let findings = liveness.findings(100, true);
    assert_eq!((suspects(&findings).len(), findings.brake), (10, None));
}

#[test]
fn an_owner_misses_who_was_never_heard() {
    let mut liveness = liveness(1);
    show(&mut liveness, &entry("a#0.1", State::Ready));
    liveness.observe(&entry("b#0.1", State::Starting));
    liveness.assign(1_000, "b#0.1", true);
    assert!(liveness.findings(9_999, true).wanted.is_empty());
    let findings = liveness.findings(10_000, true);
    assert_eq!(suspects(&findings), ["a#0.1"]);
    assert_eq!(findings.wanted[0].reason.as_deref(), Some("no heartbeat for 10000 ms"));
    // The first beat counts from then on, and the usual time holds.
    liveness.beat(10_500, "b#0.1", said(State::Starting));
    assert_eq!(suspects(&liveness.findings(13_499, true)), ["a#0.1"]);
    assert_eq!(suspects(&liveness.findings(13_500, true)), ["a#0.1", "b#0.1"]);
    let back = |findings: &Findings| findings.wanted.iter().any(|one| one.state != State::Suspect);
    show(&mut liveness, &suspect("a#0.1", "no heartbeat for 10000 ms"));
    assert!(!back(&liveness.findings(11_100, true)), "who was never heard does not come back");
}

#[test]
fn only_the_owner_judges_and_one_that_has_become_it_waits_for_the_way_there() {
    let mut liveness = liveness(2);
    liveness.assign_all(0, |_| false);
    liveness.beat(0, "a#0.1", said(State::Ready));
    assert_eq!(liveness.findings(60_000, true), Findings::default());
    assert_eq!(liveness.owned(), (0, 0));
    // What was heard before counts for nothing: it may have gone to the other one since.
    liveness.assign_all(60_000, |_| true);
    assert_eq!(liveness.owned(), (2, 2));
    assert!(liveness.findings(69_999, true).wanted.is_empty());
    liveness.was_deaf(1_000);
    assert!(liveness.findings(70_999, true).wanted.is_empty());
    assert_eq!(suspects(&liveness.findings(71_000, true)).len(), 2);
    liveness.beat(71_000, "a#0.1", said(State::Ready));
    assert_eq!(liveness.owned(), (2, 1));
}

#[test]
fn silence_that_says_nothing_makes_nobody_suspect_and_who_speaks_comes_back() {
    let mut liveness = liveness(2);
    liveness.beat(0, "a#0.1", said(State::Ready));
    show(&mut liveness, &suspect("a#1.1", "no heartbeat for 3000 ms"));
    let back = liveness.beat(8_000, "a#1.1", said(State::Ready)).unwrap();
    let findings = liveness.findings(9_000, false);
    assert_eq!((findings.wanted, findings.brake), (vec![back], None));
    assert_eq!(suspects(&liveness.findings(9_000, true)), ["a#0.1"]);
}

#[test]
fn one_that_stands_in_writes_what_is_said_and_takes_nothing_from_silence() {
    let mut liveness = liveness(2);
    liveness.assign_all(0, |_| false);
    show_only(&mut liveness, &suspect("a#0.1", "no heartbeat for 3000 ms"));
    liveness.beat(0, "a#0.1", said(State::Ready));
    liveness.beat(0, "a#1.1", unwell("no"));
    assert_eq!(liveness.findings(100, true), Findings::default(), "the owner writes it");
    liveness.stand_in(100, "a#0.1");
    liveness.stand_in(100, "a#1.1");
    let wanted = liveness.findings(200, true).wanted;
    let states: Vec<State> = wanted.iter().map(|one| one.state).collect();
    assert_eq!(states, [State::Ready, State::Suspect]);
    show_only(&mut liveness, &entry("a#0.1", State::Ready));
    liveness.beat(300, "a#1.1", said(State::Ready));
    assert_eq!(liveness.findings(3_050, true), Findings::default(), "and it is silent since");
}

#[test]
fn who_beats_where_it_cannot_be_heard_from_here_is_expected_when_all_are_in_touch_again() {
    let mut liveness = liveness(1);
    liveness.beat(0, "a#0.1", said(State::Ready));
    show(&mut liveness, &suspect("a#0.1", "no heartbeat for 3000 ms"));
    show(&mut liveness, &entry("a#0.1", State::Ready));
    assert!(liveness.findings(60_000, true).wanted.is_empty());
    liveness.in_touch(60_000);
    assert!(liveness.findings(69_999, true).wanted.is_empty());
    assert_eq!(suspects(&liveness.findings(70_000, true)), ["a#0.1"]);
}

#[test]
fn what_was_said_long_before_one_became_the_owner_counts_no_more() {
    let mut liveness = liveness(1);
    liveness.beat(0, "a#0.1", unwell("no"));
    liveness.assign_all(0, |_| false);
    liveness.assign_all(5_000, |_| true);
    assert_eq!(liveness.findings(5_000, true).wanted, []);
}

#[test]
fn many_who_were_never_heard_hold_the_brake() {
    let liveness = liveness(6);
    let findings = liveness.findings(20_000, true);
    assert_eq!((suspects(&findings), findings.brake), (vec![], Some(Brake { would: 6, of: 6 })));
}

#[test]
fn the_brake_holds_when_too_many_fall_silent_and_lets_go_when_they_are_back() {
    let mut liveness = liveness(10);
    for at in 0..10 {
        liveness.beat(at, &format!("a#{at}.1"), said(State::Ready));
    }
    for at in 5..10 {
        liveness.beat(3000, &format!("a#{at}.1"), said(State::Ready));
    }
    let held = liveness.findings(3100, true);
    assert_eq!((suspects(&held), held.brake), (Vec::new(), Some(Brake { would: 5, of: 10 })));
    // They stay silent: still held.
    for at in 5..10 {
        liveness.beat(60_000, &format!("a#{at}.1"), said(State::Ready));
    }
    assert!(liveness.findings(60_100, true).brake.is_some());
    for at in 0..3 {
        liveness.beat(60_100, &format!("a#{at}.1"), said(State::Ready));
    }
    let let_go = liveness.findings(60_200, true);
    assert_eq!((suspects(&let_go), let_go.brake), (vec!["a#3.1", "a#4.1"], None));
}

#[test]
fn the_first_of_many_does_not_slip_through_the_brake() {
    let mut liveness = liveness(10);
    for at in 0..10 {
        liveness.beat(at * 100, &format!("a#{at}.1"), said(State::Ready));
    }
    // Only one has crossed the line; nine are on their way.
    let findings = liveness.findings(3000, true);
    assert_eq!((suspects(&findings), findings.brake), (vec![], Some(Brake { would: 10, of: 10 })));
}

#[test]
fn four_of_four_are_no_case_for_the_brake() {
    let mut liveness = liveness(4);
    for at in 0..4 {
        liveness.beat(0, &format!("a#{at}.1"), said(State::Ready));
    }
    assert_eq!(suspects(&liveness.findings(3000, true)).len(), 4);
}

#[test]
fn suspects_of_the_same_window_count_for_the_brake() {
    let mut liveness = liveness(12);
    for at in 0..12 {
        liveness.beat(if at < 3 { 0 } else { 3000 }, &format!("a#{at}.1"), said(State::Ready));
    }
    assert_eq!(suspects(&liveness.findings(3000, true)), ["a#0.1", "a#1.1", "a#2.1"]);
    for at in 0..3 {
        show(&mut liveness, &entry(&format!("a#{at}.1"), State::Suspect));
    }
    for at in 5..12 {
        liveness.beat(6000, &format!("a#{at}.1"), said(State::Ready));
    }
    // Two more, five in the window of twelve: held. Once the window is over they are alone.
    assert_eq!(liveness.findings(6000, true).brake, Some(Brake { would: 5, of: 12 }));
    for at in 5..12 {
        liveness.beat(14_000, &format!("a#{at}.1"), said(State::Ready));
    }
    assert_eq!(suspects(&liveness.findings(14_000, true)), ["a#3.1", "a#4.1"]);
}

#[test]
fn silence_while_the_listener_stood_still_counts_against_no_one() {
    let mut liveness = liveness(2);
    liveness.beat(0, "a#0.1", said(State::Ready));
    liveness.beat(500, "a#1.1", said(State::Ready));
    liveness.was_deaf(10_000);
    assert!(liveness.findings(12_900, true).wanted.is_empty());
    assert_eq!(suspects(&liveness.findings(13_000, true)), ["a#0.1"]);
}

proptest! {
    #[test]
    fn whoever_beats_each_second_is_never_suspect_and_brakes_never_mark(
        count in 1..20usize,
        silent in prop::collection::btree_set(0..20usize, 0..20),
        seconds in 1..30u64,
    ) {
        let mut liveness = liveness(count);
        for at in 0..count {
            liveness.beat(0, &format!("a#{at}.1"), said(State::Ready));
        }
        for second in 1..=seconds {
            for at in (0..count).filter(|at| !silent.contains(at)) {
                liveness.beat(second * 1000, &format!("a#{at}.1"), said(State::Ready));
            }
            let findings = liveness.findings(second * 1000 + 999, true);
            let marked = findings.wanted.len();
            for finding in &findings.wanted {
                let at: usize = finding.incarnation[2..finding.incarnation.len() - 2].parse().unwrap();
                prop_assert!(silent.contains(&at));
                show(&mut liveness, &entry(&finding.incarnation, State::Suspect));
            }
            prop_assert!(findings.brake.is_none() || marked == 0);
            prop_assert!(marked < 5 || marked * 100 <= 30 * count);
        }
    }
}

#[test]
fn who_has_closed_its_connection_is_waited_for_less_long_and_that_is_said() {
    let mut liveness = liveness(2);
    for name in ["a#0.1", "a#1.1"] {
        liveness.beat(1000, name, said(State::Ready));
    }
    liveness.closed("a#0.1");
    assert!(liveness.findings(2499, true).wanted.is_empty());
    let findings = liveness.findings(2500, true);
    assert_eq!(suspects(&findings), ["a#0.1"]);
    let reason = "no heartbeat for 1500 ms, and its connection is closed";
    assert_eq!(findings.wanted[0].reason.as_deref(), Some(reason));
    // It stays so, until it beats.
    show(&mut liveness, &suspect("a#0.1", reason));
    assert!(liveness.findings(2600, true).wanted.is_empty());
    assert!(liveness.beat(2700, "a#0.1", said(State::Ready)).is_some());
}

#[test]
fn a_beat_by_another_connection_makes_a_closed_one_good() {
    let mut liveness = liveness(1);
    liveness.beat(1000, "a#0.1", said(State::Ready));
    liveness.closed("a#0.1");
    liveness.beat(1900, "a#0.1", said(State::Ready));
    assert!(liveness.findings(4899, true).wanted.is_empty());
    assert_eq!(suspects(&liveness.findings(4900, true)), ["a#0.1"]);
}

#[test]
fn a_closed_connection_of_somebody_who_was_never_heard_says_nothing() {
    let mut liveness = liveness(1);
    liveness.closed("a#0.1");
    liveness.closed("nobody");
    assert!(liveness.findings(9999, true).wanted.is_empty());
    liveness.beat(10_000, "a#0.1", said(State::Ready));
    assert!(liveness.findings(12_999, true).wanted.is_empty());
}

#[test]
fn the_brake_holds_where_many_connections_are_closed_at_once() {
    let mut liveness = liveness(10);
    for at in 0..10 {
        liveness.beat(1000, &format!("a#{at}.1"), said(State::Ready));
        if at < 6 {
            liveness.closed(&format!("a#{at}.1"));
        }
    }
    let findings = liveness.findings(2500, true);
    assert_eq!((suspects(&findings).len(), findings.brake), (0, Some(Brake { would: 6, of: 10 })));
}

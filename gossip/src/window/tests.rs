//! No packet twice, whatever the order, and not after the session was forgotten.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn session(at: u64) -> Session {
    Session::begin(at, [0; 10])
}

proptest! {
    #[test]
    fn a_packet_is_taken_once_and_one_that_is_late_by_less_than_the_width_is_taken(
        steps in prop::collection::vec((0_u64..3000, 0_u64..1500), 1..200)
    ) {
        let mut windows = Windows::default();
        let mut taken = BTreeSet::new();
        let (mut front, mut highest) = (0_u64, None::<u64>);
        for (ahead, behind) in steps {
            front += ahead;
            let number = front.saturating_sub(behind);
            let is_new = windows.take(1, session(1), number);
            let in_time = highest.is_none_or(|highest| number + WIDTH > highest);
            prop_assert_eq!(is_new, !taken.contains(&number) && in_time, "{}", number);
            if is_new {
                taken.insert(number);
                highest = highest.max(Some(number));
            }
            prop_assert!(windows.has(&session(1), number));
        }
    }
}

#[test]
fn as_many_sessions_are_remembered_as_may_be_and_none_of_their_packets_is_taken_again() {
    let mut windows = Windows::default();
    let all = (SESSIONS_MAX + SESSIONS_OVER_MAX) as u64;
    for at in 0..all {
        assert!(windows.take(at, session(at), 7));
    }
    assert_eq!(windows.len(), (SESSIONS_MAX, SESSIONS_OVER_MAX));
    for at in [0, 1, all / 2, all - 1] {
        assert!(!windows.take(all, session(at), 7), "{at}");
    }
    // One that was forgotten and lives goes on.
    assert!(windows.take(all, session(0), 9));
    for (number, is_new) in [(8, true), (8, false), (7, false), (9, false), (10, true)] {
        assert_eq!(windows.take(all, session(0), number), is_new, "{number}");
    }
    for at in all..all + 100 {
        windows.take(at, session(at), 1);
    }
    assert_eq!(windows.len(), (SESSIONS_MAX, SESSIONS_OVER_MAX));
}

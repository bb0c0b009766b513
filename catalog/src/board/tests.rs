//! Numbers, limits, and what is let go of.

use serde_json::json;

use super::*;

fn to(names: &[&str]) -> Audience {
    names.iter().copied().collect()
}

fn send(board: &mut Board, body: Value, done: &[u64]) -> Result<u64, BoardError> {
    let message = (body, None, to(&["a#0.1"]));
    board.send(message, 5, |message| done.contains(&message.number))
}

#[test]
fn numbers_rise_by_one_and_are_never_used_again() {
    let mut board = Board::new("a");
    for number in 1..=200 {
        assert_eq!(send(&mut board, json!(number), &[]), Ok(number));
    }
    assert_eq!(board.messages.len(), MESSAGES_MAX);
    assert_eq!((board.messages[0].number, board.last), (137, 200));
    let text = serde_json::to_string(&board).unwrap();
    let mut again: Board = serde_json::from_str(&text).unwrap();
    assert_eq!(again, board);
    assert_eq!(send(&mut again, json!("next"), &[]), Ok(201));
    assert!(again.message(137).is_none() && again.message(201).is_some());
}

#[test]
fn what_everybody_has_goes_before_what_somebody_waits_for() {
    let mut board = Board::new("a");
    for number in 1..=MESSAGES_MAX as u64 {
        send(&mut board, json!(number), &[]).unwrap();
    }
    send(&mut board, json!("one more"), &[3]).unwrap();
    assert!(board.message(3).is_none() && board.message(1).is_some());
}

#[test]
fn of_what_everybody_has_a_few_stay_for_their_senders() {
    let mut board = Board::new("a");
    let done: Vec<u64> = (1..=30).collect();
    for number in 1..=31_u64 {
        send(&mut board, json!(number), &done).unwrap();
    }
    let kept: Vec<u64> = board.messages.iter().map(|message| message.number).collect();
    assert_eq!(kept, (15..=31).collect::<Vec<_>>());
}

#[test]
fn the_same_key_is_the_same_message() {
    let mut board = Board::new("a");
    let message = |text: &str| (json!(text), Some("order-7".to_owned()), to(&["a#0.1"]));
    assert_eq!(board.send(message("first"), 1, |_| false), Ok(1));
    let before = board.clone();
    assert_eq!(board.send(message("again"), 2, |_| false), Ok(1));
    assert_eq!(board, before);
}

#[test]
fn what_cannot_be_taken_changes_nothing() {
    let mut board = Board::new("a");
    send(&mut board, json!(1), &[]).unwrap();
    let before = board.clone();
    let large = json!("x".repeat(VALUE_BYTES_MAX));
    let refused = BoardError::ValueTooLarge(VALUE_BYTES_MAX + 2);
    assert_eq!(send(&mut board, large.clone(), &[]), Err(refused.clone()));
    assert_eq!(board.keep("k", Some(large)), Err(refused));
    assert_eq!(board.send((json!(1), None, to(&[])), 1, |_| false), Err(BoardError::NobodyThere));
    for key in ["", "a\nb", &"k".repeat(KEY_CHARS_MAX + 1)] {
        assert_eq!(board.keep(key, Some(json!(1))), Err(BoardError::BadKey));
        let message = (json!(1), Some(key.to_owned()), to(&["a#0.1"]));
        assert_eq!(board.send(message, 1, |_| false), Err(BoardError::BadKey));
    }
    assert_eq!(board, before);
}

#[test]
fn all_of_a_group_is_bounded_in_bytes() {
    let body = || json!("x".repeat(VALUE_BYTES_MAX - 2));
    let mut board = Board::new("a");
    for _ in 0..100 {
        send(&mut board, body(), &[]).unwrap();
        assert!(bytes(&board) <= BOARD_BYTES_MAX);
    }
    assert_eq!(board.messages.len(), 31);
    let mut board = Board::new("a");
    let kept = (0..KEYS_MAX).map(|key| board.keep(&key.to_string(), Some(body())));
    let kept: Vec<_> = kept.collect();
    assert_eq!(kept.iter().filter(|kept| **kept == Ok(true)).count(), 31);
    assert!(matches!(kept.last(), Some(Err(BoardError::Full(_)))));
    // Kept values leave no room for a message.
    assert!(matches!(send(&mut board, body(), &[]), Err(BoardError::Full(_))));
}

#[test]
fn values_are_kept_replaced_and_let_go() {
    let mut board = Board::new("a");
    assert_eq!(board.keep("k", Some(json!(1))), Ok(true));
    assert_eq!(board.keep("k", Some(json!(1))), Ok(false));
    assert_eq!(board.keep("k", Some(json!(2))), Ok(true));
    assert_eq!(board.metadata["k"], json!(2));
    assert_eq!(board.keep("k", None), Ok(true));
    assert_eq!(board.keep("k", None), Ok(false));
    for key in 0..KEYS_MAX {
        assert_eq!(board.keep(&key.to_string(), Some(json!(key))), Ok(true));
    }
    assert_eq!(board.keep("more", Some(json!(1))), Err(BoardError::TooManyKeys));
    assert_eq!(board.keep("0", Some(json!("other"))), Ok(true));
}

#[test]
fn a_member_is_given_what_is_meant_for_it_after_what_it_has() {
    let mut board = Board::new("a");
    for names in [&["a#0.1"][..], &["a#0.1", "b.c#11.2"], &["b.c#11.2"]] {
        board.send((json!(names), None, to(names)), 1, |_| false).unwrap();
    }
    let given = |incarnation: &str, after| {
        let all = board.for_member(incarnation, after);
        all.map(|message| message.number).collect::<Vec<_>>()
    };
    assert_eq!(given("a#0.1", 0), [1, 2]);
    assert_eq!(given("a#0.1", 1), [2]);
    assert_eq!(given("b.c#11.2", 0), [2, 3]);
    assert_eq!(given("b.c#11.1", 0), [] as [u64; 0]);
    assert_eq!(given("b.c#1.2", 0), [] as [u64; 0]);
}

#[test]
fn acknowledgements_never_go_back() {
    let mut acks = Acks { incarnation: "a#0.1".to_owned(), ..Acks::default() };
    let numbers = |pairs: &[(&str, u64)]| {
        pairs.iter().map(|(group, number)| ((*group).to_owned(), *number)).collect()
    };
    assert!(acks.raise(&numbers(&[("a", 3), ("tag", 1)])));
    assert!(!acks.raise(&numbers(&[("a", 2)])));
    assert!(acks.raise(&numbers(&[("a", 2), ("tag", 2)])));
    assert_eq!(acks.groups, numbers(&[("a", 3), ("tag", 2)]));
}

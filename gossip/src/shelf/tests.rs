//! What takes whose place.

use super::*;
use crate::Signer;

fn signer() -> Signer {
    Signer::from_seed(&[1; 32])
}

fn statement(name: &str, history: &str, version: u64, heard_ms: u64) -> Statement {
    let subject = Subject::group(name);
    let content = format!("{name} {history} {version}");
    let signature = signer().sign((&subject, history), (version, heard_ms), &content);
    Statement::new((subject, history), (version, heard_ms), content.into(), signature)
}

fn shelf() -> Shelf {
    let trust = Trust::parse(&[signer().public_key()]).unwrap();
    Shelf::new(&[Subject::group("a"), Subject::group("b")].into(), trust)
}

#[test]
fn within_a_history_the_higher_version_counts_and_then_the_later_hearing() {
    let mut shelf = shelf();
    for (version, heard_ms, placed) in [
        (5, 10, Placed::New),
        (5, 10, Placed::Known),
        (5, 9, Placed::Known),
        (5, 20, Placed::Refreshed),
        (4, 99, Placed::Older),
        (6, 15, Placed::New),
    ] {
        assert_eq!(shelf.place(statement("a", "h", version, heard_ms)), placed, "{version}");
    }
    assert_eq!(shelf.place(statement("other", "h", 1, 1)), Placed::Foreign);
    let mut forged = statement("b", "h", 1, 1);
    forged.version = 2;
    assert_eq!(shelf.place(forged), Placed::Forged);
    assert_eq!(shelf.heard_ms(), None, "not all is known");
    shelf.place(statement("b", "h", 1, 12));
    assert_eq!(shelf.heard_ms(), Some(12));
}

#[test]
fn another_history_is_taken_whole_and_only_if_it_was_heard_later() {
    let mut shelf = shelf();
    shelf.place(statement("a", "h", 5, 10));
    shelf.place(statement("b", "h", 6, 11));
    assert_eq!(shelf.place(statement("a", "i", 1, 11)), Placed::Older);
    assert_eq!(shelf.place(statement("a", "i", 1, 12)), Placed::Pending);
    assert_eq!((shelf.history(), shelf.digests().len()), ("h", 2));
    // A third one that is older than the second is none.
    assert_eq!(shelf.place(statement("b", "j", 1, 12)), Placed::Older);
    assert_eq!(shelf.place(statement("b", "i", 2, 9)), Placed::Switched);
    assert_eq!(shelf.history(), "i");
    assert_eq!(shelf.place(statement("a", "h", 9, 10)), Placed::Older);
}

#[test]
fn who_lacks_something_asks_for_it_and_is_told() {
    let (mut one, mut other) = (shelf(), shelf());
    one.place(statement("a", "h", 5, 10));
    other.place(statement("a", "h", 6, 11));
    other.place(statement("b", "h", 6, 11));
    let compared = one.compare(&other.digests()[0]);
    assert_eq!((compared.wanted.len(), compared.told.len()), (2, 0));
    let told = other.told(&compared.wanted, false);
    for told in told {
        let statement = one.complete(told).unwrap();
        assert_eq!(one.place(statement), Placed::New);
    }
    let compared = other.compare(&one.digests()[0]);
    assert_eq!((compared.wanted.len(), compared.told.len()), (0, 0));
    // The same, heard later: the signature alone goes over.
    other.place(statement("a", "h", 6, 11 + REFRESH_MS));
    let compared = other.compare(&one.digests()[0]);
    assert_eq!(compared.told.len(), 1);
    assert_eq!(compared.told[0].content, None);
    let again = one.complete(compared.told[0].clone()).unwrap();
    assert_eq!(one.place(again), Placed::Refreshed);
}

#[test]
fn who_knows_nothing_or_an_older_history_is_told_everything() {
    let (mut one, empty) = (shelf(), shelf());
    one.place(statement("a", "i", 1, 20));
    one.place(statement("b", "i", 2, 20));
    assert_eq!(one.compare(&empty.digests()[0]).told.len(), 2);
    assert_eq!(empty.compare(&one.digests()[0]).wanted.len(), 2);
    let mut old = shelf();
    old.place(statement("a", "h", 9, 10));
    old.place(statement("b", "h", 9, 10));
    assert_eq!(one.compare(&old.digests()[0]).told.len(), 2);
    assert_eq!(old.compare(&one.digests()[0]).wanted.len(), 2);
}

#[test]
fn two_contents_of_one_version_are_told_apart() {
    let mut shelf = shelf();
    shelf.place(statement("a", "h", 5, 10));
    let subject = Subject::group("a");
    let signature = signer().sign((&subject, "h"), (5, 20), "else");
    let other = Statement::new((subject, "h"), (5, 20), "else".into(), signature);
    assert_eq!(shelf.place(other), Placed::Differs);
}

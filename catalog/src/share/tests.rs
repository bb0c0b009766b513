//! Tests of who owns whom, and when silence says something.

use std::collections::BTreeMap;

use super::*;

fn urls(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("http://{name}:5051")).collect()
}

/// The share of each of these, all listed and in touch at 0.
fn all(names: &[&str]) -> Vec<Share> {
    let urls = urls(names);
    let mut shares: Vec<Share> =
        urls.iter().map(|url| Share::new(url, &Limits::default())).collect();
    for share in &mut shares {
        share.list(0, &urls);
    }
    touch(0, &mut shares);
    shares
}

/// Everybody meets everybody else.
fn touch(now_ms: u64, shares: &mut [Share]) {
    let views: Vec<(String, String)> =
        shares.iter().map(|share| (share.own.clone(), share.view().to_owned())).collect();
    for share in shares {
        for (url, view) in &views {
            share.met(now_ms, url, Some(view));
        }
    }
}

fn incarnations() -> impl Iterator<Item = String> {
    (0..300).map(|slot| format!("http.lb#{slot}.1"))
}

#[test]
fn each_incarnation_has_one_owner_and_the_shares_are_about_equal() {
    let shares = all(&["a", "b", "c"]);
    let mut sizes = BTreeMap::new();
    for incarnation in incarnations() {
        let owners: Vec<usize> = (0..3).filter(|at| shares[*at].owns(&incarnation)).collect();
        assert_eq!(owners.len(), 1, "{incarnation}: {owners:?}");
        *sizes.entry(owners[0]).or_insert(0) += 1;
    }
    assert!(sizes.values().all(|size| (70..=130).contains(size)), "{sizes:?}");
}

#[test]
fn when_one_goes_its_share_alone_moves() {
    let before = all(&["a", "b", "c"]);
    let gone = "http://b:5051";
    let listed = all(&["a", "c"]);
    let mut refused = before[0].clone();
    refused.not_met(gone, true);
    for incarnation in incarnations() {
        let owner = before[0].owner(&incarnation).unwrap();
        let now = listed[0].owner(&incarnation).unwrap();
        assert!(owner == gone || owner == now, "{incarnation} has moved from {owner}");
        assert_eq!(refused.owner(&incarnation), Some(now), "as soon as nobody listens there");
    }
    assert_ne!(refused.generation(), before[0].generation());
    // It is there again.
    let view = refused.view().to_owned();
    refused.met(9_000, gone, Some(&view));
    assert!(incarnations().all(|one| refused.owner(&one) == before[0].owner(&one)));
}

#[test]
fn one_that_does_not_answer_keeps_its_share_and_beats_go_another_way() {
    let mut share = all(&["a", "b", "c"])[0].clone();
    share.not_met("http://b:5051", false);
    for incarnation in incarnations() {
        match share.owner(&incarnation).unwrap() {
            "http://a:5051" => assert!(share.owns(&incarnation)),
            _ => assert_eq!(share.route(&incarnation), Some("http://c:5051")),
        }
    }
    share.not_met("http://c:5051", false);
    assert!(incarnations().all(|one| share.route(&one).is_none()), "it stands in");
    // That it speaks does not say that it hears.
    let view = share.view().to_owned();
    share.met(0, "http://c:5051", Some(&view));
    assert!(incarnations().all(|one| share.route(&one).is_none()));
    share.answered(0, "http://c:5051", Some(&view));
    assert!(incarnations().all(|one| share.route(&one) == Some("http://c:5051")));
}

#[test]
fn silence_counts_while_all_are_in_touch_and_of_one_mind() {
    let mut shares = all(&["a", "b"]);
    assert!(!shares[0].holds(1_499) && shares[0].is_in_touch(1_499));
    // Not met for a while, then for so long that it is not waited for any more.
    assert!(shares[0].holds(1_500) && !shares[0].is_in_touch(1_500));
    assert!(shares[0].holds(9_999));
    assert!(!shares[0].holds(10_000) && !shares[0].is_in_touch(10_000));
    // A third is listed, and one of the two has not heard of it.
    touch(20_000, &mut shares);
    shares[0].list(20_000, &urls(&["a", "b", "c"]));
    touch(20_000, &mut shares);
    assert!(shares.iter().all(|share| share.holds(20_000)));
    shares[1].list(20_100, &urls(&["a", "b", "c"]));
    touch(20_200, &mut shares);
    assert!(shares[0].holds(20_200), "the third was not met yet");
    let view = shares[0].view().to_owned();
    shares[0].met(20_300, "http://c:5051", Some(&view));
    assert!(!shares[0].holds(20_300));
}

#[test]
fn one_that_is_not_listed_itself_judges_nobody() {
    let mut share = Share::new("http://a:5051", &Limits::default());
    assert!(share.holds(0) && share.owner("x#0.1").is_none());
    share.list(0, &urls(&["b"]));
    assert!(share.holds(0) && !share.is_listed());
    assert_eq!(share.route("x#0.1"), Some("http://b:5051"));
    share.list(0, &urls(&["a"]));
    assert!(!share.holds(0) && share.is_in_touch(0) && share.owns("x#0.1"));
}

#[test]
fn one_that_cannot_judge_has_no_share_and_holds_nobody_up() {
    let mut shares = all(&["a", "b"]);
    shares[0].met(1_000, "http://b:5051", None);
    assert!(incarnations().all(|one| shares[0].owns(&one)));
    assert!(!shares[0].holds(1_000) && !shares[0].holds(60_000));
    // It does not answer any more: it may be able again, and others may know that.
    let mut cut = shares[0].clone();
    cut.not_met("http://b:5051", false);
    assert!(cut.holds(1_000) && !incarnations().all(|one| cut.owns(&one)));
    touch(60_000, &mut shares);
    assert!(!incarnations().all(|one| shares[0].owns(&one)));
}

#[test]
fn one_that_does_not_hear_the_store_owns_nothing_and_passes_everything_on() {
    let mut share = all(&["a", "b"])[0].clone();
    let before = share.generation();
    share.set_able(false);
    assert_ne!(share.generation(), before);
    assert!(incarnations().all(|one| share.route(&one) == Some("http://b:5051")));
    share.set_able(true);
    assert!(incarnations().any(|one| share.owns(&one)));
}

#[test]
fn strangers_are_remembered_within_bounds() {
    let mut share = all(&["a"])[0].clone();
    for number in 0..1_000 {
        share.met(0, &format!("http://x:{number}"), Some("other"));
    }
    assert_eq!(share.peers.len(), PEERS_MAX);
    assert!(share.holds(0), "another one knows other registries");
    assert!(!share.holds(1_500));
    assert_eq!(share.others().count(), 0);
    share.list(2_000, &urls(&["a", "b"]));
    assert_eq!(share.peers.len(), 1);
}

#[test]
fn a_batch_reads_as_it_was_written() {
    let beat = Beat { state: crate::State::Ready, failing: Some("no".to_owned()) };
    let passed = Passed { incarnation: "a#0.1".to_owned(), beat, hops: 1, closed: false };
    let batch = PassedBeats { from: "http://a".to_owned(), view: None, beats: vec![passed] };
    let text = serde_json::to_string(&batch).unwrap();
    let expected = r#"{"from":"http://a","beats":[{"incarnation":"a#0.1","state":"ready","failing":"no","hops":1}]}"#;
    assert_eq!(text, expected);
    assert_eq!(serde_json::from_str::<PassedBeats>(&text).unwrap(), batch);
}

//! Judgement and words of rows.

use super::*;

fn measured(value: f64, ratio: Option<f64>) -> Measured {
    let peer = ratio.map(|ratio| Peer { name: "other", value: value / ratio, ratio });
    Measured { value, peer, samples: 1, how: String::new() }
}

#[test]
fn a_value_at_its_bar_keeps_it_and_one_over_it_does_not() {
    let judge = |value| {
        let bar = Bar::AtMost(1.0);
        Row::new(Figure::WarmUp, Unit::Seconds, bar, measured(value, None)).verdict
    };
    assert_eq!([judge(0.2), judge(1.0), judge(1.001)], [Verdict::Ok, Verdict::Ok, Verdict::Short]);
}

#[test]
fn where_more_is_better_a_value_below_its_bar_does_not_keep_it() {
    let judge = |value| {
        let bar = Bar::AtLeast(20_000.0);
        Row::new(Figure::UpdatesPersisted, Unit::PerSecond, bar, measured(value, None)).verdict
    };
    assert_eq!([judge(20_000.0), judge(19_999.0)], [Verdict::Ok, Verdict::Short]);
}

#[test]
fn a_ratio_is_judged_against_its_peer_and_never_without_one() {
    let judge = |ratio| {
        let (unit, bar) = (Unit::InstructionsPerRequest, Bar::AtMostOfPeer(1.1));
        Row::new(Figure::HelloInstructions, unit, bar, measured(5_000.0, ratio)).verdict
    };
    assert_eq!(judge(Some(1.05)), Verdict::Ok);
    assert_eq!(judge(Some(1.11)), Verdict::Short);
    assert_eq!(judge(None), Verdict::Short);
}

#[test]
fn what_could_not_be_measured_is_short_and_says_so() {
    let why = "valgrind is missing".to_owned();
    let row = Row::missing(Figure::HelloInstructions, Unit::Crates, Bar::AtMost(70.0), why);
    assert_eq!(row.verdict, Verdict::Short);
    assert_eq!(row.shown_value(), "not measured");
    assert_eq!(serde_json::to_value(&row).unwrap()["verdict"], "short");
    assert!(serde_json::to_value(&row).unwrap()["value"].is_null());
}

#[test]
fn values_bars_and_peers_have_their_units() {
    let row = Row::new(
        Figure::HelloInstructions,
        Unit::InstructionsPerRequest,
        Bar::AtMostOfPeer(1.1),
        measured(21_000.0, Some(1.05)),
    );
    assert_eq!(row.shown_value(), "1.050×: 21000 instructions/request");
    assert_eq!(row.shown_bar(), "≤ 1.10×");
    assert_eq!(row.shown_peer(), "other: 20000 instructions/request");
    let row = Row::new(Figure::WarmUp, Unit::Seconds, Bar::AtMost(5.0), measured(1.23456, None));
    assert_eq!((row.shown_value().as_str(), row.shown_bar().as_str()), ("1.235 s", "≤ 5 s"));
    assert_eq!(row.shown_peer(), "–");
}

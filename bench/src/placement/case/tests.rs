//! Tests of the file beside: a name is one case, and what is said to be known of it is so.

use lathe_placement::{Options, Verdict, place, verify};

use super::super::{impossible, tables};
use super::*;

fn verdict(case: &Case) -> Verdict {
    let text = tables::file(&case.tables);
    let Ok(checked) = lathe_topology::parse("case", &text) else {
        // The check of the file has found it.
        return Verdict::Impossible(Default::default());
    };
    let given = [checked.topology];
    let options = Options::default();
    let verdict = place(&case.cluster, &given, &case.running, &options);
    if let Verdict::Placed(plan) = &verdict {
        assert_eq!(verify(&case.cluster, &given, &case.running, &options, plan), Ok(()));
    }
    verdict
}

#[test]
fn a_name_is_one_case() {
    for name in [
        "flat:never:100:20:1",
        "mixed:8:40:10:70:3",
        "racked:8:40:10:70:3",
        "planted:100:10:5:2",
        "bundles:50:90:1",
    ] {
        let text = || {
            let case = made(name).expect("a case");
            (tables::file(&case.tables), case.cluster)
        };
        assert_eq!(text(), text(), "{name}");
        let case = made(name).expect("a case");
        assert!(matches!(verdict(&case), Verdict::Placed(_)), "{name}");
    }
    assert!(made("mixed:8:40").is_none());
    assert!(made("nothing:1").is_none());
}

#[test]
fn a_planted_case_has_no_more_points_than_its_optimum() {
    let case = made("planted:100:10:0:1").expect("a case");
    let Known::Optimum(most) = case.known else { panic!("{:?}", case.known) };
    let Verdict::Placed(plan) = verdict(&case) else { panic!("it is planted") };
    assert!(plan.score <= most, "{} of {most}", plan.score);
}

#[test]
fn twins_differ_in_their_verdict() {
    for name in impossible::NAMES.iter().filter(|name| !name.ends_with(":1000")) {
        let case = made(&format!("{name}:1")).expect("a case");
        let verdict = verdict(&case);
        let right = match case.known {
            Known::Impossible(_) => matches!(verdict, Verdict::Impossible(_)),
            Known::Blocked(_) => matches!(verdict, Verdict::Blocked(_)),
            _ => matches!(verdict, Verdict::Placed(_)),
        };
        assert!(right, "{name}: {verdict:?}");
    }
}

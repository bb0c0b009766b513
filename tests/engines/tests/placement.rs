//! Placement before another judge: a model of CP-SAT, written from what the words mean and from nothing
//! of Lathe, answers the same random instances.

#[path = "placement/case.rs"]
mod case;
#[path = "placement/draw.rs"]
mod draw;

use lathe_engines::{Peer, block_on};
use serde_json::{Value, json};

use case::{Answer, Said};
use draw::instance;

const SEEDS: std::ops::Range<u64> = 1..401;
/// Seeds for each rule that the model forgets.
const FEWER: std::ops::Range<u64> = 1..161;

/// What the model is asked: now with points, and as if nothing else ran.
fn questions(instance: &Value, said: &Said, leave_out: Option<&str>) -> [Value; 2] {
    let mut now = instance.clone();
    now["leave_out"] = json!(leave_out);
    let mut emptied = now.clone();
    now["points"] = json!(true);
    emptied["emptied"] = json!(true);
    if matches!(said, Said::Refused) {
        // The check of the file knows nothing of what runs, and judges a task with no instances too.
        for question in [&mut now, &mut emptied] {
            question["running"] = json!([]);
            for task in question["tasks"].as_array_mut().expect("a list") {
                task["tasks"] = json!(task["tasks"].as_u64().map(|count| count.max(1)));
            }
        }
    }
    [now, emptied]
}

/// What the model says otherwise.
fn difference(said: &Said, now: &Value, emptied: &Value) -> Option<String> {
    let feasible = |answer: &Value| match answer["verdict"].as_str() {
        Some("feasible") => true,
        Some("infeasible") => false,
        other => panic!("the model is not sure: {other:?}"),
    };
    let (may_be, may_be_emptied) = (feasible(now), feasible(emptied));
    match said {
        Said::Wrong(why) => Some(why.clone()),
        Said::Placed(score, bound, moves) => {
            let Some(points) = now["points"].as_i64() else {
                return Some("placed, and the model says infeasible".to_owned());
            };
            assert_eq!(now["optimal"], true, "the model has time enough");
            let fewest = now["moves"].as_u64().unwrap_or(0);
            let agrees = *score <= points && points <= *bound && *moves == fewest;
            let said = format!("{score} of at most {bound} with {moves} moves");
            (!agrees).then(|| format!("{said}; the model: {points}, {fewest} moves"))
        }
        Said::Blocked => (may_be || !may_be_emptied)
            .then(|| format!("blocked; the model: now {may_be}, emptied {may_be_emptied}")),
        Said::Refused | Said::Impossible => (may_be || may_be_emptied)
            .then(|| format!("{said:?}; the model: now {may_be}, emptied {may_be_emptied}")),
    }
}

/// What the model says otherwise, by seeds. All questions go to one process.
fn differences(answers: &[(u64, Answer)], leave_out: Option<&str>) -> Vec<(u64, String)> {
    let asked: Vec<Value> = answers
        .iter()
        .flat_map(|(seed, answer)| questions(&instance(*seed), &answer.said, leave_out))
        .collect();
    let told = block_on(Peer::CpSat.ask(&asked)).expect("answers");
    let pairs = answers.iter().zip(told.chunks(2));
    let differs = pairs.filter_map(|((seed, answer), pair)| {
        Some((*seed, difference(&answer.said, &pair[0], &pair[1])?))
    });
    differs.collect()
}

#[test]
fn a_model_of_cp_sat_agrees_with_each_verdict_score_bound_and_number_of_moves() {
    let answers: Vec<_> = SEEDS.map(|seed| (seed, Answer::of(&instance(seed)))).collect();
    let differ = differences(&answers, None);
    assert!(differ.is_empty(), "{} differ: {:#?}", differ.len(), &differ[..differ.len().min(5)]);
    let count = |is: fn(&Answer) -> bool| answers.iter().filter(|(_, answer)| is(answer)).count();
    // The seeds are of use only if each verdict is among them often enough.
    let placed = count(|one| matches!(one.said, Said::Placed(..)));
    let blocked = count(|one| matches!(one.said, Said::Blocked));
    let impossible = count(|one| matches!(one.said, Said::Impossible));
    let refused = count(|one| matches!(one.said, Said::Refused));
    let bounds = count(|one| one.certified && matches!(one.said, Said::Placed(..)));
    let proofs = count(|one| one.certified && matches!(one.said, Said::Impossible));
    let all = format!(
        "{placed} placed, {bounds} with a certificate; {blocked} blocked; {impossible} impossible, \
         {proofs} with a certificate; {refused} refused"
    );
    assert!(placed >= 100 && blocked >= 20 && impossible >= 50 && refused >= 5, "{all}");
    assert!(bounds >= 50 && proofs >= 10, "{all}");
}

#[test]
fn a_rule_that_the_model_forgets_is_noticed() {
    let answers: Vec<_> = FEWER.map(|seed| (seed, Answer::of(&instance(seed)))).collect();
    for rule in [
        "never",
        "always",
        "avoid",
        "prefer",
        "itself",
        "attributes",
        "domains",
        "room",
        "ports",
        "running",
        "moves",
    ] {
        let found = differences(&answers, Some(rule));
        assert!(!found.is_empty(), "nobody notices that the model forgets {rule}");
    }
}

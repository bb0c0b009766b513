//! Updates by a task's own rule: batches, what stays ready, what runs beside, canaries, bakes, and
//! the way back from a version that fails.

use super::rig::{Rig, page};
use crate::framework::Framework;
use crate::framework::command::{Answer, ChangeKind};
use crate::framework::event::{Edit, Event, Question, TaskState};
use crate::framework::ids::FrameworkId;
use crate::framework::records::{Recovered, Write};

fn ruled(count: u32, rule: &str) -> String {
    format!("{}update = {{ {rule} }}\n", page(count))
}

fn next(source: &str) -> String {
    source.replace("version = \"1.0.0\"", "version = \"1.1.0\"")
}

fn versions(rig: &Rig) -> Vec<String> {
    rig.instances().into_iter().map(|one| one.version).collect()
}

fn slots(rig: &Rig) -> Vec<u32> {
    rig.instances().into_iter().map(|one| one.slot).collect()
}

/// Time passes without anything happening from outside.
fn pass(rig: &mut Rig, ms: u64) {
    rig.now += ms;
    rig.step(Event::TimePassed);
    rig.write_all();
}

/// What was told to end ends, and what follows becomes ready.
fn obey(rig: &mut Rig) {
    for id in std::mem::take(&mut rig.to_end) {
        rig.end(&id, TaskState::Killed);
    }
    for _ in 0..4 {
        rig.write_all();
        rig.offer_all();
        rig.write_all();
    }
}

fn obey_and_start(rig: &mut Rig) {
    obey(rig);
    start(rig, TaskState::Running);
}

/// What was launched becomes ready, or ends without having been.
fn start(rig: &mut Rig, outcome: TaskState) {
    for id in std::mem::take(&mut rig.launched) {
        for state in [TaskState::Starting, outcome] {
            let status = rig.status(&id, state, Some(1));
            rig.step(Event::StatusArrived(status));
            rig.write_all();
        }
    }
}

fn rollout(rig: &Rig) -> Option<lathe_api::rest::RolloutView> {
    rig.framework.status().topologies[0].tasks[0].rollout.clone()
}

fn revision(rig: &Rig) -> (u64, String) {
    let present = rig.framework.revisions("first").unwrap().remove(0);
    (present.revision, present.cause)
}

#[test]
fn so_many_at_a_time_as_the_rule_says_and_the_next_when_these_have_baked() {
    let source = ruled(5, "parallel = 2, bake = \"3s\"");
    let mut rig = Rig::running(&source);
    rig.submit(&next(&source));
    rig.write_all();
    assert_eq!(rig.kills(), ["page#0.1", "page#1.1"]);
    obey_and_start(&mut rig);
    pass(&mut rig, 2_900);
    assert_eq!(rig.kills().len(), 2, "they have not baked yet");
    assert_eq!(rollout(&rig).unwrap().state, "baking");
    assert_eq!(rollout(&rig).unwrap().until_ms, Some(rig.now + 100));
    assert_eq!(rig.framework.next_deadline(), Some(rig.now + 100));
    pass(&mut rig, 100);
    assert_eq!(rig.kills()[2..], ["page#2.1", "page#3.1"]);
    let view = rollout(&rig).unwrap();
    assert_eq!((view.replaced, view.of, view.state.as_str()), (2, 5, "replacing"));
    rig.settle();
    assert_eq!(versions(&rig), ["1.1.0"; 5]);
    assert_eq!(rollout(&rig), None);
    assert!(matches!(rig.answers.last(), Some(Answer::Done { revision: 2, ready: 5, .. })));
}

#[test]
fn a_batch_is_never_so_large_that_too_few_stay_ready() {
    let source = ruled(5, "parallel = 4, min_healthy = 3, bake = \"0\"");
    let mut rig = Rig::running(&source);
    rig.submit(&next(&source));
    rig.write_all();
    assert_eq!(rig.kills(), ["page#0.1", "page#1.1"], "three of five stay");
    // One more is lost by itself: nothing further ends before all are back.
    rig.end("page#4.1", TaskState::Failed);
    obey(&mut rig);
    assert_eq!(rig.kills().len(), 2);
    start(&mut rig, TaskState::Running);
    pass(&mut rig, 0);
    assert_eq!(rig.kills().len(), 4, "{:?}", rig.kills());
}

#[test]
fn an_update_of_what_has_not_held_yet_is_told_when_nothing_runs_beside_it_any_more() {
    let source = ruled(3, "min_healthy = \"100%\", max_surge = 1, bake = \"10m\"");
    let mut rig = Rig::running(&source);
    rig.submit(&next(&source));
    rig.write_all();
    for _ in 0..8 {
        obey_and_start(&mut rig);
        pass(&mut rig, 600_000);
    }
    assert_eq!(slots(&rig), [0, 1, 2]);
    let told = rig.answers.iter().find_map(|answer| match answer {
        Answer::Done { revision: 2, ready, .. } => Some(*ready),
        _ => None,
    });
    assert_eq!(told, Some(3));
}

#[test]
fn more_run_meanwhile_and_are_gone_afterwards() {
    let source = ruled(3, "min_healthy = \"100%\", max_surge = 1, bake = \"1s\"");
    let mut rig = Rig::running(&source);
    rig.submit(&next(&source));
    rig.write_all();
    assert!(rig.kills().is_empty(), "the one beside them comes first");
    obey(&mut rig);
    assert_eq!(slots(&rig), [0, 1, 2, 3]);
    assert_eq!(rig.launched, ["page#3.1"]);
    start(&mut rig, TaskState::Running);
    assert!(rig.kills().is_empty(), "it has not baked yet");
    pass(&mut rig, 1_000);
    assert_eq!(rig.kills(), ["page#0.1"]);
    let view = rollout(&rig).unwrap();
    assert_eq!((view.replaced, view.surge), (0, 1));
    for kills in [2, 3] {
        obey_and_start(&mut rig);
        assert_eq!(rig.kills().len(), kills - 1);
        pass(&mut rig, 1_000);
        assert_eq!(rig.kills().len(), kills);
    }
    obey_and_start(&mut rig);
    pass(&mut rig, 1_000);
    assert_eq!(rig.kills()[3..], ["page#3.1"], "its time is over");
    rig.settle();
    assert_eq!(slots(&rig), [0, 1, 2]);
    assert_eq!(versions(&rig), ["1.1.0"; 3]);
    assert!(matches!(rig.answers.last(), Some(Answer::Done { revision: 2, ready: 3, .. })));
}

#[test]
fn what_has_no_place_beside_them_is_done_without_only_where_enough_stay_ready() {
    // Each host has room for one instance.
    let large = "resources = { cpus = 2.5 }\n";
    let strict = format!("{}{large}", ruled(3, "min_healthy = \"100%\", max_surge = 1"));
    let mut rig = Rig::running(&strict);
    rig.submit(&next(&strict));
    rig.settle();
    assert!(rig.kills().is_empty());
    assert_eq!(versions(&rig), ["1.0.0"; 3], "it was undone for its caller");
    assert!(matches!(rig.answers.last(), Some(Answer::Refused(r)) if r.verdict == "reverted"));
    let lenient = format!("{}{large}", ruled(3, "min_healthy = 2, max_surge = 1"));
    rig.submit(&next(&lenient));
    rig.settle();
    rig.settle();
    assert_eq!(versions(&rig), ["1.1.0"; 3]);
}

#[test]
fn canaries_go_first_and_the_rest_follows_once_they_have_baked() {
    let source = ruled(6, "parallel = 3, canary = 1, bake = \"5s\"");
    let mut rig = Rig::running(&source);
    rig.submit(&next(&source));
    rig.write_all();
    assert_eq!(rig.kills(), ["page#0.1"]);
    obey_and_start(&mut rig);
    assert!(rollout(&rig).unwrap().canary);
    pass(&mut rig, 4_999);
    assert_eq!(rig.kills().len(), 1);
    pass(&mut rig, 1);
    assert_eq!(rig.kills()[1..], ["page#1.1", "page#2.1", "page#3.1"]);
    assert!(!rollout(&rig).unwrap().canary);
}

#[test]
fn a_pause_stops_an_update_between_two_batches_and_a_resume_goes_on() {
    let source = ruled(3, "max_surge = 1, min_healthy = 3, bake = \"1s\"");
    let mut rig = Rig::running(&source);
    rig.submit(&next(&source));
    obey_and_start(&mut rig);
    pass(&mut rig, 1_000);
    assert_eq!(rig.kills(), ["page#0.1"]);
    let pause = |paused| Edit::Pause { topology: "first".to_owned(), paused };
    rig.edit(pause(true));
    rig.write_all();
    obey_and_start(&mut rig);
    rig.settle();
    assert_eq!(rig.kills(), ["page#0.1"], "paused means paused");
    assert_eq!(rollout(&rig).unwrap().state, "paused");
    rig.edit(pause(false));
    rig.settle();
    assert_eq!(versions(&rig), ["1.1.0"; 3]);
    assert_eq!(slots(&rig), [0, 1, 2]);
}

#[test]
fn a_version_that_ends_early_gives_way_to_what_ran_before() {
    let source = ruled(4, "bake = \"2s\"");
    let mut rig = Rig::running(&source);
    rig.submit(&next(&source));
    rig.write_all();
    for _ in 0..3 {
        obey(&mut rig);
        start(&mut rig, TaskState::Failed);
    }
    let (number, cause) = revision(&rig);
    assert_eq!(number, 3);
    assert!(
        cause.starts_with("rolled back by itself from revision 2: page#0 of 1.1.0 ended early 3"),
        "{cause}"
    );
    let Some(Answer::Refused(refused)) = rig.answers.last() else { panic!("{:?}", rig.answers) };
    assert_eq!(refused.verdict, "reverted");
    assert_eq!(refused.refusal.reasons[0].code.to_string(), "LT0408");
    rig.settle();
    assert_eq!(versions(&rig), ["1.0.0"; 4]);
    assert_eq!(rig.kills(), ["page#0.1"], "nothing else was touched");
}

#[test]
fn what_was_updated_already_goes_back_by_the_same_rule() {
    let source = ruled(4, "parallel = 2, bake = \"2s\"");
    let mut rig = Rig::running(&source);
    rig.submit(&next(&source));
    rig.write_all();
    obey_and_start(&mut rig);
    pass(&mut rig, 2_000);
    assert_eq!(rig.kills().len(), 4);
    for _ in 0..3 {
        obey(&mut rig);
        start(&mut rig, TaskState::Failed);
    }
    assert_eq!(revision(&rig).0, 3);
    rig.settle();
    assert_eq!(versions(&rig), ["1.0.0"; 4]);
    assert_eq!(rig.kills()[4..], ["page#0.2", "page#1.2"]);
}

#[test]
fn what_fails_while_it_bakes_has_failed_however_long_the_bake_is() {
    let source = ruled(3, "bake = \"60s\"");
    let mut rig = Rig::connected(3);
    rig.submit(&source);
    rig.settle();
    pass(&mut rig, 60_000);
    rig.submit(&next(&source));
    rig.write_all();
    for round in 2..5 {
        obey_and_start(&mut rig);
        pass(&mut rig, 40_000);
        rig.end(&format!("page#0.{round}"), TaskState::Failed);
        rig.write_all();
    }
    assert_eq!(revision(&rig).0, 3, "{:?}", rig.instances());
}

#[test]
fn what_never_becomes_ready_has_failed() {
    let source = ruled(3, "bake = \"1s\"");
    let mut rig = Rig::running(&source);
    rig.submit(&next(&source));
    rig.write_all();
    obey(&mut rig);
    let id = rig.launched.remove(0);
    let status = rig.status(&id, TaskState::Starting, Some(1));
    rig.step(Event::StatusArrived(status));
    rig.write_all();
    pass(&mut rig, 119_999);
    assert_eq!(revision(&rig).0, 2);
    pass(&mut rig, 1);
    let (number, cause) = revision(&rig);
    assert_eq!(number, 3);
    assert!(cause.ends_with("page#0 of 1.1.0 was not ready within 120 s"), "{cause}");
    assert_eq!(rig.kills(), ["page#0.1", "page#0.2"], "what does not serve goes at once");
    rig.settle();
    assert_eq!(versions(&rig), ["1.0.0"; 3]);
}

#[test]
fn a_way_back_that_fails_too_is_held_back_and_not_gone_on_from() {
    let source = ruled(2, "bake = \"1s\"");
    let mut rig = Rig::running(&source);
    rig.submit(&next(&source));
    rig.write_all();
    for _ in 0..12 {
        obey(&mut rig);
        start(&mut rig, TaskState::Failed);
        pass(&mut rig, 30_000);
    }
    assert_eq!(revision(&rig).0, 3, "one way back, and no more");
    assert_eq!(rig.kills(), ["page#0.1"]);
    let reason = rig.instances()[0].reason.clone().unwrap_or_default();
    assert!(reason.contains("version 1.0.0 is held back"), "{reason}");
}

#[test]
fn without_leave_to_go_back_a_failing_version_halts() {
    let source = ruled(4, "parallel = 2, bake = \"1s\", auto_rollback = false");
    let mut rig = Rig::running(&source);
    rig.submit(&next(&source));
    rig.write_all();
    for _ in 0..3 {
        obey(&mut rig);
        start(&mut rig, TaskState::Failed);
    }
    pass(&mut rig, 60_000);
    assert_eq!(revision(&rig).0, 2);
    assert_eq!(rig.kills().len(), 2);
    assert_eq!(rollout(&rig).unwrap().state, "halted");
}

#[test]
fn a_first_version_that_fails_has_nothing_to_go_back_to() {
    let source = ruled(2, "bake = \"1s\"");
    let mut rig = Rig::connected(3);
    rig.submit(&source);
    for _ in 0..4 {
        obey(&mut rig);
        start(&mut rig, TaskState::Failed);
        pass(&mut rig, 5_000);
    }
    assert_eq!(revision(&rig).0, 1);
    // Nor has the next one: no version has run as wanted yet.
    rig.submit(&next(&source));
    for _ in 0..4 {
        obey(&mut rig);
        start(&mut rig, TaskState::Failed);
        pass(&mut rig, 5_000);
    }
    assert_eq!(revision(&rig).0, 2);
}

#[test]
fn an_update_that_is_overtaken_goes_back_to_what_ran_as_wanted_last() {
    let source = ruled(4, "bake = \"2s\"");
    let mut rig = Rig::running(&source);
    rig.submit(&next(&source));
    rig.write_all();
    obey_and_start(&mut rig);
    // Another change on top, before the first one was over.
    rig.submit(&format!("{}env = {{ MODE = \"new\" }}\n", next(&source)));
    rig.write_all();
    assert_eq!(revision(&rig).0, 3);
    for _ in 0..4 {
        obey(&mut rig);
        start(&mut rig, TaskState::Failed);
        pass(&mut rig, 2_000);
    }
    assert_eq!(revision(&rig).0, 4);
    rig.settle();
    rig.settle();
    assert_eq!(versions(&rig), ["1.0.0"; 4]);
}

#[test]
fn other_topologies_and_tasks_do_not_notice() {
    let other = "[topology]\nname = \"other\"\n[task.other]\ncrate = \"app\"\nversion = \"1.0.0\"\n\
                 task = \"my::Page\"\ntasks = 2\n";
    let source = format!(
        "{}[task.quiet]\ncrate = \"app\"\nversion = \"1.0.0\"\ntask = \"my::Page\"\ntasks = 2\n",
        ruled(2, "bake = \"1s\"")
    );
    let mut rig = Rig::running(&source);
    rig.submit_named("other", other);
    rig.settle();
    rig.submit(&source.replacen("version = \"1.0.0\"", "version = \"1.1.0\"", 1));
    rig.write_all();
    for _ in 0..3 {
        obey(&mut rig);
        start(&mut rig, TaskState::Failed);
    }
    rig.settle();
    assert_eq!(revision(&rig).0, 3);
    assert_eq!(rig.kills(), ["page#0.1"]);
}

#[test]
fn a_restart_goes_by_the_rule_too() {
    let source = ruled(3, "min_healthy = 3, max_surge = 1, bake = \"1s\"");
    let mut rig = Rig::running(&source);
    rig.edit(Edit::Restart { what: "page".to_owned() });
    rig.write_all();
    assert!(rig.kills().is_empty());
    obey_and_start(&mut rig);
    pass(&mut rig, 1_000);
    assert_eq!(rig.kills(), ["page#0.1"]);
    rig.settle();
    assert_eq!(slots(&rig), [0, 1, 2]);
    let lives: Vec<_> = rig.instances().into_iter().filter_map(|one| one.incarnation).collect();
    assert_eq!(lives, ["page#0.2", "page#1.2", "page#2.2"]);
    assert_eq!(revision(&rig).0, 1);
}

#[test]
fn a_plan_says_how_the_update_would_go() {
    let source = ruled(6, "parallel = 2, max_surge = 1, canary = 1, bake = \"30s\"");
    let mut rig = Rig::running(&source);
    let edit = Edit::Source(rig.submission(&next(&source)));
    rig.ask(Question::Plan { edit, max_moves: 0 });
    let Some(Answer::Planned(view)) = rig.answers.last() else { panic!("{:?}", rig.answers) };
    assert!(view.changes.iter().all(|change| change.kind == ChangeKind::Replace));
    assert_eq!(
        view.notes,
        ["page: 6 replaced, 2 at a time, 1 first as canary, 1 more than 6 run meanwhile, \
          at least 5 stay ready, each batch bakes for 30 s, what fails is rolled back by itself"]
    );
}

#[test]
fn another_rule_alone_restarts_nothing() {
    let mut rig = Rig::running(&ruled(3, "bake = \"1s\""));
    rig.submit(&ruled(3, "bake = \"2s\", parallel = 3"));
    rig.settle();
    assert!(rig.kills().is_empty());
    assert_eq!(revision(&rig).0, 2);
    rig.submit(&format!("{}greeting = \"other\"\n", ruled(3, "bake = \"2s\", parallel = 3")));
    rig.settle();
    assert!(rig.kills().is_empty(), "and neither do other own keys");
}

#[test]
fn a_new_leader_goes_on_where_the_old_one_stopped() {
    let source = ruled(3, "min_healthy = 3, max_surge = 1, canary = 1, bake = \"5s\"");
    let mut rig = Rig::running(&source);
    rig.submit(&next(&source));
    obey_and_start(&mut rig);
    pass(&mut rig, 5_000);
    assert_eq!(rig.kills(), ["page#0.1"]);
    obey_and_start(&mut rig);
    pass(&mut rig, 4_000);
    let recovered = Recovered {
        term: 2,
        framework_id: Some(FrameworkId("f-1".to_owned())),
        topologies: rig.framework.wanted.topologies().values().map(|a| a.record.clone()).collect(),
        revisions: rig.framework.history["first"].values().cloned().collect(),
        instances: rig.framework.instances.values().cloned().collect(),
        ..Recovered::default()
    };
    rig.framework = Framework::new(rig.framework.config.clone());
    rig.step(Event::Recovered(recovered));
    let framework_id = FrameworkId("f-1".to_owned());
    rig.step(Event::Subscribed { framework_id, master: "m:5050".to_owned() });
    rig.seen.clear();
    rig.write_all();
    pass(&mut rig, 999);
    assert!(rig.kills().is_empty(), "the canary still bakes: {:?}", rig.kills());
    pass(&mut rig, 1);
    assert_eq!(rig.kills(), ["page#1.1"]);
    rig.settle();
    rig.settle();
    assert_eq!(versions(&rig), ["1.1.0"; 3]);
    assert_eq!(slots(&rig), [0, 1, 2]);
}

#[test]
fn a_submission_that_waits_is_read_again_when_another_has_overtaken_it() {
    let source = ruled(2, "bake = \"1s\"");
    let mut rig = Rig::running(&source);
    let large = |name: &str| {
        format!(
            "[task.{name}]\ncrate = \"app\"\nversion = \"1.0.0\"\ntask = \"my::Page\"\ntasks = 3\n\
             resources = {{ cpus = 3.5 }}\n"
        )
    };
    rig.submit_named("other", &format!("[topology]\nname = \"other\"\n{}", large("big")));
    rig.settle();
    // There is no room for the second large one: it waits.
    let submission = rig.submission(&format!("{source}{}", large("large")));
    rig.ask(Question::Submit {
        edit: Edit::Source(submission),
        max_moves: 0,
        wait_ms: 600_000,
        id: "waits".to_owned(),
        may_stop: true,
        queues: true,
    });
    assert!(matches!(rig.answers.last(), Some(Answer::Blocked { .. })), "{:?}", rig.answers);
    // Meanwhile another one is updated, is bad, and goes back: two more revisions.
    rig.submit(&next(&source));
    rig.write_all();
    for _ in 0..3 {
        obey(&mut rig);
        start(&mut rig, TaskState::Failed);
    }
    assert_eq!(revision(&rig).0, 3);
    rig.settle();
    rig.ask(Question::Remove { name: "other".to_owned(), id: String::new() });
    rig.settle();
    assert_eq!(revision(&rig).0, 4, "{:?}", rig.answers.last());
    let ready = rig.instances().iter().filter(|one| one.state == "ready").count();
    assert_eq!(ready, 5, "{:?}", rig.instances());
}

#[test]
fn an_update_is_in_the_record_until_it_is_over() {
    let source = ruled(2, "max_surge = 1, bake = \"1s\"");
    let mut rig = Rig::running(&source);
    rig.submit(&next(&source));
    let written = rig.unwritten().into_iter().find_map(|write| match write {
        Write::Topology(record) => record.rollout,
        _ => None,
    });
    let rollout = written.expect("the revision says that it is an update");
    assert_eq!(rollout.good, 1);
    assert_eq!(rollout.changed.len(), 1);
    assert_eq!(rollout.surge.values().next().map(Vec::as_slice), Some(&[2][..]));
    rig.settle();
    let record = &rig.framework.wanted.get("first").unwrap().record;
    assert_eq!(record.rollout, None);
}

//! Edits by hand: scale, set, rollback, restart, pause; and versions that are held back.

use lathe_topology::TaskPath;
use serde_json::json;

use super::rig::{Rig, page};
use crate::framework::command::{Answer, ChangeKind};
use crate::framework::event::{Edit, Question, TaskState};
use crate::framework::records::Write;

fn scale(count: u32) -> Edit {
    Edit::Scale { task: "page".to_owned(), count }
}

fn set(key: &str, value: Option<serde_json::Value>) -> Edit {
    Edit::Set { task: "task.page".to_owned(), key: key.to_owned(), value }
}

fn restart(what: &str) -> Edit {
    Edit::Restart { what: what.to_owned() }
}

fn pause(paused: bool) -> Edit {
    Edit::Pause { topology: "first".to_owned(), paused }
}

fn back(revision: Option<u64>) -> Edit {
    Edit::Rollback { topology: "first".to_owned(), revision }
}

fn ids(rig: &Rig) -> Vec<String> {
    rig.instances().into_iter().filter_map(|one| one.incarnation).collect()
}

fn refusal(rig: &Rig) -> (String, String) {
    match rig.answers.last() {
        Some(Answer::Refused(refused)) => (
            refused.refusal.reasons[0].code.to_string(),
            format!("{} {}", refused.refusal.sentence, refused.refusal.hint),
        ),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_task_is_scaled_by_hand_and_the_next_file_says_so() {
    let mut rig = Rig::running(&page(2));
    rig.edit(scale(4));
    rig.settle();
    assert_eq!(ids(&rig), ["page#0.1", "page#1.1", "page#2.1", "page#3.1"]);
    assert!(matches!(rig.answers.last(), Some(Answer::Done { revision: 2, ready: 4, .. })));
    let edit = Edit::Source(rig.submission(&page(3)));
    rig.ask(Question::Plan { edit, max_moves: 0 });
    let Some(Answer::Planned(view)) = rig.answers.last() else { panic!("{:?}", rig.answers) };
    assert_eq!(view.notes, ["page: 4 → 3 instances (scaled by hand before)"]);
    rig.submit(&page(3));
    rig.settle();
    assert_eq!(ids(&rig).len(), 3);
    // The file's word is the last one: what was done by hand is over.
    let edit = Edit::Source(rig.submission(&page(3)));
    rig.ask(Question::Plan { edit, max_moves: 0 });
    let Some(Answer::Planned(view)) = rig.answers.last() else { panic!("{:?}", rig.answers) };
    assert!(view.notes.is_empty(), "{:?}", view.notes);
}

#[test]
fn scaling_down_needs_leave_to_stop_something() {
    let mut rig = Rig::running(&page(3));
    rig.edit_as(scale(1), false, "");
    assert_eq!(refusal(&rig).0, "LT0202");
    rig.edit(scale(1));
    rig.settle();
    assert_eq!(ids(&rig).len(), 1);
}

#[test]
fn an_own_key_is_set_and_taken_away_without_a_restart() {
    let mut rig = Rig::running(&page(2));
    let path: TaskPath = "page".parse().unwrap();
    rig.edit(set("greeting", Some(json!({ "text": "hello" }))));
    rig.settle();
    assert_eq!(rig.framework.tasks[&path].own["greeting"], json!({ "text": "hello" }));
    rig.edit(set("greeting", None));
    rig.settle();
    assert!(rig.framework.tasks[&path].own.is_empty());
    assert_eq!(ids(&rig), ["page#0.1", "page#1.1"]);
}

#[test]
fn keys_and_values_that_a_file_could_not_say_are_not_set() {
    let mut rig = Rig::running(&page(1));
    let before = rig.writes_seen;
    for (key, value, code) in [
        ("tasks", Some(json!(5)), "LT0407"),
        ("nothing", None, "LT0407"),
        ("", Some(json!(1)), "LT0108"),
        ("nil", Some(json!([1, null])), "LT0125"),
        ("large", Some(json!("x".repeat(100_000))), "LT0103"),
    ] {
        rig.edit(set(key, value));
        assert_eq!(refusal(&rig).0, code, "{key}");
    }
    rig.edit(Edit::Scale { task: "pge".to_owned(), count: 1 });
    assert_eq!(refusal(&rig).0, "LT0405");
    rig.edit(scale(u32::MAX));
    assert_eq!(refusal(&rig).0, "LT0107");
    assert_eq!(rig.writes_seen, before, "nothing was changed");
}

#[test]
fn what_was_before_can_be_had_back() {
    let mut rig = Rig::running(&page(2));
    rig.edit(back(None));
    assert_eq!(refusal(&rig).0, "LT0406");
    rig.submit(&page(2).replace("1.0.0", "1.1.0"));
    rig.settle();
    rig.edit(back(None));
    rig.settle();
    let versions: Vec<_> = rig.instances().into_iter().map(|one| one.version).collect();
    assert_eq!(versions, ["1.0.0", "1.0.0"]);
    let causes: Vec<_> = rig.framework.revisions("first").unwrap();
    let causes: Vec<_> = causes.into_iter().map(|one| (one.revision, one.cause)).collect();
    let submitted = "submitted".to_owned();
    assert_eq!(
        causes,
        [(3, "rolled back to revision 1".to_owned()), (2, submitted.clone()), (1, submitted)]
    );
    rig.edit(back(Some(7)));
    assert!(refusal(&rig).1.contains("kept are: 1, 2"), "{:?}", refusal(&rig));
}

#[test]
fn ten_revisions_are_kept() {
    let mut rig = Rig::running(&page(1));
    for note in 0..15 {
        rig.edit(set("note", Some(json!(note))));
        rig.settle();
    }
    let kept: Vec<_> =
        rig.framework.revisions("first").unwrap().into_iter().map(|one| one.revision).collect();
    assert_eq!(kept, (7..=16).rev().collect::<Vec<_>>());
}

#[test]
fn a_restart_of_one_instance_is_at_once_and_of_a_task_one_by_one() {
    let mut rig = Rig::running(&page(3));
    rig.edit_as(restart("page#1"), false, "");
    assert_eq!(refusal(&rig).0, "LT0202");
    rig.edit(restart("page#1"));
    rig.settle();
    assert_eq!(ids(&rig), ["page#0.1", "page#1.2", "page#2.1"]);
    assert!(matches!(rig.answers.last(), Some(Answer::Done { ready: 3, .. })));
    rig.seen.clear();
    rig.edit(restart("page"));
    for kills in 1..=3 {
        rig.write_all();
        assert_eq!(rig.kills().len(), kills, "one at a time");
        rig.settle_one_kill();
    }
    assert_eq!(ids(&rig), ["page#0.2", "page#1.3", "page#2.2"]);
    let hosts: Vec<_> = rig.instances().into_iter().filter_map(|one| one.host).collect();
    assert_eq!(hosts.len(), 3);
    rig.edit(restart("page#9"));
    assert_eq!(refusal(&rig).0, "LT0405");
}

#[test]
fn a_restart_tries_again_what_backs_off() {
    let mut rig = Rig::running(&page(1));
    // The first has proved itself before.
    for counter in 1..=4 {
        rig.end(&format!("page#0.{counter}"), TaskState::Failed);
        rig.settle_without_time();
    }
    assert_eq!(rig.instances()[0].state, "waiting");
    rig.edit(restart("first"));
    rig.settle_without_time();
    assert_eq!(rig.instances()[0].incarnation.as_deref(), Some("page#0.5"));
}

#[test]
fn a_paused_topology_is_healed_and_not_replaced_until_it_is_resumed() {
    let mut rig = Rig::running(&page(2));
    rig.edit(pause(true));
    rig.write_all();
    assert!(matches!(rig.answers.last(), Some(Answer::Done { ready: 2, .. })));
    rig.submit(&page(2).replace("1.0.0", "1.1.0"));
    rig.settle();
    assert_eq!(ids(&rig), ["page#0.1", "page#1.1"]);
    assert!(rig.framework.status().topologies[0].paused);
    // Its caller does not wait for what will not happen.
    assert!(matches!(rig.answers.last(), Some(Answer::Done { revision: 2, .. })));
    rig.edit(restart("page"));
    assert_eq!(refusal(&rig).0, "LT0402");
    rig.end("page#0.1", TaskState::Failed);
    rig.settle();
    assert_eq!(ids(&rig), ["page#0.2", "page#1.1"]);
    rig.edit(pause(false));
    rig.settle();
    assert_eq!(ids(&rig), ["page#0.2", "page#1.2"]);
}

#[test]
fn the_same_edit_with_the_same_id_is_done_once() {
    let mut rig = Rig::running(&page(2));
    for _ in 0..2 {
        rig.edit_as(restart("page#0"), true, "once");
        rig.settle();
        assert!(matches!(rig.answers.last(), Some(Answer::Done { .. })), "{:?}", rig.answers);
    }
    assert_eq!(ids(&rig), ["page#0.2", "page#1.1"]);
}

#[test]
fn a_plan_of_a_restart_says_what_it_stops() {
    let mut rig = Rig::running(&page(2));
    let before = rig.writes_seen;
    rig.ask(Question::Plan { edit: restart("page"), max_moves: 0 });
    let Some(Answer::Planned(view)) = rig.answers.last() else { panic!("{:?}", rig.answers) };
    assert!(view.changes.iter().all(|change| change.kind == ChangeKind::Replace));
    assert_eq!((view.changes.len(), rig.writes_seen), (2, before));
}

/// Ends whatever becomes ready, at once.
fn crash_for(rig: &mut Rig, seconds: u64) -> usize {
    let before = rig.accepted();
    for _ in 0..seconds * 2 {
        let ready: Vec<_> = rig
            .instances()
            .into_iter()
            .filter(|one| one.state == "ready" && one.version == "1.1.0")
            .filter_map(|one| one.incarnation)
            .collect();
        for id in ready {
            rig.end(&id, TaskState::Failed);
        }
        rig.settle_without_time();
        rig.now += 500;
        rig.step(crate::framework::event::Event::TimePassed);
    }
    rig.accepted() - before
}

#[test]
fn a_bad_version_stops_launching_and_leaves_what_runs_alone() {
    let mut rig = Rig::connected(3);
    rig.submit(&page(6).replace("1.0.0", "1.1.0"));
    // Three free ends of six slots are 18 launches, and a slot that backs off by itself would be
    // tried some eight times within the minute.
    let launches = crash_for(&mut rig, 60);
    assert!((18..36).contains(&launches), "{launches} launches of a bad version in a minute");
    let launches = crash_for(&mut rig, 300);
    assert!(launches < 10, "{launches} launches of a bad version in five minutes");
    let reason = rig.instances()[0].reason.clone().unwrap_or_default();
    assert!(reason.contains("held back"), "{reason}");
    // Once it keeps running, all of it comes.
    for _ in 0..1_200 {
        rig.settle_without_time();
        rig.now += 1_000;
        rig.step(crate::framework::event::Event::TimePassed);
    }
    assert!(rig.instances().iter().all(|one| one.state == "ready"), "{:?}", rig.instances());
}

#[test]
fn what_has_proved_itself_is_healed_at_once_beside_a_bad_version() {
    let mut rig = Rig::running(&page(4));
    rig.now += 20_000;
    for slot in [0, 1] {
        for counter in 1..=4 {
            let id = format!("page#{slot}.{counter}");
            if counter > 1 {
                rig.now += 1;
            }
            rig.end(&id, TaskState::Failed);
            rig.settle_without_time();
        }
    }
    let waiting = rig.instances().iter().filter(|one| one.state == "waiting").count();
    assert_eq!(waiting, 2, "{:?}", rig.instances());
    rig.end("page#2.1", TaskState::Killed);
    rig.settle_without_time();
    assert_eq!(rig.instances()[2].incarnation.as_deref(), Some("page#2.2"));
    assert_eq!(rig.instances()[2].state, "ready");
}

#[test]
fn an_instance_that_waits_is_explained_host_by_host() {
    let mut rig = Rig::running(&format!("{}biases = [[\"page\", \"never\"]]\n", page(3)));
    // One host is lost for good: its instance finds no other.
    rig.hosts = 2;
    rig.end("page#2.1", TaskState::Gone);
    rig.settle();
    let explained = rig.framework.explain(rig.now, "page#2").unwrap();
    assert_eq!(explained.instance.state, "waiting");
    let scene = explained.scene.unwrap();
    let at = (&explained.task, explained.slot);
    let weighed =
        lathe_placement::weigh(&scene.cluster, &scene.topology, &scene.running, &scene.options, at);
    assert_eq!(weighed.len(), 2);
    assert!(weighed.iter().all(|host| !host.is_possible()), "{weighed:?}");
    assert!(rig.framework.explain(rig.now, "page#7").is_none());
}

#[test]
fn a_slot_of_a_bad_version_that_is_lost_with_its_host_is_tried_again() {
    let mut rig = Rig::running(&page(2));
    for counter in 1..=4 {
        rig.end(&format!("page#0.{counter}"), TaskState::Failed);
        rig.settle_without_time();
    }
    rig.now += 1_000;
    rig.settle();
    assert_eq!(rig.instances()[0].incarnation.as_deref(), Some("page#0.5"));
    let status = rig.status("page#0.5", TaskState::Unreachable, None);
    rig.step(crate::framework::event::Event::StatusArrived(status));
    rig.settle();
    assert_eq!(rig.instances()[0].incarnation.as_deref(), Some("page#0.6"));
}

fn queued(rig: &mut Rig, name: &str, source: &str, wait_ms: u64) {
    let edit = Edit::Source(rig.submission_named(name, source));
    let id = String::new();
    let queues = true;
    rig.ask(Question::Submit { edit, max_moves: 0, wait_ms, id, may_stop: true, queues });
}

/// A host of four processors is full of one of these.
fn wide(name: &str, count: u32) -> String {
    page(count).replace("page", name).replace("first", name) + "resources = { cpus = 3.0 }\n"
}

#[test]
fn a_blocked_submission_waits_for_room_where_it_asks_to() {
    let mut rig = Rig::connected(2);
    rig.submit_named("old", &wide("old", 2));
    rig.settle();
    rig.answers.clear();
    queued(&mut rig, "new", &wide("new", 1), 60_000);
    rig.settle();
    let told = rig.answers.iter().filter(|one| matches!(one, Answer::Blocked { .. })).count();
    assert_eq!(told, 1, "the same is not said again: {:?}", rig.answers);
    rig.ask(Question::Remove { name: "old".to_owned(), id: String::new() });
    rig.settle();
    assert_eq!(ids(&rig), ["new#0.1"]);
}

#[test]
fn a_blocked_submission_is_refused_with_what_is_missing_when_its_time_is_over() {
    let mut rig = Rig::connected(1);
    rig.submit_named("old", &wide("old", 1));
    rig.settle();
    let before = rig.writes_seen;
    queued(&mut rig, "new", &wide("new", 1), 3_000);
    rig.settle();
    let (code, text) = refusal(&rig);
    assert!(code == "LT0202" || text.contains("cpus"), "{code} {text}");
    assert_eq!(rig.writes_seen, before);
}

#[test]
fn an_edit_of_what_is_being_removed_does_not_bring_it_back() {
    let mut rig = Rig::running(&page(1));
    rig.ask(Question::Remove { name: "first".to_owned(), id: "gone".to_owned() });
    // The removal is on its way to the store when the next question comes.
    rig.edit(Edit::Pause { topology: "first".to_owned(), paused: true });
    let mut written = Vec::new();
    while !rig.unwritten().is_empty() {
        written.extend(rig.unwritten());
        rig.write_all();
    }
    let last = written
        .iter()
        .rfind(|write| matches!(write, Write::Topology(_) | Write::TopologyRemoved(_)));
    assert!(matches!(last, Some(Write::TopologyRemoved(_))), "{last:?}");
}

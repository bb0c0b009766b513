//! The machine, step by step: what it asks for, in which order, and what it leaves alone.

mod edits;
mod hosts;
mod leaving;
mod losses;
mod out_of_reach;
mod refusals;
mod repairs;
mod rig;
mod rollout;

use lathe_topology::TaskPath;
use rig::{Rig, page};

use super::command::{Answer, Call, ChangeKind, Command};
use super::event::{Edit, Event, Question, TaskState};
use super::ids::{FrameworkId, Incarnation};
use super::records::Write;

#[test]
fn nothing_is_launched_before_its_intent_is_durable() {
    let mut rig = Rig::connected(3);
    rig.submit(&page(2));
    rig.offer_all();
    let writes = rig.unwritten();
    assert!(writes.iter().any(|write| matches!(write, Write::Topology(_))));
    assert_eq!(writes.iter().filter(|write| matches!(write, Write::Instance(_))).count(), 2);
    assert_eq!(rig.accepted(), 0, "the store has not answered yet");
    rig.write_all();
    assert_eq!(rig.accepted(), 2);
}

#[test]
fn a_status_is_acknowledged_after_its_record_and_only_with_a_uuid() {
    let mut rig = Rig::running(&page(1));
    rig.step(Event::StatusArrived(rig.status("page#0.1", TaskState::Killing, None)));
    assert!(rig.acknowledged().is_empty());
    rig.step(Event::StatusArrived(rig.status("page#0.1", TaskState::Failed, Some(9))));
    assert!(rig.acknowledged().is_empty(), "its record is not durable yet");
    rig.write_all();
    assert_eq!(rig.acknowledged(), ["page#0.1"]);
}

#[test]
fn a_status_that_comes_twice_waits_for_the_first_ones_record() {
    let mut rig = Rig::running(&page(1));
    let status = rig.status("page#0.1", TaskState::Killing, Some(1));
    rig.step(Event::StatusArrived(status.clone()));
    rig.step(Event::StatusArrived(status));
    assert!(rig.acknowledged().is_empty());
    rig.write_all();
    assert_eq!(rig.acknowledged().len(), 2);
}

#[test]
fn the_same_file_again_changes_nothing() {
    let mut rig = Rig::running(&page(2));
    let before = rig.writes_seen;
    rig.submit(&page(2));
    let done = rig.answers.last();
    assert!(matches!(done, Some(Answer::Done { changed: false, ready: 2, .. })), "{done:?}");
    assert_eq!(rig.writes_seen, before);
}

#[test]
fn an_edited_count_changes_just_that() {
    let mut rig = Rig::running(&page(2));
    rig.submit(&page(3));
    rig.settle();
    let ids: Vec<_> = rig.instances().into_iter().filter_map(|one| one.incarnation).collect();
    assert_eq!(ids, ["page#0.1", "page#1.1", "page#2.1"]);
    rig.submit(&page(1));
    rig.settle();
    let ids: Vec<_> = rig.instances().into_iter().filter_map(|one| one.incarnation).collect();
    assert_eq!(ids, ["page#0.1"]);
}

#[test]
fn other_own_keys_reach_the_record_and_restart_nothing() {
    let mut rig = Rig::running(&page(2));
    let path: TaskPath = "page".parse().unwrap();
    rig.submit(&format!("{}greeting = \"other\"\n", page(2)));
    rig.settle();
    assert_eq!(rig.framework.tasks[&path].own["greeting"], "other");
    let ids: Vec<_> = rig.instances().into_iter().filter_map(|one| one.incarnation).collect();
    assert_eq!(ids, ["page#0.1", "page#1.1"]);
}

#[test]
fn other_contents_replace_one_instance_after_the_other() {
    let mut rig = Rig::running(&page(3));
    rig.submit(&page(3).replace("1.0.0", "1.1.0"));
    let mut kills = 0;
    for _ in 0..3 {
        rig.write_all();
        assert_eq!(rig.kills().len(), kills + 1, "one at a time");
        kills = rig.kills().len();
        rig.settle_one_kill();
    }
    let versions: Vec<_> = rig.instances().into_iter().map(|one| one.version).collect();
    assert_eq!(versions, ["1.1.0", "1.1.0", "1.1.0"]);
}

#[test]
fn what_would_stop_something_needs_leave() {
    let mut rig = Rig::running(&page(2));
    rig.submit_as(&page(1), false);
    assert!(matches!(rig.answers.last(), Some(Answer::Refused(_))));
    assert!(rig.kills().is_empty());
}

#[test]
fn a_move_that_was_allowed_makes_room_for_what_waits_for_it() {
    let mut rig = Rig::connected(2);
    let small = format!("{}resources = {{ cpus = 1.5 }}\n", page(2));
    rig.submit(&small);
    rig.settle();
    let big = "[task.big]\ncrate = \"app\"\nversion = \"1.0.0\"\ntask = \"my::Page\"\ntasks = 1\n\
               resources = { cpus = 3.5 }\n";
    rig.submit(&format!("{small}{big}"));
    assert!(matches!(rig.answers.last(), Some(Answer::Refused(_))), "{:?}", rig.answers.last());
    rig.submit_moving(&format!("{small}{big}"), 1);
    rig.settle();
    let states: Vec<_> = rig.instances().into_iter().map(|one| one.state).collect();
    assert_eq!(states, ["ready", "ready", "ready"]);
    let hosts: Vec<_> = rig.instances().into_iter().filter_map(|one| one.host).collect();
    assert!(hosts[1] == hosts[2] && hosts[0] != hosts[1], "{hosts:?}");
}

#[test]
fn what_cannot_be_carried_out_any_more_is_reverted() {
    let mut rig = Rig::running(&page(2));
    rig.submit(&format!("{}resources = {{ cpus = 3.0 }}\n", page(2)));
    // While the instances are replaced one by one, two of the three hosts are lost.
    rig.hosts = 1;
    rig.settle();
    let reverted = rig.answers.iter().find_map(|answer| match answer {
        Answer::Refused(refused) => Some(refused.verdict.clone()),
        _ => None,
    });
    assert_eq!(reverted.as_deref(), Some("reverted"), "{:?}", rig.answers);
    rig.settle();
    let view = &rig.framework.status().topologies[0];
    assert_eq!((view.revision, view.tasks[0].ready), (3, 2));
}

#[test]
fn reverting_what_two_callers_wait_for_does_not_bring_a_revision_back() {
    let mut rig = Rig::running(&page(2));
    let large = |more: &str| format!("{}resources = {{ cpus = 3.0 }}\n{more}", page(2));
    rig.submit(&large(""));
    rig.write_all();
    rig.submit(&large("args = [\"other\"]\n"));
    rig.write_all();
    assert_eq!(rig.framework.status().topologies[0].revision, 3);
    rig.hosts = 1;
    rig.settle();
    rig.settle();
    let view = &rig.framework.status().topologies[0];
    assert_eq!((view.revision, view.tasks[0].ready), (4, 2), "{:?}", rig.answers);
}

#[test]
fn a_plan_says_what_would_happen_and_changes_nothing() {
    let mut rig = Rig::running(&page(2));
    let before = rig.writes_seen;
    let submission = rig.submission(&page(3).replace("1.0.0", "1.1.0"));
    rig.ask(Question::Plan { edit: Edit::Source(submission), max_moves: 0 });
    let Some(Answer::Planned(view)) = rig.answers.last() else { panic!("{:?}", rig.answers) };
    let kinds: Vec<_> = view.changes.iter().map(|change| change.kind).collect();
    assert_eq!(kinds, [ChangeKind::Replace, ChangeKind::Replace, ChangeKind::Start]);
    assert_eq!(rig.writes_seen, before);
}

#[test]
fn an_impossible_topology_is_refused_and_writes_nothing() {
    let mut rig = Rig::connected(2);
    let before = rig.writes_seen;
    rig.submit(&format!("{}tags = [\"p\"]\nbiases = [[\"p\", \"never\"]]\n", page(3)));
    let Some(Answer::Refused(refused)) = rig.answers.last() else { panic!("{:?}", rig.answers) };
    assert_eq!(refused.verdict, "impossible");
    assert_eq!(rig.writes_seen, before);
}

#[test]
fn a_task_of_another_topology_is_refused_by_name() {
    let mut rig = Rig::running(&page(1));
    let mut submission = rig.submission(&page(1));
    submission.name = "second".to_owned();
    rig.ask(Question::Submit {
        edit: Edit::Source(submission),
        max_moves: 0,
        wait_ms: 0,
        queues: false,
        id: String::new(),
        may_stop: true,
    });
    let Some(Answer::Refused(refused)) = rig.answers.last() else { panic!("{:?}", rig.answers) };
    assert!(refused.refusal.sentence.contains("`first`"), "{}", refused.refusal.sentence);
}

#[test]
fn the_third_early_end_backs_the_slot_off_and_a_kill_never_counts() {
    let mut rig = Rig::running(&page(1));
    rig.end("page#0.1", TaskState::Killed);
    rig.settle_without_time();
    for counter in 2..=3 {
        rig.end(&format!("page#0.{counter}"), TaskState::Failed);
        rig.settle_without_time();
        assert_eq!(rig.framework.instances.values().next().unwrap().counter, counter + 1);
    }
    rig.end("page#0.4", TaskState::Failed);
    rig.settle_without_time();
    assert_eq!(rig.instances()[0].state, "waiting");
    rig.now += 1_000;
    rig.settle();
    assert_eq!(rig.instances()[0].incarnation.as_deref(), Some("page#0.5"));
}

#[test]
fn an_instance_that_has_proved_itself_is_replaced_at_once() {
    let mut rig = Rig::running(&page(1));
    for counter in 1..=5 {
        rig.now += 10_000;
        rig.end(&format!("page#0.{counter}"), TaskState::Failed);
        rig.settle_without_time();
    }
    assert_eq!(rig.instances()[0].incarnation.as_deref(), Some("page#0.6"));
}

#[test]
fn a_life_that_comes_back_after_it_was_replaced_is_ended_at_once() {
    let mut rig = Rig::running(&page(1));
    rig.step(Event::StatusArrived(rig.status("page#0.1", TaskState::Unreachable, None)));
    for _ in 0..5 {
        rig.write_all();
        rig.offer_all();
    }
    assert_eq!(rig.instances()[0].incarnation.as_deref(), Some("page#0.2"));
    // What was sent to a host that nobody reaches was lost.
    rig.to_end.clear();
    rig.step(Event::StatusArrived(rig.status("page#0.1", TaskState::Running, Some(3))));
    rig.write_all();
    assert_eq!(rig.to_end, ["page#0.1"]);
}

#[test]
fn a_task_that_the_store_does_not_list_is_ended() {
    let mut rig = Rig::running(&page(1));
    rig.step(Event::StatusArrived(rig.status("page#0.77", TaskState::Running, Some(3))));
    let stray = |command: &Command| matches!(command, Command::Call(Call::KillStray { task_id, .. }) if task_id == "page#0.77");
    // It may be a successor's: first the store says that this one still leads.
    assert!(!rig.seen.iter().any(stray));
    rig.write_all();
    assert!(rig.seen.iter().any(stray));
}

#[test]
fn a_leader_of_the_past_does_not_take_the_subscription_back() {
    let mut rig = Rig::running(&page(1));
    rig.seen.clear();
    rig.step(Event::Disconnected { reason: "gone".to_owned() });
    let subscribes = |command: &Command| matches!(command, Command::Subscribe { .. });
    assert!(!rig.seen.iter().any(subscribes));
    rig.step(Event::TermLost { reason: "another leads".to_owned() });
    assert!(!rig.seen.iter().any(subscribes));
    assert!(rig.seen.iter().any(|command| matches!(command, Command::Stop { .. })));
}

#[test]
fn a_kill_that_is_repeated_does_not_overtake_its_record() {
    let mut rig = Rig::running(&page(1));
    rig.ask(Question::Remove { name: "first".to_owned(), id: String::new() });
    let (batch, _) = rig.writes.pop_front().expect("the removal is written");
    rig.step(Event::Persisted(batch));
    // The store falls silent with the record of the kill on its way.
    rig.to_end.clear();
    rig.now += 20_000;
    rig.step(Event::TimePassed);
    assert!(rig.to_end.is_empty(), "{:?}", rig.to_end);
    rig.write_all();
    assert!(rig.to_end.contains(&"page#0.1".to_owned()), "{:?}", rig.to_end);
}

#[test]
fn what_keeps_a_subscription_from_coming_is_shown_and_said_to_who_asks() {
    let mut rig = Rig::running(&page(1));
    rig.step(Event::NotSubscribed { reason: "late".to_owned() });
    assert_eq!(rig.framework.status().scheduler.waiting_for, None, "it is connected");
    rig.step(Event::Disconnected { reason: "gone".to_owned() });
    rig.step(Event::NotSubscribed { reason: "nobody listens at m:5050".to_owned() });
    let waits = rig.framework.status().scheduler.waiting_for;
    assert_eq!(waits.as_deref(), Some("a master: nobody listens at m:5050"));
    rig.submit(&page(2));
    rig.now += 60_000;
    rig.step(Event::TimePassed);
    let Some(Answer::Refused(refused)) = rig.answers.last() else {
        panic!("it is refused: {:?}", rig.answers)
    };
    let sentence = &refused.refusal.sentence;
    assert!(sentence.ends_with("to a master: nobody listens at m:5050"), "{sentence}");
}

#[test]
fn without_a_master_nothing_is_launched_and_nothing_killed() {
    let mut rig = Rig::running(&page(2));
    rig.step(Event::Disconnected { reason: "gone".to_owned() });
    rig.seen.clear();
    rig.ask(Question::Remove { name: "first".to_owned(), id: String::new() });
    rig.write_all();
    rig.now += 60_000;
    rig.step(Event::TimePassed);
    assert!(!rig.seen.iter().any(|command| matches!(command, Command::Call(_))), "{:?}", rig.seen);
}

#[test]
fn a_removed_topology_ends_and_leaves_a_tombstone() {
    let mut rig = Rig::running(&page(2));
    rig.ask(Question::Remove { name: "first".to_owned(), id: String::new() });
    rig.settle();
    assert!(rig.instances().is_empty());
    assert!(matches!(rig.answers.last(), Some(Answer::Done { .. })));
    assert!(rig.framework.tasks.values().all(|task| task.removed));
}

#[test]
fn a_master_that_removed_the_framework_stops_the_scheduler() {
    let mut rig = Rig::running(&page(1));
    rig.step(Event::Refused { message: "Framework has been removed".to_owned(), removed: true });
    let reason = rig.seen.iter().find_map(|command| match command {
        Command::Stop { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    assert!(reason.unwrap().contains("would run them twice"));
    rig.seen.clear();
    rig.step(Event::TimePassed);
    assert!(rig.seen.is_empty(), "a stopped machine does nothing");
}

#[test]
fn an_idle_framework_holds_no_offer_and_asks_for_none() {
    let mut rig = Rig::running(&page(1));
    rig.seen.clear();
    rig.offer_all();
    assert!(rig.seen.iter().any(|c| matches!(c, Command::Call(Call::Decline { .. }))));
    rig.seen.clear();
    rig.now += 1_000;
    rig.step(Event::TimePassed);
    assert!(rig.seen.is_empty(), "{:?}", rig.seen);
}

#[test]
fn a_caller_that_leaves_before_the_write_takes_its_submission_along() {
    let mut rig = Rig::connected(3);
    rig.submit(&page(2));
    let ask = rig.last_ask();
    rig.step(Event::AskerLeft(ask));
    rig.settle();
    assert!(rig.framework.wanted.topologies().is_empty());
    assert_eq!(rig.accepted(), 0);
}

#[test]
fn without_its_caller_an_accepted_submission_is_not_undone() {
    let mut rig = Rig::connected(3);
    rig.submit(&format!("{}resources = {{ cpus = 3.0 }}\n", page(3)));
    rig.offer_all();
    rig.write_all();
    rig.step(Event::AskerLeft(rig.last_ask()));
    rig.hosts = 1;
    rig.settle();
    rig.end("page#2.1", TaskState::GoneByOperator);
    rig.settle();
    assert_eq!(rig.framework.wanted.topologies().len(), 1, "{:?}", rig.answers);
}

#[test]
fn the_same_submission_again_joins_and_undoes_nothing() {
    let mut rig = Rig::running(&page(2));
    let submission = rig.submission(&page(3));
    let question = Question::Submit {
        edit: Edit::Source(submission),
        max_moves: 0,
        wait_ms: 0,
        queues: false,
        id: "x".to_owned(),
        may_stop: true,
    };
    rig.ask(question.clone());
    rig.offer_all();
    rig.write_all();
    rig.ask(question);
    rig.settle();
    let done = rig.answers.iter().filter(|answer| matches!(answer, Answer::Done { .. })).count();
    assert_eq!((done, rig.framework.status().topologies[0].revision), (3, 2), "{:?}", rig.answers);
}

#[test]
fn what_has_finished_for_good_is_not_run_again_by_the_same_file() {
    let once = format!("{}restart = \"never\"\n", page(1));
    let mut rig = Rig::running(&once);
    rig.end("page#0.1", TaskState::Finished);
    rig.settle();
    rig.submit(&once);
    rig.settle();
    let done = rig.answers.last();
    assert!(matches!(done, Some(Answer::Done { changed: false, ready: 1, .. })), "{done:?}");
    assert_eq!(rig.framework.instances.values().next().unwrap().counter, 1);
    // Other contents are another thing.
    rig.submit(&once.replace("1.0.0", "1.1.0"));
    rig.settle();
    assert_eq!(rig.framework.instances.values().next().unwrap().counter, 2);
}

#[test]
fn a_life_that_is_lost_keeps_nobody_waiting() {
    let mut rig = Rig::running(&page(1));
    rig.step(Event::StatusArrived(rig.status("page#0.1", TaskState::Unreachable, None)));
    rig.settle();
    rig.answers.clear();
    rig.submit(&page(1));
    assert!(matches!(rig.answers.last(), Some(Answer::Done { .. })), "{:?}", rig.answers);
    rig.ask(Question::Remove { name: "first".to_owned(), id: String::new() });
    rig.settle();
    assert!(matches!(rig.answers.last(), Some(Answer::Done { .. })), "{:?}", rig.answers);
}

#[test]
fn an_absurd_wait_is_cut_and_hurts_nobody() {
    let mut rig = Rig::connected(1);
    let submission = rig.submission(&page(1));
    let wait_ms = u64::MAX;
    rig.ask(Question::Submit {
        edit: Edit::Source(submission),
        max_moves: 0,
        wait_ms,
        queues: false,
        id: String::new(),
        may_stop: true,
    });
    rig.settle();
    assert_eq!(rig.instances()[0].state, "ready");
}

#[test]
fn a_master_that_lists_no_hosts_is_not_asked_at_every_step() {
    let mut rig = Rig::running(&page(1));
    rig.step(Event::HostsUnknown { reason: "forbidden".to_owned() });
    rig.lists = 0;
    for _ in 0..20 {
        rig.step(Event::TimePassed);
    }
    assert_eq!(rig.lists, 0);
}

#[test]
fn a_launch_that_waits_for_the_store_is_not_asked_about() {
    let mut rig = Rig::connected(2);
    rig.submit(&page(1));
    rig.offer_all();
    // The intents are on their way, and the store falls silent.
    assert!(!rig.unwritten().is_empty());
    let asked = |rig: &Rig| {
        let about = |command: &&Command| matches!(command, Command::Call(Call::Reconcile { .. }));
        rig.seen.iter().filter(about).count()
    };
    rig.now += 30_000;
    rig.step(Event::TimePassed);
    assert_eq!(asked(&rig), 0, "{:?}", rig.seen);
    rig.step(Event::Disconnected { reason: "gone".to_owned() });
    let framework_id = FrameworkId("f-1".to_owned());
    rig.step(Event::Subscribed { framework_id, master: "another".to_owned() });
    assert_eq!(asked(&rig), 0, "{:?}", rig.seen);
}

#[test]
fn a_slot_gets_no_new_life_while_the_one_before_is_ending() {
    let mut rig = Rig::running(&page(1));
    let other = |count| format!("{}args = [\"other\"]\n", page(count));
    rig.submit_as(&other(1), true);
    rig.write_all();
    assert_eq!(rig.to_end, ["page#0.1"]);
    // Another revision comes before the old life has ended.
    rig.submit_as(&other(2), true);
    for _ in 0..3 {
        rig.offer_all();
        rig.write_all();
    }
    assert!(!rig.launched.iter().any(|id| id.starts_with("page#0")), "{:?}", rig.launched);
    rig.settle();
    assert!(rig.instances().iter().all(|one| one.state == "ready"), "{:?}", rig.instances());
}

#[test]
fn an_end_that_was_lost_with_its_agent_is_asked_for() {
    let mut rig = Rig::running(&page(2));
    let agent = rig.framework.record(&"page#0.1".parse::<Incarnation>().unwrap().instance);
    let agent = agent.unwrap().lives[0].agent.clone();
    rig.seen.clear();
    // The master says nothing of `page#0.1`: its agent had told it that it has ended.
    rig.step(Event::AgentLost(agent));
    rig.now += 1_500;
    rig.step(Event::TimePassed);
    let asked = rig.seen.iter().any(|command| {
        matches!(command, Command::Call(Call::Reconcile { tasks })
            if tasks.iter().any(|(id, _)| id.to_string() == "page#0.1"))
    });
    assert!(asked, "{:?}", rig.seen);
}

#[test]
fn a_repair_that_waits_for_a_host_that_is_lost_goes_elsewhere_at_once() {
    let mut rig = Rig::running(&page(6));
    let there = rig.instances().into_iter().find(|one| one.host.as_deref() == Some("host-3"));
    let lost = there.expect("six are spread over three hosts").incarnation.unwrap();
    let lost: Incarnation = lost.parse().unwrap();
    let agent = rig.framework.record(&lost.instance).unwrap().lives[0].agent.clone();
    rig.end(&lost.to_string(), TaskState::Failed);
    rig.write_all();
    // It is to start where it was, and that host goes before it offers anything.
    rig.hosts -= 1;
    rig.step(Event::AgentLost(agent));
    rig.offer_all();
    rig.write_all();
    let next = format!("{}.2", lost.instance);
    assert!(rig.launched.contains(&next), "{next} in {:?}", rig.launched);
}

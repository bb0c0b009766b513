//! Repairs whose picture of the cluster changes before they are carried out.

use super::super::command::{Answer, Call, Command};
use super::super::event::{Event, TaskState};
use super::super::ids::{AgentId, Incarnation};
use super::super::records::Phase;
use super::rig::{Rig, page};

/// A life of the rig's topology, and its agent.
fn life_on(rig: &Rig, host: &str) -> (Incarnation, AgentId) {
    let there = rig.instances().into_iter().find(|one| one.host.as_deref() == Some(host));
    let life: Incarnation = there.unwrap().incarnation.unwrap().parse().unwrap();
    let record = rig.framework.record(&life.instance).unwrap();
    let agent = record.lives.last().unwrap().agent.clone();
    (life, agent)
}

fn unreachable(rig: &mut Rig, life: &Incarnation) {
    let status = rig.status(&life.to_string(), TaskState::Unreachable, None);
    rig.step(Event::StatusArrived(status));
    rig.write_all();
}

#[test]
fn what_comes_back_while_a_repair_waits_for_offers_is_counted_before_anything_starts() {
    let source = format!("{}tags = [\"page\"]\nbias = [\"never page\"]\n", page(3));
    let mut rig = Rig::running(&source);
    let (lost, _) = life_on(&rig, "host-3");
    let (failed, _) = life_on(&rig, "host-2");
    unreachable(&mut rig, &lost);
    // The repair of the lost one waits for a host; another ends, and the lost one is back.
    rig.end(&failed.to_string(), TaskState::Failed);
    let status = rig.status(&lost.to_string(), TaskState::Running, None);
    rig.step(Event::StatusArrived(status));
    rig.write_all();
    rig.settle();
    let hosts: Vec<_> = rig.instances().into_iter().filter_map(|one| one.host).collect();
    assert_eq!(hosts.len(), 3);
    assert!(["host-1", "host-2", "host-3"].iter().all(|host| hosts.contains(&(*host).to_owned())));
    let back = rig.framework.record(&lost.instance).unwrap();
    assert_eq!(back.lives.last().map(|life| life.incarnation.clone()), Some(lost));
}

#[test]
fn a_host_that_makes_no_offer_keeps_others_from_being_healed_for_a_moment_only() {
    let mut rig = Rig::running(&page(6));
    let (first, silent) = life_on(&rig, "host-3");
    let (second, _) = life_on(&rig, "host-1");
    rig.end(&first.to_string(), TaskState::Failed);
    rig.write_all();
    rig.end(&second.to_string(), TaskState::Failed);
    rig.write_all();
    let next = format!("{}.2", second.instance);
    for _ in 0..6 {
        rig.offer_all_but(&silent);
        rig.write_all();
        rig.now += 100;
        rig.step(Event::TimePassed);
    }
    rig.offer_all_but(&silent);
    rig.write_all();
    assert!(rig.launched.contains(&next), "{next} in {:?}", rig.launched);
    // The first is to start where it was as soon as its host offers something.
    rig.settle();
    assert!(rig.instances().iter().all(|one| one.state == "ready"), "{:?}", rig.instances());
}

#[test]
fn a_repair_without_offers_says_for_how_long_from_whom_and_by_which_quota() {
    let mut rig = Rig::running(&page(1));
    rig.end("page#0.1", TaskState::Failed);
    rig.write_all();
    let wait = |rig: &mut Rig, seconds: u32| {
        for _ in 0..seconds {
            rig.now += 1_000;
            rig.step(Event::TimePassed);
            rig.write_all();
        }
    };
    wait(&mut rig, 30);
    let reason = |rig: &Rig| rig.instances()[0].reason.clone().unwrap();
    let text = reason(&rig);
    assert!(text.starts_with("no sufficient offers for ") && text.contains("host-"), "{text}");
    let quota = "the quota of the role `lathe` is at most cpus 0.5";
    rig.step(Event::QuotaTold(Some(quota.to_owned())));
    // It is said all the time, also while it is tried again.
    for _ in 0..20 {
        wait(&mut rig, 1);
        let text = reason(&rig);
        assert!(text.starts_with("no sufficient") && text.ends_with(quota), "{text}");
    }
    let revives = rig.seen.iter().filter(|one| matches!(one, Command::Call(Call::Revive))).count();
    assert!((2..=15).contains(&revives), "{revives} revives in 50 s");
    rig.settle();
    assert_eq!(rig.instances()[0].state, "ready");
    assert_eq!(rig.instances()[0].reason, None);
    assert_eq!(rig.framework.status().scheduler.waiting_for, None);
}

#[test]
fn a_submission_without_offers_is_refused_with_its_hosts_and_the_quota() {
    let mut rig = Rig::connected(1);
    rig.submit(&page(1));
    rig.step(Event::QuotaTold(Some("the quota is small".to_owned())));
    rig.now += 60_000;
    rig.step(Event::TimePassed);
    let Some(Answer::Refused(refused)) = rig.answers.last() else {
        panic!("it is refused: {:?}", rig.answers)
    };
    let sentence = &refused.refusal.sentence;
    assert_eq!(sentence, "no sufficient offers came from: host-1; the quota is small");
}

#[test]
fn a_life_that_was_told_to_end_out_of_reach_is_ending_when_it_comes_back() {
    let mut rig = Rig::running(&page(2));
    let life: Incarnation = "page#1.1".parse().unwrap();
    rig.submit(&page(1));
    rig.step(Event::StatusArrived(rig.status("page#1.1", TaskState::Unreachable, None)));
    rig.write_all();
    rig.seen.clear();
    rig.now += 16_000;
    rig.step(Event::TimePassed);
    rig.step(Event::StatusArrived(rig.status("page#1.1", TaskState::Running, None)));
    rig.write_all();
    let record = rig.framework.record(&life.instance).unwrap();
    assert_eq!(record.lives.last().map(|life| life.phase), Some(Phase::Killing));
    assert!(rig.kills().contains(&"page#1.1".to_owned()));
}

#[test]
fn a_version_that_ends_early_takes_no_other_slot_before_it_has_held() {
    let mut rig = Rig::running(&page(3));
    rig.submit(&page(3).replace("1.0.0", "1.1.0"));
    rig.write_all();
    assert_eq!(rig.to_end, ["page#0.1"]);
    rig.settle_one_kill();
    // It was ready for a moment, and the next is told to end; then it fails, once.
    assert_eq!(rig.to_end, ["page#1.1"]);
    rig.end("page#0.2", TaskState::Failed);
    rig.settle_one_kill();
    assert_eq!(rig.to_end, Vec::<String>::new(), "page#0.3 has not held yet");
    rig.now += 10_000;
    rig.step(Event::TimePassed);
    rig.write_all();
    assert_eq!(rig.to_end, ["page#2.1"]);
}

//! Hosts that are to be left for maintenance: how instances go, what stays, what the master is told.

use super::rig::{Rig, page};
use crate::framework::command::{Call, Command};
use crate::framework::event::{Edit, Event, InverseOffer, TaskState, Window};
use crate::framework::ids::{AgentId, FrameworkId, OfferId};
use crate::framework::records::Write;

const NEVER: &str = "tags = [\"t\"]\nbiases = [[\"t\", \"never\"]]\n";
const HOUR_MS: u64 = 3_600_000;

fn apart(count: u32) -> String {
    format!("{}{NEVER}", page(count))
}

/// In half an hour, for an hour.
fn soon(rig: &Rig) -> Window {
    let start_ms = rig.now + HOUR_MS / 2;
    Window { start_ms, end_ms: Some(start_ms + HOUR_MS) }
}

fn inverse(id: &str, at: usize, window: Window) -> InverseOffer {
    InverseOffer { id: OfferId(id.to_owned()), agent: AgentId(format!("agent-{at}")), window }
}

/// The master asks for a host; its offers say so from now on.
fn ask(rig: &mut Rig, id: &str, at: usize, window: Window) {
    rig.windows.insert(at, window);
    rig.step(Event::InverseOffersArrived(vec![inverse(id, at, window)]));
    rig.write_all();
}

fn number(host: &str) -> usize {
    host.strip_prefix("host-").unwrap().parse().unwrap()
}

/// The host of the first instance.
fn first_host(rig: &Rig) -> usize {
    number(rig.instances()[0].host.as_deref().unwrap())
}

fn on(rig: &Rig, at: usize) -> usize {
    let host = format!("host-{at}");
    rig.instances().iter().filter(|one| one.host.as_deref() == Some(&host)).count()
}

fn ready(rig: &Rig) -> usize {
    rig.instances().iter().filter(|one| one.state == "ready").count()
}

fn state_of(rig: &Rig, at: usize) -> String {
    let hosts = rig.framework.status().hosts.into_iter();
    hosts.filter(|one| one.name == format!("host-{at}")).map(|one| one.state).next().unwrap()
}

/// What the master was told of hosts: the questions' ids, and whether they were granted.
fn answers(rig: &Rig) -> Vec<(String, bool)> {
    let mut answers = Vec::new();
    for command in &rig.seen {
        let (offers, granted) = match command {
            Command::Call(Call::AcceptInverse { offers }) => (offers, true),
            Command::Call(Call::DeclineInverse { offers, .. }) => (offers, false),
            _ => continue,
        };
        answers.extend(offers.iter().map(|offer| (offer.0.clone(), granted)));
    }
    answers
}

fn granted(id: &str) -> Vec<(String, bool)> {
    vec![(id.to_owned(), true)]
}

fn refused(id: &str) -> Vec<(String, bool)> {
    vec![(id.to_owned(), false)]
}

#[test]
fn instances_go_one_after_the_other_and_then_the_host_is_given() {
    // Four on three hosts: two are on one.
    let mut rig = Rig::running(&page(4));
    let at = (1..=3).max_by_key(|at| on(&rig, *at)).unwrap();
    let there = on(&rig, at);
    assert!(there >= 2);
    let window = soon(&rig);
    ask(&mut rig, "i-1", at, window);
    assert_eq!(state_of(&rig, at), "leaving");
    let explained = rig.framework.explain(rig.now, "page#0").unwrap();
    let out: Vec<_> = explained.out_of_use.iter().map(|host| host.state).collect();
    assert_eq!((out, explained.scene.unwrap().cluster.hosts.len()), (vec!["leaving"], 2));
    for gone in 1..=there {
        assert_eq!(rig.kills().len(), gone, "one at a time");
        assert_eq!(ready(&rig), 3, "the others stay ready");
        assert!(answers(&rig).is_empty(), "something of ours is still there");
        rig.settle_one_kill();
    }
    assert_eq!((on(&rig, at), ready(&rig)), (0, 4));
    assert_eq!(answers(&rig), granted("i-1"));
    rig.settle();
    assert_eq!(rig.kills().len(), there, "nothing more follows");
    assert!(rig.instances().iter().all(|one| one.incarnations <= 2));
}

#[test]
fn what_is_never_to_be_fewer_has_one_more_before_the_first_goes() {
    let rule = "update = { min_healthy = \"100%\", max_surge = 1, bake = \"1s\" }\n";
    let mut rig = Rig::running(&format!("{}{rule}", page(3)));
    let at = first_host(&rig);
    let window = soon(&rig);
    ask(&mut rig, "i-1", at, window);
    assert!(rig.kills().is_empty(), "the one beside them comes first");
    rig.offer_all();
    rig.write_all();
    assert_eq!(rig.launched, ["page#3.1"]);
    for _ in 0..40 {
        rig.now += 500;
        rig.step(Event::TimePassed);
        rig.write_all();
        for id in std::mem::take(&mut rig.to_end) {
            rig.end(&id, TaskState::Killed);
            assert!(ready(&rig) >= 3, "{id} was one of those that must stay");
        }
        rig.settle_without_time();
    }
    assert_eq!((on(&rig, at), ready(&rig), rig.instances().len()), (0, 3, 3));
    assert_eq!(answers(&rig), granted("i-1"));
}

#[test]
fn what_has_no_place_elsewhere_stays_and_the_host_is_refused_once_with_the_reason() {
    let mut rig = Rig::running(&apart(3));
    let at = first_host(&rig);
    let window = soon(&rig);
    ask(&mut rig, "i-1", at, window);
    assert_eq!(answers(&rig), refused("i-1"));
    assert_eq!(rig.framework.counts().leaving_stuck, 1);
    // It asks again and again, and hears nothing else.
    for round in 2..5 {
        ask(&mut rig, &format!("i-{round}"), at, window);
        rig.settle();
    }
    assert_eq!(answers(&rig), refused("i-1"));
    assert!(rig.kills().is_empty(), "nothing ends without a place for it");
    let stays = rig.instances().into_iter().find(|one| one.host == Some(format!("host-{at}")));
    let reason = stays.unwrap().reason.unwrap();
    assert!(reason.contains("its host is to be left"), "{reason}");
    let told = rig.published.iter().filter(|event| event.message.starts_with("cannot be left"));
    assert_eq!(told.count(), 1);

    // A host more, and there is room.
    rig.hosts = 4;
    rig.settle();
    assert_eq!((on(&rig, at), ready(&rig)), (0, 3));
    assert_eq!(rig.framework.counts().leaving_stuck, 0);
    let all = answers(&rig);
    assert!(all[1..].iter().all(|(_, granted)| *granted) && all.len() == 4, "{all:?}");
}

#[test]
fn what_has_a_place_goes_although_another_stays() {
    let other = "[task.other]\ncrate = \"app\"\nversion = \"1.0.0\"\ntask = \"my::Page\"\ntasks = 3\n\
                 resources = { cpus = 3.5 }\n";
    let mut rig = Rig::running(&format!("{}{other}", page(3)));
    let at = first_host(&rig);
    let window = soon(&rig);
    ask(&mut rig, "i-1", at, window);
    rig.settle();
    assert_eq!(answers(&rig), refused("i-1"));
    let host = Some(format!("host-{at}"));
    let there: Vec<String> =
        rig.instances().into_iter().filter(|one| one.host == host).map(|one| one.task).collect();
    assert_eq!(there, ["other"], "the large one alone");
    assert_eq!(ready(&rig), 6);
}

#[test]
fn a_host_is_used_until_its_maintenance_comes_near_and_again_when_it_is_over() {
    let mut rig = Rig::running(&apart(2));
    let at = first_host(&rig);
    let start_ms = rig.now + 5 * HOUR_MS;
    let window = Window { start_ms, end_ms: Some(start_ms + HOUR_MS) };
    ask(&mut rig, "i-1", at, window);
    rig.settle();
    assert_eq!(state_of(&rig, at), "active");
    assert!(rig.kills().is_empty() && answers(&rig).is_empty());
    let shown = rig.framework.status().hosts.into_iter().find(|one| one.maintenance.is_some());
    assert_eq!(shown.unwrap().maintenance.unwrap().start_ms, start_ms);

    rig.now = start_ms - HOUR_MS;
    rig.settle();
    assert_eq!((state_of(&rig, at).as_str(), on(&rig, at)), ("leaving", 0));
    assert_eq!(answers(&rig), granted("i-1"));
    // Three that never share a host need it, and wait.
    rig.submit(&apart(3));
    rig.settle();
    assert_eq!(ready(&rig), 2);

    rig.windows.clear();
    rig.now = start_ms + HOUR_MS;
    rig.settle();
    assert_eq!(state_of(&rig, at), "active");
    rig.submit(&apart(3));
    rig.settle();
    assert_eq!((ready(&rig), on(&rig, at)), (3, 1));
}

#[test]
fn what_is_called_off_stops_half_way() {
    let mut rig = Rig::running(&page(4));
    let at = (1..=3).max_by_key(|at| on(&rig, *at)).unwrap();
    let there = on(&rig, at);
    let window = soon(&rig);
    ask(&mut rig, "i-1", at, window);
    assert_eq!(rig.kills().len(), 1);
    rig.windows.clear();
    rig.step(Event::InverseOfferRescinded(OfferId("i-1".to_owned())));
    rig.settle();
    assert_eq!(rig.kills().len(), 1, "the others stay where they are");
    assert!(on(&rig, at) >= there - 1);
    assert_eq!((ready(&rig), state_of(&rig, at).as_str()), (4, "active"));
    assert!(answers(&rig).is_empty());
}

#[test]
fn nothing_of_a_paused_topology_is_moved() {
    let mut rig = Rig::running(&page(2));
    let at = first_host(&rig);
    rig.edit(Edit::Pause { topology: "first".to_owned(), paused: true });
    rig.settle();
    let window = soon(&rig);
    ask(&mut rig, "i-1", at, window);
    rig.settle();
    assert_eq!(answers(&rig), refused("i-1"));
    assert!(rig.kills().is_empty());
    ask(&mut rig, "i-2", at, window);
    rig.edit(Edit::Pause { topology: "first".to_owned(), paused: false });
    rig.settle();
    assert_eq!((on(&rig, at), ready(&rig)), (0, 2));
    assert_eq!(answers(&rig).last(), Some(&("i-2".to_owned(), true)));
}

#[test]
fn a_host_of_which_only_the_schedule_or_an_offer_tells_gets_nothing_new() {
    for by_schedule in [true, false] {
        let mut rig = Rig::connected(3);
        let window = soon(&rig);
        rig.windows.insert(2, window);
        if by_schedule {
            let windows = [(AgentId("agent-2".to_owned()), window)];
            rig.step(Event::WindowsListed(windows.into_iter().collect()));
        }
        rig.submit(&apart(3));
        rig.settle();
        assert_eq!(rig.accepted(), 0, "three hosts are needed, and two are in use");
        rig.submit(&apart(2));
        rig.settle();
        assert_eq!((ready(&rig), on(&rig, 2)), (2, 0));
        assert_eq!(state_of(&rig, 2), "leaving");
        // Nothing is planned any more.
        rig.windows.clear();
        if by_schedule {
            rig.step(Event::WindowsListed(std::collections::BTreeMap::new()));
        } else {
            rig.offer_all();
        }
        rig.submit(&apart(3));
        rig.settle();
        assert_eq!(ready(&rig), 3);
    }
}

#[test]
fn a_schedule_that_is_not_all_shown_takes_nothing_back_that_offers_have_told() {
    let nothing = || Event::WindowsListed(std::collections::BTreeMap::new());
    let mut rig = Rig::running(&apart(2));
    let at = first_host(&rig);
    let window = soon(&rig);
    ask(&mut rig, "i-1", at, window);
    rig.step(nothing());
    assert_eq!(state_of(&rig, at), "leaving");
    rig.settle();
    assert_eq!((on(&rig, at), answers(&rig)), (0, granted("i-1")));
    rig.step(nothing());
    assert_eq!(state_of(&rig, at), "leaving");
    let all = [(AgentId(format!("agent-{at}")), window)];
    rig.step(Event::WindowsListed(all.into_iter().collect()));
    rig.step(nothing());
    assert_eq!(state_of(&rig, at), "active", "it was shown, and is shown no more");
}

#[test]
fn a_window_that_no_new_master_speaks_of_is_forgotten_after_a_minute() {
    let mut rig = Rig::running(&apart(2));
    let at = (1..=3).find(|at| on(&rig, *at) == 0).unwrap();
    let window = Window { end_ms: None, ..soon(&rig) };
    ask(&mut rig, "i-1", at, window);
    assert_eq!(answers(&rig), granted("i-1"), "nothing is there");
    rig.windows.clear();
    rig.step(Event::Disconnected { reason: "a master fell".to_owned() });
    let framework_id = FrameworkId("f-1".to_owned());
    rig.step(Event::Subscribed { framework_id, master: "n:5050".to_owned() });
    rig.write_all();
    assert_eq!(state_of(&rig, at), "leaving", "it may just not have been said yet");
    let asleep = rig.framework.next_deadline().unwrap();
    assert!(asleep <= rig.now + 60_000);
    rig.now += 60_000;
    rig.step(Event::TimePassed);
    assert_eq!(state_of(&rig, at), "active");
}

#[test]
fn a_question_for_an_empty_host_is_granted_and_one_out_of_reach_keeps_the_master_waiting() {
    let mut rig =
        Rig::running(&format!("{}unreachable = {{ replace_after = \"never\" }}\n", page(1)));
    let at = first_host(&rig);
    let id = rig.instances()[0].incarnation.clone().unwrap();
    let status = rig.status(&id, TaskState::Unreachable, None);
    rig.step(Event::StatusArrived(status));
    let window = soon(&rig);
    ask(&mut rig, "i-1", at, window);
    let empty = at % 3 + 1;
    ask(&mut rig, "i-2", empty, window);
    rig.write_all();
    assert_eq!(answers(&rig), granted("i-2"), "nobody knows what still runs on the other");
    assert!(rig.kills().is_empty());
}

#[test]
fn a_trial_that_ends_while_a_revision_is_on_its_way_does_not_undo_it() {
    let rule = "update = { min_healthy = \"100%\", max_surge = 1, bake = \"1s\" }\n";
    let mut rig = Rig::running(&format!("{}{rule}", page(3)));
    let at = first_host(&rig);
    let window = soon(&rig);
    // The trial is planned, and its answer comes when the next revision is being written.
    rig.late_plans = Some(Vec::new());
    ask(&mut rig, "i-1", at, window);
    let trial = rig.late_plans.take().unwrap();
    assert_eq!(trial.len(), 1);
    rig.submit(&format!("{}{rule}note = 7\n", page(3)));
    let written = |rig: &Rig| {
        let topologies = rig.unwritten().into_iter().filter_map(|write| match write {
            Write::Topology(record) => Some(record.revision),
            _ => None,
        });
        topologies.collect::<Vec<_>>()
    };
    assert_eq!(written(&rig), [2]);
    for event in trial {
        rig.step(event);
    }
    assert_eq!(written(&rig), [2], "nothing of the revision before is written behind it");
    rig.settle();
    assert_eq!((on(&rig, at), ready(&rig)), (0, 3));
    assert_eq!(answers(&rig), granted("i-1"));
}

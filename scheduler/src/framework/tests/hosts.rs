//! Hosts as the master lists them: which of them get something, and what people are told.

use super::rig::{Rig, page};
use crate::framework::event::{Event, HostState, TaskState};
use crate::framework::ids::AgentId;

fn state_of(rig: &Rig, host: &str) -> Option<String> {
    let hosts = rig.framework.status().hosts.into_iter();
    hosts.filter(|one| one.name == host).map(|one| one.state).next()
}

fn told(rig: &Rig) -> Vec<(Option<&str>, &str)> {
    let told = rig.published.iter().filter(|event| event.kind == "host");
    told.map(|event| (event.host.as_deref(), event.message.as_str())).collect()
}

/// Time goes on until the next list.
fn list(rig: &mut Rig) {
    rig.now += 30_000;
    rig.step(Event::TimePassed);
}

#[test]
fn what_becomes_of_a_host_is_told_once_and_a_drain_is_looked_at_often() {
    let mut rig = Rig::running(&page(1));
    assert_eq!(state_of(&rig, "host-2").as_deref(), Some("active"));
    rig.states.insert(2, HostState::Draining);
    list(&mut rig);
    assert_eq!(state_of(&rig, "host-2").as_deref(), Some("draining"));
    let lists = rig.lists;
    for _ in 0..3 {
        rig.now = rig.framework.next_deadline().expect("the list is asked for again");
        rig.step(Event::TimePassed);
    }
    assert!(rig.lists >= lists + 2, "nobody tells how far it is: {} lists", rig.lists - lists);
    rig.states.insert(2, HostState::Drained);
    list(&mut rig);
    list(&mut rig);
    rig.states.clear();
    list(&mut rig);
    let words = ["draining", "drained", "active"];
    assert_eq!(told(&rig), words.map(|word| (Some("host-2"), word)));
}

#[test]
fn a_host_that_is_not_active_gets_nothing_and_keeps_what_it_has() {
    let keys = "tags = [\"t\"]\nbiases = [[\"t\", \"never\"]]\n";
    let mut rig = Rig::running(&format!("{}{keys}", page(2)));
    let used = rig.instances()[0].host.clone().unwrap();
    let at: usize = used.strip_prefix("host-").unwrap().parse().unwrap();
    for state in [HostState::Deactivated, HostState::Disconnected, HostState::Drained] {
        rig.states.insert(at, state);
        list(&mut rig);
        rig.settle();
        assert!(rig.kills().is_empty(), "{state:?}");
        assert_eq!(rig.framework.cluster().hosts.len(), 2, "{state:?}");
    }
    // Its instance falls, and starts on another host, not there.
    let id = rig.instances()[0].incarnation.clone().unwrap();
    rig.end(&id, TaskState::Failed);
    rig.settle();
    let hosts: Vec<_> = rig.instances().into_iter().map(|one| (one.state, one.host)).collect();
    assert!(hosts.iter().all(|(state, host)| state == "ready" && *host != Some(used.clone())));
}

#[test]
fn a_host_that_is_listed_no_more_is_shown_while_something_may_run_there() {
    let mut rig = Rig::running(&format!("{}unreachable = {{ replace_after = \"1h\" }}\n", page(1)));
    let life = rig.instances()[0].clone();
    let host = life.host.unwrap();
    let at: usize = host.strip_prefix("host-").unwrap().parse().unwrap();
    let status = rig.status(&life.incarnation.unwrap(), TaskState::Unreachable, None);
    rig.step(Event::StatusArrived(status));
    rig.step(Event::AgentLost(AgentId(format!("agent-{at}"))));
    let gone: Vec<_> = rig.host_list().into_iter().filter(|one| one.name.0 != host).collect();
    rig.step(Event::HostsListed(gone));
    let shown = rig.framework.status().hosts.into_iter().find(|one| one.name == host).unwrap();
    assert_eq!((shown.state.as_str(), shown.cpus_milli), ("unreachable", 0));
    assert_eq!(shown.instances, ["page#0"]);
    assert_eq!(rig.framework.counts().hosts, 2, "the master lists two");
}

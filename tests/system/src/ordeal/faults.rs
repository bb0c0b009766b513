//! The faults, in the order in which they come.
//!
//! Owns how each is done, and what has to be lost by it. It must not know what holds afterwards.

use lathe_engines::block_on;

use super::{Ordeal, Scene};
use crate::process::Signal;
use crate::waiting::{SOON, until};

type Fault = fn(&mut Scene, &Ordeal);

pub(super) const ALL: [(&str, Fault); 10] = [
    ("the leader killed", leader_killed),
    ("the leader stands still and goes on", leader_stopped),
    ("the leader cut off from ZooKeeper", leader_without_store),
    ("the leader cut off from Mesos", leader_without_master),
    ("the leading master killed", master_killed),
    ("an agent restarted", agent_restarted),
    ("an agent out of reach for a moment", agent_away),
    ("an agent out of reach for long", agent_lost),
    ("an agent given up by its operator", agent_gone),
    ("the whole of ZooKeeper down", zookeeper_down),
];

fn leader_killed(scene: &mut Scene, _: &Ordeal) {
    let leader = scene.several.leader(None);
    scene.several.end_scheduler(leader, Signal::KILL);
    let _ = scene.several.leader(Some(leader));
    scene.several.start_scheduler(leader);
}

fn leader_stopped(scene: &mut Scene, ordeal: &Ordeal) {
    let leader = scene.several.leader(None);
    let written = writes(scene, leader);
    scene.several.scheduler(leader).signal(Signal::STOP);
    let next = scene.several.leader(Some(leader));
    std::thread::sleep(ordeal.still);
    let term = scene.several.status(next).expect("the leader answers").scheduler.term;
    scene.several.scheduler(leader).signal(Signal::CONT);
    stands_by(scene, leader, written);
    let after = scene.several.status(next).expect("the leader answers").scheduler.term;
    assert_eq!(after, term, "the one of before took the lead back");
}

fn leader_without_store(scene: &mut Scene, _: &Ordeal) {
    let leader = scene.several.leader(None);
    let written = writes(scene, leader);
    scene.several.way_to_store(leader).black_hole();
    let _ = scene.several.leader(Some(leader));
    block_on(scene.several.way_to_store(leader).pass()).expect("the proxy passes");
    stands_by(scene, leader, written);
}

/// Writes that became durable, as a scheduler counts its own.
fn writes(scene: &Scene, scheduler: usize) -> f64 {
    let figure = scene.several.figure(scheduler, "lathe_scheduler_persist_seconds_count");
    figure.expect("a scheduler tells its figures")
}

/// A leader of the past has heard that it is one, and has written nothing since.
fn stands_by(scene: &Scene, scheduler: usize, written: f64) {
    until("the leader of before to stand by", SOON, || {
        let says = scene.several.readyz(scheduler)?;
        says.starts_with("ready, stands by").then_some(())
    });
    let after = writes(scene, scheduler);
    assert!(after <= written, "an old leader wrote: {written} writes, then {after}");
}

fn leader_without_master(scene: &mut Scene, ordeal: &Ordeal) {
    let leader = scene.several.leader(None);
    for way in &scene.ways[leader] {
        block_on(way.cut()).expect("the proxy cuts");
    }
    until("the leader to say what it waits for", SOON, || {
        scene.several.readyz(leader).filter(|says| says.starts_with("waiting for"))
    });
    std::thread::sleep(ordeal.still);
    for way in &scene.ways[leader] {
        block_on(way.pass()).expect("the proxy passes");
    }
}

fn master_killed(scene: &mut Scene, _: &Ordeal) {
    let mesos = scene.several.mesos();
    let master = block_on(mesos.leader()).expect("a master leads");
    block_on(mesos.master(master).kill()).expect("it is killed");
    block_on(mesos.leader()).expect("another master leads");
    let _ = scene.status();
    block_on(mesos.restart_master(master)).expect("it comes back");
}

fn agent_restarted(scene: &mut Scene, _: &Ordeal) {
    let (agent, _) = with_page(scene);
    let mesos = scene.several.mesos();
    block_on(mesos.agent(agent).kill()).expect("it is killed");
    block_on(mesos.restart_agent(agent)).expect("it comes back");
}

fn agent_away(scene: &mut Scene, _: &Ordeal) {
    let (agent, _) = with_page(scene);
    let mesos = scene.several.mesos();
    mesos.agent(agent).pause().expect("it stands still");
    let leader = scene.several.leader(None);
    until("an instance that is out of reach", SOON, || {
        let status = scene.several.status(leader)?;
        status.instances.iter().any(|one| one.state == "unreachable").then_some(())
    });
    mesos.agent(agent).resume().expect("it goes on");
}

fn agent_lost(scene: &mut Scene, _: &Ordeal) {
    let (agent, lives) = with_page(scene);
    scene.several.mesos().agent(agent).pause().expect("it stands still");
    elsewhere(scene, &lives);
    scene.lost.extend(lives.iter().cloned());
    scene.several.mesos().agent(agent).resume().expect("it goes on");
    until("the ends of those that came back too late", SOON, || {
        let journal = scene.several.journal();
        let of_them = journal.lives.iter().filter(|one| lives.contains(&one.incarnation));
        of_them.clone().all(|one| one.to.is_some()).then_some(())
    });
    scene.replaced(&lives);
}

fn agent_gone(scene: &mut Scene, _: &Ordeal) {
    let (agent, lives) = with_page(scene);
    let mesos = scene.several.mesos();
    let leader = block_on(mesos.leader()).expect("a master leads");
    let listed = block_on(mesos.read_master(leader, "/master/slaves")).expect("a list");
    let pid = format!("slave(1)@{}", mesos.agent_address(agent));
    let all = listed["slaves"].as_array().expect("a list");
    let id = all.iter().find(|one| one["pid"] == pid.as_str()).expect("it is listed");
    let call = serde_json::json!({
        "type": "MARK_AGENT_GONE",
        "mark_agent_gone": { "agent_id": { "value": id["id"] } },
    });
    let answer = block_on(mesos.post_master(leader, "/api/v1", &call.to_string()));
    assert_eq!(answer.expect("an answer").status, 200);
    elsewhere(scene, &lives);
    scene.replaced(&lives);
    // The agent ends its executors with itself, so that their ends are in no journal.
    scene.lost.extend(lives);
}

fn zookeeper_down(scene: &mut Scene, ordeal: &Ordeal) {
    let leader = scene.several.leader(None);
    for server in scene.several.zookeeper().servers() {
        block_on(server.kill()).expect("it is killed");
    }
    until("the leader to say what it waits for", SOON, || {
        scene.several.readyz(leader).filter(|says| says.starts_with("waiting for"))
    });
    std::thread::sleep(ordeal.down);
    for server in scene.several.zookeeper().servers() {
        block_on(server.start()).expect("it comes back");
    }
    // A master that has lost the lead ends, and is started again by whoever keeps it.
    let mesos = scene.several.mesos();
    until("a master that leads", SOON * 2, || {
        for master in mesos.masters().filter(|master| master.pid().is_none()) {
            // It may have been started meanwhile.
            let _ = block_on(master.start());
        }
        let leads = |number: usize| {
            let read = block_on(mesos.read_master(number, "/master/state"));
            read.is_some_and(|state| state["leader"] == state["pid"])
        };
        (0..super::SHAPE.masters).any(leads).then_some(())
    });
}

/// An agent that has a page, and all lives on it.
fn with_page(scene: &Scene) -> (usize, Vec<String>) {
    let status = scene.status();
    let host = status.instance("page#0").host.clone().expect("it is somewhere");
    let on_it = status.instances.iter().filter(|one| one.host.as_ref() == Some(&host));
    let lives = on_it.filter_map(|one| one.incarnation.clone()).collect();
    let mesos = scene.several.mesos();
    let agent = (0..super::SHAPE.agents).find(|agent| mesos.agent_address(*agent) == host);
    (agent.expect("one of the agents"), lives)
}

/// Waits until all are ready, and none of these lives is one of them.
fn elsewhere(scene: &Scene, lives: &[String]) {
    until("what was lost to run elsewhere", SOON * 2, || {
        let status = scene.several.status(scene.several.leader(None))?;
        let all = status.instances.len() == status.ready();
        let lost = status.incarnations().values().any(|life| lives.contains(life));
        (all && !lost && status.ready() == super::PAGES + super::OTHERS).then_some(())
    });
}

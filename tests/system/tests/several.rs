//! Several schedulers on ZooKeeper, masters that meet there, and faults: who leads changes, and what
//! runs is left alone. Judged by what the executors themselves have written.

use lathe_engines::{Proxy, block_on};
use lathe_system::{Events, Request, SOON, Scripts, Several, Signal, example, until};

/// As many as agents where each has one: `never` holds for them.
const PAGES: &str = "tags = [\"page\"]\nbiases = [[\"page\", \"never\"]]\n";

fn submit(several: &Several, scheduler: usize, pages: usize) {
    let scripts =
        Scripts::default().with("page", "exec sleep 100000", &format!("tasks = {pages}\n{PAGES}"));
    let file = scripts.write(&several.folder().join("pages.toml"));
    let file = file.to_str().expect("the path is a text");
    several.lathe(scheduler, &["submit", "--yes", file]).with_code(0);
}

/// Every instance has had one life, and no two were on one agent.
fn nothing_was_restarted(several: &Several, pages: usize) {
    let journal = several.journal();
    let first: Vec<String> = (0..pages).map(|slot| format!("page#{slot}.1")).collect();
    assert_eq!(journal.incarnations(), first);
    assert_eq!(journal.twice(), []);
    assert_eq!(journal.together("page"), []);
}

#[test]
fn the_readme_runs_on_mesos_and_zookeeper_with_the_files_of_deploy() {
    let several = Several::start(1, 3, 1);
    let leader = several.leader(None);
    let file = example();
    let file = file.to_str().expect("the path is a text");
    let said = several.lathe(leader, &["submit", "--yes", file]).with_code(0);
    assert!(said.out.contains("13 of 13 instances ready"), "{}", said.out);
    let status = several.all_ready(leader, 13);
    for slot in 0..3 {
        let balancer = status.instance(&format!("http.lb#{slot}"));
        let address = balancer.address.as_deref().expect("it is somewhere");
        let page =
            Request::get(format!("http://{address}:{}/index", balancer.ports["http"])).send();
        assert_eq!((page.status, page.text().trim()), (200, ":)"));
    }
    let found = several.lathe(leader, &["lookup", "http.lb"]).with_code(0);
    assert_eq!(found.out.matches("http.lb#").count(), 3, "{}", found.out);
    several.lathe(leader, &["doctor"]).with_code(0);
    several.lathe(leader, &["remove", "my_topology", "--yes"]).with_code(0);
    until("that nothing runs", SOON, || {
        several.status(leader).filter(|status| status.instances.is_empty())
    });
    let journal = several.journal();
    assert_eq!((journal.lives.len(), journal.twice()), (13, vec![]));
    assert!(journal.lives.iter().all(|life| life.to.is_some()), "{journal:?}");
}

#[test]
fn leaders_are_killed_stand_still_and_are_cut_off_and_nothing_is_restarted() {
    let mut several = Several::start(1, 3, 3);
    let first = several.leader(None);
    let standby = (first + 1) % 3;
    submit(&several, standby, 3);
    let before = several.all_ready(standby, 3);

    // Killed; it comes back and stands by.
    several.end_scheduler(first, Signal::KILL);
    let second = several.leader(Some(first));
    several.start_scheduler(first);
    assert!(several.readyz(first).expect("it answers").starts_with("ready, stands by"));

    // Stands still until another one leads; then it hears that it does not any more.
    several.scheduler(second).signal(Signal::STOP);
    let third = several.leader(Some(second));
    several.scheduler(second).signal(Signal::CONT);
    until("the one of before stands by", SOON, || {
        several.readyz(second).filter(|says| says.starts_with("ready, stands by"))
    });
    assert_eq!(several.leader(None), third);

    // Cut off from the store, while the master still reaches it.
    several.way_to_store(third).black_hole();
    let fourth = several.leader(Some(third));
    block_on(several.way_to_store(third).pass()).expect("the proxy passes");
    until("the one that was cut off stands by", SOON, || {
        several.readyz(third).filter(|says| says.starts_with("ready, stands by"))
    });

    let after = several.all_ready(third, 3);
    assert_eq!(after.scheduler.framework_id, before.scheduler.framework_id);
    assert_eq!(after.scheduler.term, before.scheduler.term + 3, "each lead has raised it once");
    for scheduler in 0..3 {
        assert_eq!(
            several.status(scheduler).expect("any answers").scheduler.term,
            after.scheduler.term
        );
    }
    // Who leads can still do what leaders do.
    submit(&several, fourth, 2);
    let _ = several.all_ready(fourth, 2);
    let journal = several.journal();
    assert_eq!(journal.incarnations(), ["page#0.1", "page#1.1", "page#2.1"]);
    assert_eq!((journal.twice(), journal.together("page")), (vec![], vec![]));

    // A drain that is asked of one that stands by is done by the leader, and waited for.
    let standby = (fourth + 1) % 3;
    let status = several.all_ready(standby, 2);
    let host = status.hosts_of("page")[0].clone();
    let drained = several.lathe(standby, &["drain", &host, "--yes", "--json"]).with_code(0);
    let shown: serde_json::Value = serde_json::from_str(&drained.out).expect("JSON");
    assert_eq!((&shown["name"], &shown["state"]), (&host.as_str().into(), &"drained".into()));
    assert!(!several.all_ready(standby, 2).hosts_of("page").contains(&host));
    several.lathe(standby, &["reactivate", &host]).with_code(0);
}

/// What the events of a registry's stream tell of pages, until so many are ready; each is newer than
/// the one before.
fn versions_until(events: &mut Events, pages: usize, last: &mut String) -> Vec<u64> {
    let mut versions: Vec<u64> = Vec::new();
    loop {
        let event = events.next(SOON).expect("the stream goes on");
        event.id.clone_into(last);
        if event.kind != "group" {
            continue;
        }
        let version = event.data["version"].as_u64().expect("a version");
        assert!(versions.last().is_none_or(|before| *before < version), "{versions:?} {version}");
        versions.push(version);
        let entries = event.data["entries"].as_array().expect("a list");
        let ready = entries.iter().filter(|one| one["state"] == "ready").count();
        if (ready, entries.len()) == (pages, pages) {
            return versions;
        }
    }
}

#[test]
fn reads_go_anywhere_writes_to_the_leader_and_streams_go_on_over_a_change_of_leader() {
    let mut several = Several::start(1, 3, 3);
    let first = several.leader(None);
    let standby = (first + 1) % 3;
    submit(&several, standby, 1);
    let watch = format!("{}/v1/watch?group=page", several.registry());
    let (mut last, mut last_of_other) = (String::new(), String::new());
    let mut stays = Events::open(&watch, None);
    let mut seen = versions_until(&mut stays, 1, &mut last);
    let mut leaves = Events::open(&watch, None);
    versions_until(&mut leaves, 1, &mut last_of_other);
    drop(leaves);
    let token = several.token();
    let mut happens =
        Events::of(Request::get(format!("{}/v1/events", several.url(standby))).bearer(&token));
    let before = happens.next(SOON).expect("what has happened").id;

    several.end_scheduler(first, Signal::KILL);
    let second = several.leader(Some(first));
    let other = (0..3).find(|one| *one != first && *one != second).expect("a third");
    // Each answers, and by way of each it can be written.
    for (scheduler, pages) in [(other, 2), (second, 3)] {
        submit(&several, scheduler, pages);
        for reader in [other, second] {
            let status = several.all_ready(reader, pages);
            assert_eq!(status.ready(), pages);
        }
    }
    // Who has stayed and who comes back are told the same in the end, and nothing twice.
    let more = versions_until(&mut stays, 3, &mut last);
    assert!(seen.last() < more.first(), "{seen:?} {more:?}");
    seen.extend(more);
    let mut back = Events::open(&watch, Some(&last_of_other));
    let caught_up = versions_until(&mut back, 3, &mut last_of_other);
    while seen.last() < caught_up.last() {
        seen.extend(versions_until(&mut stays, 3, &mut last));
    }
    assert!(seen.contains(caught_up.last().expect("it was told")), "{seen:?} {caught_up:?}");
    assert!(caught_up.first() > seen.first(), "{seen:?} {caught_up:?}");
    // The schedulers' own stream goes on after the last event of the leader of before.
    let events = format!("{}/v1/events", several.url(other));
    let request = Request::get(events).bearer(&token).header("last-event-id", &before);
    let mut happens = Events::of(request);
    let mut launched = 0;
    while launched < 2 {
        let event = happens.next(SOON).expect("the stream goes on");
        let number = |id: &str| id.parse::<u64>().expect("a number");
        assert!(number(&event.id) > number(&before), "{} after {before}", event.id);
        launched += usize::from(event.kind == "launched");
    }

    // Of two edits that overlap, one waits or is told of the other.
    let outcomes = std::thread::scope(|scope| {
        let scale = |scheduler, number: &'static str| {
            let several = &several;
            scope.spawn(move || several.lathe(scheduler, &["scale", "--yes", "page", number]))
        };
        let both = [scale(other, "2"), scale(second, "1")];
        both.map(|one| one.join().expect("it ends"))
    });
    let taken = outcomes.iter().filter(|outcome| outcome.code == Some(0)).count();
    let told = outcomes.iter().filter(|outcome| outcome.err.contains("LT0")).count();
    assert!(taken >= 1 && taken + told >= 2, "{outcomes:?}");
}

#[test]
fn one_that_has_not_the_leaders_artifacts_ends_with_the_reason_and_its_own_place_is_waited_for() {
    let mut several = Several::start(1, 1, 1);
    let leader = several.leader(None);
    several.share_artifacts(false);
    let other = several.enrol_scheduler();
    let said = several.scheduler_ends(other).with_code(1);
    assert!(said.err.contains("artifacts_shared = true"), "{}", said.err);
    // Its session outlives it, and its address is another one each time.
    several.end_scheduler(leader, Signal::KILL);
    several.start_scheduler(leader);
    assert_eq!(several.leader(None), leader);
}

#[test]
fn a_leader_that_is_cut_off_from_mesos_leaves_all_alone_and_goes_on_when_it_is_back() {
    let mut several = Several::start(1, 2, 0);
    let master = several.mesos().master_address(0);
    let way = block_on(Proxy::start(master)).expect("a proxy starts");
    let only = several.add_scheduler(&["--master", &way.address()]);
    let _ = several.leader(None);
    submit(&several, only, 2);
    let before = several.all_ready(only, 2);
    block_on(way.cut()).expect("the proxy cuts");
    until("that it says what it waits for", SOON, || {
        several.readyz(only).filter(|says| says.starts_with("waiting for"))
    });
    block_on(way.pass()).expect("the proxy passes");
    let after = several.all_ready(only, 2);
    assert_eq!(after.scheduler.framework_id, before.scheduler.framework_id);
    assert_eq!(after.scheduler.term, before.scheduler.term);
    nothing_was_restarted(&several, 2);
}

#[test]
fn masters_fail_over_agents_come_back_and_zookeeper_goes_away_and_nothing_is_restarted() {
    let several = Several::start(3, 3, 2);
    let leader = several.leader(None);
    submit(&several, leader, 3);
    let before = several.all_ready(leader, 3);
    let mesos = several.mesos();

    let master = block_on(mesos.leader()).expect("a master leads");
    block_on(mesos.master(master).kill()).expect("it is killed");
    block_on(mesos.leader()).expect("another master leads");
    let _ = several.all_ready(leader, 3);
    block_on(mesos.restart_master(master)).expect("it comes back");

    block_on(mesos.agent(0).kill()).expect("it is killed");
    block_on(mesos.restart_agent(0)).expect("it comes back");
    let _ = several.all_ready(leader, 3);

    // Silent for longer than masters wait, and back before it is given up.
    mesos.agent(1).pause().expect("it stands still");
    until("an instance that is out of reach", SOON, || {
        let status = several.status(leader)?;
        status.instances.iter().any(|one| one.state == "unreachable").then_some(())
    });
    mesos.agent(1).resume().expect("it goes on");
    let _ = several.all_ready(leader, 3);

    // The whole of ZooKeeper: the masters have no leader, the schedulers no store.
    several.zookeeper().server(0).pause().expect("it stands still");
    until("that the leader waits", SOON, || {
        several.readyz(leader).filter(|says| says.starts_with("waiting for"))
    });
    until("that the doctor names the store", SOON, || {
        let ill = several.lathe(leader, &["doctor"]);
        (ill.code == Some(1) && ill.out.contains("waiting for the store")).then_some(())
    });
    several.zookeeper().server(0).resume().expect("it goes on");
    // A master that has lost the lead ends, and is started again by the engines.
    block_on(mesos.leader()).expect("a master leads again");
    let leader = several.leader(None);
    let after = several.all_ready(leader, 3);
    assert_eq!(after.scheduler.framework_id, before.scheduler.framework_id);
    until("that the doctor is content", SOON, || {
        (several.lathe(leader, &["doctor"]).code == Some(0)).then_some(())
    });
    nothing_was_restarted(&several, 3);
}

#[test]
fn what_was_on_an_agent_that_is_gone_runs_elsewhere_and_never_beside_its_like() {
    let several = Several::start(1, 3, 1);
    let leader = several.leader(None);
    submit(&several, leader, 2);
    let before = several.all_ready(leader, 2);
    let host = before.instance("page#1").host.clone().expect("it is somewhere");
    let listed = block_on(several.mesos().read_master(0, "/master/slaves")).expect("a list");
    let agents = listed["slaves"].as_array().expect("a list");
    let port: u64 = host.rsplit_once(':').expect("an address").1.parse().expect("a port");
    let agent = agents.iter().find(|agent| agent["port"].as_u64() == Some(port));
    let id = agent.expect("the agent")["id"].as_str().expect("an id");
    let call = format!(
        r#"{{"type":"MARK_AGENT_GONE","mark_agent_gone":{{"agent_id":{{"value":"{id}"}}}}}}"#
    );
    let answer = block_on(several.mesos().post_master(0, "/api/v1", &call)).expect("an answer");
    assert_eq!(answer.status, 200);
    let after = until("page#1 elsewhere", SOON, || {
        let status = several.status(leader)?;
        let one = status.instance("page#1");
        (one.life() == 2 && status.ready() == 2).then(|| status.clone())
    });
    assert_ne!(after.instance("page#1").host.as_deref(), Some(host.as_str()));
    let journal = several.journal();
    assert_eq!(journal.incarnations(), ["page#0.1", "page#1.1", "page#1.2"]);
    assert_eq!(journal.together("page"), []);
}

#[test]
fn a_store_on_zookeeper_is_restored_and_what_ran_is_ended_and_started_anew() {
    let mut several = Several::start(1, 3, 2);
    let leader = several.leader(None);
    submit(&several, leader, 3);
    let before = several.all_ready(leader, 3);
    let folder = several.folder().to_owned();
    let path = |name: &str| folder.join(name).to_str().expect("a text").to_owned();
    let (backup, artifacts) = (path("pages.backup"), path("restored-artifacts"));
    several.lathe(leader, &["backup", &backup]).with_code(0);
    let address = several.zookeeper().url("/lathe");
    let into = ["restore", "--store", &address, "--artifacts", &artifacts, &backup, "--force"];

    let used = several.lathe(leader, &into).with_code(2);
    assert!(used.err.contains("is in use by http://"), "{}", used.err);
    for scheduler in 0..2 {
        let _ = several.end_scheduler(scheduler, Signal::TERM);
    }
    let there = several.lathe(leader, &into[..6]).with_code(3);
    assert!(there.err.contains("has records already"), "{}", there.err);
    let none = several.lathe(leader, &["restore", "--store", &address, &backup]).with_code(2);
    assert!(none.err.contains("--artifacts"), "{}", none.err);
    let done = several.lathe(leader, &into).with_code(0);
    assert!(done.err.contains("restored commit"), "{}", done.err);
    assert_eq!(std::fs::read_dir(&artifacts).expect("a folder").count(), 1, "the binary");

    several.start_scheduler(0);
    let leader = several.leader(None);
    let after = several.all_ready(leader, 3);
    assert_eq!(after.scheduler.framework_id, before.scheduler.framework_id);
    assert!(after.scheduler.term > before.scheduler.term);
    until("that the lives of before have ended", SOON, || {
        let lives = several.journal().lives;
        lives.iter().filter(|life| life.to.is_none()).count().eq(&3).then_some(())
    });
    let journal = several.journal();
    let next: Vec<String> = (0..3).map(|slot| format!("page#{slot}.1000002")).collect();
    let running = journal.lives.iter().filter(|life| life.to.is_none());
    let mut running: Vec<String> = running.map(|life| life.incarnation.clone()).collect();
    running.sort();
    assert_eq!(running, next);
}

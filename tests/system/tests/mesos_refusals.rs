//! A way to a Mesos that leads nowhere, authorities that are not trusted, and roles that are not
//! allowed: what is wrong is named, it is not tried hotly, and what runs is found as it was left.

#![expect(clippy::unwrap_used, reason = "a test: what is not there fails it")]

#[path = "bare/door.rs"]
mod door;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use door::{AUTHORITY, Door, OTHER_AUTHORITY, certificate};
use lathe_engines::{MesosSpec, ZooKeeper, ZooKeeperSpec, block_on};
use lathe_system::{OnMesos, Request, Running, SOON, Scripts, Signal, Status, binaries, until};

/// Of attempts without end there would be thousands; with pauses that grow, this is minutes.
const ATTEMPTS: usize = 60;

/// Scripts that wait for ever.
fn sleepers(number: usize) -> Scripts {
    Scripts::default().with("sleeper", "exec sleep 100000", &format!("tasks = {number}"))
}

/// Something else where a master should be.
struct Stranger {
    address: String,
    calls: Arc<AtomicUsize>,
}

impl Stranger {
    /// It gives everybody this answer. Its thread ends with the test's process.
    fn saying(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                counted.fetch_add(1, Ordering::SeqCst);
                let Ok(mut stream) = stream else { continue };
                // Whoever has gone needs no answer.
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { address, calls }
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

/// How often the scheduler has said that it has no subscription.
fn attempts(lathe: &OnMesos) -> usize {
    lathe.scheduler().said().matches("no subscription yet").count()
}

/// The scheduler, started with these flags, names what it waits for: to who asks whether it is ready,
/// to who looks, and to who submits. It ends in order.
fn waits_for(lathe: &mut OnMesos, flags: &[&str], named: &[&str]) {
    lathe.start_scheduler(flags);
    until("several attempts", SOON, || (attempts(lathe) >= 3).then_some(()));
    let page = until("the reason", SOON, || {
        let page = Request::get(format!("{}/readyz", lathe.url())).send();
        let text = page.text();
        (page.status == 503 && text.contains("no leading master")).then_some(text)
    });
    assert!(named.iter().all(|name| page.contains(name)), "{named:?} of {page}");
    let shown = lathe.lathe(&["status"]).with_code(0);
    assert!(shown.out.contains("the scheduler waits for a master"), "{}", shown.out);
    let more = Scripts::default().with("more", "exec sleep 100000", "");
    let file = more.write(&lathe.folder().join("more.toml"));
    let refused = lathe.lathe(&["submit", "--yes", "--wait", "1s", file.to_str().unwrap()]);
    assert_ne!(refused.code, Some(0), "{}", refused.err);
    assert!(refused.err.contains("no connection to a master"), "{}", refused.err);
    let attempts = attempts(lathe);
    assert!(attempts < ATTEMPTS, "{attempts} attempts");
    let _ = lathe.end_scheduler(Signal::TERM);
}

/// The scheduler, started with these flags, has all as it was.
fn finds_all(lathe: &mut OnMesos, flags: &[&str], id: &str, before: &Status) {
    lathe.start_scheduler(flags);
    assert_eq!(lathe.connected(), id);
    assert_eq!(lathe.all_ready(before.instances.len()).incarnations(), before.incarnations());
}

#[test]
fn a_master_that_is_none_is_named_and_asked_with_patience() {
    let mut lathe = OnMesos::with(&MesosSpec::default());
    let id = lathe.connected();
    lathe.submit(&sleepers(2).write(&lathe.folder().join("a.toml")));
    let before = lathe.all_ready(2);
    let tasks = lathe.tasks();
    let _ = lathe.end_scheduler(Signal::TERM);

    waits_for(&mut lathe, &["--master", "nowhere.invalid:5050"], &["nowhere.invalid:5050"]);
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    waits_for(&mut lathe, &["--master", &free], &[&free, "refused"]);
    for (answer, what) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", "not that of a Mesos master"),
        ("SSH-2.0-Stranger\r\n", "broke"),
    ] {
        let stranger = Stranger::saying(answer);
        waits_for(&mut lathe, &["--master", &stranger.address], &[&stranger.address, what]);
        assert!(stranger.calls() < ATTEMPTS, "{} calls", stranger.calls());
    }

    let master = lathe.mesos().url();
    finds_all(&mut lathe, &["--master", &master], &id, &before);
    assert_eq!(lathe.tasks(), tasks);
}

#[test]
fn a_group_without_masters_is_named_and_waited_for() {
    let zookeeper = block_on(ZooKeeper::start(&ZooKeeperSpec::default())).unwrap();
    let spec = MesosSpec { zookeeper: Some(zookeeper.url("/mesos")), ..MesosSpec::default() };
    let mut lathe = OnMesos::with(&spec);
    let id = lathe.connected();
    lathe.submit(&sleepers(2).write(&lathe.folder().join("a.toml")));
    let before = lathe.all_ready(2);
    let _ = lathe.end_scheduler(Signal::TERM);

    let other = zookeeper.url("/other");
    waits_for(&mut lathe, &["--master", &other], &["none is announced", "/other"]);
    let group = lathe.mesos().url();
    finds_all(&mut lathe, &["--master", &group], &id, &before);
}

/// A configuration with these masters, who have to be signed by an authority.
fn trusting(lathe: &OnMesos, doors: &[&Door], authority: &str) -> PathBuf {
    let masters: Vec<String> = doors.iter().map(|door| door.url()).collect();
    let authority_file = certificate(authority);
    let text = format!("masters = {masters:?}\nmesos_ca_file = {authority_file:?}\n");
    lathe_system::write(&lathe.folder().join(format!("{authority}.toml")), &text)
}

#[test]
fn over_tls_all_is_as_without_it_and_another_authority_is_named_and_asked_with_patience() {
    let mut lathe = OnMesos::without_scheduler(&MesosSpec::default());
    let door = Door::before(&lathe.mesos().master_address(0));
    let trusts = trusting(&lathe, &[&door], AUTHORITY);
    let trusts = ["--config", trusts.to_str().unwrap()];
    lathe.start_scheduler(&trusts);
    let id = lathe.connected();
    lathe.submit(&sleepers(2).write(&lathe.folder().join("a.toml")));
    let before = lathe.all_ready(2);
    let tasks = lathe.tasks();
    // Agents are spoken to as masters are, and these have no TLS.
    let logs = lathe.lathe(&["logs", "sleeper#0"]);
    assert_ne!(logs.code, Some(0));
    assert!(logs.err.contains("the host's agent: ") && logs.err.contains("TLS"), "{}", logs.err);
    let _ = lathe.end_scheduler(Signal::TERM);
    let (knocks, through) = (door.knocks(), door.through());
    assert!(through > 0, "{knocks}");

    let other = trusting(&lathe, &[&door], OTHER_AUTHORITY);
    let address = door.url().replace("https://", "TLS with ");
    waits_for(&mut lathe, &["--config", other.to_str().unwrap()], &[&address, "certificate"]);
    assert_eq!(door.through(), through, "nothing was said to somebody who is not trusted");
    let knocks = door.knocks() - knocks;
    assert!((3..ATTEMPTS).contains(&knocks), "{knocks}");

    // Without any authority there is nobody to trust, which is known before anybody is asked.
    let mut command = Command::new(binaries().installed.with_file_name("lathe-scheduler"));
    let data = lathe.folder().join("other");
    command.args(["--master", &door.url(), "--store", "local:none", "--data"]).arg(data);
    let refused = Running::complete(command, SOON).with_code(1);
    let says = format!("{} is spoken to over TLS, and no authority to trust is given", door.url());
    assert!(refused.err.contains(&says), "{}", refused.err);

    finds_all(&mut lathe, &trusts, &id, &before);
    assert_eq!(lathe.tasks(), tasks);
}

#[test]
fn masters_behind_tls_are_asked_in_turn_until_one_leads_and_another_is_found_when_it_dies() {
    let zookeeper = block_on(ZooKeeper::start(&ZooKeeperSpec::default())).unwrap();
    let group = Some(zookeeper.url("/mesos"));
    let spec = MesosSpec { masters: 3, zookeeper: group, ..MesosSpec::default() };
    let mut lathe = OnMesos::without_scheduler(&spec);
    let leader = block_on(lathe.mesos().leader()).unwrap();
    let addresses = (0..3).map(|master| lathe.mesos().master_address(master));
    let doors: Vec<Door> = addresses.map(|address| Door::before(&address)).collect();
    // Those that follow come first: they send on to the leader's own address, which has no TLS.
    let mut in_order: Vec<&Door> = doors.iter().collect();
    in_order.rotate_left((leader + 1) % 3);
    let trusts = trusting(&lathe, &in_order, AUTHORITY);
    lathe.start_scheduler(&["--config", trusts.to_str().unwrap()]);
    let id = lathe.connected();
    lathe.submit(&sleepers(2).write(&lathe.folder().join("a.toml")));
    let before = lathe.all_ready(2);
    let tasks = lathe.tasks();
    assert!(doors[leader].through() > 0);

    block_on(lathe.mesos().master(leader).kill()).unwrap();
    let next = block_on(lathe.mesos().leader()).unwrap();
    until("a subscription by way of another door", SOON, || {
        let page = lathe.master_page("/master/frameworks");
        (page["frameworks"][0]["active"] == true).then_some(())
    });
    assert!(doors[next].through() > 0);
    assert_eq!(lathe.connected(), id);
    assert_eq!(lathe.all_ready(2).incarnations(), before.incarnations());
    assert_eq!(lathe.tasks(), tasks);
}

/// A Mesos whose masters have a flag; with the role `lathe` the scheduler is refused there, and with
/// the role `other` it is not.
fn refuses_the_role(flag: &str, value: &str, says: &str) {
    let mut spec = MesosSpec::default();
    spec.master_flags.insert(flag.to_owned(), value.to_owned());
    let mut lathe = OnMesos::without_scheduler(&spec);
    let file = lathe_system::write(&lathe.folder().join("other.toml"), "role = \"other\"\n");
    let master = lathe.mesos().url();
    let allowed = ["--master", &master, "--config", file.to_str().unwrap()];
    lathe.start_scheduler(&allowed);
    let id = lathe.connected();
    lathe.submit(&sleepers(2).write(&lathe.folder().join("a.toml")));
    let before = lathe.all_ready(2);
    let _ = lathe.end_scheduler(Signal::TERM);

    lathe.start_scheduler(&["--master", &master]);
    let outcome = lathe.scheduler_ends();
    assert_ne!(outcome.code, Some(0));
    assert!(outcome.err.contains("the master refused the framework"), "{}", outcome.err);
    assert!(outcome.err.contains(says) && outcome.err.contains("lathe"), "{}", outcome.err);
    let subscribed = outcome.err.matches("no subscription yet").count();
    assert_eq!(subscribed, 0, "once is enough: {}", outcome.err);

    finds_all(&mut lathe, &allowed, &id, &before);
}

#[test]
fn a_role_that_masters_do_not_list_is_told_and_tried_once() {
    refuses_the_role("roles", "other", "role");
}

#[test]
fn a_role_that_is_forbidden_is_told_and_tried_once() {
    let acls = serde_json::json!({"register_frameworks": [
        {"principals": {"type": "ANY"}, "roles": {"values": ["other"]}},
        {"principals": {"type": "NONE"}, "roles": {"values": ["lathe"]}},
    ]});
    refuses_the_role("acls", &acls.to_string(), "Not authorized");
}

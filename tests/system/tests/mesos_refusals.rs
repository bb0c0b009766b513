//! A way to a Mesos that leads nowhere, and roles that are not allowed: what is wrong is named, it is
//! not tried hotly, and what runs is found as it was left.

#![expect(clippy::unwrap_used, reason = "a test: what is not there fails it")]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lathe_engines::{MesosSpec, ZooKeeper, ZooKeeperSpec, block_on};
use lathe_system::{OnMesos, Request, SOON, Scripts, Signal, Status, until};

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

/// The scheduler, started with this master, names what it waits for: to who asks whether it is ready,
/// to who looks, and to who submits. It ends in order.
fn waits_for(lathe: &mut OnMesos, master: &str, named: &[&str]) {
    lathe.start_scheduler(&["--master", master]);
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

    waits_for(&mut lathe, "nowhere.invalid:5050", &["nowhere.invalid:5050"]);
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    waits_for(&mut lathe, &free, &[&free, "refused"]);
    for (answer, what) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", "not that of a Mesos master"),
        ("SSH-2.0-Stranger\r\n", "broke"),
    ] {
        let stranger = Stranger::saying(answer);
        waits_for(&mut lathe, &stranger.address, &[&stranger.address, what]);
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
    waits_for(&mut lathe, &other, &["none is announced", "/other"]);
    let group = lathe.mesos().url();
    finds_all(&mut lathe, &["--master", &group], &id, &before);
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

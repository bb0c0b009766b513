//! Who may come in, and who is turned away: tokens, `Host`, sizes, file modes, the home's lock.

#![expect(clippy::unwrap_used, reason = "a test: what is not there fails it")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lathe_system::{Lathe, Outcome, Request, SOON, Scripts, Signal};
use serde_json::Value;

const PROTOBUF: &str = "application/x-protobuf";

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn steady(lathe: &Lathe) -> String {
    let scripts = Scripts::default().with("steady", "exec sleep 100000", "");
    scripts.write(&lathe.folder().join("steady.toml")).to_str().unwrap().to_owned()
}

#[test]
fn the_schedulers_door_asks_for_the_token_the_host_and_a_bounded_body() {
    let mut lathe = Lathe::new();
    lathe.up(&[]);
    let (url, token) = (lathe.scheduler(), lathe.token());
    let status = format!("{url}/v1/status");
    let good = Request::get(&status).bearer(&token);
    assert_eq!(good.send().status, 200);
    let problem = |request: Request, status: u16, code: &str| {
        let answer = request.send();
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert_eq!(answer.json::<Value>()["code"], code);
    };
    problem(Request::get(&status), 401, "LT0602");
    problem(Request::get(&status).bearer("wrong"), 401, "LT0602");
    problem(Request::get(&status).bearer(&token[1..]), 401, "LT0602");
    let elsewhere = Request::get(&status).bearer(&token).header("host", "example.org");
    let turned_away = elsewhere.send();
    assert_eq!(turned_away.json::<Value>()["code"], "LT0601");
    assert!((400..500).contains(&turned_away.status), "{}", turned_away.status);
    assert_eq!(turned_away.header("access-control-allow-origin"), None);
    // gRPC passes the same door.
    let submit = format!("{url}/lathe.v1.Scheduler/Submit");
    problem(Request::post(&submit, "x").header("content-type", "application/grpc"), 401, "LT0602");
    problem(Request::get(format!("{url}/v1/nothing")).bearer(&token), 404, "LT0607");
    let large = Request::post(&status, "")
        .bearer(&token)
        .header("content-type", "application/json")
        .announcing(8 << 20);
    assert!(large.starts_with("HTTP/1.1 413 ") && large.contains("LT0604"), "{large}");
    for open in ["/healthz", "/readyz", "/metrics", "/v1/registries"] {
        assert_eq!(Request::get(format!("{url}{open}")).send().status, 200, "{open}");
    }
    let artifact = format!("{url}/v1/artifacts/{}?incarnation=a%230.1", "0".repeat(64));
    let stranger = Request::get(&artifact).bearer("no secret of an incarnation").send();
    assert!([401, 404].contains(&stranger.status), "{}", stranger.status);

    let home = lathe.home();
    for file in ["run/token", "run/endpoints.json", "key", "run/store.sock"] {
        assert_eq!(mode(&home.join(file)) & 0o077, 0, "{file} is for its owner alone");
    }
    assert_eq!(
        (mode(&home.join("run/token")), mode(&home.join("run/endpoints.json"))),
        (0o600, 0o600)
    );
    assert_eq!((mode(&home), mode(&home.join("run"))), (0o700, 0o700));
    // The token stands in a file and in no command line, environment or log.
    for process in lathe.running().process().descendants() {
        let line = process.command_line().join(" ");
        assert!(!line.contains(&token), "{line}");
        assert!(process.environment().values().all(|value| !value.contains(&token)));
    }
    assert!(!lathe.logs().contains(&token));
}

#[test]
fn the_doors_of_standalone_and_registry_turn_strangers_away() {
    let mut lathe = Lathe::new();
    let file = steady(&lathe);
    lathe.up(&[&file]);
    let master = lathe.master();
    let basic = |secret: &str| format!("Basic {}", STANDARD.encode(format!("lathe:{secret}")));
    let right = basic(&lathe.token());
    for path in ["/api/v1/scheduler", "/api/v1", "/standalone/hosts"] {
        let url = format!("{master}{path}");
        let call = Request::post(&url, "").header("content-type", PROTOBUF);
        let stranger = call.clone().send();
        assert_eq!(stranger.status, 401, "{path}");
        assert!(stranger.header("www-authenticate").is_some_and(|how| how.starts_with("Basic")));
        let wrong = call.header("authorization", &basic("wrong")).send();
        assert_eq!(wrong.status, 401, "{path}");
    }
    let hosts = Request::get(format!("{master}/standalone/hosts")).header("authorization", &right);
    let hosts: Value = hosts.send().json();
    assert_eq!(hosts.as_array().unwrap().len(), 3);
    let elsewhere = Request::get(format!("{master}/standalone/hosts"))
        .header("authorization", &right)
        .header("host", "example.org")
        .send();
    assert_eq!(elsewhere.status, 400, "{}", elsewhere.text());
    assert!(elsewhere.header("access-control-allow-origin").is_none());
    // A host's own listener: an executor's token or nothing.
    let port = hosts.as_array().unwrap().iter().find_map(|host| host["port"].as_u64()).unwrap();
    for path in ["/api/v1/executor", "/api/v1"] {
        let call = Request::post(format!("http://127.0.0.1:{port}{path}"), "");
        let stranger = call.header("content-type", PROTOBUF).send();
        assert_eq!(stranger.status, 401, "{path}");
    }
    let large = Request::post(format!("{master}/api/v1"), "")
        .header("authorization", &right)
        .header("content-type", PROTOBUF)
        .announcing(64 << 20);
    assert!(large.starts_with("HTTP/1.1 413 "), "{large}");

    let registry = lathe.registry();
    let beat = format!("{registry}/v1/instances/steady%230.1/beat");
    let beat =
        Request::post(beat, r#"{"state":"draining"}"#).header("content-type", "application/json");
    assert_eq!(beat.send().status, 401);
    assert_eq!(beat.bearer(&lathe.token()).send().status, 401, "the token is no secret of it");
    let elsewhere = Request::get(format!("{registry}/v1/groups")).header("host", "example.org");
    assert_eq!(elsewhere.send().json::<Value>()["code"], "LT0601");
    let group = lathe.read_registry("/v1/groups/steady");
    assert_eq!(group["entries"][0]["state"], "ready");
}

#[test]
fn one_home_has_one_lathe_up_and_fresh_forgets() {
    let mut lathe = Lathe::new();
    let file = steady(&lathe);
    lathe.up(&[&file]);
    let before = lathe.status();
    let refused = lathe.lathe(&["up"]).with_code(2);
    let pid = lathe.running().process().pid.to_string();
    assert!(refused.err.contains(&format!("(process {pid})")), "{}", refused.err);
    assert!(refused.err.contains("hint: "), "{}", refused.err);
    // Not even one that would forget touches what runs.
    lathe.lathe(&["up", "--fresh"]).with_code(2);
    assert_eq!(lathe.status().incarnations(), before.incarnations());
    assert!(lathe.task("steady#0.1").runs());

    lathe.end(Signal::TERM).with_code(0);
    lathe.nothing_is_left(SOON);
    lathe.up(&[]);
    let kept = lathe.all_ready(1);
    assert_eq!(kept.instance("steady#0").life(), 2);
    assert_eq!(kept.scheduler.framework_id, before.scheduler.framework_id);
    lathe.end(Signal::HUP).with_code(0);
    lathe.nothing_is_left(SOON);

    lathe.up(&["--fresh"]);
    let fresh = lathe.status();
    assert_eq!((fresh.topologies.len(), fresh.instances.len()), (0, 0));
    assert_ne!(fresh.scheduler.framework_id, before.scheduler.framework_id);
    lathe.end(Signal::INT).with_code(0);
    lathe.nothing_is_left(SOON);
}

#[test]
fn hosts_are_as_they_were_described_or_refused_with_a_reason() {
    let mut lathe = Lathe::new();
    let refuse = |arguments: &[&str], part: &str| -> Outcome {
        let outcome = lathe.lathe(&[&["up", "--once"], arguments].concat()).with_code(2);
        assert!(outcome.err.contains(part), "no `{part}` in {}", outcome.err);
        lathe.nothing_is_left(SOON);
        outcome
    };
    refuse(&["--hosts", "0"], "--hosts");
    refuse(&["--hosts", "many"], "--hosts");
    refuse(&["--host", "rack"], "rack");
    refuse(&["--host", "cpus=lots"], "cpus");
    refuse(&["--host", "mem=8 cats"], "mem");
    refuse(&["--host", "name=a", "--host", "name=a"], "two hosts");
    refuse(&["--host", "ports=9-1"], "ports");
    refuse(&["--host", "name=../a"], "name");

    lathe.up(&["--hosts", "2", "--host", "name=left,rack=r1,cpus=2", "--host", "rack=r2"]);
    let status = lathe.status();
    let hosts: Vec<_> = status
        .hosts
        .iter()
        .map(|host| (host.name.as_str(), host.attributes.get("rack").map(String::as_str)))
        .collect();
    assert_eq!(hosts, [("host-2", Some("r2")), ("left", Some("r1"))]);
}

#[test]
fn no_token_and_no_secret_stands_in_any_log() {
    let mut lathe = Lathe::new();
    let topology = steady(&lathe);
    lathe.up_logging("debug", &[&topology]);
    let token = lathe.token();
    let file = |name: &str| std::fs::read_to_string(lathe.home().join(name)).unwrap_or_default();
    let key = file("key").trim().to_owned();
    assert!(token.len() == 64 && key.len() == 64);
    let mut secrets = vec![token, key];
    let mut logs = Vec::new();
    let mut folders = vec![lathe.home()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let read = || std::fs::read(&path).unwrap_or_default();
            match name.to_str().unwrap_or_default() {
                _ if path.is_dir() && !path.is_symlink() => folders.push(path.clone()),
                "secret" => secrets.push(String::from_utf8_lossy(&read()).trim().to_owned()),
                name if name.ends_with(".log") || name == "stderr" => {
                    logs.push((path.clone(), read()))
                }
                _ => {}
            }
        }
    }
    assert!(secrets.len() > 2, "an instance has a secret of its own");
    assert!(logs.iter().any(|(path, _)| path.ends_with("stderr")), "an executor logs");
    let debug = logs.iter().any(|(_, log)| String::from_utf8_lossy(log).contains(" DEBUG "));
    assert!(debug, "the logs are those of `debug`");
    for (path, log) in &logs {
        let log = String::from_utf8_lossy(log);
        for secret in &secrets {
            assert!(!log.contains(secret.as_str()), "a secret stands in {}", path.display());
        }
    }
    let _ = lathe.end(Signal::INT);
}

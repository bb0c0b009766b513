//! The agent before real registries: what it shows, what it survives, how it ends.

use std::collections::BTreeSet;

use lathe_agents::{Agent, Site, get, instance, post, until};

const FOLLOW: &str = "groups = [\"web.cache\"]\nlost_after = \"0ms\"\npoll = \"200ms\"\n";

async fn shows(agent: &Agent, path: &str, part: &str) {
    until(&format!("{part} at {path}"), || async {
        let reply = agent.get(path).await;
        reply.is_some_and(|reply| reply.status == 200 && reply.body.contains(part))
    })
    .await;
}

#[tokio::test]
async fn what_registries_show_is_shown_in_the_same_words() {
    let mut site = Site::start(1).await;
    let agent = Agent::start(&site.configuration(FOLLOW)).await;
    let commit = site.change(&[instance("web.cache", 0, 1, 31_000)], &[]).await;
    shows(&agent, "/v1/groups/web.cache", "web.cache#0.1").await;
    for path in [
        "/v1/groups/task.web.cache",
        "/v1/instances",
        "/v1/instances/web.cache%230.1",
        "/v1/instances?state=ready",
    ] {
        let (own, theirs) =
            (agent.get(path).await.unwrap(), get(&site.url(0), path, &[]).await.unwrap());
        assert_eq!((own.status, own.json()), (200, theirs.json()), "{path}");
        for header in ["etag", "lathe-history", "lathe-version", "content-type"] {
            assert_eq!(own.header(header), theirs.header(header), "{path} {header}");
        }
        assert_eq!(own.header("lathe-stale"), None);
    }
    let groups = agent.get("/v1/groups").await.unwrap().json();
    assert_eq!((groups[0]["kind"].as_str(), groups[0]["ready"].as_u64()), (Some("task"), Some(1)));
    let tag = agent.get("/v1/groups/web.cache").await.unwrap().header("etag").unwrap().to_owned();
    let again = get(&agent.url, "/v1/groups/web.cache", &[("if-none-match", &tag)]).await.unwrap();
    assert_eq!(again.status, 304);
    for (path, status) in [
        ("/v1/groups/other", 404),
        ("/v1/groups?mode=linearizable", 400),
        ("/v1/nothing", 404),
        ("/v1/groups?x=1", 400),
    ] {
        assert_eq!(agent.get(path).await.unwrap().status, status, "{path}");
    }
    // One who waits is answered when it changes.
    let path = format!("/v1/groups/web.cache?index={commit}&wait=60s");
    let url = agent.url.clone();
    let waiting = tokio::spawn(async move { get(&url, &path, &[]).await.unwrap() });
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    site.change(&[instance("web.cache", 1, 1, 31_001)], &[]).await;
    assert!(waiting.await.unwrap().body.contains("web.cache#1.1"));
    assert!(agent.get("/metrics").await.unwrap().body.contains("lathe_agent_followed 1"));
    assert!(agent.stop().await.success());
}

#[tokio::test]
async fn every_registry_may_go_and_reads_go_on_and_so_they_do_after_a_restart() {
    let mut site = Site::start(2).await;
    let config = site.configuration(FOLLOW);
    let agent = Agent::start(&config).await;
    site.change(&[instance("web.cache", 0, 1, 31_000)], &[]).await;
    shows(&agent, "/v1/groups/web.cache", "web.cache#0.1").await;
    // One of two: nothing is to be seen of it.
    site.stop_registry(0).await;
    site.change(&[instance("web.cache", 0, 2, 31_000)], &["web.cache#0.1"]).await;
    shows(&agent, "/v1/groups/web.cache", "web.cache#0.2").await;
    site.stop_registry(1).await;
    let stale = |agent: &Agent| {
        let url = agent.url.clone();
        async move {
            let reply = get(&url, "/v1/groups/web.cache", &[]).await.unwrap();
            let aged = reply.header("lathe-age-ms").and_then(|it| it.parse::<u64>().ok()) > Some(0);
            let marked = reply.header("lathe-stale") == Some("true");
            reply.body.contains("web.cache#0.2") && aged && marked
        }
    };
    until("the copy is marked", || stale(&agent)).await;
    assert_eq!(agent.get("/readyz").await.unwrap().status, 503);
    let copy = site.folder().join("agent/copy");
    until("the copy is on disk", || async {
        std::fs::read_to_string(&copy).is_ok_and(|text| text.contains("web.cache#0.2"))
    })
    .await;
    agent.kill().await;
    let agent = Agent::start(&config).await;
    assert!(stale(&agent).await, "at once, from the disk");
    site.start_registry(1).await;
    until("it is heard again", || async { agent.get("/readyz").await.unwrap().status == 200 })
        .await;
    site.change(&[instance("web.cache", 0, 3, 31_000)], &["web.cache#0.2"]).await;
    shows(&agent, "/v1/groups/web.cache", "web.cache#0.3").await;
    assert_eq!(agent.get("/v1/groups/web.cache").await.unwrap().header("lathe-stale"), None);
}

#[tokio::test]
async fn hooks_follow_tell_and_can_be_asked_for_with_a_token() {
    let mut site = Site::start(1).await;
    let (log, token) = (site.folder().join("log"), site.folder().join("token"));
    let more = format!(
        "token_file = {token:?}\n[hook.note]\ngroups = [\"web.cache\"]\nsettle = \"0ms\"\n\
         shell = \"echo $LATHE_REASON $LATHE_STALE >> {}; cat\"\n",
        log.display()
    );
    let agent = Agent::start(&site.configuration(&more)).await;
    let version = site.change(&[instance("web.cache", 0, 1, 31_000)], &[]).await;
    agent.followed("note", version).await;
    let status = agent.get("/v1/hooks/note").await.unwrap().json();
    let output = status["past"].as_array().unwrap().last().unwrap()["output"].as_str().unwrap();
    assert!(output.contains("web.cache#0.1") && output.contains("\"added\""), "{output}");
    assert_eq!(post(&agent.url, "/v1/hooks/note/run", &[]).await.unwrap().status, 401);
    let secret = std::fs::read_to_string(&token).unwrap();
    let secret = secret.lines().next().unwrap().rsplit(':').next().unwrap().trim().to_owned();
    let bearer = format!("Bearer {secret}");
    let headers = [("authorization", bearer.as_str())];
    assert_eq!(post(&agent.url, "/v1/hooks/other/run", &headers).await.unwrap().status, 404);
    assert_eq!(post(&agent.url, "/v1/hooks/note/run", &headers).await.unwrap().status, 202);
    until("it runs", || async { std::fs::read_to_string(&log).unwrap().contains("forced 0") })
        .await;
    let served = agent.get("/metrics").await.unwrap().body;
    assert!(served.contains("hook_version{hook=\"note\"}"), "{served}");
    assert_eq!(types_of(&served), documented());
}

/// Names and types in the page of metrics.
fn documented() -> BTreeSet<(String, String)> {
    let page = include_str!("../../../docs/metrics.md");
    let (_, section) = page.split_once("\n## Agent\n").expect("a section");
    let rows = section.split("\n## ").next().unwrap_or_default().lines();
    rows.filter(|line| line.starts_with("| `lathe_"))
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            (cells[1].trim_matches('`').to_owned(), cells[2].to_owned())
        })
        .collect()
}

fn types_of(served: &str) -> BTreeSet<(String, String)> {
    let types = served.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    types
        .map(|(name, kind)| {
            let end = match kind {
                "counter" => "_total",
                "info" => "_info",
                _ => "",
            };
            (format!("{name}{end}"), kind.to_owned())
        })
        .collect()
}

#[tokio::test]
async fn once_ends_when_everything_is_followed_and_a_failure_is_its_exit_code() {
    let mut site = Site::start(1).await;
    site.change(&[instance("web.cache", 0, 1, 31_000)], &[]).await;
    let log = site.folder().join("log");
    let hook = |word: &str| {
        format!(
            "[hook.h]\ngroups = [\"web.cache\"]\nshell = \"echo ran >> {}; {word}\"\n",
            log.display()
        )
    };
    let config = site.configuration(&hook("true"));
    for _ in 0..2 {
        assert!(Agent::complete(&config, &["--once"]).await.success());
    }
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "ran\n", "nothing has changed since");
    let config = site.configuration(&hook("false"));
    assert_eq!(Agent::complete(&config, &["--once"]).await.code, Some(1));
}

#[tokio::test]
async fn a_configuration_is_checked_without_a_start() {
    let site = Site::start(0).await;
    let good = FOLLOW.to_owned() + "registries_ = 1\n";
    let bad = site.configuration(&good);
    assert_eq!(Agent::complete(&bad, &["--check"]).await.code, Some(2));
    let text = std::fs::read_to_string(&bad).unwrap().replace("registries_ = 1\n", "");
    std::fs::write(&bad, text.replace("registries = []", "registries = [\"http://127.0.0.1:1\"]"))
        .unwrap();
    assert!(Agent::complete(&bad, &["--check"]).await.success());
    assert!(!site.folder().join("agent").exists());
}

#[tokio::test]
async fn a_dry_run_prints_what_would_change_and_changes_nothing() {
    let mut site = Site::start(2).await;
    site.change(&[instance("web.cache", 0, 1, 31_000)], &[]).await;
    let (template, place, ran) =
        (site.folder().join("t"), site.folder().join("servers"), site.folder().join("ran"));
    let text =
        "{% for one in entries %}\nserver {{ one.address }}:{{ one.ports.http }}\n{% endfor %}\n";
    std::fs::write(&template, text).unwrap();
    std::fs::write(&place, "server 127.0.0.1:30999\n").unwrap();
    let config = site.configuration(&format!(
        "[hook.h]\ngroups = [\"web.cache\"]\nshell = \"echo ran >> {}\"\n[[hook.h.file]]\n\
         template = {template:?}\npath = {place:?}\n",
        ran.display()
    ));
    // Another registry answers where the first is gone.
    site.stop_registry(0).await;
    let (exit, printed) = Agent::printed(&config, &["--dry-run"]).await;
    assert!(exit.success(), "{printed}");
    let diff = "-server 127.0.0.1:30999\n+server 127.0.0.1:31000\n";
    assert!(printed.contains(diff) && printed.contains("echo ran"), "{printed}");
    assert_eq!(std::fs::read_to_string(&place).unwrap(), "server 127.0.0.1:30999\n");
    assert!(!ran.exists() && !site.folder().join("agent").exists());
    // What it said is what happens.
    assert!(Agent::complete(&config, &["--once"]).await.success());
    let (exit, printed) = Agent::printed(&config, &["--dry-run"]).await;
    assert!(exit.success() && printed.contains("nothing would run"), "{printed}");
    site.stop_registry(1).await;
    assert_eq!(Agent::printed(&config, &["--dry-run"]).await.0.code, Some(1));
}

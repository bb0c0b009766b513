//! Hooks of several hosts that wait for each other, by turns that registries grant.

use std::fmt::Write as _;
use std::path::Path;

use lathe_agents::{Agent, Site, get, instance, until};

const TASK: &str = "web.cache";

/// An agent's part of a fleet of which one host follows at a time, with more keys of its hook.
fn of_fleet(site: &Site, name: &str, most: u32, more: &str) -> std::path::PathBuf {
    let text = format!(
        "registry_token_file = {:?}\n[hook.reload]\ngroups = [{TASK:?}]\nsettle = \"0ms\"\nfleet = \"edge\"\n\
         max_parallel = {most}\n{more}\n",
        site.token_file()
    );
    site.configuration_of(name, &[0, 1], &text)
}

/// The most that were at it at the same time, and how many have been in all.
fn at_once(log: &Path) -> (usize, usize) {
    let (mut now, mut most, mut all) = (0_usize, 0, 0);
    for line in std::fs::read_to_string(log).unwrap_or_default().lines() {
        if line.starts_with('+') {
            (now, all) = (now + 1, all + 1);
            most = most.max(now);
        } else {
            now -= 1;
        }
    }
    (most, all)
}

#[tokio::test]
async fn of_a_fleet_no_more_hosts_follow_at_once_than_may_and_all_follow() {
    let mut site = Site::start(2).await;
    let log = site.folder().join("log");
    let shell = format!("shell = \"echo + >> {0}; sleep 0.2; echo - >> {0}\"", log.display());
    let mut agents = Vec::new();
    for host in 0..6 {
        let config = of_fleet(&site, &format!("host-{host}"), 2, &shell);
        agents.push(Agent::start(&config).await);
    }
    let commit = site.change(&[instance(TASK, 0, 1, 31_000)], &[]).await;
    for agent in &agents {
        agent.followed("reload", commit).await;
    }
    // Whoever has asked the one goes on with the other.
    site.stop_registry(0).await;
    let commit = site.change(&[instance(TASK, 0, 2, 31_000)], &[&format!("{TASK}#0.1")]).await;
    for agent in &agents {
        agent.followed("reload", commit).await;
    }
    let (most, all) = at_once(&log);
    assert!(most <= 2 && all >= 2 * agents.len(), "{most} at once, {all} in all");
    until("every turn is given back", || async {
        let fleets = get(&site.url(1), "/v1/fleets", &[]).await;
        fleets.is_some_and(|fleets| (fleets.status, fleets.body.as_str()) == (200, "[]"))
    })
    .await;
}

#[tokio::test]
async fn a_host_that_dies_in_its_turn_is_waited_for_and_has_it_again_when_it_is_back() {
    let mut site = Site::start(2).await;
    let (began, stuck) = (site.folder().join("began"), site.folder().join("stuck"));
    std::fs::write(&stuck, "").unwrap();
    let shell = format!(
        "shell = \"touch {}; while test -e {}; do sleep 0.05; done\"",
        began.display(),
        stuck.display()
    );
    let one = of_fleet(&site, "one", 1, &shell);
    let agent = Agent::start(&one).await;
    let commit = site.change(&[instance(TASK, 0, 1, 31_000)], &[]).await;
    until("the program runs", || async { began.exists() }).await;

    let other = Agent::start(&of_fleet(&site, "other", 1, "command = [\"true\"]")).await;
    until("the other one waits", || async {
        let status = other.get("/v1/hooks/reload").await.unwrap().json();
        let because = status["because"].as_str().unwrap_or_default().to_owned();
        status["standing"] == "waiting" && because.contains("one-") && because.contains("edge")
    })
    .await;
    agent.kill().await;
    let held = get(&site.url(1), "/v1/fleets/edge", &[]).await.unwrap().json();
    assert_eq!(held["leases"].as_array().map(Vec::len), Some(1), "{held}");
    let status = other.get("/v1/hooks/reload").await.unwrap().json();
    assert_eq!(status["standing"], "waiting", "{status}");

    std::fs::remove_file(&stuck).unwrap();
    let agent = Agent::start(&one).await;
    agent.followed("reload", commit).await;
    other.followed("reload", commit).await;
}

#[tokio::test]
async fn without_any_registry_it_goes_on_without_a_turn_in_the_end() {
    let mut site = Site::start(2).await;
    let more = "command = [\"true\"]\non_start = \"always\"\nturn_wait = \"200ms\"";
    let config = of_fleet(&site, "host", 1, more);
    let agent = Agent::start(&config).await;
    let commit = site.change(&[instance(TASK, 0, 1, 31_000)], &[]).await;
    agent.followed("reload", commit).await;
    until("the copy is on disk", || async {
        let copy = std::fs::read_to_string(site.folder().join("host/copy"));
        copy.is_ok_and(|copy| copy.contains("web.cache#0.1"))
    })
    .await;
    agent.stop().await;
    for registry in 0..2 {
        site.stop_registry(registry).await;
    }
    let agent = Agent::start(&config).await;
    agent.followed("reload", commit).await;
    let status = agent.get("/v1/hooks/reload").await.unwrap().json();
    assert_eq!(status["past"][0]["why"], "start", "{status}");
}

#[tokio::test]
async fn who_has_no_token_is_granted_no_turn() {
    let site = Site::start(1).await;
    let mut text = String::new();
    for hook in ["a", "b"] {
        let _ = write!(
            text,
            "[hook.{hook}]\ngroups = [{TASK:?}]\ncommand = [\"true\"]\nmax_parallel = 1\n"
        );
    }
    let agent = Agent::start(&site.configuration(&text)).await;
    until("it is told why", || async {
        let status = agent.get("/v1/hooks/a").await.unwrap().json();
        status["because"].as_str().is_some_and(|it| it.contains("401"))
    })
    .await;
    assert!(agent.stop().await.success());
}

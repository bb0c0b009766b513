//! Look-ups.

use std::collections::BTreeSet;

use hyper::StatusCode;
use lathe_catalog::State;
use lathe_hooks::monitor::{Kind, Rule};

use crate::rig::{Rig, entry, until, within};

#[tokio::test]
async fn what_is_written_to_the_store_appears_in_every_view() {
    let rig = Rig::start().await;
    let commit = rig
        .put(&[entry("http.lb#0.1", State::Ready, 1), entry("http.front#0.1", State::Starting, 1)])
        .await;
    rig.shown(commit).await;
    let (answer, view) = rig.get_with("/v1/groups/http.lb", &[]).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(view["entries"][0]["incarnation"], "http.lb#0.1");
    assert_eq!(view["version"], commit);
    let history = within(rig.store.history()).await.unwrap();
    assert_eq!(view["history"], history.as_str());
    assert_eq!(answer.headers()["etag"], format!("\"{history}:{commit}\"").as_str());
    assert_eq!(answer.headers()["lathe-history"], history.as_str());
    assert_eq!(answer.headers()["lathe-version"], commit.to_string().as_str());
    assert_eq!(answer.headers()["lathe-age-ms"], "0");
    // People write sections with their leading `task.`.
    assert_eq!(rig.get("/v1/groups/task.http.lb").await.1, view);

    let (_, groups) = rig.get("/v1/groups").await;
    let named: Vec<&str> =
        groups.as_array().unwrap().iter().map(|group| group["group"].as_str().unwrap()).collect();
    assert_eq!(named, ["http.front", "http.lb", "web"]);
    assert_eq!(groups[2]["instances"], 2);
    assert_eq!((&groups[2]["kind"], &groups[2]["ready"]), (&"tag".into(), &1.into()));

    let (_, all) = rig.get("/v1/instances").await;
    assert_eq!(all.as_array().unwrap().len(), 2);
    for query in [
        "task=http.lb",
        "task=task.http.lb&tag=web",
        "topology=demo&task=http.lb",
        "state=starting",
    ] {
        let (_, some) = rig.get(&format!("/v1/instances?{query}")).await;
        assert_eq!(some.as_array().unwrap().len(), 1, "{query}");
    }
    for query in ["tag=nobody", "state=suspect"] {
        let (_, none) = rig.get(&format!("/v1/instances?{query}")).await;
        assert_eq!(none.as_array().unwrap().len(), 0, "{query}");
    }
    assert_eq!(rig.get("/v1/instances?state=well").await.0, StatusCode::BAD_REQUEST);
    let (_, one) = rig.get("/v1/instances/http.front%230.1").await;
    assert_eq!(one["state"], "starting");
    assert_eq!(rig.get("/v1/instances/http.front%230.2").await.0, StatusCode::NOT_FOUND);

    let (_, config) = rig.get("/v1/config/http.lb").await;
    assert_eq!(config["keys"]["greeting"], "hi");
    assert_eq!(config["version"], commit);
}

#[tokio::test]
async fn a_group_that_never_was_is_empty_at_version_0() {
    let rig = Rig::start().await;
    let (status, view) = rig.get("/v1/groups/nobody").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&view["version"], view["entries"].as_array().unwrap().len()), (&0.into(), 0));
}

#[tokio::test]
async fn a_reader_that_has_the_version_is_told_so_until_it_changes() {
    let rig = Rig::start().await;
    let commit = rig.put(&[entry("a#0.1", State::Starting, 1)]).await;
    rig.shown(commit).await;
    let (answer, _) = rig.get_with("/v1/groups/a", &[]).await;
    let tag = answer.headers()["etag"].to_str().unwrap().to_owned();
    for named in [tag.clone(), format!("\"other\", W/{tag}"), "*".to_owned()] {
        let (answer, body) = rig.get_with("/v1/groups/a", &[("if-none-match", &named)]).await;
        assert_eq!(answer.status(), StatusCode::NOT_MODIFIED, "{named}");
        assert_eq!((answer.headers()["etag"].to_str().unwrap(), body), (tag.as_str(), "".into()));
    }
    let commit = rig.put(&[entry("a#0.1", State::Ready, 2)]).await;
    rig.shown(commit).await;
    let (answer, view) = rig.get_with("/v1/groups/a", &[("if-none-match", &tag)]).await;
    assert_eq!((answer.status(), &view["entries"][0]["state"]), (StatusCode::OK, &"ready".into()));
}

#[tokio::test]
async fn a_registry_is_listed_while_it_runs_and_not_after() {
    let mut rig = Rig::start().await;
    until(|| async { rig.get("/v1/registries").await.1 == serde_json::json!([rig.url]) }).await;
    rig.stop_registry().await;
    let left = within(rig.store.list("/lathe/registries")).await.unwrap();
    assert_eq!(left.records, []);
}

#[tokio::test]
async fn its_numbers_are_served() {
    let rig = Rig::start().await;
    let commit = rig.put(&[entry("a#0.1", State::Ready, 1)]).await;
    rig.shown(commit).await;
    assert_eq!(rig.metric("lathe_registry_instances{state=\"ready\"}").await, 1);
    assert_eq!(rig.metric("lathe_registry_store_commit").await, commit);
    assert!(rig.metric("lathe_registry_reads_total").await > 0);
    assert_eq!(rig.get("/healthz").await.0, StatusCode::OK);
}

#[tokio::test]
async fn the_page_of_metrics_has_what_is_served_and_nothing_else() {
    let hook = Rule::new("note", &[Kind::Died]);
    let rig = Rig::with(|config| config.hooks = vec![hook]).await;
    let page = include_str!("../../../docs/metrics.md");
    let (_, section) = page.split_once("\n## Registry\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `lathe_"));
    let documented: BTreeSet<(String, String)> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            (cells[1].trim_matches('`').to_owned(), cells[2].to_owned())
        })
        .collect();
    let (_, text) = rig.get("/metrics").await;
    let types = text.as_str().unwrap().lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let served: BTreeSet<(String, String)> = types
        .map(|line| {
            let (name, kind) = line.split_once(' ').unwrap();
            let end = match kind {
                "counter" => "_total",
                "info" => "_info",
                _ => "",
            };
            (format!("{name}{end}"), kind.to_owned())
        })
        .collect();
    assert_eq!(served, documented);
}

#[tokio::test]
async fn requests_are_counted_by_their_route_and_not_by_their_path() {
    let rig = Rig::start().await;
    for path in ["/v1/groups/a", "/v1/groups/b", "/nothing/here", "/nothing/there"] {
        rig.get(path).await;
    }
    let name = |route: &str, status: u16| {
        format!("lathe_registry_requests_total{{route=\"{route}\",status=\"{status}\"}}")
    };
    assert_eq!(rig.metric(&name("/v1/groups/{group}", 200)).await, 2);
    assert_eq!(rig.metric(&name("none", 404)).await, 2);
}

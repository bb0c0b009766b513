//! Streams of an agent: what a reader hears, and where it goes on.

use lathe_agents::{Agent, Site, get, instance, until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const FOLLOW: &str = "groups = [\"web.cache\"]\n";

/// Reads a stream until it has said something, and gives back all that it said.
async fn read_until(agent: &Agent, headers: &str, part: &str) -> String {
    let address = agent.url.strip_prefix("http://").expect("a URL");
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let request =
        format!("GET /v1/watch?group=web.cache HTTP/1.1\r\nhost: {address}\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.expect("it is taken");
    let mut text = String::new();
    let mut bytes = [0; 4096];
    while !text.contains(part) {
        let read = tokio::time::timeout(lathe_agents::SOON, stream.read(&mut bytes));
        let length = read.await.expect("in time").expect("it is read");
        assert_ne!(length, 0, "it ended: {text}");
        text.push_str(&String::from_utf8_lossy(&bytes[..length]));
    }
    text
}

#[tokio::test]
async fn a_reader_of_the_agent_hears_what_changes_and_goes_on_where_it_was() {
    let mut site = Site::start(1).await;
    let commit = site.change(&[instance("web.cache", 0, 1, 31_000)], &[]).await;
    let agent = Agent::start(&site.configuration(FOLLOW)).await;
    until("the group is known", || async {
        agent.get("/v1/groups/web.cache").await.is_some_and(|reply| reply.status == 200)
    })
    .await;
    let said = read_until(&agent, "accept: text/event-stream\r\n", "event: synced").await;
    assert!(said.contains("event: group") && said.contains("web.cache#0.1"), "{said}");
    let history =
        agent.get("/v1/groups").await.unwrap().header("lathe-history").unwrap().to_owned();
    assert!(said.contains(&format!("id: {history}.{commit}")), "{said}");

    // One who knows that is told nothing of it, and what comes then.
    let last = format!("accept: application/x-ndjson\r\nlast-event-id: {history}.{commit}\r\n");
    let (said, _) = tokio::join!(read_until(&agent, &last, "web.cache#1.1"), async {
        site.change(&[instance("web.cache", 1, 1, 31_001)], &[]).await;
    });
    assert!(said.contains("{\"event\":\"registries\""), "{said}");
    assert_eq!(said.matches("\"event\":\"group\"").count(), 1, "{said}");

    let targets = agent.get("/v1/http_sd").await.unwrap().json();
    assert_eq!(targets, get(&site.url(0), "/v1/http_sd", &[]).await.unwrap().json());
    for (path, status) in
        [("/v1/watch", 400), ("/v1/watch?group=other", 404), ("/v1/watch?member=web.cache", 400)]
    {
        assert_eq!(agent.get(path).await.unwrap().status, status, "{path}");
    }
    assert!(agent.stop().await.success());
}

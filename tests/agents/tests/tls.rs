//! An agent outside, which asks by TLS and shows a certificate of its own.

use lathe_agents::{Agent, Site, instance, pem, until};
use lathe_tls::ClientTls;
use tokio::net::TcpStream;

const FOLLOW: &str = "groups = [\"web.cache\"]\nlost_after = \"0ms\"\npoll = \"200ms\"\n";

#[tokio::test]
async fn an_agent_follows_by_tls_and_goes_on_at_another_registry() {
    let mut site = Site::start_tls(2).await;
    let trust = format!(
        "ca_file = {:?}\ncert_file = {:?}\ncert_key_file = {:?}\n",
        pem("ca.pem"),
        pem("client.pem"),
        pem("client.key")
    );
    let agent = Agent::start(&site.configuration(&format!("{FOLLOW}{trust}"))).await;
    site.change(&[instance("web.cache", 0, 1, 31_000)], &[]).await;
    let shows = async |part: &'static str| {
        until(part, || async {
            let reply = agent.get("/v1/groups/web.cache").await;
            reply.is_some_and(|reply| reply.body.contains(part))
        })
        .await;
    };
    shows("web.cache#0.1").await;
    // It was told of the plain addresses too, and does not go there.
    let listed = agent.get("/v1/registries").await.unwrap().body;
    assert!(!listed.contains("http://"), "{listed}");
    site.stop_registry(0).await;
    site.change(&[instance("web.cache", 0, 2, 31_000)], &["web.cache#0.1"]).await;
    shows("web.cache#0.2").await;
    assert!(agent.stop().await.success());
}

#[tokio::test]
async fn an_agent_without_a_certificate_is_told_nothing_and_says_so() {
    let mut site = Site::start_tls(1).await;
    site.change(&[instance("web.cache", 0, 1, 31_000)], &[]).await;
    let trust = format!("ca_file = {:?}\n", pem("ca.pem"));
    let agent = Agent::start(&site.configuration(&format!("{FOLLOW}{trust}"))).await;
    until("it has tried", || async {
        let text = agent.get("/metrics").await.unwrap().body;
        let streams = text.lines().find(|line| line.starts_with("lathe_agent_streams_total "));
        streams.and_then(|line| line.split(' ').nth(1)?.parse::<u64>().ok()) > Some(2)
    })
    .await;
    assert_eq!(agent.get("/v1/groups/web.cache").await.unwrap().status, 503);
    assert!(agent.stop().await.success());
}

#[tokio::test]
async fn what_an_agent_serves_it_serves_by_tls_where_it_has_a_certificate() {
    let site = Site::start_tls(1).await;
    let text = format!(
        "{FOLLOW}ca_file = {:?}\ntls_cert = {:?}\ntls_key = {:?}\n",
        pem("ca.pem"),
        pem("server.pem"),
        pem("server.key")
    );
    let agent = Agent::start(&site.configuration(&text)).await;
    let address = agent.url.strip_prefix("https://").expect("it says so").to_owned();
    let tls = ClientTls::trusting(&pem("ca.pem")).unwrap();
    let stream = TcpStream::connect(&address).await.unwrap();
    tls.connect("127.0.0.1", stream).await.unwrap();
    let stranger = ClientTls::trusting(&pem("other-ca.pem")).unwrap();
    let stream = TcpStream::connect(&address).await.unwrap();
    stranger.connect("127.0.0.1", stream).await.unwrap_err();
    assert!(agent.stop().await.success());
}

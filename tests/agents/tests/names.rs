//! Names by DNS from an agent, asked for by `dig`, with registries and without.

use std::net::SocketAddr;

use lathe_agents::{Agent, Site, instance, until};
use tokio::process::Command;

async fn dig(at: SocketAddr, question: &[&str]) -> String {
    let mut command = Command::new("dig");
    command.args([&format!("@{}", at.ip()), "-p", &at.port().to_string()]);
    command.args(["+noall", "+answer", "+comments", "+time=5", "+tries=3"]).args(question);
    let output = command.output().await;
    let output = output.expect("`dig` runs; Debian's package `bind9-dnsutils` brings it");
    String::from_utf8(output.stdout).expect("dig writes text")
}

#[tokio::test]
async fn what_is_followed_has_names_and_keeps_them_without_registries() {
    let mut site = Site::start(1).await;
    let config = "groups = [\"web.cache\"]\nlost_after = \"0ms\"\ndns = \"127.0.0.1:0\"\n";
    let config = site.configuration(config);
    site.change(&[instance("web.cache", 0, 1, 31_000)], &[]).await;
    let agent = Agent::start(&config).await;
    let dns = agent.dns.expect("it answers DNS");
    until("the group is known", || async {
        agent.get("/v1/groups/web.cache").await.is_some_and(|reply| reply.status == 200)
    })
    .await;
    let ways: [&[&str]; 2] = [&[], &["+tcp"]];
    for way in ways {
        let address = dig(dns, &[way, &["web.cache.lathe", "A"]].concat()).await;
        assert!(address.contains("127.0.0.1") && address.contains("NOERROR"), "{address}");
        let service = dig(dns, &[way, &["_http._tcp.web.cache.lathe", "SRV"]].concat()).await;
        assert!(service.contains("31000 0.web.cache.lathe."), "{service}");
    }
    // What is not followed is not known here.
    assert!(dig(dns, &["other.lathe", "A"]).await.contains("NXDOMAIN"));
    assert!(dig(dns, &["example.org", "A"]).await.contains("REFUSED"));

    site.stop_registry(0).await;
    until("it hears nobody", || async {
        agent.get("/readyz").await.is_some_and(|reply| reply.status == 503)
    })
    .await;
    // Kept for less long, as it is old.
    let old = dig(dns, &["web.cache.lathe", "A"]).await;
    assert!(old.contains("\t1\tIN\tA\t127.0.0.1"), "{old}");
    let text = agent.get("/metrics").await.unwrap().body;
    assert!(!text.contains("lathe_agent_dns_answers_total{code=\"NXDOMAIN\"} 0"), "{text}");
    assert!(agent.stop().await.success());
}

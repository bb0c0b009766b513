//! Agents that tell each other: one hears a registry, the others hear it; then no registry is left.
#![expect(clippy::unwrap_used, reason = "what fails here is a test")]

use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use lathe_agents::{Agent, Site, instance, until};
use serde_json::Value;

/// Every test shows something of two groups and of own keys.
const FOLLOW: &str =
    "groups = [\"web.cache\", \"web.lb\"]\nconfigs = [\"web.lb\"]\npoll = \"200ms\"\n";

/// A site, with what agents have to know to gossip there.
struct Talk {
    site: Site,
    trust: String,
}

impl Talk {
    async fn start() -> Self {
        let site = Site::start(1).await;
        let trust = site.public_key().await;
        Self { site, trust }
    }

    /// Writes a file of keys of an agent, the one that seals first.
    fn keys(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.site.folder().join(format!("{name}.keys"));
        let line = |byte: &u8| format!("k{byte}:{}\n", format!("{byte:02x}").repeat(32));
        let text: String = bytes.iter().map(line).collect();
        let beside = path.with_extension("new");
        let _ = fs::remove_file(&beside);
        let mut file = fs::OpenOptions::new();
        let file = file.write(true).create_new(true).mode(0o600).open(&beside).unwrap();
        std::io::Write::write_all(&mut &file, text.as_bytes()).unwrap();
        fs::rename(&beside, &path).unwrap();
        path
    }

    async fn agent(&self, name: &str, registries: &[usize], seeds: &[&Agent]) -> Agent {
        self.agent_with(name, registries, seeds, &[7]).await
    }

    async fn agent_with(
        &self,
        name: &str,
        registries: &[usize],
        seeds: &[&Agent],
        keys: &[u8],
    ) -> Agent {
        let mut places = Vec::new();
        for seed in seeds {
            places.push(text(&gossip(seed).await["address"]));
        }
        let more = format!(
            "{FOLLOW}[gossip]\nlisten = \"127.0.0.1:0\"\nseeds = {places:?}\nkey_file = {:?}\n\
             trust = [{:?}]\ninterval = \"200ms\"\n",
            self.keys(name, keys),
            self.trust
        );
        Agent::start(&self.site.configuration_of(name, registries, &more)).await
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

async fn gossip(agent: &Agent) -> Value {
    agent.get("/v1/gossip").await.unwrap().json()
}

async fn shows(agent: &Agent, part: &str) {
    until(&format!("{part} at {}", agent.url), || async {
        let reply = agent.get("/v1/groups/web.cache").await;
        reply.is_some_and(|reply| reply.status == 200 && reply.body.contains(part))
    })
    .await;
}

/// More entries than a datagram carries.
async fn fill(site: &mut Site, life: u32) {
    let entries: Vec<_> = (0..12).map(|slot| instance("web.cache", slot, life, 31_000)).collect();
    let gone: Vec<String> = (0..12).map(|slot| format!("web.cache#{slot}.{}", life - 1)).collect();
    let gone: Vec<&str> = gone.iter().map(String::as_str).filter(|_| life > 1).collect();
    site.change(&entries, &gone).await;
}

#[tokio::test]
async fn one_hears_a_registry_and_all_know_also_when_no_registry_is_left() {
    let mut talk = Talk::start().await;
    talk.site.change(&[instance("web.lb", 0, 1, 32_000)], &[]).await;
    let first = talk.agent("first", &[0], &[]).await;
    let second = talk.agent("second", &[], &[&first]).await;
    let third = talk.agent("third", &[], &[&first]).await;
    fill(&mut talk.site, 1).await;
    for agent in [&first, &second, &third] {
        shows(agent, "web.cache#11.1").await;
    }
    // In the words of the one that heard it, and with an age.
    let path = "/v1/groups/web.cache";
    until("the age is known", || async { second.get("/readyz").await.unwrap().status == 200 })
        .await;
    let (own, theirs) = (second.get(path).await.unwrap(), first.get(path).await.unwrap());
    assert_eq!((own.json(), own.header("etag")), (theirs.json(), theirs.header("etag")));
    assert_eq!(own.header("lathe-stale"), None);
    assert!(own.header("lathe-age-ms").unwrap().parse::<u64>().unwrap() < 60_000);
    assert_eq!(second.get("/v1/config/web.lb").await.unwrap().status, 200);
    let small = [instance("web.lb", 0, 2, 32_000)];
    talk.site.change(&small, &["web.lb#0.1"]).await;
    until("a small change", || async {
        third.get("/v1/groups/web.lb").await.unwrap().body.contains("web.lb#0.2")
    })
    .await;
    until("all are members", || async {
        gossip(&second).await["members"].as_array().unwrap().len() == 2
    })
    .await;

    talk.site.stop_registry(0).await;
    first.kill().await;
    let fourth = talk.agent("fourth", &[], &[&third]).await;
    shows(&fourth, "web.cache#11.1").await;
    until("the other group", || async {
        fourth.get("/v1/groups/web.lb").await.unwrap().body.contains("web.lb#0.2")
    })
    .await;
    let shown = gossip(&fourth).await;
    assert_eq!(shown["statements"].as_array().unwrap().len(), 3);
    assert_eq!(shown["forged"], 0);
    assert!(fourth.stop().await.success());
}

#[tokio::test]
async fn what_is_on_disk_is_passed_on_after_everybody_was_gone() {
    let mut talk = Talk::start().await;
    talk.site.change(&[instance("web.lb", 0, 1, 32_000)], &[]).await;
    fill(&mut talk.site, 1).await;
    let first = talk.agent("first", &[0], &[]).await;
    shows(&first, "web.cache#11.1").await;
    let copy = talk.site.folder().join("first/copy");
    until("the signatures are on disk", || async {
        let text = fs::read_to_string(&copy).unwrap_or_default();
        text.matches("\"signature\":").count() == 3
    })
    .await;
    first.kill().await;
    talk.site.stop_registry(0).await;
    let first = talk.agent("first", &[0], &[]).await;
    let second = talk.agent("second", &[], &[&first]).await;
    shows(&second, "web.cache#11.1").await;
}

#[tokio::test]
async fn an_outsider_without_the_key_is_nobody() {
    let mut talk = Talk::start().await;
    let first = talk.agent("first", &[0], &[]).await;
    let outside = talk.agent_with("outside", &[], &[&first], &[9]).await;
    let address = text(&gossip(&first).await["address"]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for length in [0, 1, 46, 100, 1400, 1401, 9000] {
        socket.send_to(&vec![1; length], &address).unwrap();
    }
    let mut silent = std::net::TcpStream::connect(&address).unwrap();
    std::io::Write::write_all(&mut silent, &[0, 0, 0, 50, 1, 1]).unwrap();
    fill(&mut talk.site, 1).await;
    shows(&first, "web.cache#11.1").await;
    until("all of it was refused", || async {
        let refused = gossip(&first).await["refused"].clone();
        let number = |why: &str| refused[why].as_u64().unwrap();
        number("size") >= 4 && number("key") >= 1
    })
    .await;
    let shown = gossip(&outside).await;
    assert_eq!(shown["members"].as_array().unwrap().len(), 0);
    assert_eq!(shown["statements"].as_array().unwrap().len(), 0);
    assert_eq!(gossip(&first).await["members"].as_array().unwrap().len(), 0);
    assert_eq!(outside.get("/readyz").await.unwrap().status, 503);
}

#[tokio::test]
async fn keys_are_changed_while_agents_run_and_nothing_is_refused() {
    let mut talk = Talk::start().await;
    let first = talk.agent("first", &[0], &[]).await;
    let second = talk.agent("second", &[], &[&first]).await;
    fill(&mut talk.site, 1).await;
    shows(&second, "web.cache#11.1").await;
    for (life, bytes) in [(2, vec![7, 8]), (3, vec![8, 7]), (4, vec![8])] {
        let names: Vec<String> = bytes.iter().map(|byte| format!("k{byte}")).collect();
        for (name, agent) in [("first", &first), ("second", &second)] {
            talk.keys(name, &bytes);
            until("the keys are read again", || async {
                gossip(agent).await["keys"] == serde_json::json!(names)
            })
            .await;
        }
        fill(&mut talk.site, life).await;
        shows(&second, &format!("web.cache#11.{life}")).await;
    }
    for agent in [&first, &second] {
        let refused = gossip(agent).await["refused"].clone();
        assert!(refused.as_object().unwrap().values().all(|number| number == 0), "{refused}");
    }
    // One that has the old key alone is an outsider now.
    let late = talk.agent("late", &[], &[&first]).await;
    until("it is refused", || async { gossip(&first).await["refused"]["key"].as_u64() > Some(0) })
        .await;
    assert_eq!(gossip(&late).await["members"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn keys_that_others_may_read_are_none() {
    let talk = Talk::start().await;
    let more = format!(
        "{FOLLOW}[gossip]\nlisten = \"127.0.0.1:0\"\nkey_file = {:?}\ntrust = [{:?}]\n",
        talk.keys("open", &[7]),
        talk.trust
    );
    let path = talk.keys("open", &[7]);
    let mode = |mode| std::os::unix::fs::PermissionsExt::from_mode(mode);
    fs::set_permissions(&path, mode(0o644)).unwrap();
    let config = talk.site.configuration_of("open", &[0], &more);
    assert_eq!(Agent::complete(&config, &[]).await.code, Some(1));
}

//! Listeners before Schemathesis, which asks what their OpenAPI documents allow and what they do not.
//! The same questions in every run: what it draws follows from a seed.

#[path = "registry/rig.rs"]
mod rig;

use std::path::Path;

use clap::Parser as _;
use lathe_api::door::Key;
use lathe_catalog::State;
use lathe_engines::{Examination, block_on};
use lathe_hooks::monitor::{Kind, Rule};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use rig::{Registry, instance};

/// Schemathesis takes what stands behind `#` for no part of an address, so this one has none.
const INCARNATION: &str = "http.lb.0.1";

/// It knows one instance; whoever waits for what never changes is not to be waited for.
async fn registry(folder: &Path) -> Registry {
    let instances = instance("http.lb", INCARNATION, 0, State::Ready);
    Registry::start(folder, instances, |config| {
        config.wait_max_ms = 100;
        config.hooks = vec![Rule::new("hook", &[Kind::Died])];
    })
    .await
}

fn examination(url: &str, words: &[&str]) -> Examination {
    let always =
        ["--seed", "7", "--generation-database", "none", "--request-timeout", "30", "--no-color"];
    let words = always.iter().chain(words).map(|word| (*word).to_owned()).collect();
    Examination { document: format!("{url}/openapi.json"), settings: String::new(), words }
}

#[test]
fn the_registry_answers_as_its_document_says() {
    let folder = tempfile::tempdir().expect("a folder");
    block_on(async {
        let url = registry(folder.path()).await.addresses.url;
        // A watch never ends; the registry's own tests follow some.
        let words = ["--max-examples", "60", "--exclude-path", "/v1/watch"];
        let found = examination(&url, &words).run().await.expect("it runs");
        assert!(found.is_ok(), "{}", found.unwrap_err());
    });
}

#[test]
fn the_agent_answers_as_its_document_says() {
    let folder = tempfile::tempdir().expect("a folder");
    block_on(async {
        let registry = registry(folder.path()).await.addresses.url;
        let config = folder.path().join("agent.toml");
        let text = format!(
            "registries = [{registry:?}]\ndata_dir = {:?}\ngroups = [\"http.lb\"]\nwait_max = \"100ms\"\n",
            folder.path().join("agent")
        );
        std::fs::write(&config, text).expect("it is written");
        let flags = lathe_agent::config::Flags::parse_from([
            "lathe-agent".as_ref(),
            "--config".as_ref(),
            config.as_os_str(),
        ]);
        let config = lathe_agent::config::Config::load(&flags).expect("a configuration");
        let (told, address) = tokio::sync::oneshot::channel();
        let tell = |addresses: &lathe_agent::Addresses| {
            told.send(addresses.url.clone()).expect("it is awaited");
        };
        tokio::spawn(async move {
            lathe_agent::run(config, tell, std::future::pending()).await.expect("it runs");
        });
        let url = address.await.expect("it listens");
        let words = ["--max-examples", "60", "--exclude-path", "/v1/watch"];
        let found = examination(&url, &words).run().await.expect("it runs");
        assert!(found.is_ok(), "{}", found.unwrap_err());
    });
}

#[test]
fn the_beats_of_an_instance_are_taken_as_the_document_says() {
    let folder = tempfile::tempdir().expect("a folder");
    block_on(async {
        let registry = registry(folder.path()).await;
        let url = &registry.addresses.url;
        let key = Key::read(&folder.path().join("key")).expect("the registry's key");
        let shown = format!("Authorization: Bearer {}", key.secret(INCARNATION));
        let path = "/v1/instances/{incarnation}/beat";
        let words = ["--max-examples", "60", "--include-path", path, "--header", &shown];
        let settings = format!("[parameters]\n\"path.incarnation\" = \"{INCARNATION}\"\n");
        let asked = Examination { settings, ..examination(url, &words) };
        let found = asked.run().await.expect("it runs");
        assert!(found.is_ok(), "{}", found.unwrap_err());
        let metrics = registry.get("/metrics").await.expect("an answer");
        assert!(!metrics.contains("lathe_registry_beats_total 0\n"), "none was taken: {metrics}");
    });
}

/// A listener that answers otherwise than it says is found out.
#[test]
fn a_document_that_is_not_kept_is_found_out() {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer_wrongly(stream));
            }
        });
        let asked = examination(&format!("http://{address}"), &["--max-examples", "5"]);
        let found = asked.run().await.expect("it runs").expect_err("it answers otherwise");
        assert!(found.contains("/v1/number"), "{found}");
    });
}

async fn answer_wrongly(mut stream: TcpStream) {
    let mut head = vec![0; 4096];
    let count = stream.read(&mut head).await.unwrap_or(0);
    let asks = String::from_utf8_lossy(&head[..count]).into_owned();
    let body = if asks.starts_with("GET /openapi.json ") {
        let schema = json!({ "type": "integer" });
        let done =
            json!({ "description": "", "content": { "application/json": { "schema": schema } } });
        let number = json!({ "get": { "responses": { "200": done } } });
        let info = json!({ "title": "wrong", "version": "1" });
        json!({ "openapi": "3.1.0", "info": info, "paths": { "/v1/number": number } }).to_string()
    } else {
        "\"seven\"".to_owned()
    };
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{body}"
    );
    let _ = stream.write_all(answer.as_bytes()).await;
}

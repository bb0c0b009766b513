//! Look-ups of one group on one core, beside a web server that hands out a file of the same size.
//!
//! Owns the rounds and the peer's configuration. Both are asked by `wrk` from the other core.

use std::path::Path;
use std::time::Duration;

use lathe_child::{Child, Output, Signal};
use serde_json::json;
use tokio::io::AsyncReadExt as _;

use super::stand::{Stand, name};
use crate::args::Args;
use crate::failure::Failure;
use crate::http;
use crate::programs::Programs;
use crate::report::Outcome;
use crate::row::{Measured, Peer, Series};
use crate::say;
use crate::surroundings::{Surroundings, program};

const ROUNDS: usize = 5;
/// Seconds of one round, and kept connections.
const SECONDS: &str = "5";
const CONNECTIONS: &str = "32";

pub(super) async fn measure(surroundings: &Surroundings, lathe: &Programs, args: &Args) -> Outcome {
    let stand = Stand::start(surroundings, lathe, Some("0")).await?;
    let path = format!("/v1/groups/{}", name(7));
    let body = page(&stand.address, &path).await?;
    let folder = surroundings.folder("nginx-")?;
    let (mut nginx, beside) = web_server(folder.path(), &body).await?;
    let (mut own, mut other, mut ratios) = <(Series, Series, Series)>::default();
    for round in 0..args.rounds(ROUNDS) {
        say::talk(&format!("look-ups, round {}", round + 1));
        let ours = asked(&format!("http://{}{path}", stand.address)).await?;
        let theirs = asked(&format!("http://{beside}/group.json")).await?;
        own.add(ours);
        other.add(theirs);
        ratios.add(ours / theirs);
    }
    // One that does not end is ended when it is dropped.
    let _ = nginx.signal(Signal::Term);
    let _ = nginx.wait().await;
    stand.end().await;
    let measured = Measured {
        value: own.percentile(50),
        peer: Some(Peer {
            name: "nginx",
            value: other.percentile(50),
            ratio: ratios.percentile(50),
        }),
        samples: own.values.len(),
        how: format!(
            "median of {} rounds of {SECONDS} s in turns; a group of ten among 10,000 entries, {} bytes, \
             {CONNECTIONS} kept connections, each server on one core and `wrk` on the other; ratio {:.3} \
             to {:.3}",
            own.values.len(),
            body.len(),
            ratios.percentile(0),
            ratios.percentile(100),
        ),
    };
    Ok((measured, json!({ "lathe": own, "nginx": other })))
}

/// What the registry answers, once it has heard the store.
async fn page(address: &str, path: &str) -> Result<Vec<u8>, Failure> {
    let end = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        let asked = async {
            let mut connection = http::Connection::open(address).await?;
            connection.ask_for(path).await
        };
        let answer = asked.await.map_err(|error| Failure::io("asking the registry", error))?;
        if answer.head.starts_with("HTTP/1.1 200 ") && answer.body.len() > 1_000 {
            return Ok(answer.body);
        }
        if tokio::time::Instant::now() > end {
            return Err(Failure::Unexpected(format!("the registry answers {}", answer.head)));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// One worker on the first core, without a log of accesses.
async fn web_server(folder: &Path, body: &[u8]) -> Result<(Child, String), Failure> {
    let io = |error| Failure::io("preparing nginx", error);
    std::fs::write(folder.join("group.json"), body).map_err(io)?;
    let port = http::free_port().await.map_err(io)?;
    let text = format!(
        "worker_processes 1;\ndaemon off;\npid {0}/pid;\nerror_log {0}/error;\n\
         events {{ worker_connections 1024; }}\n\
         http {{\n  access_log off;\n  sendfile on;\n  open_file_cache max=10;\n  \
         keepalive_requests 100000000;\n  default_type application/json;\n  \
         server {{ listen 127.0.0.1:{port}; root {0}; }}\n}}\n",
        folder.display()
    );
    let config = folder.join("nginx.conf");
    std::fs::write(&config, text).map_err(io)?;
    let spawn = program("taskset").args(["-c", "0", "nginx", "-c"]).arg(&config);
    let started = spawn.stdout(Output::Null).stderr(Output::Null).start();
    let child = started.map_err(|source| Failure::Start { program: "nginx".to_owned(), source })?;
    let address = format!("127.0.0.1:{port}");
    for _ in 0..500 {
        if http::Connection::open(&address).await.is_ok() {
            return Ok((child, address));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Err(Failure::Unexpected(
        "nginx does not answer; Debian's package nginx-light has it".to_owned(),
    ))
}

/// Requests a second that were answered.
async fn asked(url: &str) -> Result<f64, Failure> {
    let words = ["-c", "1", "wrk", "-t", "1", "-c", CONNECTIONS, "-d", SECONDS, url];
    let spawn = program("taskset").args(words).stdout(Output::Pipe).stderr(Output::Null);
    let mut child =
        spawn.start().map_err(|source| Failure::Start { program: "wrk".to_owned(), source })?;
    let mut text = String::new();
    if let Some(mut out) = child.stdout() {
        let read = out.read_to_string(&mut text).await;
        read.map_err(|error| Failure::io("reading what wrk says", error))?;
    }
    child.wait().await;
    if text.contains("Non-2xx") || text.contains("Socket errors") {
        return Err(Failure::Unexpected(format!("wrk says {text}")));
    }
    let number = text.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
    let number = number.and_then(|text| text.trim().parse().ok());
    let missing = "wrk says no number; Debian's package wrk has it";
    number.ok_or_else(|| Failure::Unexpected(format!("{missing}: {text}")))
}

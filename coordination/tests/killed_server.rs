//! A server process that is killed between writes: nothing that it acknowledged is lost.
#![expect(clippy::unwrap_used, reason = "a test, its helpers included, fails by it")]

use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lathe_coordination::{Op, Options, Store};

const ROUNDS: u64 = 12;
const WRITERS: u64 = 8;

fn start(dir: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_lathe-store-test-server"))
        .args([dir.join("data"), dir.join("store.sock")])
        .spawn()
        .unwrap()
}

/// Ends the server even where the test fails.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn connect(dir: &Path) -> Store {
    let address = format!("local:{}", dir.join("store.sock").display());
    let timeout = Duration::from_secs(60);
    let options = Options { session_timeout: timeout, connect_timeout: timeout };
    Store::connect(&address, options).await.unwrap()
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Killed(start(dir.path()));
    let store = connect(dir.path()).await;
    let history = store.history().await.unwrap();
    // By writer: the last number that was acknowledged.
    let acknowledged: Arc<Vec<AtomicU64>> =
        Arc::new((0..WRITERS).map(|_| AtomicU64::new(0)).collect());
    let highest = Arc::new(AtomicU64::new(0));
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let (store, acknowledged, highest) = (store.clone(), acknowledged.clone(), highest.clone());
        writers.spawn(async move {
            for number in 1u64.. {
                let data = number.to_string();
                // A put may be repeated, so that an unknown outcome is tried again.
                let commit = loop {
                    let ops = vec![Op::put(format!("/w/{writer}"), data.clone())];
                    match store.multi(ops).await {
                        Ok(commit) => break commit,
                        Err(error) => assert!(error.is_retryable(), "{error}"),
                    }
                };
                acknowledged[usize::try_from(writer).unwrap()].store(number, Ordering::SeqCst);
                highest.fetch_max(commit, Ordering::SeqCst);
            }
        });
    }
    let mut floor = 0;
    for round in 0..ROUNDS {
        // Some writes in each life; how far they are at the kill is chance.
        let enough = acknowledged[0].load(Ordering::SeqCst) + 5 + round % 4;
        while acknowledged[0].load(Ordering::SeqCst) < enough {
            assert!(writers.try_join_next().is_none(), "a writer failed");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.0.kill().unwrap();
        server.0.wait().unwrap();
        let promised: Vec<u64> =
            acknowledged.iter().map(|number| number.load(Ordering::SeqCst)).collect();
        let commit = highest.load(Ordering::SeqCst);
        assert!(commit >= floor);
        floor = commit;
        server = Killed(start(dir.path()));
        let reader = connect(dir.path()).await;
        assert_eq!(reader.history().await.unwrap(), history);
        for (writer, promised) in promised.iter().enumerate() {
            let record = reader.get(&format!("/w/{writer}")).await.unwrap();
            let kept: u64 = record.map_or(0, |record| {
                String::from_utf8(record.data.to_vec()).unwrap().parse().unwrap()
            });
            assert!(kept >= *promised, "writer {writer}: {promised} was lost, {kept} is there");
        }
        assert!(reader.list("/").await.unwrap().commit >= commit, "commit numbers went back");
    }
    writers.shutdown().await;
}

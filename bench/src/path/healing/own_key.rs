//! An own key, changed under traffic: from the call until every load balancer does as it says.
//!
//! Owns the calls and the requests that show it. It must not know how the key travels.

use std::time::{Duration, Instant};

use lathe_api::rest::Endpoints;
use serde_json::{Value, json};

use crate::calls::Scheduler;
use crate::events;
use crate::failure::Failure;
use crate::http::Connection;
use crate::row::{Measured, Series, Unit};
use crate::say;
use crate::up::SOON;

const ROUNDS: usize = 100;
const TASK: &str = "http.lb";
const KEY: &str = "backend_distribution";
/// Where all of the traffic goes, in turn.
const PAGES: [&str; 2] = ["http.frontpage.v4-2-1", "http.frontpage.v4-2-2"];

/// In milliseconds, the last load balancer of each round.
pub(super) async fn measure(endpoints: &Endpoints) -> Result<(Measured, Value), Failure> {
    say::talk(&format!("changing an own key {ROUNDS} times under traffic"));
    let balancers: Vec<String> = events::instances(endpoints)
        .await?
        .into_iter()
        .filter(|one| one.task == TASK)
        .filter_map(|one| Some(format!("{}:{}", one.address?, one.ports.get("http")?)))
        .collect();
    let mut scheduler = Scheduler::connect(endpoints).await?;
    let mut series = Series::default();
    // The first round sends all of it to one page; before that, the next cannot show anything.
    for round in 0..=ROUNDS {
        let page = PAGES[round % PAGES.len()];
        let value = json!([[format!("task.{page}")], [1]]).to_string();
        let started = Instant::now();
        let followers: Vec<_> = balancers
            .iter()
            .map(|address| tokio::spawn(follows(address.clone(), page, started)))
            .collect();
        scheduler.set(TASK, KEY, value).await?;
        let mut last = Duration::ZERO;
        for follower in followers {
            let took = follower.await;
            let took = took.map_err(|error| Failure::Unexpected(error.to_string()))??;
            last = last.max(took);
        }
        if round > 0 {
            series.add(last.as_secs_f64() * 1_000.0);
        }
    }
    let mut measured = series.latency_at(99, Unit::Milliseconds);
    measured.how = format!(
        "{}; the last of {} load balancers to send its traffic as the key says, from the sending \
         of the call",
        measured.how,
        balancers.len()
    );
    Ok((measured, json!(series)))
}

/// Asks one load balancer until the page is the one that answers.
async fn follows(address: String, page: &str, started: Instant) -> Result<Duration, Failure> {
    let io = |error| Failure::io(format!("asking {address}"), error);
    let mut connection = Connection::open(&address).await.map_err(io)?;
    let wanted = format!("lathe-served-by: {page}#");
    while started.elapsed() < SOON {
        let answer = connection.ask().await.map_err(io)?;
        if answer.head.to_ascii_lowercase().contains(&wanted) {
            return Ok(started.elapsed());
        }
        // Room for the tasks themselves: two cores carry everything.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Err(Failure::Late { what: format!("{page} by way of {address}"), limit: SOON })
}

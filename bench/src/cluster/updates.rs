//! Statuses through the real framework and the real pipeline of writes into ZooKeeper, whose servers
//! have each write on the disk before they confirm it.
//!
//! Owns the servers and the order of rounds. It must not know how the model works.

use lathe_engines::{ZooKeeper, ZooKeeperSpec};
use serde_json::json;

use crate::failure::{Failure, with_causes};
use crate::model::process::{number, reports};
use crate::report::Outcome;
use crate::row::{Measured, Series};
use crate::say;
use crate::surroundings::Surroundings;

/// Instances that report at the same time: as many statuses are under way, one each.
const REPORTING: [u32; 2] = [256, 2_000];
const ROUNDS: usize = 5;

pub(super) async fn measure(surroundings: &Surroundings) -> Outcome {
    let syncs = surroundings.syncs_per_second()?;
    let mut seen = Vec::new();
    let mut texts = Vec::new();
    let mut value = None;
    for servers in [1, 3] {
        let spec = ZooKeeperSpec { force_sync: true, ..ZooKeeperSpec::ensemble_of(servers) };
        let zookeeper = ZooKeeper::start(&spec).await;
        let zookeeper = zookeeper.map_err(|error| Failure::Unexpected(with_causes(&error)))?;
        for reporting in REPORTING {
            let mut series = Series::default();
            let mut per_write = 0.0;
            for round in 0..ROUNDS {
                say::talk(&format!("{reporting} instances report, {servers} servers"));
                let store = zookeeper.url(&format!("/bench-{reporting}-{round}"));
                let one = reports(reporting, &store).await?;
                series.add(number(&one, "per_second")?);
                per_write = number(&one, "per_write")?;
                seen.push(json!({ "servers": servers, "reporting": reporting, "seen": one }));
            }
            let least = series.percentile(0);
            if value.is_none() {
                value = Some(least);
            }
            texts.push(format!(
                "{servers} server{}, {reporting} in flight: {least:.0}/s, median {:.0}/s, {per_write:.0} \
                 in one write",
                if servers == 1 { "" } else { "s" },
                series.percentile(50),
            ));
        }
    }
    let how = format!(
        "the least of {ROUNDS} rounds of 5 s with `forceSync=yes`; {}; servers and framework share \
         the machine; its disk syncs {syncs:.0} times a second",
        texts.join("; ")
    );
    let value = value.unwrap_or_default();
    Ok((Measured { value, peer: None, samples: ROUNDS, how }, json!(seen)))
}

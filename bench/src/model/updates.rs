//! Every instance reports one status after the other: each is made durable in a real store, then
//! acknowledged, and then the next one comes. As agents do, none sends a second before that.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use lathe_coordination::election::{Election, Place};
use lathe_coordination::{Options, Store};
use lathe_scheduler::driver::Message;
use lathe_scheduler::framework::command::{Call, Command};
use lathe_scheduler::framework::event::{Event, TaskState};
use lathe_scheduler::framework::records::{SCHEDULERS, TERM};
use lathe_scheduler::framework::{Config, Framework};
use lathe_scheduler::metrics::Metrics;
use lathe_scheduler::store::{self, Batch};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::scene::{BEGIN, Scene};
use crate::failure::{Failure, with_causes};

const SECONDS: u64 = 5;
/// Before the counting begins.
const WARM: Duration = Duration::from_secs(1);

struct Reporting {
    scene: Scene,
    framework: Framework,
    batches: mpsc::UnboundedSender<Batch>,
    acknowledged: u64,
    number: u64,
    slots: BTreeMap<String, u32>,
    lost: BTreeMap<u32, bool>,
}

pub(super) async fn look(instances: u32, address: &str) -> Result<Value, Failure> {
    let connected = Store::connect(address, Options::default()).await;
    let store = connected.map_err(|error| Failure::Unexpected(with_causes(&error)))?;
    let mut election = Election::join(store.clone(), Place::new(SCHEDULERS, TERM), "bench");
    let led = election.lead().await;
    let lead = led.map_err(|error| Failure::Unexpected(with_causes(&error)))?;
    let recovered = store::recover(&store, &lead).await;
    let recovered = recovered.map_err(|error| Failure::Unexpected(with_causes(&error)))?;
    let (batches, waiting) = mpsc::unbounded_channel();
    let (events, mut inbox) = mpsc::unbounded_channel();
    let pipeline = store::Pipeline { store, lead, metrics: Metrics::default() };
    let writer = tokio::spawn(pipeline.run(waiting, events));

    // Nothing is ever given up here: every status is a change and nothing else follows from it.
    let config = Config { replace_after_ms: u64::MAX / 2, ..Config::default() };
    let mut reporting = Reporting {
        scene: Scene::of(instances)?,
        framework: Framework::new(config),
        batches,
        acknowledged: 0,
        number: 0,
        slots: BTreeMap::new(),
        lost: BTreeMap::new(),
    };
    reporting.begin(recovered.term, instances);
    let (mut started, mut before) = (Instant::now(), (0, 0));
    let mut writes = 0_u64;
    let end = Instant::now() + WARM + Duration::from_secs(SECONDS);
    let mut warm = false;
    while Instant::now() < end {
        let Some(message) = inbox.recv().await else {
            return Err(Failure::Unexpected("the store takes no more".to_owned()));
        };
        writes += 1;
        reporting.take(message)?;
        while let Ok(message) = inbox.try_recv() {
            reporting.take(message)?;
        }
        if !warm && started.elapsed() >= WARM {
            warm = true;
            (started, before) = (Instant::now(), (reporting.acknowledged, writes));
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    drop(reporting.batches);
    writer.abort();
    let acknowledged = reporting.acknowledged - before.0;
    #[expect(clippy::cast_precision_loss, reason = "counts of seconds")]
    let (acknowledged, writes) = (acknowledged as f64, (writes - before.1).max(1) as f64);
    Ok(json!({
        "instances": instances,
        "per_second": acknowledged / seconds,
        "per_write": acknowledged / writes,
        "seconds": seconds,
    }))
}

impl Reporting {
    fn begin(&mut self, term: u64, instances: u32) {
        let recovered = Event::Recovered(self.scene.recovered(term));
        let greetings = self.scene.greetings();
        for event in std::iter::once(recovered).chain(greetings) {
            self.step(event);
        }
        for slot in 0..instances {
            self.report(slot);
        }
    }

    fn take(&mut self, message: Message) -> Result<(), Failure> {
        match message {
            Message::Event(event @ Event::Persisted(_)) => {
                self.step(event);
                Ok(())
            }
            other => Err(Failure::Unexpected(format!("the store: {other:?}"))),
        }
    }

    /// The next status of an instance: lost, there again, lost again.
    fn report(&mut self, slot: u32) {
        self.number += 1;
        let lost = self.lost.entry(slot).or_default();
        *lost = !*lost;
        let state = if *lost { TaskState::Unreachable } else { TaskState::Running };
        let status = self.scene.status(slot, state, self.number);
        self.slots.insert(status.task_id.clone(), slot);
        self.step(Event::StatusArrived(status));
    }

    fn step(&mut self, event: Event) {
        let mut commands = Vec::new();
        self.framework.step(BEGIN + self.number / 100, event, &mut commands);
        for command in commands {
            match command {
                Command::Persist { batch, writes } => {
                    let _ = self.batches.send(Batch { id: batch, writes });
                }
                Command::Call(Call::Acknowledge { task_id, .. }) => {
                    self.acknowledged += 1;
                    if let Some(slot) = self.slots.get(&task_id).copied() {
                        self.report(slot);
                    }
                }
                _ => {}
            }
        }
    }
}

//! A plan that is more than ZooKeeper takes at once: all of it is there or nothing, whenever the one
//! who writes it dies.

use std::time::Duration;

use lathe_coordination::election::{Election, Place};
use lathe_coordination::{Listing, Options, Store};
use lathe_engines::{SOON, ZooKeeper, ZooKeeperSpec};
use lathe_scheduler::driver::Message;
use lathe_scheduler::framework::event::Event;
use lathe_scheduler::framework::ids::{BatchId, InstanceId};
use lathe_scheduler::framework::records::{InstanceRecord, SCHEDULERS, TERM, Write};
use lathe_scheduler::metrics::Metrics;
use lathe_scheduler::store::{Batch, Pipeline, recover};
use lathe_topology::TaskPath;
use tokio::sync::mpsc;
use tokio::time::timeout;

const INSTANCES: u32 = 3_000;
const STAGED: &str = "/lathe/staged";

async fn connect(address: &str) -> Store {
    let options = Options { session_timeout: SOON, connect_timeout: SOON };
    Store::connect(address, options).await.expect("the store answers")
}

/// Three megabytes of records.
fn plan(task: &str) -> Batch {
    let write = |slot| {
        let id = InstanceId { task: task.parse().expect("a name"), slot };
        let told = Some("x".repeat(800));
        Write::Instance(InstanceRecord { last_end: told, ..InstanceRecord::new(id, "shop") })
    };
    Batch { id: BatchId(1), writes: (0..INSTANCES).map(write).collect() }
}

/// Leads, begins to write a plan, and dies as soon as what is staged looks like that. Whether the
/// write was said to be done.
async fn begin_and_die(address: &str, task: &str, when: impl Fn(&Listing) -> bool) -> bool {
    let store = connect(address).await;
    let mut election = Election::join(store.clone(), Place::new(SCHEDULERS, TERM), "one");
    let lead = election.lead().await.expect("it leads");
    recover(&store, &lead).await.expect("it takes over");
    let (batches, waiting) = mpsc::unbounded_channel();
    let (events, mut inbox) = mpsc::unbounded_channel();
    let pipeline = Pipeline { store: store.clone(), lead, metrics: Metrics::default() };
    let writer = tokio::spawn(pipeline.run(waiting, events));
    batches.send(plan(task)).expect("it takes batches");
    let other = connect(address).await;
    let mut done = false;
    while !done && !when(&other.list(STAGED).await.expect("it answers")) {
        tokio::time::sleep(Duration::from_millis(2)).await;
        done = match inbox.try_recv() {
            Ok(Message::Event(Event::Persisted(_))) => true,
            Ok(other) => panic!("{other:?}"),
            Err(_) => false,
        };
    }
    writer.abort();
    drop(election);
    store.close().await.expect("it is told");
    done
}

/// How many instances of a task the next leader finds.
async fn found_by_the_next(address: &str, task: &str) -> usize {
    let store = connect(address).await;
    let mut election = Election::join(store.clone(), Place::new(SCHEDULERS, TERM), "next");
    let lead = timeout(SOON, election.lead()).await.expect("soon").expect("it leads");
    let recovered = recover(&store, &lead).await.expect("it takes over");
    let staged = store.list(STAGED).await.expect("it answers");
    assert_eq!(staged.records, [], "nothing is left of it");
    election.resign().await;
    store.close().await.expect("it is told");
    let task: TaskPath = task.parse().expect("a name");
    recovered.instances.iter().filter(|one| one.id.task == task).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_of_megabytes_is_written_whole_or_not_at_all() {
    let zookeeper = ZooKeeper::start(&ZooKeeperSpec::default()).await.expect("it starts");
    let address = zookeeper.url("/lathe");
    let all = INSTANCES as usize;

    let done = begin_and_die(&address, "whole", |_| false).await;
    assert!(done, "it is said to be done");
    assert_eq!(found_by_the_next(&address, "whole").await, all);

    let counts = |staged: &Listing| staged.records.iter().any(|(path, _)| path.ends_with("/count"));
    let done = begin_and_die(&address, "counted", counts).await;
    // Where it was too quick to be seen at it, it is done.
    let found = found_by_the_next(&address, "counted").await;
    assert!(found == all, "{found} of {all}; done: {done}");

    let done = begin_and_die(&address, "begun", |staged| !staged.records.is_empty()).await;
    let found = found_by_the_next(&address, "begun").await;
    assert!(found == all || (found == 0 && !done), "{found} of {all}; done: {done}");
    assert_eq!(found_by_the_next(&address, "whole").await, all, "nothing else was touched");
}

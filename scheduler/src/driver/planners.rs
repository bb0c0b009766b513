//! Where plans are made: beside the loop, in threads that stay for as long as it runs.
//!
//! The runtime's pool for blocking work lets its threads come and go, and each new one may take an
//! arena of the allocator of its own: memory that nothing uses and that no program gives back.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Instant;

use tokio::sync::mpsc::UnboundedSender;

use super::Message;
use crate::framework::command::PlanInput;
use crate::framework::event::Event;
use crate::framework::ids::JobId;
use crate::metrics::Metrics;
use crate::planner::Session;

/// A question and a trial for maintenance are planned side by side.
const THREADS: usize = 2;

struct Task {
    job: JobId,
    input: Box<PlanInput>,
}

/// The threads end when this is dropped, each after the plan that it is at.
#[derive(Debug)]
pub(super) struct Planners {
    tasks: mpsc::Sender<Task>,
}

impl Planners {
    /// Plans go to `messages` as events.
    ///
    /// # Panics
    /// When the system refuses a thread.
    pub(super) fn start(messages: &UnboundedSender<Message>, metrics: &Metrics) -> Self {
        let (tasks, queue) = mpsc::channel();
        let queue = Arc::new(Mutex::new(queue));
        let session = Arc::new(Session::default());
        for number in 0..THREADS {
            let (queue, session) = (Arc::clone(&queue), Arc::clone(&session));
            let (messages, metrics) = (messages.clone(), metrics.clone());
            thread::Builder::new()
                .name(format!("planner-{number}"))
                .spawn(move || work(&queue, &session, &messages, &metrics))
                .expect("the system has room for two threads");
        }
        Self { tasks }
    }

    /// Takes the plan on; the verdict comes as [`Event::Planned`].
    pub(super) fn plan(&self, job: JobId, input: Box<PlanInput>) {
        // The threads outlive the queue, so it takes everything.
        let _ = self.tasks.send(Task { job, input });
    }
}

fn work(
    queue: &Mutex<mpsc::Receiver<Task>>,
    session: &Session,
    messages: &UnboundedSender<Message>,
    metrics: &Metrics,
) {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Task { job, input }) = next else { return };
        let start = Instant::now();
        let Ok(verdict) = catch_unwind(AssertUnwindSafe(|| session.plan(input))) else {
            // The job ends by its own deadline; the next plan has this thread again.
            tracing::error!(?job, "planning has panicked");
            continue;
        };
        metrics.planned(start.elapsed());
        let _ = messages.send(Message::Event(Event::Planned { job, verdict }));
    }
}

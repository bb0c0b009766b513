//! Tasks of any kind, and references to groups of them.
//!
//! Owns the plain [`Task`], what `tasks!` takes, and [`TaskRef`]. It must not know of HTTP's
//! details.

use std::collections::BTreeMap;
use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use lathe_catalog::Entry;
use tokio::sync::watch;

use crate::config::Instance;
use crate::context::Context;
use crate::forward::Group;
use crate::http::HTTPTask;

/// What a plain task fails with.
pub type TaskError = Box<dyn Error + Send + Sync>;

/// A task that is just a future: no assumptions.
///
/// It counts as ready once it runs. When it returns `Ok`, the instance has finished; when it returns
/// an error, the instance has failed and the error's text is in its crash log.
///
/// ```
/// use std::time::Duration;
/// use lathe::task::{Run, Task, TaskError};
///
/// struct Ticker;
///
/// impl Task for Ticker {
///     async fn run(&self, run: Run) -> Result<(), TaskError> {
///         loop {
///             tokio::select! {
///                 () = run.ending() => return Ok(()),
///                 () = tokio::time::sleep(Duration::from_secs(1)) => println!("tick"),
///             }
///         }
///     }
/// }
/// ```
pub trait Task: Send + Sync + 'static {
    /// Runs until the work is done, or until [`Run::ending`] says that it should end.
    fn run(&self, run: Run) -> impl Future<Output = Result<(), TaskError>> + Send;
}

/// What a plain task is given.
#[derive(Clone, Debug)]
pub struct Run {
    context: Arc<Context>,
}

impl Run {
    pub(crate) fn new(context: Arc<Context>) -> Self {
        Self { context }
    }

    /// Waits until the instance is told to end. After the grace of the topology it is killed.
    pub async fn ending(&self) {
        // The sender lives in the context, which this value holds.
        let _ = self.context.draining.subscribe().wait_for(|draining| *draining).await;
    }

    /// Who this instance is.
    #[must_use]
    pub fn instance(&self) -> &Instance {
        &self.context.instance
    }
}

/// Names a group of instances: a task path or a tag. Got by
/// [`registry().get_ref`](crate::config::Registry::get_ref), cheap to clone, and always up to date:
/// what it stands for is looked up when it is used.
#[derive(Clone, Debug)]
pub struct TaskRef {
    pub(crate) group: Arc<Group>,
}

impl TaskRef {
    pub(crate) fn new(group: Arc<Group>) -> Self {
        Self { group }
    }

    /// The name of the group, without a leading `task.`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.group.name()
    }

    /// Everything known of the group's instances now, those that are not ready included; empty
    /// before the registry was first heard.
    #[must_use]
    pub fn instances(&self) -> Vec<Entry> {
        self.group.entries()
    }

    /// Waits until the registry was heard on this group, or a source of truth was given otherwise.
    pub async fn known(&self) {
        self.group.known().await;
    }
}

/// A kind of task, told apart by the compiler: `tasks!` takes each of them.
#[doc(hidden)]
#[derive(Debug)]
pub struct Http;

/// See [`Http`].
#[doc(hidden)]
#[derive(Debug)]
pub struct Plain;

/// How an instance ended.
pub(crate) type Ended = Result<(), TaskError>;
/// One running task, whatever its kind.
pub(crate) type Running = Pin<Box<dyn Future<Output = Ended> + Send>>;

/// Whatever `tasks!` takes.
#[doc(hidden)]
pub trait Runnable<Kind>: Send + Sync + 'static {
    #[doc(hidden)]
    fn start(self, start: Start) -> Pin<Box<dyn Future<Output = Result<(), TaskError>> + Send>>;
}

/// Ports by their names.
pub(crate) type Ports = BTreeMap<String, u16>;

/// What a task needs to start; made by the SDK alone.
#[doc(hidden)]
#[derive(Debug)]
pub struct Start {
    pub(crate) context: Arc<Context>,
    /// Told once the task is ready, with the ports that it really has.
    pub(crate) ready: watch::Sender<Option<Ports>>,
}

impl<T: HTTPTask> Runnable<Http> for T {
    fn start(self, start: Start) -> Running {
        Box::pin(crate::server::run(self, start))
    }
}

impl<T: Task> Runnable<Plain> for T {
    fn start(self, start: Start) -> Running {
        Box::pin(async move {
            start.ready.send_replace(Some(start.context.instance.ports.clone()));
            self.run(Run::new(start.context)).await
        })
    }
}

//! All that belongs to one running task: who it is, its keys, its groups, its figures.
//!
//! Owns the value and how code finds the one that it runs in: by its thread (a task's runtime
//! marks its threads, so that tests can run several in one process), else the process's own. It
//! must not know how any of it is filled.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;

use lathe_catalog::ConfigView;
use tokio::sync::watch;

use crate::config::Snapshot;
use crate::environment::Instance;
use crate::forward::Groups;
use crate::messages::Mailroom;
use crate::server::Metrics;

thread_local! {
    static HERE: RefCell<Option<Arc<Context>>> = const { RefCell::new(None) };
}
static PROCESS: OnceLock<Arc<Context>> = OnceLock::new();
/// For code that runs outside of any task: no keys, and groups that nobody fills.
static NOWHERE: LazyLock<Arc<Context>> = LazyLock::new(|| {
    let context = Context::new(Instance::default());
    context.groups.complete();
    Arc::new(context)
});

/// All that belongs to one running task.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) instance: Arc<Instance>,
    pub(crate) config: watch::Sender<Arc<Snapshot>>,
    pub(crate) groups: Groups,
    pub(crate) mail: Mailroom,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) draining: watch::Sender<bool>,
    /// The same, for whoever asks with every request.
    is_draining: AtomicBool,
    /// Whether responses name the instance.
    pub(crate) served_by: bool,
    /// From the order to end to the kill, when it is known.
    pub(crate) grace: Option<Duration>,
}

impl Context {
    pub(crate) fn new(instance: Instance) -> Self {
        let metrics = Arc::new(Metrics::default());
        Self {
            instance: Arc::new(instance),
            config: watch::Sender::default(),
            groups: Groups::new(Arc::clone(&metrics)),
            mail: Mailroom::default(),
            metrics,
            draining: watch::Sender::new(false),
            is_draining: AtomicBool::new(false),
            served_by: false,
            grace: None,
        }
    }

    /// Takes newer keys; older ones of the same history are left aside.
    pub(crate) fn take_config(&self, view: ConfigView) {
        let now = self.config.borrow().clone();
        if now.history == view.history && now.version > view.version {
            return;
        }
        let snapshot = Snapshot::new(view);
        for name in snapshot.named_groups() {
            self.groups.get(name.strip_prefix("task.").unwrap_or(name));
        }
        self.config.send_replace(Arc::new(snapshot));
    }

    pub(crate) fn drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
        self.draining.send_replace(true);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Relaxed)
    }
}

/// The context of the code that asks.
pub(crate) fn current() -> Arc<Context> {
    HERE.with_borrow(|here| here.clone())
        .unwrap_or_else(|| Arc::clone(PROCESS.get().unwrap_or_else(|| &NOWHERE)))
}

/// Marks this thread as one of the task's; gives what it was before.
pub(crate) fn enter(context: Option<Arc<Context>>) -> Option<Arc<Context>> {
    HERE.replace(context)
}

/// Makes this the context of every thread that is not marked. The first one stays.
pub(crate) fn enter_process(context: &Arc<Context>) {
    let _ = PROCESS.set(Arc::clone(context));
}

//! The hooks of this registry: a thread that feeds their machine and runs their programs.
//!
//! Owns that thread. Every decision is the machine's; the store is reached by the link, like everything
//! else. Programs end with the thread that began them, so it lasts as long as the process.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use lathe_coordination::{Op, Record, WatchEvent};
use lathe_hooks::monitor::{
    Command, Expect, Input, Machine, Now, Put, Report, Rule, Runner, Status, paths,
};
use tokio::sync::{mpsc, oneshot, watch};

use crate::directory::{Content, Event, Node};
use crate::driver::Clock;
use crate::metrics::Metrics;
use crate::post::Edit;

/// Everything of hooks stands below this path.
pub(crate) const PATH: &str = paths::HOOKS;
/// Inputs that may wait for the machine.
const INPUTS_MAX: usize = 1024;
/// How long the store may take for one write.
const STORE_TIME: Duration = Duration::from_secs(5);
/// So long may what is under way take at the end, beyond the time in which programs are ended.
const END_PATIENCE: Duration = Duration::from_secs(2);
/// Until the machine has said when it wants to be woken.
const LONG: Duration = Duration::from_secs(3600);

/// How hooks stand, for whoever asks.
#[derive(Clone, Debug)]
pub(crate) struct Hooks {
    machine: Arc<Mutex<Machine>>,
    clock: Clock,
}

impl Hooks {
    /// Of all of them, by name.
    pub(crate) fn status(&self) -> Vec<Status> {
        lock(&self.machine).status(now(&self.clock))
    }
}

/// What the link needs of hooks.
#[derive(Debug)]
pub(crate) struct Wire {
    heard: mpsc::Sender<Input>,
    pub(crate) edits: mpsc::Receiver<Edit>,
    runner: Runner,
}

impl Wire {
    /// What this registry says of itself, for as long as a session lasts.
    pub(crate) fn enrol(&self, id: &str) -> Op {
        let text = serde_json::to_vec(&self.runner).expect("a runner has text keys only");
        Op::create_ephemeral(paths::runner(id), text)
    }

    /// Passes on what the store says of hooks.
    pub(crate) async fn hear(&self, event: WatchEvent) {
        let input = match event {
            WatchEvent::Snapshot(listing) => {
                let commit = listing.commit;
                let records = listing.records.into_iter();
                let nodes = records.map(|(path, record)| node(path, Some(&record))).collect();
                Input::HooksListed { commit, nodes }
            }
            WatchEvent::Changed { path, record, .. } => {
                Input::HookChanged { node: node(path, Some(&record)) }
            }
            WatchEvent::Deleted { path, .. } => Input::HookChanged { node: node(path, None) },
        };
        self.tell(input).await;
    }

    async fn tell(&self, input: Input) {
        // The thread ends before the link does.
        let _ = self.heard.send(input).await;
    }

    /// The same of what the directory is told.
    pub(crate) async fn pass_on(&self, event: &Event) {
        match event {
            Event::Listed { history, commit, nodes } => {
                let (history, nodes) = (history.clone(), nodes.clone());
                self.tell(Input::Listed { history, commit: *commit, nodes }).await;
            }
            Event::Committed { commit, nodes } => {
                self.tell(Input::Committed { commit: *commit, nodes: nodes.clone() }).await;
            }
            Event::CommittedTogether { commits } => {
                for (commit, nodes) in commits {
                    self.tell(Input::Committed { commit: *commit, nodes: nodes.clone() }).await;
                }
            }
            Event::StoreLost => self.tell(Input::Lost).await,
            Event::StoreFound => self.tell(Input::Found).await,
            _ => {}
        }
    }
}

fn node(path: String, record: Option<&Record>) -> Node {
    let content = |record: &Record| Content {
        data: record.data.to_vec(),
        version: record.version,
        commit: record.commit,
    };
    Node { path, content: record.map(content) }
}

/// The thread.
#[derive(Debug)]
pub(crate) struct Running {
    end: oneshot::Sender<()>,
    ended: oneshot::Receiver<()>,
}

impl Running {
    /// Ends programs and begins none; comes back when that is done.
    pub(crate) async fn end(self) {
        let _ = self.end.send(());
        let _ = self.ended.await;
    }
}

/// Waits until the thread ends, if there is one.
pub(crate) async fn ended(running: &mut Option<Running>) {
    match running {
        Some(running) => {
            let _ = (&mut running.ended).await;
        }
        None => std::future::pending().await,
    }
}

/// Begins to run these hooks, of the registry that others know by this URL.
pub(crate) fn start(
    rules: Vec<Rule>,
    url: &str,
    clock: Clock,
    metrics: Metrics,
) -> io::Result<(Hooks, Wire, Running)> {
    let rules: Vec<Arc<Rule>> = rules.into_iter().map(Arc::new).collect();
    let by = uuid::Uuid::new_v4().to_string();
    let machine = Machine::new(&by, url, rules.clone(), rand::random());
    let runner = machine.runner();
    let hooks = Hooks { machine: Arc::new(Mutex::new(machine)), clock };
    let (heard, hears) = mpsc::channel(INPUTS_MAX);
    let (sends, edits) = mpsc::channel(rules.len().max(1));
    let (end, to_end) = oneshot::channel();
    let (done, ended) = oneshot::channel();
    let driver = Driver {
        hooks: hooks.clone(),
        rules: rules.into_iter().map(|rule| (rule.name().to_owned(), rule)).collect(),
        edits: sends,
        own: mpsc::unbounded_channel(),
        under_way: 0,
        stop: watch::Sender::new(false),
        wake_at: tokio::time::Instant::now() + LONG,
        metrics,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name("hooks".to_owned()).spawn(move || {
        runtime.block_on(driver.run(hears, to_end));
        drop(runtime);
        let _ = done.send(());
    })?;
    Ok((hooks, Wire { heard, edits, runner }, Running { end, ended }))
}

fn lock(machine: &Mutex<Machine>) -> MutexGuard<'_, Machine> {
    machine.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now(clock: &Clock) -> Now {
    let now = clock.now();
    Now { ms: now.ms, unix_ms: now.unix_ms }
}

struct Driver {
    hooks: Hooks,
    rules: BTreeMap<String, Arc<Rule>>,
    edits: mpsc::Sender<Edit>,
    /// What comes of its own doing: at most a write and a program of each hook.
    own: (mpsc::UnboundedSender<Input>, mpsc::UnboundedReceiver<Input>),
    under_way: usize,
    stop: watch::Sender<bool>,
    wake_at: tokio::time::Instant,
    metrics: Metrics,
}

impl Driver {
    async fn run(mut self, mut heard: mpsc::Receiver<Input>, mut to_end: oneshot::Receiver<()>) {
        loop {
            tokio::select! {
                _ = &mut to_end => break,
                Some(input) = heard.recv() => self.step(input),
                Some(input) = self.own.1.recv() => self.step(input),
                () = tokio::time::sleep_until(self.wake_at) => {
                    self.wake_at = tokio::time::Instant::now() + LONG;
                    self.step(Input::Woken);
                }
            }
        }
        self.step(Input::Ending);
        self.stop.send_replace(true);
        let longest = self.rules.values().map(|rule| rule.recipe.kill_after_ms).max().unwrap_or(0);
        let patience = Duration::from_millis(longest) + END_PATIENCE;
        let _ = tokio::time::timeout(patience, async {
            while self.under_way > 0 {
                tokio::select! {
                    Some(input) = self.own.1.recv() => self.step(input),
                    // The link is not to wait for one that hears nothing any more.
                    Some(_) = heard.recv() => {}
                }
            }
        })
        .await;
    }

    fn step(&mut self, input: Input) {
        if let Input::Ended { hook, end, .. } = &input {
            self.under_way -= 1;
            self.metrics.hook_ended(hook, end.ok);
        }
        let mut commands = Vec::new();
        lock(&self.hooks.machine).step(now(&self.hooks.clock), input, &mut commands);
        for command in commands {
            self.carry_out(command);
        }
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Write { hook, puts } => self.write(hook, puts),
            Command::Run { told } => {
                let Some(rule) = self.rules.get(&told.hook).cloned() else { return };
                self.under_way += 1;
                let (own, stop) = (self.own.0.clone(), self.stop.subscribe());
                tokio::spawn(async move {
                    let end = rule.run(&told, stop).await;
                    let _ = own.send(Input::Ended { hook: told.hook, run: told.run, end });
                });
            }
            Command::Tell { hook, problem, gave_up } => {
                let Some(rule) = self.rules.get(&hook).cloned() else { return };
                let stop = self.stop.subscribe();
                tokio::spawn(async move {
                    let end = rule.tell_failure(problem, gave_up, stop).await;
                    if !end.ok {
                        tracing::warn!(%hook, how = end.how, "its `on_failure` failed too");
                    }
                });
            }
            Command::WakeAt { ms } => self.wake_at = self.hooks.clock.at(ms),
            Command::Report(report) => log(&report),
        }
    }

    /// One write of each hook is under way, for which there is room.
    fn write(&self, hook: String, puts: Vec<Put>) {
        let (edits, own) = (self.edits.clone(), self.own.0.clone());
        let ops = puts.into_iter().map(op).collect();
        tokio::spawn(async move {
            let (done, is_done) = oneshot::channel();
            let written = async {
                edits.send(Edit { ops, done }).await.ok()?;
                match is_done.await.ok()? {
                    Ok(commit) => Some(commit),
                    Err(error) => {
                        tracing::debug!(%error, "a write of hooks failed and is looked at again");
                        None
                    }
                }
            };
            let durable = tokio::time::timeout(STORE_TIME, written).await.ok().flatten();
            let _ = own.send(Input::Written { hook, durable });
        });
    }
}

fn op(put: Put) -> Op {
    match (put.data, put.expect) {
        (None, Expect::Version(version)) => Op::delete_if(put.path, version),
        (None, _) => Op::delete(put.path),
        (Some(data), Expect::Any) => Op::put(put.path, data),
        (Some(data), Expect::Absent) => Op::create(put.path, data),
        (Some(data), Expect::Version(version)) => Op::set_if(put.path, data, version),
    }
}

fn log(report: &Report) {
    match report {
        Report::Unreadable { path } => {
            tracing::error!(%path, "a node of hooks cannot be read, and counts as not there");
        }
        Report::Done { hook, run, events } => {
            tracing::info!(%hook, run, events, "the hook has run");
        }
        Report::Failed { hook, run, problem, again_ms } => {
            tracing::error!(%hook, run, %problem, again_ms, "the hook failed and is tried again");
        }
        Report::GaveUp { hook, run, problem } => {
            tracing::error!(%hook, run, %problem, "the hook failed and gives this run up");
        }
        Report::TookOver { hook, run } => {
            tracing::warn!(%hook, run, "runs what a registry had claimed that is gone");
        }
        Report::LostRun { hook, run } => {
            tracing::warn!(%hook, run, "another registry has taken over what was run here");
        }
        Report::Full { hook } => {
            tracing::warn!(%hook, "so many events wait that others are looked for later");
        }
    }
}

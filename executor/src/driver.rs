//! The loop of the executor: waits, steps the machine, carries out what it asks for, feeds back
//! what came of it. Decides nothing.

use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use lathe_api::rest::LaunchSpec;
use lathe_child::{Pid, Signal, kill_descendants, reap_adopted};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::agent::{Agent, News};
use crate::artifact::cache::Cache;
use crate::artifact::{self, Wanted};
use crate::beats::{Beating, Beats};
use crate::config::Settings;
use crate::handshake::Handshake;
use crate::mesos_calls::{Heard, Translator};
use crate::probe::Prober;
use crate::process::Process;
use crate::sandbox;
use crate::supervisor::Supervisor;
use crate::supervisor::command::Command;
use crate::supervisor::event::{Event, Failure};

/// Events waiting for the machine; each source has one or two at most.
const EVENTS_MAX: usize = 16;
/// The machine is asked for its deadlines at least this often.
const NAP_MAX: Duration = Duration::from_secs(3600);

/// Why the executor cannot even begin.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Orphans could not be taken in, or signals not be heard.
    #[error("cannot set up this process: {doing}")]
    Process {
        /// What was being done.
        doing: &'static str,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
}

fn failed(doing: &'static str) -> impl FnOnce(std::io::Error) -> RunError {
    move |source| RunError::Process { doing, source }
}

/// Runs until the machine asks for the exit; gives the exit status. `original_parent` is who
/// started this process.
///
/// # Errors
/// See [`RunError`].
pub async fn run(mut settings: Settings, original_parent: Option<Pid>) -> Result<u8, RunError> {
    lathe_child::become_subreaper().map_err(failed("taking in orphans"))?;
    let mut term = signal(SignalKind::terminate()).map_err(failed("hearing SIGTERM"))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed("hearing SIGINT"))?;
    let mut child = signal(SignalKind::child()).map_err(failed("hearing SIGCHLD"))?;
    settings.supervisor.seed = rand::random();
    let mut driver = Driver::new(settings);
    driver.feed(Event::Started);
    loop {
        if let Some(code) = driver.exit {
            return Ok(code);
        }
        let nap = driver.nap();
        let event = tokio::select! {
            _ = term.recv() => stop(original_parent),
            _ = interrupt.recv() => stop(original_parent),
            _ = child.recv() => {
                reap_adopted(&BTreeSet::new());
                continue;
            }
            Some(event) = driver.incoming.recv() => event,
            news = driver.agent.next() => {
                driver.hear(news);
                continue;
            }
            () = tokio::time::sleep(nap) => Event::TimePassed,
        };
        driver.feed(event);
    }
}

/// SIGTERM comes from somebody who asks, or from the kernel because the parent ended.
fn stop(original_parent: Option<Pid>) -> Event {
    if Pid::parent() == original_parent { Event::StopAsked } else { Event::ParentLost }
}

struct Driver {
    settings: Settings,
    sandbox: PathBuf,
    machine: Supervisor,
    started: Instant,
    started_ms: u64,
    agent: Agent,
    translator: Translator,
    events: mpsc::Sender<Event>,
    incoming: mpsc::Receiver<Event>,
    /// Outcomes of commands, to be stepped before anything from outside.
    outcomes: VecDeque<Event>,
    specification: Option<Box<LaunchSpec>>,
    fetch: Option<JoinHandle<()>>,
    process: Option<Process>,
    handshake: Option<Handshake>,
    beats: Option<Beats>,
    prober: Option<Prober>,
    exit: Option<u8>,
}

impl Driver {
    fn new(settings: Settings) -> Self {
        let (events, incoming) = mpsc::channel(EVENTS_MAX);
        let environment = settings.environment.clone();
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self {
            sandbox: environment.sandbox.clone(),
            machine: Supervisor::new(settings.supervisor.clone()),
            started: Instant::now(),
            started_ms: u64::try_from(since_1970.unwrap_or_default().as_millis()).unwrap_or(0),
            agent: Agent::new(environment.clone()),
            translator: Translator::new(environment, settings.ready_timeout_ms),
            settings,
            events,
            incoming,
            outcomes: VecDeque::new(),
            specification: None,
            fetch: None,
            process: None,
            handshake: None,
            beats: None,
            prober: None,
            exit: None,
        }
    }

    /// The wall clock of the start, going on evenly whatever is done to the wall clock.
    fn now_ms(&self) -> u64 {
        let elapsed_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.started_ms.saturating_add(elapsed_ms)
    }

    fn nap(&self) -> Duration {
        let now_ms = self.now_ms();
        let until = self.machine.next_deadline().map(|at_ms| at_ms.saturating_sub(now_ms));
        until.map_or(NAP_MAX, Duration::from_millis).min(NAP_MAX)
    }

    fn hear(&mut self, news: News) {
        let event = match news {
            News::Event(event) => {
                for heard in self.translator.hear(*event) {
                    self.accept(heard);
                }
                return;
            }
            News::Lost(reason) => Event::Disconnected { reason },
            News::Refused(message) => Event::AgentRefused { message },
        };
        self.feed(event);
    }

    /// The first specification that can be read is the one that the machine may accept; it runs
    /// one task, ever.
    fn accept(&mut self, heard: Heard) {
        if let (None, Some(specification)) = (&self.specification, heard.specification) {
            if specification.incarnation != self.settings.environment.executor_id {
                tracing::warn!(incarnation = specification.incarnation, "not this executor's name");
            }
            self.specification = Some(specification);
        }
        self.feed(heard.event);
    }

    fn feed(&mut self, event: Event) {
        self.outcomes.push_back(event);
        while let Some(event) = self.outcomes.pop_front() {
            let mut commands = Vec::new();
            let now_ms = self.now_ms();
            tracing::debug!(?event, "step");
            self.machine.step(now_ms, event, &mut commands);
            for command in commands {
                self.carry_out(command);
            }
        }
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Subscribe { tasks, updates } => {
                let updates = updates.iter().map(|update| self.translator.update(update));
                self.agent.subscribe(self.translator.tasks(&tasks), updates.collect());
            }
            Command::SendUpdate(update) => {
                tracing::info!(state = ?update.state, note = update.message, "update");
                self.agent.send(&self.translator.update_call(&update));
            }
            Command::Fetch { .. } => self.fetch(),
            Command::CancelFetch => {
                if let Some(fetch) = self.fetch.take() {
                    fetch.abort();
                }
            }
            Command::Spawn { .. } => {
                let outcome = match self.spawn() {
                    Ok(()) => Event::Spawned,
                    Err(failure) => Event::SpawnFailed(failure),
                };
                self.outcomes.push_back(outcome);
            }
            Command::AskToEnd => {
                if let Some(handshake) = &self.handshake {
                    handshake.ask_to_drain();
                }
                if let Some(process) = &self.process {
                    process.terminate();
                }
            }
            Command::KillNow => {
                if let Some(process) = &self.process {
                    process.kill();
                }
            }
            Command::Probe => {
                if let Some(prober) = &mut self.prober {
                    prober.ask();
                }
            }
            Command::CancelProbe => {
                if let Some(prober) = &mut self.prober {
                    prober.cancel();
                }
            }
            Command::WriteCrashLog { exit } => {
                if let Some(process) = &self.process {
                    process.write_crash_log(&self.sandbox, exit);
                }
            }
            Command::Beat(life) => {
                if let Some(beats) = &self.beats {
                    beats.beat(life);
                }
            }
            Command::Note(text) => tracing::warn!("{text}"),
            Command::Exit { code } => self.leave(code),
        }
    }

    fn fetch(&mut self) {
        let Some(spec) = self.specification.clone() else {
            self.outcomes.push_back(Event::FetchFailed(no_specification()));
            return;
        };
        let (folder, bytes_max) =
            (self.settings.cache_folder.clone(), self.settings.cache_bytes_max);
        let (sandbox, events) = (self.sandbox.clone(), self.events.clone());
        self.fetch = Some(tokio::spawn(async move {
            let event = match fetch(&spec, folder, bytes_max, &sandbox).await {
                Ok(()) => Event::FetchDone,
                Err(failure) => Event::FetchFailed(failure),
            };
            // Only the end of the driver closes this.
            let _ = events.send(event).await;
        }));
    }

    fn spawn(&mut self) -> Result<(), Failure> {
        let spec = self.specification.as_deref().ok_or_else(no_specification)?;
        if spec.sdk {
            let user = spec.user.as_deref();
            self.handshake = Some(Handshake::start(&self.sandbox, user, self.events.clone())?);
        }
        let path = self.settings.path.as_deref();
        self.process = Some(Process::start(&self.sandbox, spec, path, self.events.clone())?);
        self.prober = Prober::of(&self.sandbox, spec, path, self.events.clone());
        self.beats = Some(Beats::start(Beating {
            incarnation: spec.incarnation.clone(),
            secret: spec.secret.clone(),
            registries: spec.registries.clone(),
            schedulers: spec.schedulers.clone(),
        }));
        Ok(())
    }

    fn leave(&mut self, code: u8) {
        let left = kill_descendants(Pid::own(), Signal::Kill);
        if !left.is_empty() {
            tracing::error!(?left, "processes do not end");
        }
        tracing::info!(code, "the executor ends");
        self.exit = Some(code);
    }
}

fn no_specification() -> Failure {
    Failure { message: "the launch had no specification".to_owned(), permanent: true }
}

async fn fetch(
    spec: &LaunchSpec,
    cache_folder: PathBuf,
    cache_bytes_max: u64,
    folder: &std::path::Path,
) -> Result<(), Failure> {
    sandbox::prepare(folder, spec)?;
    let cache = Cache::open(cache_folder, cache_bytes_max).map_err(artifact::FetchError::from)?;
    let wanted = Wanted {
        artifact: spec.artifact.clone(),
        secret: spec.secret.clone(),
        target: folder.join(artifact::program_path(&spec.crate_name)),
        seed: rand::random(),
    };
    artifact::fetch(&cache, &wanted).await?;
    Ok(())
}

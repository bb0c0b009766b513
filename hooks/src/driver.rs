//! The loop around the machine of hooks: wait, step, carry out, feed back.
//!
//! Owns the clock, the data folder and its lock. Every decision is the machine's.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use crate::engine::{
    Command, End, Engine, Event, HookStatus, Remembered, Report, RunId, Stage, Staged, Start,
    TurnAsk,
};
use crate::files::{self, Folder, Way};
use crate::journal::{Journal, JournalError};
use crate::program::{self, Program};
use crate::recipe::Recipe;
use crate::record::Record;
use crate::snapshot::Snapshot;

use lock::FolderLock;
pub use turns::{TurnCall, turn_calls};

mod lock;
mod turns;

/// Orders that may wait for the machine.
const ORDERS_MAX: usize = 64;
/// So long may what is under way take at the end, beyond the time in which programs are ended.
const END_PATIENCE: Duration = Duration::from_secs(5);

/// Names the data folder of whoever has started a program.
const OWNER: &str = "LATHE_DATA";

/// Why hooks cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The journal cannot be had.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Another process has the data folder.
    #[error("another process uses {}", path.display())]
    Used {
        /// The data folder.
        path: PathBuf,
    },
    /// The system refuses the data folder.
    #[error("the data folder {} cannot be used", path.display())]
    Folder {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// What the loop is told.
#[derive(Clone, Debug)]
pub enum Order {
    /// The groups are like this now. Where it is the first that comes from somebody who knows, it comes
    /// before [`Order::Fresh`].
    Seen(Arc<Snapshot>),
    /// Nobody is heard who knows the groups; what is known is so old already, in milliseconds.
    Lost {
        /// In milliseconds.
        age_ms: u64,
    },
    /// Somebody is heard again.
    Fresh,
    /// This hook is to run now, whatever holds it up.
    Force(String),
    /// Begin nothing new, end what runs, and come back.
    End,
}

/// Hooks for those who have news for them or ask how they stand; clones are of the same.
#[derive(Clone, Debug)]
pub struct Hooks {
    engine: Arc<Mutex<Engine>>,
    clock: Instant,
    orders: mpsc::Sender<Order>,
}

impl Hooks {
    /// Hands the loop something. Nothing happens when it has ended.
    pub async fn order(&self, order: Order) {
        let _ = self.orders.send(order).await;
    }

    /// How every hook stands, by name.
    #[must_use]
    pub fn status(&self) -> Vec<HookStatus> {
        lock(&self.engine).status(millis(self.clock.elapsed()))
    }

    /// Whether there is a hook of this name.
    #[must_use]
    pub fn has(&self, hook: &str) -> bool {
        lock(&self.engine).has(hook)
    }

    /// Whether something was handed over that the loop has not taken yet.
    #[must_use]
    pub fn has_orders(&self) -> bool {
        self.orders.capacity() < self.orders.max_capacity()
    }

    /// Whether no hook has anything to do.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        lock(&self.engine).is_idle()
    }
}

fn lock(engine: &Mutex<Engine>) -> MutexGuard<'_, Engine> {
    engine.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The loop, before it runs.
#[derive(Debug)]
pub struct Running {
    hooks: Hooks,
    received: mpsc::Receiver<Order>,
    recipes: BTreeMap<String, Arc<Recipe>>,
    folders: BTreeMap<String, Folder>,
    journal: Arc<Mutex<Journal>>,
    /// Staged files of the run under way.
    ways: Arc<Mutex<BTreeMap<String, Vec<Way>>>>,
    events: (mpsc::UnboundedSender<Event>, mpsc::UnboundedReceiver<Event>),
    under_way: usize,
    wake_at: Option<Instant>,
    stop: watch::Sender<bool>,
    /// Who grants turns, if anybody does.
    turns: Option<mpsc::Sender<TurnCall>>,
    /// Held as long as the data folder is used.
    _locked: FolderLock,
}

impl Hooks {
    /// Hooks by these recipes, with their journal and their files below `data`. Programs end with the
    /// *thread* that the loop runs on, so it belongs on one that lasts as long as the process.
    ///
    /// # Errors
    /// [`OpenError`]
    pub fn open(
        data: &Path,
        recipes: Vec<Recipe>,
        host: &str,
        seed: u64,
    ) -> Result<(Self, Running), OpenError> {
        let refused = |source| OpenError::Folder { path: data.to_owned(), source };
        std::fs::DirBuilder::new().recursive(true).mode(0o711).create(data).map_err(refused)?;
        let locked = FolderLock::take(data)?;
        let place = std::fs::canonicalize(data).map_err(refused)?;
        // The program that ran when this process was killed is dead; what it had started may not be.
        let left = lathe_child::kill_leftovers(OWNER, place.as_os_str());
        if !left.is_empty() {
            tracing::warn!(?left, "processes of an earlier life cannot be ended");
        }
        let opened = Journal::open(&data.join("journal"))?;
        if opened.damaged {
            tracing::error!("the journal of the hooks is damaged; all hooks run once more");
        }
        let owned = recipes.into_iter().map(|mut recipe| {
            recipe.env.insert(OWNER.to_owned(), place.display().to_string());
            Arc::new(recipe)
        });
        let recipes: Vec<Arc<Recipe>> = owned.collect();
        let mut folders = BTreeMap::new();
        let mut remembered = BTreeMap::new();
        for recipe in &recipes {
            let folder = Folder::of(data, &recipe.name).map_err(refused)?;
            let record = opened.journal.records().get(&recipe.name).cloned().unwrap_or_default();
            remembered.insert(recipe.name.clone(), remember(&folder, record));
            folders.insert(recipe.name.clone(), folder);
        }
        let engine = Arc::new(Mutex::new(Engine::new(&recipes, remembered, host, seed)));
        let (orders, received) = mpsc::channel(ORDERS_MAX);
        let hooks = Self { engine, clock: Instant::now(), orders };
        let running = Running {
            hooks: hooks.clone(),
            received,
            recipes: recipes.into_iter().map(|recipe| (recipe.name.clone(), recipe)).collect(),
            folders,
            journal: Arc::new(Mutex::new(opened.journal)),
            ways: Arc::default(),
            events: mpsc::unbounded_channel(),
            under_way: 0,
            wake_at: None,
            stop: watch::Sender::new(false),
            turns: None,
            _locked: locked,
        };
        Ok((hooks, running))
    }
}

/// What is known of a hook from before. A run that was acknowledged may not have said so to its folder.
fn remember(folder: &Folder, record: Record) -> Remembered {
    let next = Folder::input(&folder.next());
    let is_pending = record.pending.is_some();
    let hash = next.as_ref().map(|next| &next.hash);
    if !is_pending && hash.is_some() && hash == record.done.as_ref().map(|done| &done.hash) {
        let _ = folder.acknowledged();
    }
    Remembered { record, input: next.filter(|_| is_pending) }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Running {
    /// With somebody who grants turns.
    #[must_use]
    pub fn with_turns(self, turns: mpsc::Sender<TurnCall>) -> Self {
        Self { turns: Some(turns), ..self }
    }

    /// Runs until it is told to end.
    pub async fn run(mut self) {
        self.step(Event::Woken);
        loop {
            let wake_at = self.wake_at;
            let woken = async {
                match wake_at {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                order = self.received.recv() => match order {
                    Some(Order::Seen(snapshot)) => self.step(Event::Seen { snapshot }),
                    Some(Order::Lost { age_ms }) => self.step(Event::Lost { age_ms }),
                    Some(Order::Fresh) => self.step(Event::Fresh),
                    Some(Order::Force(hook)) => self.step(Event::Forced { hook }),
                    Some(Order::End) | None => break,
                },
                Some(event) = self.events.1.recv() => self.took(event),
                () = woken => {
                    self.wake_at = None;
                    self.step(Event::Woken);
                }
            }
        }
        self.end().await;
    }

    async fn end(mut self) {
        self.step(Event::Ending);
        self.stop.send_replace(true);
        let longest = self.recipes.values().map(|recipe| recipe.kill_after_ms).max().unwrap_or(0);
        let patience = Duration::from_millis(longest) + END_PATIENCE;
        let _ = tokio::time::timeout(patience, async {
            while self.under_way > 0 {
                let Some(event) = self.events.1.recv().await else { return };
                self.took(event);
            }
        })
        .await;
    }

    fn took(&mut self, event: Event) {
        self.under_way -= 1;
        self.step(event);
    }

    fn step(&mut self, event: Event) {
        let mut commands = Vec::new();
        lock(&self.hooks.engine).step(millis(self.hooks.clock.elapsed()), event, &mut commands);
        for command in commands {
            self.carry_out(command);
        }
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Stage(stage) => self.stage(stage),
            Command::Journal { hook, run, record } => self.journal(hook, run, *record),
            Command::Replace { hook, run } => {
                let ways = self.ways().remove(&hook).unwrap_or_default();
                self.apart(move || {
                    let outcome = files::replace(&ways).map_err(|error| error.to_string());
                    Event::Replaced { hook, run, outcome }
                });
            }
            Command::Restore { hook, run } => {
                let (Some(recipe), Some(folder)) = self.of(&hook) else { return };
                self.apart(move || {
                    let outcome = folder.restore(&recipe).map_err(|error| error.to_string());
                    Event::Restored { hook, run, outcome }
                });
            }
            Command::Run { hook, run, start } => self.start(hook, run, start),
            Command::Ask { hook, ask, turn } => self.ask(hook, ask, turn),
            Command::GiveBack { hook, fleet } => {
                self.under_way += 1;
                let (events, turns) = (self.events.0.clone(), self.turns.clone());
                tokio::spawn(async move {
                    turns::give_back(turns, hook.clone(), fleet).await;
                    let _ = events.send(Event::GivenBack { hook });
                });
            }
            Command::Tell { hook, problem, gave_up } => self.tell(&hook, problem, gave_up),
            Command::WakeAt { ms } => {
                self.wake_at = Some(self.hooks.clock + Duration::from_millis(ms));
            }
            Command::Report(report) => log(&report),
        }
    }

    fn ways(&self) -> MutexGuard<'_, BTreeMap<String, Vec<Way>>> {
        self.ways.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, hook: &str) -> (Option<Arc<Recipe>>, Option<Folder>) {
        (self.recipes.get(hook).cloned(), self.folders.get(hook).cloned())
    }

    /// Work that waits for disks goes on a thread that may wait.
    fn apart(&mut self, work: impl FnOnce() -> Event + Send + 'static) {
        self.under_way += 1;
        let events = self.events.0.clone();
        tokio::task::spawn_blocking(move || {
            let _ = events.send(work());
        });
    }

    fn ask(&mut self, hook: String, ask: RunId, turn: TurnAsk) {
        self.under_way += 1;
        let (events, turns) = (self.events.0.clone(), self.turns.clone());
        tokio::spawn(async move {
            let answer = turns::ask(turns, hook.clone(), turn).await;
            let _ = events.send(Event::Answered { hook, ask, answer });
        });
    }

    fn stage(&mut self, stage: Stage) {
        let (Some(recipe), Some(folder)) = self.of(&stage.hook) else { return };
        self.under_way += 1;
        let (events, ways, stop) =
            (self.events.0.clone(), Arc::clone(&self.ways), self.stop.subscribe());
        tokio::spawn(async move {
            let (hook, run) = (stage.hook.clone(), stage.run);
            let outcome = staged(&recipe, folder, stage, stop).await;
            let outcome = outcome.map(|(staged, found)| {
                ways.lock().unwrap_or_else(PoisonError::into_inner).insert(hook.clone(), found);
                staged
            });
            let _ = events.send(Event::Staged { hook, run, outcome });
        });
    }

    fn journal(&mut self, hook: String, run: RunId, record: Record) {
        let (_, folder) = self.of(&hook);
        let journal = Arc::clone(&self.journal);
        self.apart(move || {
            let is_over = record.pending.is_none() && record.refused.is_none();
            let done = journal.lock().unwrap_or_else(PoisonError::into_inner).append(&hook, record);
            if let (Ok(()), true, Some(folder)) = (&done, is_over, folder)
                && let Err(error) = folder.acknowledged()
            {
                // The next start mends it; until then a difference is told once more.
                tracing::warn!(%hook, %error, "the last state of the hook cannot be kept");
            }
            let outcome = done.map_err(|error| match std::error::Error::source(&error) {
                Some(cause) => format!("{error}: {cause}"),
                None => error.to_string(),
            });
            Event::Journaled { hook, run, outcome }
        });
    }

    fn start(&mut self, hook: String, run: RunId, start: Start) {
        let (Some(recipe), Some(folder)) = self.of(&hook) else { return };
        self.under_way += 1;
        let (events, stop) = (self.events.0.clone(), self.stop.subscribe());
        tokio::spawn(async move {
            let end = ran(recipe, folder, start, stop).await;
            let _ = events.send(Event::Ended { hook, run, end });
        });
    }

    /// Nobody waits for the program that hears of failures.
    fn tell(&self, hook: &str, problem: String, gave_up: bool) {
        let (Some(recipe), _) = self.of(hook) else { return };
        let mut program = Program::of(&recipe, &recipe.on_failure);
        program.env.insert("LATHE_PROBLEM".to_owned(), problem);
        program.env.insert("LATHE_GAVE_UP".to_owned(), u8::from(gave_up).to_string());
        let stop = self.stop.subscribe();
        tokio::spawn(async move {
            let end = program.run(stop).await;
            if !end.ok {
                tracing::warn!(hook = recipe.name, how = end.how, "its `on_failure` failed too");
            }
        });
    }
}

/// Follows in HAProxy, then runs the program, as far as there is either.
async fn ran(
    recipe: Arc<Recipe>,
    folder: Folder,
    start: Start,
    stop: watch::Receiver<bool>,
) -> End {
    let program = Program::told(&recipe, &folder, &start);
    let has_program = !recipe.command.is_empty();
    let before = tokio::task::spawn_blocking(move || {
        program::tell(&recipe, &folder, &start)
            .map_err(|how| End { how, ..End::default() })
            .map(|input| (recipe, input))
            .and_then(|(recipe, input)| match &recipe.haproxy {
                None => Ok(End { ok: true, ..End::default() }),
                Some(backend) => {
                    let end = backend.follow(&input, Duration::from_millis(recipe.timeout_ms));
                    if end.ok { Ok(end) } else { Err(end) }
                }
            })
    });
    match before.await {
        Ok(Ok(_)) if has_program => program.run(stop).await,
        Ok(Ok(end) | Err(end)) => end,
        Err(error) => End { how: error.to_string(), ..End::default() },
    }
}

/// Stages the files of a run, then has each judged.
async fn staged(
    recipe: &Arc<Recipe>,
    folder: Folder,
    stage: Stage,
    stop: watch::Receiver<bool>,
) -> Result<(Staged, Vec<Way>), String> {
    let on_disk = {
        let recipe = Arc::clone(recipe);
        tokio::task::spawn_blocking(move || folder.stage(&recipe, &stage))
    };
    let done = on_disk.await.map_err(|error| error.to_string())?;
    let (staged, ways) = done.map_err(|error| error.to_string())?;
    for (file, way) in recipe.files.iter().zip(&ways).filter(|(file, _)| !file.check.is_empty()) {
        let path = way.at.display().to_string();
        let words: Vec<String> = file.check.iter().map(|word| word.replace("{}", &path)).collect();
        let end = Program::of(recipe, &words).run(stop.clone()).await;
        if !end.ok {
            let (place, output) = (way.place.display(), end.output.trim_end());
            return Err(format!("the check of {place} says no: {}: {output}", end.how));
        }
    }
    Ok((staged, ways))
}

fn log(report: &Report) {
    match report {
        Report::Older { hook, known, offered } => {
            tracing::warn!(%hook, known, offered, "older state than the hook has followed is left");
        }
        Report::Failed { hook, problem, again_ms } => {
            tracing::error!(%hook, %problem, again_ms, "the hook failed and is tried again");
        }
        Report::GaveUp { hook, problem } => {
            tracing::error!(%hook, %problem, "the hook failed and gives this state up");
        }
        Report::Braked { hook, from, to } => {
            tracing::warn!(%hook, from, to, "many would go at once; the hook waits");
        }
        Report::WithoutTurn { hook, problem } => {
            tracing::warn!(%hook, %problem, "nobody grants a turn; the hook goes without one");
        }
        Report::Done { hook, version, why } => {
            tracing::info!(%hook, version, why = why.as_str(), "the hook has followed");
        }
    }
}

#[cfg(test)]
mod tests;

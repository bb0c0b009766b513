//! One process of an engine: started again and again from the same recipe, and hurt in between.
//!
//! Owns its life and its log. It must not know what it serves.

use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use lathe_child::{Child, Exit, Output, Signal, Spawn};

use crate::service::{FALLS_MAX, Mends, STEADY};
use crate::{Code, Failure, folder, keeper, waiting};

/// So long may a process take to be gone after KILL when its value is dropped.
const GONE: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// What of this process's environment is handed on.
const HANDED_ON: &[&str] = &["PATH", "HOME", "LANG", "LC_ALL", "TZ", "JAVA_HOME", "TMPDIR"];

/// How a process is started.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    /// Also the name of its log.
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    pub(crate) env: Vec<(String, OsString)>,
    /// Where it is started, and where its log is.
    pub(crate) dir: PathBuf,
    /// What it gets when this process dies.
    pub(crate) on_death: Signal,
}

impl Recipe {
    pub(crate) fn new(name: impl Into<String>, program: impl Into<PathBuf>, dir: &Path) -> Self {
        let (name, program) = (name.into(), program.into());
        Self {
            name,
            program,
            args: Vec::new(),
            env: Vec::new(),
            dir: dir.to_owned(),
            on_death: Signal::Kill,
        }
    }

    /// Program and arguments.
    pub(crate) fn words(&self) -> Vec<&OsStr> {
        let args = self.args.iter().map(OsString::as_os_str);
        std::iter::once(self.program.as_os_str()).chain(args).collect()
    }

    pub(crate) fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }
}

/// A process of an engine. It ends with this value, and with the process that started it.
#[derive(Debug)]
pub struct Daemon {
    recipe: Recipe,
    log: PathBuf,
    child: Mutex<Option<Child>>,
    /// Held while it is started or ended.
    turn: tokio::sync::Mutex<()>,
    /// It was started and nobody has ended it since.
    wanted: AtomicBool,
    /// After which ends it is started again, if anybody looks after it.
    mends: Option<Mends>,
    started: Mutex<Instant>,
    falls: AtomicU32,
}

impl Daemon {
    pub(crate) fn new(recipe: Recipe) -> Self {
        let log = recipe.dir.join(format!("{}.log", recipe.name));
        Self {
            recipe,
            log,
            child: Mutex::new(None),
            turn: tokio::sync::Mutex::new(()),
            wanted: AtomicBool::new(false),
            mends: None,
            started: Mutex::new(Instant::now()),
            falls: AtomicU32::new(0),
        }
    }

    /// The same for somebody who calls [`Self::mend`] now and then.
    pub(crate) fn mended_after(mut self, mends: Mends) -> Self {
        self.mends = Some(mends);
        self
    }

    /// What it is called, such as `zookeeper-1`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.recipe.name
    }

    /// Where its output goes.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Its process id, if it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        let mut child = self.child();
        let child = child.as_mut()?;
        child.try_wait().is_none().then(|| child.id().as_raw())
    }

    /// Starts it, from the same recipe as ever. Does not wait until it serves.
    ///
    /// # Errors
    /// It runs already, or cannot be started.
    pub async fn start(&self) -> Result<(), Failure> {
        let _turn = self.turn.lock().await;
        self.falls.store(0, Ordering::Relaxed);
        self.start_now().await
    }

    async fn start_now(&self) -> Result<(), Failure> {
        if self.pid().is_some() {
            let hint = "stop it or kill it first";
            return Err(Failure::new(Code::Asked, format!("{} runs already", self.name()), hint));
        }
        let opened = OpenOptions::new().create(true).append(true).open(&self.log);
        let log = opened.and_then(|log| Ok((log.try_clone()?, log)));
        let (out, err) = log.map_err(|error| Failure::system(self.log.display(), error))?;
        let mut spawn = Spawn::new(&self.recipe.program)
            .args(&self.recipe.args)
            .dir(&self.recipe.dir)
            .stdout(Output::File(out))
            .stderr(Output::File(err))
            .parent_death(self.recipe.on_death)
            .own_group();
        for name in HANDED_ON {
            spawn = spawn.inherit_env(name);
        }
        spawn = spawn.envs(self.recipe.env.iter().map(|(name, value)| (name, value)));
        let child = keeper::start(spawn).await.map_err(|error| {
            let what = format!("{} does not start: {error}", self.name());
            Failure::new(
                Code::Process,
                what,
                "`cargo xtask test --install` installs what the engines need",
            )
        })?;
        *self.child() = Some(child);
        *self.started.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.wanted.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Starts it again where it has ended by itself and that is to be mended.
    pub(crate) async fn mend(&self) {
        let _turn = self.turn.lock().await;
        let exit = self.child().as_mut().and_then(Child::try_wait);
        if !exit.is_some_and(|exit| self.is_mended(exit)) {
            return;
        }
        let lived = self.started.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
        let before = if lived < STEADY { self.falls.load(Ordering::Relaxed) } else { 0 };
        self.falls.store(before + 1, Ordering::Relaxed);
        // What keeps it from starting will keep it the next time, until it has fallen often enough.
        let _ = self.start_now().await;
    }

    /// Whether it will be started again after this end.
    fn is_mended(&self, exit: Exit) -> bool {
        let fell_often = self.falls.load(Ordering::Relaxed) >= FALLS_MAX;
        let wanted = self.wanted.load(Ordering::Relaxed) && !fell_often;
        wanted && self.mends.is_some_and(|mends| mends.covers(exit))
    }

    /// Ends it as a power cut would, and waits until it is gone.
    ///
    /// # Errors
    /// It may not be signalled.
    pub async fn kill(&self) -> Result<(), Failure> {
        let _turn = self.turn.lock().await;
        self.kill_now().await
    }

    async fn kill_now(&self) -> Result<(), Failure> {
        self.wanted.store(false, Ordering::Relaxed);
        self.signal(Signal::Kill)?;
        self.gone(waiting::SOON).await;
        Ok(())
    }

    /// Asks it to end, and waits until it is gone; after `grace` it is killed.
    ///
    /// # Errors
    /// It may not be signalled.
    pub async fn stop(&self, grace: Duration) -> Result<(), Failure> {
        let _turn = self.turn.lock().await;
        self.terminate()?;
        if !self.gone(grace).await {
            self.kill_now().await?;
        }
        Ok(())
    }

    /// Makes it stand still (SIGSTOP): its connections stay open and nothing answers.
    ///
    /// # Errors
    /// It may not be signalled.
    pub fn pause(&self) -> Result<(), Failure> {
        self.signal(Signal::Stop)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// It may not be signalled.
    pub fn resume(&self) -> Result<(), Failure> {
        self.signal(Signal::Cont)
    }

    /// Asks it to end.
    pub(crate) fn terminate(&self) -> Result<(), Failure> {
        self.wanted.store(false, Ordering::Relaxed);
        self.signal(Signal::Term)?;
        // One that is paused sees the other signal only when it goes on.
        self.signal(Signal::Cont)
    }

    /// An error with the end of its log, once it has ended by itself and stays so.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let exit = self.child().as_mut().and_then(Child::try_wait);
        let exit = exit.filter(|exit| !self.is_mended(*exit));
        exit.map_or(Ok(()), |exit| Err(self.ended(exit)))
    }

    fn ended(&self, exit: Exit) -> Failure {
        let tail = folder::tail(&self.log);
        let what = format!("{} ended with {exit}; the end of its log:\n{tail}", self.name());
        Failure::new(Code::Process, what, "the log says why; a port that is taken is the usual one")
    }

    /// Sends it a signal, and all in its group. One that has ended gets none.
    ///
    /// # Errors
    /// It may not be signalled.
    pub fn signal(&self, signal: Signal) -> Result<(), Failure> {
        let child = self.child();
        let sent = child.as_ref().map_or(Ok(()), |child| child.signal_group(signal));
        sent.map_err(|error| Failure::system(format!("signalling {}", self.name()), error))
    }

    /// Whether it was gone within the time.
    async fn gone(&self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        while self.pid().is_some() {
            if Instant::now() >= end {
                return false;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        *self.child() = None;
        true
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Daemon {
    /// Kills it and waits, where there is no time to be `async`.
    pub(crate) fn end(&self) {
        self.wanted.store(false, Ordering::Relaxed);
        // Whoever cannot be signalled is gone or is not ours.
        let _ = self.signal(Signal::Kill);
        let end = Instant::now() + GONE;
        while self.pid().is_some() && Instant::now() < end {
            thread::sleep(LOOK_AGAIN);
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.end();
    }
}

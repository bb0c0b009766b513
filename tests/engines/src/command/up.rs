//! `engines up`: starts the holder, waits until all is ready, and leaves it alone.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::Signal;
use tokio::signal::ctrl_c;

use super::args::Up;
use super::state::{Process, State};
use super::{folder, look};
use crate::waiting::until_ok;
use crate::{Code, Failure};

/// What the holder says.
const LOG: &str = "engines.log";

pub(super) async fn run(up: &Up) -> Result<bool, Failure> {
    let dir = folder(up.dir.clone())?;
    if State::read(&dir)?.is_some_and(|state| state.holder.runs()) {
        let what = format!("engines of {} are up already", dir.display());
        let hint = "`status` shows them, `down` ends them; other ones need a `--dir` of their own";
        return Err(Failure::new(Code::Asked, what, hint));
    }
    if up.dir.is_none() && dir.exists() {
        // What nobody asked to keep would only be in the way of other ports.
        fs::remove_dir_all(&dir).map_err(|error| Failure::system(dir.display(), error))?;
    }
    fs::create_dir_all(&dir).map_err(|error| Failure::system(dir.display(), error))?;
    State::remove(&dir);
    let mut holder = hold(up, &dir)?;
    let ready = until_ok("the engines to be ready", || {
        let looked = look_at(&mut holder, &dir);
        async { looked }
    });
    tokio::select! {
        ready = ready => look::show(&ready?, up.json).await,
        _ = ctrl_c() => {
            if let Some(process) = Process::of(holder.id()) {
                process.signal(Signal::TERM);
            }
            Ok(false)
        }
    }
}

/// A process that outlives this one, and that no key of this terminal reaches.
fn hold(up: &Up, dir: &Path) -> Result<Child, Failure> {
    let log = dir.join(LOG);
    let opened = File::create(&log).and_then(|out| Ok((out.try_clone()?, out)));
    let (out, err) = opened.map_err(|error| Failure::system(log.display(), error))?;
    let own = std::env::current_exe().map_err(|error| Failure::system("this program", error))?;
    let mut command = Command::new(own);
    command.arg("hold").arg("--dir").arg(dir).arg("--wanted");
    command.arg(serde_json::to_string(&up.wanted).expect("it is plain data"));
    command.stdin(Stdio::null()).stdout(out).stderr(err).process_group(0);
    command.spawn().map_err(|error| Failure::system("starting the holder", error))
}

/// The state, once all of it was ready.
fn look_at(holder: &mut Child, dir: &Path) -> Result<Option<State>, Failure> {
    if let Some(status) = holder.try_wait().map_err(|error| Failure::system("the holder", error))? {
        let said = fs::read_to_string(dir.join(LOG)).unwrap_or_default();
        let what = format!("the engines do not start ({status}):\n{}", said.trim_end());
        return Err(Failure::new(Code::Process, what, "it is said above"));
    }
    Ok(State::read(dir)?.filter(|state| state.started))
}

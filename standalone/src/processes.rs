//! The host processes of the master: start, stop, freeze, end.
//!
//! Owns one keeper for each process, which alone may signal it. It must not know what hosts do.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lathe_child::{Child, Exit, Output, Pid, Signal, Spawn, SpawnError, kill_descendants};
use tokio::sync::mpsc;

use crate::config::LogFormat;

/// Variables of the master's environment that a host, and so its executors, are given on.
pub(crate) const PASSED_ON: [&str; 9] =
    ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "LATHE_LOG", LOG_FORMAT, "RUST_BACKTRACE"];
/// The form of the log, for hosts and executors alike.
const LOG_FORMAT: &str = "LATHE_LOG_FORMAT";

/// What every host process is started with.
#[derive(Clone, Debug)]
pub(crate) struct HostProgram {
    pub(crate) program: PathBuf,
    /// The folder that holds a folder for each host.
    pub(crate) folder: PathBuf,
    pub(crate) link: SocketAddr,
    pub(crate) token_file: PathBuf,
    pub(crate) ip: std::net::IpAddr,
    pub(crate) log_format: LogFormat,
}

/// What a keeper is told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    /// End in order.
    Terminate,
    /// End at once, with everything below.
    Kill,
    /// Stop everything, as a frozen machine would.
    Freeze,
    /// Go on.
    Thaw,
}

/// A host process that runs.
#[derive(Debug)]
pub(crate) struct HostProcess {
    pub(crate) pid: Pid,
    orders: mpsc::Sender<Order>,
}

impl HostProcess {
    /// Tells the keeper; an order to a process that has ended is dropped.
    pub(crate) fn order(&self, order: Order) {
        let _ = self.orders.try_send(order);
    }
}

impl HostProgram {
    /// Starts a host; `ended` is called once it has ended.
    ///
    /// # Errors
    /// Why it could not be started.
    pub(crate) fn start(
        &self,
        name: &str,
        ended: impl AsyncFnOnce(Exit) + 'static,
    ) -> Result<HostProcess, SpawnError> {
        let mut spawn = Spawn::new(&self.program)
            .args(["host", "--name", name, "--link", &self.link.to_string()])
            .arg("--dir")
            .arg(self.folder.join(name))
            .arg("--token-file")
            .arg(&self.token_file)
            .args(["--ip", &self.ip.to_string()])
            .dir(Path::new("/"))
            .stderr(Output::Inherit)
            .parent_death(Signal::Term)
            .own_group();
        for name in PASSED_ON {
            spawn = spawn.inherit_env(name);
        }
        // However this process was told: by a flag, its file or its environment.
        let spawn = spawn.env(LOG_FORMAT, self.log_format.word());
        let child = spawn.start()?;
        let pid = child.id();
        let (orders, received) = mpsc::channel(16);
        tokio::task::spawn_local(async move {
            let exit = keep(child, received).await;
            ended(exit).await;
        });
        Ok(HostProcess { pid, orders })
    }
}

async fn keep(mut child: Child, mut orders: mpsc::Receiver<Order>) -> Exit {
    let pid = child.id();
    loop {
        let order = tokio::select! {
            exit = child.wait() => return exit,
            Some(order) = orders.recv() => order,
        };
        let done = match order {
            Order::Terminate => {
                thaw(&child, pid);
                child.signal(Signal::Term)
            }
            Order::Kill => return child.end(Duration::ZERO).await,
            Order::Freeze => {
                // The host first, so that it starts nothing while its tree is being stopped.
                let stopped = child.signal(Signal::Stop);
                kill_descendants(pid, Signal::Stop);
                stopped
            }
            Order::Thaw => {
                thaw(&child, pid);
                Ok(())
            }
        };
        if let Err(error) = done {
            tracing::warn!(%error, pid = pid.as_raw(), "a host was not signalled");
        }
    }
}

fn thaw(child: &Child, pid: Pid) {
    kill_descendants(pid, Signal::Cont);
    let _ = child.signal(Signal::Cont);
}

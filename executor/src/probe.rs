//! Asks an instance how it does: over HTTP, by a connection, by a program. Owns the limits of one
//! question; must not know when to ask, nor what follows from an answer.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use lathe_api::rest::{HealthSpec, LaunchSpec, ProbeSpec};
use lathe_child::{Child, Exit, Output, OutputReader, Signal, Spawn};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::causes::with_causes;
use crate::logs::{SharedTail, new_tail};
use crate::plain_http::{Address, Connection};
use crate::sandbox;
use crate::supervisor::event::Event;
use crate::supervisor::seconds;

/// Characters of what is told of a bad answer.
const MESSAGE_MAX: usize = 200;
/// Read of a program's output at once, bytes.
const PIECE_BYTES: usize = 4 * 1024;
/// What a program left in its pipes is there at its end; what it started may hold them longer.
const LAST_WORDS_LIMIT: Duration = Duration::from_millis(100);

/// Asks one instance; one question at a time.
#[derive(Debug)]
pub struct Prober {
    asked: Arc<Asked>,
    events: mpsc::Sender<Event>,
    asking: Option<JoinHandle<()>>,
}

/// Who is asked and how.
#[derive(Debug)]
struct Asked {
    probe: ProbeSpec,
    limit_ms: u64,
    folder: PathBuf,
    spec: LaunchSpec,
    path: Option<String>,
}

impl Prober {
    /// For the instance of this specification, when it is one that is asked.
    pub fn of(
        folder: &Path,
        spec: &LaunchSpec,
        path: Option<&str>,
        events: mpsc::Sender<Event>,
    ) -> Option<Self> {
        let Some(HealthSpec::Probe { probe, timeout_ms, .. }) = &spec.health else { return None };
        let asked = Asked {
            probe: probe.clone(),
            limit_ms: *timeout_ms,
            folder: folder.to_owned(),
            spec: spec.clone(),
            path: path.map(str::to_owned),
        };
        Some(Self { asked: Arc::new(asked), events, asking: None })
    }

    /// Asks; the answer becomes [`Event::HealthPassed`] or [`Event::HealthFailed`]. Must be called
    /// on the thread that lives as long as this process.
    pub fn ask(&mut self) {
        self.cancel();
        let (asked, events) = (Arc::clone(&self.asked), self.events.clone());
        self.asking = Some(tokio::spawn(async move {
            let event = match asked.ask().await {
                Ok(()) => Event::HealthPassed,
                Err(message) => Event::HealthFailed { message: clipped(&message) },
            };
            // Only the end of the driver closes this.
            let _ = events.send(event).await;
        }));
    }

    /// Forgets the question; a program that was started for it is killed.
    pub fn cancel(&mut self) {
        if let Some(asking) = self.asking.take() {
            asking.abort();
        }
    }
}

impl Drop for Prober {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl Asked {
    async fn ask(&self) -> Result<(), String> {
        let answer = async {
            match &self.probe {
                ProbeSpec::Http { port, path } => self.get(*port, path).await,
                ProbeSpec::Tcp { port } => self.connect(*port).await,
                ProbeSpec::Command { command } => self.run(command).await,
            }
        };
        match timeout(Duration::from_millis(self.limit_ms), answer).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(why)) => Err(format!("{}: {why}", self.question())),
            Err(_) => {
                let limit = seconds(self.limit_ms);
                Err(format!("{}: timed out after {limit}", self.question()))
            }
        }
    }

    fn question(&self) -> String {
        match &self.probe {
            ProbeSpec::Http { path, .. } => format!("GET {path}"),
            ProbeSpec::Tcp { port } => format!("connecting to port {port}"),
            ProbeSpec::Command { command } => command.join(" "),
        }
    }

    async fn get(&self, port: u16, path: &str) -> Result<(), String> {
        let host = match self.spec.address.parse::<IpAddr>() {
            Ok(IpAddr::V6(address)) => format!("[{address}]"),
            _ => self.spec.address.clone(),
        };
        let told = |error: &dyn std::error::Error| with_causes(error);
        let address =
            Address::parse(&format!("http://{host}:{port}{path}")).map_err(|error| told(&error))?;
        // The limit of the whole question is the one that counts.
        let limit = Duration::from_millis(self.limit_ms) * 2;
        // A connection of its own each time: one that no longer accepts is not well.
        let mut connection =
            Connection::open(&address, limit).await.map_err(|error| told(&error))?;
        let request = Request::get("/")
            .header(header::USER_AGENT, concat!("lathe-executor/", env!("CARGO_PKG_VERSION")))
            .header(header::CONNECTION, "close");
        let answer = connection
            .send(&address, request, Bytes::new(), limit)
            .await
            .map_err(|error| told(&error))?;
        let status = answer.status();
        if status.is_success() || status.is_redirection() {
            Ok(())
        } else {
            Err(format!("answered {}", status.as_u16()))
        }
    }

    async fn connect(&self, port: u16) -> Result<(), String> {
        let connecting = TcpStream::connect((self.spec.address.as_str(), port));
        connecting.await.map(drop).map_err(|error| error.to_string())
    }

    async fn run(&self, command: &[String]) -> Result<(), String> {
        let (program, arguments) = command.split_first().ok_or("there is no program to run")?;
        let environment = sandbox::environment(&self.folder, &self.spec, self.path.as_deref());
        let mut spawn = Spawn::new(program)
            .args(arguments)
            .envs(environment)
            .dir(&self.folder)
            .stdout(Output::Pipe)
            .stderr(Output::Pipe)
            .parent_death(Signal::Kill)
            .own_group();
        if let Some(user) = &self.spec.user {
            spawn = spawn.user(user);
        }
        let child = spawn.start().map_err(|error| with_causes(&error))?;
        let mut run = Run(child);
        let (out, err) = (new_tail(), new_tail());
        let words = drain(run.0.stdout(), &out);
        let more = drain(run.0.stderr(), &err);
        let mut drained = std::pin::pin!(async { tokio::join!(words, more) });
        let mut is_drained = false;
        let exit = loop {
            tokio::select! {
                exit = run.0.wait() => break exit,
                _ = &mut drained, if !is_drained => is_drained = true,
            }
        };
        if !is_drained {
            let _ = timeout(LAST_WORDS_LIMIT, drained).await;
        }
        judged(exit, &[&err, &out])
    }
}

/// A program that asks, with everything in its group killed when it is given up or has ended.
struct Run(Child);

impl Drop for Run {
    fn drop(&mut self) {
        if let Err(error) = self.0.signal_group(Signal::Kill) {
            tracing::warn!(%error, "a health check cannot be killed");
        }
    }
}

async fn drain(reader: Option<OutputReader>, tail: &SharedTail) {
    let Some(mut reader) = reader else { return };
    let mut piece = vec![0; PIECE_BYTES];
    while let Ok(read @ 1..) = reader.read(&mut piece).await {
        tail.lock().unwrap_or_else(PoisonError::into_inner).push(&piece[..read]);
    }
}

/// Status 0 is good; otherwise its last line may say why.
fn judged(exit: Exit, tails: &[&SharedTail]) -> Result<(), String> {
    if exit.success() {
        return Ok(());
    }
    let mut message = exit.to_string();
    let last = tails.iter().find_map(|tail| {
        let lines = tail.lock().unwrap_or_else(PoisonError::into_inner).lines();
        lines.into_iter().rev().find(|line| !line.trim().is_empty())
    });
    if let Some(last) = last {
        // Writing to a String cannot fail.
        let _ = write!(message, ": {}", last.trim());
    }
    Err(message)
}

/// One line of bounded length.
fn clipped(message: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let mut text: String = message.chars().map(plain).take(MESSAGE_MAX).collect();
    if message.chars().nth(MESSAGE_MAX).is_some() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests;

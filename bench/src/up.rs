//! A `lathe up` under measurement: its lines with the time of each, its end.
//!
//! Owns the process and its home. It must not know what is measured in it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lathe_api::rest::Endpoints;
use lathe_child::{Child, Output, Pid, Signal, Spawn};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::sync::mpsc;

use crate::failure::Failure;
use crate::http::Connection;

/// For whatever compiles nothing.
pub(crate) const SOON: Duration = Duration::from_secs(120);
/// For whatever compiles everything.
pub(crate) const BUILD: Duration = Duration::from_secs(3_600);
/// Longer than its daemons have for their ends.
const END: Duration = Duration::from_secs(60);
/// Between two looks at what is not there yet.
const LOOK_AGAIN: Duration = Duration::from_millis(1);
/// The last thing that it says when all is done.
const STANDS: &str = "Ctrl-C ends everything";
/// Lines that are kept for errors.
const LINES_KEPT: usize = 30;

/// A line and when it came.
#[derive(Debug)]
struct Line {
    after: Duration,
    text: String,
}

/// One that runs.
#[derive(Debug)]
pub(crate) struct Up {
    child: Child,
    home: PathBuf,
    started: Instant,
    lines: mpsc::UnboundedReceiver<Line>,
    said: Vec<Line>,
}

impl Up {
    /// Starts it: `spawn` has everything but `LATHE_HOME`, the clock starts here.
    pub(crate) fn start(spawn: Spawn, home: &Path) -> Result<Self, Failure> {
        let spawn = spawn.env("LATHE_HOME", home).stdout(Output::Pipe).stderr(Output::Pipe);
        let started = Instant::now();
        let program = "lathe up".to_owned();
        let mut child = spawn.start().map_err(|source| Failure::Start { program, source })?;
        let (sender, lines) = mpsc::unbounded_channel();
        let streams = (child.stdout(), child.stderr());
        if let (Some(out), Some(err)) = streams {
            tokio::spawn(read(out, started, sender.clone()));
            tokio::spawn(read(err, started, sender));
        }
        Ok(Self { child, home: home.to_owned(), started, lines, said: Vec::new() })
    }

    pub(crate) fn pid(&self) -> Pid {
        self.child.id()
    }

    /// When the first line with this text came, and the line.
    pub(crate) async fn line(
        &mut self,
        text: &str,
        limit: Duration,
    ) -> Result<(Duration, String), Failure> {
        let within = |line: &&Line| line.text.contains(text);
        let deadline = tokio::time::Instant::now() + limit;
        loop {
            if let Some(line) = self.said.iter().find(within) {
                return Ok((line.after, line.text.clone()));
            }
            match tokio::time::timeout_at(deadline, self.lines.recv()).await {
                Ok(Some(line)) => self.said.push(line),
                Ok(None) => return Err(self.ended().await),
                Err(_) => return Err(Failure::Late { what: format!("`{text}`"), limit }),
            }
        }
    }

    /// Waits until everything that was submitted with it is ready.
    pub(crate) async fn stands(&mut self, limit: Duration) -> Result<(), Failure> {
        self.line(STANDS, limit).await.map(drop)
    }

    /// Asks the first URL that it prints until there is a smile. The result is the time of that and
    /// of the line with the URL.
    pub(crate) async fn smile(&mut self, limit: Duration) -> Result<(Duration, Duration), Failure> {
        let (printed, line) = self.line("  http://", limit).await?;
        let (_, address) = line.split_once("http://").unwrap_or_default();
        let asked = tokio::time::timeout(SOON, async {
            loop {
                let answered = async { Connection::open(address).await?.ask().await }.await;
                if answered.is_ok_and(|answer| answer.is_smile()) {
                    return self.started.elapsed();
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        });
        let late = |_| Failure::Late { what: format!("a smile of {address}"), limit: SOON };
        Ok((asked.await.map_err(late)?, printed))
    }

    /// What a second terminal finds.
    pub(crate) fn endpoints(&self) -> Result<Endpoints, Failure> {
        let path = self.home.join("run/endpoints.json");
        let read = std::fs::read(&path);
        let bytes = read.map_err(|error| Failure::io("reading the endpoints file", error))?;
        serde_json::from_slice(&bytes)
            .map_err(|error| Failure::Unexpected(format!("the endpoints file: {error}")))
    }

    /// Ends it as Ctrl-C would.
    pub(crate) async fn end(mut self) -> Result<(), Failure> {
        let told = self.child.signal(Signal::Int);
        told.map_err(|error| Failure::io("ending `lathe up`", error))?;
        if tokio::time::timeout(END, self.child.wait()).await.is_err() {
            self.child.end(Duration::ZERO).await;
            return Err(Failure::Late { what: "the end of `lathe up`".to_owned(), limit: END });
        }
        // One that ended otherwise, or left something running, was not what was to be measured.
        let exit = self.child.wait().await;
        if exit.success() { Ok(()) } else { Err(self.ended().await) }
    }

    async fn ended(&mut self) -> Failure {
        let exit = self.child.end(Duration::ZERO).await;
        while let Some(line) = self.lines.recv().await {
            self.said.push(line);
        }
        let kept = &self.said[self.said.len().saturating_sub(LINES_KEPT)..];
        let said: Vec<&str> = kept.iter().map(|line| line.text.as_str()).collect();
        let how = match (exit.code, exit.signal) {
            (Some(code), _) => format!("exit code {code}"),
            (_, Some(signal)) => format!("signal {signal}"),
            _ => "an unknown status".to_owned(),
        };
        Failure::Ended { what: "`lathe up`".to_owned(), how, said: said.join("\n") }
    }
}

async fn read(
    stream: impl AsyncRead + Unpin,
    started: Instant,
    lines: mpsc::UnboundedSender<Line>,
) {
    let mut reader = BufReader::new(stream).lines();
    while let Ok(Some(text)) = reader.next_line().await {
        if lines.send(Line { after: started.elapsed(), text }).is_err() {
            return;
        }
    }
}

//! A command under test: started in a process group of its own, its lines read as they come.

use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::process::{Process, Signal};
use crate::waiting::until;

/// How a command ended, and what it said.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// None when a signal ended it.
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Outcome {
    /// Demands an exit code.
    ///
    /// # Panics
    /// With everything that the command said, when it is another one.
    pub fn with_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }
}

#[derive(Debug, Default)]
struct Said {
    out: String,
    err: String,
}

/// A command that runs.
#[derive(Debug)]
pub struct Running {
    child: Child,
    said: Arc<Mutex<Said>>,
    readers: Vec<JoinHandle<()>>,
}

impl Running {
    /// Starts it.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.process_group(0).spawn().expect("the program starts");
        let said: Arc<Mutex<Said>> = Arc::default();
        let out = child.stdout.take().expect("it was piped just now");
        let err = child.stderr.take().expect("it was piped just now");
        let readers = vec![
            read(out, Arc::clone(&said), |said| &mut said.out),
            read(err, Arc::clone(&said), |said| &mut said.err),
        ];
        Self { child, said, readers }
    }

    /// Runs a command to its end.
    ///
    /// # Panics
    /// When it takes longer than `limit`; it is killed then.
    #[must_use]
    pub fn complete(command: Command, limit: Duration) -> Outcome {
        Self::start(command).finish(limit)
    }

    /// Its process.
    ///
    /// # Panics
    /// When it has ended.
    #[must_use]
    pub fn process(&self) -> Process {
        Process::of(self.child.id()).expect("it runs")
    }

    /// What it has said so far, the data first.
    #[must_use]
    pub fn said(&self) -> String {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        format!("stdout:\n{}\nstderr:\n{}", said.out, said.err)
    }

    /// The data that it has printed so far.
    #[must_use]
    pub fn out(&self) -> String {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).out.clone()
    }

    /// Waits for a line that contains `text`, on either stream; the line is returned.
    ///
    /// # Panics
    /// When the time is up or the command ends before, with what it said.
    pub fn wait_for_line(&mut self, text: &str, limit: Duration) -> String {
        let end = std::time::Instant::now() + limit;
        until(text, limit * 2, || {
            let ended = self.child.try_wait().expect("its state can be asked").is_some();
            let found = {
                let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
                let mut lines = said.out.lines().chain(said.err.lines());
                lines.find(|line| line.contains(text)).map(str::to_owned)
            };
            let late = std::time::Instant::now() >= end;
            assert!(found.is_some() || !(ended || late), "no line `{text}`; {}", self.said());
            found
        })
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        if let Some(process) = Process::of(self.child.id()) {
            process.signal(signal);
        }
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When the time is up; it is killed then.
    #[must_use]
    pub fn finish(mut self, limit: Duration) -> Outcome {
        let end = std::time::Instant::now() + limit;
        let status = until("the command's end", limit * 2, || {
            let ended = self.child.try_wait().expect("its state can be asked");
            let late = std::time::Instant::now() >= end;
            assert!(ended.is_some() || !late, "it does not end; {}", self.said());
            ended
        });
        for reader in self.readers.drain(..) {
            reader.join().expect("a reader ends with its pipe");
        }
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        Outcome {
            code: status.code(),
            out: std::mem::take(&mut said.out),
            err: std::mem::take(&mut said.err),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            for process in Process::of(self.child.id()).iter().flat_map(Process::descendants) {
                process.signal(Signal::KILL);
            }
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn read(
    stream: impl Read + Send + 'static,
    said: Arc<Mutex<Said>>,
    place: fn(&mut Said) -> &mut String,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            place(&mut said).push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    })
}

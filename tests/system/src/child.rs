//! A command under test: started in a process group of its own, its lines read as they come.

use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::unix::pipe;

use crate::http::runtime;
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
    out: Vec<u8>,
    err: Vec<u8>,
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A command that runs.
#[derive(Debug)]
pub struct Running {
    child: Child,
    said: Arc<Mutex<Said>>,
    reader: Option<JoinHandle<()>>,
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
        let reader = read(out.into(), err.into(), Arc::clone(&said));
        Self { child, said, reader: Some(reader) }
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

    /// Its process, unless that has ended.
    #[must_use]
    pub fn process_if_running(&self) -> Option<Process> {
        Process::of(self.child.id()).filter(Process::runs)
    }

    /// What it has said so far, the data first.
    #[must_use]
    pub fn said(&self) -> String {
        let said = self.lock();
        format!("stdout:\n{}\nstderr:\n{}", text(&said.out), text(&said.err))
    }

    /// The data that it has printed so far.
    #[must_use]
    pub fn out(&self) -> String {
        text(&self.lock().out)
    }

    fn lock(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a line that contains `part`, on either stream; the line is returned. What was
    /// printed as data before a line of talk is there when that line is.
    ///
    /// # Panics
    /// When the time is up or the command ends without it, with what it said.
    pub fn wait_for_line(&self, part: &str, limit: Duration) -> String {
        let end = std::time::Instant::now() + limit;
        until(part, limit * 2, || {
            let all_read = self.reader.as_ref().is_none_or(JoinHandle::is_finished);
            let found = {
                let said = self.lock();
                find_line(&said.out, part).or_else(|| find_line(&said.err, part))
            };
            let late = std::time::Instant::now() >= end;
            assert!(found.is_some() || !(all_read || late), "no line `{part}`; {}", self.said());
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
        if let Some(reader) = self.reader.take() {
            reader.join().expect("a reader ends with its pipes");
        }
        let said = self.lock();
        Outcome { code: status.code(), out: text(&said.out), err: text(&said.err) }
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

/// The first whole line with this part.
fn find_line(bytes: &[u8], part: &str) -> Option<String> {
    let whole = bytes.iter().rposition(|byte| *byte == b'\n')?;
    text(&bytes[..whole]).lines().find(|line| line.contains(part)).map(str::to_owned)
}

/// Reads both streams until their ends.
fn read(out: OwnedFd, err: OwnedFd, said: Arc<Mutex<Said>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        runtime().block_on(async {
            let open = |pipe| Some(pipe::Receiver::from_owned_fd(pipe).expect("it is a pipe"));
            let (mut out, mut err) = (open(out), open(err));
            while out.is_some() || err.is_some() {
                tokio::select! {
                    () = readable(&out) => {
                        let piece = take(&mut out);
                        said.lock().unwrap_or_else(PoisonError::into_inner).out.extend(piece);
                    }
                    () = readable(&err) => {
                        let piece = take(&mut err);
                        // What was printed as data before is in its pipe by now.
                        let before = take(&mut out);
                        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
                        said.out.extend(before);
                        said.err.extend(piece);
                    }
                }
            }
        });
    })
}

async fn readable(pipe: &Option<pipe::Receiver>) {
    match pipe {
        // What is wrong with it shows when it is read.
        Some(pipe) => drop(pipe.readable().await),
        None => std::future::pending().await,
    }
}

/// What is in a pipe now; at its end the pipe is taken away.
fn take(pipe: &mut Option<pipe::Receiver>) -> Vec<u8> {
    let mut taken = Vec::new();
    let mut piece = [0; 8192];
    while let Some(open) = pipe {
        match open.try_read(&mut piece) {
            Ok(read @ 1..) => taken.extend_from_slice(&piece[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
            Ok(_) | Err(_) => *pipe = None,
        }
    }
    taken
}

//! What a task writes: from its pipes into files of bounded size, the last lines kept for the crash
//! log. The task is never kept waiting by a full disk: what cannot be written is dropped and said.

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use lathe_child::{OutputReader, RotatingFile, Tail};
use tokio::io::AsyncReadExt;

use crate::supervisor::event::Exit;

/// The task's standard output in the sandbox.
pub const OUT_FILE: &str = "task.out";
/// The task's standard error in the sandbox.
pub const ERR_FILE: &str = "task.err";
/// How and after which words the task ended.
pub const CRASH_FILE: &str = "crash.log";
/// One log file, bytes.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// Log files of one output.
const FILES_MAX: u32 = 3;
/// Lines of each output in the crash log.
const TAIL_LINES: usize = 50;
/// Read from a pipe at once, bytes.
const PIECE_BYTES: usize = 8 * 1024;

/// The last lines of one output, filled by its pump.
pub type SharedTail = Arc<Mutex<Tail>>;

/// An empty tail.
pub fn new_tail() -> SharedTail {
    Arc::new(Mutex::new(Tail::new(TAIL_LINES)))
}

/// Carries an output into its file until every process that could write to it is gone.
pub async fn pump(mut reader: OutputReader, sandbox: &Path, name: &'static str, tail: SharedTail) {
    let path = sandbox.join(name);
    let mut file = match RotatingFile::open(&path, FILE_BYTES_MAX, FILES_MAX) {
        Ok(file) => Some(file),
        Err(error) => {
            tracing::error!(%error, name, "the log cannot be written; its lines are dropped");
            None
        }
    };
    let mut piece = vec![0; PIECE_BYTES];
    let mut dropped: u64 = 0;
    loop {
        let read = match reader.read(&mut piece).await {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) => {
                tracing::warn!(%error, name, "an output broke");
                break;
            }
        };
        tail.lock().unwrap_or_else(PoisonError::into_inner).push(&piece[..read]);
        let Some(file) = &mut file else { continue };
        match file.append(&piece[..read]) {
            Ok(()) if dropped > 0 => {
                tracing::warn!(dropped, name, "the log goes on after lost bytes");
                dropped = 0;
            }
            Ok(()) => {}
            Err(error) => {
                if dropped == 0 {
                    tracing::error!(%error, name, "the log cannot be written");
                }
                dropped = dropped.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
            }
        }
    }
}

/// Writes the crash log: how it ended, and the last lines of both outputs.
///
/// # Errors
/// The file cannot be written.
pub fn write_crash_log(
    sandbox: &Path,
    exit: Exit,
    out: &SharedTail,
    err: &SharedTail,
) -> io::Result<()> {
    let how = match (exit.code, exit.signal) {
        (Some(code), _) => format!("exit status: {code}"),
        (None, Some(signal)) => format!("signal: {signal}"),
        (None, None) => "ended in an unknown way".to_owned(),
    };
    let mut text = format!("{how}\nout of memory: {}\n", yes_or_no(exit.out_of_memory));
    for (name, tail) in [(ERR_FILE, err), (OUT_FILE, out)] {
        let lines = tail.lock().unwrap_or_else(PoisonError::into_inner).lines();
        text.push_str(&format!("\nlast {} lines of {name}:\n", lines.len()));
        for line in lines {
            text.push_str(&line);
            text.push('\n');
        }
    }
    std::fs::File::create(sandbox.join(CRASH_FILE))?.write_all(text.as_bytes())
}

fn yes_or_no(answer: bool) -> &'static str {
    if answer { "yes" } else { "no" }
}

#[cfg(test)]
mod tests;

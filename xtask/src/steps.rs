//! Steps of a gate: each is run, timed, and remembered when it fails; nothing stops before the end.
//!
//! Owns running children with their output streamed through, and the account at the end. It must
//! not know which steps a gate has.

use std::io::{self, BufRead, BufReader, PipeReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::libtest::{Reader, Tally};
use crate::say;

/// So long after the end of a child may its output stay open.
const OUTPUT_GRACE: Duration = Duration::from_secs(10);
/// How often a silent child is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// Lines that wait for the terminal; beyond that the child waits.
const LINES_WAITING_MAX: usize = 1024;

/// What has been run so far.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    tally: Tally,
    failures: Vec<String>,
    /// Steps that failed and are no tests.
    failed_steps: u64,
}

impl Steps {
    /// A check in this program: its findings, none if all is well.
    pub(crate) fn check(&mut self, name: &str, check: impl FnOnce() -> Vec<String>) {
        say::head(name);
        let started = Instant::now();
        let findings = check();
        findings.iter().for_each(|finding| say::line(finding));
        say::outcome(name, findings.is_empty(), started.elapsed());
        if !findings.is_empty() {
            self.failed_steps += 1;
            self.failures.extend(findings.iter().map(|finding| format!("{name}: {finding}")));
        }
    }

    /// Commands that must all succeed.
    pub(crate) fn commands(&mut self, name: &str, commands: Vec<Command>) {
        say::head(name);
        let started = Instant::now();
        let mut wrong = Vec::new();
        for command in commands {
            let shown = shown(&command);
            match stream(command, OUTPUT_GRACE, |_| ()) {
                Ok(status) if status.success() => {}
                Ok(status) => wrong.push(format!("{name}: {shown}: {status}")),
                Err(error) => wrong.push(format!("{name}: {shown}: {error}")),
            }
        }
        say::outcome(name, wrong.is_empty(), started.elapsed());
        if !wrong.is_empty() {
            self.failed_steps += 1;
            self.failures.extend(wrong);
        }
    }

    /// A `cargo test`, whose results are added up.
    pub(crate) fn tests(&mut self, name: &str, command: Command) {
        say::head(name);
        let started = Instant::now();
        let shown = shown(&command);
        let mut reader = Reader::default();
        let ended = stream(command, OUTPUT_GRACE, |line| reader.line(line));
        let tally = reader.finish();
        let ok = matches!(&ended, Ok(status) if status.success()) && tally.failed == 0;
        say::outcome(name, ok, started.elapsed());
        if !ok && tally.failed == 0 {
            // It did not compile, or cargo itself failed: no test says so.
            self.failed_steps += 1;
            let why = ended.map_or_else(|error| error.to_string(), |status| status.to_string());
            self.failures.push(format!("{name}: {shown}: {why}"));
        }
        self.tally.add(tally);
    }

    /// The account: every failure, then, as the last line, `N passed, N failed`.
    pub(crate) fn finish(self) -> bool {
        let Self { tally, mut failures, failed_steps } = self;
        let mut failed = tally.failed + failed_steps;
        failures.extend(tally.names);
        if tally.ignored > 0 {
            failed += 1;
            failures.push(format!("ignored tests, of which there may be none: {}", tally.ignored));
        }
        if tally.passed == 0 && failed == 0 {
            failed += 1;
            failures.push("not one test ran".to_owned());
        }
        say::line("");
        if !failures.is_empty() {
            say::line("failures:");
            failures.iter().for_each(|failure| say::line(&format!("  {failure}")));
        }
        say::line(&format!("{} passed, {failed} failed", tally.passed));
        failed == 0
    }
}

/// The command as one would type it.
fn shown(command: &Command) -> String {
    let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
    let mut words = vec!["cargo".to_owned()];
    words.extend(arguments);
    words.join(" ")
}

/// Runs a command, hands its output on as it comes, both streams in the order in which they were
/// written, and shows each line to `see`. A process that holds the output for longer than `grace`
/// after the command's end is an error.
fn stream(
    mut command: Command,
    grace: Duration,
    mut see: impl FnMut(&str),
) -> io::Result<ExitStatus> {
    let (output, input) = io::pipe()?;
    command.stdin(Stdio::null()).stdout(input.try_clone()?).stderr(input);
    let mut child = command.spawn()?;
    // The command holds an end of the pipe, which would never be at its end.
    drop(command);
    let lines = lines_of(output);
    let mut ended: Option<(ExitStatus, Instant)> = None;
    loop {
        match lines.recv_timeout(LOOK) {
            Ok(bytes) => {
                say::raw(&bytes);
                see(String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']));
            }
            Err(RecvTimeoutError::Disconnected) => return finished(&mut child, ended),
            Err(RecvTimeoutError::Timeout) => match ended {
                None => ended = child.try_wait()?.map(|status| (status, Instant::now())),
                Some((_, since)) if since.elapsed() < grace => {}
                Some(_) => return Err(io::Error::other("a process that it started outlives it")),
            },
        }
    }
}

fn finished(child: &mut Child, ended: Option<(ExitStatus, Instant)>) -> io::Result<ExitStatus> {
    match ended {
        Some((status, _)) => Ok(status),
        None => child.wait(),
    }
}

/// Lines with their ends, read by a thread of their own.
fn lines_of(output: PipeReader) -> Receiver<Vec<u8>> {
    let (sender, receiver) = sync_channel(LINES_WAITING_MAX);
    thread::spawn(move || {
        let mut output = BufReader::new(output);
        loop {
            let mut line = Vec::new();
            match output.read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) if sender.send(line).is_err() => return,
                Ok(_) => {}
            }
        }
    });
    receiver
}

#[cfg(test)]
mod tests;

//! A terminal with a command in it: what it shows, what is typed, how large it is.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::waiting::until;

/// A command whose three streams are a terminal.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    keyboard: File,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    /// Starts it on so many columns and lines.
    ///
    /// # Panics
    /// When the system has no terminal to give, or the command does not start.
    #[must_use]
    pub fn start(mut command: Command, columns: u16, lines: u16) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).expect("a terminal");
        grantpt(&master).and_then(|()| unlockpt(&master)).expect("a terminal that is open");
        let size = Winsize { ws_row: lines, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&master, size).expect("its size is set");
        let name = ptsname(&master, Vec::new()).expect("its name");
        let name = name.into_string().expect("its name is text");
        let other = || File::options().read(true).write(true).open(&name).expect("its other end");
        command.stdin(Stdio::from(other())).stdout(Stdio::from(other()));
        let child = command.stderr(Stdio::from(other())).env("TERM", "xterm").spawn();
        let child = child.expect("the program starts");
        // The command holds its own copies of the other end: theirs must be the last ones.
        drop(command);
        let shown: Arc<Mutex<Vec<u8>>> = Arc::default();
        let screen: OwnedFd = master.try_clone().expect("another handle");
        read(File::from(screen), Arc::clone(&shown));
        Self { child, keyboard: File::from(master), shown }
    }

    /// Everything that was shown so far, its control sequences included.
    #[must_use]
    pub fn shown(&self) -> String {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&shown).into_owned()
    }

    /// Waits until it has shown this.
    ///
    /// # Panics
    /// When the time is up, with what it has shown.
    pub fn wait_for(&self, part: &str, limit: Duration) {
        let end = Instant::now() + limit;
        until(part, limit * 2, || {
            let shown = self.shown();
            assert!(Instant::now() < end, "no `{part}` in {shown}");
            shown.contains(part).then_some(())
        });
    }

    /// Types it.
    ///
    /// # Panics
    /// When the terminal is gone.
    pub fn type_in(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).expect("somebody reads it");
    }

    /// Sends the command a signal.
    pub fn signal(&self, signal: crate::process::Signal) {
        if let Some(process) = crate::process::Process::of(self.child.id()) {
            process.signal(signal);
        }
    }

    /// Waits for the command's end: its exit code, and all that it has shown.
    ///
    /// # Panics
    /// When the time is up; it is killed then.
    pub fn finish(mut self, limit: Duration) -> (Option<i32>, String) {
        let status =
            until("the command's end", limit, || self.child.try_wait().expect("it is ours"));
        (status.code(), self.shown())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads until the last one has closed the other end.
fn read(mut screen: File, shown: Arc<Mutex<Vec<u8>>>) {
    std::thread::spawn(move || {
        let mut piece = [0; 4096];
        while let Ok(length @ 1..) = screen.read(&mut piece) {
            let mut shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
            shown.extend_from_slice(&piece[..length]);
        }
    });
}

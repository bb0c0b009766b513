//! Where text goes: data to stdout, talk to stderr; colour only on a terminal that wants it.
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::failure::Failure;

/// What the two streams are.
#[derive(Debug)]
pub(crate) struct Printer {
    terminal: bool,
    colour: bool,
}

impl Printer {
    pub(crate) fn new() -> Self {
        let terminal = std::io::stderr().is_terminal();
        let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|text| text.is_empty());
        Self { terminal, colour }
    }

    pub(crate) fn colour(&self) -> bool {
        self.colour
    }

    /// Whether somebody can be asked.
    pub(crate) fn can_ask(&self) -> bool {
        self.terminal && std::io::stdin().is_terminal()
    }

    /// A line of data.
    pub(crate) fn data(&self, text: &str) {
        // A reader that has gone away (`| head`) is no failure.
        let _ = writeln!(std::io::stdout(), "{text}");
    }

    /// Data as it is, without a line's end.
    pub(crate) fn raw(&self, text: &str) {
        let mut out = std::io::stdout();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// A line of talk.
    pub(crate) fn say(&self, text: &str) {
        talk(text);
    }

    /// What went wrong, and what to try.
    pub(crate) fn failure(&self, failure: &Failure) {
        if !failure.text.is_empty() {
            talk(&format!("{}: {}", self.red("error"), failure.text));
        }
        if let Some(hint) = &failure.hint {
            talk(&format!("  hint: {hint}"));
        }
    }

    fn red(&self, text: &str) -> String {
        if self.colour { format!("\u{1b}[1;31m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// Asks for a yes. `false` for anything else, and where nobody can be asked.
    pub(crate) fn confirm(&self, question: &str) -> bool {
        if !self.can_ask() {
            return false;
        }
        let _ = write!(std::io::stderr(), "{question} [y/N] ");
        let mut line = String::new();
        let read = std::io::stdin().read_line(&mut line);
        read.is_ok() && matches!(line.trim(), "y" | "Y" | "yes")
    }

    /// Progress of something long: a moving line on a terminal, plain lines elsewhere.
    pub(crate) fn progress(&self, what: &str) -> Progress {
        let bar = self.terminal.then(|| {
            let bar = ProgressBar::new_spinner();
            let style = ProgressStyle::with_template("{spinner} {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(Duration::from_millis(120));
            bar.set_message(what.to_owned());
            bar
        });
        if bar.is_none() {
            self.say(what);
        }
        Progress { bar }
    }
}

/// One long thing on its way.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// How far it is: shown on a terminal only.
    pub(crate) fn now(&self, text: String) {
        if let Some(bar) = &self.bar {
            bar.set_message(text);
        }
    }

    /// The next part begins: shown everywhere.
    pub(crate) fn step(&self, text: String) {
        match &self.bar {
            Some(bar) => bar.set_message(text),
            None => talk(&text),
        }
    }

    /// It is over; the line gives way to this one.
    pub(crate) fn done(self, text: &str) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
        talk(text);
    }

    /// It is over, and there is nothing to say.
    pub(crate) fn clear(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A line on stderr. Nobody may be there to read it; that is no reason to end.
fn talk(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

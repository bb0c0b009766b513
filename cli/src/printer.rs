//! Where text goes: data to stdout, talk to stderr; how wide it may be, and whether it has colours.
//!
//! Colours stand only where somebody wants them, and never alone: what they say, a word says too.

mod progress;
mod screen;
mod table;
mod text;
mod time;

use std::io::{IsTerminal as _, Write as _};
use std::os::fd::AsFd;

use clap::ValueEnum;

use crate::failure::Failure;

pub(crate) use progress::Progress;
pub(crate) use screen::Screen;
pub(crate) use table::{Cell, Column, Row, Table};
pub(crate) use text::wrapped;
pub(crate) use time::{ago, now_ms, utc};

/// Where the terminal does not say how wide it is.
const COLUMNS: usize = 80;
const LINES: usize = 24;

/// When there are colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    Always,
    Never,
}

/// What a colour says beside the word that it stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    /// On its way, or to be looked at.
    Busy,
    Bad,
    Head,
}

impl Tone {
    /// Of an instance's state.
    pub(crate) fn of_state(state: &str) -> Option<Self> {
        match state {
            "ready" | "active" | "finished" => Some(Self::Good),
            "unreachable" | "suspect" | "dead" | "gone" => Some(Self::Bad),
            "waiting" | "launching" | "starting" | "killing" | "leaving" | "draining"
            | "drained" | "deactivated" | "paused" | "silent" => Some(Self::Busy),
            _ => None,
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Busy => "33",
            Self::Bad => "1;31",
            Self::Head => "1",
        }
    }
}

/// One stream.
#[derive(Clone, Copy, Debug)]
struct Paper {
    terminal: bool,
    colour: bool,
}

impl Paper {
    fn of(stream: &impl std::io::IsTerminal, colour: Colour) -> Self {
        let terminal = stream.is_terminal() && set("TERM").is_none_or(|term| term != "dumb");
        let colour = match colour {
            Colour::Auto => terminal && set("NO_COLOR").is_none(),
            Colour::Always => true,
            Colour::Never => false,
        };
        Self { terminal, colour }
    }

    fn paint(self, tone: Tone, text: &str) -> String {
        if self.colour {
            format!("\u{1b}[{}m{text}\u{1b}[0m", tone.code())
        } else {
            text.to_owned()
        }
    }
}

/// A variable that says something.
fn set(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name).filter(|text| !text.is_empty())
}

/// What the two streams are.
#[derive(Debug)]
pub(crate) struct Printer {
    data: Paper,
    talk: Paper,
    /// Nobody reads the data any more (`| head`).
    unread: std::cell::Cell<bool>,
}

impl Printer {
    pub(crate) fn new(colour: Colour) -> Self {
        Self {
            data: Paper::of(&std::io::stdout(), colour),
            talk: Paper::of(&std::io::stderr(), colour),
            unread: std::cell::Cell::new(false),
        }
    }

    /// Whether talk has colours.
    pub(crate) fn colour(&self) -> bool {
        self.talk.colour
    }

    /// Whether somebody looks at the data as it comes.
    pub(crate) fn is_terminal(&self) -> bool {
        self.data.terminal
    }

    /// Whether somebody can be asked.
    pub(crate) fn can_ask(&self) -> bool {
        self.talk.terminal && std::io::stdin().is_terminal()
    }

    /// Columns that data may take: none where it goes into a file or a pipe, which take all.
    pub(crate) fn width(&self) -> Option<usize> {
        self.data.terminal.then(|| size(std::io::stdout()).0)
    }

    /// Lines that the terminal shows at once.
    pub(crate) fn height(&self) -> usize {
        size(std::io::stdout()).1
    }

    /// A piece of data in a tone.
    pub(crate) fn paint(&self, tone: Tone, text: &str) -> String {
        self.data.paint(tone, text)
    }

    /// A table as wide as it may be.
    pub(crate) fn table(&self, table: &Table) -> String {
        table.render(self.width(), |tone, text| self.paint(tone, text))
    }

    /// A line of data.
    pub(crate) fn data(&self, text: &str) {
        self.raw(&format!("{text}\n"));
    }

    /// A value as data. `pretty` for one that stands alone; one line each where more come.
    pub(crate) fn json(&self, value: &impl serde::Serialize, pretty: bool) {
        let text =
            if pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
        self.data(&text.expect("plain values always serialise"));
    }

    /// Data as it is, without a line's end.
    pub(crate) fn raw(&self, text: &str) {
        let mut out = std::io::stdout();
        // A reader that has gone away is no failure; what goes on looks whether there is one.
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        if written.is_err_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe) {
            self.unread.set(true);
        }
    }

    /// Whether the reader of the data has gone away: then there is nobody to go on for.
    pub(crate) fn is_unread(&self) -> bool {
        self.unread.get()
    }

    /// A line of talk.
    pub(crate) fn say(&self, text: &str) {
        talk(text);
    }

    /// What went wrong, and what to try.
    pub(crate) fn failure(&self, failure: &Failure) {
        if !failure.text.is_empty() {
            let code = failure.more.finding.map(|code| format!("[{code}]")).unwrap_or_default();
            let word = self.talk.paint(Tone::Bad, &format!("error{code}"));
            talk(&format!("{word}: {}", failure.text));
        }
        if let Some(hint) = &failure.hint {
            talk(&format!("  hint: {hint}"));
        }
        if let Some(output) = &failure.more.output {
            talk(output);
        }
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
        Progress::new(self.talk.terminal, self.talk.colour, what)
    }
}

/// Columns and lines of a terminal.
fn size(stream: impl AsFd) -> (usize, usize) {
    let asked = rustix::termios::tcgetwinsize(stream).ok();
    let (wide, high) = asked.map_or((0, 0), |size| (size.ws_col.into(), size.ws_row.into()));
    let or = |number: usize, default| if number == 0 { default } else { number };
    (or(wide, COLUMNS), or(high, LINES))
}

/// A line on stderr. Nobody may be there to read it; that is no reason to end.
fn talk(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

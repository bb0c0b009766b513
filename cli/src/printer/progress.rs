//! Something long on its way: a moving line on a terminal, plain lines elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::talk;

/// One long thing.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(super) fn new(terminal: bool, colour: bool, what: &str) -> Self {
        let bar = terminal.then(|| {
            let bar = ProgressBar::new_spinner();
            let form = if colour { "{spinner:.cyan} {wide_msg}" } else { "{spinner} {wide_msg}" };
            let style = ProgressStyle::with_template(form);
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(Duration::from_millis(120));
            bar.set_message(what.to_owned());
            bar
        });
        if bar.is_none() {
            talk(what);
        }
        Self { bar }
    }

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

//! What happened, a line an event. Its hash is the run's identity; its end is the bug report.

use std::collections::VecDeque;

/// The trace of one run.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    hash: u64,
    lines: u64,
    last: VecDeque<String>,
    kept: usize,
}

impl Trace {
    /// A trace of which the last lines are kept, so many.
    pub(crate) fn new(kept: usize) -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, lines: 0, last: VecDeque::new(), kept }
    }

    pub(crate) fn line(&mut self, now: u64, text: &str) {
        let line = format!("{now:>9} {text}");
        for byte in line.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.lines += 1;
        if self.last.len() >= self.kept {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }

    /// FNV-1a of every line so far.
    #[must_use]
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    #[must_use]
    pub(crate) fn lines(&self) -> u64 {
        self.lines
    }

    /// The last lines, oldest first.
    #[must_use]
    pub(crate) fn end(&self) -> Vec<String> {
        self.last.iter().cloned().collect()
    }
}

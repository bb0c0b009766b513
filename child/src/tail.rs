//! The last lines of an output, bounded in number and length.

use std::collections::VecDeque;

const MAX_LINE_BYTES: usize = 4096;

/// The last lines of an output.
#[derive(Clone, Debug)]
pub struct Tail {
    max_lines: usize,
    lines: VecDeque<Vec<u8>>,
    /// Whether the last of `lines` has no line end yet.
    open: bool,
}

impl Tail {
    /// Keeps the last `max_lines` lines (at least one), of each at most the first 4096 bytes.
    #[must_use]
    pub fn new(max_lines: usize) -> Self {
        Self { max_lines: max_lines.max(1), lines: VecDeque::new(), open: false }
    }

    /// Takes in what was just written.
    pub fn push(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if !self.open {
                if self.lines.len() == self.max_lines {
                    self.lines.pop_front();
                }
                self.lines.push_back(Vec::new());
            }
            let text = piece.strip_suffix(b"\n").unwrap_or(piece);
            if let Some(line) = self.lines.back_mut() {
                let room = MAX_LINE_BYTES.saturating_sub(line.len());
                line.extend_from_slice(&text[..text.len().min(room)]);
            }
            self.open = text.len() == piece.len();
        }
    }

    /// The lines, oldest first, without line ends; an unfinished last line included. Bytes that are
    /// not UTF-8 are replaced.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let clean = |line: &Vec<u8>| {
            String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned()
        };
        self.lines.iter().map(clean).collect()
    }
}

#[cfg(test)]
mod tests;

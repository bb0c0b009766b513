//! The last lines of an output, bounded in number and length.

/// The last lines of an output.
#[derive(Clone, Debug)]
pub struct Tail {
    max_lines: usize,
}

impl Tail {
    /// Keeps the last `max_lines` lines, of each at most the first 4096 bytes.
    #[must_use]
    pub fn new(max_lines: usize) -> Self {
        Self { max_lines }
    }

    /// Takes in what was just written.
    pub fn push(&mut self, _bytes: &[u8]) {}

    /// The lines, oldest first, without line ends; an unfinished last line included. Bytes that are
    /// not UTF-8 are replaced.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        Vec::with_capacity(self.max_lines.min(1))
    }
}

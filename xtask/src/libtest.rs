//! What a run of `cargo test` printed, as numbers and names.
//!
//! Owns the reading of libtest's text. It must not know how the text came about, and does not trust
//! it to be whole: a test program that ends without a result is a failure.

/// The sums of one or more runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) ignored: u64,
    /// `program: test` of every failure.
    pub(crate) names: Vec<String>,
}

impl Tally {
    /// Adds another run.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
        self.names.extend(other.names);
    }
}

/// Reads the output of one `cargo test`, line by line.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    tally: Tally,
    /// The test program that runs now and has not given its result yet.
    running: Option<String>,
    /// Within the list of names that stands above a failed result.
    listing: bool,
    listed: Vec<String>,
}

impl Reader {
    /// One line, without its end.
    pub(crate) fn line(&mut self, line: &str) {
        let trimmed = line.trim();
        if let Some(program) = started(trimmed) {
            self.give_up();
            self.running = Some(program);
        } else if let Some(at) = line.find("test result: ") {
            self.result(&line[at..]);
        } else if trimmed == "failures:" {
            // It stands twice: above the output of the failed tests and above their names.
            self.listing = true;
            self.listed.clear();
        } else if self.listing && line.starts_with("    ") {
            self.listed.push(trimmed.to_owned());
        } else if !trimmed.is_empty() {
            self.listing = false;
        }
    }

    /// The sums, once the output has ended.
    pub(crate) fn finish(mut self) -> Tally {
        self.give_up();
        self.tally
    }

    fn result(&mut self, line: &str) {
        let program = self.running.take().unwrap_or_else(|| "tests".to_owned());
        self.tally.passed += count(line, " passed");
        self.tally.failed += count(line, " failed");
        self.tally.ignored += count(line, " ignored");
        if line.starts_with("test result: FAILED") {
            let names = self.listed.drain(..).map(|name| format!("{program}: {name}"));
            self.tally.names.extend(names);
        }
        self.listing = false;
        self.listed.clear();
    }

    /// The program that ran is gone, and there was no result.
    fn give_up(&mut self) {
        if let Some(program) = self.running.take() {
            self.tally.failed += 1;
            self.tally.names.push(format!("{program}: ended without a result"));
        }
        self.listing = false;
        self.listed.clear();
    }
}

/// `Running unittests src/lib.rs (target/debug/deps/lathe_api-0123456789abcdef)` and
/// `Doc-tests lathe_api`.
fn started(line: &str) -> Option<String> {
    if let Some(library) = line.strip_prefix("Doc-tests ") {
        return Some(format!("{library} (documentation)"));
    }
    let rest = line.strip_prefix("Running ")?;
    let (source, program) = rest.strip_suffix(')')?.rsplit_once(" (")?;
    let program = program.rsplit('/').next().unwrap_or(program);
    let name = program.rsplit_once('-').map_or(program, |(name, _)| name);
    Some(format!("{name} ({})", source.trim_start_matches("unittests ")))
}

/// The number that stands before a word.
fn count(line: &str, word: &str) -> u64 {
    let before = line.split(word).next().filter(|before| before.len() < line.len());
    before.and_then(|text| text.rsplit([' ', '.']).next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests;

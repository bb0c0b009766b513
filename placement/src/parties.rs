//! Several instances in a sentence: some by name, the rest by number.

/// How many parties a sentence names.
const NAMES_SHOWN: usize = 3;

/// Some parties by name, the rest by number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parties {
    names: Vec<String>,
    pub(crate) count: usize,
}

impl Parties {
    pub(crate) fn add(&mut self, name: impl FnOnce() -> String) {
        if self.names.len() < NAMES_SHOWN {
            self.names.push(name());
        }
        self.count += 1;
    }

    /// "a#0", "a#0 and a#1", "a#0, a#1, a#2 and 4 more".
    pub(crate) fn listed(&self) -> String {
        let more = self.count - self.names.len();
        if more > 0 {
            return format!("{} and {more} more", self.names.join(", "));
        }
        match self.names.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, first)) => format!("{} and {last}", first.join(", ")),
            None => String::new(),
        }
    }

    pub(crate) fn verb(&self, one: &'static str, many: &'static str) -> &'static str {
        if self.count == 1 { one } else { many }
    }
}

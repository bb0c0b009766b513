//! Reads a configuration table key by key.
//!
//! Owns the problems of all readers of one file; a reader of a sub-table adds to the same list.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::{Range, RangeInclusive};
use std::rc::Rc;
use std::str::FromStr;

use super::open::{File, Open};
use super::values::{DURATION, duration, texts, words_of};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::near;
use crate::tree::{Entry, Node, Table};
use crate::units::parse_bytes;

/// Reads one table. Whatever is asked for counts as known; `finish` names the rest.
///
/// Every read gives a usable value even when the file has a wrong one, so that all problems can
/// be listed at once; the values count only when `finish` says so.
#[derive(Debug)]
pub struct Reader {
    /// Shared with the readers of the sub-tables.
    file: Rc<RefCell<File>>,
    /// Which of the file's open tables this one reads.
    at: usize,
}

impl Reader {
    pub(super) fn new(table: Table) -> Self {
        let top = Open { prefix: String::new(), table, span: 0..0, asked: Vec::new() };
        let file = File { open: vec![top], problems: Vec::new() };
        Self { file: Rc::new(RefCell::new(file)), at: 0 }
    }

    /// A text, or the default.
    pub fn string(&mut self, key: &'static str, default: &str) -> String {
        self.optional_string(key).unwrap_or_else(|| default.to_owned())
    }

    /// A text that must be there; empty (and a problem) when it is not.
    pub fn required_string(&mut self, key: &'static str) -> String {
        if !self.has(key) {
            self.missing(key);
        }
        self.optional_string(key).unwrap_or_default()
    }

    /// A text, if the key is there.
    pub fn optional_string(&mut self, key: &'static str) -> Option<String> {
        self.read(key, "a string", |node| match node {
            Node::String(text) => Some(Ok(text.clone())),
            _ => None,
        })
    }

    /// A text that is one of a few words, or the default.
    pub fn one_of(
        &mut self,
        key: &'static str,
        default: &'static str,
        words: &[&'static str],
    ) -> &'static str {
        let read = self.read(key, "a string", |node| match node {
            Node::String(text) => {
                let found = words.iter().find(|word| *word == text).copied();
                Some(found.ok_or_else(|| {
                    let hint = match near::nearest(text, words) {
                        Some(word) => format!("; did you mean {word:?}?"),
                        None => String::new(),
                    };
                    format!("is {text:?}; it can be one of {}{hint}", words.join(", "))
                }))
            }
            _ => None,
        });
        read.unwrap_or(default)
    }

    /// A text that a type reads by itself (an address, a name, a level), or the default.
    pub fn parsed<T>(&mut self, key: &'static str, default: T) -> T
    where
        T: FromStr,
        T::Err: Display,
    {
        self.optional_parsed(key).unwrap_or(default)
    }

    /// A text that a type reads by itself, if the key is there.
    pub fn optional_parsed<T>(&mut self, key: &'static str) -> Option<T>
    where
        T: FromStr,
        T::Err: Display,
    {
        self.read(key, "a string", |node| match node {
            Node::String(text) => {
                Some(text.parse().map_err(|error| format!("is {text:?}: {error}")))
            }
            _ => None,
        })
    }

    /// A whole number from 0, or the default.
    pub fn u64(&mut self, key: &'static str, default: u64) -> u64 {
        self.u64_within(key, default, 0..=u64::MAX)
    }

    /// A whole number within a range, or the default.
    pub fn u64_within(
        &mut self,
        key: &'static str,
        default: u64,
        range: RangeInclusive<u64>,
    ) -> u64 {
        self.optional_u64_within(key, range).unwrap_or(default)
    }

    /// A whole number from 0, if the key is there.
    pub fn optional_u64(&mut self, key: &'static str) -> Option<u64> {
        self.optional_u64_within(key, 0..=u64::MAX)
    }

    /// A whole number within a range, if the key is there.
    pub fn optional_u64_within(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        self.read(key, "a whole number", |node| match node {
            Node::Integer(number) => {
                let fits = number.and_then(|n| u64::try_from(n).ok()).filter(|n| range.contains(n));
                Some(fits.ok_or_else(|| format!("must be {}", words_of(&range, |n| n.to_string()))))
            }
            _ => None,
        })
    }

    /// A boolean, or the default.
    pub fn bool(&mut self, key: &'static str, default: bool) -> bool {
        self.optional_bool(key).unwrap_or(default)
    }

    /// A boolean, if the key is there.
    pub fn optional_bool(&mut self, key: &'static str) -> Option<bool> {
        self.read(key, "true or false", |node| match node {
            Node::Boolean(value) => Some(Ok(*value)),
            _ => None,
        })
    }

    /// A list of texts; empty when the key is not there.
    pub fn list(&mut self, key: &'static str) -> Vec<String> {
        self.optional_list(key).unwrap_or_default()
    }

    /// A list of texts, if the key is there.
    pub fn optional_list(&mut self, key: &'static str) -> Option<Vec<String>> {
        self.read(key, "a list of strings", |node| match node {
            Node::Array(items) => texts(items).map(Ok),
            _ => None,
        })
    }

    /// A table of texts; empty when the key is not there. Its keys are free.
    pub fn map(&mut self, key: &'static str) -> BTreeMap<String, String> {
        let read = self.read(key, "a table of strings", |node| match node {
            Node::Table(table) => {
                let pairs = table.iter().map(|(key, entry)| match &entry.item.node {
                    Node::String(text) => Some((key.clone(), text.clone())),
                    _ => None,
                });
                pairs.collect::<Option<BTreeMap<_, _>>>().map(Ok)
            }
            _ => None,
        });
        read.unwrap_or_default()
    }

    /// A size in bytes (`"8GiB"`, or a plain number of bytes), or the default.
    pub fn bytes(&mut self, key: &'static str, default: u64) -> u64 {
        self.optional_bytes(key).unwrap_or(default)
    }

    /// A size in bytes, if the key is there.
    pub fn optional_bytes(&mut self, key: &'static str) -> Option<u64> {
        self.read(key, "a size such as \"64MiB\"", |node| match node {
            Node::String(text) => {
                Some(parse_bytes(text).map_err(|error| format!("is not a size: {error}")))
            }
            Node::Integer(Some(number)) => {
                Some(u64::try_from(*number).map_err(|_| "must not be negative".to_owned()))
            }
            _ => None,
        })
    }

    /// A duration (`"5s"`, `"250ms"`) in milliseconds, or the default in milliseconds.
    pub fn duration_ms(&mut self, key: &'static str, default: u64) -> u64 {
        self.optional_duration_ms(key).unwrap_or(default)
    }

    /// A duration in milliseconds within a range, or the default in milliseconds.
    pub fn duration_ms_within(
        &mut self,
        key: &'static str,
        default: u64,
        range: RangeInclusive<u64>,
    ) -> u64 {
        let read = self.read(key, DURATION, |node| {
            let fits = |ms| {
                let wanted = || format!("must be {}", words_of(&range, |ms| format!("{ms}ms")));
                if range.contains(&ms) { Ok(ms) } else { Err(wanted()) }
            };
            duration(node).map(|read| read.and_then(fits))
        });
        read.unwrap_or(default)
    }

    /// A duration in milliseconds, if the key is there.
    pub fn optional_duration_ms(&mut self, key: &'static str) -> Option<u64> {
        self.read(key, DURATION, duration)
    }

    /// A reader of a sub-table; everything has its default when the table is not there.
    pub fn table(&mut self, key: &'static str) -> Self {
        match self.optional_table(key) {
            Some(reader) => reader,
            None => {
                let span = self.file.borrow().open[self.at].span.clone();
                self.below(&format!("{key}."), Table::new(), span)
            }
        }
    }

    /// A reader of a sub-table, if it is there.
    pub fn optional_table(&mut self, key: &'static str) -> Option<Self> {
        let (table, span) = self.read_placed(key, "a table", |node| match node {
            Node::Table(table) => Some(Ok(table.clone())),
            _ => None,
        })?;
        Some(self.below(&format!("{key}."), table, span))
    }

    /// Readers of the tables of a list (`[[hosts]]`); none when the key is not there.
    pub fn table_list(&mut self, key: &'static str) -> Vec<Self> {
        let items = self.read(key, "a list of tables", |node| match node {
            Node::Array(items) => {
                let tables = items.iter().map(|item| match &item.node {
                    Node::Table(table) => Some((table.clone(), item.span.clone())),
                    _ => None,
                });
                tables.collect::<Option<Vec<_>>>().map(Ok)
            }
            _ => None,
        });
        let items = items.unwrap_or_default().into_iter().enumerate();
        items.map(|(at, (table, span))| self.below(&format!("{key}[{at}]."), table, span)).collect()
    }

    /// Readers of the tables that a table holds under names of the user's choice.
    pub fn named_tables(&mut self, key: &'static str) -> Vec<(String, Self)> {
        let named = self.read(key, "a table of tables", |node| match node {
            Node::Table(table) => {
                let tables = table.iter().map(|(name, entry)| match &entry.item.node {
                    Node::Table(inner) => {
                        Some((name.clone(), inner.clone(), entry.item.span.clone()))
                    }
                    _ => None,
                });
                tables.collect::<Option<Vec<_>>>().map(Ok)
            }
            _ => None,
        });
        let named = named.unwrap_or_default().into_iter();
        named
            .map(|(name, table, span)| {
                let reader = self.below(&format!("{key}.{name}."), table, span);
                (name, reader)
            })
            .collect()
    }

    /// Whether the key is in the file (whatever its value). Does not count as asked for.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.file.borrow().open[self.at].table.contains_key(key)
    }

    /// Adds a problem of the caller's own at the key (or at the table, when the key is not there).
    pub fn refuse(&mut self, code: Code, key: &str, message: impl Into<String>) {
        self.add_at(code, key, message.into(), None);
    }

    /// The same as [`Reader::refuse`] with something to try.
    pub fn refuse_with_help(
        &mut self,
        code: Code,
        key: &str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.add_at(code, key, message.into(), Some(help.into()));
    }

    /// Says that a key must be there (`LT0503`).
    pub fn missing(&mut self, key: &'static str) {
        let name = self.name_of(key);
        let help = Some(format!("add a line `{key} = …`"));
        self.add_at(Code::CONFIG_MISSING_KEY, key, format!("`{name}` is missing"), help);
    }

    /// Ends the reading. Readers of sub-tables are ended with it, in use or not.
    ///
    /// # Errors
    /// Every problem of the whole file, unknown keys included, in the file's order.
    pub fn finish(self) -> Result<(), Vec<Diagnostic>> {
        let file = self.file.borrow();
        let mut found = file.problems.clone();
        for table in &file.open {
            table.name_unknown_keys(&mut found);
        }
        if found.is_empty() {
            return Ok(());
        }
        found.sort_by_key(|one| one.labels.first().map_or(0, |label| label.span.start));
        Err(found)
    }

    fn below(&self, suffix: &str, table: Table, span: Range<usize>) -> Self {
        let mut file = self.file.borrow_mut();
        let prefix = format!("{}{suffix}", file.open[self.at].prefix);
        // Asked for twice, it is still one table with one set of known keys.
        if let Some(at) = file.open.iter().position(|open| open.prefix == prefix) {
            return Self { file: Rc::clone(&self.file), at };
        }
        file.open.push(Open { prefix, table, span, asked: Vec::new() });
        Self { file: Rc::clone(&self.file), at: file.open.len() - 1 }
    }

    fn name_of(&self, key: &str) -> String {
        format!("{}{key}", self.file.borrow().open[self.at].prefix)
    }

    fn add_at(&self, code: Code, key: &str, message: String, help: Option<String>) {
        let party = self.name_of(key);
        let mut file = self.file.borrow_mut();
        let open = &file.open[self.at];
        let span = match open.table.get(key) {
            Some(entry) => entry.item.span.clone(),
            None => open.span.clone(),
        };
        let mut finding = Diagnostic::error(code, span, message).party(party);
        finding.help = help;
        file.problems.push(finding);
    }

    fn read<T>(
        &mut self,
        key: &'static str,
        wanted: &str,
        take: impl FnOnce(&Node) -> Option<Result<T, String>>,
    ) -> Option<T> {
        self.read_placed(key, wanted, take).map(|(value, _)| value)
    }

    /// Reads a key: `take` gives nothing for a wrong type and a complaint for a wrong value.
    fn read_placed<T>(
        &mut self,
        key: &'static str,
        wanted: &str,
        take: impl FnOnce(&Node) -> Option<Result<T, String>>,
    ) -> Option<(T, Range<usize>)> {
        let name = self.name_of(key);
        let mut file = self.file.borrow_mut();
        let open = &mut file.open[self.at];
        open.asked.push(key);
        let Entry { item, .. } = open.table.get(key)?;
        let message = match take(&item.node) {
            Some(Ok(value)) => return Some((value, item.span.clone())),
            Some(Err(complaint)) => format!("`{name}` {complaint}"),
            None => format!("`{name}` must be {wanted}, not {}", item.node.type_name()),
        };
        let span = item.span.clone();
        let finding = Diagnostic::error(Code::CONFIG_WRONG_VALUE, span, message).party(name);
        file.problems.push(finding);
        None
    }
}

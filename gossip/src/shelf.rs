//! The statements that an agent has, and what it lacks that another one has.
//!
//! Owns what takes whose place. Within a history the higher version does; of one version the one that was heard
//! later. Another history takes the place of all when everything that is followed is known of it, and only if a
//! registry has heard it later than anything that is known; where nothing is known, piece by piece.

use std::collections::{BTreeMap, BTreeSet};

use crate::statement::{Statement, Subject, SubjectKey, history_key};
use crate::wire::{Digest, Has, Item, Told, Wanted, is_large};
use crate::{Signature, Trust};

/// A signature that is newer by less is not asked for, in milliseconds: it says little.
const REFRESH_MS: u64 = 10_000;

/// What came of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placed {
    /// It is newer.
    New,
    /// What is known was heard later.
    Refreshed,
    /// Something else of the same version, by a registry that is believed.
    Differs,
    /// It is of a history that is not complete.
    Pending,
    /// With it another history is complete.
    Switched,
    /// It says nothing new.
    Known,
    /// It is older.
    Older,
    /// It is not followed.
    Foreign,
    /// No registry that is believed has said so.
    Forged,
}

/// What is known of one history.
#[derive(Clone, Debug, Default)]
struct Book {
    history: String,
    statements: BTreeMap<SubjectKey, Statement>,
}

/// What to do about another one's digest.
#[derive(Clone, Debug, Default)]
pub(crate) struct Compared {
    /// What the other one has and this one lacks.
    pub(crate) wanted: Vec<Wanted>,
    /// The same, of what no datagram carries.
    pub(crate) fetched: Vec<Wanted>,
    /// What the other one lacks.
    pub(crate) told: Vec<Told>,
    /// The same, of what no datagram carries.
    pub(crate) offered: Vec<Item>,
    /// What both follow.
    pub(crate) shared: Vec<SubjectKey>,
    /// The other one knows an older history: it is to be told of this one.
    pub(crate) is_behind: bool,
}

/// All that is known.
#[derive(Debug)]
pub(crate) struct Shelf {
    followed: BTreeMap<SubjectKey, Subject>,
    trust: Trust,
    now: Book,
    next: Option<Book>,
}

impl Book {
    fn heard_ms(&self) -> u64 {
        self.statements.values().map(|statement| statement.heard_ms).max().unwrap_or(0)
    }

    fn digest(&self, followed: &BTreeMap<SubjectKey, Subject>) -> Digest {
        let items = followed.keys().map(|key| Item { key: *key, has: self.has(*key) }).collect();
        let (history, heard_ms) = (self.history.clone(), self.heard_ms());
        Digest { history, heard_ms, answer: false, items }
    }

    fn has(&self, key: SubjectKey) -> Option<Has> {
        let statement = self.statements.get(&key)?;
        let (version, heard_ms) = (statement.version, statement.heard_ms);
        Some(Has { version, heard_ms, large: is_large(statement) })
    }

    fn want(&self, key: SubjectKey) -> Wanted {
        let known = self.statements.get(&key).map(|it| (it.version, short(it)));
        Wanted { key, known }
    }
}

/// Tells apart contents of one version.
fn short(statement: &Statement) -> u64 {
    statement.digest.iter().take(8).fold(0, |all, byte| all << 8 | u64::from(*byte))
}

/// Whether the one is newer than the other.
fn is_newer(one: Option<Has>, other: Option<Has>) -> bool {
    match (one, other) {
        (Some(_), None) => true,
        (None, _) => false,
        (Some(one), Some(other)) if one.version == other.version => {
            one.heard_ms >= other.heard_ms.saturating_add(REFRESH_MS)
        }
        (Some(one), Some(other)) => one.version > other.version,
    }
}

impl Shelf {
    pub(crate) fn new(followed: &BTreeSet<Subject>, trust: Trust) -> Self {
        let followed = followed.iter().map(|subject| (subject.key(), subject.clone())).collect();
        Self { followed, trust, now: Book::default(), next: None }
    }

    pub(crate) fn history(&self) -> &str {
        &self.now.history
    }

    pub(crate) fn follows(&self, key: SubjectKey) -> bool {
        self.followed.contains_key(&key)
    }

    pub(crate) fn keys(&self) -> BTreeSet<SubjectKey> {
        self.followed.keys().copied().collect()
    }

    pub(crate) fn statement(&self, key: SubjectKey) -> Option<&Statement> {
        self.now.statements.get(&key)
    }

    pub(crate) fn statements(&self) -> impl Iterator<Item = &Statement> {
        self.now.statements.values()
    }

    /// When a registry has heard the store last of which this knows the state of everything that is followed.
    pub(crate) fn heard_ms(&self) -> Option<u64> {
        let heard = |key| self.now.statements.get(key).map(|it: &Statement| it.heard_ms);
        self.followed.keys().map(heard).collect::<Option<Vec<_>>>()?.into_iter().min()
    }

    /// Makes a statement of what was told, with the content that is known where it has none.
    pub(crate) fn complete(&self, told: Told) -> Option<Statement> {
        let known = [Some(&self.now), self.next.as_ref()]
            .into_iter()
            .flatten()
            .filter(|book| book.history == told.history)
            .find_map(|book| book.statements.get(&told.subject.key()))
            .filter(|statement| statement.version == told.version);
        let known = known.map(|statement| (statement.content.clone(), statement.digest));
        told.into_statement(known)
    }

    /// A statement of what is known, with another signature.
    pub(crate) fn signed_again(
        &self,
        subject: &Subject,
        (version, heard_ms): (u64, u64),
        signature: Signature,
    ) -> Option<Statement> {
        let known = self.now.statements.get(&subject.key())?;
        let known = (known.version == version).then(|| known.clone())?;
        Some(Statement { heard_ms, signature, ..known })
    }

    /// Puts a statement in its place, if it is a registry's and says something new.
    pub(crate) fn place(&mut self, statement: Statement) -> Placed {
        let key = statement.subject.key();
        if self.followed.get(&key) != Some(&statement.subject) {
            return Placed::Foreign;
        }
        let is_now = self.now.history.is_empty() || self.now.history == statement.history;
        if !is_now {
            return self.place_next(key, statement);
        }
        let judged = judge(self.now.statements.get(&key), &statement);
        if matches!(judged, Placed::Known | Placed::Older) {
            return judged;
        }
        if !self.trust.believes(&statement) {
            return Placed::Forged;
        }
        let is_later = |known: &Statement| {
            known.version < statement.version || known.heard_ms < statement.heard_ms
        };
        if self.now.statements.get(&key).is_none_or(is_later) {
            self.now.history.clone_from(&statement.history);
            self.now.statements.insert(key, statement);
        }
        judged
    }

    fn place_next(&mut self, key: SubjectKey, statement: Statement) -> Placed {
        let next = self.next.as_ref().filter(|next| next.history == statement.history);
        let known = next.and_then(|next| next.statements.get(&key));
        let judged = judge(known, &statement);
        if matches!(judged, Placed::Known | Placed::Older | Placed::Differs) {
            return Placed::Known;
        }
        let newest_ms = self.next.as_ref().map_or(0, Book::heard_ms).max(self.now.heard_ms());
        if next.is_none() && statement.heard_ms <= newest_ms {
            return Placed::Older;
        }
        if !self.trust.believes(&statement) {
            return Placed::Forged;
        }
        if next.is_none() {
            let history = statement.history.clone();
            self.next = Some(Book { history, statements: BTreeMap::new() });
        }
        let Some(next) = &mut self.next else { return Placed::Pending };
        next.statements.insert(key, statement);
        let is_whole = self.followed.keys().all(|key| next.statements.contains_key(key));
        // What is known may have been heard again meanwhile: then this is the history of before.
        if !is_whole || next.heard_ms() <= self.now.heard_ms() {
            return Placed::Pending;
        }
        self.now = self.next.take().unwrap_or_default();
        Placed::Switched
    }

    /// What this one has, of each history.
    pub(crate) fn digests(&self) -> Vec<Digest> {
        let books = std::iter::once(&self.now).chain(&self.next);
        books.map(|book| book.digest(&self.followed)).collect()
    }

    /// What one has of some things.
    pub(crate) fn digest_of(&self, keys: &[SubjectKey]) -> Digest {
        let mut digest = self.now.digest(&BTreeMap::new());
        digest.items = keys.iter().map(|key| Item { key: *key, has: self.now.has(*key) }).collect();
        digest
    }

    /// What is asked for, as far as it is there.
    pub(crate) fn told(&self, wanted: &[Wanted], with_large: bool) -> Vec<Told> {
        let books: Vec<&Book> = std::iter::once(&self.now).chain(&self.next).collect();
        let mut all = Vec::new();
        for one in wanted {
            for statement in books.iter().filter_map(|book| book.statements.get(&one.key)) {
                let is_known = one.known == Some((statement.version, short(statement)));
                if is_known || with_large || !is_large(statement) {
                    all.push(Told::of(statement, !is_known));
                }
            }
        }
        all
    }

    /// Compares another one's digest with what is here.
    pub(crate) fn compare(&self, theirs: &Digest) -> Compared {
        let mut compared = Compared::default();
        let followed = theirs.items.iter().filter(|item| self.follows(item.key));
        let followed: Vec<&Item> = followed.collect();
        compared.shared = followed.iter().map(|item| item.key).collect();
        let books = std::iter::once(&self.now).chain(&self.next);
        let same = books.into_iter().find(|book| book.history == theirs.history);
        let nobody = Book::default();
        let (book, may_give) = match same {
            Some(book) => (book, !book.history.is_empty()),
            None if theirs.heard_ms > self.now.heard_ms() => (&nobody, false),
            // What the other one has is of before, or nothing.
            None => {
                compared.is_behind = !self.now.history.is_empty();
                (&self.now, true)
            }
        };
        for item in followed {
            let (has, theirs) = (book.has(item.key), item.has);
            let theirs = if compared.is_behind { None } else { theirs };
            if is_newer(theirs, has) {
                let large = theirs.is_some_and(|it| it.large)
                    && has.map(|it| it.version) != theirs.map(|it| it.version);
                let list = if large { &mut compared.fetched } else { &mut compared.wanted };
                list.push(book.want(item.key));
            } else if may_give && is_newer(has, theirs) {
                let Some(statement) = book.statements.get(&item.key) else { continue };
                let is_same = theirs.is_some_and(|it| it.version == statement.version);
                if is_same || !is_large(statement) {
                    compared.told.push(Told::of(statement, !is_same));
                } else {
                    compared.offered.push(Item { key: item.key, has });
                }
            }
        }
        compared
    }

    /// Whether a rumour tells of something newer than is here, as far as it says.
    pub(crate) fn lacks(&self, key: SubjectKey, history: u64, version: u64, heard_ms: u64) -> bool {
        if !self.follows(key) {
            return false;
        }
        if history_key(&self.now.history) == history {
            return self.statement(key).is_none_or(|known| known.version < version);
        }
        heard_ms > self.now.heard_ms()
    }

    pub(crate) fn want(&self, key: SubjectKey) -> Wanted {
        self.now.want(key)
    }
}

fn judge(known: Option<&Statement>, told: &Statement) -> Placed {
    let Some(known) = known else { return Placed::New };
    if told.version != known.version {
        return if told.version > known.version { Placed::New } else { Placed::Older };
    }
    if told.digest != known.digest {
        return Placed::Differs;
    }
    if told.heard_ms > known.heard_ms { Placed::Refreshed } else { Placed::Known }
}

#[cfg(test)]
mod tests;

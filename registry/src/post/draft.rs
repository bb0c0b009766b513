//! What one write holds: several letters, made into operations that go together.
//!
//! Pure: it reads the directory and writes nothing. Each node is set at the version that was read,
//! so what it was made from is what it replaces.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;

use lathe_catalog::board::{Audience, Message};
use lathe_catalog::{Acks, Board, Catalog, State, paths};
use lathe_coordination::Op;
use serde_json::Value;

use super::Refusal;
use crate::directory::Directory;

/// Bytes after which no further letter goes into a write: ZooKeeper takes a mebibyte, and one letter
/// can add half of that.
const BYTES_MAX: usize = 384 * 1024;
/// Acknowledgements of those who are gone that are cleared away with one message.
const CLEARED_MAX: usize = 64;

/// Something that is to be written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Asked {
    /// A message to those who are in the group.
    Send { group: String, key: Option<String>, body: Value },
    /// A value that the group keeps from now on; none ends that.
    Keep { group: String, key: String, value: Option<Value>, seen: Option<Seen> },
    /// Numbers up to which an incarnation has its groups' messages.
    Acknowledge { incarnation: String, groups: BTreeMap<String, u64> },
}

/// What has to hold of a group's board for a value to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Nothing else was said since this commit.
    Commit(u64),
    /// The key has a value.
    Present,
    /// The key has none.
    Absent,
}

/// One write.
#[derive(Debug, PartialEq)]
pub(super) struct Drafted {
    pub(super) ops: Vec<Op>,
    /// What becomes of the first letters once it is durable; the others are for the next write.
    pub(super) outcomes: Vec<Result<Option<u64>, Refusal>>,
}

/// Makes a write of as many letters as go together, of one at least.
pub(super) fn draft(directory: &Directory, asked: &[Asked], unix_ms: u64) -> Drafted {
    let mut desk = Desk::new(directory, unix_ms);
    let mut outcomes = Vec::new();
    for one in asked {
        if !outcomes.is_empty() && desk.bytes() > BYTES_MAX {
            break;
        }
        outcomes.push(desk.take(one));
    }
    Drafted { ops: desk.ops(), outcomes }
}

struct Desk<'a> {
    directory: &'a Directory,
    unix_ms: u64,
    /// Those that become other ones, and their text.
    boards: BTreeMap<String, (Board, Vec<u8>)>,
    acks: BTreeMap<String, Acks>,
    clears: bool,
}

impl<'a> Desk<'a> {
    fn new(directory: &'a Directory, unix_ms: u64) -> Self {
        let (boards, acks) = (BTreeMap::new(), BTreeMap::new());
        Self { directory, unix_ms, boards, acks, clears: false }
    }

    fn catalog(&self) -> &'a Catalog {
        self.directory.catalog()
    }

    fn take(&mut self, asked: &Asked) -> Result<Option<u64>, Refusal> {
        match asked {
            Asked::Send { group, key, body } => {
                let mut board = self.board(group)?;
                let catalog = self.catalog();
                let members = catalog.members(group).filter(|member| is_there(member.state));
                let to: Audience = members.map(|member| member.incarnation.as_str()).collect();
                let message = (body.clone(), key.clone(), to);
                let is_done = |message: &_| catalog.is_done(group, message);
                let number = board.send(message, self.unix_ms, is_done).map_err(Refusal::Board)?;
                self.clears = true;
                self.put(group, board);
                Ok(Some(number))
            }
            Asked::Keep { group, key, value, seen } => {
                let mut board = self.board(group)?;
                let holds = match seen {
                    None => true,
                    // Whatever stands before it in this write is not seen either.
                    Some(Seen::Commit(commit)) => {
                        self.catalog().board_changed(group) <= *commit
                            && !self.boards.contains_key(group)
                    }
                    Some(Seen::Present) => board.metadata.contains_key(key),
                    Some(Seen::Absent) => !board.metadata.contains_key(key),
                };
                if !holds {
                    return Err(Refusal::Changed);
                }
                if board.keep(key, value.clone()).map_err(Refusal::Board)? {
                    self.put(group, board);
                }
                Ok(None)
            }
            Asked::Acknowledge { incarnation, groups } => {
                self.acknowledge(incarnation, groups).map(|()| None)
            }
        }
    }

    fn acknowledge(
        &mut self,
        incarnation: &str,
        groups: &BTreeMap<String, u64>,
    ) -> Result<(), Refusal> {
        let catalog = self.catalog();
        if catalog.entry(incarnation).is_none() {
            return Err(Refusal::UnknownIncarnation);
        }
        for (group, number) in groups {
            if catalog.board(group).is_none_or(|board| board.last < *number) {
                return Err(Refusal::NeverSent(group.clone()));
            }
        }
        let known = || {
            let none = || Acks { incarnation: incarnation.to_owned(), ..Acks::default() };
            catalog.acks(incarnation).cloned().unwrap_or_else(none)
        };
        match self.acks.entry(incarnation.to_owned()) {
            Slot::Occupied(mut drafted) => {
                drafted.get_mut().raise(groups);
            }
            Slot::Vacant(slot) => {
                let mut acks = known();
                if acks.raise(groups) {
                    slot.insert(acks);
                }
            }
        }
        Ok(())
    }

    /// The board as this write leaves it so far.
    fn board(&self, group: &str) -> Result<Board, Refusal> {
        let drafted = self.boards.get(group).map(|(board, _)| board);
        if let Some(board) = drafted.or_else(|| self.catalog().board(group)) {
            return Ok(board.clone());
        }
        self.catalog().group_name(group).map(Board::new).ok_or(Refusal::UnknownGroup)
    }

    fn put(&mut self, group: &str, board: Board) {
        if self.catalog().board(group) == Some(&board) {
            self.boards.remove(group);
        } else {
            let text = text(&board);
            self.boards.insert(group.to_owned(), (board, text));
        }
    }

    fn bytes(&self) -> usize {
        let boards = self.boards.values().map(|(_, text)| text.len());
        boards.sum::<usize>() + self.acks.values().map(|acks| text(acks).len()).sum::<usize>()
    }

    fn ops(&self) -> Vec<Op> {
        let boards = self.boards.iter();
        let boards = boards.map(|(group, (_, text))| (paths::board(group), text.clone()));
        let acks = self.acks.iter().map(|(one, acks)| (paths::acks(one), text(acks)));
        let sets = boards.chain(acks).map(|(path, data)| self.set(path, data));
        sets.chain(self.cleared()).collect()
    }

    fn set(&self, path: String, data: Vec<u8>) -> Op {
        match self.directory.version_of(&path) {
            Some(version) => Op::set_if(path, data, version),
            None => Op::create(path, data),
        }
    }

    /// Takes away what those have acknowledged who are gone and whom no message names any more.
    fn cleared(&self) -> Vec<Op> {
        if !self.clears || self.boards.is_empty() {
            return Vec::new();
        }
        let catalog = self.catalog();
        let gone = catalog.acknowledging().filter(|one| catalog.entry(one).is_none());
        let gone: Vec<&str> = gone.collect();
        if gone.is_empty() {
            return Vec::new();
        }
        let drafted = |group: &str| self.boards.get(group).map(|(board, _)| board);
        let kept = catalog.boards().map(|board| drafted(&board.group).unwrap_or(board));
        let messages: Vec<&Message> = kept.flat_map(|board| &board.messages).collect();
        let is_named = |one: &str| messages.iter().any(|message| message.to.contains(one));
        let gone = gone.into_iter().filter(|one| !is_named(one));
        let paths = gone.map(paths::acks).filter_map(|path| {
            let version = self.directory.version_of(&path)?;
            Some(Op::Delete { path, expect: Some(version) })
        });
        paths.take(CLEARED_MAX).collect()
    }
}

/// Whoever lives and is not about to end takes messages.
fn is_there(state: State) -> bool {
    matches!(state, State::Starting | State::Ready | State::Suspect)
}

fn text<T: serde::Serialize>(record: &T) -> Vec<u8> {
    serde_json::to_vec(record).expect("records have text keys only")
}

#[cfg(test)]
mod tests;

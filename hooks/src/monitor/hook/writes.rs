//! What a hook writes: the end of its run here, what has happened, and the claim of the next run.
//!
//! Owns what goes together in one write.

use super::super::event::Event;
use super::super::exchange::{Command, Expect, Put};
use super::super::lookout::Draft;
use super::super::record::{EVENTS_MAX, Record, paths};
use super::{Around, Hook, Run, Step, Writing};

/// Bytes of the pages of one write: ZooKeeper takes a mebibyte, and the record needs a part of that.
const PAGES_BYTES_MAX: usize = 384 * 1024;

impl Hook {
    /// Writes what is to become durable: the end of the run here, and where the hook is this registry's,
    /// what happened and the claim of the next run.
    pub(super) fn write(&mut self, around: &Around<'_>, commands: &mut Vec<Command>) {
        let hook = self.rule().name().to_owned();
        let digest = self.rule().digest();
        let known = self.record(around.world).cloned();
        let is_new = known.is_none();
        let mut next = known.unwrap_or_else(|| Record::new(&hook, &around.world.history, &digest));
        let mut writes = false;
        if let Some(Run { number, tries, step: Step::Over { at_ms, end } }) = &self.run
            && next.claim.as_ref().is_some_and(|one| one.by == around.by && one.run == *number)
        {
            next.close(*at_ms, *tries, end);
            writes = true;
        }
        let mut draft = Draft::default();
        if self.takes_up(around) {
            writes |= is_new;
            if next.digest != digest {
                (next.digest, next.whole) = (digest, false);
                writes = true;
            }
            if let Some(claim) = &mut next.claim
                && claim.by != around.by
                && !around.is_there(&claim.by)
            {
                (claim.by, claim.url) = (around.by.to_owned(), around.url.to_owned());
                claim.taken_over += 1;
                writes = true;
            }
            draft = self.take_up(around, &mut next, &mut writes);
        }
        if !writes && draft.pages.is_empty() {
            return;
        }
        let expect = match (&self.known, self.version_of_unread) {
            (Some(known), _) => Expect::Version(known.version),
            (None, Some(version)) => Expect::Version(version),
            (None, None) => Expect::Absent,
        };
        let page = |(id, data)| Put { path: paths::page(&hook, &id), data, expect: Expect::Any };
        let mut puts: Vec<Put> = draft.pages.into_iter().map(page).collect();
        let data = serde_json::to_vec(&next).expect("a record has text keys only");
        puts.push(Put { path: paths::record(&hook), data: Some(data), expect });
        self.writing = Writing::UnderWay;
        commands.push(Command::Write { hook, puts });
    }

    /// What has happened goes into a claim or counts; with the picture of it.
    fn take_up(&mut self, around: &Around<'_>, next: &mut Record, writes: &mut bool) -> Draft {
        let alarm = self.rule().alarm;
        let is_free = next.claim.is_none();
        let most = if is_free || alarm.is_some() { EVENTS_MAX } else { 0 };
        let draft = self.lookout.draft(most, PAGES_BYTES_MAX);
        if !next.whole && draft.is_last {
            next.whole = true;
            *writes = true;
        }
        let unix_ms = around.now.unix_ms;
        let told: Option<(Vec<Event>, u64)> = match alarm {
            None => (!draft.events.is_empty()).then(|| (draft.events.clone(), 0)),
            Some(alarm) => {
                if !draft.events.is_empty() {
                    next.count(alarm, unix_ms, &draft.events);
                }
                let crosses = is_free && next.crosses(alarm, unix_ms);
                crosses.then(|| (next.window.clone(), next.left_out))
            }
        };
        if let Some(told) = told {
            next.claim((around.by, around.url), unix_ms, told);
            *writes = true;
        }
        draft
    }
}

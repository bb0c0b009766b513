//! What the store says, taken into the catalog and on to whoever listens.
//!
//! Owns the order: the catalog first, then heartbeats, then those who are told.

use std::collections::BTreeMap;

use lathe_catalog::{Applied, Change};

use super::{Command, Directory, Node, Now, Report};

impl Directory {
    pub(super) fn list(
        &mut self,
        now: Now,
        history: &str,
        commit: u64,
        nodes: Vec<Node>,
        commands: &mut Vec<Command>,
    ) {
        let mut versions = BTreeMap::new();
        let mut commits = BTreeMap::new();
        let mut changes = Vec::with_capacity(nodes.len());
        for node in nodes {
            let Some(content) = &node.content else { continue };
            if let Some(change) = decode(&node, commands) {
                changes.push((content.commit, change));
                commits.insert(node.path.clone(), content.commit);
                versions.insert(node.path, content.version);
            }
        }
        let another = self.listed && self.catalog.history() != history;
        match self.catalog.load(history, commit, changes) {
            Err(stale) => commands.push(Command::Report(Report::Stale {
                known: stale.known,
                offered: stale.offered,
            })),
            Ok(applied) => {
                if self.listed && !another {
                    let changed =
                        commits.iter().filter(|(path, at)| self.commits.get(*path) != Some(at));
                    let gone = self.commits.keys().filter(|path| !commits.contains_key(*path));
                    let gone = gone.map(|path| (path.as_str(), true));
                    let changed = changed.map(|(path, _)| (path.as_str(), false)).chain(gone);
                    self.followers.mark(commit, changed);
                } else {
                    self.followers.forget_progress(commit, &commits);
                }
                self.listed = true;
                self.versions = versions;
                self.commits = commits;
                self.renderings.clear();
                self.signatures.clear();
                self.beats.relisted(&self.catalog);
                self.beats.assign_all(now.ms, &self.share);
                if another {
                    commands.push(Command::Report(Report::AnotherHistory {
                        history: history.to_owned(),
                    }));
                    self.watchers.forget_progress();
                    self.waits.forget_progress(&self.catalog, commands);
                }
                self.watchers.mark(&applied, &self.catalog);
                self.waits.changed(&applied, &self.catalog, commands);
            }
        }
    }

    pub(super) fn commit(
        &mut self,
        now: Now,
        commit: u64,
        nodes: Vec<Node>,
        commands: &mut Vec<Command>,
    ) {
        if commit < self.catalog.commit() {
            return;
        }
        let mut changes = Vec::with_capacity(nodes.len());
        let mut incarnations = Vec::new();
        for node in nodes {
            let Some(change) = decode(&node, commands) else { continue };
            if let Change::Entry { incarnation, .. } = &change {
                let version = node.content.as_ref().map(|content| content.version);
                let known = self.versions.get(&node.path);
                // The store may tell the sum of several commits.
                if version.zip(known).is_some_and(|(version, known)| version > known + 1) {
                    self.beats.missed(incarnation);
                }
                incarnations.push(incarnation.clone());
            }
            changes.push(change);
            self.followers.mark(commit, std::iter::once((&*node.path, node.content.is_none())));
            match node.content {
                Some(content) => {
                    self.commits.insert(node.path.clone(), content.commit);
                    self.versions.insert(node.path, content.version);
                }
                None => {
                    self.commits.remove(&node.path);
                    self.versions.remove(&node.path);
                }
            }
        }
        let applied: Applied = self.catalog.apply(commit, changes);
        self.renderings.drop_changed(&applied);
        self.signatures.drop_changed(&applied);
        for incarnation in incarnations {
            self.beats.shown(&incarnation, self.catalog.entry(&incarnation));
            self.beats.assign(now.ms, &incarnation, &self.share);
        }
        self.beats.reached(commit);
        self.watchers.mark(&applied, &self.catalog);
        self.waits.changed(&applied, &self.catalog, commands);
    }
}

fn decode(node: &Node, commands: &mut Vec<Command>) -> Option<Change> {
    let data = node.content.as_ref().map(|content| content.data.as_slice());
    match Change::decode(&node.path, data) {
        Ok(change) => change,
        Err(error) => {
            let detail = std::error::Error::source(&error).map(|source| format!(": {source}"));
            commands.push(Command::Report(Report::Unreadable {
                problem: format!("{error}{}", detail.unwrap_or_default()),
            }));
            None
        }
    }
}

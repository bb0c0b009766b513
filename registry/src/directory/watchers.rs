//! Who watches what, what each was told, and what each is still to be told.
//!
//! Owns the bound on every watcher: at most one batch is under way to it, and beside that only
//! the names of what changed are kept. What a slow watcher gets next is the newest state of each
//! group, however often it changed meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use lathe_catalog::{Applied, Catalog};
use lathe_gossip::{Kind as SubjectKind, Subject};

use super::mailbox::Mailbox;
use super::renderings::{Renderings, json};
use super::signatures::Signatures;
use super::{Command, Shared, Why};

/// Names a watcher; used once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatcherId(pub u64);

/// What a watcher wants to be told of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Task paths and tags.
    pub groups: BTreeSet<String>,
    /// Tasks whose own keys are wanted.
    pub configs: BTreeSet<String>,
    /// The incarnation whose messages and kept values are wanted.
    pub member: Option<String>,
    /// Groups and own keys are told with their signatures.
    pub signed: bool,
}

/// The point up to which a watcher was told everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    /// In which history.
    pub history: String,
    /// Everything up to this commit.
    pub commit: u64,
}

/// What goes to a watcher at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The history of all its frames.
    pub history: Shared,
    /// In the order of sending.
    pub frames: Vec<Frame>,
}

/// One event of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its name.
    pub kind: Kind,
    /// Who was told everything up to this frame is at this commit. Frames before the last of a
    /// batch stay at the commit before: a stream that breaks between them loses nothing.
    pub commit: u64,
    /// JSON on one line.
    pub data: Shared,
}

/// The name of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A `GroupView`.
    Group,
    /// A `ConfigView`.
    Config,
    /// A `MailView`.
    Mail,
    /// The URLs of the registries.
    Registries,
    /// What the event before it is signed with.
    Signature,
    /// The first state is complete.
    Synced,
}

impl Kind {
    /// As it stands in the stream.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::Config => "config",
            Self::Mail => "mail",
            Self::Registries => "registries",
            Self::Signature => "signature",
            Self::Synced => "synced",
        }
    }
}

/// Where frames are made from.
pub(super) struct Sources<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) registries: &'a [String],
    pub(super) renderings: &'a Renderings,
    pub(super) signatures: &'a Signatures,
    /// When the store was heard, in milliseconds since the Unix epoch.
    pub(super) heard_ms: u64,
}

#[derive(Debug, Default)]
pub(super) struct Watchers {
    all: BTreeMap<WatcherId, Watcher>,
    by_group: BTreeMap<String, BTreeSet<WatcherId>>,
    by_config: BTreeMap<String, BTreeSet<WatcherId>>,
    /// Those who want somebody's messages.
    members: BTreeSet<WatcherId>,
    /// Those of them whose member the catalog did not know when it was looked for.
    unknown: BTreeSet<WatcherId>,
    /// Those who may have something to be told and can take it.
    due: BTreeSet<WatcherId>,
    batches: u64,
}

#[derive(Debug)]
struct Watcher {
    selection: Selection,
    groups: BTreeSet<String>,
    configs: BTreeSet<String>,
    mailbox: Mailbox,
    registries: bool,
    /// The first state was sent whole.
    synced: bool,
    /// Everything up to here was sent.
    commit: u64,
    /// Since when a batch is under way, in milliseconds.
    busy_since_ms: Option<u64>,
}

impl Watcher {
    fn start_over(&mut self) {
        self.groups = self.selection.groups.clone();
        self.configs = self.selection.configs.clone();
        self.mailbox = self.selection.member.as_ref().map(|_| Mailbox::new()).unwrap_or_default();
        self.registries = true;
        self.synced = false;
        self.commit = 0;
    }

    fn has_news(&self) -> bool {
        let names = !self.groups.is_empty() || !self.configs.is_empty();
        self.registries || !self.synced || names || self.mailbox.due
    }
}

impl Watchers {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn batches(&self) -> u64 {
        self.batches
    }

    pub(super) fn add(
        &mut self,
        id: WatcherId,
        selection: Selection,
        resume: Option<Resume>,
        catalog: &Catalog,
    ) {
        for group in &selection.groups {
            self.by_group.entry(group.clone()).or_default().insert(id);
        }
        for task in &selection.configs {
            self.by_config.entry(task.clone()).or_default().insert(id);
        }
        if selection.member.is_some() {
            self.members.insert(id);
        }
        let mut watcher = Watcher {
            selection,
            groups: BTreeSet::new(),
            configs: BTreeSet::new(),
            mailbox: Mailbox::default(),
            registries: true,
            synced: false,
            commit: 0,
            busy_since_ms: None,
        };
        watcher.start_over();
        if let Some(resume) = resume.filter(|resume| resume.history == catalog.history()) {
            watcher.groups.retain(|group| catalog.version(group) > resume.commit);
            // Own keys of the same commit can be told one task after another, so they may have been
            // missed in part.
            watcher.configs.retain(|task| catalog.config_version(task) >= resume.commit);
            watcher.commit = resume.commit;
        }
        self.all.insert(id, watcher);
        self.due.insert(id);
    }

    pub(super) fn remove(&mut self, id: WatcherId) {
        let Some(watcher) = self.all.remove(&id) else { return };
        self.members.remove(&id);
        self.unknown.remove(&id);
        for (names, index) in [
            (&watcher.selection.groups, &mut self.by_group),
            (&watcher.selection.configs, &mut self.by_config),
        ] {
            for name in names {
                if let Some(ids) = index.get_mut(name) {
                    ids.remove(&id);
                    if ids.is_empty() {
                        index.remove(name);
                    }
                }
            }
        }
        self.due.remove(&id);
    }

    pub(super) fn drained(&mut self, id: WatcherId) {
        if let Some(watcher) = self.all.get_mut(&id) {
            watcher.busy_since_ms = None;
            self.due.insert(id);
        }
    }

    pub(super) fn mark(&mut self, applied: &Applied, catalog: &Catalog) {
        self.mark_members(applied, catalog);
        for name in &applied.groups {
            for id in self.by_group.get(name).into_iter().flatten() {
                let watcher =
                    self.all.get_mut(id).expect("the index names watchers that are there");
                watcher.groups.insert(name.clone());
                self.due.insert(*id);
            }
        }
        for name in &applied.configs {
            for id in self.by_config.get(name).into_iter().flatten() {
                let watcher =
                    self.all.get_mut(id).expect("the index names watchers that are there");
                watcher.configs.insert(name.clone());
                self.due.insert(*id);
            }
        }
    }

    /// Marks those of whose groups something was said, and those who are known only now.
    fn mark_members(&mut self, applied: &Applied, catalog: &Catalog) {
        let looked_at = if applied.boards.is_empty() { &self.unknown } else { &self.members };
        let is_said = |id: &WatcherId| {
            let member = self.all[id].selection.member.as_deref();
            let entry = member.and_then(|member| catalog.entry(member));
            entry.is_some_and(|entry| {
                self.unknown.contains(id) || applied.boards.iter().any(|group| entry.is_in(group))
            })
        };
        let due: Vec<WatcherId> = looked_at.iter().copied().filter(is_said).collect();
        for id in due {
            self.unknown.remove(&id);
            self.all.get_mut(&id).expect("the index names watchers that are there").mailbox.due =
                true;
            self.due.insert(id);
        }
    }

    pub(super) fn mark_registries(&mut self) {
        for (id, watcher) in &mut self.all {
            watcher.registries = true;
            self.due.insert(*id);
        }
    }

    /// Another history: what was told before means nothing.
    pub(super) fn forget_progress(&mut self) {
        for (id, watcher) in &mut self.all {
            watcher.start_over();
            self.due.insert(*id);
        }
    }

    pub(super) fn close_stuck(&mut self, now_ms: u64, stuck_ms: u64, commands: &mut Vec<Command>) {
        let is_stuck = |watcher: &Watcher| {
            watcher.busy_since_ms.is_some_and(|since| now_ms.saturating_sub(since) >= stuck_ms)
        };
        let stuck: Vec<WatcherId> =
            self.all.iter().filter(|(_, watcher)| is_stuck(watcher)).map(|(id, _)| *id).collect();
        for watcher in stuck {
            self.remove(watcher);
            commands.push(Command::Close { watcher, why: Why::Stuck });
        }
    }

    pub(super) fn close_all(&mut self, commands: &mut Vec<Command>) {
        let all = std::mem::take(self);
        self.batches = all.batches;
        let ids = all.all.into_keys();
        commands.extend(ids.map(|watcher| Command::Close { watcher, why: Why::Ending }));
    }

    /// Sends to everybody who is due and can take something.
    pub(super) fn send(&mut self, now_ms: u64, sources: &Sources<'_>, commands: &mut Vec<Command>) {
        if self.due.is_empty() {
            return;
        }
        let history: Shared = sources.catalog.history().into();
        for id in std::mem::take(&mut self.due) {
            let watcher = self.all.get_mut(&id).expect("who is due is there");
            if watcher.busy_since_ms.is_some() || !watcher.has_news() {
                continue;
            }
            let frames = frames(watcher, sources);
            if watcher
                .selection
                .member
                .as_deref()
                .is_some_and(|one| sources.catalog.entry(one).is_none())
            {
                self.unknown.insert(id);
            }
            if frames.is_empty() {
                continue;
            }
            watcher.busy_since_ms = Some(now_ms);
            self.batches += 1;
            let batch = Batch { history: history.clone(), frames };
            commands.push(Command::Send { watcher: id, batch });
        }
    }
}

/// Takes everything that the watcher is still to be told.
fn frames(watcher: &mut Watcher, sources: &Sources<'_>) -> Vec<Frame> {
    let catalog = sources.catalog;
    let before = watcher.commit;
    let mut frames = Vec::new();
    let mut add = |kind, data| frames.push(Frame { kind, commit: before, data });
    if std::mem::take(&mut watcher.registries) {
        add(Kind::Registries, json(sources.registries));
    }
    // A watcher can know more than this registry does yet; it is not to be told older things.
    let groups = std::mem::take(&mut watcher.groups).into_iter().map(|name| Subject::group(&name));
    let configs =
        std::mem::take(&mut watcher.configs).into_iter().map(|name| Subject::config(&name));
    for subject in groups.chain(configs) {
        let version = version(catalog, &subject);
        if version < before && before > 0 {
            continue;
        }
        let (kind, data) = match subject.kind {
            SubjectKind::Group => {
                (Kind::Group, sources.renderings.group(catalog, &subject.name).json)
            }
            SubjectKind::Config => (Kind::Config, json(&catalog.config(&subject.name))),
        };
        let stamps = (version, sources.heard_ms);
        let signed = watcher
            .selection
            .signed
            .then(|| sources.signatures.sign((&subject, catalog.history()), stamps, &data));
        add(kind, data);
        if let Some(signed) = signed.flatten() {
            add(Kind::Signature, signed.event(&subject).into());
        }
    }
    if let Some(member) = watcher.selection.member.as_deref().filter(|_| watcher.mailbox.due)
        && let Some(mail) = watcher.mailbox.take(catalog, member)
    {
        add(Kind::Mail, json(&mail));
    }
    let after = before.max(catalog.commit());
    if !std::mem::replace(&mut watcher.synced, true) {
        add(Kind::Synced, format!("{{\"commit\":{after}}}").into());
    }
    watcher.commit = after;
    if let Some(last) = frames.last_mut() {
        last.commit = after;
    }
    frames
}

/// The version of a group, or of a task's own keys.
pub(super) fn version(catalog: &Catalog, subject: &Subject) -> u64 {
    match subject.kind {
        SubjectKind::Group => catalog.version(&subject.name),
        SubjectKind::Config => catalog.config_version(&subject.name),
    }
}

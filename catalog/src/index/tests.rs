//! Tests of the catalog in memory: cases first, then properties over random stores.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn entry(task: &str, slot: u32, life: u32, state: State) -> Entry {
    let mut tags: Vec<String> = vec!["web".to_owned(), task.to_owned()];
    tags.extend(task.split_once('.').map(|(prefix, _)| prefix.to_owned()));
    Entry {
        topology: "t".to_owned(),
        task: task.to_owned(),
        slot,
        incarnation: format!("{task}#{slot}.{life}"),
        host: "host-1".to_owned(),
        address: "127.0.0.1".to_owned(),
        ports: BTreeMap::from([("http".to_owned(), 31_000)]),
        tags,
        crate_name: "c".to_owned(),
        version: "1.0.0".to_owned(),
        state,
        reason: None,
        since_ms: 5,
    }
}

fn record(task: &str, touched: u64, own: u64) -> TaskRecord {
    let mut groups: Vec<String> = vec!["web".to_owned(), task.to_owned()];
    groups.extend(task.split_once('.').map(|(prefix, _)| prefix.to_owned()));
    TaskRecord {
        topology: "t".to_owned(),
        task: task.to_owned(),
        groups,
        own: json!({ "n": own }).as_object().cloned().unwrap_or_default(),
        crate_name: "c".to_owned(),
        version: "1.0.0".to_owned(),
        removed: false,
        touched,
    }
}

fn put(entry: Entry) -> Change {
    Change::Entry { incarnation: entry.incarnation.clone(), entry: Some(Box::new(entry)) }
}

fn delete(incarnation: &str) -> Change {
    Change::Entry { incarnation: incarnation.to_owned(), entry: None }
}

fn note(record: TaskRecord) -> Change {
    Change::Task { task: record.task.clone(), record: Some(Box::new(record)) }
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn loaded() -> Catalog {
    let mut catalog = Catalog::default();
    let changes = vec![
        (4, put(entry("http.lb", 0, 1, State::Ready))),
        (4, note(record("http.lb", 1, 1))),
        (7, put(entry("http.front", 0, 1, State::Starting))),
        (7, note(record("http.front", 1, 1))),
    ];
    catalog.load("h", 9, changes).unwrap();
    catalog
}

#[test]
fn a_listing_gives_each_group_the_commit_of_the_newest_record_that_names_it() {
    let catalog = loaded();
    assert_eq!(catalog.commit(), 9);
    assert_eq!(catalog.version("http.lb"), 4);
    assert_eq!(catalog.version("http.front"), 7);
    assert_eq!((catalog.version("http"), catalog.version("web")), (7, 7));
    assert_eq!(catalog.view("web").entries.len(), 2);
    assert_eq!(catalog.config("http.lb").version, 4);
}

#[test]
fn an_unknown_group_is_empty_at_version_0() {
    let view = loaded().view("nobody");
    assert_eq!((view.version, view.entries.len(), view.history.as_str()), (0, 0, "h"));
    let config = loaded().config("nobody");
    assert_eq!((config.version, config.keys.len()), (0, 0));
}

#[test]
fn a_change_names_the_groups_whose_entries_changed_and_no_others() {
    let mut catalog = loaded();
    let changes =
        vec![put(entry("http.front", 0, 1, State::Ready)), note(record("http.front", 2, 1))];
    let applied = catalog.apply(12, changes);
    assert_eq!(applied.groups, names(&["http", "http.front", "web"]));
    assert_eq!(applied.configs, BTreeSet::new());
    assert_eq!((catalog.version("http.front"), catalog.version("http.lb")), (12, 4));
}

#[test]
fn nobody_is_woken_when_only_the_version_moves() {
    let mut catalog = loaded();
    let same = vec![put(entry("http.lb", 0, 1, State::Ready)), note(record("http.lb", 2, 1))];
    assert!(catalog.apply(13, same).is_empty());
    assert_eq!(catalog.version("http.lb"), 13);
}

#[test]
fn the_commit_of_the_last_change_stays_where_only_the_version_moves() {
    let mut catalog = loaded();
    assert_eq!((catalog.changed("http.lb"), catalog.config_changed("http.lb")), (4, 4));
    catalog.apply(13, vec![note(record("http.lb", 2, 1))]);
    assert_eq!((catalog.version("http.lb"), catalog.changed("http.lb")), (13, 4));
    assert_eq!((catalog.config("http.lb").version, catalog.config_changed("http.lb")), (13, 4));
    catalog
        .apply(14, vec![put(entry("http.lb", 0, 2, State::Ready)), note(record("http.lb", 3, 2))]);
    assert_eq!((catalog.changed("http.lb"), catalog.config_changed("http.lb")), (14, 14));
    // A listing that shows the same is no change; one of which less is known may be one.
    let listing =
        vec![(14, put(entry("http.lb", 0, 2, State::Ready))), (20, note(record("http.lb", 9, 2)))];
    let mut fresh = Catalog::default();
    fresh.load("h", 20, listing.clone()).unwrap();
    assert_eq!((fresh.version("http.lb"), fresh.changed("http.lb")), (20, 20));
    let mut known = fresh.clone();
    known.apply(21, vec![note(record("http.lb", 10, 2))]);
    known.load("h", 21, vec![listing[0].clone(), (21, note(record("http.lb", 10, 2)))]).unwrap();
    assert_eq!((known.version("http.lb"), known.changed("http.lb")), (21, 20));
    assert_eq!((known.changed("nobody"), known.config_changed("nobody")), (0, 0));
}

#[test]
fn a_change_of_own_keys_wakes_readers_of_the_configuration_alone() {
    let mut catalog = loaded();
    let applied = catalog.apply(14, vec![note(record("http.lb", 1, 2))]);
    assert_eq!(applied.configs, names(&["http.lb"]));
    assert_eq!(applied.groups, BTreeSet::new());
    assert_eq!(catalog.config("http.lb").keys["n"], 2);
}

#[test]
fn a_group_whose_last_member_left_keeps_its_version() {
    let mut catalog = loaded();
    let changes = vec![delete("http.lb#0.1"), note(record("http.lb", 2, 1))];
    let applied = catalog.apply(15, changes);
    assert!(applied.groups.contains("http.lb"));
    let view = catalog.view("http.lb");
    assert_eq!((view.version, view.entries.len()), (15, 0));
}

#[test]
fn a_removed_task_is_not_listed_but_still_known() {
    let mut catalog = loaded();
    let gone = TaskRecord { removed: true, ..record("http.lb", 2, 1) };
    catalog.apply(16, vec![delete("http.lb#0.1"), note(gone)]);
    let listed: Vec<String> = catalog.groups().into_iter().map(|one| one.group).collect();
    assert_eq!(listed, ["http", "http.front", "web"]);
    assert_eq!(catalog.version("http.lb"), 16);
}

#[test]
fn the_list_of_groups_counts_members_and_those_that_are_ready() {
    let groups = loaded().groups();
    let web = groups.iter().find(|group| group.group == "web").unwrap();
    assert_eq!((web.kind, web.instances, web.ready), (GroupKind::Tag, 2, 1));
    let lb = groups.iter().find(|group| group.group == "http.lb").unwrap();
    assert_eq!((lb.kind, lb.instances, lb.ready), (GroupKind::Task, 1, 1));
}

#[test]
fn an_older_listing_of_the_same_history_is_refused_whole() {
    let mut catalog = loaded();
    let before = catalog.clone();
    let stale = catalog.load("h", 8, Vec::new()).unwrap_err();
    assert_eq!(stale, StaleListing { known: 9, offered: 8 });
    assert_eq!(catalog, before);
}

#[test]
fn another_history_starts_anew_and_wakes_everybody() {
    let mut catalog = loaded();
    let applied =
        catalog.load("i", 2, vec![(1, put(entry("http.lb", 0, 1, State::Ready)))]).unwrap();
    assert!(applied.groups.is_superset(&names(&["http.lb", "http.front", "web", "http"])));
    assert_eq!(applied.configs, names(&["http.lb", "http.front"]));
    assert_eq!((catalog.version("http.lb"), catalog.version("http.front")), (1, 0));
}

#[test]
fn a_relisting_wakes_only_for_what_is_different() {
    let mut catalog = loaded();
    let changes = vec![
        (4, put(entry("http.lb", 0, 1, State::Ready))),
        (4, note(record("http.lb", 1, 1))),
        (20, note(record("http.front", 2, 1))),
    ];
    let applied = catalog.load("h", 20, changes).unwrap();
    assert_eq!(applied.groups, names(&["http", "http.front", "web"]));
    assert_eq!((catalog.version("http.front"), catalog.version("http.lb")), (20, 4));
}

#[test]
fn an_older_commit_is_ignored() {
    let mut catalog = loaded();
    let before = catalog.clone();
    assert!(catalog.apply(8, vec![delete("http.lb#0.1")]).is_empty());
    assert_eq!(catalog, before);
}

#[test]
fn a_node_about_another_name_is_refused() {
    let text = serde_json::to_vec(&entry("http.lb", 0, 1, State::Ready)).unwrap();
    let error = Change::decode("/lathe/catalog/entries/http.lb#0.2", Some(&text)).unwrap_err();
    assert!(error.to_string().contains("http.lb#0.1"), "{error}");
    assert!(Change::decode("/lathe/catalog/entries/http.lb#0.1", Some(b"{")).is_err());
    assert!(Change::decode("/lathe/catalog/else", Some(b"{")).unwrap().is_none());
    let read = Change::decode("/lathe/catalog/entries/http.lb#0.1", Some(&text)).unwrap();
    assert_eq!(read, Some(put(entry("http.lb", 0, 1, State::Ready))));
}

/// What a framework does in one write: entries of some tasks, and those tasks' records.
#[derive(Clone, Debug)]
struct Step {
    task: usize,
    slot: u32,
    life: u32,
    state: Option<State>,
    own: u64,
    also: Option<usize>,
}

const TASKS: [&str; 4] = ["http.lb", "http.front", "db", "db.replica"];

fn step() -> impl Strategy<Value = Step> {
    let state = prop_oneof![
        3 => prop::sample::select(vec![
            State::Starting, State::Ready, State::Suspect, State::Draining
        ]).prop_map(Some),
        1 => Just(None),
    ];
    (0..4usize, 0..3u32, 1..3u32, state, 0..2u64, prop::option::of(0..4usize)).prop_map(
        |(task, slot, life, state, own, also)| Step { task, slot, life, state, own, also },
    )
}

/// A store as the framework leaves it: path to change, with the commit of each node.
#[derive(Default)]
struct Model {
    commit: u64,
    nodes: BTreeMap<String, (u64, Change)>,
    touched: BTreeMap<usize, u64>,
}

impl Model {
    fn take(&mut self, step: &Step) -> (u64, Vec<Change>) {
        self.commit += 1;
        let mut changes = Vec::new();
        let tasks: BTreeSet<usize> = std::iter::once(step.task).chain(step.also).collect();
        for task in tasks {
            let name = TASKS[task];
            let touched = self.touched.entry(task).or_default();
            *touched += 1;
            changes.push(note(record(name, *touched, step.own)));
            let incarnation = format!("{name}#{}.{}", step.slot, step.life);
            changes.push(match step.state {
                Some(state) => put(entry(name, step.slot, step.life, state)),
                None => delete(&incarnation),
            });
        }
        for change in &changes {
            match change {
                Change::Entry { incarnation, entry: None } => self.nodes.remove(incarnation),
                Change::Entry { incarnation, .. } => {
                    self.nodes.insert(incarnation.clone(), (self.commit, change.clone()))
                }
                Change::Task { task, .. } => {
                    self.nodes.insert(format!("/{task}"), (self.commit, change.clone()))
                }
                // What is said to groups has tests of its own.
                Change::Board { .. } | Change::Acks { .. } => None,
            };
        }
        (self.commit, changes)
    }

    fn listing(&self) -> Vec<(u64, Change)> {
        self.nodes.values().cloned().collect()
    }
}

fn all_groups(catalog: &Catalog) -> BTreeMap<String, GroupView> {
    let names = catalog.changed_since(0).map(str::to_owned).collect::<Vec<_>>();
    names.into_iter().map(|name| (name.clone(), catalog.view(&name))).collect()
}

proptest! {
    #[test]
    fn the_order_within_a_commit_does_not_matter(
        steps in prop::collection::vec((step(), any::<bool>(), any::<u8>()), 1..40),
    ) {
        let mut model = Model::default();
        let (mut one, mut other) = (Catalog::default(), Catalog::default());
        for (step, reverse, turn) in steps {
            let (commit, changes) = model.take(&step);
            let mut mixed = changes.clone();
            if reverse {
                mixed.reverse();
            }
            let places = mixed.len();
            mixed.rotate_left(usize::from(turn) % places);
            prop_assert_eq!(one.apply(commit, changes), other.apply(commit, mixed));
            prop_assert_eq!(&one, &other);
        }
    }

    #[test]
    fn a_version_never_goes_back_and_never_stays_when_the_content_changes(
        steps in prop::collection::vec((step(), prop::bool::weighted(0.1)), 1..60),
    ) {
        let mut model = Model::default();
        let mut catalog = Catalog::default();
        catalog.load("h", 0, Vec::new()).unwrap();
        for (step, relist) in steps {
            let before = all_groups(&catalog);
            let (commit, changes) = model.take(&step);
            let applied = if relist {
                catalog.load("h", commit, model.listing()).unwrap()
            } else {
                catalog.apply(commit, changes)
            };
            for (name, old) in before {
                let new = catalog.view(&name);
                prop_assert!(new.version >= old.version);
                let changed = new.entries != old.entries;
                prop_assert_eq!(applied.groups.contains(&name), changed);
                prop_assert!(!changed || new.version > old.version);
            }
        }
    }

    #[test]
    fn who_lists_after_a_silence_has_the_versions_of_who_has_heard_it_all(
        steps in prop::collection::vec((step(), prop::bool::weighted(0.3), 0..3u64), 1..60),
    ) {
        let mut model = Model::default();
        let (mut whole, mut other) = (Catalog::default(), Catalog::default());
        whole.load("h", 0, Vec::new()).unwrap();
        other.load("h", 0, Vec::new()).unwrap();
        for (step, lists, elsewhere) in steps {
            let (commit, changes) = model.take(&step);
            whole.apply(commit, changes);
            // Commits that concern no group.
            model.commit += elsewhere;
            whole.apply(model.commit, Vec::new());
            if lists {
                other.load("h", model.commit, model.listing()).unwrap();
                prop_assert_eq!(all_groups(&other), all_groups(&whole));
            }
        }
    }

    #[test]
    fn a_reader_that_resumes_ends_with_the_state_of_a_fresh_one(
        steps in prop::collection::vec((step(), prop::bool::weighted(0.3)), 1..60),
    ) {
        let mut model = Model::default();
        let mut catalog = Catalog::default();
        catalog.load("h", 0, Vec::new()).unwrap();
        let mut reader: BTreeMap<String, GroupView> = BTreeMap::new();
        let mut read_up_to = 0;
        for (step, comes_back) in steps {
            let (commit, changes) = model.take(&step);
            catalog.apply(commit, changes);
            if comes_back {
                for name in catalog.changed_since(read_up_to).map(str::to_owned).collect::<Vec<_>>() {
                    let view = catalog.view(&name);
                    reader.insert(name, view);
                }
                read_up_to = catalog.commit();
                prop_assert_eq!(&reader, &all_groups(&catalog));
            }
        }
        // And a registry that starts now shows the same entries and versions.
        let mut fresh = Catalog::default();
        fresh.load("h", model.commit, model.listing()).unwrap();
        prop_assert_eq!(all_groups(&fresh), all_groups(&catalog));
    }
}

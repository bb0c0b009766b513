//! Properties of the machine over random histories: readers that come and go, slow and quick.

use proptest::prelude::*;

use super::*;

const INCARNATIONS: [&str; 4] = ["a#0.1", "a#1.1", "b#0.1", "c#0.1"];
const GROUPS: [&str; 5] = ["a", "b", "c", "web", "nobody"];

#[derive(Clone, Debug)]
enum Act {
    Put(usize, State),
    /// The reader's connection takes what is under way to it.
    Take,
    /// The connection breaks after so many frames of what is under way, and the reader comes back.
    Break(usize),
    Relist,
}

fn act() -> impl Strategy<Value = Act> {
    let states = vec![State::Starting, State::Ready, State::Draining];
    prop_oneof![
        5 => (0..INCARNATIONS.len(), prop::sample::select(states))
            .prop_map(|(which, state)| Act::Put(which, state)),
        3 => Just(Act::Take),
        2 => (0..6usize).prop_map(Act::Break),
        1 => Just(Act::Relist),
    ]
}

/// A reader as a client of the stream is one: it keeps views and the last id.
#[derive(Default)]
struct Reader {
    views: BTreeMap<String, GroupView>,
    last: Option<(String, u64)>,
    under_way: Option<Batch>,
    id: u64,
}

impl Reader {
    fn connect(&mut self, rig: &mut Rig) {
        self.id += 1;
        self.under_way = None;
        let last = self.last.clone();
        rig.watch(self.id, &GROUPS, last.as_ref().map(|(h, commit)| (h.as_str(), *commit)));
    }

    /// Reads frames; gives how many were duplicates of what it had.
    fn read(&mut self, batch: &Batch, frames: usize) -> usize {
        let mut duplicates = 0;
        for frame in batch.frames.iter().take(frames) {
            if frame.kind == Kind::Group {
                let view: GroupView = serde_json::from_str(&frame.data).unwrap();
                let before = self.views.insert(view.group.clone(), view.clone());
                let back = before.as_ref().is_some_and(|before| before.version > view.version);
                assert!(!back, "{before:?} was replaced by {view:?}");
                duplicates += usize::from(before.as_ref() == Some(&view));
            }
            // As of RFC: an id of 0 is no resume point.
            self.last = (frame.commit > 0).then(|| (batch.history.to_string(), frame.commit));
        }
        duplicates
    }
}

fn settle(rig: &mut Rig, reader: &mut Reader) {
    for (watcher, batch) in rig.sent() {
        assert_eq!(watcher, reader.id, "only the living watcher is sent to");
        assert!(reader.under_way.is_none(), "one batch is under way at most");
        assert!(batch.frames.len() <= GROUPS.len() + 2);
        reader.under_way = Some(batch);
    }
}

proptest! {
    #[test]
    fn a_reader_ends_with_the_catalogs_state_however_often_it_breaks(
        acts in prop::collection::vec(act(), 1..80),
    ) {
        let mut rig = Rig::new();
        let mut reader = Reader::default();
        let mut store: BTreeMap<String, Node> = BTreeMap::new();
        reader.connect(&mut rig);
        settle(&mut rig, &mut reader);
        for act in acts {
            match act {
                Act::Put(which, state) => {
                    rig.put(INCARNATIONS[which], state);
                    for node in written(rig.commit, INCARNATIONS[which], state) {
                        store.insert(node.path.clone(), node);
                    }
                }
                Act::Take => if let Some(batch) = reader.under_way.take() {
                    let frames = batch.frames.len();
                    reader.read(&batch, frames);
                    rig.drained(reader.id);
                },
                Act::Break(frames) => {
                    if let Some(batch) = reader.under_way.take() {
                        reader.read(&batch, frames);
                    }
                    rig.take(Event::Left { watcher: WatcherId(reader.id) });
                    reader.connect(&mut rig);
                }
                Act::Relist => {
                    let nodes = store.values().cloned().collect();
                    rig.list("h", rig.commit, nodes);
                }
            }
            settle(&mut rig, &mut reader);
        }
        while let Some(batch) = reader.under_way.take() {
            let frames = batch.frames.len();
            reader.read(&batch, frames);
            rig.drained(reader.id);
            settle(&mut rig, &mut reader);
        }
        for group in GROUPS {
            let shown = rig.machine.catalog().view(group);
            prop_assert_eq!(&reader.views[group].entries, &shown.entries);
        }
    }

    #[test]
    fn a_reader_that_never_breaks_gets_no_view_twice(
        acts in prop::collection::vec((0..INCARNATIONS.len(), any::<bool>(), any::<bool>()), 1..60),
    ) {
        let mut rig = Rig::new();
        let mut reader = Reader::default();
        reader.connect(&mut rig);
        settle(&mut rig, &mut reader);
        for (which, ready, takes) in acts {
            rig.put(INCARNATIONS[which], if ready { State::Ready } else { State::Draining });
            settle(&mut rig, &mut reader);
            if takes && let Some(batch) = reader.under_way.take() {
                prop_assert_eq!(reader.read(&batch, batch.frames.len()), 0);
                rig.drained(reader.id);
                settle(&mut rig, &mut reader);
            }
        }
    }
}

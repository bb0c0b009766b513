//! What multis do, against a plain model, and that failing ones leave no trace.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Batch, Tree};
use crate::{Mode, Op, StoreError};

fn commit(tree: &mut Tree, session: u64, ops: &[Op]) -> Result<u64, StoreError> {
    let mut batch = Batch::new(tree);
    let result = batch.apply(session, ops);
    let (changes, commit) = batch.finish();
    tree.absorb(&changes, commit);
    result
}

#[test]
fn versions_count_sets_and_start_again_after_a_delete() {
    let mut tree = Tree::new(0);
    commit(&mut tree, 1, &[Op::create("/a", "0")]).unwrap();
    commit(&mut tree, 1, &[Op::set_if("/a", "1", 0), Op::put("/a", "2")]).unwrap();
    let node = tree.get("/a").unwrap();
    assert_eq!((node.version, node.commit), (2, 2));
    commit(&mut tree, 1, &[Op::delete_if("/a", 2), Op::put("/a", "3")]).unwrap();
    assert_eq!(tree.get("/a").unwrap().version, 0);
}

#[test]
fn a_listing_ends_at_segments() {
    let mut tree = Tree::new(0);
    let ops: Vec<Op> = ["/a", "/a.b", "/a/b", "/a/b/c", "/a0", "/ab"]
        .iter()
        .map(|path| Op::put(*path, ""))
        .collect();
    commit(&mut tree, 1, &ops).unwrap();
    let paths: Vec<String> = tree.below("/a").iter().map(|(path, _)| path.to_string()).collect();
    assert_eq!(paths, ["/a", "/a/b", "/a/b/c"]);
    assert_eq!(tree.below("/").len(), 6);
}

#[test]
fn a_session_that_ends_in_the_batch_takes_what_it_made_in_the_batch() {
    let mut tree = Tree::new(0);
    commit(&mut tree, 7, &[Op::create_ephemeral("/old", "")]).unwrap();
    let mut batch = Batch::new(&tree);
    batch.apply(7, &[Op::create_ephemeral("/new", ""), Op::put("/stays", "")]).unwrap();
    batch.apply(8, &[Op::create_ephemeral("/other", "")]).unwrap();
    assert_eq!(batch.end_session(7), Some(4));
    assert_eq!(batch.end_session(7), None);
    let (changes, commit) = batch.finish();
    tree.absorb(&changes, commit);
    let paths: Vec<String> = tree.below("/").iter().map(|(path, _)| path.to_string()).collect();
    assert_eq!(paths, ["/other", "/stays"]);
}

#[test]
fn what_is_made_and_deleted_in_one_multi_is_no_change() {
    let tree = Tree::new(0);
    let mut batch = Batch::new(&tree);
    batch.apply(1, &[Op::create("/a", ""), Op::delete("/a")]).unwrap();
    assert_eq!(batch.finish(), (Vec::new(), 1));
}

fn op() -> impl Strategy<Value = Op> {
    let path = prop::sample::select(vec!["/a", "/b", "/c"]);
    let mode = prop::sample::select(vec![Mode::Persistent, Mode::Ephemeral]);
    (path, 0..6u8, 0..3u64, any::<bool>(), mode).prop_map(|(path, kind, version, any, mode)| {
        let (path, data) = (path.to_owned(), bytes::Bytes::from_static(b"x"));
        let expect = (!any).then_some(version);
        match kind {
            0 => Op::Check { path, version },
            1 => Op::CheckAbsent { path },
            2 => Op::Create { path, data, mode },
            3 => Op::Set { path, data, expect },
            4 => Op::Put { path, data },
            _ => Op::Delete { path, expect },
        }
    })
}

/// Versions by path: the plainest reading of the rules.
fn model(state: &BTreeMap<String, u64>, ops: &[Op]) -> Option<BTreeMap<String, u64>> {
    let mut next = state.clone();
    for op in ops {
        let path = op.path().to_owned();
        let now = next.get(&path).copied();
        match op {
            Op::Check { version, .. } => now.filter(|now| now == version).map(|_| ())?,
            Op::CheckAbsent { .. } if now.is_some() => return None,
            Op::CheckAbsent { .. } => {}
            Op::Create { .. } if now.is_some() => return None,
            Op::Create { .. } => drop(next.insert(path, 0)),
            Op::Set { expect, .. } => {
                let now = now.filter(|now| expect.is_none_or(|version| version == *now))?;
                next.insert(path, now + 1);
            }
            Op::Put { .. } => drop(next.insert(path, now.map_or(0, |now| now + 1))),
            Op::Delete { expect, .. } => {
                now.filter(|now| expect.is_none_or(|version| version == *now))?;
                next.remove(&path);
            }
        }
    }
    Some(next)
}

proptest! {
    #[test]
    fn multis_agree_with_the_model_alone_and_batched(
        multis in prop::collection::vec(prop::collection::vec(op(), 1..4), 1..12),
    ) {
        let mut alone = Tree::new(0);
        let together = Tree::new(0);
        let mut batch = Batch::new(&together);
        let mut state = BTreeMap::new();
        for ops in &multis {
            let single = commit(&mut alone, 1, ops);
            prop_assert_eq!(&single, &batch.apply(1, ops));
            let expected = model(&state, ops);
            prop_assert_eq!(single.is_ok(), expected.is_some());
            state = expected.unwrap_or(state);
            let now: BTreeMap<String, u64> =
                alone.below("/").iter().map(|(path, node)| (path.to_string(), node.version)).collect();
            prop_assert_eq!(&now, &state);
        }
        let (changes, commit) = batch.finish();
        let mut together = Tree::new(0);
        together.absorb(&changes, commit);
        prop_assert_eq!(together.below("/"), alone.below("/"));
        prop_assert_eq!(commit, alone.commit());
    }
}

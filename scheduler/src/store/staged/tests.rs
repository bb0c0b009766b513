//! Whoever dies between any two steps leaves nothing or the whole, once the next one has been there.

use super::*;

type Tree = BTreeMap<String, Record>;

fn limits() -> Limits {
    let mut limits = Limits::LOCAL;
    (limits.multi_bytes, limits.group_bytes) = (4_000, 1_000);
    limits
}

fn record(data: &[u8]) -> Record {
    Record { data: Bytes::copy_from_slice(data), version: 0, commit: 0, ephemeral: false }
}

fn tree(records: &[(&str, &str)]) -> Tree {
    records.iter().map(|(path, data)| ((*path).to_owned(), record(data.as_bytes()))).collect()
}

/// One multi, as a store does it; a record to be deleted may be gone already.
fn carry_out(tree: &mut Tree, step: &[Op]) {
    assert!(step.iter().map(|op| limits().cost(op)).sum::<usize>() <= limits().multi_bytes);
    for op in step {
        match op {
            Op::Put { path, data } => drop(tree.insert(path.clone(), record(data))),
            Op::Delete { path, .. } => drop(tree.remove(path)),
            other => panic!("{other:?}"),
        }
    }
}

fn staged_of(tree: &Tree) -> Tree {
    let staged = tree.iter().filter(|(path, _)| path.starts_with(STAGED));
    staged.map(|(path, record)| (path.clone(), record.clone())).collect()
}

/// Two hundred records that are new, one that is another, one that goes.
fn ops() -> Vec<Op> {
    let new = (0..200).map(|n| Op::put(format!("/lathe/instances/page#{n}"), vec![b'x'; 40]));
    let others = [Op::put("/lathe/topologies/shop", "second"), Op::delete("/lathe/topologies/old")];
    new.chain(others).collect()
}

#[test]
fn a_death_between_any_two_steps_leaves_nothing_or_the_whole() {
    let before = tree(&[("/lathe/topologies/shop", "first"), ("/lathe/topologies/old", "old")]);
    let mut after = before.clone();
    for op in ops() {
        carry_out(&mut after, &[op]);
    }
    assert!(is_needed(&ops(), &Op::check("/lathe/term", 1), &limits()));
    let steps = steps(&ops(), &limits());
    let counted = steps.iter().position(|step| step[0].path() == COUNT).unwrap();
    for done in 0..=steps.len() {
        let mut dead = before.clone();
        for step in &steps[..done] {
            carry_out(&mut dead, step);
        }
        let rest = rest(&staged_of(&dead), &limits()).unwrap();
        // The next one may die as well, and the one after it begins anew.
        for again in 0..=rest.len() {
            let mut tree = dead.clone();
            for step in &rest[..again] {
                carry_out(&mut tree, step);
            }
            for step in super::rest(&staged_of(&tree), &limits()).unwrap() {
                carry_out(&mut tree, &step);
            }
            let wanted = if done > counted { &after } else { &before };
            assert!(tree == *wanted, "after {done} steps and {again} of the next one's");
        }
    }
}

#[test]
fn what_one_multi_takes_is_not_staged() {
    let term = Op::check("/lathe/term", 1);
    assert!(!is_needed(&ops()[..20], &term, &limits()));
    let mut few = limits();
    few.multi_ops = 20;
    assert!(is_needed(&ops()[..20], &term, &few), "the check of the term is one more");
}

#[test]
fn a_stage_that_is_not_whole_is_refused_and_not_guessed() {
    let mut tree = Tree::new();
    let steps = steps(&ops(), &limits());
    let counted = steps.iter().position(|step| step[0].path() == COUNT).unwrap();
    for step in &steps[1..=counted] {
        carry_out(&mut tree, step);
    }
    let refused = rest(&tree, &limits()).unwrap_err();
    assert!(matches!(refused, StagedError::Missing { said: 202, found } if found < 202));
    tree.insert(COUNT.to_owned(), record(b"many"));
    assert!(matches!(rest(&tree, &limits()), Err(StagedError::Count(_))));
}

//! Where the counts of a place stand: one cell for each profile, and one for each set of carriers that is
//! not a single profile.
//!
//! Owns the numbers of the cells. Must not know counts.

use std::collections::BTreeMap;

use super::Model;

/// Numbers the cells of a model that has its profiles and tags.
pub(super) fn lay_out(model: &mut Model) {
    let (profiles, kinds) = (model.touching.len(), model.kinds.len());
    let ending: Vec<bool> = (0..profiles)
        .map(|at| at.checked_sub(kinds).is_some_and(|group| model.fixed[group].ending))
        .collect();
    let mut ids: BTreeMap<Vec<usize>, usize> =
        (0..profiles).map(|profile| (vec![profile], profile)).collect();
    for tag in &mut model.tags {
        let all = tag.profiles.clone();
        let live = all.iter().copied().filter(|&profile| !ending[profile]).collect();
        let mut cell = |whom: Vec<usize>| {
            let next = ids.len();
            *ids.entry(whom).or_insert(next)
        };
        (tag.live, tag.all) = (cell(live), cell(all));
    }
    model.cells = ids.len();
    model.counted = vec![Vec::new(); profiles];
    for (whom, cell) in ids {
        whom.iter().for_each(|&profile| model.counted[profile].push(cell));
    }
}

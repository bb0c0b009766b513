//! The sentence of a proof by weights: so much is wanted, and no host holds more than so much of it.
//!
//! Owns weights that people can follow: small whole numbers, found near those of the proof and proved anew.
//! Must not decide anything.

use std::collections::BTreeMap;

use lathe_topology::Code;

use super::{Finding, Set, counted_instances, hosts_known, path};
use crate::bound::{Part, proof_of, refutation};
use crate::input::Input;
use crate::model::{Budget, Model};

/// Weights are at most this.
const LARGEST: i64 = 12;
/// More tasks make no sentence.
const TASKS_MOST: usize = 6;
/// More kinds of hosts are told by their sum.
const CLASSES_SHOWN: usize = 3;
const STEPS: u64 = 200_000;

pub(super) fn weighed(input: &Input<'_>, set: &Set, model: &Model) -> Option<Finding> {
    if set.len() > 4 * TASKS_MOST {
        return None;
    }
    let mut budget = Budget { left: STEPS };
    let proof = refutation(model, &mut budget)?;
    let part = proof.parts.first()?;
    let most = part.weights.iter().map(|weight| -weight).max().filter(|most| *most > 0)?;
    let small = (1..=LARGEST).find_map(|scale| {
        let near = |weight: &i64| ((-weight).max(0) * scale * 2 + most) / (2 * most);
        let weights: Vec<i64> = part.weights.iter().map(near).collect();
        let mut budget = Budget { left: STEPS };
        let proof = proof_of(model, part.domain, &weights, &mut budget)?;
        proof.refutes().then_some((weights, proof))
    });
    let (weights, proof) = small?;
    let part = proof.parts.first()?;
    let weighty: Vec<usize> = (0..weights.len()).filter(|&kind| weights[kind] > 0).collect();
    if weighty.len() > TASKS_MOST || weighty.is_empty() {
        return None;
    }
    Some(told(input, model, &weights, &weighty, part))
}

fn told(
    input: &Input<'_>,
    model: &Model,
    weights: &[i64],
    weighty: &[usize],
    part: &Part,
) -> Finding {
    let wanted: i64 =
        weighty.iter().map(|&kind| weights[kind] * i64::from(model.kinds[kind].least)).sum();
    let mut by_most: BTreeMap<i64, usize> = BTreeMap::new();
    for site in &part.sites {
        // Weights were enlarged for the proof.
        *by_most.entry(site.most / crate::bound::WEIGHT).or_default() += site.places.len();
    }
    let place = match part.domain.checked_sub(1) {
        Some(at) => format!("{} value", model.domain_names[at]),
        None => "host".to_owned(),
    };
    let all: i64 = by_most.iter().map(|(most, hosts)| most * as_number(*hosts)).sum();
    let parts: Vec<String> = weighty.iter().map(|&kind| counted_instances(input, kind)).collect();
    let alike = weighty.iter().all(|&kind| weights[kind] == 1);
    let counting = if alike {
        String::new()
    } else {
        let each =
            weighty.iter().map(|&kind| format!("{} for each {}", weights[kind], path(input, kind)));
        format!(", counting {},", each.collect::<Vec<_>>().join(" and "))
    };
    let holds = if by_most.len() <= CLASSES_SHOWN {
        let class = |(most, hosts): (&i64, &usize)| {
            let hosts = match *hosts {
                1 => format!("1 {place}"),
                more => format!("each of {more} {place}s"),
            };
            format!("{most} on {hosts}")
        };
        by_most.iter().rev().map(class).collect::<Vec<_>>().join(" and ")
    } else {
        format!("{all} on the {}", hosts_known(input))
    };
    Finding {
        code: Code::IMPOSSIBLE,
        sentence: format!(
            "{} are{counting} {wanted} together, and at most {holds} can be there: {all} in all",
            parts.join(" and ")
        ),
        hint: "weaken one of the statements, or add hosts".to_owned(),
    }
}

fn as_number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

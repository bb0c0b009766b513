//! Proofs as certificates: a bound of the points, or that there is no placement.
//!
//! Owns the way from weights by index to names. Must not search.

use crate::bound::{self, Claimed, Proof};
use crate::certificate::{Certificate, Claim, Counted, Part, PlaceClass};
use crate::input::Input;
use crate::model::{Budget, Holding, Model, statements};

/// The bound that follows from a proof.
pub(crate) fn claimed(model: &Model, proof: &Proof) -> i64 {
    proof.points().saturating_add(bound::constant(model, &proof.domains()))
}

/// The certificate of a bound.
pub(crate) fn of_points(input: &Input<'_>, model: &Model, proof: &Proof) -> Certificate {
    let claim = Claim::Bound(claimed(model, proof));
    let constant = bound::constant(model, &proof.domains());
    Certificate { constant, ..certificate(input, model, proof, claim) }
}

/// The certificate that there is no placement even if nothing else ran, if there is one of this form.
pub(crate) fn of_impossible(input: &Input<'_>, budget: &mut Budget) -> Option<Certificate> {
    let all = statements(input, false).into_iter().collect();
    let model = Model::new(input, Holding::Only(&all));
    let proof = bound::refutation(&model, budget)?;
    Some(certificate(input, &model, &proof, Claim::Impossible))
}

fn certificate(input: &Input<'_>, model: &Model, proof: &Proof, claim: Claim) -> Certificate {
    let kinds: Vec<usize> = (0..model.kinds.len()).filter(|&at| model.kinds[at].most > 0).collect();
    let tasks = kinds.iter().map(|&at| Counted {
        topology: input.wanted[at].topology.to_owned(),
        task: input.wanted[at].spec.path.clone(),
        count: model.kinds[at].most,
    });
    // Weights are what an instance takes from a bound's points, but what it brings to a refutation.
    let sign = if claim == Claim::Impossible { -1 } else { 1 };
    let parts = proof.parts.iter().map(|part| Part {
        scope: part.domain.checked_sub(1).map(|at| model.domain_names[at].clone()),
        weights: kinds.iter().map(|&at| sign * part.weights[at]).collect(),
        classes: part.sites.iter().map(|site| class(input, &kinds, site)).collect(),
    });
    Certificate {
        claim,
        scale: proof.scale(),
        constant: 0,
        tasks: tasks.collect(),
        parts: parts.collect(),
    }
}

fn class(input: &Input<'_>, kinds: &[usize], site: &Claimed) -> PlaceClass {
    let name = |host: &usize| input.hosts[*host].name.to_owned();
    PlaceClass {
        places: site.places.iter().map(|hosts| hosts.iter().map(name).collect()).collect(),
        capacity: site.capacity,
        base: site.base,
        tasks: site.kinds.iter().filter_map(|kind| kinds.binary_search(kind).ok()).collect(),
        most: site.most,
    }
}

//! Whether a certificate proves what it claims.
//!
//! Owns the order of questions and the answer. It must not know how a best pattern is found.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::certificate::{Certificate, Claim, Part, PlaceClass};
use crate::pattern::{Problem, none_is_worth_more};
use crate::place::{Facts, Terms};
use crate::scene::Scene;

/// What is proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proved {
    /// There is no placement, even if nothing else ran.
    Impossible,
    /// No valid plan has more points.
    Bound(i64),
}

impl fmt::Display for Proved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Impossible => f.write_str("there is no placement, even if nothing else ran"),
            Self::Bound(bound) => write!(f, "no valid plan has more than {bound} points"),
        }
    }
}

/// Why it is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejected {
    /// It is no proof.
    Wrong(String),
    /// The steps were spent before everything was looked at.
    Undecided(String),
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong(why) => write!(f, "it proves nothing: {why}"),
            Self::Undecided(what) => write!(f, "not decided within the steps: {what}"),
        }
    }
}

fn wrong<T>(why: impl Into<String>) -> Result<T, Rejected> {
    Err(Rejected::Wrong(why.into()))
}

/// Checks a certificate. `steps` bounds the work for each place that differs.
///
/// # Errors
/// When it is no proof, or could not be looked at whole.
pub fn check(scene: &Scene, certificate: &Certificate, steps: u64) -> Result<Proved, Rejected> {
    let scale = match certificate.claim {
        Claim::Impossible => None,
        Claim::Bound(_) => Some(i128::from(certificate.scale)),
    };
    if certificate.scale < 1 {
        return wrong("the scale is less than 1");
    }
    counted(scene, certificate)?;
    scopes(certificate)?;
    let mut terms = Terms::new(scene, certificate, scale);
    let constant = if scale.is_some() { terms.constant() } else { 0 };
    if i128::from(certificate.constant) != constant {
        return wrong(format!("the constant is {constant}, not {}", certificate.constant));
    }
    let (mut whole, mut most): (i128, i128) = (0, 0);
    for part in &certificate.parts {
        places(scene, part)?;
        terms.weigh(&part.weights);
        whole +=
            terms.tasks.iter().map(|task| task.weight * i128::from(task.spec.count)).sum::<i128>();
        for class in &part.classes {
            patterns(&terms, part.scope.as_deref(), class, steps)?;
            most += i128::from(class.most) * class.places.len() as i128;
        }
    }
    match certificate.claim {
        Claim::Impossible if whole > most => Ok(Proved::Impossible),
        Claim::Impossible => wrong(format!("all weigh {whole}, and {most} may fit")),
        Claim::Bound(bound) => {
            let proved = constant + (whole + most).div_euclid(i128::from(certificate.scale));
            if proved <= i128::from(bound) {
                return Ok(Proved::Bound(bound));
            }
            wrong(format!("it proves {proved}, not {bound}"))
        }
    }
}

/// The tasks are exactly those that are wanted, in their order, and each part has a weight of each.
fn counted(scene: &Scene, certificate: &Certificate) -> Result<(), Rejected> {
    let tasks = scene.tasks();
    let each = certificate.parts.iter().all(|part| part.weights.len() == tasks.len());
    if tasks.len() != certificate.tasks.len() || !each {
        return wrong("the tasks with weights are not those that are wanted");
    }
    for (((topology, path), spec), stated) in tasks.into_iter().zip(&certificate.tasks) {
        if stated.topology != topology || stated.task != path || stated.count != spec.count {
            return wrong(format!("{} stands where {path} was due", stated.task));
        }
    }
    Ok(())
}

/// An impossibility is about places of one sort. A bound is about hosts, and for each further attribute of
/// which it counts the rules about its places.
fn scopes(certificate: &Certificate) -> Result<(), Rejected> {
    let scopes: Vec<Option<&String>> =
        certificate.parts.iter().map(|part| part.scope.as_ref()).collect();
    let apart: BTreeSet<Option<&String>> = scopes.iter().copied().collect();
    match certificate.claim {
        Claim::Impossible if scopes.len() != 1 => wrong("an impossibility has one part"),
        Claim::Bound(_) if scopes.first() != Some(&None) => {
            wrong("the first part of a bound is about hosts")
        }
        _ if apart.len() < scopes.len() => wrong("two parts have the same scope"),
        _ => Ok(()),
    }
}

/// Every host is in one place, and every place is what the scope says.
fn places(scene: &Scene, part: &Part) -> Result<(), Rejected> {
    let mut wanted: BTreeSet<&str> = scene.hosts.keys().map(String::as_str).collect();
    wanted.extend(scene.runs.iter().map(|run| run.host.as_str()));
    let mut of_value: BTreeMap<&str, usize> = BTreeMap::new();
    let value = |host: &str| {
        let scope = part.scope.as_ref()?;
        scene.hosts.get(host)?.attributes.get(scope).map(String::as_str)
    };
    let all = part.classes.iter().flat_map(|class| &class.places);
    for (at, place) in all.enumerate() {
        let Some(first) = place.first() else { return wrong("a place has no host") };
        let here = value(first);
        if here.is_none() && place.len() > 1 {
            return wrong(format!("{first} is no place together with others"));
        }
        if here.is_some_and(|here| of_value.insert(here, at).is_some()) {
            return wrong(format!("the place of {first} stands in two parts"));
        }
        for host in place {
            if !wanted.remove(host.as_str()) {
                return wrong(format!("{host} is no host, or stands twice"));
            }
            if value(host) != here {
                return wrong(format!("{host} and {first} are not one place"));
            }
        }
    }
    match wanted.first() {
        Some(host) => wrong(format!("{host} is in no class")),
        None => Ok(()),
    }
}

/// No pattern of a place of the class is worth more than the class says.
fn patterns(
    terms: &Terms<'_>,
    scope: Option<&str>,
    class: &PlaceClass,
    steps: u64,
) -> Result<(), Rejected> {
    let mut problems: BTreeSet<Problem> = BTreeSet::new();
    for place in &class.places {
        let name = place.first().map_or("", String::as_str);
        let read = match scope {
            Some(scope) => terms.scoped(place, scope),
            None => terms.host(name),
        };
        let Some((facts, problem)) = read else { return wrong(format!("{name} is not known")) };
        agrees(name, &facts, class)?;
        problems.insert(problem);
    }
    for problem in &problems {
        let name = class.places.first().and_then(|place| place.first());
        let name = name.map_or("", String::as_str);
        let mut steps = steps;
        match none_is_worth_more(problem, class.most.into(), &mut steps) {
            Some(true) => {}
            Some(false) => {
                return wrong(format!(
                    "a pattern of the class of {name} is worth more than it says"
                ));
            }
            None => {
                let what = format!("the best pattern of the class of {name}");
                return Err(Rejected::Undecided(what));
            }
        }
    }
    Ok(())
}

/// What the certificate says of a place is what the input says.
fn agrees(name: &str, facts: &Facts, class: &PlaceClass) -> Result<(), Rejected> {
    if class.capacity != facts.capacity {
        return wrong(format!("{name} has {:?}, not {:?}", facts.capacity, class.capacity));
    }
    if class.base != facts.base {
        return wrong(format!("{name} has {:?} in use, not {:?}", facts.base, class.base));
    }
    let has = |task: &usize| class.tasks.contains(task);
    let sorted = class.tasks.is_sorted_by(|one, other| one < other);
    if !sorted
        || !facts.must.iter().all(has)
        || !class.tasks.iter().all(|task| facts.may.contains(task))
    {
        return wrong(format!("other tasks than these may be on {name}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;

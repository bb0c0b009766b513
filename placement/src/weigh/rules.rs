//! The rules around the weighed instance: its own, and those of others about what it carries.
//!
//! Owns what each of them says of a host, counted once for all hosts. Must not know room.

use std::collections::BTreeMap;

use lathe_topology::{Bias, Code, Tag, Target, TaskPath, Word};

use super::scene::{Other, Place, Scene};
use super::{Cause, Objection, Share};
use crate::Host;
use crate::parties::Parties;
use crate::wording::bias_text;

/// Carriers of a tag in one place.
#[derive(Default)]
struct Carried {
    /// Those that stay.
    live: Parties,
    /// All of them, those that are ending too.
    all: Parties,
}

type Carriers<'a> = BTreeMap<Place<'a>, Carried>;

/// A rule about a tag that the instance says, with the carriers it is about.
struct Own<'a> {
    bias: &'a Bias,
    carriers: Carriers<'a>,
}

/// A rule that instances of another task say about a tag that the weighed instance carries.
struct Toward<'a> {
    topology: &'a str,
    task: &'a TaskPath,
    bias: &'a Bias,
    /// The holders it makes a difference to, by place.
    holders: BTreeMap<Place<'a>, Parties>,
}

/// Every rule that says something of some host.
pub(super) struct Rules<'a> {
    own: Vec<Own<'a>>,
    toward: Vec<Toward<'a>>,
}

/// Who says a rule.
struct Speaker<'a> {
    topology: &'a str,
    task: &'a TaskPath,
    bias: &'a Bias,
}

impl Speaker<'_> {
    fn objection(&self, cause: Cause, code: Code, sentence: String) -> Objection {
        Objection {
            cause,
            code,
            topology: self.topology.to_owned(),
            task: self.task.clone(),
            statement: bias_text(self.bias),
            span: self.bias.span.clone(),
            sentence,
        }
    }

    fn share(&self, points: i64, sentence: String) -> Share {
        Share {
            topology: self.topology.to_owned(),
            task: self.task.clone(),
            statement: bias_text(self.bias),
            span: self.bias.span.clone(),
            points,
            sentence,
        }
    }
}

fn carriers<'a>(scene: &Scene<'_, 'a>, tag: &Tag, domain: Option<&String>) -> Carriers<'a> {
    let mut found = Carriers::new();
    for other in &scene.others {
        let profile = scene.profile(other);
        if !profile.tags.contains(tag) {
            continue;
        }
        let there = found.entry(scene.place(other.host, domain)).or_default();
        let name = || match domain {
            None => scene.name(other),
            Some(_) => format!("{} on {}", scene.name(other), scene.host_name(other.host)),
        };
        there.all.add(name);
        if !profile.ending {
            there.live.add(name);
        }
    }
    found
}

/// Counts carriers of tags by place, each pair of tag and domain once.
struct Counts<'s, 'i, 'a> {
    scene: &'s Scene<'i, 'a>,
    known: BTreeMap<(&'a Tag, Option<&'a String>), Carriers<'a>>,
}

impl<'a> Counts<'_, '_, 'a> {
    /// How many of the others that stay carry it beside a holder.
    fn beside(&mut self, holder: &Other, tag: &'a Tag, domain: Option<&'a String>) -> usize {
        let scene = self.scene;
        let known = self.known.entry((tag, domain)).or_insert_with(|| carriers(scene, tag, domain));
        let there = known.get(&scene.place(holder.host, domain));
        let itself = usize::from(scene.profile(holder).tags.contains(tag));
        there.map_or(0, |carried| carried.live.count).saturating_sub(itself)
    }

    /// Whether a rule of a holder changes anything by where the weighed instance is.
    fn matters(&mut self, holder: &Other, tag: &'a Tag, bias: &'a Bias) -> bool {
        let domain = bias.domain.as_ref();
        let ending = self.scene.profile(holder).ending;
        match bias.word {
            Word::Never => true,
            Word::Neutral => false,
            _ if ending => false,
            Word::Avoid => true,
            Word::Prefer => self.beside(holder, tag, domain) == 0,
            Word::Always => {
                self.scene.has_domain(holder.host, domain)
                    && self.beside(holder, tag, domain) == 0
                    && (self.scene.profile(holder).given || self.stood(holder, tag, domain))
            }
        }
    }

    /// Whether a holder of another topology has now what it needs; rules bind plans, not accidents.
    fn stood(&self, holder: &Other, tag: &Tag, domain: Option<&String>) -> bool {
        let place = self.scene.place(holder.host, domain);
        let carriers = self.scene.input.before.iter().filter(|(host, one)| {
            one.tags.contains(tag) && self.scene.place(*host, domain) == place
        });
        carriers.count() > usize::from(self.scene.profile(holder).tags.contains(tag))
    }
}

fn toward<'a>(scene: &Scene<'_, 'a>) -> Vec<Toward<'a>> {
    let mut counts = Counts { scene, known: BTreeMap::new() };
    let mut found: BTreeMap<_, Toward<'a>> = BTreeMap::new();
    for other in &scene.others {
        let profile = scene.profile(other);
        for bias in profile.biases {
            let Target::Tag(tag) = &bias.target else { continue };
            if !scene.tags.contains(tag) || !counts.matters(other, tag, bias) {
                continue;
            }
            let key = (profile.topology, profile.task, bias_text(bias));
            let rule = found.entry(key).or_insert_with(|| Toward {
                topology: profile.topology,
                task: profile.task,
                bias,
                holders: BTreeMap::new(),
            });
            let place = scene.place(other.host, bias.domain.as_ref());
            rule.holders.entry(place).or_default().add(|| match bias.word {
                Word::Always => {
                    format!("{} on {}", scene.name(other), scene.host_name(other.host))
                }
                _ => scene.name(other),
            });
        }
    }
    found.into_values().collect()
}

impl<'a> Rules<'a> {
    pub(super) fn new(scene: &Scene<'_, 'a>) -> Self {
        let own = scene.spec.biases.iter().map(|bias| {
            let carriers = match &bias.target {
                Target::Tag(tag) => carriers(scene, tag, bias.domain.as_ref()),
                Target::Attribute { .. } => Carriers::new(),
            };
            Own { bias, carriers }
        });
        Self { own: own.collect(), toward: toward(scene) }
    }

    /// What the hard rules have against a host.
    pub(super) fn objections(
        &self,
        scene: &Scene<'_, 'a>,
        at: usize,
        host: &Host,
    ) -> Vec<Objection> {
        let own = self.own.iter().filter_map(|rule| rule.objection(scene, at, host));
        let toward = self.toward.iter().filter_map(|rule| rule.objection(scene, at));
        own.chain(toward).collect()
    }

    /// What the soft rules give and take there.
    pub(super) fn shares(&self, scene: &Scene<'_, 'a>, at: usize, host: &Host) -> Vec<Share> {
        let own = self.own.iter().filter_map(|rule| rule.share(scene, at, host));
        let toward = self.toward.iter().filter_map(|rule| rule.share(scene, at));
        own.chain(toward).collect()
    }
}

/// " in the same rack", where a rule is about a domain.
fn within(bias: &Bias) -> String {
    bias.domain.as_ref().map_or_else(String::new, |name| format!(" in the same {name}"))
}

/// What a host has of an attribute, in words.
fn attribute(host: &Host, name: &str) -> String {
    let value = host.attributes.get(name);
    value.map_or_else(
        || format!("the host has no {name}"),
        |value| format!("{name} is {value} there"),
    )
}

fn has_attribute(host: &Host, name: &str, value: Option<&String>) -> bool {
    let found = host.attributes.get(name);
    value.map_or(found.is_some(), |value| found == Some(value))
}

impl<'a> Own<'a> {
    fn speaker<'s>(&self, scene: &'s Scene<'_, 'a>) -> Speaker<'s> {
        Speaker { topology: scene.topology, task: &scene.spec.path, bias: self.bias }
    }

    fn there(&self, scene: &Scene<'_, 'a>, at: usize) -> Option<&Carried> {
        self.carriers.get(&scene.place(at, self.bias.domain.as_ref()))
    }

    fn objection(&self, scene: &Scene<'_, 'a>, at: usize, host: &Host) -> Option<Objection> {
        let Bias { word, target, .. } = self.bias;
        let told = |cause, code, why: String| {
            let sentence = format!("it says {word} \"{target}\", and {why}");
            Some(self.speaker(scene).objection(cause, code, sentence))
        };
        if let Target::Attribute { name, value } = target {
            let has = has_attribute(host, name, value.as_ref());
            let broken = (*word == Word::Always && !has) || (*word == Word::Never && has);
            let why = attribute(host, name);
            return broken.then(|| told(Cause::Attribute, Code::NO_SUCH_ATTRIBUTE, why)).flatten();
        }
        let there = self.there(scene, at);
        let domain = self.bias.domain.as_ref();
        match word {
            Word::Never => {
                let all = &there?.all;
                let is = all.verb("is", "are");
                let place = domain.map_or_else(|| " there".to_owned(), |_| within(self.bias));
                told(Cause::Never, Code::BLOCKED, format!("{} {is}{place}", all.listed()))
            }
            Word::Always => {
                if let Some(name) = domain.filter(|_| !scene.has_domain(at, domain)) {
                    let why = format!("the host has no {name}");
                    return told(Cause::Always, Code::NO_SUCH_ATTRIBUTE, why);
                }
                let met = there.is_some_and(|carried| carried.live.count > 0);
                let place = domain.map_or_else(|| " there".to_owned(), |_| within(self.bias));
                let why = format!("nothing else{place} carries it");
                let code = Code::ALWAYS_WITHOUT_CARRIER;
                (!met).then(|| told(Cause::Always, code, why)).flatten()
            }
            _ => None,
        }
    }

    fn share(&self, scene: &Scene<'_, 'a>, at: usize, host: &Host) -> Option<Share> {
        let Bias { word, target, .. } = self.bias;
        let weight = i64::from(self.bias.weight);
        if !matches!(word, Word::Avoid | Word::Prefer) {
            return None;
        }
        let (count, why) = match target {
            Target::Attribute { name, value } => {
                let has = has_attribute(host, name, value.as_ref());
                (usize::from(has), attribute(host, name))
            }
            Target::Tag(_) => {
                let live = self.there(scene, at).map(|carried| &carried.live);
                let place =
                    self.bias.domain.as_ref().map_or(" there".to_owned(), |_| within(self.bias));
                match live.filter(|live| live.count > 0) {
                    Some(live) => {
                        let carries = live.verb("carries", "carry");
                        (live.count, format!("{} {carries} it{place}", live.listed()))
                    }
                    None => (0, format!("nothing else{place} carries it")),
                }
            }
        };
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let points = match word {
            Word::Avoid => -weight.saturating_mul(count),
            _ => weight * count.min(1),
        };
        let sentence = format!("it says {word} \"{target}\", and {why}");
        Some(self.speaker(scene).share(points, sentence))
    }
}

impl<'a> Toward<'a> {
    fn speaker(&self) -> Speaker<'a> {
        Speaker { topology: self.topology, task: self.task, bias: self.bias }
    }

    fn objection(&self, scene: &Scene<'_, 'a>, at: usize) -> Option<Objection> {
        let Bias { word, target, domain, .. } = self.bias;
        let here = scene.place(at, domain.as_ref());
        match word {
            Word::Never => {
                let holders = self.holders.get(&here)?;
                let (says, names) = (holders.verb("says", "say"), holders.listed());
                let place = within(self.bias);
                let sentence =
                    format!("{names}{place} {says} never \"{target}\", and it carries that");
                Some(self.speaker().objection(Cause::Never, Code::BLOCKED, sentence))
            }
            Word::Always => {
                let stranded = self.holders.iter().find(|(place, _)| **place != here)?.1;
                let (says, names) = (stranded.verb("says", "say"), stranded.listed());
                let place = domain.as_ref().map_or(" there".to_owned(), |_| within(self.bias));
                let sentence = format!(
                    "{names} {says} always \"{target}\", and without it nothing{place} carries that"
                );
                Some(self.speaker().objection(
                    Cause::Always,
                    Code::ALWAYS_WITHOUT_CARRIER,
                    sentence,
                ))
            }
            _ => None,
        }
    }

    fn share(&self, scene: &Scene<'_, 'a>, at: usize) -> Option<Share> {
        let Bias { word, target, domain, .. } = self.bias;
        let holders = self.holders.get(&scene.place(at, domain.as_ref()))?;
        let sign = match word {
            Word::Avoid => -1,
            Word::Prefer => 1,
            _ => return None,
        };
        let count = i64::try_from(holders.count).unwrap_or(i64::MAX);
        let points = i64::from(self.bias.weight).saturating_mul(count) * sign;
        let (says, names) = (holders.verb("says", "say"), holders.listed());
        let place = within(self.bias);
        let sentence = format!("{names}{place} {says} {word} \"{target}\", and it carries that");
        Some(self.speaker().share(points, sentence))
    }
}

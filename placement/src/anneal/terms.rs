//! Rules as counters of instances at a place, and what one instance more or less there changes by them.
//!
//! Owns the arithmetic of the search's steps. Most of it is a sum of counters with weights, which is why
//! it is fast. Must not know hosts, nor which of them has what.

use std::collections::BTreeMap;

use crate::model::{Model, Says, Touch};
use crate::state::{BROKEN, Delta};

/// Who is counted by a counter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Counted {
    /// Instances of these profiles, ascending.
    Profiles(Vec<usize>),
    /// Users of a fixed port.
    Port(u16),
}

/// A weight for each that a counter counts.
type Line = (usize, i64);

/// A gain where a counter counts anybody.
#[derive(Debug)]
struct Want {
    at: usize,
    gain: Delta,
    except: Option<usize>,
}

/// A gain of holders there by the carrier that makes the difference.
#[derive(Debug)]
struct Wanted {
    held: usize,
    live: usize,
    /// So many carriers are not enough: 1 where holders are carriers.
    own: i32,
    gain: Delta,
    except: Option<usize>,
}

/// A gain of holders there by a carrier that is a holder too.
#[derive(Debug)]
struct Mutual {
    held: usize,
    live: usize,
    gain: Delta,
    except: Option<usize>,
}

/// Everything that a kind's rules, and rules about it, say in one sort of domain.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) sort: usize,
    /// What is lost in points for each counted, and what of that an instance counts itself.
    soft: Vec<Line>,
    soft_self: i64,
    /// The same in broken rules.
    hard: Vec<Line>,
    hard_self: i64,
    wants: Vec<Want>,
    wanted: Vec<Wanted>,
    mutual: Vec<Mutual>,
}

/// An `always`: where its holders and carriers are counted.
#[derive(Debug)]
pub(super) struct Need {
    pub(super) rule: usize,
    pub(super) held: usize,
    pub(super) live: usize,
}

#[derive(Debug)]
pub(super) struct Terms {
    /// By kind.
    pub(super) sections: Vec<Vec<Section>>,
    /// By sort of domain: the counters of a place.
    pub(super) counters: Vec<Vec<Counted>>,
    /// By profile: the counters that count it, as sort and number.
    pub(super) counted: Vec<Vec<(usize, usize)>>,
    pub(super) needs: Vec<Need>,
    /// Places where a rule's gain cannot be had or is not asked for.
    excepts: Vec<Vec<bool>>,
}

struct Builder<'m> {
    model: &'m Model,
    ids: Vec<BTreeMap<Counted, usize>>,
    excepts: Vec<Vec<bool>>,
    /// By rule.
    except_of: BTreeMap<usize, usize>,
}

impl Terms {
    pub(super) fn new(model: &Model) -> Self {
        let mut builder = Builder {
            model,
            ids: vec![BTreeMap::new(); model.domains.len()],
            excepts: Vec::new(),
            except_of: BTreeMap::new(),
        };
        let sections = (0..model.kinds.len()).map(|kind| builder.sections(kind)).collect();
        let always = model.rules.iter().enumerate().filter(|(_, rule)| rule.says == Says::Always);
        let needs = always
            .map(|(at, rule)| Need {
                rule: at,
                held: builder.counter(rule.domain, vec![rule.holder]),
                live: builder.live(at),
            })
            .collect();
        let mut counters = Vec::new();
        let mut counted = vec![Vec::new(); model.touching.len()];
        for (sort, ids) in builder.ids.iter().enumerate() {
            let mut of_sort = vec![Counted::Port(0); ids.len()];
            for (whom, &at) in ids {
                of_sort[at] = whom.clone();
                for profile in builder.profiles(whom) {
                    counted[profile].push((sort, at));
                }
            }
            counters.push(of_sort);
        }
        Self { sections, counters, counted, needs, excepts: builder.excepts }
    }
}

impl Builder<'_> {
    fn id(&mut self, sort: usize, whom: Counted) -> usize {
        let ids = &mut self.ids[sort];
        let next = ids.len();
        *ids.entry(whom).or_insert(next)
    }

    fn counter(&mut self, sort: usize, profiles: Vec<usize>) -> usize {
        self.id(sort, Counted::Profiles(profiles))
    }

    /// The counter of a rule's live carriers.
    fn live(&mut self, rule: usize) -> usize {
        let (model, rule) = (self.model, &self.model.rules[rule]);
        let ending = |profile: usize| {
            let group = profile.checked_sub(model.kinds.len());
            group.is_some_and(|group| model.fixed[group].ending)
        };
        let carriers = model.tags[rule.tag].profiles.iter().copied();
        let live = carriers.filter(|profile| !ending(*profile)).collect();
        self.counter(rule.domain, live)
    }

    fn profiles(&self, whom: &Counted) -> Vec<usize> {
        match whom {
            Counted::Profiles(profiles) => profiles.clone(),
            Counted::Port(port) => {
                let kinds = self.model.kinds.iter().enumerate();
                kinds.filter(|(_, kind)| kind.ports.contains(port)).map(|(at, _)| at).collect()
            }
        }
    }

    /// The list of places where an `always` cannot be satisfied or need not be.
    fn except(&mut self, touch: &Touch) -> Option<usize> {
        if touch.says != Says::Always {
            return None;
        }
        if let Some(&known) = self.except_of.get(&touch.rule) {
            return Some(known);
        }
        let domain = &self.model.domains[touch.domain];
        let places = (0..domain.len()).map(|place| {
            domain.lacks[place] || domain.unknown[place] || touch.excused(self.model, place)
        });
        let places: Vec<bool> = places.collect();
        if !places.contains(&true) {
            return None;
        }
        self.excepts.push(places);
        self.except_of.insert(touch.rule, self.excepts.len() - 1);
        Some(self.excepts.len() - 1)
    }

    fn sections(&mut self, kind: usize) -> Vec<Section> {
        let sorts = 0..self.model.domains.len();
        let sections = sorts.map(|sort| self.section(kind, sort));
        sections.filter(|section| !section.is_empty()).collect()
    }

    fn section(&mut self, kind: usize, sort: usize) -> Section {
        let model = self.model;
        let (mut soft, mut hard) = (BTreeMap::new(), BTreeMap::new());
        let mut section = Section {
            sort,
            soft: Vec::new(),
            soft_self: 0,
            hard: Vec::new(),
            hard_self: 0,
            wants: Vec::new(),
            wanted: Vec::new(),
            mutual: Vec::new(),
        };
        for touch in model.touch[kind].iter().filter(|touch| touch.domain == sort) {
            let held = self.counter(sort, vec![touch.holder]);
            let all = model.tags[model.rules[touch.rule].tag].profiles.clone();
            let live = self.live(touch.rule);
            match touch.says {
                Says::Avoid(weight) => lines(&mut soft, touch, [held, live], weight),
                Says::Never => {
                    let all = self.counter(sort, all);
                    lines(&mut hard, touch, [held, all], BROKEN);
                }
                Says::Prefer(weight) => {
                    let gain = Delta { points: weight, wrong: 0 };
                    section.gains(touch, [held, live], gain, None);
                }
                Says::Always => {
                    let except = self.except(touch);
                    let gain = Delta { points: 0, wrong: -BROKEN };
                    section.gains(touch, [held, live], gain, except);
                }
            }
        }
        if sort == 0 {
            for port in &model.kinds[kind].ports {
                *hard.entry(self.id(0, Counted::Port(*port))).or_default() += BROKEN;
            }
        }
        let itself = |counters: &BTreeMap<Counted, usize>, lines: &BTreeMap<usize, i64>| -> i64 {
            // Few of all counters matter to one kind.
            let named = counters.iter().filter_map(|(whom, at)| Some((whom, lines.get(at)?)));
            let mine = named.filter(|(whom, _)| self.profiles(whom).contains(&kind));
            mine.map(|(_, weight)| *weight).sum()
        };
        section.soft_self = itself(&self.ids[sort], &soft);
        section.hard_self = itself(&self.ids[sort], &hard);
        section.soft = soft.into_iter().collect();
        section.hard = hard.into_iter().collect();
        section
    }
}

/// A rule that costs for each pair of holder and carrier.
fn lines(
    lines: &mut BTreeMap<usize, i64>,
    touch: &Touch,
    [held, carried]: [usize; 2],
    weight: i64,
) {
    if touch.holds > 0 {
        *lines.entry(carried).or_default() += weight;
    }
    if touch.carries > 0 {
        *lines.entry(held).or_default() += weight;
    }
}

impl Section {
    fn is_empty(&self) -> bool {
        self.soft.is_empty()
            && self.hard.is_empty()
            && self.wants.is_empty()
            && self.wanted.is_empty()
            && self.mutual.is_empty()
    }

    fn gains(&mut self, touch: &Touch, at: [usize; 2], gain: Delta, except: Option<usize>) {
        let [held, live] = at;
        match (touch.holds > 0, touch.carries > 0) {
            (true, true) => self.mutual.push(Mutual { held, live, gain, except }),
            (true, false) => self.wants.push(Want { at: live, gain, except }),
            _ => self.wanted.push(Wanted { held, live, own: i32::from(touch.own), gain, except }),
        }
    }
}

fn sum(lines: &[Line], row: &[i32]) -> i64 {
    lines
        .iter()
        .fold(0, |sum, &(at, weight)| sum.wrapping_add(weight.wrapping_mul(i64::from(row[at]))))
}

impl Terms {
    fn is_excepted(&self, except: Option<usize>, place: usize) -> bool {
        except.is_some_and(|list| self.excepts[list][place])
    }

    /// What changes when one comes to a place with these counters.
    #[inline]
    pub(super) fn come(&self, section: &Section, row: &[i32], place: usize) -> Delta {
        let mut change = Delta { points: -sum(&section.soft, row), wrong: sum(&section.hard, row) };
        for want in &section.wants {
            if row[want.at] > 0 && !self.is_excepted(want.except, place) {
                change = change + want.gain;
            }
        }
        for one in &section.wanted {
            if row[one.live] == one.own && !self.is_excepted(one.except, place) {
                change = change + one.gain.times(row[one.held]);
            }
        }
        for one in &section.mutual {
            if !self.is_excepted(one.except, place) {
                let met = match row[one.live] {
                    0 => 0,
                    1 => row[one.held] + 1,
                    _ => 1,
                };
                change = change + one.gain.times(met);
            }
        }
        change
    }

    /// What changes when one that these counters count goes.
    #[inline]
    pub(super) fn go(&self, section: &Section, row: &[i32], place: usize) -> Delta {
        let mut change = Delta {
            points: sum(&section.soft, row) - section.soft_self,
            wrong: section.hard_self - sum(&section.hard, row),
        };
        for want in &section.wants {
            if row[want.at] > 0 && !self.is_excepted(want.except, place) {
                change = change + want.gain.times(-1);
            }
        }
        for one in &section.wanted {
            if row[one.live] == one.own + 1 && !self.is_excepted(one.except, place) {
                change = change + one.gain.times(-row[one.held]);
            }
        }
        for one in &section.mutual {
            if !self.is_excepted(one.except, place) {
                let met = match row[one.live] {
                    ..=1 => 0,
                    2 => row[one.held],
                    _ => 1,
                };
                change = change + one.gain.times(-met);
            }
        }
        change
    }

    /// Whether one that is there breaks a hard rule or goes without what it needs.
    pub(super) fn is_broken(&self, section: &Section, row: &[i32], place: usize) -> bool {
        let excepted = |except| self.is_excepted(except, place);
        sum(&section.hard, row) > section.hard_self
            || section
                .wants
                .iter()
                .any(|want| want.gain.wrong < 0 && (row[want.at] == 0 || excepted(want.except)))
            || section
                .mutual
                .iter()
                .any(|one| one.gain.wrong < 0 && (row[one.live] < 2 || excepted(one.except)))
            || section.wanted.iter().any(|one| {
                let short = row[one.held] > 0 && row[one.live] <= one.own;
                one.gain.wrong < 0 && short && !excepted(one.except)
            })
    }
}

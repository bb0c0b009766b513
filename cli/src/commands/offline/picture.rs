//! A plan as a picture: a column for each host, in it its instances, coloured and lettered by task,
//! with a mark where a wish is not met.
//!
//! Owns what is in the picture: who stands where, and which soft rules are met. How it is drawn is
//! below. It must not know how a plan is found.

mod svg;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use lathe_placement::{Change, Cluster, Plan, Running};
use lathe_topology::{Bias, Tag, Target, Topology, Word};

pub(super) use svg::svg;
pub(super) use text::text;

/// Hosts that are drawn; the rest is counted.
const HOSTS: usize = 400;
/// Of more hosts than this those with nothing on them are counted, not drawn.
const EMPTY_SHOWN: usize = 24;

/// What is drawn.
#[derive(Debug)]
pub(super) struct Picture {
    columns: Vec<Column>,
    /// Tasks in the order of their letters.
    tasks: Vec<Legend>,
    /// How many hosts there are.
    hosts: usize,
    /// Those with nothing on them that are not drawn, and others for which there is no room.
    empty_left_out: usize,
    hosts_left_out: usize,
    score: i64,
    bound: Option<i64>,
}

#[derive(Debug)]
struct Column {
    host: String,
    cells: Vec<Cell>,
}

#[derive(Debug)]
struct Cell {
    /// None: not the plan's.
    task: Option<usize>,
    name: String,
    /// Soft rules that it has, and how many of them are as it wishes.
    wishes: usize,
    met: usize,
    is_new: bool,
}

impl Cell {
    /// How much of what it wishes is so: all, a part or nothing; none where it wishes nothing.
    fn mark(&self) -> Option<&'static str> {
        match (self.met, self.wishes) {
            (_, 0) => None,
            (met, all) if met == all => Some("good"),
            (0, _) => Some("bad"),
            _ => Some("part"),
        }
    }
}

#[derive(Debug, Default)]
struct Legend {
    letters: String,
    task: String,
    count: usize,
    wishes: usize,
    met: usize,
}

/// One instance in the end.
struct Live<'a> {
    host: &'a str,
    name: String,
    tags: BTreeSet<Tag>,
    biases: &'a [Bias],
    task: Option<usize>,
    is_new: bool,
}

impl Picture {
    pub(super) fn new(
        cluster: &Cluster,
        topologies: &[Topology],
        running: &Running,
        plan: &Plan,
    ) -> Self {
        let (live, mut tasks) = end(topologies, running, plan);
        let attributes: BTreeMap<&str, &BTreeMap<String, String>> =
            cluster.hosts.iter().map(|host| (host.name.as_str(), &host.attributes)).collect();
        let around = Around::new(&live, &attributes);
        let mut columns: BTreeMap<&str, Vec<Cell>> =
            cluster.hosts.iter().map(|host| (host.name.as_str(), Vec::new())).collect();
        for one in &live {
            let soft =
                one.biases.iter().filter(|bias| matches!(bias.word, Word::Prefer | Word::Avoid));
            let soft: Vec<bool> = soft.map(|bias| around.is_met(one, bias)).collect();
            let (wishes, met) = (soft.len(), soft.iter().filter(|met| **met).count());
            if let Some(legend) = one.task.map(|at| &mut tasks[at]) {
                legend.count += 1;
                legend.wishes += wishes;
                legend.met += met;
            }
            let (task, name, is_new) = (one.task, one.name.clone(), one.is_new);
            columns.entry(one.host).or_default().push(Cell { task, name, wishes, met, is_new });
        }
        let hosts = columns.len();
        let mut columns: Vec<Column> = columns
            .into_iter()
            .map(|(host, cells)| Column { host: host.to_owned(), cells })
            .collect();
        if hosts > EMPTY_SHOWN {
            columns.retain(|column| !column.cells.is_empty());
        }
        let empty_left_out = hosts - columns.len();
        columns.sort_by_cached_key(|column| counted(&column.host));
        columns.truncate(HOSTS);
        let order = |cell: &Cell| (cell.task.is_none(), cell.task, cell.name.clone());
        columns.iter_mut().for_each(|column| column.cells.sort_by_key(order));
        let hosts_left_out = hosts - empty_left_out - columns.len();
        let (score, bound) = (plan.score, plan.bound);
        Self { columns, tasks, hosts, empty_left_out, hosts_left_out, score, bound }
    }

    /// What is not drawn, in words.
    fn left_out(&self) -> Option<String> {
        let hosts = |number: usize| if number == 1 { "host" } else { "hosts" };
        let said = match (self.hosts_left_out, self.empty_left_out) {
            (0, 0) => return None,
            (0, empty) => format!("{empty} {} more with nothing on them", hosts(empty)),
            (more, 0) => format!("{more} {} more", hosts(more)),
            (more, empty) => {
                format!("{more} {} more, and {empty} with nothing on them", hosts(more))
            }
        };
        Some(said)
    }

    fn any(&self, is: impl Fn(&Cell) -> bool) -> bool {
        self.columns.iter().flat_map(|column| &column.cells).any(is)
    }

    fn head(&self) -> String {
        match self.bound {
            Some(bound) => format!("score {} of at most {bound}", self.score),
            None => format!("score {}", self.score),
        }
    }

    fn letters(&self, cell: &Cell) -> &str {
        cell.task.map_or("·", |at| self.tasks[at].letters.as_str())
    }
}

/// A name as people count: h2 before h10. Texts and numbers take turns.
fn counted(name: &str) -> Vec<(String, u64, String)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let text = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (text, after) = rest.split_at(text);
        let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        let (digits, after) = after.split_at(digits);
        parts.push((text.to_owned(), digits.parse().unwrap_or(u64::MAX), digits.to_owned()));
        rest = after;
    }
    parts
}

/// What lives in the end, and the tasks of the plan.
fn end<'a>(
    topologies: &'a [Topology],
    running: &'a Running,
    plan: &'a Plan,
) -> (Vec<Live<'a>>, Vec<Legend>) {
    let (mut tasks, mut numbers, mut live) = (Vec::new(), BTreeMap::new(), Vec::new());
    for topology in topologies {
        for spec in topology.tasks.iter().filter(|spec| spec.count > 0) {
            numbers.insert((topology.name.as_str(), &spec.path), (tasks.len(), spec));
            let letters = letters(tasks.len());
            tasks.push(Legend { letters, task: spec.path.to_string(), ..Legend::default() });
        }
    }
    for one in &plan.assignments {
        if let Some((task, spec)) = numbers.get(&(one.topology.as_str(), &one.task)) {
            live.push(Live {
                host: &one.host,
                name: format!("{}#{}", one.task, one.slot),
                tags: spec.carried_tags(),
                biases: &spec.biases,
                task: Some(*task),
                is_new: one.change != Change::Keep,
            });
        }
    }
    let given = |name: &str| topologies.iter().any(|topology| topology.name == name);
    for one in running.instances.iter().filter(|one| !given(&one.topology)) {
        live.push(Live {
            host: &one.host,
            name: format!("{}#{} of {}", one.task, one.slot, one.topology),
            tags: one.tags.clone(),
            biases: &one.biases,
            task: None,
            is_new: false,
        });
    }
    (live, tasks)
}

/// `A` to `Z`, `AA` to `ZZ`, and so on.
fn letters(mut at: usize) -> String {
    let mut text = String::new();
    loop {
        let letter = u8::try_from(at % 26).unwrap_or(0);
        text.insert(0, char::from(b'A' + letter));
        match at / 26 {
            0 => return text,
            more => at = more - 1,
        }
    }
}

/// Carriers of each tag in each place.
struct Around<'a> {
    attributes: &'a BTreeMap<&'a str, &'a BTreeMap<String, String>>,
    counts: BTreeMap<(Place<'a>, &'a Tag), usize>,
}

/// A sort of domain, whether the host has the attribute, and its value or else the host itself.
type Place<'a> = (Option<&'a str>, bool, &'a str);

impl<'a> Around<'a> {
    fn new(
        live: &'a [Live<'a>],
        attributes: &'a BTreeMap<&'a str, &'a BTreeMap<String, String>>,
    ) -> Self {
        let named =
            live.iter().flat_map(|one| one.biases).filter_map(|bias| bias.domain.as_deref());
        let domains: BTreeSet<Option<&str>> = named.map(Some).chain([None]).collect();
        let mut around = Self { attributes, counts: BTreeMap::new() };
        for one in live {
            for domain in &domains {
                let place = around.place(*domain, one.host);
                for tag in &one.tags {
                    *around.counts.entry((place, tag)).or_default() += 1;
                }
            }
        }
        around
    }

    /// The value of the domain there; a host without it is a place of its own.
    fn place(&self, domain: Option<&'a str>, host: &'a str) -> Place<'a> {
        let found = domain.and_then(|name| self.attributes.get(host)?.get(name));
        found.map_or((domain, false, host), |value| (domain, true, value.as_str()))
    }

    fn is_met(&self, one: &'a Live<'a>, bias: &'a Bias) -> bool {
        let there = match &bias.target {
            Target::Attribute { name, value } => {
                let found = self.attributes.get(one.host).and_then(|all| all.get(name));
                match value {
                    None => found.is_some(),
                    Some(value) => found == Some(value),
                }
            }
            Target::Tag(tag) => {
                let place = self.place(bias.domain.as_deref(), one.host);
                let all = self.counts.get(&(place, tag)).copied().unwrap_or(0);
                all > usize::from(one.tags.contains(tag))
            }
        };
        there == (bias.word == Word::Prefer)
    }
}

#[cfg(test)]
mod tests;

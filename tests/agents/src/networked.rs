//! Agents on hosts of their own, before a network that loses and cuts, with an account of what they showed.
//!
//! Owns the course of it and the judgement, which is made from outside: by what was written and what agents answer.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::{Agent, Hosts, Site, get, instance};

const TASK: &str = "web.cache";
/// Entries of the group: more than a datagram carries.
const ENTRIES: u32 = 12;
/// Everybody has to know within this time.
const PATIENCE: Duration = Duration::from_secs(60);
const REGISTRIES: usize = 3;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Networked {
    /// Hosts, each with an agent; every fourth follows registries.
    pub agents: usize,
    /// Of a hundred packets so many are lost.
    pub loss: u32,
    /// Of the dice.
    pub seed: u64,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// How long it took until all knew, by what was done.
    pub known: Vec<(String, Duration)>,
    /// Answers that were looked at.
    pub reads: u64,
    /// Those that show what was never written, or something older than before.
    pub wrong: Vec<String>,
}

impl Findings {
    /// Whether nothing was wrong.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.wrong.is_empty()
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, took) in &self.known {
            writeln!(f, "{:>7} ms  {what}", took.as_millis())?;
        }
        writeln!(f, "reads  {:>8}", self.reads)?;
        writeln!(f, "wrong  {:>8}", self.wrong.len())?;
        self.wrong.iter().take(20).try_for_each(|wrong| writeln!(f, "WRONG: {wrong}"))
    }
}

/// Lives by the commits at which they were written, and what each agent has shown last.
#[derive(Debug, Default)]
struct Judge {
    written: BTreeMap<u64, u32>,
    shown: BTreeMap<usize, u64>,
    findings: Findings,
}

struct Course {
    plan: Networked,
    site: Site,
    hosts: Hosts,
    agents: BTreeMap<usize, Agent>,
    trust: String,
    judge: Mutex<Judge>,
    life: u32,
}

impl Networked {
    /// Does it all.
    pub async fn run(self, mut talk: impl FnMut(&str)) -> Findings {
        let hosts = Hosts::make(self.agents, REGISTRIES, self.loss);
        let places: Vec<_> = (1..=REGISTRIES).map(|at| [10, 77, 1, at as u8].into()).collect();
        let site = Site::start_at(&places).await;
        let trust = site.public_key().await;
        let keys = site.folder().join("keys");
        std::fs::write(&keys, format!("k:{}\n", "07".repeat(32))).expect("it is written");
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&keys, private).expect("it is ours");
        let (agents, judge) = (BTreeMap::new(), Mutex::default());
        let mut course = Course { plan: self, site, hosts, agents, trust, judge, life: 0 };
        for host in 1..=self.agents {
            course.start(host).await;
        }
        course.through(&mut talk).await;
        let judge = course.judge.into_inner().unwrap_or_else(PoisonError::into_inner);
        judge.findings
    }
}

impl Course {
    fn hears(host: usize) -> bool {
        host % 4 == 1
    }

    async fn start(&mut self, host: usize) {
        let registries: &[usize] = if Self::hears(host) { &[0, 1, 2] } else { &[] };
        let config = self.configuration(host, registries);
        let agent = Agent::start_in(&Hosts::namespace(host), &config).await;
        self.agents.insert(host, agent);
    }

    fn configuration(&self, host: usize, registries: &[usize]) -> PathBuf {
        let (own, keys) = (Hosts::address(host), self.site.folder().join("keys"));
        let seeds: Vec<String> = [1, 2].map(|at| format!("{}:4801", Hosts::address(at))).into();
        let more = format!(
            "listen = \"{own}:4800\"\ninsecure = true\ngroups = [{TASK:?}]\npoll = \"2s\"\n[gossip]\n\
             listen = \"{own}:4801\"\nseeds = {seeds:?}\nkey_file = {keys:?}\ntrust = [{:?}]\n",
            self.trust
        );
        self.site.configuration_of(&format!("host-{host}"), registries, &more)
    }

    async fn through(&mut self, talk: &mut impl FnMut(&str)) {
        let all: Vec<usize> = (1..=self.plan.agents).collect();
        let mut dice = StdRng::seed_from_u64(self.plan.seed);
        self.change().await;
        self.known("all agents have started", &all, talk).await;
        self.change().await;
        self.known("a change", &all, talk).await;

        for _ in 0..self.plan.agents {
            let mut draw = || dice.random_range(1..=self.plan.agents);
            self.hosts.cut(draw(), draw());
        }
        all.iter().filter(|host| **host != 1).for_each(|host| self.hosts.cut_registries(*host));
        self.change().await;
        self.known("as many ways are cut as there are agents; one hears registries", &all, talk)
            .await;

        all.iter().for_each(|host| self.hosts.cut_registries(*host));
        self.change().await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        self.look().await;
        self.hosts.heal();
        self.known("registries were cut off from all, and the network heals", &all, talk).await;

        let (near, far) = all.split_at(self.plan.agents / 2);
        for (one, other) in near.iter().flat_map(|one| far.iter().map(move |other| (one, other))) {
            self.hosts.cut(*one, *other);
            self.hosts.cut(*other, *one);
        }
        far.iter().for_each(|host| self.hosts.cut_registries(*host));
        self.change().await;
        self.known("two halves; the one that hears registries", near, talk).await;
        self.hosts.heal();
        self.known("the halves are one again", &all, talk).await;

        for registry in 0..REGISTRIES {
            self.site.stop_registry(registry).await;
        }
        for host in all.iter().filter(|host| *host % 3 == 0) {
            self.agents.remove(host).expect("it runs").kill().await;
            let data = self.site.folder().join(format!("host-{host}"));
            std::fs::remove_dir_all(data).expect("it was there");
            self.judge().shown.remove(host);
        }
        for host in all.iter().filter(|host| *host % 3 == 0) {
            self.start(*host).await;
        }
        self.known("no registry is left; a third of the agents begins with nothing", &all, talk)
            .await;
    }

    async fn change(&mut self) {
        self.life += 1;
        let life = self.life;
        let entries: Vec<_> = (0..ENTRIES).map(|slot| instance(TASK, slot, life, 31_000)).collect();
        let gone: Vec<String> =
            (0..ENTRIES).map(|slot| format!("{TASK}#{slot}.{}", life - 1)).collect();
        let gone: Vec<&str> = gone.iter().map(String::as_str).filter(|_| life > 1).collect();
        let commit = self.site.change(&entries, &gone).await;
        self.judge().written.insert(commit, life);
    }

    fn judge(&self) -> MutexGuard<'_, Judge> {
        self.judge.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those of these hosts that have not shown the newest state.
    fn behind(&self, hosts: &[usize]) -> Vec<String> {
        let judge = self.judge();
        let newest = judge.written.last_key_value().map(|(commit, _)| *commit);
        let behind = hosts.iter().filter(|host| judge.shown.get(*host).copied() != newest);
        behind.map(ToString::to_string).collect()
    }

    /// Looks until all of these show the newest state.
    async fn known(&mut self, what: &str, hosts: &[usize], talk: &mut impl FnMut(&str)) {
        let began = Instant::now();
        loop {
            self.look().await;
            let took = began.elapsed();
            let behind = self.behind(hosts);
            if behind.is_empty() {
                talk(&format!("{:>7} ms  {what}", took.as_millis()));
                self.judge().findings.known.push((what.to_owned(), took));
                return;
            }
            if took > PATIENCE {
                let wrong = format!("{what}: {} do not know it", behind.join(", "));
                self.judge().findings.wrong.push(wrong);
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Asks every agent once, and judges what it says.
    async fn look(&self) {
        for (host, agent) in &self.agents {
            let Some(reply) = get(&agent.url, &format!("/v1/groups/{TASK}"), &[]).await else {
                continue;
            };
            if reply.status != 200 {
                continue;
            }
            let view = reply.json();
            let version = view["version"].as_u64().unwrap_or_default();
            let mut judge = self.judge();
            judge.findings.reads += 1;
            let mut wrong = Vec::new();
            // Before the first change the group is empty.
            if version > 0 {
                let life = judge.written.get(&version).copied();
                let entries = view["entries"].as_array().map_or(0, Vec::len);
                let end = life.map(|life| format!(".{life}")).unwrap_or_default();
                let named = view["entries"].as_array().into_iter().flatten();
                let fits = named.filter_map(|it| it["incarnation"].as_str());
                let fits = fits.filter(|it| it.ends_with(&end)).count();
                if life.is_none() || entries != ENTRIES as usize || fits != entries {
                    wrong.push(format!("host {host} shows version {version} as nobody wrote it"));
                }
            }
            let before = judge.shown.insert(*host, version).unwrap_or_default();
            if version < before {
                wrong.push(format!("host {host} goes back from {before} to {version}"));
            }
            judge.findings.wrong.extend(wrong);
        }
    }
}

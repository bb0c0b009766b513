//! Agents on hosts of their own, registries and servers of ZooKeeper on others, on a network that loses, delays and
//! cuts, with an account of what they showed.
//!
//! Owns the course of it. The judgement is made from outside, by what was written and what is answered
//! (`networked/judge.rs`).

mod judge;
mod stage;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use lathe_catalog::{Entry, State};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::{Agent, Host, get, instance};
use judge::Judge;
use stage::Stage;

pub use judge::Findings;

const TASK: &str = "web.cache";
/// Entries of the group: more than a datagram carries.
const ENTRIES: u32 = 12;
/// Everybody has to know within this time.
const PATIENCE: Duration = Duration::from_secs(60);
/// So long is looked on while something is cut off that nobody can hear of.
const WHILE_CUT: Duration = Duration::from_secs(3);
const REGISTRIES: u8 = 3;
const ZOOKEEPERS: u8 = 3;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Networked {
    /// Hosts with an agent each; every fourth follows registries.
    pub agents: u8,
    /// Of a hundred packets so many are lost.
    pub loss: u32,
    /// Of the dice.
    pub seed: u64,
}

struct Course<'a> {
    plan: Networked,
    stage: Stage,
    agents: BTreeMap<Host, Agent>,
    trust: String,
    judge: Judge,
    life: u32,
    talk: &'a mut dyn FnMut(&str),
}

impl Networked {
    /// Does it all.
    pub async fn run(self, mut talk: impl FnMut(&str)) -> Findings {
        let stage = Stage::set(self.agents, self.loss).await;
        let trust = stage.site.public_key().await;
        let keys = stage.site.folder().join("keys");
        std::fs::write(&keys, format!("k:{}\n", "07".repeat(32))).expect("it is written");
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&keys, private).expect("it is ours");
        let (agents, judge, talk) = (BTreeMap::new(), Judge::default(), &mut talk);
        let mut course = Course { plan: self, stage, agents, trust, judge, life: 0, talk };
        course.start(&course.all_agents()).await;
        course.begins().await;
        course.cut_off_from_registries().await;
        course.cut_off_from_the_store().await;
        course.loses_a_leader().await;
        course.halves().await;
        course.without_registries().await;
        let unused = course.stage.unused();
        let wrong = unused.iter().map(|host| format!("nobody went by the door of {host}"));
        course.judge.findings.wrong.extend(wrong);
        course.judge.findings
    }
}

impl Course<'_> {
    fn all_agents(&self) -> Vec<Host> {
        (1..=self.plan.agents).map(Host::Agent).collect()
    }

    fn all_registries() -> Vec<Host> {
        (1..=REGISTRIES).map(Host::Registry).collect()
    }

    fn all_servers() -> Vec<Host> {
        (1..=ZOOKEEPERS).map(Host::ZooKeeper).collect()
    }

    /// Starts their agents, beside each other.
    async fn start(&mut self, hosts: &[Host]) {
        let mut starting = Vec::new();
        for host in hosts {
            let hears = matches!(host, Host::Agent(at) if at % 4 == 1);
            let registries: &[usize] = if hears { &[0, 1, 2] } else { &[] };
            let (host, config) = (*host, self.configuration(*host, registries));
            let start = async move { Agent::start_in(&host.namespace(), &config).await };
            starting.push((host, tokio::spawn(start)));
        }
        for (host, agent) in starting {
            self.agents.insert(host, agent.await.expect("it starts"));
        }
    }

    fn configuration(&self, host: Host, registries: &[usize]) -> PathBuf {
        let (own, keys) = (host.address(), self.stage.site.folder().join("keys"));
        let seeds = [1, 2].map(|at| format!("{}:4801", Host::Agent(at).address()));
        let more = format!(
            "listen = \"{own}:4800\"\ninsecure = true\ngroups = [{TASK:?}]\npoll = \"2s\"\n[gossip]\n\
             listen = \"{own}:4801\"\nseeds = {seeds:?}\nkey_file = {keys:?}\ntrust = [{:?}]\n",
            self.trust
        );
        self.stage.site.configuration_of(&host.namespace(), registries, &more)
    }

    async fn begins(&mut self) {
        let all = [self.all_agents(), Self::all_registries()].concat();
        self.change().await;
        self.known("all have started", &all).await;
        self.change().await;
        self.known("a change", &all).await;
    }

    async fn cut_off_from_registries(&mut self) {
        let (all, registries) = (self.all_agents(), Self::all_registries());
        let mut dice = StdRng::seed_from_u64(self.plan.seed);
        for _ in &all {
            let mut draw = || Host::Agent(dice.random_range(1..=self.plan.agents));
            self.stage.hosts.cut(&[draw()], draw());
        }
        for host in &all[1..] {
            self.stage.hosts.cut(&registries, *host);
        }
        self.change().await;
        self.known("as many ways are cut as there are agents; one hears registries", &all).await;

        self.stage.hosts.part(&registries, &all);
        self.change().await;
        self.looked_on().await;
        self.stage.hosts.heal();
        self.known("registries were cut off from all, and the network heals", &all).await;
    }

    /// Agents of a registry that hears nothing any more hear of others what is new.
    async fn cut_off_from_the_store(&mut self) {
        let (registries, servers) = (Self::all_registries(), Self::all_servers());
        let (first, others) = registries.split_at(1);
        self.stage.hosts.part(first, &servers);
        self.change().await;
        let hear = [self.all_agents(), others.to_vec()].concat();
        self.known("a registry is cut off from ZooKeeper; all agents, the other registries", &hear)
            .await;
        self.stage.hosts.part(others, &servers);
        self.change().await;
        self.looked_on().await;
        self.stage.hosts.heal();
        let all = [self.all_agents(), registries].concat();
        self.known("all registries were cut off from ZooKeeper, and the network heals", &all).await;
    }

    async fn loses_a_leader(&mut self) {
        let leader = self.stage.zookeeper.leader().await.expect("a leader");
        let server = self.stage.zookeeper.server(leader);
        server.kill().await.expect("it is ours");
        self.change().await;
        let all = [self.all_agents(), Self::all_registries()].concat();
        self.known("the leader of ZooKeeper is killed", &all).await;
        self.stage.zookeeper.restart(leader).await.expect("it comes back");
    }

    async fn halves(&mut self) {
        let (all, registries) = (self.all_agents(), Self::all_registries());
        let (near, far) = all.split_at(all.len() / 2);
        self.stage.hosts.part(near, far);
        self.stage.hosts.part(&registries, far);
        self.change().await;
        self.known("two halves; the one that hears registries", near).await;
        self.stage.hosts.heal();
        self.known("the halves are one again", &all).await;
    }

    async fn without_registries(&mut self) {
        for registry in 0..usize::from(REGISTRIES) {
            self.stage.site.stop_registry(registry).await;
        }
        let all = self.all_agents();
        let third: Vec<Host> = all.iter().skip(2).step_by(3).copied().collect();
        for host in &third {
            self.agents.remove(host).expect("it runs").kill().await;
            let data = self.stage.site.folder().join(host.namespace());
            std::fs::remove_dir_all(data).expect("it was there");
            self.judge.forget(*host);
        }
        self.start(&third).await;
        self.known("no registry is left; a third of the agents begins with nothing", &all).await;
    }

    async fn change(&mut self) {
        self.life += 1;
        let life = self.life;
        let entry = |slot| {
            // Nobody beats for them, so nobody is to judge whether they are silent.
            Entry { state: State::Draining, ..instance(TASK, slot, life, 31_000) }
        };
        let entries: Vec<_> = (0..ENTRIES).map(entry).collect();
        let gone: Vec<String> =
            (0..ENTRIES).map(|slot| format!("{TASK}#{slot}.{}", life - 1)).collect();
        let gone: Vec<&str> = gone.iter().map(String::as_str).filter(|_| life > 1).collect();
        let commit = self.stage.site.change(&entries, &gone).await;
        self.judge.wrote(commit, life);
    }

    /// Looks until all of these show the newest state.
    async fn known(&mut self, what: &str, hosts: &[Host]) {
        let began = Instant::now();
        loop {
            self.look().await;
            let took = began.elapsed();
            let behind = self.judge.behind(hosts);
            if behind.is_empty() {
                (self.talk)(&format!("{:>7} ms  {what}", took.as_millis()));
                self.judge.findings.known.push((what.to_owned(), took));
                return;
            }
            if took > PATIENCE {
                let wrong = format!("{what}: not known to {}", behind.join(", "));
                (self.talk)(&wrong);
                self.judge.findings.wrong.push(wrong);
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Looks for a while at what cannot become known.
    async fn looked_on(&mut self) {
        let end = Instant::now() + WHILE_CUT;
        while Instant::now() < end {
            self.look().await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Asks everybody once, and judges what is said.
    async fn look(&mut self) {
        let agents = self.agents.iter().map(|(host, agent)| (*host, agent.url.clone()));
        let registries = Self::all_registries().into_iter().zip(0..);
        let registries = registries.map(|(host, at)| (host, self.stage.site.url(at)));
        for (host, url) in agents.chain(registries) {
            let path = format!("/v1/groups/{TASK}");
            if let Some(reply) = get(&url, &path, &[]).await
                && reply.status == 200
            {
                self.judge.read(host, &reply, ENTRIES);
            }
        }
    }
}

//! What is wanted of Mesos, as a value.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::ports::RANGE;
use crate::{Code, Failure};

/// Flags of a master or an agent, without dashes: `("quorum", "2")`. They go over what is set here.
pub type Flags = BTreeMap<String, String>;

/// So many share one range of ports.
const AGENTS_MAX: usize = 100;

/// What is wanted. `Default` is a master and an agent, with times for tests.
#[derive(Clone, Debug)]
pub struct MesosSpec {
    /// How many masters; more than one need ZooKeeper.
    pub masters: usize,
    /// The agents.
    pub agents: Vec<AgentSpec>,
    /// Where masters meet, as `zk://…/path`; without, the only master leads.
    pub zookeeper: Option<String>,
    /// The session that masters and agents have with ZooKeeper.
    pub session_timeout: Duration,
    /// Offers each 0.2 s instead of 1 s, and an agent unreachable after 3 s instead of 75 s.
    pub quick: bool,
    /// Further flags of each master.
    pub master_flags: Flags,
    /// Further flags of each agent.
    pub agent_flags: Flags,
    /// The first master's port, the others follow; 0: any that are free.
    pub master_port: u16,
    /// The first agent's port, the others follow; 0: any that are free.
    pub agent_port: u16,
    /// Where data and logs are kept; without, in a folder that is removed in the end.
    pub dir: Option<PathBuf>,
}

/// One agent. `Default` has neither attributes nor flags of its own.
#[derive(Clone, Debug)]
pub struct AgentSpec {
    /// Such as `rack:r1;zone:a`. A value that is a number is no text: write `r1`, not `1`.
    pub attributes: String,
    /// Such as `cpus:4;mem:4096;disk:4096`. Where they name no ports, the agent gets some that no
    /// other cluster on this machine has.
    pub resources: String,
    /// Further flags; they go over those of all agents.
    pub flags: Flags,
}

impl Default for AgentSpec {
    fn default() -> Self {
        Self {
            attributes: String::new(),
            resources: "cpus:4;mem:4096;disk:4096".to_owned(),
            flags: Flags::new(),
        }
    }
}

impl AgentSpec {
    /// An agent with these attributes, all else as usual.
    #[must_use]
    pub fn with(attributes: &str) -> Self {
        Self { attributes: attributes.to_owned(), ..Self::default() }
    }
}

impl Default for MesosSpec {
    fn default() -> Self {
        Self {
            masters: 1,
            agents: vec![AgentSpec::default()],
            zookeeper: None,
            session_timeout: Duration::from_secs(2),
            quick: true,
            master_flags: Flags::new(),
            agent_flags: Flags::new(),
            master_port: 0,
            agent_port: 0,
            dir: None,
        }
    }
}

impl MesosSpec {
    /// One master and so many agents, in racks `r1`, `r2` and so on.
    #[must_use]
    pub fn of_agents(agents: usize) -> Self {
        let agents = (1..=agents).map(|number| AgentSpec::with(&format!("rack:r{number}")));
        Self { agents: agents.collect(), ..Self::default() }
    }

    /// Whether it can be had at all.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let refuse = |what: &str, hint: &str| Err(Failure::new(Code::Asked, what, hint));
        if self.masters == 0 {
            return refuse("no Mesos master", "one is enough for anything but its own failover");
        }
        if self.masters > 1 && self.zookeeper.is_none() {
            return refuse("several Mesos masters without ZooKeeper", "start a ZooKeeper first");
        }
        Ok(())
    }

    pub(super) fn port_of(&self, first: u16, index: usize) -> u16 {
        let offset = u16::try_from(index).unwrap_or(u16::MAX);
        if first == 0 { 0 } else { first.saturating_add(offset) }
    }

    /// The ports of an agent's tasks, out of a range: as many for each as there may be agents, or
    /// more where no agent comes later.
    pub(super) fn task_ports(&self, first: u16, index: usize) -> Result<(u16, u16), Failure> {
        let places = if self.agents.len() <= 8 { 10 } else { AGENTS_MAX };
        let offset = u16::try_from(index).ok().filter(|_| index < places);
        let Some(offset) = offset else {
            let what = format!("agent {} of Mesos", index + 1);
            let hint = format!("{places} have ports here; name ports in the others' resources");
            return Err(Failure::new(Code::Asked, what, hint));
        };
        let each = RANGE / u16::try_from(places).unwrap_or(RANGE);
        let begin = first + offset * each;
        Ok((begin, begin + each - 1))
    }
}

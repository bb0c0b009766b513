//! `lathe status --json`, as far as tests look at it.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Everything at one moment.
#[derive(Clone, Debug, Deserialize)]
pub struct Status {
    pub scheduler: Scheduler,
    pub topologies: Vec<Topology>,
    pub instances: Vec<Instance>,
    pub hosts: Vec<Host>,
}

/// What the scheduler says of itself.
#[derive(Clone, Debug, Deserialize)]
pub struct Scheduler {
    pub framework_id: Option<String>,
    pub connected: bool,
    pub term: u64,
}

/// One topology.
#[derive(Clone, Debug, Deserialize)]
pub struct Topology {
    pub name: String,
    pub revision: u64,
}

/// One instance.
#[derive(Clone, Debug, Deserialize)]
pub struct Instance {
    pub instance: String,
    pub incarnation: Option<String>,
    pub topology: String,
    pub task: String,
    pub version: String,
    pub host: Option<String>,
    pub address: Option<String>,
    pub ports: BTreeMap<String, u16>,
    pub state: String,
    pub reason: Option<String>,
    pub incarnations: u64,
}

/// One host.
#[derive(Clone, Debug, Deserialize)]
pub struct Host {
    pub name: String,
    pub attributes: BTreeMap<String, String>,
    pub instances: Vec<String>,
}

impl Instance {
    /// Where it serves.
    ///
    /// # Panics
    /// When it has no host or no port `http`.
    #[must_use]
    pub fn url(&self) -> String {
        let address = self.address.as_ref().expect("it has an address");
        format!("http://{address}:{}", self.ports["http"])
    }

    /// The number of its life: 7 of `http.lb#2.7`; 0 between two lives.
    ///
    /// # Panics
    /// When its incarnation is not named after it.
    #[must_use]
    pub fn life(&self) -> u64 {
        let Some(incarnation) = &self.incarnation else { return 0 };
        let (instance, life) = incarnation.rsplit_once('.').expect("instance, dot, number");
        assert_eq!(instance, self.instance);
        life.parse().expect("a number")
    }
}

impl Status {
    /// Those of one task.
    #[must_use]
    pub fn of_task(&self, task: &str) -> Vec<&Instance> {
        self.instances.iter().filter(|one| one.task == task).collect()
    }

    /// One by its name.
    ///
    /// # Panics
    /// When it is not listed.
    #[must_use]
    pub fn instance(&self, name: &str) -> &Instance {
        let found = self.instances.iter().find(|one| one.instance == name);
        found.unwrap_or_else(|| panic!("no {name} in {:?}", self.incarnations()))
    }

    /// How many are ready.
    #[must_use]
    pub fn ready(&self) -> usize {
        self.instances.iter().filter(|one| one.state == "ready").count()
    }

    /// Incarnations by instance: what must stay the same where nothing is restarted.
    #[must_use]
    pub fn incarnations(&self) -> BTreeMap<String, String> {
        let pair = |one: &Instance| Some((one.instance.clone(), one.incarnation.clone()?));
        self.instances.iter().filter_map(pair).collect()
    }

    /// Hosts by instance.
    #[must_use]
    pub fn hosts_of(&self, task: &str) -> Vec<String> {
        self.of_task(task).iter().filter_map(|one| one.host.clone()).collect()
    }
}

//! What is known of one instance, and the picture on which it is weighed. The weighing itself is
//! left to the caller: it takes time in proportion to what runs.

use lathe_api::rest::InstanceView;
use lathe_placement::{Cluster, Options, Running};
use lathe_topology::{TaskPath, Topology};

use super::Framework;
use super::ids::{InstanceId, Time};

/// Everything that an explanation is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Explaining {
    pub instance: InstanceView,
    pub last_end: Option<String>,
    pub early_ends: u32,
    pub not_before_ms: Time,
    pub task: TaskPath,
    pub slot: u32,
    /// None where nobody wants it any more.
    pub scene: Option<Scene>,
    /// Hosts that take nothing now, by name, with the word for why: they are not in the scene.
    pub out_of_use: Vec<OutOfUse>,
}

/// A host that takes nothing now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutOfUse {
    pub host: String,
    /// The instance runs there.
    pub here: bool,
    /// Its state, as `lathe hosts` shows it.
    pub state: &'static str,
}

/// What [`lathe_placement::weigh`] is given.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    pub cluster: Cluster,
    pub topology: Topology,
    pub running: Running,
    pub options: Options,
}

impl Framework {
    /// The instance of that name, `http.lb#2`; none where there never was one.
    #[must_use]
    pub fn explain(&self, now: Time, name: &str) -> Option<Explaining> {
        let (path, slot) = name.strip_prefix("task.").unwrap_or(name).split_once('#')?;
        // One of its incarnations names it as well.
        let slot = slot.split_once('.').map_or(slot, |(slot, _)| slot);
        let id = InstanceId { task: path.parse().ok()?, slot: slot.parse().ok()? };
        let record = self.instances.get(&id)?;
        let scene = self.wanted.of(&id).map(|(accepted, _)| Scene {
            cluster: self.cluster(),
            topology: accepted.topology.clone(),
            running: self.running(now),
            options: self.plain_options(),
        });
        let here = record.lives.last().map(|life| &life.host);
        let out = self.hosts.values().filter(|host| !self.is_in_use(host));
        let out_of_use = out.map(|host| OutOfUse {
            host: host.name.to_string(),
            here: here == Some(&host.name),
            state: self.state_of(host),
        });
        Some(Explaining {
            instance: self.instance_view(record),
            out_of_use: out_of_use.collect(),
            last_end: record.last_end.clone(),
            early_ends: record.early_ends,
            not_before_ms: record.not_before_ms,
            task: id.task,
            slot: id.slot,
            scene,
        })
    }
}

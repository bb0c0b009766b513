//! The command lines of masters and agents.

use std::path::Path;

use crate::daemon::Recipe;
use crate::folder::Folder;
use crate::{Failure, Flags, MesosSpec};

/// Where one of them is, and which it is, counted from 1.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pub(super) home: &'a Path,
    pub(super) folder: &'a Folder,
    pub(super) number: usize,
}

/// How a master is started.
pub(super) fn master(spec: &MesosSpec, place: &Place, port: u16) -> Result<Recipe, Failure> {
    let name = format!("master-{}", place.number);
    let mut flags = common(spec, port);
    put(&mut flags, "work_dir", &place.folder.within(&name)?.display());
    if spec.quick {
        put(&mut flags, "agent_ping_timeout", &"1secs");
        put(&mut flags, "max_agent_ping_timeouts", &"3");
        put(&mut flags, "allocation_interval", &"200ms");
    }
    if let Some(zookeeper) = &spec.zookeeper {
        put(&mut flags, "zk", zookeeper);
        put(&mut flags, "quorum", &(spec.masters / 2 + 1));
        if spec.quick {
            // A new leader may wait in vain for its log where the old one left it just now; it then
            // ends, and is started again.
            put(&mut flags, "registry_fetch_timeout", &"10secs");
        }
    }
    flags.extend(spec.master_flags.clone());
    Ok(recipe(name, "mesos-master", place, &flags))
}

/// How an agent is started.
pub(super) fn agent(
    spec: &MesosSpec,
    place: &Place,
    port: u16,
    url: &str,
    tasks: (u16, u16),
) -> Result<Recipe, Failure> {
    let name = format!("agent-{}", place.number);
    let agent = &spec.agents[place.number - 1];
    let mut flags = common(spec, port);
    let dir = place.folder.within(&name)?;
    put(&mut flags, "master", &url);
    put(&mut flags, "work_dir", &dir.join("work").display());
    put(&mut flags, "runtime_dir", &dir.join("run").display());
    put(&mut flags, "fetcher_cache_dir", &dir.join("fetch").display());
    put(&mut flags, "launcher_dir", &place.home.join("bin").display());
    put(&mut flags, "launcher", &"posix");
    put(&mut flags, "isolation", &"posix/cpu,posix/mem,filesystem/posix");
    put(&mut flags, "systemd_enable_support", &"false");
    // Two seconds are little for an executor on a loaded machine; it is killed when it comes later.
    put(&mut flags, "executor_reregistration_timeout", &"6secs");
    put(&mut flags, "switch_user", &rustix::process::geteuid().is_root());
    if spec.quick {
        put(&mut flags, "registration_backoff_factor", &"10ms");
    }
    let mut resources = agent.resources.clone();
    if !resources.split(';').any(|one| one.trim_start().starts_with("ports")) {
        let separator = if resources.is_empty() { "" } else { ";" };
        resources = format!("{resources}{separator}ports:[{}-{}]", tasks.0, tasks.1);
    }
    put(&mut flags, "resources", &resources);
    if !agent.attributes.is_empty() {
        put(&mut flags, "attributes", &agent.attributes);
    }
    flags.extend(spec.agent_flags.clone());
    flags.extend(agent.flags.clone());
    Ok(recipe(name, "mesos-agent", place, &flags))
}

fn common(spec: &MesosSpec, port: u16) -> Flags {
    let mut flags = Flags::new();
    put(&mut flags, "ip", &"127.0.0.1");
    put(&mut flags, "hostname", &"127.0.0.1");
    put(&mut flags, "port", &port);
    if spec.zookeeper.is_some() {
        put(&mut flags, "zk_session_timeout", &format!("{}ms", spec.session_timeout.as_millis()));
    }
    flags
}

fn put(flags: &mut Flags, name: &str, value: &impl ToString) {
    flags.insert(name.to_owned(), value.to_string());
}

fn recipe(name: String, program: &str, place: &Place, flags: &Flags) -> Recipe {
    let args = flags.iter().map(|(name, value)| format!("--{name}={value}"));
    Recipe::new(name, place.home.join("bin").join(program), place.folder.path()).args(args)
}

#[cfg(test)]
mod tests;

//! The agent before a registry, with a hook of two files.
//!
//! Owns its configuration, and what its journal said at a death.

use std::fs;
use std::path::{Path, PathBuf};

use lathe_hooks::Journal;

use super::{Follower, Judge, TASK, ended, script, state, whole_file};
use crate::{Agent, Site, instance, until};

const FILES: [&str; 2] = ["one", "two"];

pub(super) struct Own {
    site: Site,
    config: PathBuf,
    binary: Option<PathBuf>,
}

impl Own {
    pub(super) async fn start(binary: Option<&Path>) -> Self {
        let site = Site::start(1).await;
        let config = configuration(&site);
        Self { site, config, binary: binary.map(Path::to_owned) }
    }
}

impl Follower for Own {
    type Life = Agent;

    fn log(&self) -> PathBuf {
        self.site.folder().join("log")
    }

    async fn change(&mut self, life: u32) {
        let before = state(life - 1);
        let gone: &[&str] = if life > 1 { &[before.as_str()] } else { &[] };
        self.site.change(&[instance(TASK, 0, life, 31_000)], gone).await;
    }

    async fn start(&self) -> Agent {
        match &self.binary {
            Some(binary) => Agent::start_as(binary, &self.config).await,
            None => Agent::start(&self.config).await,
        }
    }

    async fn kill(&self, agent: Agent, judge: &mut Judge) {
        agent.kill().await;
        judge.killed(&self.log());
        FILES.iter().for_each(|name| whole_file(&self.site.folder().join(name), judge));
        // Opening mends what was cut off, so a copy is opened.
        let data = self.site.folder().join("agent");
        let copy = data.with_extension("looked-at");
        if fs::copy(data.join("journal"), &copy).is_err() {
            return;
        }
        match Journal::open(&copy) {
            Ok(opened) if !opened.damaged => {
                let record = opened.journal.records().get("h");
                judge.was_cut(record.is_some_and(|record| record.pending.is_some()));
            }
            Ok(_) => judge.account.wrong.push("the journal is damaged".to_owned()),
            Err(error) => judge.account.wrong.push(error.to_string()),
        }
    }

    /// And sees that nothing more runs.
    async fn settled(&self, agent: &Agent, state: &str) -> bool {
        if !ended(&self.log(), state, || false).await {
            return false;
        }
        until("the hook is idle", || async {
            let reply = agent.get("/v1/hooks/h").await;
            reply.is_some_and(|reply| reply.json()["standing"] == "idle")
        })
        .await;
        true
    }
}

fn configuration(site: &Site) -> PathBuf {
    let folder = site.folder();
    let [one, two] = FILES.map(|name| folder.join(name));
    let read = format!(
        "state=$(grep '#' {one})\ncmp -s {one} {two} || state=torn",
        one = one.display(),
        two = two.display()
    );
    let script = script(folder, &read);
    let file = |path: &Path| {
        let template =
            "begin\\n{% for one in entries %}\\n{{ one.incarnation }}\\n{% endfor %}\\nend\\n";
        format!("[[hook.h.file]]\npath = {path:?}\ntext = \"{template}\"\n")
    };
    let more = format!(
        "[hook.h]\ngroups = [\"{TASK}\"]\nsettle = \"5ms\"\nurgent_settle = \"5ms\"\n\
         command = [\"/bin/sh\", {script:?}]\n{}{}",
        file(&one),
        file(&two),
    );
    site.configuration(&more)
}

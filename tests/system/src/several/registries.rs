//! The registries of a cluster, each a process that is killed and started by itself.

use std::process::Command;

use serde_json::Value;

use super::{Several, address};
use crate::child::Running;
use crate::http::Request;
use crate::lathe::clean;
use crate::process::Signal;
use crate::waiting::{SOON, until};

/// A registry, and where it answers or has answered.
#[derive(Debug)]
pub(super) struct Registry {
    pub(super) running: Option<Running>,
    pub(super) url: String,
}

impl Several {
    /// Schedulers that start from now on place so many registries themselves, and none is started here.
    pub fn place_registries(&mut self, number: usize) {
        self.placing = number;
    }

    /// What those registries are told from now on, by schedulers that start.
    pub fn tell_placed_registries(&mut self, text: &str) {
        let path = self.folder.path().join("placed-registry.toml");
        self.placed = Some(crate::files::write(&path, text));
    }

    /// Where the registries are that a scheduler knows.
    #[must_use]
    pub fn known_registries(&self, scheduler: usize) -> Vec<String> {
        let url = format!("{}/v1/registries", self.schedulers[scheduler].url);
        Request::get(url).try_send().map(|answer| answer.json()).unwrap_or_default()
    }

    /// Starts so many registries in place of those that run; each takes a silence of `suspect_after`
    /// for one.
    ///
    /// # Panics
    /// When one does not start.
    pub fn registries(&mut self, number: usize, suspect_after: &'static str) {
        self.suspect_after = Some(suspect_after);
        for at in 0..self.registries.len() {
            self.end_registry(at, Signal::TERM);
        }
        self.registries.clear();
        for _ in 0..number {
            self.add_registry();
        }
    }

    /// Registries that start from now on have these tables of hooks.
    pub fn hooks_of_registries(&mut self, tables: String) {
        self.hooks = tables;
    }

    /// Where a registry answers, or has answered.
    #[must_use]
    pub fn registry_url(&self, registry: usize) -> &str {
        &self.registries[registry].url
    }

    /// One more registry; its number.
    ///
    /// # Panics
    /// When it does not start.
    pub fn add_registry(&mut self) -> usize {
        self.registries.push(Registry { running: None, url: String::new() });
        let number = self.registries.len() - 1;
        self.start_registry(number);
        number
    }

    /// Starts a registry that has ended, at another address than before.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_registry(&mut self, number: usize) {
        let folder = self.folder.path().join(format!("registry-{number}"));
        std::fs::create_dir_all(&folder).expect("a folder is made");
        let config = self.configuration(
            "lathe-registry.toml",
            &folder,
            &[
                ("store", self.zookeeper.url("/lathe").into()),
                ("listen", "127.0.0.1:0".into()),
                ("key_file", self.file("key").display().to_string().into()),
                ("token_file", self.file("token").display().to_string().into()),
                ("log_format", "text".into()),
            ],
        );
        let text = std::fs::read_to_string(&config).expect("it was written just now");
        let after = self.suspect_after.map(|after| format!("suspect_after = \"{after}\"\n"));
        let (after, hooks) = (after.unwrap_or_default(), &self.hooks);
        crate::files::write(&config, &format!("{text}\n{after}{hooks}"));
        let mut command = Command::new(self.build.join("lathe-registry"));
        clean(&mut command);
        command.arg("--config").arg(config).env("LATHE_LOG", "info");
        let running = Running::start(command);
        let registry = &mut self.registries[number];
        registry.url = address(&running.wait_for_line("listening", SOON));
        registry.running = Some(running);
    }

    /// Ends a registry that runs by a signal.
    ///
    /// # Panics
    /// When it does not end.
    pub fn end_registry(&mut self, number: usize, signal: Signal) {
        if let Some(running) = self.registries[number].running.take() {
            running.signal(signal);
            let _ = running.finish(SOON);
        }
    }

    /// Where the first registry answers.
    ///
    /// # Panics
    /// When there was none.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registries[0].url
    }

    /// Those that run, by their numbers.
    #[must_use]
    pub fn running_registries(&self) -> Vec<usize> {
        let all = self.registries.iter().enumerate();
        all.filter(|(_, one)| one.running.is_some()).map(|(number, _)| number).collect()
    }

    /// What a registry answers to a look-up, with the status; none when it does not answer.
    #[must_use]
    pub fn look_up(&self, registry: usize, path: &str) -> Option<(u16, Value)> {
        let url = format!("{}{path}", self.registries[registry].url);
        let answer = Request::get(url).try_send().ok()?;
        let value = serde_json::from_str(&answer.text()).unwrap_or(Value::Null);
        Some((answer.status, value))
    }

    /// Says something to a group by this registry; the number of the message.
    ///
    /// # Panics
    /// When it is not taken.
    #[must_use]
    pub fn say(&self, registry: usize, group: &str, message: &Value) -> u64 {
        let url = format!("{}/v1/groups/{group}/messages", self.registries[registry].url);
        let request = Request::post(url, message.to_string()).bearer(&self.token());
        let answer = request.header("content-type", "application/json").send();
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json::<Value>()["number"].as_u64().expect("a message has a number")
    }

    /// A registry's answer to `/readyz`.
    #[must_use]
    pub fn registry_is_ready(&self, registry: usize) -> bool {
        self.look_up(registry, "/readyz").is_some_and(|(status, _)| status == 200)
    }

    /// A figure of a registry.
    #[must_use]
    pub fn registry_figure(&self, registry: usize, name: &str) -> Option<u64> {
        Self::figure_of(&self.registries[registry].url, name)
    }

    /// A figure of what listens at an address.
    #[must_use]
    pub fn figure_of(url: &str, name: &str) -> Option<u64> {
        let url = format!("{url}/metrics");
        let page = Request::get(url).try_send().ok()?.text();
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        line.trim().parse().ok()
    }

    /// Waits until the registries that run judge so many instances together, each those that it hears;
    /// `look` is called meanwhile.
    ///
    /// # Panics
    /// When that is not so in time.
    pub fn share(&self, instances: u64, mut look: impl FnMut(&Self)) {
        until(&format!("{instances} instances that are shared"), SOON, || {
            look(self);
            let mut all = 0;
            for registry in self.running_registries() {
                let owned = self.registry_figure(registry, "lathe_registry_instances_owned")?;
                let heard = self.registry_figure(registry, "lathe_registry_instances_heard")?;
                if !self.registry_is_ready(registry) || heard < owned {
                    return None;
                }
                all += owned;
            }
            (all == instances).then_some(())
        });
    }
}

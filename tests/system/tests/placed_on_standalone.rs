//! Registries that the scheduler places on virtual hosts: the daemons by themselves, without `lathe up`, which has
//! one registry and no word for more.

use std::collections::BTreeSet;
use std::path::Path;

use lathe_system::{
    Lathe, Outcome, Request, Running, SOON, Scripts, Signal, Status, binaries, until, write,
};
use serde_json::Value;

/// A master with three virtual hosts and the store, and a scheduler that places registries there.
struct Daemons {
    lathe: Lathe,
    _scheduler: Running,
    _standalone: Running,
    url: String,
    token: String,
}

/// Starts a daemon, and says what it has said of itself.
fn daemon(lathe: &Lathe, name: &str, arguments: &[&str]) -> (Running, Value) {
    let mut command = lathe.command_of(&binaries().installed.with_file_name(name));
    command.args(arguments);
    let running = Running::start(command);
    let line = running.wait_for_line("listening", SOON);
    (running, serde_json::from_str(&line).expect("it says where as JSON"))
}

fn told(said: &Value, key: &str) -> String {
    said[key].as_str().unwrap_or_else(|| panic!("no {key} in {said}")).to_owned()
}

impl Daemons {
    fn start(registries: usize) -> Self {
        let lathe = Lathe::new();
        let data = |name: &str| lathe.folder().join(name).display().to_string();
        let arguments = ["--data", &data("standalone"), "--hosts", "3"];
        let (standalone, said) = daemon(&lathe, "lathe-standalone", &arguments);
        let token = data("standalone/run/token");
        let text = format!(
            "masters = [{:?}]\nstore = {:?}\ndata = {:?}\ntoken_file = {token:?}\n\
             mesos_secret_file = {token:?}\nreplace_after = \"0s\"\nregistries = {registries}\n",
            told(&said, "listening").trim_start_matches("http://"),
            told(&said, "store"),
            data("scheduler"),
        );
        let config = write(&lathe.folder().join("scheduler.toml"), &text);
        let config = config.display().to_string();
        let (scheduler, said) = daemon(&lathe, "lathe-scheduler", &["--config", &config]);
        let url = told(&said, "listening");
        Self { lathe, _scheduler: scheduler, _standalone: standalone, url, token }
    }

    fn lathe(&self, arguments: &[&str]) -> Outcome {
        let mut command = self.lathe.command();
        command.env("LATHE_SCHEDULER", &self.url).env("LATHE_TOKEN_FILE", &self.token);
        command.args(arguments);
        Running::complete(command, SOON)
    }

    fn all_ready(&self, number: usize) -> Status {
        until(&format!("{number} instances that are ready"), SOON, || {
            let outcome = self.lathe(&["status", "--json"]);
            let status: Status = serde_json::from_str(&outcome.out).ok()?;
            let ready = status.instances.iter().filter(|one| one.state == "ready").count();
            (ready == number && status.instances.len() == number).then_some(status)
        })
    }

    /// Waits until so many registries show the same entries of a group; where they are.
    fn agreed(&self, registries: usize, group: &str, entries: usize) -> BTreeSet<String> {
        until(&format!("{registries} registries that show {entries} of {group}"), SOON, || {
            let answer = Request::get(format!("{}/v1/registries", self.url)).try_send().ok()?;
            let urls: BTreeSet<String> = answer.json();
            let shows = |url: &String| {
                let view = Request::get(format!("{url}/v1/groups/{group}")).try_send().ok()?;
                let view: Value = view.json();
                Some((view["entries"].as_array()?.len(), view["version"].as_u64()?))
            };
            let shown: BTreeSet<_> = urls.iter().map(shows).collect();
            let agree =
                shown.len() == 1 && shown.iter().all(|it| it.is_some_and(|it| it.0 == entries));
            (urls.len() == registries && agree).then_some(urls)
        })
    }
}

fn page(folder: &Path) -> String {
    let scripts = Scripts::default().with("page", "exec sleep 100000", "tasks = 4\n");
    scripts.write(&folder.join("pages.toml")).display().to_string()
}

#[test]
fn registries_are_placed_on_virtual_hosts_and_one_that_dies_is_replaced() {
    let daemons = Daemons::start(3);
    let status = daemons.all_ready(3);
    let hosts: BTreeSet<_> = status.instances.iter().map(|one| &one.host).collect();
    assert_eq!(hosts.len(), 3, "{hosts:?}");

    daemons.lathe(&["submit", "--yes", &page(daemons.lathe.folder())]).with_code(0);
    let _ = daemons.all_ready(7);
    let before = daemons.agreed(3, "page", 4);

    daemons.lathe.task("lathe.registry#0.1").signal(Signal::KILL);
    until("another life of the registry", SOON, || {
        daemons.lathe.tasks().remove("lathe.registry#0.2")
    });
    let _ = daemons.all_ready(7);
    let after = daemons.agreed(3, "page", 4);
    assert!(before.intersection(&after).count() >= 2, "{before:?} {after:?}");
    for slot in 0..4 {
        assert!(
            daemons.lathe.tasks().contains_key(&format!("page#{slot}.1")),
            "page#{slot} runs on"
        );
    }
}

#[test]
fn lathe_up_has_one_registry_and_says_that_it_takes_no_number() {
    let lathe = Lathe::new();
    let refused = lathe.lathe(&["up", "--registries", "3"]).with_code(2);
    assert!(refused.err.contains("--registries"), "{}", refused.err);
}

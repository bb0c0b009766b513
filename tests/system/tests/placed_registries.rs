//! Registries that the scheduler places itself, on a real Mesos: one on a host, as many as fit, replaced when
//! they die, and told the key by the scheduler alone.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use lathe_system::{Request, SOON, Scripts, Several, Signal, until, write};

/// Instances beside the registries.
const PAGES: u64 = 4;

/// Waits until so many registries answer, which share everything that runs; where they are.
fn shared(several: &Several, leader: usize, registries: usize) -> Vec<String> {
    let all = PAGES + registries as u64;
    until(&format!("{registries} registries that share {all} instances"), SOON, || {
        let urls = several.known_registries(leader);
        let figures =
            |name| urls.iter().map(|url| Several::figure_of(url, name)).sum::<Option<u64>>();
        let owned = figures("lathe_registry_instances_owned")?;
        (urls.len() == registries && owned == all).then_some(urls)
    })
}

fn files_named(folder: &Path, name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.is_symlink() {
            found.extend(files_named(&path, name));
        } else if path.file_name().is_some_and(|own| own == name) {
            found.push(path);
        }
    }
    found
}

#[test]
fn as_many_registries_as_fit_are_placed_and_replaced_and_judge_what_runs() {
    let mut several = Several::start(1, 3, 0);
    several.place_registries(5);
    let scheduler = several.add_scheduler(&[]);
    let leader = several.leader(None);
    // One on each of the three hosts, which is said.
    let status = several.all_ready(leader, 3);
    let hosts: BTreeSet<String> = status.hosts_of("lathe.registry").into_iter().collect();
    assert_eq!(hosts.len(), 3, "{hosts:?}");
    several.scheduler(scheduler).wait_for_line("fewer registries than are wanted", SOON);

    let scripts =
        Scripts::default().with("page", "exec sleep 100000", &format!("tasks = {PAGES}\n"));
    let file = scripts.write(&several.folder().join("pages.toml"));
    let file = file.to_str().expect("the path is a text");
    several.lathe(leader, &["submit", "--yes", file]).with_code(0);
    let urls = shared(&several, leader, 3);
    for url in &urls {
        let group: serde_json::Value = Request::get(format!("{url}/v1/groups/page")).send().json();
        assert_eq!(group["entries"].as_array().map(Vec::len), Some(4), "{group}");
    }
    assert_eq!(files_named(several.folder(), "placed.key"), Vec::<PathBuf>::new());

    // One dies: another life of it comes and has its share.
    several.tasks().remove("lathe.registry#0.1").expect("it runs").signal(Signal::KILL);
    until("another life of the registry", SOON, || several.tasks().remove("lathe.registry#0.2"));
    shared(&several, leader, 3);
    let lives = several.journal().incarnations();
    assert_eq!(lives.iter().filter(|life| life.starts_with("page#")).count(), 4, "{lives:?}");

    // The topology is the scheduler's, and the key is told to its registries alone.
    let mine = write(&several.folder().join("lathe-system.toml"), scripts.text());
    let mine = mine.to_str().expect("the path is a text");
    for command in [vec!["submit", "--yes", mine], vec!["plan", mine]] {
        let refused = several.lathe(leader, &command).with_code(3);
        assert!(refused.err.contains("LT0412"), "{}", refused.err);
    }
    for incarnation in ["lathe.registry%230.2", "page%230.1"] {
        let url = several.url(leader);
        let asked = Request::get(format!("{url}/v1/system/registry?incarnation={incarnation}"));
        assert_eq!(asked.bearer(&several.token()).send().status, 401);
    }
}

//! Registries that the scheduler places itself, on a real Mesos: one on a host, as many as fit, replaced when
//! they die, and told the key by the scheduler alone.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use lathe_system::{Request, SOON, Scripts, Several, Signal, until, write};
use lathe_tls::ClientTls;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

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

fn pem(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tls/testdata").join(name)
}

/// What a registry answers by TLS to whom trusts its authority.
fn asked_by_tls(address: &str, path: &str) -> String {
    let ask = async {
        let tls = ClientTls::trusting(&pem("ca.pem")).expect("an authority");
        let plain = TcpStream::connect(address).await.expect("it listens");
        let mut stream = tls.connect("127.0.0.1", plain).await.expect("it is who it says");
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("it is sent");
        let mut answer = String::new();
        // Who ends without a word of goodbye has said all the same.
        let _ = stream.read_to_string(&mut answer).await;
        answer
    };
    tokio::runtime::Runtime::new().expect("a runtime").block_on(ask)
}

/// Where registries have said that they serve by TLS.
fn tls_addresses(several: &Several) -> BTreeSet<String> {
    let said = files_named(several.folder(), "task.out").into_iter();
    let said = said.filter_map(|path| std::fs::read_to_string(path).ok());
    let lines: Vec<String> =
        said.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    let told = lines.iter().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let urls = told.filter_map(|told| told["tls"].as_str().map(str::to_owned));
    urls.map(|url| url.trim_start_matches("https://").to_owned()).collect()
}

fn told(series: &Path) -> String {
    format!(
        "tls_listen = \"127.0.0.1:0\"\ntls_cert = {:?}\ntls_key = {:?}\n[hook.series]\n\
         on = [\"died\"]\ntags = [\"page\"]\n\
         shell = 'for one in $LATHE_EVENTS; do echo \"$one\" >> {}; done'\n",
        pem("server.pem"),
        pem("server.key"),
        series.display(),
    )
}

#[test]
fn what_the_scheduler_is_told_for_registries_they_have_hooks_and_tls_and_again_when_it_changes() {
    let mut several = Several::start(1, 3, 0);
    several.place_registries(3);
    let series = several.folder().join("series");
    // What is wrong with it the scheduler says before it begins.
    several.tell_placed_registries("listen = \"127.0.0.1:0\"\n[hook.series]\non = [\"dead\"]\n");
    let refused = several.enrol_scheduler();
    for part in ["LT0502", "`listen` is not for registries", "placed-registry.toml:1", "\"dead\""] {
        several.scheduler(refused).wait_for_line(part, SOON);
    }
    several.scheduler_ends(refused);

    several.tell_placed_registries(&told(&series));
    let scheduler = several.add_scheduler(&[]);
    let _ = several.all_ready(scheduler, 3);
    let scripts =
        Scripts::default().with("page", "exec sleep 100000", &format!("tasks = {PAGES}\n"));
    let file = scripts.write(&several.folder().join("pages.toml"));
    let file = file.to_str().expect("the path is a text");
    several.lathe(scheduler, &["submit", "--yes", file]).with_code(0);
    let urls = shared(&several, scheduler, 3);
    let served = until("three registries that serve by TLS", SOON, || {
        Some(tls_addresses(&several)).filter(|all| all.len() == 3)
    });
    for address in &served {
        let answer = asked_by_tls(address, "/v1/groups/page");
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("page#0.1"), "{answer}");
    }

    // Each registry has the hook, and one of them runs it.
    several.tasks().remove("page#0.1").expect("it runs").signal(Signal::KILL);
    let noted = || std::fs::read_to_string(&series).unwrap_or_default();
    until("the death in the series", SOON, || noted().contains("page#0.1").then_some(()));
    until("hooks that have nothing to do", SOON, || {
        let idle = |url: &String| {
            let answer = Request::get(format!("{url}/v1/hooks")).try_send().ok()?;
            let hooks: serde_json::Value = answer.json();
            Some(hooks[0]["standing"] == "idle" && hooks[0]["waiting"] == 0)
        };
        urls.iter().all(|url| idle(url) == Some(true)).then_some(())
    });
    assert_eq!(noted(), "died:page#0.1\n");

    // Another file, and a scheduler that has read it: other lives of the registries, which have it.
    let other = several.folder().join("other");
    several.tell_placed_registries(&told(&other));
    several.end_scheduler(scheduler, Signal::TERM);
    several.start_scheduler(scheduler);
    until("other lives of all registries", SOON, || {
        let tasks = several.tasks();
        (0..3).all(|slot| tasks.contains_key(&format!("lathe.registry#{slot}.2"))).then_some(())
    });
    let _ = several.all_ready(scheduler, PAGES as usize + 3);
    shared(&several, scheduler, 3);
    several.tasks().remove("page#1.1").expect("it runs").signal(Signal::KILL);
    until("the death in the other series", SOON, || {
        std::fs::read_to_string(&other).unwrap_or_default().contains("page#1.1").then_some(())
    });
    assert_eq!(noted(), "died:page#0.1\n");
}

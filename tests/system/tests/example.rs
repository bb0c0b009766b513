//! The README's example, as a reader of it would try it.

use lathe_system::{BUILD, Lathe, Load, Request, Running, SOON, Signal, binaries, example};

const HOSTS: [&str; 3] = ["host-1", "host-2", "host-3"];

/// `NAME  URL` lines below the table.
fn urls(printed: &str) -> Vec<String> {
    let line = |line: &str| line.split_once("  http://").map(|(_, rest)| format!("http://{rest}"));
    printed.lines().filter_map(line).collect()
}

#[test]
fn the_example_serves_shares_by_weight_and_ends_with_ctrl_c() {
    let mut lathe = Lathe::new();
    let printed = lathe.up(&[example().to_str().unwrap()]);
    assert!(printed.contains("my_topology, revision 1: 13 of 13 instances ready"), "{printed}");
    assert!(!printed.contains('\u{1b}'), "no terminal, no colours: {printed:?}");
    let status = lathe.status();
    assert_eq!(status.ready(), 13);
    for (task, number) in
        [("http.lb", 3), ("http.frontpage.v4-2-1", 5), ("http.frontpage.v4-2-2", 5)]
    {
        assert_eq!(status.of_task(task).len(), number, "{task}");
    }
    for one in &status.instances {
        let incarnation = one.incarnation.as_ref().unwrap();
        let row = printed.lines().find(|line| line.starts_with(incarnation.as_str()));
        let row = row.unwrap_or_else(|| panic!("no row of {incarnation} in {printed}"));
        assert!(HOSTS.contains(&one.host.as_deref().unwrap()), "{row}");
        assert!(row.contains(one.host.as_deref().unwrap()), "{row}");
        assert!(row.contains(one.url().trim_start_matches("http://")), "{row}");
    }
    let mut hosts = status.hosts_of("http.lb");
    hosts.sort();
    assert_eq!(hosts, HOSTS, "load balancers avoid each other");

    let urls = urls(&printed);
    let of_status: Vec<String> = status.of_task("http.lb").iter().map(|one| one.url()).collect();
    assert_eq!(urls, of_status);
    for url in &urls {
        let index = Request::get(format!("{url}/index")).send();
        assert_eq!((index.status, index.text().as_str()), (200, ":)"));
        for other in [Request::get(format!("{url}/")), Request::post(format!("{url}/index"), "x")] {
            let other = other.send();
            assert_eq!((other.status, other.text().as_str()), (400, "invalid request"));
        }
    }

    let tally = Load::new(&urls, "/index", 12).send(10_000);
    assert_eq!(tally.failed, Vec::<String>::new());
    let of = |name: &str| tally.served_by.get(name).copied().unwrap_or_default();
    let heavy = of("http.frontpage.v4-2-1 http_frontpage 4.2.1");
    let light = of("http.frontpage.v4-2-2 http_frontpage 4.2.2");
    assert_eq!(heavy + light, 10_000, "{:?}", tally.served_by);
    assert!((8_800..=9_200).contains(&heavy), "{heavy} of 10,000 went to the 90");

    let processes = lathe.running().process().descendants();
    // standalone, three hosts, scheduler, registry; executor and task of each instance
    assert_eq!(processes.len(), 6 + 2 * 13, "{processes:?}");
    let outcome = lathe.end(Signal::INT).with_code(0);
    assert!(outcome.err.contains("nothing is left running"), "{}", outcome.err);
    lathe.nothing_is_left(SOON);
    let left: Vec<_> = processes.iter().filter(|process| process.runs()).collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(!lathe.home().join("run/endpoints.json").exists());
}

#[test]
fn from_a_checkout_lathe_has_cargo_build_its_daemons() {
    let lathe = Lathe::new();
    let mut command = lathe.command_of(&binaries().built);
    command.args(["up", "--once"]);
    let outcome = Running::complete(command, BUILD).with_code(0);
    assert!(outcome.err.contains("building the daemons"), "{}", outcome.err);
    assert!(outcome.out.contains("no topology runs here"), "{}", outcome.out);
    lathe.nothing_is_left(SOON);
}

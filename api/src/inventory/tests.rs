//! Tests of the file beside: forms that are read, and what is said of wrong ones.

use lathe_topology::{Code, Word};

use super::*;

fn good(text: &str) -> Cluster {
    hosts(text.as_bytes()).expect("good hosts").value
}

fn codes(text: &str) -> Vec<Code> {
    let found = hosts(text.as_bytes()).expect_err("wrong hosts");
    assert!(found.iter().all(|one| !one.text.is_empty() && !one.hint.is_empty()));
    found.into_iter().map(|one| one.code).collect()
}

fn topology(name: &str) -> Topology {
    let text = "[task.web]\ncrate = \"web\"\nversion = \"1.0.0\"\ntask = \"my::Web\"\ntasks = 2\n\
        tags = [\"front\"]\nbiases = [[\"db\", \"prefer\", 80]]";
    lathe_topology::parse(name, text).expect("a good file").topology
}

#[test]
fn hosts_are_read_with_what_is_usual_for_what_they_do_not_say() {
    let cluster = good(
        r#"[{"name": "h1", "resources": {"cpus": 0.1, "mem": "1GiB", "disk": 5, "ports": "80, 90-92"},
             "attributes": {"rack": "r1", "row": 3, "ssd": true}}, {"name": "h2"},
            {"name": "h3", "resources": {"ports": [7000, "8000-8001", [9000, 9001]]}}]"#,
    );
    let [one, two, three] = cluster.hosts.as_slice() else { panic!("{cluster:?}") };
    assert_eq!(one.capacity.cpus_milli, 100);
    assert_eq!((one.capacity.mem_bytes, one.capacity.disk_bytes), (1 << 30, 5));
    assert_eq!(one.capacity.ports, [(80, 80), (90, 92)]);
    assert_eq!(one.attributes["row"], "3");
    assert_eq!(one.attributes["ssd"], "true");
    assert_eq!(two.capacity.cpus_milli, 4_000);
    assert_eq!(two.capacity.ports, [(31_000, 31_999)]);
    assert_eq!(three.capacity.ports, [(7_000, 7_000), (8_000, 8_001), (9_000, 9_001)]);
}

#[test]
fn hosts_are_read_as_the_command_prints_them_and_those_that_take_nothing_are_left_out() {
    let read = hosts(
        br#"[{"name": "h1", "cpus_milli": 2500, "mem_bytes": 1073741824, "disk_bytes": 5,
              "ports": 1000, "attributes": {"rack": "r1"}, "instances": ["web#0", "db#1"],
              "state": "active", "maintenance": null},
             {"name": "h2", "cpus_milli": 4000, "mem_bytes": 1, "disk_bytes": 0, "ports": 0,
              "attributes": {}, "instances": [], "state": "draining", "maintenance": null},
             {"name": "h3", "cpus_milli": 1, "mem_bytes": 1, "disk_bytes": 1, "ports": 65535,
              "attributes": {}, "instances": [], "state": "listed",
              "maintenance": {"start_ms": 1, "end_ms": 2}}]"#,
    )
    .expect("what the command prints");
    let [one, three] = read.value.hosts.as_slice() else { panic!("{read:?}") };
    assert_eq!((one.name.as_str(), one.attributes["rack"].as_str()), ("h1", "r1"));
    assert_eq!((one.capacity.cpus_milli, one.capacity.mem_bytes), (2_500, 1 << 30));
    assert_eq!((one.capacity.disk_bytes, one.capacity.ports[0]), (5, (31_000, 31_999)));
    assert_eq!((three.name.as_str(), three.capacity.ports[0]), ("h3", (1, 65_535)));
    let [running, draining] = read.warnings.as_slice() else { panic!("{:?}", read.warnings) };
    assert!(running.contains("\"h1\"") && running.contains("--running"), "{running}");
    assert!(draining.contains("\"h2\" is draining"), "{draining}");
}

#[test]
fn amounts_may_stand_beside_the_name_and_the_list_in_an_object() {
    let plain = r#"[{"name": "h", "resources": {"cpus": 2, "mem": "1GiB", "ports": "80"}}]"#;
    let beside = r#"[{"name": "h", "cpus": 2.0, "mem": 1073741824.0, "ports": [80]}]"#;
    let within = format!(r#"{{"scheduler": {{"x": [1]}}, "hosts": {plain}, "topologies": []}}"#);
    assert_eq!(good(plain), good(beside));
    assert_eq!(good(plain), good(&within));
    assert_eq!(good(r#"{"hosts": []}"#).hosts, []);
}

#[test]
fn cpus_are_whole_thousandths_and_never_more_than_is_said() {
    for (cpus, milli) in [("0.29", 290), ("7.9999", 7_999), ("4", 4_000), ("1e1", 10_000)] {
        let cluster = good(&format!(r#"[{{"name": "h", "resources": {{"cpus": {cpus}}}}}]"#));
        assert_eq!(cluster.hosts[0].capacity.cpus_milli, milli, "{cpus}");
    }
}

#[test]
fn what_is_wrong_with_hosts_is_said_with_a_code() {
    let of = |resources: &str| format!(r#"[{{"name": "h", "resources": {{{resources}}}}}]"#);
    for (text, code) in [
        ("", Code::NOT_JSON),
        ("[NaN]", Code::NOT_JSON),
        ("[] x", Code::NOT_JSON),
        (&"[".repeat(100_000), Code::NOT_JSON),
        ("{}", Code::WRONG_TYPE),
        ("[7]", Code::WRONG_TYPE),
        ("[{}]", Code::MISSING_KEY),
        (r#"[{"name": 7}]"#, Code::WRONG_TYPE),
        (r#"[{"name": ""}]"#, Code::BAD_NAME),
        (r#"[{"name": "a"}, {"name": "a"}]"#, Code::LISTED_TWICE),
        (r#"[{"name": "a", "name": "b"}]"#, Code::DUPLICATE_KEY),
        (r#"[{"name": "a", "attributes": {"x": []}}]"#, Code::WRONG_TYPE),
        (&of(r#""cpus": -1"#), Code::OUT_OF_RANGE),
        (&of(r#""cpus": "4""#), Code::WRONG_TYPE),
        (&of(r#""cpus": 1e300"#), Code::OUT_OF_RANGE),
        (&of(r#""mem": -1"#), Code::OUT_OF_RANGE),
        (&of(r#""mem": 1.5"#), Code::OUT_OF_RANGE),
        (&of(r#""mem": "8 gigs""#), Code::BAD_UNIT),
        (&of(r#""mem": "9PiB""#), Code::OUT_OF_RANGE),
        (&of(r#""mem": null"#), Code::WRONG_TYPE),
        (&of(r#""ports": "9-8""#), Code::OUT_OF_RANGE),
        (&of(r#""ports": "0-70000""#), Code::OUT_OF_RANGE),
        (&of(r#""ports": {}"#), Code::WRONG_TYPE),
        (&of(r#""ports": [[2, 1]]"#), Code::OUT_OF_RANGE),
        (&of(r#""ports": [[1, 2, 3]]"#), Code::WRONG_TYPE),
        (&of(r#""cpus": 1, "cpus_milli": 1000"#), Code::DUPLICATE_KEY),
        (&of(r#""memory": "64GiB""#), Code::UNKNOWN_KEY),
        (&of(r#""CPUs": 64"#), Code::UNKNOWN_KEY),
        (r#"[{"name": "a", "atributes": {}}]"#, Code::UNKNOWN_KEY),
        (r#"[{"name": "a", "ports": -1}]"#, Code::OUT_OF_RANGE),
        (r#"[{"name": "a", "ports": 65536}]"#, Code::OUT_OF_RANGE),
        (r#"[{"name": "a", "cpus_milli": 0.5}]"#, Code::OUT_OF_RANGE),
        (r#"[{"name": "a", "cpus_milli": "1"}]"#, Code::WRONG_TYPE),
        (r#"[{"name": "a", "mem": 1, "resources": {"mem": 1}}]"#, Code::DUPLICATE_KEY),
        (r#"[{"name": "a", "state": "up"}]"#, Code::UNKNOWN_WORD),
        (r#"[{"name": "a", "state": 1}]"#, Code::WRONG_TYPE),
        (r#"[{"name": "a", "instances": 2}]"#, Code::WRONG_TYPE),
        (r#"{"name": "a"}"#, Code::WRONG_TYPE),
        (r#"{"hosts": {}}"#, Code::WRONG_TYPE),
        (r#"{"hosts": [], "hosts": []}"#, Code::WRONG_TYPE),
        ("{\"name\": \"a\"}\n{\"name\": \"b\"}\n", Code::WRONG_TYPE),
    ] {
        let shown: String = text.chars().take(80).collect();
        assert_eq!(codes(text), [code], "{shown}");
    }
    let many = format!("[[{}0]]", "0,".repeat(20_000));
    assert_eq!(codes(&many), [Code::LIMIT]);
}

#[test]
fn many_wrong_hosts_are_listed_up_to_a_bound_and_the_rest_is_counted() {
    let text = format!("[{}{{}}]", "{},".repeat(999));
    let found = hosts(text.as_bytes()).expect_err("wrong hosts");
    assert_eq!(found.len(), 20);
    assert!(found[19].text.ends_with("(and 980 more that are wrong)"), "{:?}", found[19]);
}

#[test]
fn a_key_that_means_nothing_is_warned_about() {
    let read = hosts(br#"[{"name": "h", "resources": {"gpus": 1}}]"#).expect("good hosts");
    assert_eq!(read.warnings.len(), 1);
    assert!(read.warnings[0].contains("\"gpus\""), "{:?}", read.warnings);
    let many: Vec<String> =
        (0..50).map(|at| format!(r#"{{"name": "h{at}", "role": "x", "note": 1}}"#)).collect();
    let read = hosts(format!("[{}]", many.join(",")).as_bytes()).expect("good hosts");
    assert_eq!(read.warnings.len(), 2, "one for each key: {:?}", read.warnings);
    assert!(read.warnings[0].ends_with("(and 49 more like it)"), "{:?}", read.warnings);
}

#[test]
fn what_runs_is_as_its_topology_describes_it_unless_it_says_so_itself() {
    let given = [topology("shop")];
    let text = r#"[{"task": "web", "slot": 0, "host": "h1"},
        {"topology": "shop", "task": "task.web", "slot": 1, "host": "h2", "tags": ["old"]},
        {"topology": "other", "task": "db.main", "slot": 0, "host": "h1", "tags": ["db"],
         "biases": [["front", "never"]], "resources": {"cpus": 2, "mem": "1GiB", "ports": []}}]"#;
    let running = running(text.as_bytes(), &given).expect("good instances").value;
    let [one, two, three] = running.instances.as_slice() else { panic!("{running:?}") };
    let tags = |one: &lathe_placement::RunningInstance| {
        one.tags.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!((one.topology.as_str(), tags(one).join(" ")), ("shop", "front web".to_owned()));
    assert_eq!(one.biases[0].weight, 80);
    assert_eq!(tags(two), ["old", "web"]);
    assert_eq!(two.biases[0].weight, 80, "what it does not say is as described");
    assert_eq!(tags(three), ["db", "db.main"].map(str::to_owned));
    assert_eq!(three.biases[0].word, Word::Never);
    assert_eq!((three.resources.cpus_milli, three.resources.ports.len()), (2_000, 0));
}

#[test]
fn what_is_wrong_with_what_runs_is_said_with_a_code() {
    let given = [topology("shop"), topology("stock")];
    let of =
        |rest: &str| format!(r#"[{{"topology": "x", "task": "a", "slot": 0, "host": "h"{rest}}}]"#);
    let one = of("");
    let twice = format!("{},{}", one.trim_end_matches(']'), one.trim_start_matches('['));
    for (text, code) in [
        ("[NaN]", Code::NOT_JSON),
        ("[[]]", Code::WRONG_TYPE),
        (r#"[{"task": "a", "slot": 0, "host": "h"}]"#, Code::MISSING_KEY),
        (&of(r#", "biases": [["b", "sometimes"]]"#), Code::UNKNOWN_WORD),
        (&of(r#", "biases": [["b", "never", 5]]"#), Code::WEIGHT_ON_HARD_WORD),
        (&of(r#", "biases": 7"#), Code::WRONG_TYPE),
        (&of(r#", "tags": null"#), Code::WRONG_TYPE),
        (&of(r#", "tags": ["\u0007\"\\"]"#), Code::BAD_NAME),
        (&of(r#", "resources": {"mem": "1 apple"}"#), Code::BAD_UNIT),
        (&twice, Code::LISTED_TWICE),
    ] {
        let found = running(text.as_bytes(), &given).expect_err("wrong instances");
        assert_eq!(found.iter().map(|one| one.code).collect::<Vec<_>>(), [code], "{text}");
    }
    for (slot, codes) in [
        ("-1", [Code::OUT_OF_RANGE, Code::MISSING_KEY]),
        ("1.5", [Code::WRONG_TYPE, Code::MISSING_KEY]),
    ] {
        let text = of("").replace("\"slot\": 0", &format!("\"slot\": {slot}"));
        let found = running(text.as_bytes(), &given).expect_err("wrong instances");
        assert_eq!(found.iter().map(|one| one.code).collect::<Vec<_>>(), codes, "{text}");
    }
}

//! A crate of one's own: made by `lathe new`, tested by cargo, run by `lathe up`; a topology of
//! one's own with each of the biases.

#![expect(clippy::unwrap_used, reason = "a test: what is not there fails it")]

use std::collections::BTreeSet;
use std::path::Path;

use lathe_system::{
    BUILD, Lathe, Request, Running, SOON, Scripts, Signal, Status, binaries, until, write,
};

#[test]
fn a_new_crate_passes_its_test_and_serves() {
    let mut lathe = Lathe::new();
    // Far down: paths of sockets have bounds that paths of folders do not.
    let deep = lathe.folder().join("a_rather_long_name_of_a_folder/".repeat(4));
    std::fs::create_dir_all(&deep).unwrap();
    let made = lathe.lathe_in(&deep, &["new", "greeter"]).with_code(0);
    assert!(made.err.contains("cargo test"), "{}", made.err);
    let folder = deep.join("greeter");
    lathe.lathe_in(&deep, &["new", "greeter"]).with_code(2);
    for bad in ["Greeter", "9lives", "a-b", "core", ""] {
        let refused = lathe.lathe_in(&deep, &["new", bad]).with_code(2);
        assert!(refused.err.contains("no name for a crate"), "{bad}: {}", refused.err);
    }

    let mut test = lathe.command_of("cargo".as_ref());
    test.arg("test").current_dir(&folder);
    test.env("CARGO_TARGET_DIR", binaries().cache.join("own_crate"));
    let tested = Running::complete(test, BUILD).with_code(0);
    assert!(tested.out.contains("test result: ok. 1 passed"), "{}", tested.out);

    let file = folder.join("topology.toml");
    let checked = lathe.lathe(&["check", file.to_str().unwrap()]).with_code(0);
    assert!(checked.err.contains("no problems"), "{}", checked.err);
    let home = deep.join("home");
    let printed = lathe.up(&["--home", home.to_str().unwrap(), file.to_str().unwrap()]);
    let urls: Vec<&str> =
        printed.lines().filter_map(|line| line.split_once("  ").map(|(_, url)| url)).collect();
    let urls: Vec<&&str> = urls.iter().filter(|url| url.starts_with("http://")).collect();
    assert_eq!(urls.len(), 2, "{printed}");
    for url in urls {
        assert_eq!(Request::get(format!("{url}/")).send().text(), "hello\n");
        assert_eq!(Request::get(format!("{url}/hello/you")).send().text(), "hello, you\n");
        assert_eq!(Request::get(format!("{url}/other")).send().status, 404);
    }
    lathe.end(Signal::INT).with_code(0);
    lathe.nothing_is_left(SOON);
}

fn hosts(status: &Status, task: &str) -> BTreeSet<String> {
    status.hosts_of(task).into_iter().collect()
}

fn submit(lathe: &Lathe, file: &Path) -> Status {
    lathe.lathe(&["submit", "--yes", file.to_str().unwrap()]).with_code(0);
    lathe.status()
}

#[test]
fn each_of_the_five_biases_is_heard() {
    const STAY: &str = "exec sleep 100000";
    let mut lathe = Lathe::new();
    let of_rack = ["--host", "rack=r1", "--host", "rack=r1", "--host", "rack=r2"];
    let scripts = Scripts::default()
        .with("db", STAY, "tasks = 2\ntags = [\"db\"]\nbiases = [[\"db\", \"never\"]]")
        .with("web", STAY, "tasks = 4\ntags = [\"web\"]\nbiases = [[\"db\", \"always\"]]")
        .with(
            "batch",
            STAY,
            "tasks = 2\nbiases = [[\"db\", \"avoid\"], [\"@rack=r2\", \"neutral\"]]",
        )
        .with("cache", STAY, "tasks = 2\nbiases = [[\"web\", \"prefer\"]]");
    let file = scripts.write(&lathe.folder().join("biased.toml"));
    lathe.up(&[&of_rack[..], &[file.to_str().unwrap()]].concat());
    let status = lathe.all_ready(10);
    let db = hosts(&status, "db");
    assert_eq!(db.len(), 2, "never: one on each host, {db:?}");
    assert!(hosts(&status, "web").is_subset(&db), "always: {:?}", hosts(&status, "web"));
    let batch = hosts(&status, "batch");
    assert!(batch.is_disjoint(&db), "avoid: there is a host without, {batch:?}");
    let web = hosts(&status, "web");
    assert!(hosts(&status, "cache").is_subset(&web), "prefer: {:?}", hosts(&status, "cache"));

    // A rule of a running topology holds for others, too; attributes are as good as tags.
    let other = Scripts::default()
        .with("shy", STAY, "tasks = 1\nbiases = [[\"db\", \"never\"]]")
        .with("rack", STAY, "tasks = 2\nbiases = [[\"@rack=r1\", \"always\"]]");
    let status = submit(&lathe, &other.write(&lathe.folder().join("other.toml")));
    assert!(hosts(&status, "shy").is_disjoint(&db), "{:?}", hosts(&status, "shy"));
    let racks: BTreeSet<&str> = status
        .hosts
        .iter()
        .filter(|host| hosts(&status, "rack").contains(&host.name))
        .map(|host| host.attributes["rack"].as_str())
        .collect();
    assert_eq!(racks, BTreeSet::from(["r1"]));
    assert_eq!(hosts(&status, "db"), db);

    // What lives would break is refused by the name of the rule: the last host takes no db.
    let third = Scripts::default()
        .with("db", STAY, "tasks = 3\ntags = [\"db\"]\nbiases = [[\"db\", \"never\"]]")
        .with("web", STAY, "tasks = 4\ntags = [\"web\"]\nbiases = [[\"db\", \"always\"]]")
        .with("batch", STAY, "tasks = 2\nbiases = [[\"db\", \"avoid\"]]")
        .with("cache", STAY, "tasks = 2\nbiases = [[\"web\", \"prefer\"]]");
    let third = third.write(&file);
    let refused = lathe.lathe(&["submit", "--yes", third.to_str().unwrap()]).with_code(3);
    assert!(refused.err.contains("LT0202"), "{}", refused.err);
    assert!(refused.err.contains("what runs of other"), "who is in the way: {}", refused.err);
    assert_eq!(lathe.status().incarnations(), status.incarnations());
}

#[test]
fn an_edited_source_replaces_its_task_and_no_other() {
    let mut lathe = Lathe::new();
    lathe.lathe(&["new", "greeter"]).with_code(0);
    let file = lathe.folder().join("greeter/topology.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let beside = Scripts::default().with("beside", "exec sleep 100000", "tasks = 2");
    write(&file, &format!("{text}\n{}", beside.text()));
    let file = file.to_str().unwrap();
    lathe.up(&[file]);
    let before = lathe.all_ready(4);

    // A file that is no source changes nothing; a source does.
    let main = lathe.folder().join("greeter/src/main.rs");
    let source = std::fs::read_to_string(&main).unwrap();
    let plan = lathe.lathe(&["plan", file]).with_code(0);
    assert!(plan.out.contains("nothing changes (4 instances stay)"), "{}", plan.out);
    write(&main, &source.replace("hello, {name}", "welcome, {name}"));
    let plan = lathe.lathe(&["plan", file]).with_code(0);
    assert!(plan.out.contains("2 instances stay"), "{}", plan.out);
    assert_eq!(plan.out.matches("~ replace  greeter#").count(), 2, "{}", plan.out);
    assert_eq!(lathe.status().incarnations(), before.incarnations());
    lathe.lathe(&["submit", file]).with_code(3);
    assert_eq!(lathe.status().incarnations(), before.incarnations());

    let submitted = lathe.lathe(&["submit", "--yes", file]).with_code(0);
    assert!(submitted.err.contains("4 of 4 instances ready"), "{}", submitted.err);
    let after = lathe.all_ready(4);
    for one in after.of_task("greeter") {
        assert_eq!(one.life(), 2);
        let answer = Request::get(format!("{}/hello/you", one.url())).send();
        assert_eq!(answer.text(), "welcome, you\n");
    }
    for one in after.of_task("beside") {
        assert_eq!(one.life(), 1);
    }
    let again = lathe.lathe(&["plan", file]).with_code(0);
    assert!(again.out.contains("nothing changes (4 instances stay)"), "{}", again.out);
}

#[test]
fn two_commands_that_build_two_versions_at_once_get_each_their_own() {
    let mut lathe = Lathe::new();
    lathe.up(&[]);
    let submit = &|version: &str| {
        let folder = lathe.folder().join(format!("twin-{version}"));
        let manifest = format!(
            "[workspace]\n\n[package]\nname = \"twin\"\nversion = \"{version}.0.0\"\n\
             edition = \"2024\"\n"
        );
        write(&folder.join("Cargo.toml"), &manifest);
        // The folder's name makes a source that no earlier run has built.
        // The last one does not end when it is asked which tasks it has.
        let ends = if version == "3" { "" } else { "if std::env::args().len() > 1 { return; }" };
        let program = format!(
            "// {}\nfn main() {{\n    {ends}\n    println!(\"version {version}\");\n    loop {{\n        \
             std::thread::park();\n    }}\n}}\n",
            lathe.folder().display()
        );
        write(&folder.join("src/main.rs"), &program);
        let topology = format!(
            "[task.twin_{version}]\ncrate = \"twin\"\nversion = \"{version}.0.0\"\n\
             task = \"twin\"\ntasks = 1\npath = \"twin-{version}\"\n"
        );
        let file = write(&lathe.folder().join(format!("twins_{version}.toml")), &topology);
        lathe.lathe(&["submit", "--yes", file.to_str().unwrap()]).with_code(0);
    };
    std::thread::scope(|threads| {
        for version in ["1", "2", "3"] {
            threads.spawn(move || submit(version));
        }
    });
    lathe.all_ready(3);
    for version in ["1", "2", "3"] {
        let instance = format!("twin_{version}#0");
        until(&format!("the words of {instance}"), SOON, || {
            let words = lathe.lathe(&["logs", &instance]).with_code(0).out;
            assert!(words.is_empty() || words == format!("version {version}\n"), "{words}");
            (!words.is_empty()).then_some(())
        });
    }
    let running = lathe.processes().into_iter().filter(|one| one.name == "twin").count();
    assert_eq!(running, 3, "those that were asked only are gone");
}

/// Cargo itself would take the second for the first, since its files are older than that build.
#[test]
fn two_folders_with_one_crate_get_each_their_own_binary() {
    let mut lathe = Lathe::new();
    for (folder, word) in [("one", "first"), ("two", "second")] {
        lathe.lathe(&["new", &format!("{folder}/greeter")]).with_code(0);
        let main = lathe.folder().join(folder).join("greeter/src/main.rs");
        let source = std::fs::read_to_string(&main).unwrap();
        write(&main, &source.replace("hello, {name}", &format!("{word}, {{name}}")));
        let old = std::time::SystemTime::now() - std::time::Duration::from_secs(86_400);
        std::fs::File::options().append(true).open(&main).unwrap().set_modified(old).unwrap();
    }
    lathe.up(&[]);
    for (folder, word) in [("one", "first"), ("two", "second")] {
        let file = lathe.folder().join(folder).join("greeter/topology.toml");
        lathe.lathe(&["submit", "--yes", file.to_str().unwrap()]).with_code(0);
        for one in lathe.all_ready(2).of_task("greeter") {
            let answer = Request::get(format!("{}/hello/you", one.url())).send();
            assert_eq!(answer.text(), format!("{word}, you\n"));
        }
    }
}

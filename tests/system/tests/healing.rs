//! What is lost comes back by the rules, and who only asks does not notice.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use lathe_system::{Chaos, Lathe, Scripts, Status, example};

const STEADY: &str = "exec sleep 100000";
/// Is well for its check, which looks for the file.
const WELL: &str = "touch well; exec sleep 100000";
const FALLS: &str = "exit 7";

fn counts(status: &Status, task: &str) -> BTreeMap<String, u64> {
    let of = status.of_task(task).into_iter();
    of.map(|one| (one.instance.clone(), one.incarnations)).collect()
}

/// Longer runs: `cargo xtask soak healing`.
#[test]
fn a_client_that_asks_once_more_sees_no_error_while_anything_is_killed() {
    let lathe = Lathe::with(&example());
    let _ = lathe.all_ready(13);
    let chaos = Chaos {
        time: Duration::from_secs(25),
        seed: 7,
        rate: 100,
        pause: Duration::from_millis(1_500),
    };
    let account = chaos.run(&lathe);
    assert_eq!(account.failures, Vec::<String>::new(), "{account}");
    assert_eq!(account.contradictions, Vec::<String>::new(), "{account}");
    assert!(account.is_good(), "{account}");
    assert!(account.faults.values().sum::<usize>() > 3, "{account}");
}

#[test]
fn never_holds_through_the_loss_of_a_host_and_the_count_comes_back_with_it() {
    let mut lathe = Lathe::new();
    let scripts = Scripts::default()
        .with("apart", STEADY, "tasks = 3\ntags = [\"a\"]\nbiases = [[\"a\", \"never\"]]")
        .with("free", STEADY, "tasks = 3\ntags = [\"f\"]\nbiases = [[\"f\", \"avoid\"]]");
    let file = scripts.write(&lathe.folder().join("apart.toml"));
    lathe.up(&[file.to_str().unwrap()]);
    let before = lathe.all_ready(6);
    let apart = |now: &Status| now.hosts_of("apart").into_iter().collect::<BTreeSet<String>>();
    assert_eq!(apart(&before).len(), 3);
    let lost = before.instance("apart#1").host.clone().unwrap();
    let freed = before.of_task("free").into_iter().find(|one| one.host.as_ref() == Some(&lost));
    let freed = freed.unwrap().instance.clone();

    let _ = lathe.lathe(&["hosts", "kill", &lost]).with_code(0);
    // Whoever may move does; whoever may not waits and says why.
    let now = lathe.status_when("five ready", |now| {
        let moved = now.instance(&freed);
        now.ready() == 5 && moved.life() == 2 && now.instance("apart#1").state == "waiting"
    });
    let waits = now.instance("apart#1");
    assert!(waits.reason.as_deref().is_some_and(|why| !why.is_empty()), "{waits:?}");
    let ready = now.of_task("apart").into_iter().filter(|one| one.state == "ready");
    let hosts: Vec<String> = ready.filter_map(|one| one.host.clone()).collect();
    assert_eq!(hosts.iter().collect::<BTreeSet<_>>().len(), 2, "{hosts:?}");

    let _ = lathe.lathe(&["hosts", "resume", &lost]).with_code(0);
    let after = lathe.all_ready(6);
    assert_eq!(apart(&after), apart(&before), "one on each host again");
    assert_eq!(after.instance("apart#1").host.as_ref(), Some(&lost));
    assert_eq!(after.instance("apart#1").life(), 2);
    for one in ["apart#0", "apart#2"] {
        assert_eq!(after.instance(one).life(), 1, "{one} was left alone");
    }
    let runs: BTreeSet<String> = lathe.tasks().into_keys().collect();
    assert_eq!(runs, after.incarnations().into_values().collect(), "each runs once");
}

#[test]
fn a_version_that_only_falls_stops_launching_and_nobody_else_notices() {
    let mut lathe = Lathe::new();
    let both = |page: &str| {
        let scripts = Scripts::default().with("steady", STEADY, "tasks = 2");
        let health = "health = { command = [\"test\", \"-e\", \"well\"], interval = \"200ms\" }";
        scripts.with("page", page, &format!("tasks = 4\n{health}"))
    };
    let file = lathe.folder().join("shop.toml");
    let file_text = file.to_str().unwrap().to_owned();
    lathe.up(&[both(FALLS).write(&file).to_str().unwrap()]);

    let held = |now: &Status| {
        let mut all = now.of_task("page").into_iter();
        all.any(|one| one.reason.as_deref().is_some_and(|why| why.contains("held back")))
    };
    let first = counts(&lathe.status_when("a version that is held back", held), "page");
    let most = first.values().max().copied().unwrap();
    // It goes on being tried, by one: of the others at most what was on its way just then.
    let now = lathe.status_when("two more tries", |now| {
        counts(now, "page").values().any(|count| *count >= most + 2)
    });
    let grown = counts(&now, "page").into_iter().filter(|(one, count)| *count > first[one] + 1);
    assert_eq!(grown.count(), 1, "{first:?} {:?}", counts(&now, "page"));
    for one in now.of_task("steady") {
        assert_eq!((one.state.as_str(), one.life()), ("ready", 1), "{}", one.instance);
    }

    // Mended, all of it runs. Broken again, the one that is replaced first is all that is lost.
    let _ = both(WELL).write(&file);
    let _ = lathe.lathe(&["submit", "--yes", &file_text]).with_code(0);
    let well = lathe.all_ready(6);
    let _ = both(FALLS).write(&file);
    let _ = lathe.lathe(&["submit", "--yes", "--wait", "1s", &file_text]);
    let now = lathe.status_when("one that backs off", |now| {
        let mut all = now.of_task("page").into_iter();
        all.any(|one| one.reason.as_deref().is_some_and(|why| why.contains("backs off")))
    });
    let stay = now.of_task("page").into_iter().filter(|one| {
        one.state == "ready" && one.incarnation == well.instance(&one.instance).incarnation
    });
    assert_eq!(stay.count(), 3, "{:?}", now.incarnations());
    assert!(now.of_task("steady").iter().all(|one| one.life() == 1));
}

//! Tests of the file beside.

use super::*;
use crate::parse;

const BASE: &str = r#"
[task.web]
crate = "web"
version = "1.0.0"
task = "Web"
tasks = 3
colour = "blue"

[task.db]
crate = "db"
version = "1.0.0"
task = "Db"
tasks = 1
"#;

fn changes(after: &str) -> Vec<String> {
    let before = parse("shop", BASE).unwrap().topology;
    let after = parse("shop", after).unwrap().topology;
    diff(&before, &after).iter().map(ToString::to_string).collect()
}

#[test]
fn the_same_file_with_other_places_is_no_change() {
    assert!(changes(&format!("# a comment\n\n{BASE}")).is_empty());
}

#[test]
fn tasks_come_and_go() {
    let after = BASE.replace("[task.db]", "[task.cache]");
    assert_eq!(changes(&after), ["cache: new, 1 instance", "db: removed, 1 instance"]);
}

#[test]
fn each_kind_of_difference_is_told_apart() {
    let count = BASE.replace("tasks = 3", "tasks = 5");
    assert_eq!(changes(&count), ["web: tasks 3 → 5"]);
    let own = BASE.replace("blue", "red");
    assert_eq!(changes(&own), ["web: own keys differ (colour)"]);
    let rules = BASE.replace("colour", "tags = [\"web2\"]\ngrace = \"1s\"\ncolour");
    assert_eq!(changes(&rules), ["web: rules differ (tags, grace)"]);
    let contents = BASE.replace("colour", "args = [\"-v\"]\nresources = { cpus = 1 }\ncolour");
    assert_eq!(changes(&contents), ["web: contents differ (resources, args)"]);
    let all = own.replace("tasks = 3", "tasks = 1").replacen("1.0.0", "1.0.1", 1);
    assert_eq!(
        changes(&all),
        ["web: tasks 3 → 1; contents differ (version); own keys differ (colour)"]
    );
}

#[test]
fn what_a_change_does_can_be_asked() {
    let before = parse("shop", BASE).unwrap().topology;
    let change =
        |text: &str| diff(&before, &parse("shop", text).unwrap().topology)[0].change.clone();
    let count = change(&BASE.replace("tasks = 3", "tasks = 5"));
    assert!(count.is_count_only() && !count.is_own_only() && !count.replaces_instances());
    let own = change(&BASE.replace("blue", "red"));
    assert!(own.is_own_only() && !own.is_count_only() && !own.replaces_instances());
    let contents = change(&BASE.replacen("1.0.0", "1.0.1", 1));
    assert!(contents.replaces_instances());
}

//! What makes another process of a task.

use super::*;

fn task(keys: &str) -> TaskSpec {
    let source = format!(
        "[task.web]\ncrate = \"web\"\nversion = \"1.0.0\"\ntask = \"Web\"\ntasks = 2\n{keys}\n"
    );
    lathe_topology::parse("shop", &source).unwrap().topology.tasks.remove(0)
}

#[test]
fn another_health_check_is_another_process_and_none_is_what_it_was() {
    let plain = identity(&task(""), None);
    assert_eq!(plain, identity(&task("tags = [\"t\"]\ncolour = \"red\""), None));
    assert!(!plain.contains("health"), "known identities stay: {plain}");
    let checked = identity(&task("health = { path = \"/healthz\" }"), None);
    assert_ne!(checked, plain);
    assert_ne!(checked, identity(&task("health = { path = \"/healthz\", failures = 5 }"), None));
    assert_eq!(checked, identity(&task("health = { path = \"/healthz\", failures = 3 }"), None));
}

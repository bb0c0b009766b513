//! What is no drill.

use super::rewritten;

const HEAD: &str = "# Title\n#\n# Prose.\n\n";

fn wrong(text: &str) -> String {
    rewritten(&format!("{HEAD}{text}")).expect_err("it is no drill")
}

#[test]
fn a_drill_begins_with_a_title_and_prose() {
    assert!(rewritten("> hosts h1\n").expect_err("no prose").contains("begins with"));
    assert!(rewritten("# Title\n> hosts h1\n").expect_err("no prose").contains("begins with"));
}

#[test]
fn a_wrong_command_is_named_with_its_line() {
    assert!(wrong("> dance\n").contains("line 5: `dance` is no command"));
    assert!(wrong("> host kill h9\n").contains("line 5: no host h9"));
    assert!(wrong("> hosts h1\n> kill web#0\n").contains("line 6: nothing of web#0 runs"));
    assert!(wrong("> wait soon\n").contains("line 5"));
    assert!(wrong("> submit x --wait\n").contains("--wait wants a value"));
}

#[test]
fn what_a_command_shows_is_written_anew_and_prose_stays() {
    let text = format!("{HEAD}> hosts h1\nold\n> status\nolder\n\n# More.\n");
    let once = rewritten(&text).expect("it is a drill");
    assert_eq!(once, format!("{HEAD}> hosts h1\n> status\nno topology runs here\n\n# More.\n"));
    assert_eq!(rewritten(&once).expect("it is a drill"), once);
}

#[test]
fn a_topology_is_submitted_and_runs() {
    let text = format!(
        "{HEAD}> hosts h1\n> write shop.toml\n| [task.web]\n| crate = \"web\"\n| tasks = 1\n> submit shop\n"
    );
    let shown = rewritten(&text).expect("it is a drill");
    assert!(shown.contains("shop: revision 1, 1 of 1 instances ready"), "{shown}");
}

//! Tests of the file beside.

use super::*;

#[test]
fn versions_are_compared_by_their_numbers() {
    let found = "rustc 1.95.0 (59807616e 2026-04-14)";
    assert!(is_new_enough(found, "1.95"));
    assert!(is_new_enough(found, "1.9"));
    assert!(!is_new_enough(found, "1.95.1"));
    assert!(!is_new_enough(found, "1.100"));
    assert!(is_new_enough("rustc 1.97.0-nightly (0123 2026-06-01)", "1.95"));
    assert!(!is_new_enough("rustc", "1.95"));
}

#[test]
fn packages_are_installed_at_once_and_components_by_rustup() {
    let absent: Vec<&Need> = NEEDS.iter().filter(|need| need.source != Source::Rust).collect();
    let commands = commands_for(&absent, true);
    let texts: Vec<String> = commands.iter().map(|words| words.join(" ")).collect();
    assert_eq!(texts[0], "rustup component add rustfmt");
    assert_eq!(texts[2], "sudo apt-get update");
    assert!(texts[3].starts_with("sudo apt-get install --yes"));
    assert!(texts[3].contains(" gcc libc6-dev default-jre-headless maven g++ "), "{}", texts[3]);
    assert_eq!(commands_for(&absent, false)[2], ["apt-get", "update"]);
    assert!(commands_for(&[], true).is_empty());
}

#[test]
fn a_version_is_shown_without_colours() {
    assert_eq!(plain("\u{1b}[1mApache Maven 3.8.7\u{1b}[m"), "Apache Maven 3.8.7");
    assert_eq!(plain("mkdir 9.1"), "mkdir 9.1");
}

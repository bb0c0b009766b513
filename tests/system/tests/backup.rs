//! A backup of what runs, and a home that is made anew out of it.

#![expect(clippy::unwrap_used, reason = "a test: what is not there fails it")]

use std::fs;
use std::path::Path;

use lathe_system::{Lathe, Scripts, Signal, write};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_home_that_was_lost_comes_back_and_no_life_has_a_number_twice() {
    let mut lathe = Lathe::new();
    let keys = "tasks = 2\nshares = [90, 10]";
    let scripts = Scripts::default().with("page", "exec sleep 100000", keys);
    let file = scripts.write(&lathe.folder().join("shop.toml"));
    lathe.up(&[text(&file)]);
    lathe.lathe(&["scale", "page", "3"]).with_code(0);
    lathe.lathe(&["set", "page", "shares", "[50, 50]"]).with_code(0);
    let before = lathe.all_ready(3);

    let backup = lathe.folder().join("shop.backup");
    let taken = lathe.lathe(&["backup", text(&backup)]).with_code(0);
    assert!(taken.err.contains("1 binary") && taken.out.is_empty(), "{}", taken.err);
    let mode = fs::metadata(&backup).unwrap().permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
    let again = lathe.lathe(&["backup", text(&backup)]).with_code(2);
    assert!(again.err.contains("--force"), "{}", again.err);
    let checked = lathe.lathe(&["restore", "--check", text(&backup)]).with_code(0);
    assert!(checked.err.contains("is whole"), "{}", checked.err);
    assert_eq!(lathe.all_ready(3).incarnations(), before.incarnations(), "nothing was touched");

    // Not while it runs, and not over a store that is there.
    let runs = lathe.lathe(&["restore", "--force", text(&backup)]).with_code(2);
    assert!(runs.err.contains("another `lathe up`"), "{}", runs.err);
    lathe.lathe(&["restart", "--yes", "page#0"]).with_code(0);
    lathe.lathe(&["scale", "page", "1", "--yes"]).with_code(0);
    lathe.end(Signal::INT).with_code(0);
    let there = lathe.lathe(&["restore", text(&backup)]).with_code(3);
    assert!(there.err.contains("--force"), "{}", there.err);

    // A file that is not whole changes nothing.
    let whole = fs::read(&backup).unwrap();
    let refuse = |name: &str, bytes: &[u8], part: &str| {
        let file = lathe.folder().join(name);
        fs::write(&file, bytes).unwrap();
        let refused = lathe.lathe(&["restore", "--force", text(&file)]).with_code(2);
        assert!(refused.err.contains(part), "{}", refused.err);
        assert!(refused.err.contains("nothing was changed"), "{}", refused.err);
    };
    refuse("cut", &whole[..whole.len() / 2], "cut off");
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    refuse("damaged", &damaged, "damaged");
    let newer = String::from_utf8(whole).unwrap().replacen("\"format\":1", "\"format\":2", 1);
    refuse("newer", newer.as_bytes(), "format 2");
    refuse("other", b"[task.page]\n", "no backup");

    // Over the store that is there: what has lived since is counted.
    let forced = lathe.lathe(&["restore", "--force", text(&backup)]).with_code(0);
    assert!(forced.err.contains("store.replaced"), "{}", forced.err);
    lathe.up(&[]);
    let now = lathe.all_ready(3);
    assert_eq!(now.instance("page#0").life(), 1_000_003, "two lives, and one after them");
    assert_eq!(now.instance("page#1").life(), 1_000_002);
    lathe.end(Signal::INT).with_code(0);

    // Into a home that is empty: binaries, own keys, history and counts are all there.
    fs::remove_dir_all(lathe.home()).unwrap();
    lathe.lathe(&["restore", text(&backup)]).with_code(0);
    lathe.up(&[]);
    let now = lathe.all_ready(3);
    assert_eq!(now.instance("page#0").life(), 1_000_002);
    let status = lathe.lathe(&["status", "--json"]).with_code(0);
    assert!(status.out.replace([' ', '\n'], "").contains("\"shares\":[50,50]"), "{}", status.out);
    let history = lathe.lathe(&["history", "shop"]).with_code(0);
    assert!(history.out.contains("scaled page from 2 to 3"), "{}", history.out);
    let plan = lathe.lathe(&["plan", text(&file)]).with_code(0);
    assert!(plan.out.contains("3 → 2"), "{}", plan.out);
    lathe.end(Signal::INT).with_code(0);
}

#[test]
fn a_backup_that_nobody_gives_leaves_no_file() {
    let lathe = Lathe::new();
    let file = lathe.folder().join("none.backup");
    lathe.lathe(&["backup", text(&file)]).with_code(5);
    let left: Vec<_> = fs::read_dir(lathe.folder()).unwrap().flatten().collect();
    assert!(left.iter().all(|one| !one.file_name().to_string_lossy().contains("none")), "{left:?}");
    let nowhere = lathe.lathe(&["restore", text(&file)]).with_code(2);
    assert!(nowhere.err.contains("none.backup"), "{}", nowhere.err);
    let empty = write(&lathe.folder().join("empty"), "");
    lathe.lathe(&["restore", text(&empty)]).with_code(2);
}

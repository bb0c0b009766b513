//! Files on a real disk: whole, with their rights, kept and put back.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

use super::*;
use crate::engine::RunId;
use crate::render::Template;

struct Rig {
    folder: tempfile::TempDir,
    own: Folder,
    recipe: Recipe,
}

impl Rig {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let own = Folder::of(&folder.path().join("data"), "h").unwrap();
        let mut recipe = Recipe::new("h", &["g"]);
        for name in ["one", "two"] {
            recipe.files.push(FileRecipe {
                template: Template::parse("t", "version {{ version }}\n").unwrap(),
                path: folder.path().join(name),
                mode: 0o600,
                owner: None,
                check: Vec::new(),
            });
        }
        Self { folder, own, recipe }
    }

    fn stage(&self, version: u64) -> (Staged, Vec<Way>) {
        let input = Input {
            history: "one".to_owned(),
            version,
            hash: version.to_string(),
            groups: BTreeMap::new(),
        };
        let stage = Stage {
            hook: "h".to_owned(),
            run: RunId(1),
            input: Arc::new(input),
            keep: true,
            stale: false,
            age_ms: 0,
        };
        self.own.stage(&self.recipe, &stage).unwrap()
    }

    fn put(&self, version: u64) {
        replace(&self.stage(version).1).unwrap();
    }

    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.folder.path().join(name)).ok()
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

#[test]
fn h7_a_place_has_the_old_file_or_the_new_one_and_nothing_is_left_beside() {
    let rig = Rig::new();
    rig.put(1);
    let before = fs::metadata(rig.folder.path().join("one")).unwrap().ino();
    let (staged, ways) = rig.stage(2);
    assert!(!staged.same);
    assert_eq!(rig.read("one").unwrap(), "version 1\n", "nothing is in place yet");
    // What a run left that came to no end is no hindrance.
    let (_, again) = rig.stage(2);
    assert_eq!(ways, again);
    replace(&ways).unwrap();
    assert_eq!(rig.read("two").unwrap(), "version 2\n");
    assert_ne!(fs::metadata(rig.folder.path().join("one")).unwrap().ino(), before);
    assert_eq!(rig.names(), ["data", "one", "two"]);
}

#[test]
fn h7_what_is_in_place_already_is_not_written_again() {
    let rig = Rig::new();
    rig.put(1);
    let before = fs::metadata(rig.folder.path().join("one")).unwrap().ino();
    let (staged, ways) = rig.stage(1);
    assert!(staged.same && staged.files.len() == 64);
    replace(&ways).unwrap();
    assert_eq!(fs::metadata(rig.folder.path().join("one")).unwrap().ino(), before);
}

#[test]
fn h16_a_file_is_nobody_elses_unless_that_is_wanted() {
    let mut rig = Rig::new();
    rig.recipe.files[1].mode = 0o644;
    let (_, ways) = rig.stage(1);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!([mode(&ways[0].at), mode(&ways[1].at)], [0o600, 0o644], "before the rename");
    replace(&ways).unwrap();
    let one = rig.folder.path().join("one");
    assert_eq!(mode(&one), 0o600);
    for kept in [rig.own.next(), rig.own.path.join("kept")] {
        assert_eq!(mode(&kept) & 0o077, 0, "{}", kept.display());
    }
}

#[test]
fn h7_earlier_versions_are_kept_and_the_last_one_comes_back() {
    let mut rig = Rig::new();
    rig.recipe.keep = 2;
    for version in 1..=4 {
        rig.put(version);
    }
    assert_eq!(numbers(&rig.own.path.join("kept")), [3, 4]);
    rig.own.restore(&rig.recipe).unwrap();
    assert_eq!(rig.read("one").unwrap(), "version 3\n");
    assert_eq!(rig.read("two").unwrap(), "version 3\n");
}

#[test]
fn h7_a_file_that_was_not_there_is_not_there_again() {
    let rig = Rig::new();
    fs::write(rig.folder.path().join("two"), "by hand").unwrap();
    rig.put(1);
    rig.own.restore(&rig.recipe).unwrap();
    assert_eq!(rig.names(), ["data", "two"]);
    assert_eq!(rig.read("two").unwrap(), "by hand");
}

#[test]
fn h8_a_template_that_fails_leaves_all_places_as_they_are() {
    let mut rig = Rig::new();
    rig.put(1);
    rig.recipe.files[1].template = Template::parse("t", "{{ nobody }}").unwrap();
    let stage = Stage {
        hook: "h".to_owned(),
        run: RunId(1),
        input: Arc::new(Folder::input(&rig.own.next()).unwrap()),
        keep: true,
        stale: false,
        age_ms: 0,
    };
    let problem = rig.own.stage(&rig.recipe, &stage).unwrap_err().to_string();
    assert!(problem.contains("undefined"), "{problem}");
    assert_eq!(rig.names(), ["data", "one", "two"]);
}

#[test]
fn what_a_run_saw_becomes_what_the_last_run_saw() {
    let rig = Rig::new();
    rig.own.acknowledged().unwrap();
    rig.stage(5);
    assert_eq!(Folder::input(&rig.own.next()).unwrap().version, 5);
    rig.own.acknowledged().unwrap();
    assert_eq!(Folder::input(&rig.own.next()), None);
    assert_eq!(Folder::input(&rig.own.last()).unwrap().version, 5);
    fs::write(rig.own.last(), "{").unwrap();
    assert_eq!(Folder::input(&rig.own.last()), None);
}

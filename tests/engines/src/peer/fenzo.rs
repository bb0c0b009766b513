//! Where Fenzo comes from: Maven; and its program, which the machine's own compiler translates.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;

use crate::say::say;
use crate::{Code, Failure, cache, java, maven, tool};

const NAME: &str = "fenzo-1.0.1";
const POM: &str = include_str!("../../poms/fenzo.xml");
const PINS: &str = include_str!("../../pins/fenzo.sha256");
const PROGRAM: &str = include_str!("../../peers/Placement.java");
/// It would share its work out to all cores otherwise.
const FLAGS: [&str; 3] = ["-XX:ActiveProcessorCount=1", "-XX:+UseSerialGC", "-Xmx2g"];
const HINT: &str = "Debian's package `default-jdk-headless` brings it";

/// Java and what it is told first. Blocks while it is fetched.
pub(super) fn words() -> Result<Vec<OsString>, Failure> {
    let home = cache::provide(&cache::key(NAME, &[POM, PINS, PROGRAM]), build)?;
    let mut words: Vec<OsString> = vec![java::program("java").into()];
    words.extend(FLAGS.map(OsString::from));
    words.extend(["-cp".into(), class_path(&home).into(), "Placement".into()]);
    Ok(words)
}

fn class_path(home: &Path) -> String {
    format!("{}:{}/*", home.join("classes").display(), home.join("lib").display())
}

fn build(home: &Path) -> Result<(), Failure> {
    maven::fetch(NAME, POM, PINS, home)?;
    say(&format!("translating the program of {NAME}"));
    let (source, classes) = (home.join("Placement.java"), home.join("classes"));
    fs::write(&source, PROGRAM).map_err(|error| Failure::system(source.display(), error))?;
    let (compiler, path) = (java::program("javac"), class_path(home));
    let words: [&OsStr; 6] = [
        compiler.as_os_str(),
        OsStr::new("-cp"),
        OsStr::new(&path),
        OsStr::new("-d"),
        classes.as_os_str(),
        source.as_os_str(),
    ];
    tool::run(&words, home, &home.join("build.log"), HINT)?.map_err(|failed| {
        Failure::new(Code::Build, format!("{NAME}'s program: {}", failed.account), HINT)
    })
}

//! Java, as engines are started with it: small and quick to start rather than fast later.
//!
//! Owns the program and its flags. It must not know any engine.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::daemon::Recipe;

/// One compiler stage and one collector: a third of the start's work.
const FLAGS: &[&str] = &[
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-Djava.awt.headless=true",
    "-Djava.net.preferIPv4Stack=true",
];

/// What a Java program is started with.
#[derive(Debug)]
pub(crate) struct Java<'a> {
    pub(crate) name: String,
    pub(crate) heap_mib: u32,
    pub(crate) class_path: &'a str,
    pub(crate) properties: &'a [String],
    pub(crate) main: &'a str,
    pub(crate) dir: &'a Path,
}

impl Java<'_> {
    pub(crate) fn recipe(self, args: impl IntoIterator<Item = OsString>) -> Recipe {
        let tmp = format!("-Djava.io.tmpdir={}", self.dir.display());
        let mut words: Vec<OsString> = FLAGS.iter().map(OsString::from).collect();
        words.push(format!("-Xmx{}m", self.heap_mib).into());
        words.push(tmp.into());
        words.extend(self.properties.iter().map(OsString::from));
        words.extend(["-cp".into(), self.class_path.into(), self.main.into()]);
        Recipe::new(self.name, program("java"), self.dir).args(words).args(args)
    }
}

/// `$JAVA_HOME`'s, or the one that is found first.
pub(crate) fn program(name: &str) -> PathBuf {
    let home = std::env::var_os("JAVA_HOME").map(|home| PathBuf::from(home).join("bin").join(name));
    home.filter(|path| path.is_file()).unwrap_or_else(|| name.into())
}

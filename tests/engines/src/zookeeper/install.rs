//! Where the ZooKeeper program comes from: Maven, or Debian's package where there is no Maven.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::{Code, Failure, cache, maven};

const NAME: &str = "zookeeper-3.9.5";
const POM: &str = include_str!("../../poms/zookeeper.xml");
const PINS: &str = include_str!("../../pins/zookeeper.sha256");

/// Debian's package has an older version of the same program; it names its other jars itself, but
/// not the one for logs.
const DEBIAN: &str = "/usr/share/java";
const DEBIAN_JARS: [&str; 2] = ["zookeeper.jar", "slf4j-simple.jar"];

/// The class path of a server. Blocks while it fetches.
pub(super) fn class_path() -> Result<String, Failure> {
    let found = cache::provide(&cache::key(NAME, &[POM, PINS]), |home| {
        if !has_maven() {
            let hint = format!("{}; or install Debian's package `zookeeper`", maven::HINT);
            return Err(Failure::new(Code::Missing, "there is no Maven (`mvn`)", hint));
        }
        maven::fetch(NAME, POM, PINS, home)
    });
    match found {
        Ok(home) => Ok(format!("{}/*", home.join("lib").display())),
        Err(failure) if failure.code == Code::Missing => debian().ok_or(failure),
        Err(failure) => Err(failure),
    }
}

fn has_maven() -> bool {
    let mut command = Command::new("mvn");
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn debian() -> Option<String> {
    let jars = DEBIAN_JARS.map(|jar| Path::new(DEBIAN).join(jar));
    let there: Vec<String> =
        jars.iter().filter(|jar| jar.is_file()).map(|jar| jar.display().to_string()).collect();
    jars[0].is_file().then(|| there.join(":"))
}

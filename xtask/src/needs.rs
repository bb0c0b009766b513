//! What the tests need from the machine, and how it gets there.
//!
//! Owns the list, the look at each entry, and the installation. It must not know what the tests do
//! with it.

use std::ffi::OsStr;
use std::process::Command;

use crate::root::{Failure, Root};
use crate::say;

/// One program that has to be there.
#[derive(Debug)]
struct Need {
    name: &'static str,
    why: &'static str,
    /// Program and arguments that print a version.
    probe: &'static [&'static str],
    source: Source,
}

/// Where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// Nothing here installs Rust itself.
    Rust,
    /// A component of the toolchain.
    Component(&'static str),
    /// Packages of Debian and Ubuntu.
    Packages(&'static [&'static str]),
}

/// Loads each of them, as Mesos does, and names them.
const MESOS_LIBRARIES: &str = "\
import ctypes, glob
names = ['svn_delta-1.so.1', 'apr-1.so.0', 'sasl2.so.2', 'curl.so.4', 'crypto.so.3', 'z.so.1']
for name in names: ctypes.CDLL('lib' + name)
assert glob.glob('/usr/lib/*/sasl2/libcrammd5.so')
print(', '.join(names))
";

const NEEDS: &[Need] = &[
    Need {
        name: "rustc",
        why: "builds everything",
        probe: &["rustc", "--version"],
        source: Source::Rust,
    },
    Need {
        name: "rustfmt",
        why: "checks the format",
        probe: &["cargo", "fmt", "--version"],
        source: Source::Component("rustfmt"),
    },
    Need {
        name: "clippy",
        why: "checks the lints",
        probe: &["cargo", "clippy", "--version"],
        source: Source::Component("clippy"),
    },
    Need {
        name: "cc",
        why: "links every program; no C is compiled",
        probe: &["cc", "--version"],
        source: Source::Packages(&["gcc", "libc6-dev"]),
    },
    Need {
        name: "java",
        why: "runs ZooKeeper and Kafka",
        probe: &["java", "-version"],
        source: Source::Packages(&["default-jre-headless"]),
    },
    Need {
        name: "maven",
        why: "fetches ZooKeeper and Kafka",
        probe: &["mvn", "--version"],
        source: Source::Packages(&["maven"]),
    },
    Need {
        name: "g++",
        why: "builds the launcher of Mesos",
        probe: &["g++", "--version"],
        source: Source::Packages(&["g++"]),
    },
    Need {
        name: "strip",
        why: "makes Mesos small",
        probe: &["strip", "--version"],
        source: Source::Packages(&["binutils"]),
    },
    Need {
        name: "pip",
        why: "fetches Mesos and the judge of placement",
        probe: &["python3", "-m", "pip", "--version"],
        source: Source::Packages(&["python3", "python3-pip"]),
    },
    Need {
        name: "dig",
        why: "asks registries and agents by DNS",
        probe: &["dig", "-v"],
        source: Source::Packages(&["bind9-dnsutils"]),
    },
    Need {
        name: "haproxy",
        why: "follows what an agent tells it",
        probe: &["/usr/sbin/haproxy", "-v"],
        source: Source::Packages(&["haproxy"]),
    },
    Need {
        name: "nginx",
        why: "follows what an agent writes",
        probe: &["/usr/sbin/nginx", "-v"],
        source: Source::Packages(&["nginx"]),
    },
    Need {
        name: "iptables",
        why: "loses packets between agents",
        probe: &["/usr/sbin/iptables", "--version"],
        source: Source::Packages(&["iptables", "iproute2"]),
    },
    Need {
        name: "libraries",
        why: "Mesos is linked with them",
        probe: &["python3", "-c", MESOS_LIBRARIES],
        source: Source::Packages(&[
            "libsvn1",
            "libapr1",
            "libsasl2-2",
            "libsasl2-modules",
            "libcurl4",
            "libssl3",
            "zlib1g",
        ]),
    },
];

/// Lists the needs and what was found; installs what is missing where that is allowed. False: some
/// are still missing.
pub(crate) fn provide(root: &Root, install: bool) -> Result<bool, Failure> {
    let wanted = wanted_rust(root)?;
    say::head("what this needs from the machine");
    let absent: Vec<&Need> = NEEDS.iter().filter(|need| !look(root, need, &wanted)).collect();
    if absent.is_empty() {
        return Ok(true);
    }
    let is_root = is_root();
    if !is_root && !install {
        let advice: Vec<String> =
            commands_for(&absent, true).iter().map(|words| words.join(" ")).collect();
        say::line(&format!("missing; `--install` runs these: {}", listed(&advice)));
        return Ok(false);
    }
    for words in commands_for(&absent, !is_root) {
        say::line(&format!("$ {}", words.join(" ")));
        // A failure shows below, where everything is looked at again.
        if let Err(error) = Command::new(words[0]).args(&words[1..]).status() {
            say::line(&format!("{}: {error}", words[0]));
        }
    }
    let still: Vec<&&Need> = absent.iter().filter(|need| !look(root, need, &wanted)).collect();
    Ok(still.is_empty())
}

fn listed(advice: &[String]) -> String {
    if advice.is_empty() { "nothing; install Rust by rustup".to_owned() } else { advice.join("; ") }
}

/// The least version of Rust, from the root manifest.
fn wanted_rust(root: &Root) -> Result<String, Failure> {
    let manifest = std::fs::read_to_string(root.path("Cargo.toml"))?;
    let line = manifest.lines().find_map(|line| line.strip_prefix("rust-version = "));
    let version = line.ok_or("the root Cargo.toml has no rust-version")?;
    Ok(version.trim_matches('"').to_owned())
}

/// Looks for one and says what it found.
fn look(root: &Root, need: &Need, wanted: &str) -> bool {
    let (program, arguments) = (need.probe[0], &need.probe[1..]);
    let output = if program == "cargo" {
        root.cargo(arguments).output()
    } else {
        Command::new(program).args(arguments).output()
    };
    let found = match output {
        Ok(output) if output.status.success() => {
            // Java says it on the other stream.
            let said = [output.stdout, output.stderr].concat();
            let text = String::from_utf8_lossy(&said).into_owned();
            plain(text.lines().next().unwrap_or_default())
        }
        _ => {
            say::line(&format!("MISSING  {:<8} ({})", need.name, need.why));
            return false;
        }
    };
    let ok = need.source != Source::Rust || is_new_enough(&found, wanted);
    let word = if ok { "found  " } else { "TOO OLD" };
    say::line(&format!("{word}  {:<8} ({}): {found}", need.name, need.why));
    ok
}

/// Without colours: Maven has some even where nobody looks.
fn plain(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').map_or("", |(_, rest)| rest))
}

/// Compares `rustc 1.95.0 (59807616e 2026-04-14)` with `1.95`.
fn is_new_enough(found: &str, wanted: &str) -> bool {
    let numbers = |text: &str| -> Vec<u64> {
        text.split(['.', '-']).map_while(|part| part.parse().ok()).collect()
    };
    found.split_whitespace().nth(1).is_some_and(|version| numbers(version) >= numbers(wanted))
}

/// The commands that install what is absent.
fn commands_for(absent: &[&Need], by_sudo: bool) -> Vec<Vec<&'static str>> {
    let mut commands = Vec::new();
    let mut packages = Vec::new();
    for need in absent {
        match need.source {
            Source::Rust => {}
            Source::Component(name) => commands.push(vec!["rustup", "component", "add", name]),
            Source::Packages(names) => packages.extend(names),
        }
    }
    if !packages.is_empty() {
        let sudo: &[&str] = if by_sudo { &["sudo"] } else { &[] };
        commands.push([sudo, &["apt-get", "update"]].concat());
        let install = ["apt-get", "install", "--yes", "--no-install-recommends"];
        commands.push([sudo, &install, &packages].concat());
    }
    commands
}

fn is_root() -> bool {
    let output = Command::new("id").arg(OsStr::new("-u")).output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

#[cfg(test)]
mod tests;

//! The binaries under test: built once for a test program, taken from where cargo says they are.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use cargo_metadata::Message;
use rustix::fs::{FlockOperation, flock};

/// What `lathe up` needs beside itself, and itself.
const NAMES: [&str; 5] =
    ["lathe", "lathe-standalone", "lathe-scheduler", "lathe-registry", "lathe-executor"];

/// Where the binaries are, and where tests may keep what is expensive to make.
#[derive(Clone, Debug)]
pub struct Binaries {
    /// The command line in the folder that cargo builds into.
    pub built: PathBuf,
    /// The command line in a folder where all binaries stand side by side and nothing else, as
    /// they are installed: there it starts them without asking cargo first.
    pub installed: PathBuf,
    /// Kept over runs, shared by all tests: `LATHE_CACHE`, target folders of crates under test.
    pub cache: PathBuf,
}

/// Builds on first use; later calls wait for it and give the same.
///
/// # Panics
/// When the binaries do not build.
pub fn binaries() -> &'static Binaries {
    static BUILT: OnceLock<Option<Binaries>> = OnceLock::new();
    BUILT.get_or_init(build).as_ref().expect("the binaries build; cargo says above why not")
}

/// The root of the checkout.
pub(crate) fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().expect("the checkout is there")
}

/// None when they do not build: the other tests need not try it again.
fn build() -> Option<Binaries> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).args(["build", "--bins", "--message-format"]);
    command.arg("json-render-diagnostics").stdin(Stdio::null()).stdout(Stdio::piped());
    for name in ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_PKG_NAME"] {
        command.env_remove(name);
    }
    let mut cargo = command.spawn().expect("cargo runs");
    let messages = BufReader::new(cargo.stdout.take().expect("it was piped just now"));
    let mut built: Vec<(String, PathBuf)> = Vec::new();
    for message in Message::parse_stream(messages) {
        if let Message::CompilerArtifact(artifact) = message.expect("cargo's own messages")
            && let Some(executable) = artifact.executable
        {
            built.push((artifact.target.name, executable.into()));
        }
    }
    if !cargo.wait().expect("cargo ends").success() {
        return None;
    }
    let path_of = |name: &str| {
        let found = built.iter().find(|(built, _)| built == name);
        found.map(|(_, path)| path.clone()).unwrap_or_else(|| panic!("cargo built no {name}"))
    };
    let lathe = path_of("lathe");
    let cache = lathe.ancestors().nth(2).expect("target, profile, name").join("system");
    let folder = cache.join("bin");
    fs::create_dir_all(&folder).expect("the target folder takes folders");
    let lock = File::create(cache.join("lock")).expect("the target folder takes files");
    flock(&lock, FlockOperation::LockExclusive).expect("a lock");
    for name in NAMES {
        install(&path_of(name), &folder.join(name));
    }
    Some(Binaries { built: lathe, installed: folder.join("lathe"), cache })
}

/// Links rather than copies: cargo makes a new file when it builds again, and this one stays.
fn install(from: &Path, to: &Path) {
    use std::os::unix::fs::MetadataExt as _;
    let inode = |path: &Path| fs::metadata(path).map(|meta| (meta.dev(), meta.ino())).ok();
    if inode(from) == inode(to) {
        return;
    }
    let part = to.with_extension(format!("{}.part", std::process::id()));
    let _ = fs::remove_file(&part);
    fs::hard_link(from, &part).or_else(|_| fs::copy(from, &part).map(drop)).expect("a copy");
    fs::rename(&part, to).expect("a new name for the copy");
}

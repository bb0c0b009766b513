//! The user's folders: what `lathe up` keeps, what a second terminal finds, what builds leave.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use lathe_api::rest::Endpoints;
use rustix::fs::{FlockOperation, flock};

use crate::failure::{BAD_INPUT, Failure};

/// `$LATHE_HOME` and what stands in it.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    root: PathBuf,
}

/// Held for as long as `lathe up` runs.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Home {
    pub(crate) fn find(named: Option<&Path>) -> Result<Self, Failure> {
        let root = match named {
            Some(path) => path.to_owned(),
            None => state_home()?.join("lathe"),
        };
        let root = std::path::absolute(&root)
            .map_err(|error| Failure::io(format!("the folder {}", root.display()), &error))?;
        Ok(Self { root })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn store_socket(&self) -> PathBuf {
        self.run().join("store.sock")
    }

    pub(crate) fn run(&self) -> PathBuf {
        self.root.join("run")
    }

    pub(crate) fn token_file(&self) -> PathBuf {
        self.run().join("token")
    }

    pub(crate) fn key_file(&self) -> PathBuf {
        self.root.join("key")
    }

    pub(crate) fn endpoints_file(&self) -> PathBuf {
        self.run().join("endpoints.json")
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.root.join("log")
    }

    pub(crate) fn standalone(&self) -> PathBuf {
        self.root.join("standalone")
    }

    pub(crate) fn scheduler(&self) -> PathBuf {
        self.root.join("scheduler")
    }

    /// Makes the folders, for their owner alone.
    pub(crate) fn prepare(&self) -> Result<(), Failure> {
        for folder in
            [self.root.clone(), self.run(), self.logs(), self.standalone(), self.scheduler()]
        {
            make_private(&folder)?;
        }
        Ok(())
    }

    /// Everything that earlier runs left, but for builds.
    pub(crate) fn forget(&self) -> Result<(), Failure> {
        for folder in [self.standalone(), self.scheduler(), self.logs()] {
            match fs::remove_dir_all(&folder) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Failure::io(format!("removing {}", folder.display()), &error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Refuses where another `lathe up` has this home.
    pub(crate) fn lock(&self) -> Result<Lock, Failure> {
        make_private(&self.run())?;
        let path = self.run().join("lock");
        let opened =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file =
            opened.map_err(|error| Failure::io(format!("opening {}", path.display()), &error))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            let mut pid = String::new();
            let _ = file.read_to_string(&mut pid);
            let text =
                format!("another `lathe up` (process {}) uses {}", pid.trim(), self.root.display());
            let hint = "end it with Ctrl-C, or name another folder by --home or LATHE_HOME";
            return Err(Failure::new(text).with_code(BAD_INPUT).with_hint(hint));
        }
        let written = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        written.map_err(|error| Failure::io(format!("writing {}", path.display()), &error))?;
        Ok(Lock { _file: file })
    }

    pub(crate) fn endpoints(&self) -> Option<Endpoints> {
        serde_json::from_slice(&fs::read(self.endpoints_file()).ok()?).ok()
    }

    /// Written whole or not at all: a second terminal may look at any moment.
    pub(crate) fn write_endpoints(&self, endpoints: &Endpoints) -> Result<(), Failure> {
        let path = self.endpoints_file();
        let text = serde_json::to_vec_pretty(endpoints).expect("plain values always serialise");
        write_whole(&path, &text)
    }

    pub(crate) fn remove_endpoints(&self) {
        // Gone already is as good.
        let _ = fs::remove_file(self.endpoints_file());
    }
}

fn make_private(folder: &Path) -> Result<(), Failure> {
    let made = fs::create_dir_all(folder)
        .and_then(|()| fs::set_permissions(folder, fs::Permissions::from_mode(0o700)));
    made.map_err(|error| Failure::io(format!("making the folder {}", folder.display()), &error))
}

/// Writes beside and renames, so that a reader sees the old file or the new one.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let beside = path.with_extension(format!("{}.part", std::process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&beside, path));
    written.map_err(|error| Failure::io(format!("writing {}", path.display()), &error))
}

fn state_home() -> Result<PathBuf, Failure> {
    folder_of("XDG_STATE_HOME", ".local/state")
}

/// Where builds are kept: they may be thrown away at any time.
pub(crate) fn cache_home() -> Result<PathBuf, Failure> {
    match std::env::var_os("LATHE_CACHE").filter(|path| !path.is_empty()) {
        Some(path) => Ok(PathBuf::from(path)),
        None => Ok(folder_of("XDG_CACHE_HOME", ".cache")?.join("lathe")),
    }
}

/// Where the user's configuration stands.
pub(crate) fn config_home() -> Result<PathBuf, Failure> {
    Ok(folder_of("XDG_CONFIG_HOME", ".config")?.join("lathe"))
}

fn folder_of(variable: &str, below_home: &str) -> Result<PathBuf, Failure> {
    let named = std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    if let Some(path) = named {
        return Ok(path);
    }
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    let home = home.ok_or_else(|| Failure::new(format!("neither {variable} nor HOME is set")))?;
    Ok(PathBuf::from(home).join(below_home))
}

//! Files of a hook: staged beside their places, put in their places, put back.
//!
//! Owns the folder of each hook below the data folder: what the run under way sees (`next.json`), what the
//! last one saw (`last.json`), and earlier versions of its files (`kept/`). A file is whole at every moment:
//! it takes its place by a rename, with its owner and its bits, when it and its folder are durable.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use lathe_child::{User, UserError};
use rustix::fs::{Gid, Uid};
use sha2::{Digest as _, Sha256};

use crate::engine::{Stage, Staged};
use crate::journal::sync_folder;
use crate::recipe::{FileRecipe, Recipe};
use crate::render::{OUTPUT_BYTES_MAX, RenderError, Setting};
use crate::snapshot::{Input, hex};

/// Folders of hooks can be passed through, since programs may run as other users; what is in them is closed.
const FOLDER_MODE: u32 = 0o711;
/// A state of more bytes was not kept by us.
const STATE_BYTES_MAX: u64 = 256 << 20;

/// Why files cannot be staged, replaced or put back.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// A template renders to nothing.
    #[error("{0}")]
    Render(#[from] RenderError),
    /// The owner cannot be had.
    #[error("{path}: the owner cannot be had: {source}")]
    Owner {
        /// The file.
        path: PathBuf,
        /// Why.
        source: UserError,
    },
    /// The system refuses it.
    #[error("{path}: {source}")]
    System {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// One file on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    /// Where it stands now: beside its place, or in it if it has not changed.
    pub(crate) at: PathBuf,
    pub(crate) place: PathBuf,
}

/// The folder of one hook.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder of a hook below the data folder.
    pub(crate) fn of(data: &Path, hook: &str) -> io::Result<Self> {
        let path = data.join("hooks").join(hook);
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(&path)?;
        Ok(Self { path })
    }

    pub(crate) fn next(&self) -> PathBuf {
        self.path.join("next.json")
    }

    pub(crate) fn last(&self) -> PathBuf {
        self.path.join("last.json")
    }

    /// What the program is told, for those that look for it by its path.
    pub(crate) fn told(&self) -> PathBuf {
        self.path.join("told.json")
    }

    /// What stands there, if that can be read.
    pub(crate) fn input(path: &Path) -> Option<Input> {
        let about = fs::metadata(path).ok()?;
        let bytes = (about.len() <= STATE_BYTES_MAX).then(|| fs::read(path).ok())??;
        serde_json::from_slice(&bytes).ok()
    }

    /// What the run saw is what the last run saw, from now on.
    pub(crate) fn acknowledged(&self) -> Result<(), StageError> {
        let (next, last) = (self.next(), self.last());
        match fs::rename(&next, &last) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done.and_then(|()| sync_folder(&last)).map_err(told(&last)),
        }
    }

    /// Keeps the input, renders, and writes beside each place what is not in it already.
    pub(crate) fn stage(
        &self,
        recipe: &Recipe,
        stage: &Stage,
    ) -> Result<(Staged, Vec<Way>), StageError> {
        let next = self.next();
        let state = serde_json::to_vec(&*stage.input).expect("an input has text keys only");
        write_whole(&next, &state, (0o600, None)).map_err(told(&next))?;
        let setting =
            Setting { hook: recipe.name.clone(), stale: stage.stale, age_ms: stage.age_ms };
        let mut hasher = Sha256::new();
        let mut rendered = Vec::with_capacity(recipe.files.len());
        for file in &recipe.files {
            let bytes = file.template.render(&stage.input, &setting)?;
            hasher.update((bytes.len() as u64).to_be_bytes());
            hasher.update(&bytes);
            rendered.push(bytes);
        }
        let files = if recipe.files.is_empty() { String::new() } else { hex(&hasher.finalize()) };
        if stage.keep && !recipe.files.is_empty() {
            self.keep(recipe)?;
        }
        let mut ways = Vec::with_capacity(rendered.len());
        for (file, bytes) in recipe.files.iter().zip(&rendered) {
            ways.push(beside(recipe, file, bytes)?);
        }
        let same = ways.iter().all(|way| way.at == way.place);
        Ok((Staged { files, same }, ways))
    }

    /// Keeps what stands in the places now, which is good, and forgets the oldest.
    fn keep(&self, recipe: &Recipe) -> Result<(), StageError> {
        let kept = self.path.join("kept");
        let fresh = kept.join("fresh");
        let numbers = numbers(&kept);
        let number = numbers.last().map_or(1, |last| last + 1);
        let done = (|| {
            match fs::remove_dir_all(&fresh) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            DirBuilder::new().recursive(true).mode(0o700).create(&fresh)?;
            for (at, file) in recipe.files.iter().enumerate() {
                // A file that was not there is kept by its absence.
                if let Some(bytes) = read_bounded(&file.path)? {
                    write_new(&fresh.join(at.to_string()), &bytes, (0o600, None))?;
                }
            }
            sync_folder(&fresh.join("0"))?;
            fs::rename(&fresh, kept.join(number.to_string()))?;
            sync_folder(&fresh)?;
            let most = recipe.keep.max(1);
            for old in numbers.iter().take((numbers.len() + 1).saturating_sub(most)) {
                fs::remove_dir_all(kept.join(old.to_string()))?;
            }
            Ok(())
        })();
        done.map_err(told(&kept))
    }

    /// Puts back what was kept last.
    pub(crate) fn restore(&self, recipe: &Recipe) -> Result<(), StageError> {
        let kept = self.path.join("kept");
        let Some(last) = numbers(&kept).pop() else { return Ok(()) };
        let from = kept.join(last.to_string());
        for (at, file) in recipe.files.iter().enumerate() {
            let place = &file.path;
            match read_bounded(&from.join(at.to_string())).map_err(told(place))? {
                Some(bytes) => {
                    let owner = owner(file)?;
                    write_whole(place, &bytes, (file.mode, owner)).map_err(told(place))?;
                }
                None => remove(place).and_then(|()| sync_folder(place)).map_err(told(place))?,
            }
        }
        Ok(())
    }
}

/// Puts staged files in their places, each at once, all durable when it comes back.
pub(crate) fn replace(ways: &[Way]) -> Result<(), StageError> {
    for way in ways.iter().filter(|way| way.at != way.place) {
        fs::rename(&way.at, &way.place).map_err(told(&way.place))?;
    }
    for way in ways {
        sync_folder(&way.place).map_err(told(&way.place))?;
    }
    Ok(())
}

/// The numbers of kept versions, oldest first.
fn numbers(kept: &Path) -> Vec<u64> {
    let entries = fs::read_dir(kept).into_iter().flatten().flatten();
    let mut numbers: Vec<u64> =
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers
}

/// A file as rendered, beside its place, unless it is what stands there.
fn beside(recipe: &Recipe, file: &FileRecipe, bytes: &[u8]) -> Result<Way, StageError> {
    let place = file.path.clone();
    if read_bounded(&place).map_err(told(&place))?.is_some_and(|found| found == bytes) {
        return Ok(Way { at: place.clone(), place });
    }
    let name = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let at = place.with_file_name(format!(".{name}.{}.staged", recipe.name));
    let owner = owner(file)?;
    // Whatever stands there was left by a run that came to no end.
    remove(&at).map_err(told(&at))?;
    write_new(&at, bytes, (file.mode, owner)).map_err(told(&at))?;
    Ok(Way { at, place })
}

fn owner(file: &FileRecipe) -> Result<Option<User>, StageError> {
    let owner = file.owner.as_deref().map(User::by_name).transpose();
    owner.map_err(|source| StageError::Owner { path: file.path.clone(), source })
}

/// A file with this content, mode and owner takes the place of what is there, durably.
pub(crate) fn write_whole(
    place: &Path,
    bytes: &[u8],
    rights: (u32, Option<User>),
) -> io::Result<()> {
    let name = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let at = place.with_file_name(format!(".{name}.new"));
    remove(&at)?;
    write_new(&at, bytes, rights)?;
    fs::rename(&at, place)?;
    sync_folder(place)
}

/// A new file, durable but for its name. It is nobody else's before it has its owner and its bits.
fn write_new(path: &Path, bytes: &[u8], (mode, owner): (u32, Option<User>)) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    if let Some(user) = owner {
        let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
        rustix::fs::fchown(&file, Some(uid), Some(gid))?;
    }
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.sync_all()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// A file's content; nothing where there is none. One that is larger than any that is rendered here counts
/// as another one.
pub(crate) fn read_bounded(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let mut bytes = Vec::new();
    file.take(OUTPUT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

fn told(path: &Path) -> impl Fn(io::Error) -> StageError {
    let path = path.to_owned();
    move |source| StageError::System { path: path.clone(), source }
}

#[cfg(test)]
mod tests;

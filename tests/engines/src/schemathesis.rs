//! Schemathesis: asks a listener what its OpenAPI document allows, and what it does not, and holds the
//! answers against the document.
//!
//! Owns how it is had and run. It must not know which listener it is.

use std::ffi::{OsStr, OsString};

use tokio::task::spawn_blocking;

use crate::folder::Folder;
use crate::python::Environment;
use crate::{Failure, tool};

const ENVIRONMENT: Environment = Environment {
    name: "schemathesis-4.32",
    pins: include_str!("../pins/schemathesis.txt"),
    files: &[],
};
const START: &str =
    "import sys; from schemathesis.cli import schemathesis; sys.exit(schemathesis())";

/// How a listener is examined.
#[derive(Clone, Debug, Default)]
pub struct Examination {
    /// Where its document is.
    pub document: String,
    /// A configuration of Schemathesis (TOML).
    pub settings: String,
    /// Further words of its command `run`.
    pub words: Vec<String>,
}

impl Examination {
    /// Fetches Schemathesis, if it is not there yet. Only the first call ever takes long.
    ///
    /// # Errors
    /// It cannot be fetched or built, or is not what it should be.
    pub async fn install() -> Result<(), Failure> {
        let provided = spawn_blocking(|| ENVIRONMENT.provide()).await;
        provided.expect("fetching does not panic").map(drop)
    }

    /// Runs it; gives what it has found, if that is anything.
    ///
    /// # Errors
    /// It cannot be had or started.
    pub async fn run(self) -> Result<Result<(), String>, Failure> {
        spawn_blocking(move || self.run_blocking()).await.expect("running does not panic")
    }

    fn run_blocking(&self) -> Result<Result<(), String>, Failure> {
        let python = ENVIRONMENT.provide()?.join("venv/bin/python");
        let folder = Folder::new(None, "schemathesis")?;
        let settings = folder.path().join("schemathesis.toml");
        std::fs::write(&settings, &self.settings)
            .map_err(|error| Failure::system(settings.display(), error))?;
        let mut words: Vec<OsString> = vec![python.into(), "-c".into(), START.into()];
        words.extend(["--config-file".into(), settings.into(), "run".into()]);
        words.extend(self.words.iter().map(OsString::from));
        words.push((&self.document).into());
        let words: Vec<&OsStr> = words.iter().map(OsString::as_os_str).collect();
        let log = folder.path().join("schemathesis.log");
        let ended = tool::run(&words, folder.path(), &log, "it is a part of what was fetched")?;
        Ok(ended.map_err(|failed| failed.account))
    }
}

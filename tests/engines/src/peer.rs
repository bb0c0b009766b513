//! Programs that place instances too, to hold Lathe's answers against: CP-SAT, which judges, and Fenzo.
//!
//! Owns how questions get there and answers back. It must not know what is asked:
//! `peers/placement.py` and `peers/Placement.java` do.

mod cp_sat;
mod fenzo;

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use serde_json::Value;
use tokio::task::spawn_blocking;

use crate::folder::Folder;
use crate::{Code, Failure, tool};

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// The constraint solver of OR-tools, with a model of what a topology says. One thread.
    CpSat,
    /// Fenzo, a library of greedy scheduling on offers. One thread, after a warm-up.
    Fenzo,
}

impl Peer {
    /// The name and the version.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CpSat => "CP-SAT 9.15",
            Self::Fenzo => "Fenzo 1.0.1",
        }
    }

    /// Fetches it, if it is not there yet. Only the first call ever takes long.
    ///
    /// # Errors
    /// It cannot be fetched or built, or is not what it should be.
    pub async fn install(self) -> Result<(), Failure> {
        self.words().await.map(drop)
    }

    /// Asks in one process, one question after the other; there is an answer for each, in their order.
    ///
    /// # Errors
    /// It cannot be had, fails, or takes longer than fifteen minutes.
    pub async fn ask(self, questions: &[Value]) -> Result<Vec<Value>, Failure> {
        let words = self.words().await?;
        let lines: Vec<String> = questions.iter().map(|one| format!("{one}\n")).collect();
        let asked = lines.concat();
        let told = spawn_blocking(move || run(words, &asked)).await;
        let answers = told.expect("asking does not panic")?;
        if answers.len() == questions.len() {
            return Ok(answers);
        }
        let what = format!("{} answers {} of {}", self.name(), answers.len(), questions.len());
        Err(Failure::new(Code::Process, what, "its program is in tests/engines/peers"))
    }

    /// The program and its first arguments.
    async fn words(self) -> Result<Vec<OsString>, Failure> {
        let words = move || match self {
            Self::CpSat => cp_sat::words(),
            Self::Fenzo => fenzo::words(),
        };
        spawn_blocking(words).await.expect("fetching does not panic")
    }
}

fn run(mut words: Vec<OsString>, asked: &str) -> Result<Vec<Value>, Failure> {
    let folder = Folder::new(None, "peer")?;
    let file = |name: &str| folder.path().join(name);
    let (questions, answers) = (file("questions"), file("answers"));
    fs::write(&questions, asked).map_err(|error| Failure::system(questions.display(), error))?;
    words.extend([questions.into(), answers.clone().into()]);
    let words: Vec<_> = words.iter().map(OsString::as_os_str).collect();
    let hint = "it is a part of what was fetched";
    if let Err(failed) = tool::run(&words, folder.path(), &file("peer.log"), hint)? {
        return Err(Failure::new(Code::Process, failed.account, "it may lack memory or time"));
    }
    read(&answers)
}

fn read(answers: &Path) -> Result<Vec<Value>, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::system(answers.display(), error);
    let text = fs::read_to_string(answers).map_err(|error| failed(&error))?;
    text.lines().map(|line| serde_json::from_str(line).map_err(|error| failed(&error))).collect()
}

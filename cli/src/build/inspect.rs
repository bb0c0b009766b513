//! What a fresh binary is: does it run here, was it written against the SDK, which tasks has it.

use std::path::Path;
use std::time::Duration;

use lathe_api::rest::ARTIFACT_BYTES_MAX;
use lathe_child::{Output, Signal, Spawn};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncReadExt as _;

use super::key::hex;
use super::{Meta, Wish};
use crate::failure::{BAD_INPUT, Failure, chain};

/// A binary of the SDK answers at once; another program may do anything.
const ANSWER_TIME: Duration = Duration::from_secs(5);
/// Longer answers are none of the SDK's.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;

#[derive(Deserialize)]
struct Listing {
    tasks: Vec<String>,
}

pub(super) async fn inspect(
    wish: &Wish,
    binary: &Path,
    source_key: String,
) -> Result<Meta, Failure> {
    let bytes = std::fs::read(binary)
        .map_err(|error| Failure::io(format!("reading {}", binary.display()), &error))?;
    let size = bytes.len() as u64;
    if size > ARTIFACT_BYTES_MAX {
        let text = format!("the binary of `{}` has {size} bytes", wish.crate_name);
        return Err(Failure::new(text).with_code(BAD_INPUT));
    }
    if !bytes.starts_with(b"\x7fELF") {
        let text = format!("[LT0304] the binary of `{}` is no Linux binary", wish.crate_name);
        return Err(Failure::new(text).with_code(BAD_INPUT));
    }
    let listing = ask(wish, binary).await?;
    Ok(Meta {
        crate_name: wish.crate_name.clone(),
        version: wish.version.clone(),
        sha256: hex(&Sha256::digest(&bytes)),
        size,
        source_key,
        sdk: listing.is_some(),
        tasks: listing.map(|listing| listing.tasks).unwrap_or_default(),
    })
}

/// The hidden call that `lathe::tasks!` answers. A program that does not know it is none of ours;
/// whatever it does instead is ended.
async fn ask(wish: &Wish, binary: &Path) -> Result<Option<Listing>, Failure> {
    let spawn = Spawn::new(binary).arg("--lathe-tasks").stdout(Output::Pipe);
    let started = spawn.parent_death(Signal::Kill).own_group().start();
    let mut child = started.map_err(|error| {
        let why = chain(&error);
        let text = format!("[LT0304] the binary of `{}` does not run here: {why}", wish.crate_name);
        Failure::new(text).with_code(BAD_INPUT)
    })?;
    let mut said = Vec::new();
    let answer = async {
        let stdout = child.stdout().expect("it was piped just now");
        let read = stdout.take(ANSWER_BYTES_MAX).read_to_end(&mut said).await;
        read.is_ok() && child.wait().await.success()
    };
    let answered = tokio::time::timeout(ANSWER_TIME, answer).await.unwrap_or(false);
    child.end(Duration::ZERO).await;
    Ok(if answered { serde_json::from_slice(&said).ok() } else { None })
}

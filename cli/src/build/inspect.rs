//! What a fresh binary is: does it run here, was it written against the SDK, which tasks has it.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use lathe_api::rest::ARTIFACT_BYTES_MAX;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::process::Command;

use super::key::hex;
use super::{Meta, Wish};
use crate::failure::{BAD_INPUT, Failure};

/// A binary of the SDK answers at once; another program may do anything.
const ANSWER_TIME: Duration = Duration::from_secs(5);

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

/// The hidden call that `lathe::tasks!` answers. A program that does not know it is none of ours.
async fn ask(wish: &Wish, binary: &Path) -> Result<Option<Listing>, Failure> {
    let mut command = Command::new(binary);
    command.arg("--lathe-tasks").env_clear().kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let child = command.spawn().map_err(|error| {
        let text =
            format!("[LT0304] the binary of `{}` does not run here: {error}", wish.crate_name);
        Failure::new(text).with_code(BAD_INPUT)
    })?;
    match tokio::time::timeout(ANSWER_TIME, child.wait_with_output()).await {
        Ok(Ok(output)) if output.status.success() => {
            Ok(serde_json::from_slice(&output.stdout).ok())
        }
        _ => Ok(None),
    }
}

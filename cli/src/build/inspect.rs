//! What a fresh binary is: does it run here, was it written against the SDK, which tasks has it.

use std::path::Path;
use std::time::Duration;

use lathe_api::rest::ARTIFACT_BYTES_MAX;
use lathe_child::{Output, Signal, Spawn};
use lathe_topology::{Code, format_bytes};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncReadExt as _;

use super::key::hex;
use super::{Meta, Wish};
use crate::failure::{Failure, chain};
use crate::printer::Printer;

/// A binary of the SDK answers at once; another program may do anything.
const ANSWER_TIME: Duration = Duration::from_secs(5);
/// Longer answers are none of the SDK's.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;
/// How the loader of programs fails, and what it says then.
const LOADER_FAILED: i32 = 127;
const LOADER_SAYS: &str = "error while loading shared libraries";

#[derive(Deserialize)]
struct Listing {
    tasks: Vec<String>,
}

pub(super) async fn inspect(
    wish: &Wish,
    binary: &Path,
    source_key: String,
    printer: &Printer,
) -> Result<Meta, Failure> {
    let bytes = std::fs::read(binary)
        .map_err(|error| Failure::io(format!("reading {}", binary.display()), &error))?;
    let size = bytes.len() as u64;
    if size > ARTIFACT_BYTES_MAX {
        let text = format!(
            "the binary of `{}` has {}; at most {} are taken",
            wish.crate_name,
            format_bytes(size),
            format_bytes(ARTIFACT_BYTES_MAX)
        );
        let hint = "build it without debug information (`strip = true` in its release profile)";
        return Err(Failure::coded(Code::BINARY_CANNOT_RUN, text).with_hint(hint));
    }
    if !bytes.starts_with(b"\x7fELF") {
        return Err(cannot_run(wish, "is no Linux binary"));
    }
    let listing = ask(wish, binary, printer).await?;
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
async fn ask(wish: &Wish, binary: &Path, printer: &Printer) -> Result<Option<Listing>, Failure> {
    let spawn = Spawn::new(binary).arg("--lathe-tasks").stdout(Output::Pipe).stderr(Output::Pipe);
    let started = spawn.parent_death(Signal::Kill).own_group().start();
    let mut child = started
        .map_err(|error| cannot_run(wish, "does not run here").with_output(chain(&error)))?;
    let stdout = child.stdout().expect("it was piped just now");
    let stderr = child.stderr().expect("it was piped just now");
    let answer = async {
        let (said, complaint) = tokio::join!(all_of(stdout), all_of(stderr));
        (said, complaint, child.wait().await)
    };
    let answered = tokio::time::timeout(ANSWER_TIME, answer).await;
    child.end(Duration::ZERO).await;
    let Ok((said, complaint, exit)) = answered else {
        printer.say(&format!(
            "crate `{}` did not say within {} s which tasks it has: it is run as a program without the SDK",
            wish.crate_name,
            ANSWER_TIME.as_secs()
        ));
        return Ok(None);
    };
    let complaint = String::from_utf8_lossy(&complaint);
    if exit.code == Some(LOADER_FAILED) && complaint.contains(LOADER_SAYS) {
        return Err(cannot_run(wish, "does not run here").with_output(complaint.trim_end()));
    }
    Ok(if exit.success() { serde_json::from_slice(&said).ok() } else { None })
}

async fn all_of(stream: impl tokio::io::AsyncRead + Unpin) -> Vec<u8> {
    let mut said = Vec::new();
    // What breaks off is no answer of ours.
    let _ = stream.take(ANSWER_BYTES_MAX).read_to_end(&mut said).await;
    said
}

fn cannot_run(wish: &Wish, what: &str) -> Failure {
    let text = format!("the binary of `{}` {what}", wish.crate_name);
    let hint =
        "build it for this kind of machine: is another `target` set in cargo's configuration?";
    Failure::coded(Code::BINARY_CANNOT_RUN, text).with_hint(hint)
}

//! The binary: what it prints, how it ends.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use hyper::StatusCode;
use lathe_catalog::format::FORMAT;
use lathe_coordination::Op;
use serde_json::Value;

use crate::rig::{Rig, until, within};

/// Ends with the test, whatever becomes of it.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn registry(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lathe-registry"));
    command.args(arguments).stdin(Stdio::null());
    command
}

#[tokio::test]
async fn it_says_where_it_listens_and_ends_cleanly_on_term() {
    let rig = Rig::start().await;
    let (store, key) = (rig.store_address(), rig.key_file());
    let arguments = ["--store", &store, "--key-file", key.to_str().unwrap()];
    let mut command = registry(&arguments);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut process = Process(child);
    let mut out = BufReader::new(process.0.stdout.take().unwrap());
    let (mut out, line) = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        (out, line)
    })
    .await
    .unwrap();
    let line: Value = serde_json::from_str(&line).unwrap();
    let url = line["listening"].as_str().unwrap().to_owned();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    // The registry of the rig hears of it, and hears when it has gone.
    let listed = || async {
        let (status, urls) = rig.get("/v1/registries").await;
        assert_eq!(status, StatusCode::OK);
        urls.as_array().unwrap().iter().any(|one| one == url.as_str())
    };
    until(listed).await;
    let kill = format!("kill -TERM {}", process.0.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    let (status, rest) = within(tokio::task::spawn_blocking(move || {
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        (process.0.wait().unwrap(), rest)
    }))
    .await
    .unwrap();
    assert!(status.success(), "{status}");
    assert_eq!(rest, "", "one line on stdout and no more");
    let listing = within(rig.store.list("/lathe/registries")).await.unwrap();
    assert_eq!(listing.records.len(), 1, "it took its node away");
}

#[tokio::test]
async fn a_store_of_a_newer_form_is_not_read_until_it_is_ours_again() {
    let rig = Rig::start().await;
    rig.store.multi(vec![Op::put(FORMAT, "7")]).await.unwrap();
    let (store, key) = (rig.store_address(), rig.key_file());
    let mut command = registry(&["--store", &store, "--key-file", key.to_str().unwrap()]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut process = Process(child);
    let mut lines = BufReader::new(process.0.stderr.take().unwrap()).lines().map_while(Result::ok);
    let refused = tokio::task::spawn_blocking(move || {
        (lines.find(|line| line.contains("says form 7, and this version reads up to 1")), lines)
    });
    let (refused, mut lines) = within(refused).await.unwrap();
    assert!(refused.is_some());
    let registries = || async { within(rig.store.list("/lathe/registries")).await.unwrap() };
    assert_eq!(registries().await.records.len(), 1, "it is none of the registries");
    rig.store.multi(vec![Op::put(FORMAT, "1")]).await.unwrap();
    until(|| async { registries().await.records.len() == 2 }).await;
    let follows = move || lines.any(|line| line.contains("follows the store"));
    assert!(within(tokio::task::spawn_blocking(follows)).await.unwrap());
}

#[test]
fn a_wrong_configuration_ends_with_2_and_every_problem() {
    let output = registry(&["--listen", "0.0.0.0:0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    for part in ["--store", "--key-file", "LT0504"] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
}

#[test]
fn a_key_that_cannot_be_read_ends_with_1_and_one_line() {
    let arguments = ["--store", "local:/nowhere/s.sock", "--key-file", "/nowhere/key"];
    let output = registry(&arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("/nowhere/key"), "{text}");
}

#[test]
fn the_configuration_is_printed_as_a_file() {
    let arguments = ["--store", "local:/s.sock", "--key-file", "/k", "--print-config"];
    let output = registry(&arguments).output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("store = \"local:/s.sock\"\n"), "{text}");
}

//! The scheduler by TLS, for whoever commands it from outside.

#![allow(clippy::unwrap_used, reason = "all of this is a test")]

use std::path::{Path, PathBuf};

use lathe_engines::MesosSpec;
use lathe_system::{OnMesos, SOON, Scripts, write};
use serde_json::Value;

fn pem(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tls/testdata").join(name)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_command_from_outside_is_taken_by_tls_from_who_has_a_certificate() {
    let mut lathe = OnMesos::without_scheduler(&MesosSpec::of_agents(1));
    let config = format!(
        "tls_listen = \"127.0.0.1:0\"\ntls_cert = {:?}\ntls_key = {:?}\ntls_client_ca = {:?}\nmasters = [{:?}]\n",
        pem("server.pem"),
        pem("server.key"),
        pem("client-ca.pem"),
        lathe.mesos().master_address(0),
    );
    let config = write(&lathe.folder().join("scheduler.toml"), &config);
    lathe.start_scheduler(&["--config", text(&config)]);
    let line = lathe.scheduler().wait_for_line("\"tls\"", SOON);
    let said: Value = serde_json::from_str(&line).unwrap();
    let url = said["tls"].as_str().unwrap().to_owned();
    lathe.connected();

    let (authority, certificate, key) = (pem("ca.pem"), pem("client.pem"), pem("client.key"));
    let trusting = ["--scheduler", &url, "--ca-file", text(&authority)];
    let showing = ["--cert-file", text(&certificate), "--cert-key-file", text(&key)];
    let by_tls = [&trusting[..], &showing[..]].concat();
    let file = Scripts::default()
        .with("sleeper", "exec sleep 100000", "tasks = 1")
        .write(&lathe.folder().join("a.toml"));
    // gRPC, an upload, REST, a stream.
    lathe.lathe(&[&by_tls[..], &["submit", text(&file)]].concat()).with_code(0);
    let status = lathe.lathe(&[&by_tls[..], &["status", "--json"]].concat()).with_code(0);
    assert!(status.out.contains("sleeper#0"), "{}", status.out);
    assert_eq!(lathe.all_ready(1).ready(), 1, "it is the same scheduler");

    let without = lathe.lathe(&[&trusting[..], &["status"]].concat()).with_code(5);
    assert!(without.err.contains("--cert-file"), "{}", without.err);
    let other = pem("other-ca.pem");
    let trusting_another = ["--scheduler", &url, "--ca-file", text(&other), "status"];
    let wrong = lathe.lathe(&trusting_another).with_code(5);
    assert!(wrong.err.contains("certificate") && wrong.err.contains("--ca-file"), "{}", wrong.err);
    let nobody = lathe.lathe(&["--scheduler", &url, "status"]).with_code(5);
    assert!(nobody.err.contains("--ca-file"), "{}", nobody.err);
    let no_file = ["--scheduler", &url, "--ca-file", "nothing.pem", "status"];
    let no_file = lathe.lathe(&no_file).with_code(2);
    assert!(no_file.err.contains("nothing.pem"), "{}", no_file.err);
}

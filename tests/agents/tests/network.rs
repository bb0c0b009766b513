//! Twenty agents on hosts of their own, before a network that loses and cuts. It takes the right to make namespaces,
//! `ip` and `iptables`.

use std::process::{Command, Stdio};

#[test]
fn agents_that_lose_packets_and_registries_agree_and_show_nothing_wrong() {
    let mut soak = Command::new(env!("CARGO_BIN_EXE_soak-gossip"));
    let output = soak.stdin(Stdio::null()).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("no registry is left"), "{said}");
}

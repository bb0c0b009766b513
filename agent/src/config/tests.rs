//! Flags and file, and each thing that can be wrong with them.

use super::*;

fn from(text: &str) -> Result<Config, ConfigError> {
    let flags = Flags {
        config: "agent.toml".into(),
        listen: None,
        log_format: None,
        check: false,
        dry_run: false,
        once: false,
    };
    Config::from_source(&flags, text)
}

const LEAST: &str = "registries = [\"http://h:1\"]\ndata_dir = \"/d\"\ngroups = [\"web\"]\n";

#[test]
fn little_is_enough() {
    let config = from(LEAST).unwrap();
    assert_eq!(config.listen, "127.0.0.1:0".parse().unwrap());
    assert_eq!(config.limits, Limits::default());
    assert!(!config.host.is_empty());
}

#[test]
fn groups_of_hooks_are_followed_too() {
    let text = format!("{LEAST}[hook.h]\ngroups = [\"task.web.cache\"]\ncommand = [\"true\"]\n");
    let config = from(&text).unwrap();
    let groups: Vec<&str> = config.selection.groups.iter().map(String::as_str).collect();
    assert_eq!(groups, ["web", "web.cache"]);
    assert_eq!(config.hooks.len(), 1);
}

#[test]
fn a_registry_that_is_named_twice_is_one() {
    let text = LEAST.replace("\"http://h:1\"", "\"http://h:1\", \"http://h:1/\", \"http://i:1\"");
    assert_eq!(from(&text).unwrap().registries, ["http://h:1", "http://i:1"]);
}

#[test]
fn every_problem_is_told_at_once_with_code_and_place() {
    let text = "registries = [\"ftp://x\"]\npol = \"1s\"\npoll = \"1ms\"\ngroups = [\"\"]\n\
        [hook.h]\ngroups = [\"g\"]\n[[hook.h.file]]\npath = \"/x\"\ntext = \"{{\"\n";
    let problems = from(text).unwrap_err().to_string();
    for part in [
        "LT0502",
        "ftp://x",
        "LT0501",
        "did you mean `poll`",
        "agent.toml:3",
        "LT0503",
        "data_dir",
        "LT0505",
    ] {
        assert!(problems.contains(part), "{part} is not in:\n{problems}");
    }
    let nothing = from("").unwrap_err().to_string();
    assert!(nothing.contains("registries") && nothing.contains("data_dir"), "{nothing}");
    assert!(nothing.contains("name some under `groups`"), "{nothing}");
}

#[test]
fn an_address_that_others_reach_needs_a_word() {
    let open = format!("{LEAST}listen = \"0.0.0.0:80\"\n");
    assert!(from(&open).unwrap_err().to_string().contains("LT0504"));
    assert!(from(&format!("{open}insecure = true\n")).is_ok());
}

fn gossip(more: &str) -> String {
    let key = lathe_gossip::Signer::from_seed(&[1; 32]).public_key();
    format!(
        "data_dir = \"/d\"\ngroups = [\"web\"]\n[gossip]\nlisten = \"10.0.0.1:4801\"\nkey_file = \"/k\"\n\
         trust = [\"{key}\"]\n{more}"
    )
}

#[test]
fn who_gossips_needs_no_registry() {
    let config = from(&gossip("")).unwrap();
    assert!(config.registries.is_empty());
    assert_eq!(config.limits.lost_after_ms, LOST_BY_GOSSIP_MS);
    let gossip = config.gossip.unwrap();
    assert_eq!((gossip.interval_ms, gossip.fanout, gossip.seeds.len()), (1000, 3, 0));
}

#[test]
fn what_is_wrong_with_gossip_is_told() {
    let anywhere = gossip("").replace("10.0.0.1:4801", "0.0.0.0:4801");
    assert!(from(&anywhere).unwrap_err().to_string().contains("advertise"));
    assert!(from(&format!("{anywhere}advertise = \"10.0.0.1:4801\"\n")).is_ok());
    for (text, part) in [
        (gossip("advertise = \"0.0.0.0:1\"\n"), "no address that others reach"),
        (gossip("seeds = [\"10.0.0.1\"]\n"), "HOST:PORT"),
        (gossip("interval = \"1ms\"\n"), "LT0502"),
        (gossip("fanout = 0\n"), "LT0502"),
        (gossip("").replace("ed25519", "rsa"), "lathe-registry --public-key"),
        (gossip("").replace("trust", "trusts"), "did you mean `trust`"),
        (gossip("").replace("key_file", "key"), "LT0503"),
    ] {
        let problems = from(&text).unwrap_err().to_string();
        assert!(problems.contains(part), "{part} is not in:\n{problems}");
    }
}

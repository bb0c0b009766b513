//! Tests of the file beside.

use super::*;
use crate::code::Code;
use std::net::SocketAddr;

fn codes(found: Result<(), Vec<Diagnostic>>) -> Vec<Code> {
    found.err().unwrap_or_default().iter().map(|one| one.code).collect()
}

#[test]
fn an_empty_document_is_all_defaults() {
    let mut config = Document::empty().reader();
    assert_eq!(config.string("a", "x"), "x");
    assert_eq!(config.u64("b", 7), 7);
    assert!(config.bool("c", true));
    assert_eq!(config.bytes("d", 9), 9);
    assert_eq!(config.duration_ms("e", 11), 11);
    assert!(config.list("f").is_empty());
    assert!(config.map("g").is_empty());
    assert!(config.table_list("h").is_empty());
    assert!(config.optional_table("i").is_none());
    let mut table = config.table("j");
    assert_eq!(table.one_of("k", "l", &["l", "m"]), "l");
    config.finish().unwrap();
}

#[test]
fn every_kind_of_value_is_read() {
    let source = r#"
        listen = "127.0.0.1:80"
        masters = ["a:5050", "b:5050"]
        size = 4096
        wait = "1m"
        level = "json"
        depth = 3
        labels = { rack = "r1", "a b" = "c" }
        [[host]]
        name = "h1"
        [[host]]
        name = "h2"
        [store.local]
        path = "/a"
        [store.far]
        path = "/b"
    "#;
    let mut config = Document::parse(source).unwrap().reader();
    let listen: SocketAddr = config.optional_parsed("listen").unwrap();
    assert_eq!(listen.port(), 80);
    assert_eq!(config.list("masters"), ["a:5050", "b:5050"]);
    assert_eq!(config.bytes("size", 0), 4096);
    assert_eq!(config.duration_ms_within("wait", 0, 0..=60_000), 60_000);
    assert_eq!(config.one_of("level", "text", &["text", "json"]), "json");
    assert_eq!(config.u64_within("depth", 0, 1..=3), 3);
    assert_eq!(config.map("labels")["a b"], "c");
    let names: Vec<String> =
        config.table_list("host").iter_mut().map(|host| host.required_string("name")).collect();
    assert_eq!(names, ["h1", "h2"]);
    let stores: Vec<(String, String)> = config
        .named_tables("store")
        .into_iter()
        .map(|(name, mut store)| (name, store.required_string("path")))
        .collect();
    assert_eq!(stores, [("far".into(), "/b".into()), ("local".into(), "/a".into())]);
    config.finish().unwrap();
}

#[test]
fn all_problems_are_listed_at_once_in_the_order_of_the_file() {
    let source = "[[host]]\nnam = \"h1\"\n[tls]\nx = 1\n[topp]\n";
    let mut config = Document::parse(source).unwrap().reader();
    for mut host in config.table_list("host") {
        host.required_string("name");
    }
    let mut tls = config.table("tls");
    tls.optional_string("cert");
    let found = config.finish().unwrap_err();
    let messages: Vec<&str> = found.iter().map(|one| one.message.as_str()).collect();
    let wanted = [
        "`host[0].name` is missing",
        "`host[0].nam` is not a known key",
        "`tls.x` is not a known key",
        "`topp` is not a known key",
    ];
    assert_eq!(messages, wanted);
    assert_eq!(found[1].help.as_deref(), Some("did you mean `name`?"));
}

#[test]
fn the_keys_of_a_table_that_is_read_twice_are_known_together() {
    let mut config = Document::parse("[tls]\na = \"1\"\nb = \"2\"\n").unwrap().reader();
    config.table("tls").string("a", "");
    config.table("tls").string("b", "");
    config.finish().unwrap();
}

#[test]
fn wrong_types_and_values_are_refused_and_read_as_the_default() {
    let source = "a = -1\nb = 5\nc = [1]\nd = \"127.0.0.1\"\ne = 99999999999999999999\nf = 1\n";
    let mut config = Document::parse(source).unwrap().reader();
    assert_eq!(config.u64("a", 3), 3);
    assert_eq!(config.duration_ms("b", 4), 4);
    assert!(config.list("c").is_empty());
    assert_eq!(config.optional_parsed::<SocketAddr>("d"), None);
    assert_eq!(config.u64_within("e", 5, 0..=10), 5);
    assert!(!config.bool("f", false));
    assert_eq!(codes(config.finish()), [Code::CONFIG_WRONG_VALUE; 6]);
}

#[test]
fn a_daemon_adds_refusals_of_its_own() {
    let mut config = Document::parse("listen = \"0.0.0.0:80\"\n").unwrap().reader();
    let listen = config.string("listen", "127.0.0.1:0");
    assert!(config.has("listen") && !config.has("insecure"));
    if listen.starts_with("0.") && !config.bool("insecure", false) {
        let what = "others can reach 0.0.0.0:80, and it has neither TLS nor a token";
        config.refuse_with_help(Code::CONFIG_OPEN_LISTENER, "listen", what, "bind 127.0.0.1");
    }
    let found = config.finish().unwrap_err();
    assert_eq!(found[0].code, Code::CONFIG_OPEN_LISTENER);
    assert_eq!(found[0].labels[0].span, 9..21);
    assert_eq!(found[0].help.as_deref(), Some("bind 127.0.0.1"));
}

//! Addresses: what they mean, what is refused, and that passwords are not shown.

use super::*;

#[test]
fn an_address_has_servers_a_folder_and_perhaps_a_login() {
    let address = Address::parse("zk://one,two:2182,[::1]:2183/lathe/a").unwrap();
    assert_eq!(address.servers, ["one:2181", "two:2182", "[::1]:2183"]);
    assert_eq!((address.folder.as_str(), address.login), ("/lathe/a", None));
    let address = Address::parse("zk://me:p@ss:word@one/mesos/").unwrap();
    assert_eq!(address.login.as_deref(), Some("me:p@ss:word"));
    assert_eq!((address.servers(), address.folder.as_str()), ("one:2181".to_owned(), "/mesos"));
    assert_eq!(Address::parse("zk://[::1]").unwrap().servers, ["[::1]:2181"]);
    for root in ["zk://one", "zk://one/"] {
        assert_eq!(Address::parse(root).unwrap().folder, "/");
    }
}

#[test]
fn what_is_wrong_with_an_address_is_said() {
    for (address, word) in [
        ("one:2181", "zk://"),
        ("zk://", "host"),
        ("zk:///lathe", "host"),
        ("zk://one,,two/lathe", "host"),
        ("zk://one:0/lathe", "port"),
        ("zk://one:99999", "port"),
        ("zk://one:x", "port"),
        ("zk://::1/lathe", "host"),
        ("zk://[zz]/lathe", "host"),
        ("zk://user@one/lathe", "login"),
        ("zk://:secret@one/lathe", "login"),
        ("zk://one//lathe", "znode"),
        ("zk://one/a/../b", "znode"),
    ] {
        let error = Address::parse(address).unwrap_err().to_string();
        assert!(error.contains(word), "{address}: {error}");
    }
}

#[test]
fn a_password_is_not_shown() {
    let address = "zk://me:secret@one:2181/lathe";
    assert_eq!(without_password(address), "zk://…@one:2181/lathe");
    assert_eq!(without_password("local:/run/store.sock"), "local:/run/store.sock");
    let shown = format!("{:?}", Address::parse(address).unwrap());
    assert_eq!(shown, "zk://…@one:2181/lathe");
    let error = Address::parse("zk://me:secret@one:0/lathe").unwrap_err().to_string();
    assert!(!error.contains("secret"), "{error}");
}

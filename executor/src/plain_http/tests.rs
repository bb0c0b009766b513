//! Which addresses are taken, and how they are taken apart.

use super::*;

#[test]
fn an_address_is_taken_apart() {
    let address = Address::parse("http://127.0.0.1:8080/v1/artifacts/ab?x=1").unwrap();
    assert_eq!((address.host.as_str(), address.port), ("127.0.0.1", 8080));
    assert_eq!(address.path, "/v1/artifacts/ab?x=1");
    let bare = Address::parse("http://registry.example").unwrap();
    assert_eq!((bare.host.as_str(), bare.port, bare.path.as_str()), ("registry.example", 80, "/"));
    let six = Address::parse("http://[::1]:99/").unwrap();
    assert_eq!((six.host.as_str(), six.authority.as_str()), ("::1", "[::1]:99"));
}

#[test]
fn anything_but_plain_http_is_refused() {
    for url in ["https://a/", "a/b", "", "file:///etc/passwd", "http://", "http://a b/"] {
        assert!(Address::parse(url).is_err(), "{url}");
    }
}

#[test]
fn two_addresses_of_one_server_share_a_connection() {
    let parse = |url| Address::parse(url).unwrap();
    assert!(parse("http://a:1/x").same_server(&parse("http://a:1/y")));
    assert!(!parse("http://a:1/x").same_server(&parse("http://a:2/x")));
}

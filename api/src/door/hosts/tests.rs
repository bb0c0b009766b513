//! Tests of the names by which a listener may be called.

use http::{HeaderMap, HeaderValue, StatusCode, Uri};

use super::*;

fn check(hosts: &Hosts, uri: &str, headers: &[&'static str]) -> Result<(), StatusCode> {
    let mut map = HeaderMap::new();
    for value in headers {
        map.append(HOST, HeaderValue::from_static(value));
    }
    hosts.check(&uri.parse::<Uri>().unwrap(), &map).map_err(|problem| problem.status())
}

#[test]
fn loopback_is_known_by_all_its_names() {
    let hosts = Hosts::loopback();
    for name in ["localhost", "LOCALHOST:80", "127.0.0.1:8080", "127.8.9.1", "[::1]:80"] {
        assert_eq!(check(&hosts, "/", &[name]), Ok(()), "{name}");
    }
}

#[test]
fn a_strangers_name_is_refused() {
    let hosts = Hosts::loopback();
    for name in
        ["evil.test", "evil.test:80", "localhost.evil.test", "127.0.0.1.evil.test", "10.0.0.1"]
    {
        assert_eq!(check(&hosts, "/", &[name]), Err(StatusCode::MISDIRECTED_REQUEST), "{name}");
    }
}

#[test]
fn configured_names_and_the_listeners_address_are_known() {
    let hosts = Hosts::loopback().and("Registry.Test").and_address([10, 0, 0, 1].into());
    assert_eq!(check(&hosts, "/", &["registry.test:80"]), Ok(()));
    assert_eq!(check(&hosts, "/", &["10.0.0.1:80"]), Ok(()));
    let everywhere = Hosts::loopback().and_address([0, 0, 0, 0].into());
    assert_eq!(check(&everywhere, "/", &["0.0.0.0"]), Err(StatusCode::MISDIRECTED_REQUEST));
}

#[test]
fn the_target_counts_as_the_header_does() {
    let hosts = Hosts::loopback();
    assert_eq!(check(&hosts, "http://localhost:80/x", &[]), Ok(()));
    assert_eq!(check(&hosts, "http://evil.test/x", &[]), Err(StatusCode::MISDIRECTED_REQUEST));
    let both = check(&hosts, "http://localhost/x", &["evil.test"]);
    assert_eq!(both, Err(StatusCode::BAD_REQUEST));
}

#[test]
fn a_request_without_one_readable_name_is_malformed() {
    let hosts = Hosts::loopback();
    assert_eq!(check(&hosts, "/", &[]), Err(StatusCode::BAD_REQUEST));
    assert_eq!(check(&hosts, "/", &["localhost", "localhost"]), Err(StatusCode::BAD_REQUEST));
    assert_eq!(check(&hosts, "/", &["a b"]), Err(StatusCode::BAD_REQUEST));
}

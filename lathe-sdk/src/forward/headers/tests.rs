//! What goes on and what stays.

use std::time::{Duration, Instant};

use http::header::HeaderMap;
use http::request::Parts;
use http::{Request, Version};

use super::{outgoing, set_deadline, strip};

fn head(target: &str, headers: &[(&'static str, &str)]) -> Parts {
    let mut request = Request::get(target).body(()).unwrap();
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    request.into_parts().0
}

fn names(headers: &HeaderMap) -> Vec<&str> {
    let mut names: Vec<&str> = headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    names
}

#[test]
fn what_concerns_one_connection_stays_there() {
    let mut head = head(
        "/",
        &[
            ("host", "example"),
            ("connection", "keep-alive, X-Private"),
            ("connection", "close, host, content-length"),
            ("x-private", "1"),
            ("content-length", "0"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "close"),
            ("proxy-authorization", "secret"),
            ("te", "trailers, gzip"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("expect", "100-continue"),
            ("traceparent", "00-1-2-01"),
            ("authorization", "mine"),
        ],
    );
    outgoing(&mut head, None, false);
    assert_eq!(
        names(&head.headers),
        ["authorization", "content-length", "host", "te", "traceparent"]
    );
    assert_eq!(head.headers["te"], "trailers");
}

#[test]
fn an_upgrade_passes_where_it_is_asked_for() {
    let mut head = head("/", &[("connection", "Upgrade, x-a"), ("upgrade", "echo"), ("x-a", "1")]);
    outgoing(&mut head, None, true);
    assert_eq!(names(&head.headers), ["connection", "upgrade"]);
    assert_eq!(
        (&head.headers["connection"], &head.headers["upgrade"]),
        (&"upgrade".parse().unwrap(), &"echo".parse().unwrap())
    );
}

#[test]
fn the_clients_address_is_added_at_the_end() {
    let peer = "10.0.0.9:1234".parse().unwrap();
    let mut first = head("/", &[]);
    outgoing(&mut first, Some(peer), false);
    assert_eq!(first.headers["x-forwarded-for"], "10.0.0.9");
    let mut second =
        head("/", &[("x-forwarded-for", "1.1.1.1, 2.2.2.2"), ("x-forwarded-for", "3.3.3.3")]);
    outgoing(&mut second, Some("[::ffff:10.0.0.9]:1".parse().unwrap()), false);
    let all: Vec<_> = second.headers.get_all("x-forwarded-for").iter().collect();
    assert_eq!(all, ["1.1.1.1, 2.2.2.2, 3.3.3.3, 10.0.0.9"]);
}

#[test]
fn the_target_stays_byte_by_byte_and_loses_scheme_and_host() {
    for (target, expected) in [
        ("/a%2Fb//../%zz?x=%20&y", "/a%2Fb//../%zz?x=%20&y"),
        ("http://example.org/a?b", "/a?b"),
        ("http://example.org", "/"),
        ("*", "*"),
    ] {
        let mut head = head(target, &[]);
        outgoing(&mut head, None, false);
        assert_eq!(head.uri.to_string(), expected);
    }
}

#[test]
fn http2_names_its_host_in_a_header() {
    let mut head = head("http://example.org:81/a", &[]);
    head.version = Version::HTTP_2;
    outgoing(&mut head, None, false);
    assert_eq!(head.headers["host"], "example.org:81");
    assert_eq!(head.version, Version::HTTP_11);
}

#[test]
fn what_is_left_of_the_deadline_goes_along() {
    let mut headers = HeaderMap::new();
    set_deadline(&mut headers, Instant::now() + Duration::from_secs(100));
    let left: u64 = headers["lathe-deadline-ms"].to_str().unwrap().parse().unwrap();
    assert!((1..=100_000).contains(&left), "{left}");
    set_deadline(&mut headers, Instant::now());
    assert_eq!(headers["lathe-deadline-ms"], "1");
    assert_eq!(headers.len(), 1);
    strip(&mut headers);
    assert_eq!(headers.len(), 1);
}

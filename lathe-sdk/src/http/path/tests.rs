//! The rules of paths, as a table and as properties.

use http::Method;
use proptest::prelude::*;

use super::{FEW, MOST, Segments, split, too_many};

/// Both ways to split; where the plain way gives something, it must be the same.
fn path(method: &str, path: &str) -> Vec<String> {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let segments = Segments::new(&method, path);
    let (plain, len) = split(&method, path);
    if let Some(plain) = plain.get(..len) {
        assert_eq!(plain, segments.get());
    } else {
        let is_known = ["GET", "POST", "PUT", "PATCH", "OPTIONS"].contains(&method.as_str());
        let is_plain = is_known && path.starts_with('/') && !path.contains('%');
        assert!(!is_plain || segments.get().len() > FEW, "{path}");
    }
    segments.get().iter().map(|segment| (*segment).to_owned()).collect()
}

#[test]
fn the_table_of_paths_holds() {
    let table: &[(&str, &str, &[&str])] = &[
        ("GET", "/", &["get"]),
        ("GET", "/index", &["get", "index"]),
        ("POST", "/a/b/c", &["post", "a", "b", "c"]),
        ("GET", "/index/", &["get", "index", ""]),
        ("GET", "//", &["get", "", ""]),
        ("GET", "//a", &["get", "", "a"]),
        ("GET", "/a//b", &["get", "a", "", "b"]),
        ("GET", "/./a/../b", &["get", ".", "a", "..", "b"]),
        ("GET", "/%2e%2E/a", &["get", "..", "a"]),
        ("GET", "/a%20b", &["get", "a b"]),
        ("GET", "/a%2Fb/c", &["get", "a/b", "c"]),
        ("GET", "/%C3%A4", &["get", "ä"]),
        ("GET", "/%ff/a", &["get", "%ff", "a"]),
        ("GET", "/100%", &["get", "100%"]),
        ("GET", "/%zz%4", &["get", "%zz%4"]),
        ("GET", "/%25", &["get", "%"]),
        ("GET", "/a+b", &["get", "a+b"]),
        ("PURGE", "/x", &["purge", "x"]),
        ("PuRgE", "/", &["purge"]),
        ("OPTIONS", "*", &["options", "*"]),
        ("CONNECT", "", &["connect"]),
        ("PATCH", "/1/2/3/4/5/6/7", &["patch", "1", "2", "3", "4", "5", "6", "7"]),
        ("PUT", "/1/2/3/4/5/6/7/8", &["put", "1", "2", "3", "4", "5", "6", "7", "8"]),
        ("PUT", "/1/2/3/4/5/6/%37/8", &["put", "1", "2", "3", "4", "5", "6", "7", "8"]),
    ];
    for (method, target, expected) in table {
        assert_eq!(path(method, target), *expected, "{method} {target}");
    }
}

#[test]
fn too_many_segments_are_told_and_never_lost() {
    let fits = "/x".repeat(MOST - 1);
    assert!(!too_many(&fits));
    assert_eq!(path("GET", &fits).len(), MOST);
    let over = "/x".repeat(MOST + 10);
    assert!(too_many(&over));
    let segments = path("GET", &over);
    assert_eq!(segments.len(), MOST);
    assert_eq!(format!("/{}", segments[1..].join("/")), over);
    assert_eq!(path("GET", &over.replacen('x', "%78", 1)), segments);
}

proptest! {
    #[test]
    fn plain_paths_come_back_when_joined(segments in prop::collection::vec("[a-z0-9.+_-]{0,6}", 1..300)) {
        let target = format!("/{}", segments.join("/"));
        let split = path("GET", &target);
        prop_assert_eq!(format!("/{}", split[1..].join("/")), target);
    }

    #[test]
    fn any_text_survives_encoding(segments in prop::collection::vec(any::<String>(), 1..12)) {
        prop_assume!(segments.len() > 1 || !segments[0].is_empty());
        let encoded: Vec<String> = segments
            .iter()
            .map(|segment| segment.bytes().map(|byte| format!("%{byte:02X}")).collect())
            .collect();
        let split = path("GET", &format!("/{}", encoded.join("/")));
        prop_assert_eq!(&split[1..], &segments[..]);
    }

    #[test]
    fn no_path_panics(target in any::<String>()) {
        prop_assert!(!path("GET", &target).is_empty());
    }
}

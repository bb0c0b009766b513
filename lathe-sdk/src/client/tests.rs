//! What is a base URL.

use super::Base;

#[test]
fn bases_name_a_host_and_a_port_and_nothing_else() {
    for (url, host, port) in [
        ("http://127.0.0.1:8080", "127.0.0.1", 8080),
        ("http://127.0.0.1:8080/", "127.0.0.1", 8080),
        ("http://registry", "registry", 80),
        ("http://[::1]:90", "::1", 90),
    ] {
        let base = Base::parse(url).unwrap();
        assert_eq!((base.host.as_str(), base.port), (host, port), "{url}");
    }
    for url in [
        "",
        "127.0.0.1:80",
        "https://a:1",
        "http://a:1/path",
        "http://a:1?x",
        "http://:80",
        "http://a:99999",
        "http://u@a:1",
    ] {
        assert!(Base::parse(url).is_err(), "{url}");
    }
}

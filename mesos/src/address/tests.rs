//! Tests of what is taken as an address.

use proptest::prelude::*;

use super::*;

fn parsed(text: &str) -> String {
    Url::parse(text, 5050).unwrap().to_string()
}

fn problem(text: &str) -> UrlProblem {
    Url::parse(text, 5050).unwrap_err().problem
}

#[test]
fn hosts_ports_and_paths_may_be_left_out_or_given() {
    assert_eq!(parsed("m1"), "http://m1:5050");
    assert_eq!(parsed("m1:80"), "http://m1:80");
    assert_eq!(parsed("http://m1:80/"), "http://m1:80");
    assert_eq!(parsed("http://10.0.0.1/slave(1)"), "http://10.0.0.1:5050/slave(1)");
    assert_eq!(parsed("https://m1:80/"), "https://m1:80");
    assert_eq!(parsed("[::1]:80/x"), "http://[::1]:80/x");
    assert_eq!(parsed("[::1]"), "http://[::1]:5050");
    assert_eq!(Url::parse("m1", 1).unwrap().path(), "/");
}

#[test]
fn what_cannot_be_used_is_named() {
    assert_eq!(problem("zk://m1:2181/mesos"), UrlProblem::Scheme);
    assert_eq!(problem(""), UrlProblem::NoHost);
    assert_eq!(problem("http:///x"), UrlProblem::NoHost);
    assert_eq!(problem("http://u:p@m1"), UrlProblem::User);
    for port in ["m1:", "m1:0", "m1:65536", "m1:x", "a::1", "[::1]80"] {
        assert_eq!(problem(port), UrlProblem::Port, "{port}");
    }
    for odd in ["m 1", "m1/\r\nHost: x", "m1/?q", "m1#f", "m\u{e4}"] {
        assert_eq!(problem(odd), UrlProblem::Character, "{odd:?}");
    }
    assert_eq!(problem(&"m".repeat(3000)), UrlProblem::TooLong);
}

#[test]
fn a_redirect_without_a_scheme_names_another_server_and_path() {
    let here = Url::parse("m1:5051/api/v1/scheduler", 5050).unwrap();
    let there = here.redirect("//127.0.0.1:5050/master/api/v1/scheduler").unwrap();
    assert_eq!(there.to_string(), "http://127.0.0.1:5050/master/api/v1/scheduler");
    assert_eq!(there.authority(), "127.0.0.1:5050");
    let there = here.redirect("http://m2/x").unwrap();
    assert_eq!(there.to_string(), "http://m2:5051/x", "without a port: the one in use");
    assert_eq!(here.redirect("/other").unwrap().to_string(), "http://m1:5051/other");
    assert_eq!(here.redirect("https://m2/x").unwrap().to_string(), "https://m2:5051/x");
}

#[test]
fn nothing_leads_out_of_tls() {
    let here = Url::parse("https://m1:5051/api", 5050).unwrap();
    assert_eq!(here.redirect("//m2:5050/x").unwrap().to_string(), "https://m2:5050/x");
    assert_eq!(here.redirect("/x").unwrap().to_string(), "https://m1:5051/x");
    assert_eq!(here.redirect("http://m2/x").unwrap_err().problem, UrlProblem::Downgrade);
}

#[test]
fn a_host_can_be_replaced_and_a_path_appended() {
    let url = Url::parse("internal:5050/slave(1)", 1).unwrap();
    let url = url.with_host("10.1.1.1").join("/api/v1");
    assert_eq!(url.to_string(), "http://10.1.1.1:5050/slave(1)/api/v1");
}

proptest! {
    #[test]
    fn what_is_taken_makes_a_request(text in "(http://|//)?[a-z0-9.:@/()?% -]{0,30}") {
        if let Ok(url) = Url::parse(&text, 5050) {
            prop_assert!(url.path().parse::<http::Uri>().is_ok());
            prop_assert!(http::HeaderValue::try_from(url.authority()).is_ok());
            prop_assert_eq!(Url::parse(&url.to_string(), 1).unwrap(), url);
        }
    }
}

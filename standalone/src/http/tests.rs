//! Tests of the checks.

use super::*;

#[test]
fn only_names_of_this_machine_are_answered() {
    let own = Some("127.0.0.2".parse().unwrap());
    for good in ["127.0.0.1:80", "localhost", "LOCALHOST:1", "[::1]:80", "127.0.0.2:9"] {
        assert!(is_this_machine(good, own), "{good}");
    }
    for bad in ["example.com", "localhost.example.com:80", "10.0.0.1", "", "[::2]"] {
        assert!(!is_this_machine(bad, own), "{bad}");
    }
}

#[test]
fn the_wrong_secret_and_the_wrong_name_are_refused_alike() {
    let headers = |text: &str| {
        use base64::Engine as _;
        let value = base64::engine::general_purpose::STANDARD.encode(text);
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, format!("Basic {value}").parse().unwrap());
        headers
    };
    let secrets = crate::secret::Secrets::of_text("s").unwrap();
    assert_eq!(checks::basic(&headers("lathe:s"), &secrets, "r").unwrap(), "token");
    for bad in ["lathe:t", "other:s", "lathe", "lathe:", ""] {
        let answer = checks::basic(&headers(bad), &secrets, "r").unwrap_err();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(answer.headers()[header::WWW_AUTHENTICATE], "Basic realm=\"r\"");
    }
}

#[test]
fn json_is_not_spoken_and_types_are_compared_to_the_letter() {
    let with = |value: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(value));
        checks::content_type(&headers).map_err(|answer| answer.status().as_u16())
    };
    assert_eq!(with("application/x-protobuf"), Ok(()));
    for bad in ["application/json", "application/x-protobuf; charset=utf-8", "text/plain"] {
        assert_eq!(with(bad), Err(415));
    }
    let none = checks::content_type(&HeaderMap::new()).map_err(|answer| answer.status().as_u16());
    assert_eq!(none, Err(400));
}

//! Tests of the bind rule.

use super::*;

#[test]
fn only_loopback_is_open_without_a_word() {
    for address in ["127.0.0.1:0", "127.1.2.3:80", "[::1]:0", "[::ffff:127.0.0.1]:0"] {
        assert!(allow(address.parse().unwrap(), false).is_ok(), "{address}");
    }
    for address in ["0.0.0.0:0", "10.0.0.1:80", "[::]:0", "[::ffff:10.0.0.1]:0"] {
        let refused = allow(address.parse().unwrap(), false).unwrap_err();
        assert!(refused.to_string().starts_with("LT0504"), "{refused}");
        assert!(allow(address.parse().unwrap(), true).is_ok(), "{address}");
    }
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_with_its_address() {
    let taken = bind("127.0.0.1:0".parse().unwrap(), false).await.unwrap();
    let address = taken.local_addr().unwrap();
    let error = bind(address, false).await.unwrap_err();
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

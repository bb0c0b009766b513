//! Tests of the file beside.

use super::*;
use proptest::prelude::*;

#[test]
fn sizes_are_exact() {
    let cases = [
        ("0", 0),
        ("1000", 1000),
        ("64MiB", 64 << 20),
        (" 8 GiB ", 8 << 30),
        ("1.5GiB", 3 << 29),
        ("1.50kB", 1500),
        ("2TB", 2_000_000_000_000),
        ("18446744073709551615", u64::MAX),
        ("7B", 7),
    ];
    for (text, bytes) in cases {
        assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
    }
}

#[test]
fn what_is_no_size_is_told_apart() {
    use UnitError as E;
    assert!(matches!(parse_bytes(""), Err(E::NoNumber { .. })));
    assert!(matches!(parse_bytes("MiB"), Err(E::NoNumber { .. })));
    assert!(matches!(parse_bytes("-1MiB"), Err(E::NoNumber { .. })));
    assert!(matches!(parse_bytes("1.2.3MiB"), Err(E::NoNumber { .. })));
    assert!(matches!(parse_bytes("1.MiB"), Err(E::NoNumber { .. })));
    assert!(matches!(parse_bytes("64M"), Err(E::UnknownUnit { .. })));
    assert!(matches!(parse_bytes("64mib"), Err(E::UnknownUnit { .. })));
    assert!(matches!(parse_bytes("0.3B"), Err(E::NotWhole { .. })));
    assert!(matches!(parse_bytes("18446744073709551616"), Err(E::TooLarge { .. })));
    assert!(matches!(parse_bytes("99999999PiB"), Err(E::TooLarge { .. })));
    assert!(matches!(parse_bytes(&"9".repeat(1000)), Err(E::TooLarge { .. })));
}

#[test]
fn durations_are_milliseconds() {
    let cases = [
        ("0", 0),
        ("250ms", 250),
        ("5s", 5_000),
        ("0.5s", 500),
        ("5m", 300_000),
        ("1h30m", 5_400_000),
        ("1h 30m 5s", 5_405_000),
        ("14d", 1_209_600_000),
    ];
    for (text, ms) in cases {
        assert_eq!(parse_duration_ms(text), Ok(ms), "{text}");
    }
    for text in
        ["", "5", "5 seconds", "s", "-5s", "0.0001s", "1h30", "5s!", "99999999999999999999d"]
    {
        assert!(parse_duration_ms(text).is_err(), "{text:?}");
    }
}

#[test]
fn cpus_are_exact_thousandths() {
    let cases = [
        ("0.1", 100),
        ("2", 2_000),
        ("+1.5", 1_500),
        ("0.001", 1),
        ("5e-1", 500),
        ("1.5e2", 150_000),
        ("0e999999", 0),
        ("0.100000", 100),
        ("1_0.5", 10_500),
    ];
    for (text, milli) in cases {
        assert_eq!(parse_cpus_milli(text), Ok(milli), "{text}");
    }
    for text in ["0.0001", "1e-9", "1e300", "inf", "nan", "-1", "-0.5", "1e99999999999", ""] {
        assert!(parse_cpus_milli(text).is_err(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn a_printed_size_is_the_size(bytes: u64) {
        prop_assert_eq!(parse_bytes(&format_bytes(bytes)), Ok(bytes));
    }

    #[test]
    fn printed_cpus_are_the_cpus(milli in 0..10_000_000u64) {
        prop_assert_eq!(parse_cpus_milli(&format_cpus(milli)), Ok(milli));
    }

    #[test]
    fn no_text_is_too_odd(text in "\\PC*", numbers in "[0-9.eE+_ a-zµ-]{0,50}") {
        for text in [text, numbers] {
            let _ = parse_bytes(&text);
            let _ = parse_duration_ms(&text);
            let _ = parse_cpus_milli(&text);
        }
    }
}

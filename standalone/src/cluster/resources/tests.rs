//! Tests of the arithmetic of resources.

use super::*;

fn ports(ranges: &[(u64, u64)]) -> Amount {
    let mut amount = Amount::default();
    for range in ranges {
        amount.add_range("ports", *range);
    }
    amount
}

#[test]
fn taking_ports_away_and_giving_them_back_gives_the_same_amount() {
    let whole = ports(&[(31_000, 31_999)]);
    let part = ports(&[(31_005, 31_005), (31_007, 31_010)]);
    let mut rest = whole.clone();
    rest.subtract(&part);
    assert_eq!(rest, ports(&[(31_000, 31_004), (31_006, 31_006), (31_011, 31_999)]));
    assert!(!rest.contains(&part));
    rest.add(&part);
    assert_eq!(rest, whole);
    assert!(rest.contains(&part));
}

#[test]
fn nothing_left_of_a_name_is_nothing_at_all() {
    let mut amount = ports(&[(1, 2)]);
    amount.add_scalar("cpus", 100);
    let same = amount.clone();
    amount.subtract(&same);
    assert!(amount.is_empty());
    assert_eq!(amount, Amount::default());
}

#[test]
fn scalars_are_compared_in_thousandths() {
    let resource = |value: f64| v1::Resource {
        name: "cpus".into(),
        r#type: v1::value::Type::Scalar.into(),
        scalar: Some(v1::value::Scalar { value }),
        ..v1::Resource::default()
    };
    let thirds = Amount::of_message(&[resource(0.1), resource(0.2)], "*").unwrap();
    let whole = Amount::of_message(&[resource(0.3)], "*").unwrap();
    assert_eq!(thirds, whole);
    assert!(Amount::of_message(&[resource(-1.0)], "*").is_err());
    assert!(Amount::of_message(&[resource(f64::NAN)], "*").is_err());
}

#[test]
fn the_text_is_that_of_a_master() {
    let mut amount = ports(&[(32_000, 32_999)]);
    amount.add_scalar("mem", 1_024_000);
    amount.add_scalar("cpus", 2_000);
    assert_eq!(
        amount.describe("rec"),
        "ports(allocated: rec):[32000-32999]; cpus(allocated: rec):2; mem(allocated: rec):1024"
    );
}

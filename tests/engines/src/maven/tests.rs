//! Jars against their pinned digests.

use super::*;

#[test]
fn each_jar_that_differs_is_missing_or_is_one_too_many_is_named() {
    let wanted = pinned("aa  one.jar\nbb  two.jar\ncc  three.jar\n");
    let found = pinned("aa  one.jar\nbd  two.jar\nee  four.jar\n");
    assert_eq!(
        differences(&wanted, &found),
        [
            "three.jar is missing",
            "the SHA-256 of two.jar is bd, pinned is bb",
            "four.jar is not in the pinned list",
        ]
    );
    assert!(differences(&wanted, &wanted).is_empty());
}

#[test]
fn a_digest_is_written_as_sha256sum_writes_it() {
    assert_eq!(
        hex(&Sha256::digest(b"")),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
}

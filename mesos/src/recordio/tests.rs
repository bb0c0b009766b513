//! Tests of the framing: any cut of a stream gives the same records, no input does harm.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const LIMIT: usize = 1 << 16;

fn stream(records: &[Vec<u8>]) -> Vec<u8> {
    records.iter().flat_map(|record| frame(record)).collect()
}

/// All records of a stream that comes in these pieces.
fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Vec<u8>>, FrameError> {
    let mut decoder = Decoder::new(LIMIT);
    let mut records = Vec::new();
    for piece in pieces {
        decoder.push(piece)?;
        while let Some(record) = decoder.next() {
            records.push(record.to_vec());
        }
    }
    assert!(decoder.is_between_records());
    Ok(records)
}

fn fails_with(bytes: &[u8]) -> FrameError {
    let mut decoder = Decoder::new(LIMIT);
    let error = decoder.push(bytes).unwrap_err();
    assert_eq!(decoder.push(b"1\na"), Err(error.clone()), "a failed stream stays failed");
    assert!(!decoder.is_between_records());
    error
}

#[test]
fn a_record_is_framed_by_its_length() {
    assert_eq!(frame(b"hello").as_ref(), b"5\nhello");
    assert_eq!(frame(b"").as_ref(), b"0\n");
}

#[test]
fn an_empty_record_is_a_record() {
    assert_eq!(decode([b"0\n1\na0\n".as_slice()]).unwrap(), [vec![], b"a".to_vec(), vec![]]);
}

#[test]
fn leading_zeros_mean_nothing() {
    assert_eq!(decode([b"0003\nabc".as_slice()]).unwrap(), [b"abc".to_vec()]);
}

#[test]
fn malformed_lengths_are_errors() {
    assert_eq!(fails_with(b"\n"), FrameError::Empty);
    assert_eq!(fails_with(b"12a\n"), FrameError::NotADigit { byte: b'a' });
    assert_eq!(fails_with(b"-1\n"), FrameError::NotADigit { byte: b'-' });
    assert_eq!(fails_with(b"5\r\nhello"), FrameError::NotADigit { byte: b'\r' });
    assert_eq!(fails_with(b" 5\nhello"), FrameError::NotADigit { byte: b' ' });
    assert_eq!(fails_with(&[b'0'; 21]), FrameError::TooLong);
}

#[test]
fn lengths_above_the_limit_are_refused_before_their_bytes_come() {
    let length = LIMIT as u64 + 1;
    let error = fails_with(format!("{length}\n").as_bytes());
    assert_eq!(error, FrameError::TooLarge { length, limit: LIMIT });
    let error = fails_with(b"99999999999999999999\n");
    assert_eq!(error, FrameError::TooLarge { length: u64::MAX, limit: LIMIT });
    let mut decoder = Decoder::new(LIMIT);
    decoder.push(format!("{LIMIT}\n").as_bytes()).unwrap();
    assert!(!decoder.is_between_records());
}

#[test]
fn records_before_an_error_are_not_lost() {
    let mut decoder = Decoder::new(LIMIT);
    assert_eq!(decoder.push(b"2\nab1\nc?"), Err(FrameError::NotADigit { byte: b'?' }));
    assert_eq!(decoder.next().unwrap().as_ref(), b"ab");
    assert_eq!(decoder.next().unwrap().as_ref(), b"c");
    assert_eq!(decoder.next(), None);
}

#[test]
fn a_stream_that_ends_early_is_not_between_records() {
    for cut in ["1", "12", "5\n", "5\nhell"] {
        let mut decoder = Decoder::new(LIMIT);
        decoder.push(cut.as_bytes()).unwrap();
        assert!(!decoder.is_between_records(), "{cut:?}");
    }
}

proptest! {
    #[test]
    fn every_single_cut_gives_the_same_records(records in vec(vec(any::<u8>(), 0..40), 0..6)) {
        let bytes = stream(&records);
        for at in 0..=bytes.len() {
            let (first, second) = bytes.split_at(at);
            prop_assert_eq!(&decode([first, second]).unwrap(), &records);
        }
    }

    #[test]
    fn any_pieces_give_the_same_records(
        records in vec(vec(any::<u8>(), 0..300), 0..20),
        sizes in vec(1usize..64, 1..50),
    ) {
        let bytes = stream(&records);
        let mut rest = bytes.as_slice();
        let mut pieces = Vec::new();
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*size).min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        prop_assert_eq!(&decode(pieces).unwrap(), &records);
        prop_assert_eq!(&decode(bytes.chunks(1)).unwrap(), &records);
    }

    #[test]
    fn no_bytes_make_it_panic_or_hold_more_than_came(bytes in vec(any::<u8>(), 0..2000)) {
        let mut decoder = Decoder::new(LIMIT);
        let mut out = 0;
        for piece in bytes.chunks(7) {
            if decoder.push(piece).is_err() {
                break;
            }
        }
        while let Some(record) = decoder.next() {
            out += record.len();
        }
        prop_assert!(out <= bytes.len());
    }

    #[test]
    fn digits_and_newlines_make_it_neither_panic_nor_invent(text in "[0-9\n]{0,200}") {
        let mut whole = Decoder::new(LIMIT);
        let mut single = Decoder::new(LIMIT);
        let first = whole.push(text.as_bytes());
        let second = text.as_bytes().chunks(1).try_for_each(|piece| single.push(piece));
        prop_assert_eq!(first, second);
        loop {
            let (a, b) = (whole.next(), single.next());
            prop_assert_eq!(&a, &b);
            if a.is_none() {
                break;
            }
        }
    }
}

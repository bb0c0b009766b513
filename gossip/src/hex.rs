//! Bytes as hexadecimal digits.

use std::fmt::Write as _;

/// Two digits a byte, in lower case.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes text");
        text
    })
}

/// Reads exactly as many bytes; nothing where it is another text.
#[must_use]
pub fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != N * 2 {
        return None;
    }
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|it| u8::try_from(it).ok());
    let mut bytes = [0; N];
    for (at, pair) in digits.chunks_exact(2).enumerate() {
        bytes[at] = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let bytes = [0, 1, 0x7f, 0xab, 0xff];
        assert_eq!(decode::<5>(&encode(&bytes)), Some(bytes));
        assert_eq!(decode::<2>("ABcd"), Some([0xab, 0xcd]));
        for wrong in ["", "0", "00", "0g00", "00000", "é0"] {
            assert_eq!(decode::<2>(wrong), None, "{wrong}");
        }
    }
}

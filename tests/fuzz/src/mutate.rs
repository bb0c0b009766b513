//! Inputs made of others: the same seed makes the same.
//!
//! Owns the generator and the ways to spoil an input. It must not know what an input means.

/// Longest input that is made, in bytes.
const INPUT_BYTES_MAX: usize = 64 * 1024;

/// Pieces that parsers stumble over, whatever their language.
const PIECES: [&[u8]; 34] = [
    b"\0",
    b"\xff",
    b"\xc3\x28",
    b"\xef\xbb\xbf",
    b"\r\n",
    b"\n\n",
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"{",
    b"}",
    b"[",
    b"]",
    b"[[",
    b",",
    b":",
    b"=",
    b"#",
    b"/",
    b"//",
    b"..",
    b"%00",
    b"%2f",
    b"-1",
    b"0",
    b"1e999",
    b"18446744073709551616",
    b"9223372036854775807",
    b"null",
    b"true",
    b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
];

/// A generator of numbers (SplitMix64): small, and the same on every machine.
#[derive(Clone, Debug)]
pub struct Draw(u64);

impl Draw {
    /// Begins with this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below this one; 0 where that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX);
        usize::try_from(self.number().checked_rem(end).unwrap_or(0)).unwrap_or(0)
    }
}

/// One of the inputs, spoilt one to eight times.
#[must_use]
pub fn spoilt(inputs: &[Vec<u8>], draw: &mut Draw) -> Vec<u8> {
    let mut bytes = inputs.get(draw.below(inputs.len())).cloned().unwrap_or_default();
    for _ in 0..=draw.below(8) {
        spoil(&mut bytes, inputs, draw);
    }
    bytes.truncate(INPUT_BYTES_MAX);
    bytes
}

fn spoil(bytes: &mut Vec<u8>, inputs: &[Vec<u8>], draw: &mut Draw) {
    let at = draw.below(bytes.len() + 1);
    let length = draw.below(bytes.len() - at + 1).min(1 << draw.below(12));
    match draw.below(10) {
        0 if at < bytes.len() => bytes[at] ^= 1 << draw.below(8),
        1 if at < bytes.len() => bytes[at] = draw.number().to_le_bytes()[0],
        2 => drop(bytes.drain(at..at + length)),
        3 => {
            let piece = bytes[at..at + length].to_vec();
            let to = draw.below(bytes.len() + 1);
            bytes.splice(to..to, piece);
        }
        4 => {
            // Many times the same: what grows faster than its input shows.
            let piece = bytes[at..at + length.min(16)].to_vec();
            let many = piece.repeat(1 << draw.below(10));
            bytes.splice(at..at, many);
        }
        5 => {
            let other = inputs.get(draw.below(inputs.len())).map(Vec::as_slice).unwrap_or_default();
            let from = draw.below(other.len() + 1);
            bytes.splice(at.., other[from..].iter().copied());
        }
        6 => bytes.truncate(at),
        7 => number(bytes, at, draw),
        _ => {
            let piece = PIECES[draw.below(PIECES.len())];
            let end = if draw.below(2) == 0 { at } else { (at + piece.len()).min(bytes.len()) };
            bytes.splice(at..end, piece.iter().copied());
        }
    }
    bytes.truncate(INPUT_BYTES_MAX);
}

/// Another number in place of the next one in the text.
fn number(bytes: &mut Vec<u8>, at: usize, draw: &mut Draw) {
    let Some(begin) = bytes[at..].iter().position(u8::is_ascii_digit).map(|found| at + found)
    else {
        return;
    };
    let digits = bytes[begin..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = match draw.below(4) {
        0 => draw.number() >> draw.below(64),
        1 => 1 << draw.below(64),
        2 => (1_u64 << draw.below(64)).wrapping_sub(1),
        _ => 0,
    };
    bytes.splice(begin..begin + digits, number.to_string().into_bytes());
}

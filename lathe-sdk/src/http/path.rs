//! The path of a request as a slice of text: the method in lower case, then the segments.
//!
//! Owns the rules by which a request's target becomes segments. It must not know of servers,
//! bodies or headers.

use http::Method;
use yoke::Yoke;

/// Segments that a request lends from its own target, the method included. With more, a request
/// grows beyond what is moved in registers, and each request pays for it.
pub(crate) const FEW: usize = 4;
/// Segments that need no large table.
const SOME: usize = 16;
/// The most segments that are told apart, the method included.
pub(crate) const MOST: usize = 256;

/// The segments of a plain target and how many there are; more than [`FEW`] says that it is not
/// plain.
pub(crate) type Plain<'a> = ([&'a str; FEW], usize);

/// Segments of a target that is not plain, and the text made for them.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "it stands in a box of its request anyway")]
pub(crate) enum Segments {
    Some(Held<SOME>),
    Many(Box<Held<MOST>>),
}

/// Up to `N` segments, how many there are, and the text that they point into.
type Held<const N: usize> = Yoke<([&'static str; N], usize), Box<str>>;

impl Segments {
    /// Splits a target. `path` is as it came over the wire, without the query.
    pub(crate) fn new(method: &Method, path: &str) -> Self {
        let rest = path.strip_prefix('/').unwrap_or(path);
        match known_method(method) {
            Some(word) => Self::decoded(word, rest),
            None => Self::decoded(&method.as_str().to_ascii_lowercase(), rest),
        }
    }

    pub(crate) fn get(&self) -> &[&str] {
        let (segments, len): (&[&str], usize) = match self {
            Self::Some(held) => (&held.get().0, held.get().1),
            Self::Many(held) => (&held.get().0, held.get().1),
        };
        segments.get(..len).unwrap_or_default()
    }

    /// The decoded text is laid out one piece after the other.
    fn decoded(word: &str, rest: &str) -> Self {
        let mut text = String::with_capacity(word.len() + rest.len());
        text.push_str(word);
        let mut ends = vec![text.len()];
        if !rest.is_empty() {
            for segment in rest.splitn(MOST - 1, '/') {
                decode_onto(segment, &mut text);
                ends.push(text.len());
            }
        }
        let cart = text.into_boxed_str();
        if ends.len() <= SOME {
            Self::Some(Yoke::attach_to_cart(cart, |text| cut(text, &ends)))
        } else {
            Self::Many(Box::new(Yoke::attach_to_cart(cart, |text| cut(text, &ends))))
        }
    }
}

/// Segments of a path without its leading slash; the empty path has none.
fn count(rest: &str) -> usize {
    if rest.is_empty() { 0 } else { 1 + rest.bytes().filter(|byte| *byte == b'/').count() }
}

/// Whether a path has more segments than are told apart.
pub(crate) fn too_many(path: &str) -> bool {
    path.len() >= MOST && count(path.strip_prefix('/').unwrap_or(path)) >= MOST
}

/// Splits what needs no decoding and has few segments: nearly everything that ever comes.
#[inline]
pub(crate) fn split<'a>(method: &Method, path: &'a str) -> Plain<'a> {
    let mut segments = [""; FEW];
    let (Some(word), Some((b'/', rest))) = (known_method(method), path.as_bytes().split_first())
    else {
        return (segments, usize::MAX);
    };
    segments[0] = word;
    if rest.is_empty() {
        return (segments, 1);
    }
    let mut left = &path[1..];
    for (len, place) in (2..).zip(&mut segments[1..]) {
        let end = left.bytes().position(|byte| byte == b'/' || byte == b'%');
        let Some(end) = end else {
            *place = left;
            return (segments, len);
        };
        if left.as_bytes()[end] == b'%' {
            break;
        }
        (*place, left) = (&left[..end], &left[end + 1..]);
    }
    (segments, usize::MAX)
}

fn cut<'a, const N: usize>(text: &'a str, ends: &[usize]) -> ([&'a str; N], usize) {
    let mut segments = [""; N];
    let mut start = 0;
    for (segment, end) in segments.iter_mut().zip(ends) {
        *segment = &text[start..*end];
        start = *end;
    }
    (segments, ends.len().min(N))
}

/// Appends a segment with its `%XX` decoded. What is no escape stays as it is, and a segment that
/// would not be UTF-8 stays encoded as a whole: nothing is lost and nothing is guessed.
fn decode_onto(segment: &str, text: &mut String) {
    if !segment.contains('%') {
        text.push_str(segment);
        return;
    }
    let raw = segment.as_bytes();
    let mut decoded = Vec::with_capacity(raw.len());
    let mut at = 0;
    while let Some(&byte) = raw.get(at) {
        let escape = match (byte, raw.get(at + 1), raw.get(at + 2)) {
            (b'%', Some(&high), Some(&low)) => nibble(high).zip(nibble(low)),
            _ => None,
        };
        if let Some((high, low)) = escape {
            decoded.push(high << 4 | low);
            at += 3;
        } else {
            decoded.push(byte);
            at += 1;
        }
    }
    match std::str::from_utf8(&decoded) {
        Ok(decoded) => text.push_str(decoded),
        Err(_) => text.push_str(segment),
    }
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

fn known_method(method: &Method) -> Option<&'static str> {
    Some(match *method {
        Method::GET => "get",
        Method::POST => "post",
        Method::PUT => "put",
        Method::DELETE => "delete",
        Method::HEAD => "head",
        Method::OPTIONS => "options",
        Method::CONNECT => "connect",
        Method::PATCH => "patch",
        Method::TRACE => "trace",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;

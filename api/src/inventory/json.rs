//! A list in JSON, element by element, so that a long one takes no more than its values do.
//!
//! Owns the syntax, the bounds of an element, and where an element stands. It must not know hosts.

use std::cell::Cell;
use std::fmt;

use lathe_topology::Code;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};

use super::findings::Findings;

/// Values within one element.
const PARTS: u32 = 10_000;
const TOO_MANY_PARTS: &str = "an element has more than 10000 values";

/// A value as it is written: keys may stand twice.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Whole(i128),
    Decimal(f64),
    Text(String),
    List(Vec<Self>),
    Table(Vec<(String, Self)>),
}

impl Json {
    /// What it is, for a sentence.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a truth value",
            Self::Whole(_) | Self::Decimal(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Table(_) => "an object",
        }
    }
}

/// Gives each element of the list with its number, counted from 0. The list may also stand in an object,
/// by that name.
pub(super) fn each(
    bytes: &[u8],
    (name, most): (&'static str, usize),
    findings: &mut Findings,
    take: impl FnMut(usize, Json, &mut Findings),
) {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let over = Cell::new(false);
    let list = List { name, most, over: &over, findings, take };
    let read = reader.deserialize_any(list).and_then(|()| reader.end());
    let Err(error) = read else { return };
    // What serde_json says ends with the line and the column.
    let said = error.to_string();
    let (code, text, hint) = if over.get() {
        (Code::LIMIT, format!("the list is beyond a limit: {said}"), "plan for fewer at a time")
    } else if error.is_data() {
        let text = format!("the file has to be a list of objects: {said}");
        (Code::WRONG_TYPE, text, "begin the file with `[` and end it with `]`")
    } else {
        let hint = "have another program check it; JSON has no NaN and no comments, and a file of many \
            objects is a list: `[`, commas between them, `]`";
        (Code::NOT_JSON, format!("the file is not valid JSON: {said}"), hint)
    };
    findings.add(code, text, hint);
}

struct List<'a, F> {
    name: &'static str,
    most: usize,
    over: &'a Cell<bool>,
    findings: &'a mut Findings,
    take: F,
}

impl<'de, F: FnMut(usize, Json, &mut Findings)> Visitor<'de> for List<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let name = self.name;
        let mut list = Some(self);
        while let Some(key) = map.next_key::<String>()? {
            if key != name {
                map.next_value::<IgnoredAny>()?;
            } else if let Some(list) = list.take() {
                map.next_value_seed(list)?;
            } else {
                return Err(A::Error::custom(format!("{name:?} stands twice")));
            }
        }
        match list {
            Some(_) => Err(A::Error::custom(format!("an object without {name:?}"))),
            None => Ok(()),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        let mut at = 0;
        loop {
            let left = Cell::new(PARTS);
            let seed = Element { left: &left, over: self.over };
            let Some(value) = list.next_element_seed(seed)? else { return Ok(()) };
            if at == self.most {
                self.over.set(true);
                return Err(A::Error::custom(format!("more than {} elements", self.most)));
            }
            (self.take)(at, value, self.findings);
            at += 1;
        }
    }
}

impl<'de, F: FnMut(usize, Json, &mut Findings)> DeserializeSeed<'de> for List<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

#[derive(Clone, Copy)]
struct Element<'a> {
    left: &'a Cell<u32>,
    over: &'a Cell<bool>,
}

impl<'de> DeserializeSeed<'de> for Element<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        let Some(left) = self.left.get().checked_sub(1) else {
            self.over.set(true);
            return Err(D::Error::custom(TOO_MANY_PARTS));
        };
        self.left.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Element<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Whole(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Whole(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Decimal(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Json::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key()? {
            entries.push((key, map.next_value_seed(self)?));
        }
        Ok(Json::Table(entries))
    }
}

//! Paths and parameters of the catalog's reads, checked; what is wrong with them is a problem.
//!
//! Owns what each may be, at every listener that shows the catalog; docs and the OpenAPI documents say the same.

use std::time::Duration;

use axum::extract::{FromRequestParts, Path, Query};
use http::request::Parts;
use lathe_catalog::{Entry, State as Life};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};

use crate::door::Problem;

/// Longest name of a group, a task or an incarnation, in characters.
pub const NAME_CHARS_MAX: usize = 256;

/// Query parameters; unknown ones and those that come twice are refused.
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(refused) => Err(Problem::bad_request(refused.body_text())),
        }
    }
}

async fn in_path<S, T>(parts: &mut Parts, state: &S) -> Result<T, Problem>
where
    S: Send + Sync,
    T: DeserializeOwned + Send,
{
    match Path::from_request_parts(parts, state).await {
        Ok(Path(text)) => Ok(text),
        Err(refused) => Err(Problem::bad_request(refused.body_text())),
    }
}

/// The name of a group or a task in the path.
#[derive(Debug)]
pub struct Name(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text: String = in_path(parts, state).await?;
        name(&text).map(|name| Self(name.to_owned()))
    }
}

/// The name of a group in the path, and what stands below it: a number, a key.
#[derive(Debug)]
pub struct OfGroup(pub String, pub String);

impl<S: Send + Sync> FromRequestParts<S> for OfGroup {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let (group, below): (String, String) = in_path(parts, state).await?;
        Ok(Self(name(&group)?.to_owned(), below))
    }
}

/// The id of an incarnation in the path. One that is none is simply not there.
#[derive(Debug)]
pub struct Incarnation(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Incarnation {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        in_path(parts, state).await.map(Self)
    }
}

/// A name as people write it: the leading `task.` of a section may stand before a task path.
///
/// # Errors
/// It is empty, too long or not printable.
pub fn name(text: &str) -> Result<&str, Problem> {
    let long = text.chars().nth(NAME_CHARS_MAX).is_some();
    if text.is_empty() || long || text.chars().any(char::is_control) {
        return Err(Problem::bad_request("the name is empty, too long or not printable"));
    }
    Ok(bare(text))
}

fn bare(text: &str) -> &str {
    text.strip_prefix("task.").filter(|path| !path.is_empty()).unwrap_or(text)
}

/// How new an answer has to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// However old.
    Stale,
    /// As the registry hears the store; not older than it may be.
    #[default]
    Default,
    /// Everything that was durable when it was asked.
    Linearizable,
}

/// A version that a reader has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Index(pub u64);

impl<'de> Deserialize<'de> for Index {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse::<u64>().ok().filter(|number| plain && *number <= i64::MAX as u64);
        number.map(Self).ok_or_else(|| D::Error::custom("`index` is no version"))
    }
}

/// A time to wait: `30s`, `500ms`, `2m`; a number alone is of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait(Duration);

impl From<Wait> for Duration {
    fn from(wait: Wait) -> Self {
        wait.0
    }
}

impl Wait {
    fn read(text: &str) -> Option<Self> {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, unit) = text.split_at(end);
        let number: u64 = digits.parse().ok().filter(|_| digits.len() <= 6)?;
        match unit {
            "ms" => Some(Self(Duration::from_millis(number))),
            "" | "s" => Some(Self(Duration::from_secs(number))),
            "m" => Some(Self(Duration::from_secs(number * 60))),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Wait {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || D::Error::custom("`wait` is no time such as 30s, 500ms or 2m");
        Self::read(&text).ok_or_else(wrong)
    }
}

/// The wait in a `Prefer` header (RFC 7240). What is not understood there is no preference.
#[must_use]
pub fn prefer_wait(header: &str) -> Option<Duration> {
    header.split(',').find_map(|preference| {
        let (name, value) = preference.split(';').next()?.split_once('=')?;
        let value = value.trim().trim_matches('"');
        let wait = name.trim().eq_ignore_ascii_case("wait").then(|| Wait::read(value))?;
        wait.map(Duration::from)
    })
}

/// No parameters.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// Parameters of a plain look-up.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plain {
    /// How new the answer has to be.
    #[serde(default)]
    pub mode: Mode,
}

/// Parameters of a look-up that can wait.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blocking {
    /// How new the answer has to be.
    #[serde(default)]
    pub mode: Mode,
    /// The version that the reader has.
    pub index: Option<Index>,
    /// For how long it waits for another one.
    pub wait: Option<Wait>,
}

/// Which instances are wanted; what is not named matches all.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// How new the answer has to be.
    #[serde(default)]
    pub mode: Mode,
    task: Option<String>,
    tag: Option<String>,
    topology: Option<String>,
    state: Option<Life>,
}

impl Filter {
    /// Whether the entry is wanted.
    #[must_use]
    pub fn matches(&self, entry: &Entry) -> bool {
        let (task, tag) = (self.task.as_deref(), self.tag.as_deref());
        selected(entry, task, tag, self.topology.as_deref())
            && self.state.is_none_or(|state| entry.state == state)
    }
}

/// Which targets are wanted, and by which of their ports.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// How new the answer has to be.
    #[serde(default)]
    pub mode: Mode,
    task: Option<String>,
    tag: Option<String>,
    topology: Option<String>,
    /// By the port of this name.
    pub port: Option<String>,
}

impl Wanted {
    /// Whether the entry is wanted.
    #[must_use]
    pub fn matches(&self, entry: &Entry) -> bool {
        let (task, tag) = (self.task.as_deref(), self.tag.as_deref());
        selected(entry, task, tag, self.topology.as_deref())
    }
}

fn selected(entry: &Entry, task: Option<&str>, tag: Option<&str>, topology: Option<&str>) -> bool {
    task.is_none_or(|task| entry.task == bare(task))
        && tag.is_none_or(|tag| entry.tags.iter().any(|own| own == tag))
        && topology.is_none_or(|topology| entry.topology == topology)
}

#[cfg(test)]
mod tests {
    //! Times and names.

    use super::*;

    #[test]
    fn times_are_read_with_their_units() {
        let ms = |text| Wait::read(text).map(|wait| wait.0.as_millis());
        assert_eq!(
            [ms("30s"), ms("30"), ms("500ms"), ms("2m")],
            [30_000, 30_000, 500, 120_000].map(Some)
        );
        for wrong in ["", "s", "-1s", "1h", "1.5s", "1 s", "1000000s", "0x1"] {
            assert_eq!(ms(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_preference_is_found_among_others() {
        let wait = |text| prefer_wait(text).map(|wait| wait.as_secs());
        assert_eq!(wait("respond-async, wait=10"), Some(10));
        assert_eq!(wait("Wait = \"7\" ; x=1"), Some(7));
        assert_eq!(wait("wait"), None);
        assert_eq!(wait("wait=soon, await=3"), None);
    }

    #[test]
    fn a_name_may_begin_as_its_section_does() {
        assert_eq!(name("task.http.lb").unwrap(), "http.lb");
        assert_eq!(name("task.").unwrap(), "task.");
        assert_eq!(name(&"é".repeat(256)).unwrap().chars().count(), 256);
        for wrong in [String::new(), "é".repeat(257), "a\u{85}".to_owned()] {
            assert!(name(&wrong).is_err(), "{wrong:?}");
        }
    }
}

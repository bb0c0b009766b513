//! The codes of everything that can be refused or warned about, each with its title.
//!
//! Owns the numbers, for the whole project: a code means one thing for ever and has a page in
//! `docs/errors/`. It must not know how a finding is worded or shown.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A number that names a kind of finding: `LT0104`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Code(u16);

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $title:literal;)*) => {
        impl Code {
            $($(#[$doc])* pub const $name: Self = Self($number);)*
        }

        const ALL: &[(Code, &str)] = &[$((Code::$name, $title)),*];
    };
}

codes! {
    /// The text is not TOML.
    SYNTAX = 101, "the file is not valid TOML";
    /// A key or table stands twice.
    DUPLICATE_KEY = 102, "a key or a table stands twice";
    /// Beyond a limit of size, depth or number.
    LIMIT = 103, "the file is beyond a limit";
    /// A key that means nothing where it stands.
    UNKNOWN_KEY = 104, "a key that means nothing here";
    /// A required key is not there.
    MISSING_KEY = 105, "a required key is missing";
    /// A value of another type.
    WRONG_TYPE = 106, "a value has the wrong type";
    /// A value outside what is allowed.
    OUT_OF_RANGE = 107, "a value is outside what is allowed";
    /// A name with characters or a length that names do not have.
    BAD_NAME = 108, "a name is not allowed";
    /// Keys in a table that is no task.
    KEYS_OUTSIDE_TASK = 109, "keys belong to no task";
    /// An own key that looks like a misspelt known one (warning).
    NEAR_MISS = 110, "a key looks like a misspelt one";
    /// Known, but this version does not do it.
    NOT_CARRIED_OUT = 111, "known, but not carried out by this version";
    /// A bias of another shape.
    BAD_BIAS = 112, "a bias has the wrong shape";
    /// A word that is none of the known ones.
    UNKNOWN_WORD = 113, "an unknown word";
    /// `never` and `always` take no weight.
    WEIGHT_ON_HARD_WORD = 114, "a hard bias takes no weight";
    /// One target, two words.
    TWO_WORDS = 115, "one tag, two different words";
    /// One target twice with one word (warning).
    SAID_TWICE = 116, "one tag twice with the same word";
    /// Nobody in the file carries the tag (warning).
    NO_CARRIER = 117, "no task of this file carries the tag";
    /// Soft biases that cancel each other (warning).
    CANCELLING = 118, "two soft biases cancel each other";
    /// A soft bias that a hard one makes pointless (warning).
    HARD_OVER_SOFT = 119, "a hard bias makes a soft one pointless";
    /// A text that is no size and no duration.
    BAD_UNIT = 120, "not a size or not a duration";
    /// A version that is not exact.
    INEXACT_VERSION = 121, "a version is not exact";
    /// Two places that a crate should come from.
    SOURCE_CONFLICT = 122, "a crate's source is contradictory";
    /// Something stands twice in a list.
    LISTED_TWICE = 123, "something is listed twice";
    /// A file without any task.
    NO_TASKS = 124, "the file has no task";
    /// A value that cannot be handed to a task.
    UNPORTABLE_VALUE = 125, "a value cannot be handed to a task";
    /// A table in a task that looks like a task without `crate` (warning).
    LOOKS_LIKE_TASK = 126, "a table looks like a task but has no crate";
    /// An update rule by which nothing could be replaced.
    STUCK_UPDATE = 127, "an update rule leaves no way to update";
    /// A file of hosts, of what runs, or a certificate that is not JSON.
    NOT_JSON = 128, "the file is not valid JSON";

    /// No placement exists.
    IMPOSSIBLE = 201, "no placement exists";
    /// No placement exists while the rest runs.
    BLOCKED = 202, "no room now";
    /// The search ended before it knew.
    UNKNOWN_VERDICT = 203, "the search ended without an answer";
    /// `always` on a tag that nobody carries.
    ALWAYS_WITHOUT_CARRIER = 204, "always, but nobody carries the tag";
    /// `never` and `always` contradict each other.
    CONTRADICTION = 205, "never and always contradict each other";
    /// No host is large enough.
    TOO_LARGE_FOR_ANY_HOST = 206, "no host has the resources";
    /// No host has the attribute.
    NO_SUCH_ATTRIBUTE = 207, "no host has the attribute";

    /// The crate or that version of it is nowhere.
    CRATE_NOT_FOUND = 301, "the crate or its version was not found";
    /// cargo failed.
    BUILD_FAILED = 302, "the crate did not build";
    /// The binary has no such task.
    TASK_NOT_IN_BINARY = 303, "the binary has no such task";
    /// Not a binary for these hosts.
    BINARY_CANNOT_RUN = 304, "the binary cannot run here";
    /// A health check by the SDK's beat, and no SDK.
    BEAT_WITHOUT_SDK = 305, "a health check by the beat of an SDK that is not there";

    /// Another topology has the task path.
    TASK_OWNED_ELSEWHERE = 401, "the task belongs to another topology";
    /// The scheduler is not connected or may not act.
    CANNOT_ACT_NOW = 402, "the scheduler cannot act now";
    /// No topology of that name.
    UNKNOWN_TOPOLOGY = 403, "no such topology";
    /// An artifact was not uploaded.
    ARTIFACT_MISSING = 404, "an artifact is missing";
    /// No task or instance of that name.
    UNKNOWN_TASK = 405, "no such task or instance";
    /// A revision that is not kept, or never was.
    NO_SUCH_REVISION = 406, "no such revision";
    /// A key that cannot be set by hand.
    NOT_AN_OWN_KEY = 407, "a key that cannot be set by hand";
    /// What failed gave way to what ran before.
    ROLLED_BACK = 408, "an update has failed and was rolled back";
    /// No host of that name.
    UNKNOWN_HOST = 409, "no such host";
    /// A host that the master does not hear of.
    HOST_UNREACHABLE = 410, "the host is out of reach";
    /// The master refuses what an operator asks of it.
    MASTER_REFUSES = 411, "the master refuses it";
    /// A change of the scheduler's own topology.
    OWN_TOPOLOGY = 412, "the topology is the scheduler's own";

    /// A configuration file has a key that means nothing.
    CONFIG_UNKNOWN_KEY = 501, "an unknown key in a configuration file";
    /// A configuration file has a wrong value.
    CONFIG_WRONG_VALUE = 502, "a wrong value in a configuration file";
    /// A configuration file lacks a key.
    CONFIG_MISSING_KEY = 503, "a key is missing in a configuration file";
    /// A listener that others can reach has no lock.
    CONFIG_OPEN_LISTENER = 504, "a listener that others can reach is not protected";
    /// A template of a hook cannot be read.
    CONFIG_TEMPLATE = 505, "a template cannot be used";

    /// A listener is not known by the name in the `Host` header.
    DOOR_HOST = 601, "the host of the request is not this listener's";
    /// A request's token or secret is missing or wrong.
    DOOR_TOKEN = 602, "the token is missing or wrong";
    /// A write does not come as JSON.
    DOOR_CONTENT_TYPE = 603, "a write does not come as JSON";
    /// A request's body is larger than its path takes.
    DOOR_TOO_LARGE = 604, "the body of a request is too large";
    /// An answer took longer than its path is given.
    DOOR_TIME = 605, "the answer took too long";
    /// A request that cannot be read.
    DOOR_MALFORMED = 606, "the request cannot be read";
    /// A path where nothing stands.
    DOOR_NOT_FOUND = 607, "nothing stands at this path";
    /// Something that is bounded is used up for now.
    DOOR_BUSY = 608, "something is used up for now";
    /// A path that does not take the method.
    DOOR_METHOD = 609, "the path does not take this method";
    /// More requests of one address than it may make.
    DOOR_RATE = 610, "too many requests of one address";
    /// An answer in none of the forms that the client takes.
    DOOR_NOT_ACCEPTABLE = 611, "the answer has no such form";
    /// An answer that would be older than the client takes.
    DOOR_TOO_OLD = 612, "what is known is too old";
    /// Something for a group that cannot take it as it is now.
    DOOR_NOT_NOW = 613, "the group cannot take this now";
    /// A condition of a write that does not hold.
    DOOR_CHANGED = 614, "something else was said meanwhile";

    /// An argument of a command that means nothing.
    WRONG_ARGUMENT = 701, "an argument is not understood";
    /// There is no such file, or it is none that can be read.
    UNREADABLE_FILE = 702, "the file cannot be read";
    /// A change that would stop what runs, and nobody to ask.
    NOT_CONFIRMED = 703, "it would stop what runs, and nobody said yes";
}

impl Code {
    /// Every code with its title, in order.
    #[must_use]
    pub fn all() -> &'static [(Self, &'static str)] {
        ALL
    }

    /// What the code is about, in a few words.
    #[must_use]
    pub fn title(self) -> &'static str {
        ALL.iter().find(|(code, _)| *code == self).map_or("", |(_, title)| title)
    }

    /// The number alone: 104 for `LT0104`.
    #[must_use]
    pub fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LT{:04}", self.0)
    }
}

/// A text that is none of the codes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a code; codes look like LT0104")]
pub struct UnknownCode {
    text: String,
}

impl FromStr for Code {
    type Err = UnknownCode;

    /// Reads `LT0104`, in either case, or the four digits alone.
    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        let upper = text.trim().to_ascii_uppercase();
        let digits = upper.strip_prefix("LT").unwrap_or(&upper);
        let plain = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.parse().ok().filter(|_| plain);
        let found = ALL.iter().find(|(code, _)| Some(code.0) == number);
        found.map(|(code, _)| *code).ok_or_else(|| UnknownCode { text: text.to_owned() })
    }
}

impl TryFrom<String> for Code {
    type Error = UnknownCode;

    fn try_from(text: String) -> Result<Self, UnknownCode> {
        text.parse()
    }
}

impl From<Code> for String {
    fn from(code: Code) -> Self {
        code.to_string()
    }
}

#[cfg(test)]
mod tests;

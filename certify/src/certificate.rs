//! The form of a certificate, read strictly: a field that is missing, unknown or of another type is
//! no certificate.

use serde::{Deserialize, Serialize};

/// A proof as data; `docs/certificate.md` says what each field is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the page has them")]
pub struct Certificate {
    pub claim: Claim,
    pub scale: i64,
    pub constant: i64,
    pub tasks: Vec<Counted>,
    pub parts: Vec<Part>,
}

/// A task, and how many are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the page has them")]
pub struct Counted {
    pub topology: String,
    pub task: String,
    pub count: u32,
}

/// Weights of tasks on places of one sort.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the page has them")]
pub struct Part {
    #[serde(deserialize_with = "Option::deserialize")]
    pub scope: Option<String>,
    pub weights: Vec<i64>,
    pub classes: Vec<PlaceClass>,
}

/// What is said to be proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Claim {
    /// There is no placement.
    Impossible,
    /// No plan has more points.
    Bound(i64),
}

/// Places that are alike, and the most that a pattern on one of them is worth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the page has them")]
pub struct PlaceClass {
    pub places: Vec<Vec<String>>,
    pub capacity: [u64; 4],
    pub base: [u64; 4],
    pub tasks: Vec<usize>,
    pub most: i64,
}

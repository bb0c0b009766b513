//! An own key that spreads over tasks: `[[paths], [weights]]`.
//!
//! Owns its shape and its errors. It must not know what the paths lead to.

use std::ops::Deref;
use std::sync::Arc;

use serde_json::Value;

/// The most destinations of one key.
const MOST: usize = 1_024;

/// Tasks and their weights, in the order that they were written in. Cheap to clone.
///
/// ```
/// # use lathe::json;
/// # lathe::testing::run(async {
/// # lathe::testing::within([("backends", json!([["task.a", "task.b"], [90, 10]]))], || {
/// for (task, weight) in &lathe::config::registry().lookup_tasks("backends").unwrap() {
///     println!("{task} takes {weight} in 100");
/// }
/// # }); });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destinations {
    list: Arc<[(String, u64)]>,
    total: u64,
}

/// Why a key is no list of destinations.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// The task's section has no such key.
    #[error("the task has no key {key:?} of its own")]
    Missing {
        /// The key.
        key: String,
    },
    /// It is not two lists, of names and of whole numbers from 0 to 4,294,967,295.
    #[error("the key {key:?} is not [[tasks], [weights]]: {what}")]
    Shape {
        /// The key.
        key: String,
        /// What is different.
        what: &'static str,
    },
    /// One list is longer than the other.
    #[error("the key {key:?} names {tasks} tasks but {weights} weights")]
    Lengths {
        /// The key.
        key: String,
        /// How many tasks.
        tasks: usize,
        /// How many weights.
        weights: usize,
    },
    /// There is nothing to choose: no task at all, or every weight is 0.
    #[error("the key {key:?} gives no task a weight above 0")]
    Nothing {
        /// The key.
        key: String,
    },
}

impl Destinations {
    /// The sum of all weights, at least 1.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    pub(crate) fn parse(key: &str, value: &Value) -> Result<Self, LookupError> {
        let shape = |what| LookupError::Shape { key: key.to_owned(), what };
        let Some([tasks, weights]) = value.as_array().map(Vec::as_slice) else {
            return Err(shape("it is not a list of two lists"));
        };
        let (Some(tasks), Some(weights)) = (tasks.as_array(), weights.as_array()) else {
            return Err(shape("it is not a list of two lists"));
        };
        if tasks.len() != weights.len() {
            let (tasks, weights) = (tasks.len(), weights.len());
            return Err(LookupError::Lengths { key: key.to_owned(), tasks, weights });
        }
        if tasks.len() > MOST {
            return Err(shape("it names more than 1024 tasks"));
        }
        let mut list = Vec::with_capacity(tasks.len());
        let mut total = 0_u64;
        for (task, weight) in tasks.iter().zip(weights) {
            let task = task.as_str().ok_or_else(|| shape("a task is not text"))?;
            let weight = weight
                .as_u64()
                .filter(|weight| u32::try_from(*weight).is_ok())
                .ok_or_else(|| shape("a weight is not a whole number from 0 to 4294967295"))?;
            total += weight;
            list.push((task.to_owned(), weight));
        }
        if total == 0 {
            return Err(LookupError::Nothing { key: key.to_owned() });
        }
        Ok(Self { list: list.into(), total })
    }
}

impl Deref for Destinations {
    type Target = [(String, u64)];

    fn deref(&self) -> &Self::Target {
        &self.list
    }
}

impl<'a> IntoIterator for &'a Destinations {
    type Item = &'a (String, u64);
    type IntoIter = std::slice::Iter<'a, (String, u64)>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

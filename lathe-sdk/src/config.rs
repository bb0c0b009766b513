//! What a task is told: its own keys, the registry's knowledge, and who it is.
//!
//! Owns the public words of configuration. It must not know how the registry is asked; `live` does.
//!
//! ```
//! use lathe::config::{registry, task};
//!
//! fn greeting() -> Result<String, lathe::config::ConfigError> {
//!     task().get("greeting")
//! }
//! ```

mod destinations;
mod snapshot;

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::sync::watch;

pub use crate::environment::Instance;
pub use destinations::{Destinations, LookupError};
pub(crate) use snapshot::Snapshot;

use crate::context::{Context, current};
use crate::messages::Metadata;
use crate::task::TaskRef;

/// The own keys of this task, as they are now.
///
/// What is returned does not change any more; ask again, or [`watch`](TaskConfig::watch), for what
/// is new. Looking takes no request to anybody: changes arrive by themselves.
#[must_use]
pub fn task() -> TaskConfig {
    let context = current();
    let snapshot = context.config.borrow().clone();
    TaskConfig { snapshot, context }
}

/// What the registry knows: which instances belong to which group.
#[must_use]
pub fn registry() -> Registry {
    Registry { context: current() }
}

/// Who this process is: its instance, host, ports.
#[must_use]
pub fn instance() -> Arc<Instance> {
    Arc::clone(&current().instance)
}

/// Why an own key could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The task's section has no such key.
    #[error("the task has no key {key:?} of its own")]
    Missing {
        /// The key.
        key: String,
    },
    /// The key's value is of another shape than asked for.
    #[error("the task's own key {key:?} is not as expected")]
    Shape {
        /// The key.
        key: String,
        /// What differs.
        #[source]
        source: serde_json::Error,
    },
    /// All keys together are of another shape than asked for.
    #[error("the task's own keys are not as expected")]
    Whole(#[source] serde_json::Error),
}

/// The own keys of a task at one moment. See [`task`].
#[derive(Clone, Debug)]
pub struct TaskConfig {
    snapshot: Arc<Snapshot>,
    context: Arc<Context>,
}

impl TaskConfig {
    /// One key, as the type that is asked for.
    ///
    /// # Errors
    /// When the key is missing or its value has another shape.
    ///
    /// ```
    /// # use lathe::json;
    /// # use lathe::testing::TestTask;
    /// # use lathe::http::*;
    /// struct Echo;
    /// impl HTTPTask for Echo {
    ///     async fn handle(&self, _request: HTTPRequest) -> HTTPResult {
    ///         let words: Vec<String> = lathe::config::task().get("words")?;
    ///         Ok(HTTPResponse::new(200, words.join(" ")))
    ///     }
    /// }
    /// # lathe::testing::run(async {
    /// let echo = TestTask::with(Echo).own_key("words", json!(["a", "b"])).start().await;
    /// assert_eq!(echo.get("/").await.text(), "a b");
    /// # });
    /// ```
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<T, ConfigError> {
        let Some(value) = self.snapshot.keys.get(key) else {
            return Err(ConfigError::Missing { key: key.to_owned() });
        };
        T::deserialize(value).map_err(|source| ConfigError::Shape { key: key.to_owned(), source })
    }

    /// One key, or `default` where the task has none of that name.
    ///
    /// # Errors
    /// When the key is there and its value has another shape.
    pub fn get_or<T: DeserializeOwned>(&self, key: &str, default: T) -> Result<T, ConfigError> {
        match self.get(key) {
            Err(ConfigError::Missing { .. }) => Ok(default),
            other => other,
        }
    }

    /// All keys, as one struct.
    ///
    /// # Errors
    /// When the keys together have another shape.
    pub fn all<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        T::deserialize(&self.snapshot.keys).map_err(ConfigError::Whole)
    }

    /// The keys as they are written.
    #[must_use]
    pub fn keys(&self) -> &Map<String, Value> {
        &self.snapshot.keys
    }

    /// The version of these keys; 0 before the registry was heard.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.snapshot.version
    }

    /// Follows changes from these keys on.
    #[must_use]
    pub fn watch(&self) -> ConfigWatch {
        let changes = self.context.config.subscribe();
        ConfigWatch {
            seen: Arc::clone(&self.snapshot),
            changes,
            context: Arc::clone(&self.context),
        }
    }
}

/// Follows the own keys of a task. Made by [`TaskConfig::watch`].
///
/// ```no_run
/// # async fn follow() -> Result<(), lathe::config::ConfigError> {
/// let mut watch = lathe::config::task().watch();
/// loop {
///     let level: u8 = watch.changed().await.get("level")?;
///     println!("the level is {level} now");
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct ConfigWatch {
    seen: Arc<Snapshot>,
    changes: watch::Receiver<Arc<Snapshot>>,
    context: Arc<Context>,
}

impl ConfigWatch {
    /// Waits until the keys differ from those last given, and gives the newest. Versions in between
    /// may be skipped. Waits for ever where there is no registry. May be dropped and called again.
    pub async fn changed(&mut self) -> TaskConfig {
        let seen = &self.seen;
        let newest = self.changes.wait_for(|now| now.keys != seen.keys).await;
        let newest = newest.ok().map(|newest| Arc::clone(&newest));
        let Some(newest) = newest else {
            // The sender lives in the context, which this watch holds.
            return std::future::pending().await;
        };
        self.seen = Arc::clone(&newest);
        TaskConfig { snapshot: newest, context: Arc::clone(&self.context) }
    }
}

/// What the registry knows. See [`registry`].
#[derive(Clone, Debug)]
pub struct Registry {
    context: Arc<Context>,
}

impl Registry {
    /// The tasks and weights under one of the task's own keys:
    /// `key = [["task.a", "task.b"], [90, 10]]`.
    ///
    /// # Errors
    /// When the key is missing or is not two lists of equal length, names and whole numbers, with
    /// at least one weight above 0.
    ///
    /// ```
    /// # use lathe::json;
    /// # lathe::testing::run(async {
    /// # lathe::testing::within([("backends", json!([["task.a", "task.b"], [90, 10]]))], || {
    /// let backends = lathe::config::registry().lookup_tasks("backends").unwrap();
    /// assert_eq!(backends[0], ("task.a".to_owned(), 90));
    /// assert_eq!(backends.total(), 100);
    /// # }); });
    /// ```
    pub fn lookup_tasks(&self, key: &str) -> Result<Destinations, LookupError> {
        self.context.config.borrow().lookup(key)
    }

    /// A value that one of this instance's groups keeps for whoever comes, as the type that is asked
    /// for. Looking takes no request to anybody: changes arrive by themselves.
    ///
    /// # Errors
    /// When the group keeps no value under this key, when this instance is not in the group, or when
    /// the value has another shape.
    ///
    /// ```no_run
    /// let level: u8 = lathe::config::registry().metadata("web", "level").unwrap_or(3);
    /// ```
    pub fn metadata<T: DeserializeOwned>(&self, group: &str, key: &str) -> Result<T, ConfigError> {
        let kept = self.context.mail.metadata.borrow().clone();
        let group = group.strip_prefix("task.").unwrap_or(group);
        let Some(value) = kept.get(group).and_then(|values| values.get(key)) else {
            return Err(ConfigError::Missing { key: key.to_owned() });
        };
        T::deserialize(value).map_err(|source| ConfigError::Shape { key: key.to_owned(), source })
    }

    /// Follows the values that this instance's groups keep, from now on.
    #[must_use]
    pub fn watch_metadata(&self) -> MetadataWatch {
        let mut changes = self.context.mail.metadata.subscribe();
        changes.mark_unchanged();
        MetadataWatch { changes, registry: self.clone() }
    }

    /// The group of this name: a task path, with or without the leading `task.`, or a tag.
    ///
    /// Nothing is asked for here: the group is followed from its first use on, kept in this process
    /// and refreshed by the registry. With the registry away the last that was heard stays in use.
    #[must_use]
    pub fn get_ref(&self, name: impl AsRef<str>) -> TaskRef {
        let name = name.as_ref();
        TaskRef::new(self.context.groups.get(name.strip_prefix("task.").unwrap_or(name)))
    }
}

/// Follows the values that an instance's groups keep. Made by [`Registry::watch_metadata`].
#[derive(Debug)]
pub struct MetadataWatch {
    changes: watch::Receiver<Arc<Metadata>>,
    registry: Registry,
}

impl MetadataWatch {
    /// Waits for a change, and gives where to read it. Waits for ever where there is no registry.
    pub async fn changed(&mut self) -> &Registry {
        if self.changes.changed().await.is_err() {
            // The sender lives in the context, which this watch holds.
            std::future::pending::<()>().await;
        }
        &self.registry
    }
}

#[cfg(test)]
mod tests;

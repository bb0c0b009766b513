//! Views of the machine's state on their way out.
//!
//! Owns what is said before there is anything to show; headers are `lathe_api::views`.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use lathe_api::door::Problem;
use lathe_api::views::{self, View};

use super::Desk;
use crate::directory::{Directory, Resume};

pub(super) type Answer = Result<Response, Problem>;

/// The first version of ours that the client says it has.
pub(super) fn version_that_it_has(headers: &HeaderMap) -> Option<Resume> {
    views::version_that_it_has(headers).map(|(history, commit)| Resume { history, commit })
}

impl Desk {
    /// Answers from the state as it is; before the first listing nothing can be said.
    pub(super) fn view(
        &self,
        headers: &HeaderMap,
        show: impl FnOnce(&Directory) -> Result<(u64, Body), Problem>,
    ) -> Answer {
        let now_ms = self.kept.clock.now().ms;
        let directory = self.kept.read();
        listed(&directory)?;
        let (version, body) = show(&directory)?;
        let (history, age_ms) = (directory.catalog().history(), directory.age_ms(now_ms));
        let response = View { history, version, age_ms }.answer(headers, || body);
        self.metrics.reads.inc();
        if response.status() == StatusCode::NOT_MODIFIED {
            self.metrics.not_modified.inc();
        }
        Ok(response)
    }
}

/// Before the first listing nothing can be said.
pub(super) fn listed(directory: &Directory) -> Result<(), Problem> {
    if directory.is_listed() {
        Ok(())
    } else {
        Err(Problem::busy("the registry has not heard the store yet"))
    }
}

pub(super) fn json<T: serde::Serialize + ?Sized>(value: &T) -> Body {
    Body::from(serde_json::to_vec(value).expect("views have text keys only"))
}

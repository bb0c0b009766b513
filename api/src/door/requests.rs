//! How often each route was asked, and what it answered.
//!
//! Owns the counter of one listener. Its labels are bounded: a route is one that the router has,
//! or `none`.

use axum::extract::{MatchedPath, Request};
use http::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    route: String,
    status: u16,
}

/// Requests by route and status; clones share the numbers.
#[derive(Clone, Debug, Default)]
pub struct Requests(Family<Asked, Counter>);

impl Requests {
    /// The metric, to be registered under a name.
    #[must_use]
    pub fn metric(&self) -> impl prometheus_client::registry::Metric {
        self.0.clone()
    }

    /// The route that a request will be counted under.
    pub(super) fn route(request: &Request) -> String {
        let matched = request.extensions().get::<MatchedPath>();
        matched.map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned())
    }

    pub(super) fn answered(&self, route: String, status: StatusCode) {
        self.0.get_or_create(&Asked { route, status: status.as_u16() }).inc();
    }
}

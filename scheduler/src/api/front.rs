//! Who answers on the listener: the leader's routes, or those of one that stands by. They change
//! under open connections.

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use tokio::sync::watch;
use tower::ServiceExt as _;

/// Hands every request to the routes that hold at its moment.
pub fn front(routes: watch::Receiver<Router>) -> Router {
    Router::new().fallback(answer).with_state(routes)
}

async fn answer(State(routes): State<watch::Receiver<Router>>, request: Request) -> Response {
    let routes = routes.borrow().clone();
    match routes.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

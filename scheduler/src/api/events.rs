//! `GET /v1/events`: what happens, as server-sent events with resume.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::stream::{self, Stream, StreamExt as _};
use http::HeaderMap;
use lathe_api::rest::EventView;
use serde::Deserialize;
use tokio_stream::wrappers::BroadcastStream;

use super::Shared;

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    /// Whether the stream goes on with what happens from now on; it does unless told otherwise.
    follow: Option<bool>,
}

/// Everything that is kept after `Last-Event-ID`, then what comes. A follower that reads too
/// slowly is cut off; it resumes where it was.
pub(super) async fn follow(
    State(shared): State<Shared>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let followed = shared.handle.events.follow(last);
    let live_max = if asked.follow.unwrap_or(true) { usize::MAX } else { 0 };
    let live = BroadcastStream::new(followed.live)
        .take(live_max)
        .take_while(|item| std::future::ready(item.is_ok()))
        .filter_map(|item| std::future::ready(item.ok()));
    let events = stream::iter(followed.missed).chain(live).map(|event| Ok(sent(&event)));
    Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(10)))
}

fn sent(event: &EventView) -> Event {
    let data = serde_json::to_string(event).expect("plain values always serialise");
    Event::default().id(event.id.to_string()).event(event.kind.clone()).data(data)
}

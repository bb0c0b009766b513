//! The registry's news: one stream for the process, with all its groups and its own keys.
//!
//! Owns when the stream is opened, resumed and opened anew, and at which registry. It must not know
//! what is done with the news.

mod receipts;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::Request;
use http::header::{ACCEPT, HeaderName, HeaderValue};
pub(crate) use lathe_catalog::sse::Parser;
use lathe_catalog::sse::{Event, SseError};
use lathe_catalog::{ConfigView, GroupView, MailView};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::client::{Base, ClientError, Reply};
use crate::context::Context;
use crate::http::{Body, BodyError, chain};
use crate::random::below;
pub(crate) use receipts::Receipts;

/// A registry says something each 10 s; one that is silent for three times that is taken for gone.
const SILENCE: Duration = Duration::from_secs(30);
/// First and longest wait between two tries.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(10));
/// Registries that are remembered.
const MOST_REGISTRIES: usize = 64;
/// Bytes of a list of registries.
const MAX_LIST: usize = 64 << 10;
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Why a stream ended.
#[derive(Debug, thiserror::Error)]
enum StreamError {
    #[error("cannot open the stream")]
    Open(#[source] ClientError),
    #[error("{base} answered {status}")]
    Refused { base: Base, status: u16 },
    #[error("the stream broke off")]
    Broken(#[source] BodyError),
    #[error("the stream ended")]
    Ended,
    #[error("nothing was heard for {} s", SILENCE.as_secs())]
    Silent,
    #[error("the stream cannot be read")]
    Unreadable(#[source] SseError),
    #[error("an event {kind:?} is not as it should be")]
    Event {
        kind: String,
        #[source]
        source: serde_json::Error,
    },
}

/// How a stream ended when nothing is wrong with it.
enum Change {
    /// Another group is wanted, or there is room for messages that were left out.
    Wanted,
}

/// Follows the registries for as long as the process lives.
pub(crate) struct Follower {
    context: Arc<Context>,
    registries: Vec<Base>,
    schedulers: Vec<Base>,
    /// Which registry is asked next.
    at: usize,
    resume: Option<Resume>,
    /// Ask as it was asked before there were messages: a registry of then refuses what it does not know.
    is_plain: bool,
    /// The one that is listened to.
    heard: watch::Sender<Option<Base>>,
}

/// What a stream goes on from.
struct Resume {
    id: String,
    groups: BTreeSet<String>,
}

impl Follower {
    /// Follows these; what is no URL is left out and said.
    pub(crate) fn new(context: Arc<Context>, registries: &[String], schedulers: &[String]) -> Self {
        let registries = bases(registries);
        // Not everybody at the first one.
        let at = usize::try_from(below(registries.len() as u64)).unwrap_or_default();
        let (heard, _) = watch::channel(None);
        Self {
            context,
            registries,
            schedulers: bases(schedulers),
            at,
            resume: None,
            is_plain: false,
            heard,
        }
    }

    /// The registry that is listened to, once there is one; the last one while there is none.
    pub(crate) fn heard(&self) -> watch::Receiver<Option<Base>> {
        self.heard.subscribe()
    }

    /// Never returns.
    pub(crate) async fn run(mut self) {
        let mut failures = 0_u32;
        loop {
            if self.registries.is_empty() || (failures > 0 && self.all_failed(failures)) {
                self.ask_schedulers().await;
            }
            let Some(base) = self.registries.get(self.at % self.registries.len().max(1)).cloned()
            else {
                sleep(pause(failures)).await;
                failures = failures.saturating_add(1);
                continue;
            };
            let mut heard = false;
            match self.follow(&base, &mut heard).await {
                Ok(Change::Wanted) => failures = 0,
                Err(error) => {
                    failures = if heard { 0 } else { failures.saturating_add(1) };
                    if failures <= 3 {
                        let error = chain(&error);
                        let fields: [(&str, &dyn std::fmt::Display); 2] =
                            [("registry", &base), ("error", &error)];
                        crate::log::line(
                            "the registry is not heard; the last state stays",
                            &fields,
                        );
                    }
                    self.at = self.at.wrapping_add(1);
                    sleep(pause(failures)).await;
                }
            }
        }
    }

    /// Whether each registry was tried since one was last heard.
    fn all_failed(&self, failures: u32) -> bool {
        usize::try_from(failures)
            .is_ok_and(|failures| failures.is_multiple_of(self.registries.len()))
    }

    /// One stream, from its start to its end.
    async fn follow(&mut self, base: &Base, heard: &mut bool) -> Result<Change, StreamError> {
        let mut wanted = self.context.groups.wanted.subscribe();
        wanted.mark_unchanged();
        let groups: BTreeSet<String> = self.context.groups.names().into_iter().collect();
        let request = self.request(&groups);
        let reply = base.send(request).await.map_err(StreamError::Open)?;
        if reply.status() != 200 {
            // What was resumed from, or who asks, may be what it does not like.
            self.resume = None;
            self.is_plain = reply.status() == 400 && !self.is_plain;
            return Err(StreamError::Refused { base: base.clone(), status: reply.status() });
        }
        // The next one may be of another version.
        self.is_plain = false;
        self.context.metrics.streams.fetch_add(1, Ordering::Relaxed);
        let mut news = News::new(reply);
        loop {
            let event = tokio::select! {
                event = news.next() => event?,
                // A wish made while this stream was opened is seen as well.
                _ = wanted.changed() => {
                    if self.context.groups.names().into_iter().any(|name| !groups.contains(&name)) {
                        return Ok(Change::Wanted);
                    }
                    continue;
                }
                () = self.context.mail.has_room.notified() => return Ok(Change::Wanted),
            };
            *heard = true;
            self.heard.send_if_modified(|heard| {
                let is_new = heard.as_ref() != Some(base);
                *heard = Some(base.clone());
                is_new
            });
            self.context.metrics.stream_events.fetch_add(1, Ordering::Relaxed);
            self.take(&event, &groups)?;
        }
    }

    fn request(&self, groups: &BTreeSet<String>) -> Request<Body> {
        let mut target = String::from("/v1/watch?");
        for group in groups {
            target.push_str("group=");
            encode_onto(group, &mut target);
            target.push('&');
        }
        if !self.context.instance.task.is_empty() {
            target.push_str("config=");
            encode_onto(&self.context.instance.task, &mut target);
        }
        if !self.context.instance.incarnation.is_empty() && !self.is_plain {
            target.push_str("&member=");
            encode_onto(&self.context.instance.incarnation, &mut target);
        }
        let mut request = Request::new(Body::empty());
        // What is encoded makes a target.
        *request.uri_mut() = target.parse().unwrap_or_default();
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        // A group that is new to the stream may be older than the id: it would not be sent.
        if let Some(resume) = &self.resume
            && resume.groups == *groups
            && let Ok(id) = HeaderValue::try_from(&resume.id)
        {
            request.headers_mut().insert(LAST_EVENT_ID, id);
        }
        request
    }

    fn take(&mut self, event: &Event, groups: &BTreeSet<String>) -> Result<(), StreamError> {
        let broken =
            |source| StreamError::Event { kind: event.kind.chars().take(40).collect(), source };
        match event.kind.as_str() {
            "group" => {
                let view: GroupView = serde_json::from_str(&event.data).map_err(broken)?;
                self.context.groups.take(view);
            }
            "config" => {
                let view: ConfigView = serde_json::from_str(&event.data).map_err(broken)?;
                if view.task == self.context.instance.task && view.version > 0 {
                    self.context.take_config(view);
                }
            }
            "mail" => {
                let view: MailView = serde_json::from_str(&event.data).map_err(broken)?;
                if view.incarnation == self.context.instance.incarnation {
                    self.context.mail.deliver(view);
                }
            }
            "registries" => {
                let urls: Vec<String> = serde_json::from_str(&event.data).map_err(broken)?;
                self.remember(bases(&urls));
            }
            "synced" => {
                let names: Vec<String> = groups.iter().cloned().collect();
                self.context.groups.settle(&names);
                if let Some(id) = &event.id {
                    self.resume = Some(Resume { id: id.clone(), groups: groups.clone() });
                }
            }
            // A later registry may say more than this SDK knows.
            _ => {}
        }
        // Before everything was heard, nothing can be gone on from.
        if let (Some(resume), Some(id)) = (&mut self.resume, &event.id)
            && resume.groups == *groups
        {
            resume.id.clone_from(id);
        }
        Ok(())
    }

    fn remember(&mut self, mut fresh: Vec<Base>) {
        fresh.truncate(MOST_REGISTRIES);
        if fresh.is_empty() || fresh == self.registries {
            return;
        }
        // The one that is listened to stays the one that is asked.
        let now = self.registries.get(self.at % self.registries.len().max(1));
        self.at = fresh.iter().position(|base| Some(base) == now).unwrap_or_default();
        self.registries = fresh;
    }

    /// The list that any scheduler has: for when every registry that was known is gone.
    async fn ask_schedulers(&mut self) {
        for base in self.schedulers.clone() {
            let mut request = Request::new(Body::empty());
            *request.uri_mut() = http::Uri::from_static("/v1/registries");
            let Ok(reply) = base.send(request).await else { continue };
            if reply.status() != 200 {
                continue;
            }
            let Ok(Ok(list)) = timeout(SILENCE, reply.collect(MAX_LIST)).await else { continue };
            if let Ok(urls) = serde_json::from_slice::<Vec<String>>(list.body()) {
                self.remember(bases(&urls));
                return;
            }
        }
    }
}

/// The events of one open stream.
struct News {
    reply: Reply,
    parser: Parser,
}

impl News {
    fn new(reply: Reply) -> Self {
        Self { reply, parser: Parser::default() }
    }

    /// The next event; may be dropped while it waits, nothing is lost.
    async fn next(&mut self) -> Result<Event, StreamError> {
        use http_body_util::BodyExt as _;
        loop {
            if let Some(event) = self.parser.next() {
                return Ok(event);
            }
            let frame = timeout(SILENCE, self.reply.response.body_mut().frame()).await;
            let frame = frame.map_err(|_| StreamError::Silent)?.ok_or(StreamError::Ended)?;
            let frame = frame.map_err(|e| StreamError::Broken(BodyError::Connection(e)))?;
            if let Ok(data) = frame.into_data() {
                self.parser.push(&data).map_err(StreamError::Unreadable)?;
            }
        }
    }
}

/// Exponential with full jitter, so that not everybody comes back at once.
fn pause(failures: u32) -> Duration {
    let (first, longest) = BACKOFF;
    let most = first.saturating_mul(2_u32.saturating_pow(failures.min(16))).min(longest);
    Duration::from_millis(below(u64::try_from(most.as_millis()).unwrap_or(u64::MAX)))
        .max(Duration::from_millis(10))
}

fn bases(urls: &[String]) -> Vec<Base> {
    let mut all = Vec::new();
    for url in urls.iter().take(MOST_REGISTRIES) {
        match Base::parse(url) {
            Ok(base) => all.push(base),
            Err(error) => crate::log::line("a url is left out", &[("error", &error)]),
        }
    }
    all
}

fn encode_onto(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests;

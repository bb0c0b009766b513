//! What registries say, read into the machine's words: by a stream, and by asking.
//!
//! Owns the paths and the reading of answers; what counts as news is the machine's.

use std::time::Duration;

use http::HeaderName;
use http::header::{ACCEPT, IF_NONE_MATCH};
use http_body_util::BodyExt as _;
use lathe_api::rest::segment;
use lathe_api::views::{LATHE_AGE_MS, LATHE_SIGN, LATHE_SIGNATURE};
use lathe_catalog::sse;
use lathe_gossip::{Event as Heard, Signature, Statement, Subject};
use lathe_tls::ClientTls;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::client::{Base, Reply};
use crate::copy::{News, Selection, Wish};
use crate::follower::{Event, Point, Told};
use crate::talk::with_causes;

/// A registry says something each 10 s; one that is silent for three times that is taken for gone.
const SILENCE: Duration = Duration::from_secs(30);
/// Longest sentence of a registry that is passed on, in characters.
const SENTENCE_CHARS_MAX: usize = 300;
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Where what is said goes to.
#[derive(Clone, Debug)]
pub(crate) struct Ears {
    /// The machine.
    pub(crate) events: mpsc::Sender<Event>,
    /// Gossip, with what is signed; without, nothing is.
    pub(crate) signed: Option<mpsc::Sender<Heard>>,
}

/// Follows one registry until its stream is over, and says why it is.
pub(crate) async fn follow(
    (registry, tls): (&str, &ClientTls),
    selection: &Selection,
    resume: Option<Point>,
    ears: &Ears,
) -> String {
    match followed((registry, tls), selection, resume, ears).await {
        Ok(()) => "the stream ended".to_owned(),
        Err(problem) => problem,
    }
}

async fn followed(
    (registry, tls): (&str, &ClientTls),
    selection: &Selection,
    resume: Option<Point>,
    ears: &Ears,
) -> Result<(), String> {
    let base = Base::parse(registry).map_err(|error| error.to_string())?;
    let groups = selection.groups.iter().map(|name| format!("group={}", segment(name)));
    let configs = selection.configs.iter().map(|name| format!("config={}", segment(name)));
    let query = groups.chain(configs).collect::<Vec<_>>().join("&");
    let mut headers = vec![(ACCEPT, "text/event-stream".to_owned())];
    headers.extend(resume.map(|point| (LAST_EVENT_ID, point.to_string())));
    headers.extend(ears.signed.iter().map(|_| (LATHE_SIGN, "true".to_owned())));
    let reply = base.get(tls, &format!("/v1/watch?{query}"), &headers).await;
    let mut reply = reply.map_err(|error| with_causes(&error))?;
    if reply.status() != 200 {
        return Err(refused(reply).await);
    }
    let mut parser = sse::Parser::default();
    // What was said last, until it is known what it is signed with.
    let mut said = None;
    loop {
        let frame = timeout(SILENCE, reply.response.body_mut().frame()).await;
        let frame = frame.map_err(|_| format!("nothing was heard for {} s", SILENCE.as_secs()))?;
        let Some(frame) = frame else { return Ok(()) };
        let frame =
            frame.map_err(|error| format!("the stream broke off: {}", with_causes(&error)))?;
        let Ok(data) = frame.into_data() else { continue };
        parser.push(&data).map_err(|error| error.to_string())?;
        for event in parser.by_ref() {
            if let (Some(signed), Some(said)) = (&ears.signed, said.take())
                && let Some(statement) = statement(&event, said)
            {
                let _ = signed.send(Heard::Said(statement)).await;
                continue;
            }
            let Some(told) = read(&event)? else { continue };
            if let (Told::News(news, _), Some(_)) = (&told, &ears.signed) {
                said = Some(Said { stamp: stamp(news), content: event.data });
            }
            let Some(told) = reachable(told, &base) else { continue };
            if ears.events.send(Event::Told(told)).await.is_err() {
                return Ok(());
            }
        }
    }
}

/// Registries tell of the plain addresses by which those inside reach them: who asks by TLS does not go there.
fn reachable(told: Told, base: &Base) -> Option<Told> {
    match told {
        Told::Registries(mut urls) if base.is_tls() => {
            urls.retain(|url| url.starts_with("https://"));
            (!urls.is_empty()).then_some(Told::Registries(urls))
        }
        told => Some(told),
    }
}

/// What was said, of what, in which history, at which version.
struct Said {
    stamp: (Subject, String, u64),
    content: String,
}

fn stamp(news: &News) -> (Subject, String, u64) {
    (subject(&news.wish()), news.history().to_owned(), news.version())
}

/// What an event says that the one before it is signed with.
#[derive(Deserialize)]
struct Signed {
    kind: String,
    name: String,
    version: u64,
    heard_ms: u64,
    signature: String,
}

/// The statement that two events make; nothing where the second one is not of the first.
fn statement(event: &sse::Event, said: Said) -> Option<Statement> {
    if event.kind != "signature" {
        return None;
    }
    let signed: Signed = serde_json::from_str(&event.data).ok()?;
    let subject = match signed.kind.as_str() {
        "group" => Subject::group(&signed.name),
        "config" => Subject::config(&signed.name),
        _ => return None,
    };
    let (own, history, version) = said.stamp;
    let signature = Signature::parse(&signed.signature)?;
    let is_of_it = own == subject && version == signed.version;
    let stamps = (version, signed.heard_ms);
    is_of_it.then(|| Statement::new((subject, &history), stamps, said.content.into(), signature))
}

/// One event of a stream; nothing for one that is not known, as a later registry may say more.
pub(crate) fn read(event: &sse::Event) -> Result<Option<Told>, String> {
    let data = event.data.as_bytes();
    let point = event.id.as_deref().and_then(Point::read);
    let told = match (event.kind.as_str(), point) {
        ("registries", _) => Told::Registries(json(data)?),
        ("group", Some(point)) => Told::News(News::Group(json(data)?), point),
        ("config", Some(point)) => Told::News(News::Config(json(data)?), point),
        ("synced", Some(point)) => Told::Synced(point),
        ("group" | "config" | "synced", None) => return Err("an event has no id".to_owned()),
        _ => return Ok(None),
    };
    Ok(Some(told))
}

fn json<T: DeserializeOwned>(data: &[u8]) -> Result<T, String> {
    serde_json::from_slice(data)
        .map_err(|error| format!("an event is not as it should be: {error}"))
}

/// Asks a registry for all wishes, one after the other, until one fails.
pub(crate) async fn poll(
    (registry, tls): (&str, &ClientTls),
    history: &str,
    wishes: Vec<(Wish, Option<u64>)>,
    ears: &Ears,
) -> Option<String> {
    for (wish, version) in wishes {
        let known = (history, version);
        match ask((registry, tls), known, &wish, ears.signed.as_ref()).await {
            Ok((news, age_ms)) => {
                if ears.events.send(Event::Polled { news, age_ms }).await.is_err() {
                    return None;
                }
            }
            Err(problem) => return Some(problem),
        }
    }
    None
}

/// Asks for one thing; nothing comes where the registry has what is known.
pub(crate) async fn ask(
    (registry, tls): (&str, &ClientTls),
    (history, version): (&str, Option<u64>),
    wish: &Wish,
    signed: Option<&mpsc::Sender<Heard>>,
) -> Result<(Option<News>, u64), String> {
    let base = Base::parse(registry).map_err(|error| error.to_string())?;
    let target = match wish {
        Wish::Group(name) => format!("/v1/groups/{}", segment(name)),
        Wish::Config(name) => format!("/v1/config/{}", segment(name)),
    };
    let known = version.map(|version| (IF_NONE_MATCH, format!("\"{history}:{version}\"")));
    let sign = signed.map(|_| (LATHE_SIGN, "true".to_owned()));
    let headers: Vec<_> = known.into_iter().chain(sign).collect();
    let reply = base.get(tls, &target, &headers).await.map_err(|error| with_causes(&error))?;
    let age_ms = reply.number(&LATHE_AGE_MS).unwrap_or(0);
    let signature = reply.text(&LATHE_SIGNATURE).and_then(signature);
    match reply.status() {
        304 => {
            if let (Some(to), Some((heard_ms, signature)), Some(version)) =
                (signed, signature, version)
            {
                let subject = subject(wish);
                let again = Heard::SignedAgain { subject, version, heard_ms, signature };
                let _ = to.send(again).await;
            }
            Ok((None, age_ms))
        }
        200 => {
            let body = reply.body().await.map_err(|error| error.to_string())?;
            let news = match wish {
                Wish::Group(_) => News::Group(json(&body)?),
                Wish::Config(_) => News::Config(json(&body)?),
            };
            if let (Some(to), Some((heard_ms, signature))) = (signed, signature)
                && let Ok(content) = std::str::from_utf8(&body)
            {
                let (of, stamps) = ((subject(wish), news.history()), (news.version(), heard_ms));
                let statement = Statement::new(of, stamps, content.into(), signature);
                let _ = to.send(Heard::Said(statement)).await;
            }
            Ok((Some(news), age_ms))
        }
        _ => Err(refused(reply).await),
    }
}

fn subject(wish: &Wish) -> Subject {
    match wish {
        Wish::Group(name) => Subject::group(name),
        Wish::Config(name) => Subject::config(name),
    }
}

/// When the registry heard the store, and its signature.
fn signature(header: &str) -> Option<(u64, Signature)> {
    let (heard_ms, signature) = header.split_once('.')?;
    Some((heard_ms.parse().ok()?, Signature::parse(signature)?))
}

/// The sentence of a problem, or its status.
async fn refused(reply: Reply) -> String {
    let status = reply.status();
    match sentence(reply).await.as_str() {
        "" => format!("answered {status}"),
        detail => format!("{status}: {detail}"),
    }
}

/// The sentence of a problem; empty where it is none.
pub(crate) async fn sentence(reply: Reply) -> String {
    let body = reply.body().await.unwrap_or_default();
    let problem: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let detail = problem["detail"].as_str().unwrap_or_default();
    detail.chars().take(SENTENCE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    //! Events as registries write them, and those that nobody writes.

    use super::*;

    fn event(kind: &str, id: Option<&str>, data: &str) -> sse::Event {
        sse::Event { kind: kind.to_owned(), id: id.map(str::to_owned), data: data.to_owned() }
    }

    #[test]
    fn events_are_read_into_news_and_points() {
        let view = r#"{"group":"g","history":"a.b","version":7,"entries":[]}"#;
        let told = read(&event("group", Some("a.b.9"), view)).unwrap().unwrap();
        let point = Point { history: "a.b".to_owned(), commit: 9 };
        assert!(
            matches!(told, Told::News(News::Group(view), at) if view.version == 7 && at == point)
        );
        assert_eq!(read(&event("synced", Some("a.b.9"), "{}")).unwrap(), Some(Told::Synced(point)));
        let urls = Told::Registries(vec!["http://h:1".to_owned()]);
        assert_eq!(read(&event("registries", None, "[\"http://h:1\"]")).unwrap(), Some(urls));
        assert_eq!(read(&event("later", None, "?")).unwrap(), None);
    }

    #[test]
    fn who_asks_by_tls_is_not_led_to_where_there_is_none() {
        let tls = Base::parse("https://h:2").unwrap();
        let told = |urls: &[&str]| Told::Registries(urls.iter().map(|&url| url.into()).collect());
        assert_eq!(reachable(told(&["http://h:1"]), &tls), None);
        let both = told(&["http://h:1", "https://i:2"]);
        assert_eq!(reachable(both.clone(), &tls), Some(told(&["https://i:2"])));
        assert_eq!(reachable(both.clone(), &Base::parse("http://h:1").unwrap()), Some(both));
    }

    #[test]
    fn what_is_no_event_is_told() {
        for (kind, id, data) in [
            ("group", None, "{}"),
            ("group", Some("a.1"), "{}"),
            ("synced", Some("1"), ""),
            ("registries", None, "{}"),
        ] {
            assert!(read(&event(kind, id, data)).is_err(), "{kind} {id:?} {data}");
        }
    }
}

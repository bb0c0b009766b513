//! What of a message's head goes on and what does not.
//!
//! Owns the rules for headers (RFC 9110 §7.6.1: what concerns one connection stays there). It must
//! not know of connections.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use http::header::{
    CONNECTION, EXPECT, Entry, HOST, HeaderMap, HeaderName, HeaderValue, TE, TRANSFER_ENCODING,
    UPGRADE,
};
use http::request::Parts;
use http::{Uri, Version};

use crate::http::request::DEADLINE;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const DEADLINE_NAME: HeaderName = HeaderName::from_static(DEADLINE);
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const PROXY_AUTHORIZATION: HeaderName = HeaderName::from_static("proxy-authorization");
const PROXY_AUTHENTICATE: HeaderName = HeaderName::from_static("proxy-authenticate");
/// The most text that `x-forwarded-for` may grow to; what is longer is not added to.
const LONGEST_FORWARDED_FOR: usize = 4_096;

/// Makes an outgoing head of an incoming one. `upgrade` is kept only where one is to pass.
pub(crate) fn outgoing(head: &mut Parts, peer: Option<SocketAddr>, upgrade: bool) {
    let asked = head.headers.get(UPGRADE).filter(|_| upgrade).cloned();
    if head.version == Version::HTTP_2 {
        host_of_authority(head);
    }
    head.version = Version::HTTP_11;
    let trailers = head.headers.get(TE).is_some_and(|te| {
        te.to_str()
            .is_ok_and(|te| te.split(',').any(|te| te.trim().eq_ignore_ascii_case("trailers")))
    });
    strip(&mut head.headers);
    // The body is asked for here, so the word that it waits for has been given here.
    head.headers.remove(EXPECT);
    head.headers.remove(PROXY_AUTHORIZATION);
    if trailers {
        head.headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    if let Some(asked) = asked {
        head.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        head.headers.insert(UPGRADE, asked);
    }
    if let Some(peer) = peer {
        forwarded_for(&mut head.headers, peer);
    }
    // Only the path and the query go on; they stay byte by byte what they were.
    let target = head.uri.path_and_query().cloned();
    head.uri = target.map_or_else(|| Uri::from_static("/"), Uri::from);
}

/// Says what is left of the deadline; at least one millisecond.
pub(crate) fn set_deadline(headers: &mut HeaderMap, deadline: Instant) {
    let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    let left = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
    headers.insert(DEADLINE_NAME, HeaderValue::from(left));
}

/// Takes away what concerns the connection that a message came over, and no other.
pub(crate) fn strip(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|name| HeaderName::try_from(name.trim()).ok())
            .filter(|name| !is_end_to_end(name))
            .collect();
        for name in named {
            headers.remove(name);
        }
        headers.remove(CONNECTION);
    }
    let single = [KEEP_ALIVE, PROXY_CONNECTION, PROXY_AUTHENTICATE, TE, TRANSFER_ENCODING, UPGRADE];
    for name in single {
        headers.remove(name);
    }
}

/// Names that no `connection` header may take away: the message would mean something else.
fn is_end_to_end(name: &HeaderName) -> bool {
    *name == HOST
        || *name == FORWARDED_FOR
        || *name == DEADLINE_NAME
        || *name == http::header::CONTENT_LENGTH
        || *name == http::header::AUTHORIZATION
        || *name == http::header::COOKIE
}

fn forwarded_for(headers: &mut HeaderMap, peer: SocketAddr) {
    let ip = peer.ip().to_canonical();
    match headers.entry(FORWARDED_FOR) {
        Entry::Vacant(place) => {
            if let Ok(value) = HeaderValue::try_from(ip.to_string()) {
                place.insert(value);
            }
        }
        Entry::Occupied(mut place) => {
            let known: Vec<&[u8]> = place.iter().map(HeaderValue::as_bytes).collect();
            let mut all = known.join(&b", "[..]);
            if all.len() > LONGEST_FORWARDED_FOR {
                return;
            }
            all.extend_from_slice(format!(", {ip}").as_bytes());
            if let Ok(value) = HeaderValue::from_bytes(&all) {
                place.insert(value);
            }
        }
    }
}

/// HTTP/2 names the host in its target; HTTP/1.1 wants the header.
fn host_of_authority(head: &mut Parts) {
    if !head.headers.contains_key(HOST)
        && let Some(authority) = head.uri.authority()
        && let Ok(value) = HeaderValue::try_from(authority.as_str())
    {
        head.headers.insert(HOST, value);
    }
}

#[cfg(test)]
mod tests;

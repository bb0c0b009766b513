//! The checks that every call passes first, with the texts of Mesos 1.11.
//!
//! Owns their texts and statuses; the order stands where they are called.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use lathe_mesos::wire;

use super::{Body, header_text, is_this_machine, text};
use crate::secret::Secrets;

/// Either nothing, or the answer.
pub(crate) type Check<T = ()> = Result<T, Box<Response<Body>>>;

/// The `Host` header must mean this machine: a page of somewhere else cannot be made to ask.
pub(crate) fn host(headers: &HeaderMap, own: Option<IpAddr>) -> Check {
    match header_text(headers, header::HOST) {
        Some(host) if is_this_machine(host, own) => Ok(()),
        _ => refuse(StatusCode::BAD_REQUEST, "the Host header does not name this server"),
    }
}

fn refuse<T>(status: StatusCode, why: &str) -> Check<T> {
    Err(Box::new(text(status, why.to_owned())))
}

/// The name of the token that HTTP basic authentication shows, as the password of the one principal
/// that there is.
pub(crate) fn basic(headers: &HeaderMap, secrets: &Secrets, realm: &'static str) -> Check<String> {
    let decoded = header_text(headers, header::AUTHORIZATION)
        .and_then(|value| value.strip_prefix("Basic "))
        .and_then(|value| STANDARD.decode(value).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok());
    if let Some((principal, given)) = decoded.as_deref().and_then(|text| text.split_once(':'))
        && principal == crate::PRINCIPAL
        && let Some(who) = secrets.who(given.as_bytes())
    {
        return Ok(who.to_owned());
    }
    Err(unauthorized(&format!("Basic realm=\"{realm}\"")))
}

/// 401 with what would be accepted.
pub(crate) fn unauthorized(challenge: &str) -> Box<Response<Body>> {
    let mut answer = text(StatusCode::UNAUTHORIZED, "401 Unauthorized.".to_owned());
    if let Ok(value) = HeaderValue::from_str(challenge) {
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    Box::new(answer)
}

/// The token of a bearer.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    header_text(headers, header::AUTHORIZATION)?.strip_prefix("Bearer ")
}

/// Only POST.
pub(crate) fn post(method: &Method) -> Check {
    if method == Method::POST {
        return Ok(());
    }
    let why =
        format!("405 Method Not Allowed. Expecting one of {{ 'POST' }}, but received '{method}'.");
    let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, why);
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    Err(Box::new(answer))
}

/// Only protobuf, compared to the letter as Mesos does.
pub(crate) fn content_type(headers: &HeaderMap) -> Check {
    match header_text(headers, header::CONTENT_TYPE) {
        Some(wire::PROTOBUF) => Ok(()),
        Some(wire::JSON) => refuse(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "lathe-standalone speaks application/x-protobuf only, not application/json",
        ),
        Some(_) => refuse(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Expecting 'Content-Type' of application/json or application/x-protobuf",
        ),
        None => refuse(StatusCode::BAD_REQUEST, "Expecting 'Content-Type' to be present"),
    }
}

/// The caller must take protobuf.
pub(crate) fn accept(headers: &HeaderMap) -> Check {
    let Some(wanted) = headers.get(header::ACCEPT) else {
        return Ok(());
    };
    let takes = |range: &str| {
        let media = range.split(';').next().unwrap_or_default().trim();
        matches!(media, wire::PROTOBUF | "application/*" | "*/*")
    };
    if wanted.to_str().is_ok_and(|list| list.split(',').any(takes)) {
        return Ok(());
    }
    refuse(
        StatusCode::NOT_ACCEPTABLE,
        "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'",
    )
}

/// The body must be a message.
pub(crate) fn parse<M: prost::Message + Default>(body: bytes::Bytes) -> Check<M> {
    match M::decode(body) {
        Ok(message) => Ok(message),
        Err(_) => refuse(StatusCode::BAD_REQUEST, "Failed to parse body into Call protobuf"),
    }
}

/// 400 with a text.
pub(crate) fn bad_request(why: String) -> Box<Response<Body>> {
    Box::new(text(StatusCode::BAD_REQUEST, why))
}

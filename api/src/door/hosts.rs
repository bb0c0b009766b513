//! The names by which a listener may be called.
//!
//! Owns the check of the `Host` header. A page in a browser can have its own name resolve to
//! 127.0.0.1 and so reach a local listener; the name in the header gives it away.

use std::collections::BTreeSet;
use std::net::IpAddr;

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, Uri};

use super::{Problem, code};

/// Names that are accepted: loopback always, others as configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    names: BTreeSet<String>,
}

impl Hosts {
    /// `localhost` and the loopback addresses only.
    #[must_use]
    pub fn loopback() -> Self {
        Self::default()
    }

    /// Accepts this name or address too; any port, any case.
    #[must_use]
    pub fn and(mut self, name: &str) -> Self {
        self.names.insert(bare(name).to_ascii_lowercase());
        self
    }

    /// Accepts the address that is listened on. The unspecified address names nothing.
    #[must_use]
    pub fn and_address(self, address: IpAddr) -> Self {
        if address.is_unspecified() { self } else { self.and(&address.to_string()) }
    }

    /// Whether a request may call the listener by this name (without a port).
    #[must_use]
    pub fn accepts(&self, name: &str) -> bool {
        let name = bare(name).to_ascii_lowercase();
        name == "localhost"
            || name.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
            || self.names.contains(&name)
    }

    /// Checks a request: exactly one name, in the target or in the header, and an accepted one.
    ///
    /// # Errors
    /// 400 when there is no name or more than one, 421 (LT0601) when it is a stranger's.
    pub fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        let malformed = |detail: &str| Problem::bad_request(detail);
        let mut headers = headers.get_all(HOST).iter();
        let header = headers.next();
        if headers.next().is_some() {
            return Err(malformed("more than one Host header"));
        }
        let header = match header {
            None => None,
            Some(value) => Some(
                value
                    .to_str()
                    .ok()
                    .and_then(|text| text.parse::<Authority>().ok())
                    .ok_or_else(|| malformed("the Host header is no host"))?,
            ),
        };
        let authority = match (uri.authority(), header) {
            (Some(target), Some(header)) if !target.host().eq_ignore_ascii_case(header.host()) => {
                return Err(malformed("the Host header differs from the request's target"));
            }
            (Some(target), _) => target.clone(),
            (None, Some(header)) => header,
            (None, None) => return Err(malformed("the Host header is missing")),
        };
        if self.accepts(authority.host()) {
            return Ok(());
        }
        Err(Problem::new(
            http::StatusCode::MISDIRECTED_REQUEST,
            code::HOST,
            "this listener is not known by the name in the Host header",
        ))
    }
}

/// An IPv6 address without its brackets.
fn bare(name: &str) -> &str {
    name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name)
}

#[cfg(test)]
mod tests;

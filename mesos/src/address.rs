//! Addresses of masters and agents: what may be written in a configuration and what a redirect
//! says. Pure: resolves no name, opens no connection.

use std::fmt;

use thiserror::Error;

/// Characters of the longest address that is taken.
const MAX_LENGTH: usize = 2048;

/// An `http` or `https` address: host, port and path. The path is empty or starts with a slash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Url {
    tls: bool,
    host: String,
    port: u16,
    path: String,
}

/// Why something is no address that we can use.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("the address {text:?} cannot be used: {problem}")]
pub struct UrlError {
    pub text: String,
    pub problem: UrlProblem,
}

/// What is wrong with an address.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum UrlProblem {
    #[error("it leads out of TLS")]
    Downgrade,
    #[error("only http and https addresses work here")]
    Scheme,
    #[error("there is no host")]
    NoHost,
    #[error("user names and passwords do not belong into it")]
    User,
    #[error("the port is not a number from 1 to 65535")]
    Port,
    #[error("it has a space, a control character, a query or a fragment")]
    Character,
    #[error("it has more than {MAX_LENGTH} characters")]
    TooLong,
}

impl Url {
    /// Reads `host`, `host:port`, `http://host:port`, `https://host:port`, each with or without a
    /// path. IPv6 addresses stand in brackets.
    pub fn parse(text: &str, default_port: u16) -> Result<Self, UrlError> {
        Self::read(text, default_port)
            .map_err(|problem| UrlError { text: text.chars().take(200).collect(), problem })
    }

    fn read(text: &str, default_port: u16) -> Result<Self, UrlProblem> {
        if text.len() > MAX_LENGTH {
            return Err(UrlProblem::TooLong);
        }
        if text.chars().any(|c| !c.is_ascii_graphic() || "?#\\\"<>^`{|}".contains(c)) {
            return Err(UrlProblem::Character);
        }
        let (tls, rest) = match text.split_once("//") {
            Some(("" | "http:", rest)) => (false, rest),
            Some(("https:", rest)) => (true, rest),
            Some((scheme, _)) if scheme.ends_with(':') => return Err(UrlProblem::Scheme),
            _ => (false, text),
        };
        let slash = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(slash);
        if authority.contains('@') {
            return Err(UrlProblem::User);
        }
        let (host, port) = split_port(authority)?;
        if host.is_empty() || host == "[]" {
            return Err(UrlProblem::NoHost);
        }
        let port = match port {
            None => default_port,
            Some(digits) => {
                digits.parse().ok().filter(|port| *port != 0).ok_or(UrlProblem::Port)?
            }
        };
        Ok(Self { tls, host: host.to_owned(), port, path: path.trim_end_matches('/').to_owned() })
    }

    /// Where a redirect leads: Mesos writes `//host:port/path`, with neither scheme nor user, and
    /// means the scheme in use. Nothing leads out of TLS, which would show the password.
    pub fn redirect(&self, location: &str) -> Result<Self, UrlError> {
        let there = if location.starts_with('/') && !location.starts_with("//") {
            Self::parse(&format!("{}{location}", self.authority()), self.port)?
        } else {
            Self::parse(location, self.port)?
        };
        if self.tls && location.starts_with("http:") {
            let problem = UrlProblem::Downgrade;
            return Err(UrlError { text: location.chars().take(200).collect(), problem });
        }
        Ok(Self { tls: self.tls || there.tls, ..there })
    }

    /// Whether it is spoken to over TLS.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// The same, over TLS.
    #[must_use]
    pub fn over_tls(&self) -> Self {
        Self { tls: true, ..self.clone() }
    }

    /// The host as written, an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path; never empty.
    pub fn path(&self) -> &str {
        if self.path.is_empty() { "/" } else { &self.path }
    }

    /// Whether a path was given at all.
    pub fn has_path(&self) -> bool {
        !self.path.is_empty()
    }

    /// The same server and, below this path, another one; `tail` starts with a slash.
    #[must_use]
    pub fn join(&self, tail: &str) -> Self {
        Self { path: format!("{}{tail}", self.path), ..self.clone() }
    }

    /// The same path on another host.
    #[must_use]
    pub fn with_host(&self, host: &str) -> Self {
        Self { host: host.to_owned(), ..self.clone() }
    }

    /// `host:port`, as in a Host header and for connecting.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}{}", self.host, self.port, self.path)
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<&str>), UrlProblem> {
    if authority.starts_with('[') {
        let end = authority.find(']').ok_or(UrlProblem::NoHost)?;
        let (host, rest) = authority.split_at(end + 1);
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(UrlProblem::Port),
        };
    }
    match authority.split_once(':') {
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((authority, None)),
    }
}

#[cfg(test)]
mod tests;

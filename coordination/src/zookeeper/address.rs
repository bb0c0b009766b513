//! Addresses of ensembles: `zk://[user:password@]host[:port],…/folder`. Owns their syntax; must not
//! know how they are dialled.

use std::fmt;

use crate::StoreError;

/// What begins an address of ZooKeeper.
pub(crate) const SCHEME: &str = "zk://";
const PORT: u16 = 2181;

/// An ensemble, and a znode in it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// `host:port`, one at least.
    pub(crate) servers: Vec<String>,
    /// A znode's path without a slash at its end; `/` for the root.
    pub(crate) folder: String,
    /// `user:password`, of the scheme `digest`.
    pub(crate) login: Option<String>,
}

impl Address {
    /// Reads an address. The last `@` ends the login, so that a password may have one.
    ///
    /// # Errors
    /// `Invalid` with the reason; it does not repeat the password.
    pub(crate) fn parse(address: &str) -> Result<Self, StoreError> {
        let wrong = |why: String| {
            let shown = without_password(address);
            StoreError::invalid(format!("the address {shown:?} {why}"))
        };
        let Some(rest) = address.strip_prefix(SCHEME) else {
            return Err(wrong(format!("does not start with {SCHEME:?}")));
        };
        let (login, rest) = match rest.rsplit_once('@') {
            Some((login, rest)) => (Some(login), rest),
            None => (None, rest),
        };
        if login.is_some_and(|login| {
            login
                .split_once(':')
                .is_none_or(|(user, password)| user.is_empty() || password.is_empty())
        }) {
            return Err(wrong("has a login that is not \"user:password\"".to_owned()));
        }
        let (hosts, folder) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let servers = hosts.split(',').map(server).collect::<Result<Vec<_>, _>>();
        let servers = servers.map_err(wrong)?;
        let folder = folder.trim_end_matches('/');
        if !folder.is_empty() {
            crate::path::check_path(folder)
                .map_err(|error| wrong(format!("names no znode: {error}")))?;
        }
        let folder = if folder.is_empty() { "/" } else { folder };
        Ok(Self { servers, folder: folder.to_owned(), login: login.map(str::to_owned) })
    }

    /// The servers, as the client library takes them.
    pub(crate) fn servers(&self) -> String {
        self.servers.join(",")
    }
}

/// The password is for nobody's eyes.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SCHEME)?;
        if self.login.is_some() {
            f.write_str("…@")?;
        }
        write!(f, "{}{}", self.servers(), self.folder)
    }
}

/// The same address, to be shown: its login, if it has one, left out.
#[must_use]
pub fn without_password(address: &str) -> String {
    let (scheme, rest) = address
        .split_once("://")
        .map_or(("", address), |(scheme, rest)| (&address[..scheme.len() + "://".len()], rest));
    match rest.rsplit_once('@') {
        Some((_, rest)) => format!("{scheme}…@{rest}"),
        None => address.to_owned(),
    }
}

fn server(text: &str) -> Result<String, String> {
    let (host, port) = match text.rsplit_once(':') {
        // A colon within brackets belongs to an address of IPv6.
        Some((host, port)) if !port.ends_with(']') => {
            let port = port.parse::<u16>().ok().filter(|port| *port != 0);
            (host, port.ok_or_else(|| format!("has no port that there can be in {text:?}"))?)
        }
        _ => (text, PORT),
    };
    let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let good = match inner {
        Some(inner) => inner.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && !host.contains([':', '[', ']', ' ', '/']),
    };
    if good { Ok(format!("{host}:{port}")) } else { Err(format!("has no host in {text:?}")) }
}

#[cfg(test)]
mod tests;

//! Following a group in a running HAProxy, by its run-time socket: no reload, no connection lost.
//!
//! Owns the plan (which server of a backend gets which address) and the talk with the socket. The backend has
//! servers to spare, made by `server-template NAME 1-N 127.0.0.1:1 disabled`. Who is new gets a server before
//! those who left lose theirs; what was done is read again and compared.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::engine::End;
use crate::snapshot::Input;

/// Bytes of one answer.
const ANSWER_BYTES_MAX: u64 = 16 << 20;
/// Bits of the administrative state that keep a server from requests: maintenance and drain, forced or
/// inherited. What stands in the configuration (4) says nothing once it was overridden.
const KEPT_OUT: u32 = 0x01 | 0x02 | 0x08 | 0x10 | 0x20;

/// A backend that is to have the entries of a hook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Backend {
    /// The run-time socket, of level `admin`.
    pub socket: PathBuf,
    /// The backend's name.
    pub name: String,
    /// The port of entries by its name; without, the main one.
    pub port: Option<String>,
}

/// One server of a backend, as HAProxy shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Server {
    name: String,
    address: Option<SocketAddr>,
    serves: bool,
}

impl Backend {
    /// Makes the backend's servers those of the input.
    pub(crate) fn follow(&self, input: &Input, patience: Duration) -> End {
        let began = Instant::now();
        let mut said = String::new();
        let outcome = self.try_follow(input, began + patience, &mut said);
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        match outcome {
            Ok(how) => End { ok: true, how, output: said, took_ms },
            Err(how) => End { ok: false, how, output: said, took_ms },
        }
    }

    fn try_follow(
        &self,
        input: &Input,
        until: Instant,
        said: &mut String,
    ) -> Result<String, String> {
        let wanted = self.wanted(input)?;
        let commands = plan(&self.name, &self.servers(until)?, &wanted)?;
        for command in &commands {
            let answer = self.ask(command, until)?;
            said.push_str(&format!("> {command}\n{}", answer.trim_start_matches('\n')));
        }
        let serving: BTreeSet<SocketAddr> = self
            .servers(until)?
            .into_iter()
            .filter(|server| server.serves)
            .filter_map(|server| server.address)
            .collect();
        if serving == wanted {
            return Ok(format!("{} servers by {} commands", wanted.len(), commands.len()));
        }
        let (name, serving) = (&self.name, listed(&serving));
        Err(format!("the backend {name} has {serving}, not {}: {said}", listed(&wanted)))
    }

    fn wanted(&self, input: &Input) -> Result<BTreeSet<SocketAddr>, String> {
        let mut wanted = BTreeSet::new();
        for (incarnation, entry) in input.entries() {
            let port = match &self.port {
                Some(name) => entry.ports.get(name).copied(),
                None => entry.main_port(),
            };
            let address = entry.address.parse::<IpAddr>();
            match (address, port) {
                (Ok(address), Some(port)) => drop(wanted.insert(SocketAddr::new(address, port))),
                (_, None) => return Err(format!("{incarnation} has no such port")),
                (Err(_), _) => return Err(format!("{incarnation} has no address that is an IP")),
            }
        }
        Ok(wanted)
    }

    fn servers(&self, until: Instant) -> Result<Vec<Server>, String> {
        let answer = self.ask(&format!("show servers state {}", self.name), until)?;
        read(&answer).ok_or_else(|| format!("{}: {}", self.name, answer.trim()))
    }

    /// One command, one connection, as the socket wants it.
    fn ask(&self, command: &str, until: Instant) -> Result<String, String> {
        let failed = |error: std::io::Error| format!("{}: {error}", self.socket.display());
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(format!("{}: no answer in time", self.socket.display()));
        }
        let mut stream = UnixStream::connect(&self.socket).map_err(failed)?;
        stream.set_read_timeout(Some(left)).map_err(failed)?;
        stream.set_write_timeout(Some(left)).map_err(failed)?;
        stream.write_all(command.as_bytes()).map_err(failed)?;
        stream.write_all(b"\n").map_err(failed)?;
        let mut answer = Vec::new();
        stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).map_err(failed)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

fn listed(addresses: &BTreeSet<SocketAddr>) -> String {
    let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    if texts.is_empty() { "no server".to_owned() } else { texts.join(", ") }
}

/// Reads `show servers state`: a version, a line of names, a line for each server.
fn read(answer: &str) -> Option<Vec<Server>> {
    let mut lines = answer.lines().skip_while(|line| !line.starts_with('#'));
    let names: BTreeMap<&str, usize> =
        lines.next()?.trim_start_matches('#').split_whitespace().zip(0..).collect();
    let (name, address, port, state) = (
        *names.get("srv_name")?,
        *names.get("srv_addr")?,
        *names.get("srv_port")?,
        *names.get("srv_admin_state")?,
    );
    let servers = lines.filter(|line| !line.trim().is_empty()).map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let state: u32 = fields.get(state)?.parse().ok()?;
        let ip = fields.get(address)?.parse::<IpAddr>().ok();
        let port = fields.get(port)?.parse::<u16>().ok();
        Some(Server {
            name: (*fields.get(name)?).to_owned(),
            address: ip.zip(port).map(|(ip, port)| SocketAddr::new(ip, port)),
            serves: state & KEPT_OUT == 0,
        })
    });
    servers.collect()
}

/// The commands after which a backend serves just these addresses.
fn plan(
    backend: &str,
    servers: &[Server],
    wanted: &BTreeSet<SocketAddr>,
) -> Result<Vec<String>, String> {
    if wanted.len() > servers.len() {
        let (has, wants) = (servers.len(), wanted.len());
        return Err(format!(
            "the backend {backend} has {has} servers, and {wants} are wanted: make its \
             `server-template` larger"
        ));
    }
    let mut missing = wanted.clone();
    let (mut spare, mut leaving) = (Vec::new(), Vec::new());
    for server in servers {
        match server.address {
            // Of two servers with one address, one stays.
            Some(address) if server.serves && missing.remove(&address) => {}
            _ if server.serves => leaving.push(server),
            _ => spare.push(server),
        }
    }
    let serve = |server: &Server, address: &SocketAddr| {
        let name = format!("{backend}/{}", server.name);
        let (ip, port) = (address.ip(), address.port());
        [
            format!("set server {name} addr {ip} port {port}"),
            format!("set server {name} state ready"),
        ]
    };
    let mut commands = Vec::new();
    let mut missing = missing.iter();
    // Who is new comes first, so that there is always somebody.
    for (server, address) in spare.iter().zip(missing.by_ref()) {
        commands.extend(serve(server, address));
    }
    let mut leaving = leaving.iter();
    for (address, server) in missing.zip(leaving.by_ref()) {
        commands.extend(serve(server, address));
    }
    commands
        .extend(leaving.map(|server| format!("set server {backend}/{} state maint", server.name)));
    Ok(commands)
}

/// Whether a name can stand in a command of the socket.
pub(crate) fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    !name.is_empty() && name.len() <= 128 && name.bytes().all(plain)
}

#[cfg(test)]
mod tests;

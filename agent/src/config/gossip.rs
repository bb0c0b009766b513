//! The table `[gossip]`.
//!
//! Owns its keys, their defaults and their ranges.

use std::net::SocketAddr;
use std::path::PathBuf;

use lathe_gossip::Trust;
use lathe_topology::Code;
use lathe_topology::document::Reader;

const SEEDS_MAX: usize = 64;

/// How agents tell each other.
#[derive(Clone, Debug)]
pub struct Gossip {
    /// Address for datagrams and connections.
    pub listen: SocketAddr,
    /// The address that others are told, if it is not the one that is listened on.
    pub advertise: Option<SocketAddr>,
    /// Whom to ask first: addresses, or names with ports.
    pub seeds: Vec<String>,
    /// File with the keys of all agents.
    pub key_file: PathBuf,
    /// Registries that are believed.
    pub trust: Trust,
    /// A round begins as often, in milliseconds.
    pub interval_ms: u64,
    /// Members that are told in a round.
    pub fanout: usize,
}

/// Reads the table, if it is there.
pub(super) fn read(reader: &mut Reader) -> Option<Gossip> {
    let mut table = reader.optional_table("gossip")?;
    let unspecified: SocketAddr = ([0, 0, 0, 0], 0).into();
    if !table.has("listen") {
        table.missing("listen");
    }
    let listen = table.parsed("listen", unspecified);
    let advertise = table.optional_parsed::<SocketAddr>("advertise");
    if advertise.is_none() && table.has("listen") && listen.ip().is_unspecified() {
        let message = "others cannot be told an address that stands for all of this host";
        let help = "add `advertise = \"ADDRESS:PORT\"`, or listen on one address";
        table.refuse_with_help(Code::CONFIG_WRONG_VALUE, "listen", message, help);
    }
    if advertise.is_some_and(|it| it.ip().is_unspecified() || it.port() == 0) {
        let message = "`advertise` is no address that others reach";
        table.refuse(Code::CONFIG_WRONG_VALUE, "advertise", message);
    }
    let seeds = table.list("seeds");
    if seeds.len() > SEEDS_MAX {
        let message = format!("`seeds` names {}; {SEEDS_MAX} are allowed", seeds.len());
        table.refuse(Code::CONFIG_WRONG_VALUE, "seeds", message);
    }
    let is_place = |seed: &String| {
        let port = seed.rsplit_once(':').map(|(host, port)| (host.is_empty(), port.parse::<u16>()));
        matches!(port, Some((false, Ok(1..))))
    };
    if let Some(wrong) = seeds.iter().find(|seed| !is_place(seed)) {
        let message = format!("`seeds` has {wrong:?}");
        let help = "write HOST:PORT, as in `seeds = [\"10.0.0.1:4801\"]`";
        table.refuse_with_help(Code::CONFIG_WRONG_VALUE, "seeds", message, help);
    }
    let key_file = PathBuf::from(table.required_string("key_file"));
    let trust = Trust::parse(&table.list("trust"));
    if let Err(error) = &trust {
        let help = "write the keys that `lathe-registry --public-key` prints";
        table.refuse_with_help(Code::CONFIG_WRONG_VALUE, "trust", error.to_string(), help);
    }
    let interval_ms = table.duration_ms_within("interval", 1000, 100..=60_000);
    let fanout = table.u64_within("fanout", 3, 1..=16);
    let fanout = usize::try_from(fanout).unwrap_or(3);
    let trust = trust.ok()?;
    Some(Gossip { listen, advertise, seeds, key_file, trust, interval_ms, fanout })
}

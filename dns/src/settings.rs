//! The keys by which a daemon's file says whether and how it answers DNS; the same in every file.

use std::net::SocketAddr;

use lathe_topology::Code;
use lathe_topology::document::Reader;

use crate::{Zone, origin};

/// What all names end with.
const ZONE: &str = "lathe";
/// Shorter breaks resolvers, longer holds up those who move.
const TTL_MS: u64 = 2000;

/// Look-ups by DNS, where they are answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `dns`: address for datagrams and connections.
    pub listen: SocketAddr,
    /// `dns_zone`: what all names end with.
    pub zone: String,
    /// `dns_ttl`: how long a resolver may keep an answer, in milliseconds; told in whole seconds.
    pub ttl_ms: u64,
}

impl Settings {
    /// Off unless an address is named; the other keys are checked all the same.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        let listen = reader.optional_string("dns").map(|text| text.parse::<SocketAddr>());
        if let Some(Err(_)) = listen {
            let message = "`dns` is not an address such as \"127.0.0.1:5353\"";
            reader.refuse(Code::CONFIG_WRONG_VALUE, "dns", message);
        }
        let zone = reader.string("dns_zone", ZONE);
        if origin(&zone).is_none() {
            let message = "`dns_zone` is no name of a zone, or too long for names below it";
            reader.refuse(Code::CONFIG_WRONG_VALUE, "dns_zone", message);
        }
        let ttl_ms = reader.duration_ms_within("dns_ttl", TTL_MS, 1000..=3_600_000);
        let listen = listen?.ok()?;
        Some(Self { listen, zone, ttl_ms })
    }

    /// The zone that is answered for; none where its name was refused.
    #[must_use]
    pub fn zone(&self) -> Option<Zone> {
        let ttl_s = u32::try_from(self.ttl_ms / 1000).unwrap_or(u32::MAX);
        Some(Zone::new(origin(&self.zone)?, ttl_s))
    }
}

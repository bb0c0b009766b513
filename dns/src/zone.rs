//! A question in, an answer out.
//!
//! Pure but for the order of answers, which its caller's randomness gives. What is known is answered however
//! old it is: whoever asks by DNS has no better source, and keeps old answers for less long.

use std::net::IpAddr;

use hickory_proto::op::{Edns, Message, MessageType, Metadata, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{SOA, SRV};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use lathe_catalog::Entry;
use rand::Rng;
use rand::seq::SliceRandom as _;

use crate::names::{self, Found, Known};

/// The largest datagram that crosses every network in one piece (DNS flag day 2020).
const DATAGRAM_BYTES_MAX: u16 = 1232;
/// What every client takes.
const DATAGRAM_BYTES_MIN: u16 = 512;
/// Answers in a datagram: a choice among more, another one each time.
const ANSWERS_BY_UDP: usize = 16;
const ANSWERS_BY_TCP: usize = 1024;
const HEADER_BYTES: usize = 12;
/// Records that a question may bring along: EDNS, and a signature that is not asked for.
const ADDITIONALS_MAX: u16 = 4;
/// How long it may be believed that something is not there, in seconds.
const NEGATIVE_TTL_S: u32 = 1;

/// How a question came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// In a datagram.
    Udp,
    /// Over a connection.
    Tcp,
}

/// What is answered for.
#[derive(Clone, Debug)]
pub struct Zone {
    origin: Name,
    ttl_s: u32,
}

/// Every name of a code that an answer may have.
pub const CODE_NAMES: [&str; 8] =
    ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "BADVERS", "OTHER"];

/// An answer on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The packet.
    pub bytes: Vec<u8>,
    /// Its code.
    pub code: ResponseCode,
}

impl Answer {
    /// The code's name as `dig` has it.
    #[must_use]
    pub fn code_name(&self) -> &'static str {
        match self.code {
            ResponseCode::NoError => "NOERROR",
            ResponseCode::FormErr => "FORMERR",
            ResponseCode::ServFail => "SERVFAIL",
            ResponseCode::NXDomain => "NXDOMAIN",
            ResponseCode::NotImp => "NOTIMP",
            ResponseCode::Refused => "REFUSED",
            ResponseCode::BADVERS => "BADVERS",
            _ => "OTHER",
        }
    }
}

/// The name of a zone, if it can be one.
#[must_use]
pub fn origin(text: &str) -> Option<Name> {
    let mut name = Name::from_ascii(text.to_ascii_lowercase()).ok()?;
    name.set_fqdn(true);
    // Room for the names below.
    (!name.is_root() && name.len() <= 128).then_some(name)
}

impl Zone {
    /// A zone of this name, whose answers may be kept for so many seconds.
    #[must_use]
    pub fn new(origin: Name, ttl_s: u32) -> Self {
        Self { origin, ttl_s }
    }

    /// Answers one packet; `None` for what is no question at all.
    pub fn answer(
        &self,
        known: &dyn Known,
        (packet, way): (&[u8], Way),
        random: &mut impl Rng,
    ) -> Option<Answer> {
        let (id, op) = head(packet)?;
        let Some(asked) = read(packet) else {
            return Some(encoded(Message::error_msg(id, op, ResponseCode::FormErr), way, None));
        };
        let edns = asked.edns.as_ref();
        let mut answer = Message::response(id, op);
        answer.metadata = Metadata::response_from_request(&asked.metadata);
        answer.add_queries(asked.queries.iter().cloned());
        if edns.is_some() {
            let mut own = Edns::new();
            own.set_max_payload(DATAGRAM_BYTES_MAX).set_version(0);
            answer.set_edns(own);
        }
        let code = match (asked.metadata.op_code, asked.queries.first(), edns) {
            (_, _, Some(edns)) if edns.version() > 0 => ResponseCode::BADVERS,
            (OpCode::Query, Some(query), _) if !known.is_known() => {
                if self.refuses(query) {
                    ResponseCode::Refused
                } else {
                    ResponseCode::ServFail
                }
            }
            (OpCode::Query, Some(query), _) if self.refuses(query) => ResponseCode::Refused,
            (OpCode::Query, Some(query), _) => {
                answer.metadata.authoritative = true;
                let limit = match way {
                    Way::Udp => ANSWERS_BY_UDP,
                    Way::Tcp => ANSWERS_BY_TCP,
                };
                self.fill(&mut answer, query, known, (random, limit))
            }
            _ => ResponseCode::NotImp,
        };
        answer.metadata.response_code = code;
        Some(encoded(answer, way, edns))
    }

    /// Names of others, and whole zones.
    fn refuses(&self, query: &Query) -> bool {
        !self.origin.zone_of(query.name())
            || query.query_class() != DNSClass::IN
            || matches!(query.query_type(), RecordType::AXFR | RecordType::IXFR)
    }

    fn fill(
        &self,
        answer: &mut Message,
        query: &Query,
        known: &dyn Known,
        (random, limit): (&mut impl Rng, usize),
    ) -> ResponseCode {
        let (asked, kind) = (query.name(), query.query_type());
        let soa =
            Record::from_rdata(self.origin.clone(), NEGATIVE_TTL_S, self.soa(known.version()));
        let below = asked.num_labels() - self.origin.num_labels();
        let labels = asked.iter().take(usize::from(below)).map(String::from_utf8_lossy);
        let labels: Vec<String> = labels.map(String::from).collect();
        let found = names::find(known, &labels);
        let (mut entries, port) = match found {
            Found::Unknown => {
                answer.add_authority(soa);
                return ResponseCode::NXDomain;
            }
            Found::Apex if matches!(kind, RecordType::SOA | RecordType::ANY) => {
                answer.add_answer(soa);
                return ResponseCode::NoError;
            }
            Found::Apex | Found::Empty => (Vec::new(), None),
            Found::Entries { entries, port } => (entries, port),
        };
        entries.shuffle(random);
        // One that is old is kept for less long.
        let ttl_s = if known.age_ms() > 0 { self.ttl_s.min(1) } else { self.ttl_s };
        match kind {
            RecordType::SRV => self.services(answer, asked, ttl_s, (&entries, port, limit)),
            RecordType::A | RecordType::AAAA | RecordType::ANY if port.is_none() => {
                let mut addresses: Vec<IpAddr> = Vec::new();
                let own = entries.iter().filter_map(|entry| entry.address.parse::<IpAddr>().ok());
                for address in own.filter(|address| is_of(kind, address)) {
                    // Several may be on one host.
                    if addresses.len() < limit && !addresses.contains(&address) {
                        addresses.push(address);
                    }
                }
                let record =
                    |address| Record::from_rdata(asked.clone(), ttl_s, RData::from(address));
                answer.add_answers(addresses.into_iter().map(record));
            }
            _ => {}
        }
        if answer.answers.is_empty() {
            answer.add_authority(soa);
        }
        ResponseCode::NoError
    }

    /// Where the port stands that was asked for, or else each one's main port.
    fn services(
        &self,
        answer: &mut Message,
        asked: &Name,
        ttl_s: u32,
        (entries, port, limit): (&[&Entry], Option<&str>, usize),
    ) {
        for entry in entries {
            let name = port.or_else(|| entry.main_port_name());
            let number = name.and_then(|name| names::port(entry, name));
            let (Some(number), Some(target)) = (number, self.name_of(entry)) else { continue };
            let Ok(address) = entry.address.parse::<IpAddr>() else { continue };
            if answer.answers.len() >= limit {
                break;
            }
            let service = RData::SRV(SRV::new(0, 1, number, target.clone()));
            answer.add_answer(Record::from_rdata(asked.clone(), ttl_s, service));
            answer.add_additional(Record::from_rdata(target, ttl_s, RData::from(address)));
        }
    }

    /// The name of an instance: its slot before its task. None where it is longer than names may be.
    fn name_of(&self, entry: &Entry) -> Option<Name> {
        let labels = format!("{}.{}", entry.slot, entry.task);
        Name::from_labels(labels.split('.').map(str::as_bytes))
            .ok()?
            .append_domain(&self.origin)
            .ok()
    }

    fn soa(&self, commit: u64) -> RData {
        let below = |label: &str| {
            self.origin.prepend_label(label).expect("the origin leaves room for a label")
        };
        #[expect(clippy::cast_possible_truncation, reason = "a serial counts around (RFC 1982)")]
        let serial = commit as u32;
        let (server, person) = (below("ns"), below("hostmaster"));
        RData::SOA(SOA::new(server, person, serial, 60, 10, 3600, NEGATIVE_TTL_S))
    }
}

fn is_of(kind: RecordType, address: &IpAddr) -> bool {
    match kind {
        RecordType::A => address.is_ipv4(),
        RecordType::AAAA => address.is_ipv6(),
        _ => true,
    }
}

/// Id and operation of what is a question, at least by its head.
fn head(packet: &[u8]) -> Option<(u16, OpCode)> {
    let (&[high, low, flags, _], _) = packet.get(..HEADER_BYTES)?.split_first_chunk()?;
    let is_answer = flags & 0x80 != 0;
    let op = OpCode::from_u8((flags >> 3) & 0x0f);
    (!is_answer).then(|| (u16::from_be_bytes([high, low]), op))
}

/// A packet that is a question of a usual size: its counts are believed only if they are small.
fn read(packet: &[u8]) -> Option<Message> {
    let count = |at: usize| Some(u16::from_be_bytes([*packet.get(at)?, *packet.get(at + 1)?]));
    let [questions, answers, authorities, additionals] =
        [count(4)?, count(6)?, count(8)?, count(10)?];
    if questions != 1 || answers != 0 || authorities != 0 || additionals > ADDITIONALS_MAX {
        return None;
    }
    let message = Message::from_vec(packet).ok()?;
    (message.metadata.message_type == MessageType::Query).then_some(message)
}

/// As much of the answer as its reader takes: without what is not asked for; else, in a datagram, the
/// word that there is more, and over a connection fewer answers.
fn encoded(mut answer: Message, way: Way, edns: Option<&Edns>) -> Answer {
    let code = answer.metadata.response_code;
    let limit = match way {
        Way::Tcp => u16::MAX,
        Way::Udp => edns.map_or(DATAGRAM_BYTES_MIN, |edns| {
            edns.max_payload().clamp(DATAGRAM_BYTES_MIN, DATAGRAM_BYTES_MAX)
        }),
    };
    loop {
        if let Ok(bytes) = answer.to_vec()
            && bytes.len() <= usize::from(limit)
            // The library takes away what does not fit in any message, and says so by this bit.
            && (bytes[2] & 0x02 != 0) == answer.metadata.truncation
        {
            return Answer { bytes, code };
        }
        match way {
            _ if !answer.additionals.is_empty() => answer.additionals.clear(),
            Way::Tcp if !answer.answers.is_empty() => {
                answer.answers.truncate(answer.answers.len() / 2);
            }
            _ if !answer.metadata.truncation => answer = answer.truncate(),
            // A head and one name always fit.
            _ => return Answer { bytes: Vec::new(), code },
        }
    }
}

#[cfg(test)]
mod tests;

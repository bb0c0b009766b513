//! How gossip stands, for whoever asks.
//!
//! Owns the shape of `GET /v1/gossip`.

use std::collections::BTreeMap;

use lathe_gossip::{Counts, Gossip, Kind, Member, Refused, Round};
use serde::Serialize;

/// The answer.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Shown {
    address: String,
    name: String,
    session: String,
    /// Names of the keys, the one that seals first.
    keys: Vec<String>,
    history: String,
    statements: Vec<ShownStatement>,
    pub(crate) members: Vec<ShownMember>,
    rounds: Vec<Round>,
    refused: BTreeMap<&'static str, u64>,
    forged: u64,
    #[serde(skip)]
    pub(crate) counts: Counts,
}

/// One that is alive, as far as is known.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ShownMember {
    address: String,
    name: String,
}

/// One thing that is known with its signature.
#[derive(Clone, Debug, Serialize)]
struct ShownStatement {
    kind: &'static str,
    name: String,
    version: u64,
    heard_ms: u64,
}

impl Shown {
    pub(super) fn of(machine: &Gossip) -> Self {
        let Member { address, session, name } = machine.own().clone();
        let counts = machine.counts().clone();
        let refused = Refused::ALL
            .map(|why| (why.word(), counts.refused.get(&why).copied().unwrap_or_default()));
        let members = machine.members().map(|member| ShownMember {
            address: member.address.to_string(),
            name: member.name.clone(),
        });
        let statements = machine.statements().map(|statement| ShownStatement {
            kind: match statement.subject.kind {
                Kind::Group => "group",
                Kind::Config => "config",
            },
            name: statement.subject.name.clone(),
            version: statement.version,
            heard_ms: statement.heard_ms,
        });
        Self {
            address: address.to_string(),
            name,
            session: session.to_string(),
            keys: machine.keys().map(str::to_owned).collect(),
            history: machine.history().to_owned(),
            statements: statements.collect(),
            members: members.collect(),
            rounds: machine.rounds(),
            refused: refused.into(),
            forged: counts.forged,
            counts,
        }
    }
}

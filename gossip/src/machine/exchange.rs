//! What the machine is told and what it says: events, commands, and what they carry.
//!
//! Owns the words alone; what follows from an event is the machine's.

use std::net::SocketAddr;

use crate::{Keys, Signature, Statement, Subject};

/// The time of an event, by two clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds of a clock that never goes back.
    pub ms: u64,
    /// Milliseconds since the Unix epoch.
    pub unix_ms: u64,
}

/// Names a connection by which somebody asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AskId(pub u64);

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A datagram came.
    Packet(Vec<u8>),
    /// Somebody asks by a connection.
    Asked {
        /// Which one.
        id: AskId,
        /// Its frame.
        frame: Vec<u8>,
    },
    /// A frame of the answer to what was asked for by a connection.
    Fetched {
        /// Of whom.
        from: SocketAddr,
        /// One frame.
        frame: Vec<u8>,
    },
    /// That connection is over, however it ended.
    FetchEnded {
        /// Of whom.
        from: SocketAddr,
    },
    /// A registry has said this, with its signature.
    Said(Statement),
    /// A registry has signed again what is known.
    SignedAgain {
        /// What.
        subject: Subject,
        /// The version that the registry has.
        version: u64,
        /// When it heard the store, in milliseconds since the Unix epoch.
        heard_ms: u64,
        /// Its signature.
        signature: Signature,
    },
    /// Where the seeds are now.
    Seeds(Vec<SocketAddr>),
    /// Other keys are to be used from now on.
    Rekeyed,
    /// The time that was asked for has come.
    Woken,
    /// The process is to end.
    Ending,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Send this as one datagram.
    Send {
        /// Where to.
        to: SocketAddr,
        /// A sealed packet.
        packet: Vec<u8>,
    },
    /// Open a connection, send this frame, and take the frames that come.
    Fetch {
        /// Where to.
        to: SocketAddr,
        /// A sealed packet.
        frame: Vec<u8>,
    },
    /// Answer a connection with these frames and end it. Without any it ends at once.
    Answer {
        /// Which one.
        id: AskId,
        /// Sealed packets.
        frames: Vec<Vec<u8>>,
    },
    /// What others have passed on is to be judged.
    Pass(Passed),
    /// Wake the machine at this time (`Now::ms`); replaces what was asked before.
    WakeAt {
        /// In milliseconds.
        ms: u64,
    },
    /// Say so in the log.
    Report(Report),
}

/// What came by gossip. Each statement is one of a registry that is believed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Passed {
    /// It is everything that is followed, of another history than before.
    pub whole: bool,
    /// The statements.
    pub statements: Vec<Statement>,
    /// Everything that is followed is known as a registry had it at this time or later, in milliseconds since the
    /// Unix epoch.
    pub heard_ms: Option<u64>,
}

/// Something worth a line in the log. Each kind is told at most once a minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// Somebody who has the key passes on what no registry that is believed has said.
    Forged {
        /// What it is said of.
        name: String,
        /// Who.
        from: SocketAddr,
    },
    /// A registry that is followed signs with a key that is not believed.
    NotBelieved {
        /// What it has said something of.
        name: String,
    },
    /// There are as many members as may be.
    Full,
}

/// What an agent is told before it gossips.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The keys of all agents.
    pub keys: Keys,
    /// Who is asked to be let in.
    pub seeds: Vec<SocketAddr>,
    /// A round begins as often, in milliseconds.
    pub interval_ms: u64,
    /// Members that are asked in a round, and told of news.
    pub fanout: usize,
}

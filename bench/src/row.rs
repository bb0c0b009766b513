//! A row: what a figure was measured to be, against what it must be.
//!
//! Owns the judgement and the words of a row. It must not know how anything is measured.

mod series;

use serde::Serialize;

pub(crate) use series::Series;

use crate::args::Figure;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Unit {
    #[serde(rename = "s")]
    Seconds,
    #[serde(rename = "ms")]
    Milliseconds,
    #[serde(rename = "µs")]
    Microseconds,
    #[serde(rename = "MiB")]
    Mebibytes,
    #[serde(rename = "crates")]
    Crates,
    #[serde(rename = "instructions/request")]
    InstructionsPerRequest,
    #[serde(rename = "/s")]
    PerSecond,
    #[serde(rename = "×")]
    Times,
    #[serde(rename = "changes")]
    Changes,
    #[serde(rename = "runs")]
    Runs,
    #[serde(rename = "%")]
    Percent,
    /// A plain number.
    #[serde(rename = "exponent")]
    Exponent,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Microseconds => "µs",
            Self::Mebibytes => "MiB",
            Self::Crates => "crates",
            Self::InstructionsPerRequest => "instructions/request",
            Self::PerSecond => "/s",
            Self::Times => "×",
            Self::Changes => "changes",
            Self::Runs => "runs",
            Self::Percent => "%",
            Self::Exponent => "exponent",
        }
    }

    fn digits(self, value: f64) -> usize {
        match self {
            Self::Seconds if value < 10.0 => 3,
            Self::Seconds | Self::Milliseconds | Self::Microseconds => 1,
            Self::Mebibytes | Self::Times | Self::Percent | Self::Exponent => 2,
            Self::Crates | Self::InstructionsPerRequest | Self::PerSecond => 0,
            Self::Changes | Self::Runs => 0,
        }
    }

    /// A number with its unit.
    pub(crate) fn show(self, value: f64) -> String {
        format!("{value:.*} {}", self.digits(value), self.name())
    }
}

/// What the value must keep to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::enum_variant_names, reason = "these are the words of a bar")]
pub(crate) enum Bar {
    /// In the row's unit.
    AtMost(f64),
    /// The same: more is better.
    AtLeast(f64),
    /// As a multiple of the peer's value in the same run.
    AtMostOfPeer(f64),
    /// The same: more is better.
    AtLeastOfPeer(f64),
}

/// Something else that does the same, measured in the same run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) value: f64,
    /// The row's value as a multiple of it: the median over the rounds.
    pub(crate) ratio: f64,
}

/// Whether the bar is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Ok,
    /// Over the bar, or not measured although it was wanted.
    Short,
}

impl Verdict {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Short => "short",
        }
    }
}

/// One figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Row {
    pub(crate) name: Figure,
    /// None: it could not be measured, and `how` says why.
    pub(crate) value: Option<f64>,
    pub(crate) unit: Unit,
    pub(crate) bar: Bar,
    /// What is hoped for beyond the bar, in the row's unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) aim: Option<f64>,
    pub(crate) peer: Option<Peer>,
    pub(crate) verdict: Verdict,
    /// How many samples the value stands for.
    pub(crate) samples: usize,
    /// The statistic, the spread, where the time went.
    pub(crate) how: String,
}

/// A measured value and what it stands for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Measured {
    pub(crate) value: f64,
    pub(crate) peer: Option<Peer>,
    pub(crate) samples: usize,
    pub(crate) how: String,
}

impl Row {
    /// Judges what was measured.
    pub(crate) fn new(name: Figure, unit: Unit, bar: Bar, measured: Measured) -> Self {
        let Measured { value, peer, samples, how } = measured;
        let keeps = match (bar, &peer) {
            (Bar::AtMost(most), _) => value <= most,
            (Bar::AtLeast(least), _) => value >= least,
            (Bar::AtMostOfPeer(most), Some(peer)) => peer.ratio <= most,
            (Bar::AtLeastOfPeer(least), Some(peer)) => peer.ratio >= least,
            (Bar::AtMostOfPeer(_) | Bar::AtLeastOfPeer(_), None) => false,
        };
        let verdict = if keeps { Verdict::Ok } else { Verdict::Short };
        Self { name, value: Some(value), unit, bar, aim: None, peer, verdict, samples, how }
    }

    /// A row that has no value.
    pub(crate) fn missing(name: Figure, unit: Unit, bar: Bar, why: String) -> Self {
        let verdict = Verdict::Short;
        Self { name, value: None, unit, bar, aim: None, peer: None, verdict, samples: 0, how: why }
    }

    /// The value with its unit.
    pub(crate) fn shown_value(&self) -> String {
        let value = self.value.map(|value| self.unit.show(value));
        match (value, self.bar, &self.peer) {
            (None, ..) => "not measured".to_owned(),
            (Some(value), Bar::AtMostOfPeer(_) | Bar::AtLeastOfPeer(_), Some(peer)) => {
                format!("{:.3}×: {value}", peer.ratio)
            }
            (Some(value), ..) => value,
        }
    }

    /// The bar with its unit.
    pub(crate) fn shown_bar(&self) -> String {
        match self.bar {
            Bar::AtMost(most) => format!("≤ {most} {}", self.unit.name()),
            Bar::AtLeast(least) => format!("≥ {least} {}", self.unit.name()),
            Bar::AtMostOfPeer(most) => format!("≤ {most:.2}×"),
            Bar::AtLeastOfPeer(least) => format!("≥ {least:.2}×"),
        }
    }

    /// What is hoped for, with the unit.
    pub(crate) fn shown_aim(&self) -> String {
        let sign = if matches!(self.bar, Bar::AtLeast(_)) { '≥' } else { '≤' };
        let shown = |aim| format!("{sign} {aim} {}", self.unit.name());
        self.aim.map_or_else(|| "–".to_owned(), shown)
    }

    /// The value as a multiple of the peer's.
    pub(crate) fn shown_ratio(&self) -> String {
        let shown = |peer: &Peer| {
            let digits = if peer.ratio < 0.1 { 5 } else { 3 };
            format!("{:.digits$}×", peer.ratio)
        };
        self.peer.as_ref().map_or_else(|| "–".to_owned(), shown)
    }

    /// The peer and its value.
    pub(crate) fn shown_peer(&self) -> String {
        self.peer.as_ref().map_or_else(
            || "–".to_owned(),
            |peer| format!("{}: {}", peer.name, self.unit.show(peer.value)),
        )
    }
}

#[cfg(test)]
mod tests;

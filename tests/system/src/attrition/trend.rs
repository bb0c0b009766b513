//! Whether a figure grows: a straight line through the second half of its samples.
//!
//! The first half is left out, since what is bounded fills up there. It must not know what the
//! figures are of.

use std::fmt;

/// Of the second half. With fewer of them one odd sample tips the line.
const SAMPLES_MIN: usize = 60;
/// Growth over the whole run, in parts of the mean, that is no growth.
const FLAT: f64 = 0.05;

/// What the samples show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trend {
    /// Growth over the run, in parts of the mean; it may be negative.
    Flat(f64),
    Grows(f64),
    /// Too few samples, or not of one process.
    NotShown,
}

/// Through `(seconds, value)`, in order of time. What grows by less than `slack` does not grow: of
/// a few descriptors one more or less is much.
pub(super) fn trend(samples: &[(f64, f64)], slack: f64) -> Trend {
    let half = &samples[samples.len() / 2..];
    let (Some((first, _)), Some((last, _))) = (samples.first(), samples.last()) else {
        return Trend::NotShown;
    };
    if half.len() < SAMPLES_MIN {
        return Trend::NotShown;
    }
    let (slope, mean) = line(half);
    let growth = slope * (last - first);
    let part = if mean > 0.0 { growth / mean } else { 0.0 };
    if part < FLAT || growth < slack { Trend::Flat(part) } else { Trend::Grows(part) }
}

/// By least squares: the slope, and the mean of the values.
fn line(samples: &[(f64, f64)]) -> (f64, f64) {
    let number = samples.len() as f64;
    let mean_of = |part: fn(&(f64, f64)) -> f64| samples.iter().map(part).sum::<f64>() / number;
    let (time, value) = (mean_of(|one| one.0), mean_of(|one| one.1));
    let both: f64 = samples.iter().map(|one| (one.0 - time) * (one.1 - value)).sum();
    let square: f64 = samples.iter().map(|one| (one.0 - time).powi(2)).sum();
    (if square > 0.0 { both / square } else { 0.0 }, value)
}

impl fmt::Display for Trend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flat(part) => write!(f, "flat ({:+.1} %)", part * 100.0),
            Self::Grows(part) => write!(f, "GROWS ({:+.1} %)", part * 100.0),
            Self::NotShown => f.write_str("not shown"),
        }
    }
}

#[cfg(test)]
mod tests;

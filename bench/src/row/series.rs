//! Samples of one figure, and what is said of them.
//!
//! Owns the statistics. It must not know what was sampled.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Measured, Unit};

/// Samples in the order in which they were taken.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Series {
    pub(crate) values: Vec<f64>,
    /// Parts of each sample, such as how far the first phase came.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) parts: Vec<BTreeMap<&'static str, f64>>,
}

impl Series {
    pub(crate) fn add(&mut self, value: f64) {
        self.values.push(value);
    }

    pub(crate) fn add_with(&mut self, value: f64, parts: BTreeMap<&'static str, f64>) {
        self.values.push(value);
        self.parts.push(parts);
    }

    /// The value that this share of the samples does not exceed: the nearest rank, no interpolation.
    ///
    /// # Panics
    /// Without samples.
    pub(crate) fn percentile(&self, share: u32) -> f64 {
        percentile(&self.values, share)
    }

    /// A latency: the 95th percentile is what counts.
    pub(crate) fn latency(&self, unit: Unit) -> Measured {
        self.latency_at(95, unit)
    }

    /// A latency of which another percentile counts.
    pub(crate) fn latency_at(&self, share: u32, unit: Unit) -> Measured {
        let [least, median, value, most] = [0, 50, share, 100].map(|share| self.percentile(share));
        let samples = self.values.len();
        let mut how = if samples == 1 {
            "one sample".to_owned()
        } else {
            let [least, median, most] = [least, median, most].map(|value| unit.show(value));
            format!("p{share} of {samples}; p50 {median}, least {least}, most {most}")
        };
        let parts = self.median_parts(unit);
        if !parts.is_empty() {
            let until = if samples == 1 { "until" } else { "median until" };
            how.push_str(&format!("; {until} {}", parts.join(", ")));
        }
        Measured { value, peer: None, samples, how }
    }

    /// The median of each part, the earliest first.
    fn median_parts(&self, unit: Unit) -> Vec<String> {
        let mut all: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for (name, value) in self.parts.iter().flatten() {
            all.entry(name).or_default().push(*value);
        }
        let mut medians: Vec<(f64, &str)> =
            all.into_iter().map(|(name, values)| (percentile(&values, 50), name)).collect();
        medians.sort_by(|one, other| one.0.total_cmp(&other.0));
        medians.into_iter().map(|(value, name)| format!("{name} {}", unit.show(value))).collect()
    }
}

fn percentile(values: &[f64], share: u32) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() * share as usize).div_ceil(100).max(1);
    sorted[rank - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples_by_nearest_rank() {
        let values: Vec<f64> = (1..=20).rev().map(f64::from).collect();
        assert_eq!([0, 50, 95, 100].map(|share| percentile(&values, share)), [1., 10., 19., 20.]);
        assert_eq!([0, 50, 95].map(|share| percentile(&[7.0], share)), [7.0; 3]);
        assert_eq!(percentile(&[1.0, 2.0, 3.0, 4.0, 5.0], 95), 5.0);
    }

    #[test]
    fn a_latency_says_its_number_its_percentile_and_its_parts_in_order() {
        let mut series = Series::default();
        for value in [1.0, 3.0, 2.0] {
            series.add_with(value, BTreeMap::from([("all ready", value), ("a plan", value / 2.0)]));
        }
        let measured = series.latency(Unit::Seconds);
        assert_eq!((measured.value, measured.samples), (3.0, 3));
        assert_eq!(
            measured.how,
            "p95 of 3; p50 2.000 s, least 1.000 s, most 3.000 s; \
             median until a plan 1.000 s, all ready 2.000 s"
        );
    }
}

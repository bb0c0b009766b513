//! The linear program over patterns: how much of each pattern to use so that the counts come out.
//!
//! Owns a primal simplex with an explicit inverse. It works in floating point: its prices are only
//! proposals, and what is proved with them is computed anew in integers.

use super::site::Pattern;

const EPSILON: f64 = 1e-7;

/// A pattern of a site, or, without a site, something that stands in for a missing instance.
#[derive(Debug, Clone)]
struct Column {
    cost: f64,
    /// Rows and what it has there.
    entries: Vec<(usize, f64)>,
}

#[derive(Debug)]
pub(super) struct Master {
    rows: usize,
    columns: Vec<Column>,
    basis: Vec<usize>,
    in_basis: Vec<bool>,
    inverse: Vec<f64>,
    values: Vec<f64>,
}

impl Master {
    /// Rows are kinds with what they want, then sites with their hosts. At first every instance is
    /// missing, at that cost (0 where it may be missing), and every host is empty.
    pub(super) fn new(wanted: &[(f64, f64)], hosts: &[(f64, f64)]) -> Self {
        let rows = wanted.len() + hosts.len();
        let mut inverse = vec![0.0; rows * rows];
        let mut columns = Vec::new();
        for (row, (_, cost)) in wanted.iter().chain(hosts).enumerate() {
            inverse[row * rows + row] = 1.0;
            columns.push(Column { cost: *cost, entries: vec![(row, 1.0)] });
        }
        Self {
            rows,
            columns,
            basis: (0..rows).collect(),
            in_basis: vec![true; rows],
            inverse,
            values: wanted.iter().chain(hosts).map(|(amount, _)| *amount).collect(),
        }
    }

    /// Adds a pattern. `kinds` are the rows of its kinds, `site` the row of its site.
    pub(super) fn add(&mut self, site: usize, kinds: &[usize], pattern: &Pattern, cost: f64) {
        let counts = kinds.iter().zip(pattern).filter(|(_, count)| **count > 0);
        let mut entries: Vec<(usize, f64)> =
            counts.map(|(row, count)| (*row, f64::from(*count))).collect();
        entries.push((site, 1.0));
        self.columns.push(Column { cost, entries });
        self.in_basis.push(false);
    }

    /// The price of each row.
    pub(super) fn prices(&self) -> Vec<f64> {
        let mut prices = vec![0.0; self.rows];
        for (at, &column) in self.basis.iter().enumerate() {
            let cost = self.columns[column].cost;
            if cost != 0.0 {
                let row = &self.inverse[at * self.rows..(at + 1) * self.rows];
                prices.iter_mut().zip(row).for_each(|(price, entry)| *price += cost * entry);
            }
        }
        prices
    }

    /// What is used, and how often.
    pub(super) fn solution(&self) -> Vec<(usize, f64)> {
        self.basis.iter().copied().zip(self.values.iter().copied()).collect()
    }

    /// What the present solution is worth.
    pub(super) fn worth(&self) -> f64 {
        let basis = self.basis.iter().zip(&self.values);
        basis.map(|(column, value)| self.columns[*column].cost * value).sum()
    }

    /// Pivots until no column would help, or so many times. Returns the pivots made.
    pub(super) fn solve(&mut self, most: usize) -> usize {
        for pivots in 0..most {
            let prices = self.prices();
            let Some(entering) = self.entering(&prices) else { return pivots };
            if !self.pivot(entering) {
                return pivots;
            }
        }
        most
    }

    fn entering(&self, prices: &[f64]) -> Option<usize> {
        let mut best = None;
        let mut most = EPSILON;
        for (at, column) in self.columns.iter().enumerate() {
            if self.in_basis[at] {
                continue;
            }
            let paid: f64 = column.entries.iter().map(|(row, entry)| prices[*row] * entry).sum();
            let gain = column.cost - paid;
            if gain > most {
                (best, most) = (Some(at), gain);
            }
        }
        best
    }

    fn pivot(&mut self, entering: usize) -> bool {
        let rows = self.rows;
        let direction: Vec<f64> = (0..rows)
            .map(|at| {
                let row = &self.inverse[at * rows..(at + 1) * rows];
                self.columns[entering].entries.iter().map(|(to, entry)| row[*to] * entry).sum()
            })
            .collect();
        let mut leaving: Option<(usize, f64)> = None;
        for (at, &slope) in direction.iter().enumerate().filter(|(_, slope)| **slope > EPSILON) {
            let ratio = self.values[at] / slope;
            // Of equal ratios the largest pivot: small ones make the inverse wrong.
            let better = leaving.is_none_or(|(old, least)| {
                ratio < least - EPSILON || (ratio < least + EPSILON && slope > direction[old])
            });
            if better {
                leaving = Some((at, ratio));
            }
        }
        let Some((out, ratio)) = leaving else { return false };
        for (at, value) in self.values.iter_mut().enumerate() {
            *value = if at == out { ratio } else { (*value - ratio * direction[at]).max(0.0) };
        }
        let scale = direction[out];
        let pivot_row: Vec<f64> =
            self.inverse[out * rows..(out + 1) * rows].iter().map(|entry| entry / scale).collect();
        for (at, slope) in direction.iter().enumerate() {
            let row = &mut self.inverse[at * rows..(at + 1) * rows];
            if at == out {
                row.copy_from_slice(&pivot_row);
            } else if slope.abs() > 1e-12 {
                row.iter_mut().zip(&pivot_row).for_each(|(entry, pivot)| *entry -= slope * pivot);
            }
        }
        self.in_basis[self.basis[out]] = false;
        self.in_basis[entering] = true;
        self.basis[out] = entering;
        true
    }
}

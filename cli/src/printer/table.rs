//! Columns of text that fit their paper: shortened first, then left out, the least needed first.

use super::Tone;
use super::text::{Cut, shortened, width, wrapped};

/// Between two columns.
const GAP: usize = 2;
/// Before what stands below a row.
const INDENT: usize = 4;

/// What a column is, and what may be done to it where there is no room.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    head: &'static str,
    /// It may become as narrow as this.
    least: usize,
    cut: Cut,
    /// Of those that may be left out, the one with the lowest number goes first.
    drop: Option<u8>,
}

impl Column {
    /// One that stays whole.
    pub(crate) const fn whole(head: &'static str) -> Self {
        Self { head, least: usize::MAX, cut: Cut::End, drop: None }
    }

    /// One whose end may be cut off.
    pub(crate) const fn cut(head: &'static str, least: usize) -> Self {
        Self { head, least, cut: Cut::End, drop: None }
    }

    /// One whose middle may be cut out.
    pub(crate) const fn name(head: &'static str, least: usize) -> Self {
        Self { head, least, cut: Cut::Middle, drop: None }
    }

    /// It may be left out, where it is not enough to shorten others.
    pub(crate) const fn or_none(self, order: u8) -> Self {
        Self { drop: Some(order), ..self }
    }

    /// It is left out before anything is shortened.
    pub(crate) const fn extra(head: &'static str) -> Self {
        Self { head, least: usize::MAX, cut: Cut::End, drop: Some(0) }
    }
}

/// One field.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    text: String,
    tone: Option<Tone>,
}

impl Cell {
    pub(crate) fn toned(text: impl Into<String>, tone: Option<Tone>) -> Self {
        Self { text: text.into(), tone }
    }

    /// A state, in the colour that goes with it.
    pub(crate) fn state(state: &str) -> Self {
        Self::toned(state, Tone::of_state(state))
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), tone: None }
    }
}

/// A line of fields. What there is to say beyond them stands behind them or, without room, below.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    cells: Vec<Cell>,
    note: String,
}

impl Row {
    pub(crate) fn new<const N: usize>(cells: [Cell; N]) -> Self {
        Self { cells: cells.into(), note: String::new() }
    }

    pub(crate) fn with_note(self, note: impl Into<String>) -> Self {
        Self { note: note.into(), ..self }
    }
}

/// Rows below their headings.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Row>,
}

impl Table {
    pub(crate) fn new<const N: usize>(columns: [Column; N], rows: Vec<Row>) -> Self {
        Self { columns: columns.into(), rows }
    }

    /// The table in at most so many columns of text; as wide as it is without a number.
    pub(crate) fn render(
        &self,
        paper: Option<usize>,
        paint: impl Fn(Tone, &str) -> String,
    ) -> String {
        let shown = self.fitted(paper.unwrap_or(usize::MAX));
        let heads: Vec<Cell> =
            self.columns.iter().map(|column| Cell::toned(column.head, Some(Tone::Head))).collect();
        let mut lines = vec![self.line(&shown, &heads, &paint).0];
        for row in &self.rows {
            let (line, length) = self.line(&shown, &row.cells, &paint);
            if row.note.is_empty() {
                lines.push(line);
            } else if paper.is_none_or(|paper| length + GAP + width(&row.note) <= paper) {
                let whole: usize = shown.iter().map(|(_, width)| width + GAP).sum();
                let pad = whole.saturating_sub(length).max(GAP);
                let pad = if paper.is_some_and(|paper| length + pad + width(&row.note) > paper) {
                    GAP
                } else {
                    pad
                };
                lines.push(format!("{line}{}{}", " ".repeat(pad), row.note));
            } else {
                lines.push(line);
                let below = format!("{}{}", " ".repeat(INDENT), row.note);
                lines.push(wrapped(&below, paper, 0));
            }
        }
        lines.join("\n")
    }

    /// The columns that are shown, and how wide each is.
    fn fitted(&self, paper: usize) -> Vec<(usize, usize)> {
        let natural = |(at, column): (usize, &Column)| {
            let cells = self.rows.iter().filter_map(|row| row.cells.get(at));
            let widest = cells.map(|cell| width(&cell.text)).max().unwrap_or(0);
            (at, widest.max(width(column.head)))
        };
        let mut shown: Vec<(usize, usize)> = self.columns.iter().enumerate().map(natural).collect();
        loop {
            let total = |shown: &[(usize, usize)]| {
                shown.iter().map(|(_, width)| width).sum::<usize>() + GAP * (shown.len() - 1)
            };
            let room = |(at, wide): &(usize, usize)| {
                let column = &self.columns[*at];
                wide.saturating_sub(column.least.max(width(column.head)))
            };
            let mut excess = total(&shown).saturating_sub(paper);
            let fits = shown.iter().map(room).sum::<usize>() >= excess;
            let order = |(at, _): &&(usize, usize)| self.columns[*at].drop;
            let first = shown.iter().filter(|one| order(one).is_some()).min_by_key(order);
            let drop = |one: &&(usize, usize)| !fits || excess > 0 && order(one) == Some(0);
            if let Some((dropped, _)) = first.filter(drop).copied() {
                shown.retain(|(at, _)| *at != dropped);
                continue;
            }
            while excess > 0 {
                let widest = shown.iter_mut().filter(|one| room(one) > 0).max_by_key(|one| one.1);
                let Some(widest) = widest else { break };
                widest.1 -= 1;
                excess -= 1;
            }
            return shown;
        }
    }

    /// A line, and how many columns it takes.
    fn line(
        &self,
        shown: &[(usize, usize)],
        cells: &[Cell],
        paint: &impl Fn(Tone, &str) -> String,
    ) -> (String, usize) {
        let empty = Cell::default();
        let (mut line, mut length, mut owed) = (String::new(), 0, 0);
        for (at, wide) in shown {
            let cell = cells.get(*at).unwrap_or(&empty);
            let text = shortened(&cell.text, *wide, self.columns[*at].cut);
            let own = width(&text);
            if own > 0 {
                line.push_str(&" ".repeat(owed));
                length += owed + own;
                owed = 0;
                match cell.tone {
                    Some(tone) => line.push_str(&paint(tone, &text)),
                    None => line.push_str(&text),
                }
            }
            owed += wide - own + GAP;
        }
        (line, length)
    }
}

#[cfg(test)]
mod tests;

//! What a run leaves: rows for people or as JSON, the raw samples, the table in the book.
//!
//! Owns their forms. It must not know how anything was measured.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::args::Figure;
use crate::failure::{Failure, with_causes};
use crate::machine::{Machine, Moment, Ticks, commit};
use crate::page;
use crate::row::{Bar, Measured, Row, Unit};
use crate::say;

/// Characters of a row's reason for having no value.
const WHY_CHARS_MAX: usize = 200;
/// Others may take this share and no row says so.
const OTHERS_MAX: f64 = 0.1;
const LOOK: Duration = Duration::from_secs(2);

/// What others have the cores do while nothing is measured.
async fn others() -> f64 {
    let then = Ticks::now();
    tokio::time::sleep(LOOK).await;
    Ticks::now().busy_since(then)
}

/// When and where a run takes place.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) area: &'static str,
    pub(crate) moment: Moment,
    pub(crate) machine: Machine,
    /// The share of all cores' time that others took just before or just after the measurements.
    pub(crate) others: f64,
    pub(crate) commit: Option<String>,
}

impl Head {
    /// Takes the look before the measurements.
    pub(crate) async fn of(area: &'static str, root: &Path) -> Self {
        let (moment, machine) = (Moment::now(), Machine::here());
        Self { area, moment, machine, others: others().await, commit: commit(root) }
    }

    /// Whether others worked enough to make times longer.
    pub(crate) fn is_disturbed(&self) -> bool {
        self.others > OTHERS_MAX
    }

    /// What others took, for people.
    pub(crate) fn shown_others(&self) -> String {
        format!("others took {:.0} % of the cores' time", self.others * 100.0)
    }

    fn json(&self) -> Value {
        json!({
            "area": self.area,
            "date": self.moment.date(),
            "machine": self.machine,
            "others": self.others,
            "disturbed": self.is_disturbed(),
            "commit": self.commit,
        })
    }
}

/// The rows of a run and what they were made from.
#[derive(Debug)]
pub(crate) struct Report {
    head: Head,
    pub(crate) rows: Vec<Row>,
    samples: Map<String, Value>,
    left_out: Vec<Figure>,
}

impl Report {
    pub(crate) fn new(head: Head) -> Self {
        Self { head, rows: Vec::new(), samples: Map::new(), left_out: Vec::new() }
    }

    /// Takes the look after the measurements.
    pub(crate) async fn close(&mut self) {
        self.head.others = self.head.others.max(others().await);
        self.rows.sort_by_key(|row| row.name);
    }

    /// A row, and its raw samples.
    pub(crate) fn add(&mut self, row: Row, samples: &impl Serialize) {
        let samples = serde_json::to_value(samples).expect("numbers always serialise");
        self.samples.insert(row.name.name().to_owned(), samples);
        self.rows.push(row);
    }

    /// A row of what was measured, or one that says why it was not.
    pub(crate) fn take(&mut self, figure: Figure, (unit, bar): (Unit, Bar), outcome: Outcome) {
        match outcome {
            Ok((measured, samples)) => {
                let row = Row::new(figure, unit, bar, measured);
                say::talk(&format!("{}: {} ({})", figure.name(), row.shown_value(), row.how));
                self.add(row, &samples);
            }
            Err(error) => {
                let why = with_causes(&error);
                say::talk(&format!("{}: not measured: {why}", figure.name()));
                self.add(Row::missing(figure, unit, bar, short(&why)), &Value::from(why));
            }
        }
    }

    /// What is hoped for of the row that was taken last.
    pub(crate) fn aim(&mut self, aim: Option<f64>) {
        if let Some(row) = self.rows.last_mut() {
            row.aim = aim;
        }
    }

    /// A figure that nobody asked for.
    pub(crate) fn leave_out(&mut self, figure: Figure) {
        self.left_out.push(figure);
    }

    /// Whether every row has a value.
    pub(crate) fn is_whole(&self) -> bool {
        self.rows.iter().all(|row| row.value.is_some())
    }

    /// Writes the raw samples into a file of their own, and says which.
    pub(crate) fn write_samples(&self, folder: &Path) -> Result<PathBuf, Failure> {
        let io = |error| Failure::io("writing the raw samples", error);
        fs::create_dir_all(folder).map_err(io)?;
        let file = folder.join(format!("{}-{}.json", self.head.area, self.head.moment.stamp()));
        let all = json!({ "run": self.head.json(), "rows": self.rows, "samples": self.samples });
        fs::write(&file, format!("{all:#}\n")).map_err(io)?;
        Ok(file)
    }

    /// Puts the rows into the table of a page.
    pub(crate) fn write_page(&self, file: &Path) -> Result<(), Failure> {
        let io = |error| Failure::io(format!("rewriting {}", file.display()), error);
        let old = fs::read_to_string(file).map_err(io)?;
        let new = page::rewritten(&old, &self.head, &self.rows)
            .map_err(|error| Failure::Unexpected(format!("{}: {error}", file.display())))?;
        fs::write(file, new).map_err(io)
    }

    /// For programs. `samples` is the file with the raw samples.
    pub(crate) fn json(&self, samples: &Path) -> String {
        let mut all = self.head.json();
        all["rows"] = json!(self.rows);
        all["left_out"] = json!(self.left_out);
        all["samples"] = json!(samples.file_name().map(|name| name.to_string_lossy()));
        format!("{all:#}")
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let head = ["row", "measured", "bar", "aim", "peer", "ratio", ""].map(str::to_owned);
        let mut lines = vec![head];
        lines.extend(self.rows.iter().map(|row| {
            let name = row.name.name().to_owned();
            let verdict = row.verdict.word().to_owned();
            let (bar, aim) = (row.shown_bar(), row.shown_aim());
            [name, row.shown_value(), bar, aim, row.shown_peer(), row.shown_ratio(), verdict]
        }));
        let width = |column: usize| {
            lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..7).map(width).collect();
        let mut text = format!("{}, {}", self.head.machine, self.head.moment.date());
        text.push_str(&format!("; {}\n", self.head.shown_others()));
        let hows = std::iter::once("").chain(self.rows.iter().map(|row| row.how.as_str()));
        for (line, how) in lines.iter().zip(hows) {
            let cells: Vec<String> = line
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:<width$}", width = *width))
                .collect();
            text.push_str(&format!("\n{}", cells.join("  ").trim_end()));
            if !how.is_empty() {
                text.push_str(&format!("\n    {how}"));
            }
        }
        for figure in &self.left_out {
            text.push_str(&format!("\n{}  not asked for", figure.name()));
        }
        text
    }
}

/// One figure's outcome: the value, and the raw samples behind it.
pub(crate) type Outcome = Result<(Measured, Value), Failure>;

/// The beginning of a reason, in one line; all of it stands among the samples.
fn short(why: &str) -> String {
    let words: Vec<&str> = why.split_whitespace().collect();
    let text = words.join(" ");
    match text.char_indices().nth(WHY_CHARS_MAX) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_cut_to_one_line() {
        assert_eq!(short("it ended;\n  it said"), "it ended; it said");
        let long = short(&"ä".repeat(WHY_CHARS_MAX + 1));
        assert_eq!(long.chars().count(), WHY_CHARS_MAX + 1);
        assert!(long.ends_with("ä…"));
    }

    fn report() -> Report {
        let machine = Machine {
            cores: 2,
            processor: "P".to_owned(),
            memory_gib: 4.0,
            kernel: "6.1".to_owned(),
        };
        let head =
            Head { area: "path", moment: Moment::now(), machine, others: 0.01, commit: None };
        let mut report = Report::new(head);
        let measured = Measured { value: 41.0, peer: None, samples: 1, how: "counted".to_owned() };
        let row = Row::new(Figure::TaskCrates, Unit::Crates, Bar::AtMost(70.0), measured);
        report.add(row, &[41]);
        report
    }

    #[test]
    fn the_table_has_a_line_for_each_row_and_for_what_was_left_out() {
        let mut report = report();
        report.leave_out(Figure::ColdUp);
        let table = report.table();
        assert!(
            table
                .contains("task-crates  41 crates  ≤ 70 crates  –    –     –      ok\n    counted"),
            "{table}"
        );
        assert!(table.ends_with("cold-up  not asked for"), "{table}");
    }

    #[test]
    fn samples_and_json_have_what_a_row_was_made_from() {
        let mut report = report();
        let folder = tempfile::tempdir().unwrap();
        let file = report.write_samples(&folder.path().join("raw")).unwrap();
        let raw: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        assert_eq!(raw["samples"]["task-crates"], json!([41]));
        let json: Value = serde_json::from_str(&report.json(&file)).unwrap();
        assert_eq!(json["rows"][0]["bar"], json!({ "at_most": 70.0 }));
        assert_eq!(json["rows"][0]["verdict"], "ok");
        assert_eq!(json["samples"], json!(file.file_name().unwrap().to_str()));
        assert!(report.is_whole());
        let why = "no".to_owned();
        report.add(Row::missing(Figure::WarmUp, Unit::Seconds, Bar::AtMost(5.0), why), &[0; 0]);
        assert!(!report.is_whole());
    }
}

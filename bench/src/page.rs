//! The table of an area in a page of the book: found by its marks, rewritten row by row.
//!
//! Owns the block between the marks. It must not know files, or how anything was measured.

use crate::args::Figure;
use crate::report::Head;
use crate::row::Row;

/// What is wrong with a page.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PageError {
    #[error("no line `{0}`")]
    NoMark(String),
}

fn marks(area: &str) -> (String, String) {
    (format!("<!-- bench {area}: begin -->"), format!("<!-- bench {area}: end -->"))
}

/// The page with these rows in its table. Rows that were not measured now keep their old lines, if
/// the machine is still the same.
pub(crate) fn rewritten(page: &str, head: &Head, rows: &[Row]) -> Result<String, PageError> {
    let (begin, end) = marks(head.area);
    let (before, rest) = page.split_once(&begin).ok_or_else(|| PageError::NoMark(begin.clone()))?;
    let (old, after) = rest.split_once(&end).ok_or_else(|| PageError::NoMark(end.clone()))?;
    let machine = format!("Machine: {}.", head.machine);
    let is_same_machine = old.lines().any(|line| line == machine);
    let mut table = vec![String::new(), machine, String::new(), header(head.area)];
    for figure in Figure::ALL {
        let first_cell = format!("| `{}` |", figure.name());
        let kept = || old.lines().find(|line| is_same_machine && line.starts_with(&first_cell));
        match rows.iter().find(|row| row.name == figure) {
            Some(row) => table.push(line(head, row)),
            None => table.extend(kept().map(str::to_owned)),
        }
    }
    Ok(format!("{before}{begin}\n{}\n\n{end}{after}", table.join("\n")))
}

/// Whether rows of an area have aims, and others to be compared with.
fn is_wide(area: &str) -> bool {
    area == "placement"
}

fn header(area: &str) -> String {
    let cells = match is_wide(area) {
        true => "| row | measured | bar | aim | peer | ratio | | how | when |",
        false => "| row | measured | bar | peer | | how | when |",
    };
    format!("{cells}\n{}|", "|---".repeat(cells.matches('|').count() - 1))
}

fn line(head: &Head, row: &Row) -> String {
    let mut when = head.moment.date();
    if let Some(commit) = &head.commit {
        when.push_str(&format!(", {commit}"));
    }
    if head.is_disturbed() {
        when.push_str(&format!("; {}", head.shown_others()));
    }
    let wide = is_wide(head.area);
    let mut cells = vec![format!("`{}`", row.name.name()), row.shown_value(), row.shown_bar()];
    cells.extend(wide.then(|| row.shown_aim()));
    cells.push(row.shown_peer());
    cells.extend(wide.then(|| row.shown_ratio()));
    cells.extend([row.verdict.word().to_owned(), row.how.clone(), when]);
    let escaped = cells.iter().map(|cell| cell.replace('|', "\\|").replace('\n', " "));
    let cells: Vec<String> = escaped.collect();
    format!("| {} |", cells.join(" | "))
}

#[cfg(test)]
mod tests;

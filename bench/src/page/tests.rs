//! Rewriting of the table.

use super::*;
use crate::machine::{Machine, Moment};
use crate::row::{Bar, Measured, Unit};

const PAGE: &str = "# Page\n\n<!-- bench path: begin -->\n<!-- bench path: end -->\n\nThe end.\n";

fn head(cores: usize, others: f64) -> Head {
    let machine =
        Machine { cores, processor: "P".to_owned(), memory_gib: 4.0, kernel: "6.1".to_owned() };
    let commit = Some("abc".to_owned());
    Head { area: "path", moment: Moment::now(), machine, others, commit }
}

fn row(figure: Figure, value: f64) -> Row {
    let measured = Measured { value, peer: None, samples: 1, how: "a | b".to_owned() };
    Row::new(figure, Unit::Seconds, Bar::AtMost(5.0), measured)
}

#[test]
fn only_what_is_between_the_marks_changes_and_twice_is_the_same_as_once() {
    let rows = [row(Figure::WarmUp, 1.0), row(Figure::ReceiptToReady, 0.5)];
    let once = rewritten(PAGE, &head(2, 0.0), &rows).unwrap();
    assert!(once.starts_with("# Page\n\n<!-- bench path: begin -->\n\nMachine: 2 cores of P, "));
    assert!(once.ends_with(" |\n\n<!-- bench path: end -->\n\nThe end.\n"), "{once}");
    let (first, second) =
        (once.find("| `receipt-to-ready` |").unwrap(), once.find("| `warm-up` |").unwrap());
    assert!(first < second, "the order is that of the figures");
    assert!(once.contains("| `warm-up` | 1.000 s | ≤ 5 s | – | ok | a \\| b | "), "{once}");
    assert_eq!(rewritten(&once, &head(2, 0.0), &rows).unwrap(), once);
}

#[test]
fn rows_of_the_same_machine_stay_until_they_are_measured_again() {
    let once = rewritten(PAGE, &head(2, 0.0), &[row(Figure::ColdUp, 4.0)]).unwrap();
    let more = rewritten(&once, &head(2, 0.0), &[row(Figure::WarmUp, 1.0)]).unwrap();
    assert!(more.contains("`cold-up` | 4.000 s") && more.contains("`warm-up` | 1.000 s"));
    let again = rewritten(&more, &head(2, 0.0), &[row(Figure::ColdUp, 3.0)]).unwrap();
    assert!(again.contains("`cold-up` | 3.000 s") && !again.contains("4.000 s"));
    let elsewhere = rewritten(&again, &head(8, 0.0), &[row(Figure::WarmUp, 1.0)]).unwrap();
    assert!(!elsewhere.contains("cold-up"), "another machine's figures do not mix with these");
}

#[test]
fn placement_has_aims_and_ratios_and_its_rows_stay_too() {
    let page = PAGE.replace("path", "placement");
    let head = Head { area: "placement", ..head(2, 0.0) };
    let peer = Some(crate::row::Peer { name: "other", value: 4_000.0, ratio: 0.005 });
    let measured = Measured { value: 20.0, peer, samples: 1, how: String::new() };
    let bar = Bar::AtMost(20.0);
    let mut row = Row::new(Figure::FlatPlain, Unit::Milliseconds, bar, measured);
    row.aim = Some(5.0);
    let page = rewritten(&page, &head, &[row]).unwrap();
    let line = "| `flat-plain` | 20.0 ms | ≤ 20 ms | ≤ 5 ms | other: 4000.0 ms | 0.00500× | ok | ";
    assert!(page.contains(line), "{page}");
    assert!(page.contains("\n|---|---|---|---|---|---|---|---|---|\n| `flat"), "{page}");
    assert!(rewritten(&page, &head, &[]).unwrap().contains(line), "{page}");
}

#[test]
fn figures_of_a_machine_at_work_say_so() {
    let page = rewritten(PAGE, &head(2, 0.31), &[row(Figure::WarmUp, 1.0)]).unwrap();
    assert!(page.contains(", abc; others took 31 % of the cores' time |"), "{page}");
}

#[test]
fn a_page_without_marks_is_refused() {
    let missing = PageError::NoMark("<!-- bench path: begin -->".to_owned());
    assert_eq!(rewritten("# Page\n", &head(2, 0.0), &[]), Err(missing));
}

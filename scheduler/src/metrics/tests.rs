//! What is served is what docs/metrics.md says, both ways.

use std::collections::{BTreeMap, BTreeSet};

use lathe_api::rest::{SchedulerView, StatusView};

use super::*;

/// Type and labels by name, of a section of the page.
fn documented(section: &str) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let page = include_str!("../../../docs/metrics.md");
    let (_, rest) = page.split_once(&format!("\n## {section}\n")).expect("the section");
    let section = rest.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with("| `lathe_"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let bare = |text: &str| text.trim().trim_matches('`').to_owned();
        let labels = cells[3].split(',').map(bare).filter(|label| !label.is_empty()).collect();
        (bare(cells[1]), (cells[2].to_owned(), labels))
    })
    .collect()
}

/// The same of what is served.
fn served(text: &str) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let mut all = BTreeMap::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let of_name = |line: &&str| {
            line.strip_prefix(name).is_some_and(|rest| {
                let ends = ["_total", "_info", "_bucket", "_sum", "_count", ""];
                ends.iter().any(|end| {
                    rest.strip_prefix(end).is_some_and(|rest| rest.starts_with([' ', '{']))
                })
            })
        };
        let samples = text.lines().filter(of_name).filter_map(|line| line.split_once('{'));
        let labels = samples.flat_map(|(_, rest)| rest.split_once('}').unwrap().0.split("\","));
        let labels = labels.filter_map(|pair| Some(pair.split_once('=')?.0.to_owned()));
        let suffix = match kind {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        let labels = labels.filter(|label| label != "le").collect();
        all.insert(format!("{name}{suffix}"), (kind.to_owned(), labels));
    }
    all
}

#[test]
fn the_page_has_every_figure_that_is_served_and_no_other() {
    let metrics = Metrics::default();
    let status = StatusView {
        scheduler: SchedulerView {
            framework_id: None,
            connected: true,
            master: None,
            term: 3,
            waiting_for: None,
            losses: None,
        },
        topologies: Vec::new(),
        instances: Vec::new(),
        hosts: Vec::new(),
    };
    let text = metrics.render(&status, Counts::default()).unwrap();
    let mut documented = documented("Scheduler");
    // Without a request there is no sample: the listener's own test sees it.
    documented.remove("lathe_scheduler_requests_total");
    assert_eq!(served(&text), documented, "{text}");
}

#[test]
fn ends_are_counted_by_the_word_that_their_message_begins_with() {
    for (message, outcome) in [
        ("failed: exit code 3", "failed"),
        ("finished", "finished"),
        ("gonebyoperator", "gone"),
        ("", "other"),
    ] {
        assert_eq!(outcome_of(message), outcome, "{message}");
    }
}

#[test]
fn a_leader_that_has_read_the_store_does_not_wait_for_it_because_of_a_write_of_before() {
    let metrics = Metrics::default();
    metrics.persist_retried();
    assert!(!metrics.store_answers());
    // The lead was lost with that write: the next one reads everything, and writes nothing for long.
    metrics.recovered();
    assert!(metrics.store_answers());
}

//! A cluster's figures, on its real engines.
//!
//! Owns the list of figures, their bars, and the order in which they are measured. How one is
//! measured has a file of its own below.

mod updates;

use std::path::Path;

use crate::args::{Area, Args, Figure};
use crate::failure::Failure;
use crate::programs;
use crate::report::{Head, Report};
use crate::row::{Bar, Unit};
use crate::say;
use crate::surroundings::Surroundings;

/// What a figure of this area is counted in, and its bar.
pub(crate) fn bar(_figure: Figure) -> (Unit, Bar) {
    (Unit::PerSecond, Bar::AtLeast(3_000.0))
}

/// Measures, prints, writes. True if every row has a value.
pub(crate) async fn run(args: &Args) -> Result<bool, Failure> {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = crate_folder.parent().unwrap_or(crate_folder).to_owned();
    let target = programs::target(&root).await?;
    let surroundings = Surroundings::new(root, &target)?;
    let head = Head::of("cluster", &surroundings.root).await;
    if head.is_disturbed() {
        say::talk(&format!("{}: what is measured is too little", head.shown_others()));
    }
    let mut report = Report::new(head);
    for figure in Figure::of(Area::Cluster) {
        if args.wants(figure) {
            report.take(figure, bar(figure), updates::measure(&surroundings).await);
        } else {
            report.leave_out(figure);
        }
    }
    report.close().await;
    let samples = report.write_samples(&crate_folder.join("raw"))?;
    say::talk(&format!("raw samples: {}", samples.display()));
    if args.write {
        let page = surroundings.root.join("docs/performance.md");
        report.write_page(&page)?;
        say::talk(&format!("rewritten: {}", page.display()));
    }
    say::data(&if args.json { report.json(&samples) } else { report.table() });
    Ok(report.is_whole())
}

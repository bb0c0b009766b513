//! A run of one area: what is around the measurements of it.
//!
//! Owns the order from the checkout to the table. It must not know what is measured.

use std::path::Path;

use crate::args::Args;
use crate::failure::Failure;
use crate::programs;
use crate::report::{Head, Report};
use crate::say;
use crate::surroundings::Surroundings;

/// Measures, prints, writes. True if every row has a value.
pub(crate) async fn run(
    name: &'static str,
    args: &Args,
    measure: impl AsyncFnOnce(&Args, &Surroundings, &mut Report) -> Result<(), Failure>,
) -> Result<bool, Failure> {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = crate_folder.parent().unwrap_or(crate_folder).to_owned();
    let target = programs::target(&root).await?;
    let surroundings = Surroundings::new(root, &target)?;
    let head = Head::of(name, &surroundings.root).await;
    if head.is_disturbed() {
        say::talk(&format!("{}: what is measured is too little", head.shown_others()));
    }
    let mut report = Report::new(head);
    measure(args, &surroundings, &mut report).await?;
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

//! How long files may be, in net lines: neither blank nor comment.
//!
//! Owns the budgets and the table of files that are over. It must not know what the lines say; how
//! long functions may be is clippy's.

use super::breach::Breach;
use super::facts::{Repo, is_test_file};
use super::rust;

const FILE_MAX: usize = 400;
/// No reason allows more than this.
const FILE_HARD_MAX: usize = 600;
const TEST_FILE_MAX: usize = 1000;
const LIB_MAX: usize = 120;
const MAIN_MAX: usize = 60;

/// Files that are over the budget: path, what they may have, why. Numbers only shrink.
const EXCEPTIONS: &[(&str, usize, &str)] = &[];

/// Files beyond their budget.
pub(crate) fn check(repo: &Repo) -> Vec<Breach> {
    repo.rust().filter_map(|(path, source)| judge(path, source, EXCEPTIONS)).collect()
}

fn judge(path: &str, source: &str, exceptions: &[(&str, usize, &str)]) -> Option<Breach> {
    let lines = rust::lines(source);
    let is_test = is_test_file(path);
    let counted = if is_test { &lines[..] } else { &lines[..rust::before_tests(&lines)] };
    let net = counted.iter().filter(|line| line.is_net()).count();
    let (most, mend) = if is_test {
        (TEST_FILE_MAX, "part it by what is tested")
    } else if path.ends_with("src/lib.rs") {
        (LIB_MAX, "a lib.rs has text, modules and re-exports: move the rest out")
    } else if path.ends_with("src/main.rs") {
        (MAIN_MAX, "a main.rs goes from arguments to a run: move the rest out")
    } else {
        let exception = exceptions.iter().find(|(file, ..)| *file == path);
        let most = exception.map_or(FILE_MAX, |(_, most, _)| (*most).min(FILE_HARD_MAX));
        (most, "part it by what each half owns")
    };
    (net > most).then(|| {
        let what = format!("{net} net lines; {most} are allowed");
        Breach::new(path, lines.len(), what, mend)
    })
}

#[cfg(test)]
mod tests;

//! Topologies that users of the simulation submit: small, with every word, and satisfiable on the
//! hosts of a healthy run.

use lathe_scheduler::framework::event::Submission;
use lathe_scheduler::framework::records::ArtifactRecord;

use crate::draw::Draw;
use crate::hosts::{BAD_VERSION, FINITE_TASK};

/// Names that may be submitted.
pub(crate) const NAMES: [&str; 5] = ["shop", "data", "web", "batch", "jobs"];

/// The tasks of one of them.
pub(crate) fn tasks_of(name: &str) -> &'static [&'static str] {
    match name {
        "shop" => &["shop.lb", "shop.page"],
        "data" => &["data.db"],
        "web" => &["web.cache", "web.front"],
        "jobs" => &["jobs.once"],
        _ => &["batch.worker"],
    }
}

/// A random version of one of the topologies.
pub(crate) fn submission(draw: &mut Draw, name: &str) -> Submission {
    let count = draw.between(1, 3);
    let version =
        *draw.pick(&["1.0.0", "1.0.0", "1.0.0", "1.1.0", "1.1.0", BAD_VERSION]).unwrap_or(&"1.0.0");
    let note = draw.between(1, 3);
    // Where `never` may leave no host for one more, an update goes on without it.
    let rule = rule(note, if name == "data" { 2 } else { count });
    let source = match name {
        "shop" => format!(
            "[task.shop.lb]\ncrate = \"app\"\nversion = \"{version}\"\ntask = \"my::Task\"\ntasks = {count}\n\
             tags = [\"lb\"]\nbiases = [[\"lb\", \"avoid\"], [\"page\", \"prefer\"]]\nnote = {note}\n\
             [task.shop.page]\ncrate = \"app\"\nversion = \"1.0.0\"\ntask = \"my::Task\"\ntasks = {}\n\
             tags = [\"page\"]\n",
            draw.between(1, 5)
        ),
        "data" => format!(
            "[task.data.db]\ncrate = \"app\"\nversion = \"{version}\"\ntask = \"my::Task\"\ntasks = {count}\n\
             tags = [\"heavy_disk\"]\nbiases = [[\"heavy_disk\", \"never\"]]\n{rule}"
        ),
        "web" => format!(
            "[task.web.cache]\ncrate = \"app\"\nversion = \"1.0.0\"\ntask = \"my::Task\"\ntasks = {count}\n\
             tags = [\"cache\"]\nbiases = [[\"cache\", \"never\"]]\n\
             [task.web.front]\ncrate = \"app\"\nversion = \"{version}\"\ntask = \"my::Task\"\ntasks = 2\n\
             biases = [[\"cache\", \"prefer\", 80]]\n{rule}"
        ),
        "jobs" => format!(
            "[task.jobs.once]\ncrate = \"app\"\nversion = \"1.0.0\"\ntask = \"{FINITE_TASK}\"\ntasks = {count}\n\
             restart = \"on-failure\"\nnote = {note}\n"
        ),
        _ => format!(
            "[task.batch.worker]\ncrate = \"app\"\nversion = \"{version}\"\ntask = \"my::Task\"\ntasks = {}\n\
             biases = [[\"heavy_disk\", \"avoid\"]]\n{rule}",
            draw.between(0, 6)
        ),
    };
    let artifacts = ["1.0.0", "1.1.0", BAD_VERSION].map(|version| ArtifactRecord {
        crate_name: "app".to_owned(),
        version: version.to_owned(),
        sha256: "0".repeat(64),
        size: 1,
        source_key: version.to_owned(),
        tasks: vec!["my::Task".to_owned(), FINITE_TASK.to_owned()],
        sdk: true,
    });
    Submission { name: name.to_owned(), source, artifacts: artifacts.to_vec() }
}

/// How a task is updated: not said, or by one of a few rules.
fn rule(note: u64, count: u64) -> &'static str {
    match (note, count) {
        (1, _) => "",
        (2, 1) => "update = {}\n",
        (2, 2) => "update = { parallel = \"50%\", bake = \"2s\" }\n",
        (2, _) => "update = { max_surge = 1, min_healthy = \"100%\", bake = \"3s\" }\n",
        (_, 1) => "update = { parallel = 2, max_surge = 2, canary = 1, bake = \"1s\" }\n",
        (_, 2) => "update = { max_surge = \"50%\", min_healthy = \"50%\", bake = \"15s\" }\n",
        _ => "update = { parallel = 3, bake = \"0\", auto_rollback = false }\n",
    }
}

/// One that no number of hosts can satisfy, so that refusals are exercised.
#[must_use]
pub(crate) fn impossible() -> Submission {
    let source = "[task.lonely]\ncrate = \"app\"\nversion = \"1.0.0\"\ntask = \"my::Task\"\ntasks = 64\n\
                  tags = [\"alone\"]\nbiases = [[\"alone\", \"never\"]]\n";
    let mut draw = Draw::new(0, "artifacts");
    Submission {
        name: "lonely".to_owned(),
        source: source.to_owned(),
        artifacts: submission(&mut draw, "data").artifacts,
    }
}

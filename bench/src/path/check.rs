//! `lathe check` of a file with a thousand tasks.
//!
//! Owns the file and the starts. It must not know what is checked.

use std::fmt::Write as _;
use std::time::Instant;

use lathe_child::Output;
use serde_json::json;

use super::Stage;
use crate::failure::Failure;
use crate::report::Outcome;
use crate::row::{Series, Unit};
use crate::say;
use crate::surroundings::program;

const TASKS: usize = 1_000;
const ROUNDS: usize = 50;

/// The whole command, from the start of the process to its end. The first start is not counted: it
/// reads the program from the disk.
pub(super) async fn measure(stage: &Stage<'_>) -> Outcome {
    say::talk(&format!("checking a file of {TASKS} tasks, {ROUNDS} times"));
    let folder = stage.surroundings.folder("check-")?;
    let file = folder.path().join("large.toml");
    std::fs::write(&file, source()).map_err(|error| Failure::io("writing a topology", error))?;
    let check = async || {
        let spawn = program(stage.lathe.path("lathe")?)
            .arg("check")
            .arg(&file)
            .stdout(Output::Null)
            .stderr(Output::Null);
        let started = Instant::now();
        let what = "lathe check".to_owned();
        let mut child =
            spawn.start().map_err(|source| Failure::Start { program: what.clone(), source })?;
        let exit = child.wait().await;
        let took = started.elapsed();
        if exit.success() {
            return Ok(took.as_secs_f64() * 1_000.0);
        }
        let how = format!("code {:?}, signal {:?}", exit.code, exit.signal);
        Err(Failure::Ended { what, how, said: String::new() })
    };
    check().await?;
    let mut series = Series::default();
    for _ in 0..ROUNDS {
        series.add(check().await?);
    }
    let mut measured = series.latency(Unit::Milliseconds);
    let _ = write!(measured.how, "; {} KiB", source().len() / 1024);
    Ok((measured, json!(series)))
}

/// Tasks that name one another, with tags, resources, own keys and three biases each.
fn source() -> String {
    let mut text = String::from("[defaults]\nresources = { cpus = 0.1, mem = \"64MiB\" }\n");
    for at in 0..TASKS {
        let other = (at + 7) % TASKS;
        let _ = write!(
            text,
            "\n[task.shop.part-{at}]\ncrate = \"part_{}\"\nversion = \"1.{}.0\"\n\
             task = \"my::Part\"\ntasks = {}\ntags = [\"part\", \"t{}\"]\n\
             biases = [[\"t{}\", \"avoid\", 30], [\"shop.part-{other}\", \"prefer\"], \
             [\"heavy-{}\", \"never\"]]\n\
             env = {{ LEVEL = \"{at}\" }}\nown = {{ limit = {at}, names = [\"a\", \"b\"] }}\n",
            at % 50,
            at % 9,
            at % 5 + 1,
            at % 100,
            at % 100,
            at % 10,
        );
    }
    // Somebody carries what is named, so that nothing is warned about.
    for at in 0..10 {
        let _ = write!(
            text,
            "\n[task.heavy.h{at}]\ncrate = \"heavy\"\nversion = \"1.0.0\"\ntask = \"my::Heavy\"\n\
             tasks = 1\ntags = [\"heavy-{at}\"]\n"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_has_a_thousand_tasks_and_nothing_is_wrong_with_it() {
        let checked = lathe_topology::parse("large", &source()).unwrap();
        assert!(checked.topology.tasks.len() >= TASKS);
        assert_eq!(checked.warnings, []);
    }
}

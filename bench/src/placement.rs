//! Placement's figures: families of instances that are made from seeds, solved, and checked.
//!
//! Owns the list of figures, their bars, and what is made of the samples. A case has a process of its
//! own, so that its memory and its time are its own, and one that goes on too long is ended. It must
//! not know how a case is made or solved.

mod bundles;
mod case;
mod churn;
mod deletion;
mod draw;
mod flat;
mod impossible;
mod mixed;
mod peers;
mod planted;
mod racked;
mod solved;
mod tables;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use crate::args::{Area, Args, Figure};
use crate::failure::Failure;
use crate::report::{Head, Outcome, Report};
use crate::row::{Bar, Measured, Series, Unit};
use crate::say;

pub(crate) use solved::run as case;

/// Seeds of each family, unless `--rounds` says so.
const SEEDS: u32 = 10;
/// No case goes on for longer.
const LONGEST: Duration = Duration::from_secs(180);

/// What a figure of this area is counted in, and its bar.
pub(crate) fn bar(figure: Figure) -> (Unit, Bar) {
    match figure {
        Figure::FlatPlain => (Unit::Milliseconds, Bar::AtMost(20.0)),
        Figure::FlatNever => (Unit::Milliseconds, Bar::AtMost(20.0)),
        Figure::FlatLarge => (Unit::Milliseconds, Bar::AtMost(300.0)),
        Figure::FlatGrowth => (Unit::Exponent, Bar::AtMost(1.15)),
        Figure::MixedFirst => (Unit::Milliseconds, Bar::AtMost(50.0)),
        Figure::MixedValid => (Unit::Percent, Bar::AtLeast(99.0)),
        Figure::MixedBound | Figure::PlantedSmall | Figure::PlantedLarge => {
            (Unit::Percent, Bar::AtLeast(99.0))
        }
        Figure::MixedMiddle | Figure::ChurnScore | Figure::BundlesFuller => {
            (Unit::Percent, Bar::AtLeast(95.0))
        }
        Figure::RackedBound => (Unit::Percent, Bar::AtLeast(90.0)),
        Figure::ImpossibleStatic => (Unit::Milliseconds, Bar::AtMost(1.0)),
        Figure::ImpossibleReasons => (Unit::Milliseconds, Bar::AtMost(100.0)),
        Figure::ChurnEvent => (Unit::Milliseconds, Bar::AtMost(10.0)),
        Figure::PlacementMemory => (Unit::Mebibytes, Bar::AtMost(200.0)),
        _ => (Unit::Percent, Bar::AtLeast(100.0)),
    }
}

/// What is hoped for beyond the bar, in the figure's unit.
fn aim(figure: Figure) -> Option<f64> {
    Some(match figure {
        Figure::FlatPlain | Figure::FlatNever => 5.0,
        Figure::FlatLarge => 80.0,
        Figure::FlatGrowth => 1.05,
        Figure::MixedBound => 99.5,
        Figure::MixedMiddle => 97.0,
        Figure::PlantedSmall | Figure::PlantedLarge | Figure::BundlesFuller => 100.0,
        Figure::ChurnEvent => 2.0,
        Figure::ChurnScore => 98.0,
        _ => return None,
    })
}

/// Measures, prints, writes. True if every row has a value.
pub(crate) async fn run(args: &Args) -> Result<bool, Failure> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = folder.parent().unwrap_or(folder);
    let head = Head::of("placement", root).await;
    if head.is_disturbed() {
        say::talk(&format!(
            "{}: what is measured in milliseconds is too long",
            head.shown_others()
        ));
    }
    let mut report = Report::new(head);
    let mut known = Known::default();
    for figure in Figure::of(Area::Placement) {
        if args.wants(figure) {
            say::talk(figure.name());
            report.take(figure, bar(figure), measure(args, figure, &mut known).await);
            report.aim(aim(figure));
        } else {
            report.leave_out(figure);
        }
    }
    report.close().await;
    let samples = report.write_samples(&folder.join("raw"))?;
    say::talk(&format!("raw samples: {}", samples.display()));
    if args.write {
        let page = root.join("docs/performance.md");
        report.write_page(&page)?;
        say::talk(&format!("rewritten: {}", page.display()));
    }
    say::data(&if args.json { report.json(&samples) } else { report.table() });
    Ok(report.is_whole())
}

/// A case by its name, and for how many milliseconds it may be improved.
type Asked = (String, u32);
/// Cases that were solved in this run: several rows are about the same ones.
type Known = BTreeMap<Asked, Value>;

/// Runs cases one after another; one that does not end well has the reason in `failed`.
async fn all(asked: Vec<Asked>, known: &mut Known) -> Result<Vec<Value>, Failure> {
    let program =
        std::env::current_exe().map_err(|error| Failure::io("finding this program", error))?;
    let (mut answers, count) = (Vec::new(), asked.len());
    for (at, (name, within)) in asked.into_iter().enumerate() {
        let key = (name, within);
        if let Some(answer) = known.get(&key) {
            answers.push(answer.clone());
            continue;
        }
        let (name, within) = &key;
        say::talk(&format!("  {} of {count}: {name}", at + 1));
        let child = tokio::process::Command::new(&program)
            .args(["placement", "--case", name, "--within", &within.to_string()])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let mut answer = match tokio::time::timeout(LONGEST, child).await {
            Err(_) => json!({ "failed": format!("no answer in {} s", LONGEST.as_secs()) }),
            Ok(Err(error)) => return Err(Failure::io("running a case", error)),
            Ok(Ok(output)) => serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
                let said = String::from_utf8_lossy(&output.stderr);
                json!({ "failed": said.lines().last().unwrap_or("it ended without a word") })
            }),
        };
        answer["case"] = json!(name);
        answers.push(answer.clone());
        known.insert(key, answer);
    }
    Ok(answers)
}

/// Numbers of the answers that have one; how many have none.
fn numbers(answers: &[Value], key: &str) -> (Series, usize) {
    let mut series = Series::default();
    let numbers = answers.iter().filter_map(|answer| answer[key].as_f64());
    numbers.for_each(|number| series.add(number));
    let without = answers.len() - series.values.len();
    (series, without)
}

/// The names and reasons of those that failed, the first ones.
fn failures(answers: &[Value]) -> String {
    let failed =
        answers.iter().filter_map(|one| Some((one["case"].as_str()?, one["failed"].as_str()?)));
    let listed: Vec<String> = failed.map(|(case, why)| format!("{case}: {why}")).take(3).collect();
    if listed.is_empty() { String::new() } else { format!("; {}", listed.join("; ")) }
}

/// A time: the median counts, and every case has to have one.
fn median(answers: &[Value], key: &str, share: u32, unit: Unit) -> Outcome {
    let (series, without) = numbers(answers, key);
    if series.values.is_empty() || without > 0 {
        let why =
            format!("{without} of {} without a valid plan{}", answers.len(), failures(answers));
        return Err(Failure::Unexpected(why));
    }
    Ok((series.latency_at(share, unit), json!(answers)))
}

/// A share of cases for which something is so.
fn share(answers: &[Value], key: &str) -> Outcome {
    let good = answers.iter().filter(|answer| answer[key] == true).count();
    let value = 100.0 * good as f64 / answers.len().max(1) as f64;
    let bad = answers.iter().filter(|answer| answer[key] != true);
    let bad: Vec<&str> = bad.filter_map(|answer| answer["case"].as_str()).take(5).collect();
    let mut how = format!("{good} of {}", answers.len());
    if !bad.is_empty() {
        how.push_str(&format!("; not {}{}", bad.join(", "), failures(answers)));
    }
    Ok((Measured { value, peer: None, samples: answers.len(), how }, json!(answers)))
}

/// A share that each case has; the least counts. A case without one has nothing.
fn least(answers: &[Value], key: &str) -> Outcome {
    let mut series = Series::default();
    for answer in answers {
        series.add(100.0 * answer[key].as_f64().unwrap_or(0.0));
    }
    let how = format!(
        "the least of {}; median {:.2}, most {:.2}{}",
        answers.len(),
        series.percentile(50),
        series.percentile(100),
        failures(answers)
    );
    let value = series.percentile(0);
    Ok((Measured { value, peer: None, samples: answers.len(), how }, json!(answers)))
}

/// A figure's cases without their seeds, and for how many milliseconds each may be improved.
fn cases(figure: Figure) -> (&'static [&'static str], u32) {
    match figure {
        Figure::FlatPlain => (&["flat:plain:10000:1000"], 0),
        Figure::FlatNever => (&["flat:never:10000:1000"], 0),
        Figure::FlatLarge => (&["flat:plain:100000:10000", "flat:never:100000:10000"], 0),
        Figure::FlatGrowth => {
            (&["flat:never:1000:200", "flat:never:10000:1000", "flat:never:100000:10000"], 0)
        }
        Figure::MixedFirst => (&["mixed:100:10000:1000:70"], 0),
        Figure::MixedValid => (
            &[
                "mixed:8:40:10:70",
                "mixed:20:300:50:70",
                "mixed:40:1000:100:70",
                "mixed:8:40:10:90",
                "mixed:20:300:50:90",
                "mixed:40:1000:100:90",
            ],
            1_000,
        ),
        Figure::MixedBound => (&["mixed:8:40:10:70", "mixed:20:300:50:70"], 1_000),
        Figure::MixedMiddle => (&["mixed:40:1000:100:70"], 2_000),
        Figure::RackedBound => (&["racked:8:40:10:70", "racked:20:300:50:70"], 1_000),
        Figure::PlantedSmall => (&["planted:1000:100:5"], 100),
        Figure::PlantedLarge => (&["planted:10000:1000:5"], 2_000),
        Figure::ImpossibleVerdicts => (&impossible::NAMES, 0),
        Figure::ImpossibleStatic => (&impossible::STATIC, 0),
        Figure::ImpossibleReasons | Figure::ImpossibleCores | Figure::ImpossibleIrreducible => {
            (&impossible::REFUSED, 0)
        }
        Figure::BundlesFull => (&["bundles:200:90", "bundles:2000:90", "bundles:20000:90"], 1_000),
        Figure::BundlesFuller => {
            (&["bundles:200:95", "bundles:2000:95", "bundles:20000:95"], 1_000)
        }
        Figure::ChurnEvent | Figure::ChurnScore => (&["churn:100:10000:1000"], 0),
        _ => (&["flat:plain:100000:10000", "flat:never:100000:10000"], 0),
    }
}

async fn measure(args: &Args, figure: Figure, known: &mut Known) -> Outcome {
    let (names, within) = cases(figure);
    // These take long: a bound of two minutes, a thousand events, or as large as it gets.
    let usual = match figure {
        Figure::MixedMiddle | Figure::ChurnEvent | Figure::ChurnScore => 3,
        Figure::PlacementMemory => 1,
        _ => SEEDS,
    };
    let seeds = 1..=args.rounds.unwrap_or(usual).min(usual);
    let asked = names
        .iter()
        .flat_map(|name| seeds.clone().map(move |seed| (format!("{name}:{seed}"), within)));
    let asked: Vec<Asked> = asked.collect();
    let mut answers = all(asked.clone(), known).await?;
    if figure == Figure::MixedMiddle {
        held_against_bounds(&asked, &mut answers, known).await?;
    }
    let ms = Unit::Milliseconds;
    if figure == Figure::ImpossibleStatic {
        // The check alone: no search, no reasons.
        answers.iter_mut().for_each(|answer| answer["ms"] = answer["static_ms"].clone());
    }
    let outcome = match figure {
        Figure::FlatGrowth => growth(&answers),
        Figure::MixedValid | Figure::BundlesFull | Figure::BundlesFuller => {
            share(&answers, "valid")
        }
        Figure::MixedBound | Figure::RackedBound => least(&answers, "of_bound"),
        Figure::MixedMiddle => least(&answers, "of_best_bound"),
        Figure::PlantedSmall | Figure::PlantedLarge => least(&answers, "of_optimum"),
        Figure::ImpossibleVerdicts => share(&answers, "right"),
        Figure::ImpossibleCores => share(&answers, "core_small"),
        Figure::ImpossibleIrreducible => share(&answers, "irreducible"),
        Figure::ImpossibleStatic | Figure::ImpossibleReasons => median(&answers, "ms", 95, ms),
        Figure::ChurnEvent => median(&answers, "p99_ms", 50, ms),
        Figure::ChurnScore => least(&answers, "of_fresh"),
        Figure::PlacementMemory => median(&answers, "peak_mib", 100, Unit::Mebibytes),
        _ => median(&answers, "ms", 50, ms),
    };
    let (mut measured, samples) = outcome?;
    if figure == Figure::MixedMiddle {
        measured.how.push_str(&format!("; {usual} seeds, as each bound takes two minutes"));
    }
    if args.alone {
        return Ok((measured, samples));
    }
    let peer = peers::beside(figure, &answers, &mut measured).await;
    Ok((measured, json!({ "own": samples, "peer": peer })))
}

/// Finds the bounds of cases in a longer time, and says what share of them was reached.
async fn held_against_bounds(
    asked: &[Asked],
    answers: &mut [Value],
    known: &mut Known,
) -> Result<(), Failure> {
    let bounds = asked.iter().map(|(name, _)| (format!("bound:{name}"), 0));
    for (answer, found) in answers.iter_mut().zip(all(bounds.collect(), known).await?) {
        let bounds = [&answer["bound"], &found["bound"]].map(Value::as_i64);
        let Some(bound) = bounds.into_iter().flatten().min() else { continue };
        answer["best_bound"] = json!(bound);
        answer["longer"] = found;
        if let (Some(score), true) = (answer["score"].as_i64(), answer["valid"] == true) {
            let gap = (bound - score).max(0) as f64 / bound.abs().max(1) as f64;
            answer["of_best_bound"] = json!(1.0 - gap);
        }
    }
    Ok(())
}

/// The exponent of time in the number of instances, between the least size and the largest.
fn growth(answers: &[Value]) -> Outcome {
    let of = |size: &str| {
        let here: Vec<Value> = answers
            .iter()
            .filter(|one| one["case"].as_str().is_some_and(|case| case.starts_with(size)))
            .cloned()
            .collect();
        let (series, without) = numbers(&here, "ms");
        (without == 0 && !series.values.is_empty()).then(|| series.percentile(50))
    };
    let (Some(small), Some(large)) = (of("flat:never:10000:"), of("flat:never:100000:")) else {
        return Err(Failure::Unexpected(format!("a size has no valid plan{}", failures(answers))));
    };
    let exponent = (large / small).log10();
    let least = of("flat:never:1000:").unwrap_or(f64::NAN);
    let how = format!(
        "log10 of the medians' ratio, 100,000 × 10,000 to 10,000 × 1,000: {least:.2} ms, {small:.1} ms, {large:.1} ms"
    );
    Ok((Measured { value: exponent, peer: None, samples: answers.len(), how }, json!(answers)))
}

#[cfg(test)]
mod tests;

//! What the SDK adds to hyper: instructions per request of the smallest task and of the same by
//! hyper alone, counted by callgrind.
//!
//! Owns the counting: two runs that differ in the number of requests only, so that start and end
//! cancel. It must not know how either program serves.

use std::path::Path;
use std::time::Duration;

use lathe_child::{Child, Output, Signal};
use serde::Serialize;
use serde_json::json;

use super::Stage;
use crate::failure::Failure;
use crate::http::{Answer, Connection, free_port};
use crate::programs;
use crate::report::Outcome;
use crate::row::{Measured, Peer, Series};
use crate::say;
use crate::surroundings::program;
use crate::up::SOON;

const ROUNDS: usize = 5;
const FEW: u64 = 1_000;
const MANY: u64 = 6_000;
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The median of the rounds; each has both programs, in alternating order.
pub(super) async fn measure(stage: &Stage<'_>) -> Outcome {
    let missing = |error: Failure| {
        let why = crate::failure::with_causes(&error);
        Failure::Unexpected(format!("the package `valgrind` has to be installed: {why}"))
    };
    version().await.map_err(missing)?;
    say::talk("building the smallest task and the same by hyper alone");
    let built = programs::hellos(&stage.surroundings.root).await?;
    let (task, hyper) = (built.path("hello_task")?, built.path("hello_hyper")?);
    say::talk(&format!("counting instructions, {ROUNDS} rounds"));
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        let (of_task, of_hyper);
        if round % 2 == 0 {
            of_task = per_request(stage, task).await?;
            of_hyper = per_request(stage, hyper).await?;
        } else {
            of_hyper = per_request(stage, hyper).await?;
            of_task = per_request(stage, task).await?;
        }
        let (lines, other) = (of_task.answer.lines(), of_hyper.answer.lines());
        if lines != other {
            let text = format!("the answers differ: {lines:?} and {other:?}");
            return Err(Failure::Unexpected(text));
        }
        rounds.push(Round { task: of_task.instructions, hyper: of_hyper.instructions });
    }
    Ok((judge(&rounds), json!(rounds)))
}

/// One round's instructions per request.
#[derive(Clone, Copy, Debug, Serialize)]
struct Round {
    task: f64,
    hyper: f64,
}

fn judge(rounds: &[Round]) -> Measured {
    let series = |value: fn(&Round) -> f64| {
        let mut series = Series::default();
        rounds.iter().for_each(|round| series.add(value(round)));
        series
    };
    let ratios = series(|round| round.task / round.hyper);
    let (task, hyper) = (series(|round| round.task), series(|round| round.hyper));
    let [least, ratio, most] = [0, 50, 100].map(|share| ratios.percentile(share));
    let how = format!(
        "callgrind, {} requests less {FEW}, one connection, one worker thread; median of {} rounds \
         with both in turn, ratio {least:.3} to {most:.3}; the same bytes answered",
        MANY,
        rounds.len()
    );
    let peer = Peer { name: "raw hyper", value: hyper.percentile(50), ratio };
    Measured { value: task.percentile(50), peer: Some(peer), samples: rounds.len(), how }
}

/// One program's count, and what it answers.
struct Counted {
    instructions: f64,
    answer: Answer,
}

async fn per_request(stage: &Stage<'_>, binary: &Path) -> Result<Counted, Failure> {
    let (few, _) = count(stage, binary, FEW).await?;
    let (many, answer) = count(stage, binary, MANY).await?;
    let difference = many.checked_sub(few).ok_or_else(|| {
        Failure::Unexpected(format!("{many} instructions for more requests than {few} are for"))
    })?;
    Ok(Counted { instructions: difference as f64 / (MANY - FEW) as f64, answer })
}

/// All instructions of a run that serves so many requests, and the last answer.
async fn count(stage: &Stage<'_>, binary: &Path, requests: u64) -> Result<(u64, Answer), Failure> {
    let folder = stage.surroundings.folder("callgrind-")?;
    let counts = folder.path().join("counts");
    let io = |doing: &str| {
        let doing = doing.to_owned();
        move |error| Failure::io(doing, error)
    };
    let port = free_port().await.map_err(io("finding a port"))?;
    let file = format!("--callgrind-out-file={}", counts.display());
    let spawn = program("valgrind")
        .args(["--tool=callgrind", "--quiet", &file])
        .arg(binary)
        .env("LATHE_TASK", "hello")
        .env("LATHE_PORT_HTTP", port.to_string())
        .env("LATHE_THREADS", "1")
        .dir(folder.path());
    let what = format!("{} under callgrind", binary.display());
    let mut child =
        spawn.start().map_err(|source| Failure::Start { program: what.clone(), source })?;
    let served = serve(&mut child, port, requests).await;
    let told = child.signal(Signal::Term);
    let exit = tokio::time::timeout(SOON, child.wait()).await;
    let exit = match exit {
        Ok(exit) => exit,
        Err(_) => child.end(Duration::ZERO).await,
    };
    let answer = served.map_err(io(&format!("asking {what}")))?;
    told.map_err(io("ending it"))?;
    if !exit.success() {
        let how = format!("code {:?}, signal {:?}", exit.code, exit.signal);
        return Err(Failure::Ended { what, how, said: String::new() });
    }
    let text = std::fs::read_to_string(&counts).map_err(io("reading callgrind's counts"))?;
    let missing = || Failure::Unexpected("callgrind's file has no totals".to_owned());
    Ok((totals(&text).ok_or_else(missing)?, answer))
}

/// Waits until it listens, then asks so many times on one connection.
async fn serve(child: &mut Child, port: u16, requests: u64) -> Result<Answer, std::io::Error> {
    let address = format!("127.0.0.1:{port}");
    let asked = tokio::time::timeout(SOON, async {
        let mut connection = loop {
            match Connection::open(&address).await {
                Ok(connection) => break connection,
                Err(error) if child.try_wait().is_some() => return Err(error),
                Err(_) => tokio::time::sleep(LOOK_AGAIN).await,
            }
        };
        let mut last = None;
        for _ in 0..requests {
            let answer = connection.ask().await?;
            if !answer.is_smile() {
                return Err(std::io::Error::other(format!("it answered {:?}", answer.lines())));
            }
            last = Some(answer);
        }
        last.ok_or_else(|| std::io::Error::other("nothing was asked"))
    });
    asked.await.unwrap_or_else(|late| Err(late.into()))
}

/// The sum in callgrind's file.
fn totals(text: &str) -> Option<u64> {
    let line = text.lines().rev().find_map(|line| line.strip_prefix("totals:"))?;
    line.trim().parse().ok()
}

async fn version() -> Result<(), Failure> {
    let what = "valgrind".to_owned();
    let spawn = program("valgrind").arg("--version").stdout(Output::Null);
    let mut child =
        spawn.start().map_err(|source| Failure::Start { program: what.clone(), source })?;
    let exit = child.wait().await;
    let how = format!("code {:?}, signal {:?}", exit.code, exit.signal);
    let said = String::new();
    if exit.success() { Ok(()) } else { Err(Failure::Ended { what, how, said }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_totals_of_a_file_count() {
        let file = "version: 1\nsummary: 5\n\nfn=(1) a\n1 5\n\ntotals: 123456\n";
        assert_eq!(totals(file), Some(123_456));
        assert_eq!(totals("summary: 5\n"), None);
    }

    #[test]
    fn the_ratio_is_the_median_of_the_rounds_ratios() {
        let rounds = [(110.0, 100.0), (120.0, 100.0), (105.0, 100.0)];
        let rounds = rounds.map(|(task, hyper)| Round { task, hyper });
        let measured = judge(&rounds);
        let peer = measured.peer.unwrap();
        assert_eq!((measured.value, peer.value, peer.ratio), (110.0, 100.0, 1.1));
        assert_eq!(measured.samples, 3);
        assert!(measured.how.contains("ratio 1.050 to 1.200"), "{}", measured.how);
        assert_eq!(
            crate::row::Unit::InstructionsPerRequest.show(measured.value),
            "110 instructions/request"
        );
    }
}

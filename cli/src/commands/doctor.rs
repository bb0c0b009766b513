//! `lathe doctor`: looks at everything that this command needs, and says what is wrong with it.

mod clock;
mod cluster;
mod here;

use serde::Serialize;

use crate::args::{Doctor, Find};
use crate::failure::{FAILED, Failure, OK};
use crate::find::Found;
use crate::home::Home;
use crate::printer::{Printer, Tone, wrapped};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Ok,
    Warn,
    Fail,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }

    fn tone(self) -> Tone {
        match self {
            Self::Ok => Tone::Good,
            Self::Warn => Tone::Busy,
            Self::Fail => Tone::Bad,
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Finding {
    check: &'static str,
    level: Level,
    text: String,
    hint: Option<String>,
}

/// Everything that was looked at.
#[derive(Debug, Default, Serialize)]
struct Findings {
    findings: Vec<Finding>,
}

impl Findings {
    fn ok(&mut self, check: &'static str, text: impl Into<String>) {
        self.findings.push(Finding { check, level: Level::Ok, text: text.into(), hint: None });
    }

    fn bad(
        &mut self,
        check: &'static str,
        level: Level,
        text: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let (text, hint) = (text.into(), Some(hint.into()));
        self.findings.push(Finding { check, level, text, hint });
    }

    fn worst(&self) -> Level {
        self.findings.iter().map(|one| one.level).max().unwrap_or(Level::Ok)
    }
}

pub(crate) async fn run(find: &Find, asked: &Doctor, printer: &Printer) -> Result<u8, Failure> {
    let home = Home::find(find.home.as_deref())?;
    let progress = printer.progress("looking");
    let mut all = Findings::default();
    here::look(&home, &mut all);
    match Found::of(find) {
        Ok(found) => {
            all.ok("finding", format!("{}, named by {}", found.scheduler, found.by));
            here::token(found.token_file.as_deref(), &mut all);
            cluster::look(&home, &found, &mut all).await;
        }
        Err(failure) => {
            let hint = failure.hint.unwrap_or_default();
            all.bad("finding", Level::Fail, failure.text, hint);
        }
    }
    progress.clear();
    if asked.json {
        printer.json(&all, true);
    } else {
        all.findings.iter().for_each(|one| printer.data(&line(one, printer)));
    }
    let count = |level| all.findings.iter().filter(|one| one.level == level).count();
    printer.say(&format!(
        "{} ok, {} to be looked at, {} failed",
        count(Level::Ok),
        count(Level::Warn),
        count(Level::Fail)
    ));
    Ok(if all.worst() == Level::Fail { FAILED } else { OK })
}

fn line(one: &Finding, printer: &Printer) -> String {
    let word = one.level.word();
    let text = wrapped(&format!("{word:<4}  {:<10}  {}", one.check, one.text), printer.width(), 18);
    let text = text.replacen(word, &printer.paint(one.level.tone(), word), 1);
    match one.hint.as_deref().filter(|hint| !hint.is_empty()) {
        Some(hint) => {
            let hint = format!("{:18}hint: {hint}", "");
            format!("{text}\n{}", wrapped(&hint, printer.width(), 6))
        }
        None => text,
    }
}

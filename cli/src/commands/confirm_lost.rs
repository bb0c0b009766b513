//! `lathe hosts confirm-lost`: hosts that went at once never come back, says somebody who knows. What is
//! not replaced for their sake is replaced then.

use lathe_api::rest::{LossesView, StatusView};
use lathe_api::v1;
use lathe_api::v1::losses_reply::Outcome;
use lathe_topology::Code;
use serde::Serialize;

use super::planned;
use crate::args::Find;
use crate::client::Client;
use crate::failure::{Failure, OK, REFUSED};
use crate::printer::{Printer, utc};
use crate::report;

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Lost {
    /// Hosts that are waited for no longer.
    hosts: Vec<String>,
}

pub(crate) async fn run(
    find: &Find,
    yes: bool,
    json: bool,
    printer: &Printer,
) -> Result<u8, Failure> {
    let client = Client::find(find)?;
    let status: StatusView = client.read("/v1/status").await?;
    let Some(losses) = status.scheduler.losses else {
        printer.say("no hosts went at once: each is replaced as its tasks say");
        return Ok(show(Vec::new(), json, printer));
    };
    let what = format!("{}: {}", away(&losses), losses.hosts.join(", "));
    let then = "what ran there would be started elsewhere, even if it runs on";
    if !yes && !printer.confirm(&format!("{what}; {then}. Go on?")) {
        let failure = Failure::coded(Code::NOT_CONFIRMED, format!("nothing is replaced: {what}"));
        return Err(failure.with_code(REFUSED).with_hint("--yes goes on without asking"));
    }
    let reply = client.calls().await?.confirm_losses(v1::ConfirmLossesRequest {}).await;
    let reply = reply.map_err(|status| planned::called(&status))?.into_inner();
    let hosts = match reply.outcome {
        Some(Outcome::Lost(lost)) => lost.hosts,
        Some(Outcome::Refused(refused)) => return Err(report::refuse(printer, None, &refused)),
        None => return Err(Failure::new("the scheduler gave an empty answer")),
    };
    if hosts.is_empty() {
        printer.say("they are waited for no longer already");
    } else {
        printer.say(&format!("{}: what ran there is replaced as its tasks say", hosts.join(", ")));
    }
    Ok(show(hosts, json, printer))
}

fn show(hosts: Vec<String>, json: bool, printer: &Printer) -> u8 {
    if json {
        printer.json(&Lost { hosts }, true);
    }
    OK
}

fn away(losses: &LossesView) -> String {
    format!("{} of {} hosts went at once", losses.hosts.len(), losses.of)
}

/// The line below the list of hosts.
pub(super) fn held(losses: &LossesView) -> String {
    let until = utc(losses.held_until_ms);
    format!(
        "{}: nothing of theirs is replaced before {until}\n\
         `lathe hosts confirm-lost` says that they never come back",
        away(losses)
    )
}

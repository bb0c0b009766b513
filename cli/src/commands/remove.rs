//! `lathe remove TOPOLOGY`.

use lathe_api::rest::StatusView;
use lathe_api::v1;
use lathe_topology::Code;

use super::carry::{End, follow};
use super::planned;
use crate::args::{Find, Remove};
use crate::client::Client;
use crate::failure::{Failure, OK, REFUSED};
use crate::printer::Printer;
use crate::report;

pub(crate) async fn run(find: &Find, asked: &Remove, printer: &Printer) -> Result<u8, Failure> {
    let client = Client::find(find)?;
    if !asked.yes {
        let status: StatusView = client.read("/v1/status").await?;
        let planned = plan_of(&status, &asked.topology);
        let running = planned.changes.len();
        if running > 0 {
            printer.say(&planned::show(&asked.topology, &planned, printer));
        }
        let question =
            format!("{}: {running} running instances would be stopped. Go on?", asked.topology);
        if running > 0 && !printer.confirm(&question) {
            let text = format!(
                "{} is not removed: {running} running instances would be stopped",
                asked.topology
            );
            let failure = Failure::coded(Code::NOT_CONFIRMED, text);
            return Err(failure.with_code(REFUSED).with_hint("--yes goes on without asking"));
        }
    }
    let request = v1::RemoveRequest {
        name: asked.topology.clone(),
        submission_id: uuid::Uuid::new_v4().to_string(),
    };
    let mut calls = client.calls().await?;
    let stream =
        calls.remove(request).await.map_err(|status| planned::called(&status))?.into_inner();
    match follow(stream, &asked.topology, "removing", true, printer).await? {
        End::Done(_) => {
            printer.say(&format!("{}: removed", asked.topology));
            Ok(OK)
        }
        End::Refused(refused) => Err(report::refuse(printer, None, &refused)),
    }
}

/// What ends with the topology: all of it that runs.
fn plan_of(status: &StatusView, topology: &str) -> v1::Plan {
    let running = status.instances.iter().filter(|one| one.topology == topology);
    let changes = running.filter_map(|one| {
        Some(v1::Change {
            kind: v1::change::Kind::Stop.into(),
            instance: one.instance.clone(),
            task: one.task.clone(),
            host: one.host.clone()?,
            ..v1::Change::default()
        })
    });
    v1::Plan { changes: changes.collect(), ..v1::Plan::default() }
}

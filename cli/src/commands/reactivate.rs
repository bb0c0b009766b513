//! `lathe reactivate HOST`: a host that was drained or deactivated takes instances again.

use lathe_api::rest::HostView;
use lathe_api::v1;
use lathe_api::v1::host_reply::Outcome;

use super::planned;
use crate::args::{Find, Reactivate};
use crate::client::Client;
use crate::failure::{Failure, OK};
use crate::printer::Printer;
use crate::report;

pub(crate) async fn run(find: &Find, asked: &Reactivate, printer: &Printer) -> Result<u8, Failure> {
    let client = Client::find(find)?;
    let request = v1::ReactivateRequest { host: asked.host.clone() };
    let reply = client.calls().await?.reactivate(request).await;
    let reply = reply.map_err(|status| planned::called(&status))?.into_inner();
    let changed = host_of(reply, printer)?;
    let but = if changed.changed { "" } else { " already" };
    printer.say(&format!("{}: {}{but}", changed.host, changed.state));
    if asked.json {
        let hosts: Vec<HostView> = client.read("/v1/hosts").await?;
        let host = hosts.into_iter().find(|host| host.name == changed.host);
        printer.json(&host.map(|host| HostView { state: changed.state, ..host }), true);
    }
    Ok(OK)
}

/// What has become of the host; a refusal is printed.
pub(super) fn host_of(reply: v1::HostReply, printer: &Printer) -> Result<v1::HostChanged, Failure> {
    match reply.outcome {
        Some(Outcome::Host(changed)) => Ok(changed),
        Some(Outcome::Refused(refused)) => Err(report::refuse(printer, None, &refused)),
        None => Err(Failure::new("the scheduler gave an empty answer")),
    }
}

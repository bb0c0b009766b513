//! Plans as the scheduler makes them: asked for, and shown.
//!
//! Must not know what becomes of a plan.

use lathe_api::v1;
use lathe_api::v1::change::Kind;
use lathe_api::v1::plan_reply::Outcome;

use super::change::Change;
use crate::client::Client;
use crate::failure::{Failure, UNREACHABLE, chain};
use crate::printer::{Printer, Tone, wrapped};

/// Asks for the plan; a refusal is printed.
pub(crate) async fn ask(
    client: &Client,
    change: &Change<'_>,
    max_moves: u32,
    printer: &Printer,
) -> Result<v1::Plan, Failure> {
    let request = v1::PlanRequest { edit: Some(change.edit.clone()), max_moves };
    let reply = client.calls().await?.plan(request).await.map_err(|status| called(&status))?;
    match reply.into_inner().outcome {
        Some(Outcome::Plan(plan)) => Ok(plan),
        Some(Outcome::Refused(refused)) => Err(change.refusal(&refused, printer)),
        None => Err(Failure::new("the scheduler gave an empty answer")),
    }
}

/// A gRPC failure in words.
pub(crate) fn called(status: &tonic::Status) -> Failure {
    let text = match status.code() {
        tonic::Code::Unauthenticated | tonic::Code::PermissionDenied => {
            format!("the scheduler refused the token: {}", status.message())
        }
        tonic::Code::Unavailable | tonic::Code::Unknown | tonic::Code::Cancelled => {
            let text = format!("the scheduler has gone: {}", chain(status));
            let hint = "`lathe status` tells what it had accepted";
            return Failure::new(text).with_code(UNREACHABLE).with_hint(hint);
        }
        _ if status.message().is_empty() => chain(status),
        _ => status.message().to_owned(),
    };
    Failure::new(text)
}

/// Whether carrying it out would end something that runs.
pub(crate) fn stops(plan: &v1::Plan) -> bool {
    plan.changes.iter().any(|c| matches!(c.kind(), Kind::Stop | Kind::Move | Kind::Replace))
}

/// The plan as lines: what changes, what stays in short, and what differs beside the instances.
pub(crate) fn show(name: &str, plan: &v1::Plan, printer: &Printer) -> String {
    let line = |change: &v1::Change| {
        let (sign, word) = sign_of(change.kind());
        let mut line = format!("  {sign} {word:<8} {} on {}", change.instance, change.host);
        if !change.from.is_empty() {
            line = format!("{line} (from {})", change.from);
        }
        if !change.reason.is_empty() {
            line = format!("{line}: {}", change.reason);
        }
        let line = wrapped(&line, printer.width(), 11);
        let tone = match change.kind() {
            Kind::Start => Tone::Good,
            Kind::Stop => Tone::Bad,
            _ => Tone::Busy,
        };
        line.replacen(word, &printer.paint(tone, word), 1)
    };
    let changing = plan.changes.iter().filter(|change| change.kind() != Kind::Keep);
    let mut lines: Vec<String> = changing.map(line).collect();
    let kept = plan.changes.len() - lines.len();
    let changes = match lines.len() {
        0 => "no instance changes".to_owned(),
        1 => "1 change".to_owned(),
        more => format!("{more} changes"),
    };
    let notes = plan.notes.iter().map(|note| wrapped(&format!("  ~ {note}"), printer.width(), 2));
    lines.extend(notes);
    if lines.is_empty() {
        return format!("{name}: nothing changes ({kept} instances stay)");
    }
    let head = format!("{name}: {changes}, {kept} instances stay");
    format!("{head}\n{}", lines.join("\n"))
}

/// The sign and the word for a change.
pub(crate) fn sign_of(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Keep => (" ", "keep"),
        Kind::Start => ("+", "start"),
        Kind::Stop => ("-", "stop"),
        Kind::Move => (">", "move"),
        Kind::Replace => ("~", "replace"),
    }
}

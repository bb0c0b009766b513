//! `lathe plan FILE`: what a submission would change.

use lathe_api::v1;
use lathe_api::v1::change::Kind;
use lathe_api::v1::edit::What;
use lathe_api::v1::plan_reply::Outcome;
use serde_json::json;

use super::carry::{self, Change};
use super::source::Source;
use crate::args::{Find, Plan as Asked};
use crate::client::Client;
use crate::failure::{Failure, OK, UNREACHABLE, chain};
use crate::printer::{Printer, Tone, wrapped};

pub(crate) async fn run(find: &Find, asked: &Asked, printer: &Printer) -> Result<u8, Failure> {
    let source = Source::read(&asked.file, printer)?;
    let client = Client::find(find)?;
    let built = source.build(printer).await?;
    let name = source.topology.name.clone();
    let change = Change {
        edit: v1::Edit { what: Some(What::Submission(source.submission(&built))) },
        subject: name.clone(),
        topology: Some(name),
        source: Some(&source),
    };
    let plan = ask(&client, &change, asked.max_moves, printer).await?;
    if asked.json {
        printer.json(&as_json(&source.topology.name, &plan), true);
    } else {
        printer.data(&show(&source.topology.name, &plan, printer));
        if asked.all {
            kept(&plan).for_each(|line| printer.data(&line));
        }
    }
    Ok(OK)
}

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
        Some(Outcome::Refused(refused)) => Err(carry::refusal(change, &refused, printer)),
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

/// What stays, where it stays, and why, where there is a reason.
fn kept(plan: &v1::Plan) -> impl Iterator<Item = String> {
    plan.changes.iter().filter(|change| change.kind() == Kind::Keep).map(|change| {
        let (sign, word) = sign_of(Kind::Keep);
        let reason = match change.reason.as_str() {
            "" => String::new(),
            reason => format!(": {reason}"),
        };
        format!("  {sign} {word:<8} {} on {}{reason}", change.instance, change.host)
    })
}

fn sign_of(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Keep => (" ", "keep"),
        Kind::Start => ("+", "start"),
        Kind::Stop => ("-", "stop"),
        Kind::Move => (">", "move"),
        Kind::Replace => ("~", "replace"),
    }
}

fn as_json(name: &str, plan: &v1::Plan) -> serde_json::Value {
    let changes: Vec<_> = plan
        .changes
        .iter()
        .map(|change| {
            json!({
                "change": sign_of(change.kind()).1,
                "instance": change.instance,
                "task": change.task,
                "host": change.host,
                "from": (!change.from.is_empty()).then_some(&change.from),
                "reason": (!change.reason.is_empty()).then_some(&change.reason),
            })
        })
        .collect();
    json!({ "topology": name, "changes": changes, "score": plan.score, "notes": plan.notes })
}

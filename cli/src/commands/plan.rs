//! `lathe plan FILE`: what a submission would change, as the scheduler says.
//!
//! With `--hosts` no scheduler is asked; that is `offline`'s.

use lathe_api::v1;
use lathe_api::v1::change::Kind;
use lathe_api::v1::edit::What;
use lathe_topology::Code;
use serde_json::json;

use super::change::Change;
use super::planned::{ask, show, sign_of};
use super::source::Source;
use crate::args::{Find, Plan as Asked};
use crate::client::Client;
use crate::failure::{Failure, OK};
use crate::printer::Printer;

pub(crate) async fn run(find: &Find, asked: &Asked, printer: &Printer) -> Result<u8, Failure> {
    if let Some(hosts) = &asked.hosts {
        return super::offline::run(asked, hosts, printer);
    }
    let [file] = asked.files.as_slice() else {
        let text = "a scheduler plans for one file at a time";
        let failure = Failure::coded(Code::WRONG_ARGUMENT, text);
        return Err(failure.with_hint("with --hosts there may be several"));
    };
    let source = Source::read(file, printer)?;
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

//! A change on its way, whatever it is: a file or something that is done by hand. The plan is shown
//! where it would stop something, then it is carried out and followed.

mod follow;

use lathe_api::rest::StatusView;
use lathe_api::v1;
use lathe_api::v1::edit::What;
use lathe_topology::Code;

use super::change::Change;
use super::{planned, status};
use crate::args::{Consent, Find};
use crate::client::Client;
use crate::failure::{Failure, NOT_READY, OK, REFUSED};
use crate::printer::Printer;

pub(crate) use follow::{End, follow};

/// How it is to be done.
pub(crate) struct Order {
    pub yes: bool,
    pub dry_run: bool,
    pub wait_ms: u64,
    /// Whether it waits for room too.
    pub queue: bool,
    pub max_moves: u32,
    pub id: String,
    pub json: bool,
    /// Whether Ctrl-C is this change's own: not where it is a part of something longer.
    pub alone: bool,
}

impl Order {
    pub(crate) fn of(consent: &Consent) -> Result<Self, Failure> {
        // 0 is the scheduler's own default.
        let wait_ms = consent.wait.as_deref().map_or(Ok(0), |wait| {
            lathe_topology::parse_duration_ms(wait).map_err(|error| {
                Failure::coded(Code::WRONG_ARGUMENT, format!("--wait `{wait}`: {error}"))
                    .with_hint("write it as in `--wait 30s`")
            })
        })?;
        let id = consent.submission_id.clone();
        Ok(Self {
            yes: consent.yes,
            dry_run: consent.dry_run,
            wait_ms,
            queue: consent.wait.is_some(),
            max_moves: consent.max_moves,
            id: id.unwrap_or_else(|| uuid::Uuid::new_v4().to_string()),
            json: consent.json,
            alone: true,
        })
    }
}

/// What became of a change that was accepted.
pub(crate) struct Done {
    pub all_ready: bool,
}

/// A change by hand: asked for, carried out, shown.
pub(crate) async fn by_hand(
    find: &Find,
    what: What,
    subject: &str,
    consent: &Consent,
    printer: &Printer,
) -> Result<u8, Failure> {
    let order = Order::of(consent)?;
    let client = Client::find(find)?;
    let status: StatusView = client.read("/v1/status").await?;
    let change = Change {
        edit: v1::Edit { what: Some(what) },
        subject: subject.to_owned(),
        topology: topology_of(&status, subject),
        source: None,
    };
    run(&client, &change, &order, printer).await
}

/// The topology that a topology's, a task's or an instance's name belongs to.
fn topology_of(status: &StatusView, name: &str) -> Option<String> {
    let name = name.strip_prefix("task.").unwrap_or(name);
    let task = name.split('#').next().unwrap_or(name);
    let has = |one: &&lathe_api::rest::TopologyView| one.tasks.iter().any(|of| of.task == task);
    let named = status.topologies.iter().find(|one| one.name == name);
    named.or_else(|| status.topologies.iter().find(has)).map(|one| one.name.clone())
}

/// Carries it out and shows what runs then; with `--dry-run`, what would change.
pub(crate) async fn run(
    client: &Client,
    change: &Change<'_>,
    order: &Order,
    printer: &Printer,
) -> Result<u8, Failure> {
    if order.dry_run {
        let plan = planned::ask(client, change, order.max_moves, printer).await?;
        printer.data(&planned::show(&change.subject, &plan, printer));
        return Ok(OK);
    }
    let done = carry_out(client, change, order, printer).await?;
    let now: StatusView = client.read("/v1/status").await?;
    let now = match &change.topology {
        Some(name) => status::of_topology(now, name),
        None => now,
    };
    if order.json {
        printer.json(&now, true);
    } else {
        printer.data(&status::show(&now, printer));
    }
    Ok(if done.all_ready { OK } else { NOT_READY })
}

/// Shows the plan where something would be stopped, asks, and carries it out.
pub(crate) async fn carry_out(
    client: &Client,
    change: &Change<'_>,
    order: &Order,
    printer: &Printer,
) -> Result<Done, Failure> {
    let mut may_stop = order.yes;
    // What waits for room has no plan yet; where it would stop something, it is refused then.
    if !order.yes && !order.queue {
        let planned = planned::ask(client, change, order.max_moves, printer).await?;
        if planned::stops(&planned) {
            printer.say(&planned::show(&change.subject, &planned, printer));
            if !printer.confirm("Running instances would be stopped. Go on?") {
                let text = "not submitted: running instances would be stopped";
                let failure = Failure::coded(Code::NOT_CONFIRMED, text);
                return Err(failure.with_code(REFUSED).with_hint("--yes goes on without asking"));
            }
            may_stop = true;
        }
    }
    let request = v1::SubmitRequest {
        edit: Some(change.edit.clone()),
        max_moves: order.max_moves,
        wait_ms: order.wait_ms,
        submission_id: order.id.clone(),
        may_stop,
        queue: order.queue,
    };
    let mut calls = client.calls().await?;
    let stream =
        calls.submit(request).await.map_err(|status| planned::called(&status))?.into_inner();
    let done = match follow(stream, &change.subject, "planning", order.alone, printer).await? {
        End::Done(done) => done,
        End::Refused(refused) => return Err(change.refusal(&refused, printer)),
    };
    let wanted = wanted(client, change).await?;
    printer.say(&last_line(change, &done.done, wanted));
    done.trouble.iter().for_each(|line| printer.say(line));
    let done = done.done;
    Ok(Done { all_ready: wanted.is_none_or(|wanted| done.ready >= wanted) })
}

/// How many instances there are to be: what the file says, or what counts now.
async fn wanted(client: &Client, change: &Change<'_>) -> Result<Option<u32>, Failure> {
    if let Some(source) = change.source {
        return Ok(Some(source.topology.tasks.iter().map(|task| task.count).sum()));
    }
    let Some(name) = &change.topology else { return Ok(None) };
    let status: StatusView = client.read("/v1/status").await?;
    let found = status.topologies.into_iter().find(|one| one.name == *name);
    Ok(found.map(|one| one.tasks.iter().map(|task| task.wanted).sum()))
}

fn last_line(change: &Change<'_>, done: &v1::Done, wanted: Option<u32>) -> String {
    let subject = &change.subject;
    if let Some(What::Pause(pause)) = &change.edit.what {
        let word = if pause.paused { "paused" } else { "resumed" };
        let but = if done.changed { "" } else { " already" };
        return format!("{subject}: {word}{but}");
    }
    let of = wanted.map(|wanted| format!(" of {wanted}")).unwrap_or_default();
    if done.changed {
        format!("{subject}: revision {}, {}{of} instances ready", done.revision, done.ready)
    } else {
        format!("{subject}: nothing changes (revision {}, {} ready)", done.revision, done.ready)
    }
}

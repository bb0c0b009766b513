//! `lathe submit FILE`: whole or not at all.

use lathe_api::v1;
use lathe_api::v1::edit::What;
use lathe_api::v1::progress::Event;
use tokio_stream::StreamExt as _;

use super::plan;
use super::source::{Source, upload};
use super::status;
use crate::args::{Consent, Find, Submit};
use crate::client::Client;
use crate::failure::{BAD_INPUT, FAILED, Failure, NOT_READY, OK, REFUSED};
use crate::printer::Printer;

pub(crate) async fn run(find: &Find, asked: &Submit, printer: &Printer) -> Result<u8, Failure> {
    let order = Order::of(&asked.consent)?;
    let source = Source::read(&asked.file, printer)?;
    let client = Client::find(find)?;
    let done = submit(&client, &source, &order, printer).await?;
    let now = status::of_topology(client.read("/v1/status").await?, &source.topology.name);
    printer.data(&status::show(&now, printer));
    Ok(if done.all_ready { OK } else { NOT_READY })
}

/// How a submission is to be made.
pub(crate) struct Order {
    pub yes: bool,
    pub wait_ms: u64,
    /// Whether it waits for room too.
    pub queue: bool,
    pub max_moves: u32,
    pub id: String,
    /// Whether Ctrl-C is this submission's own: not where it is a part of something longer.
    pub alone: bool,
}

impl Order {
    pub(crate) fn of(consent: &Consent) -> Result<Self, Failure> {
        // 0 is the scheduler's own default.
        let wait_ms = consent.wait.as_deref().map_or(Ok(0), |wait| {
            lathe_topology::parse_duration_ms(wait).map_err(|error| {
                Failure::new(format!("--wait `{wait}`: {error}")).with_code(BAD_INPUT)
            })
        })?;
        let id = consent.submission_id.clone();
        Ok(Self {
            yes: consent.yes,
            wait_ms,
            queue: consent.wait.is_some(),
            max_moves: consent.max_moves,
            id: id.unwrap_or_else(|| uuid::Uuid::new_v4().to_string()),
            alone: true,
        })
    }
}

/// What became of a submission that was accepted.
pub(crate) struct Done {
    pub all_ready: bool,
}

/// Builds, uploads, shows the plan where something would be stopped, and carries it out.
pub(crate) async fn submit(
    client: &Client,
    source: &Source,
    order: &Order,
    printer: &Printer,
) -> Result<Done, Failure> {
    let built = source.build(printer).await?;
    upload(client, &built).await?;
    let edit = v1::Edit { what: Some(What::Submission(source.submission(&built))) };
    let mut may_stop = order.yes;
    // What waits for room has no plan yet; where it would stop something, it is refused then.
    if !order.yes && !order.queue {
        let planned = plan::ask(client, source, edit.clone(), order.max_moves, printer).await?;
        if plan::stops(&planned) {
            printer.say(&plan::show(&source.topology.name, &planned));
            if !printer.confirm("Running instances would be stopped. Go on?") {
                let failure = Failure::new("not submitted: running instances would be stopped");
                return Err(failure.with_code(REFUSED).with_hint("--yes goes on without asking"));
            }
            may_stop = true;
        }
    }
    let request = v1::SubmitRequest {
        edit: Some(edit),
        max_moves: order.max_moves,
        wait_ms: order.wait_ms,
        submission_id: order.id.clone(),
        may_stop,
        queue: order.queue,
    };
    let mut calls = client.calls().await?;
    let stream = calls.submit(request).await.map_err(|status| plan::called(&status))?.into_inner();
    follow(stream, Some(source), &source.topology.name, order.alone, printer).await
}

/// Shows progress until the end of it. Ctrl-C after the commit says that the work goes on.
pub(crate) async fn follow(
    mut stream: tonic::Streaming<v1::Progress>,
    source: Option<&Source>,
    name: &str,
    alone: bool,
    printer: &Printer,
) -> Result<Done, Failure> {
    let begins = if source.is_some() { "planning" } else { "removing" };
    let progress = printer.progress(&format!("{name}: {begins}"));
    let mut tally = Tally::default();
    let mut committed = false;
    loop {
        let next = tokio::select! {
            next = stream.next() => next,
            () = interrupted(alone) => {
                progress.clear();
                let text = if committed {
                    "left: the submission is accepted and goes on without this command"
                } else {
                    "left before anything was accepted"
                };
                return Err(Failure::new(text));
            }
        };
        let event = match next {
            Some(Ok(message)) => message.event,
            Some(Err(status)) => {
                progress.clear();
                return Err(plan::called(&status));
            }
            None => {
                progress.clear();
                return Err(Failure::new("the scheduler ended the answer early").with_code(FAILED));
            }
        };
        match event {
            Some(Event::Planned(plan)) => {
                progress.now(format!("{name}: {} instances planned", plan.changes.len()));
            }
            Some(Event::Waiting(waiting)) => {
                progress
                    .step(format!("{name}: waiting for offers of {}", waiting.hosts.join(", ")));
            }
            Some(Event::Blocked(blocked)) => {
                progress.step(format!("{name}: waits for room: {}", blocked.sentence));
            }
            Some(Event::Committed(_)) => {
                committed = true;
                progress.step(format!("{name}: accepted, starting"));
            }
            Some(Event::Instance(change)) => progress.now(tally.take(name, &change)),
            Some(Event::Done(done)) => {
                let trouble = tally.trouble();
                progress.done(&last_line(name, &done, source));
                for line in &trouble {
                    printer.say(line);
                }
                return Ok(Done { all_ready: is_whole(&done, source) });
            }
            Some(Event::Refused(refused)) => {
                progress.clear();
                return Err(match source {
                    Some(source) => source.refusal(printer, &refused),
                    None => {
                        Failure::new(refused.sentence).with_code(REFUSED).with_hint(refused.hint)
                    }
                });
            }
            None => {}
        }
    }
}

async fn interrupted(alone: bool) {
    if !alone || tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn wanted(source: Option<&Source>) -> u32 {
    source.map_or(0, |source| source.topology.tasks.iter().map(|task| task.count).sum())
}

fn is_whole(done: &v1::Done, source: Option<&Source>) -> bool {
    done.ready >= wanted(source)
}

fn last_line(name: &str, done: &v1::Done, source: Option<&Source>) -> String {
    if source.is_none() {
        return format!("{name}: removed");
    }
    let wanted = wanted(source);
    if done.changed {
        format!("{name}: revision {}, {} of {wanted} instances ready", done.revision, done.ready)
    } else {
        format!("{name}: nothing changes (revision {}, {} ready)", done.revision, done.ready)
    }
}

/// What the instances were last heard to be.
#[derive(Default)]
struct Tally {
    states: std::collections::BTreeMap<String, (String, String)>,
}

impl Tally {
    fn take(&mut self, name: &str, change: &v1::InstanceChanged) -> String {
        let state = (change.state.clone(), change.message.clone());
        self.states.insert(change.instance.clone(), state);
        let ready = self.states.values().filter(|(state, _)| state == "ready").count();
        format!("{name}: {ready} ready, {} {}", change.instance, change.state)
    }

    fn trouble(&self) -> Vec<String> {
        self.states
            .iter()
            .filter(|(_, (state, message))| {
                // Those that were told to end did as they were told.
                state == "ended" && !message.is_empty() && !message.starts_with("killed")
            })
            .map(|(instance, (_, message))| format!("  {instance}: {message}"))
            .collect()
    }
}

//! `lathe drain HOST`: the master ends what runs there and offers nothing of it. The work is the
//! master's and goes on without this command, which asks first, and then shows how far it is.

use std::time::Duration;

use lathe_api::rest::{HostView, StatusView};
use lathe_api::v1;
use lathe_topology::Code;
use tokio::time::Instant;

use super::planned;
use super::reactivate::host_of;
use crate::args::{Drain, Find};
use crate::client::Client;
use crate::failure::{Failure, NOT_READY, OK, REFUSED, UNREACHABLE};
use crate::printer::{Printer, Progress};

/// Between looks at the host.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// So long the scheduler may say nothing: another one may be about to lead.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn run(find: &Find, asked: &Drain, printer: &Printer) -> Result<u8, Failure> {
    let max_grace_ms = duration_ms("--max-grace", asked.max_grace.as_deref())?;
    let wait_ms = duration_ms("--wait", asked.wait.as_deref())?;
    let client = Client::find(find)?;
    let before: StatusView = client.read("/v1/status").await?;
    confirm(&before, asked, printer)?;
    let request =
        v1::DrainRequest { host: asked.host.clone(), max_grace_ms, mark_gone: asked.mark_gone };
    let reply = client.calls().await?.drain(request).await;
    let changed = reply.map_err(|status| planned::called(&status))?.into_inner();
    let changed = host_of(changed, printer)?;
    if asked.no_wait {
        printer.say(&format!("{}: {}", changed.host, changed.state));
        show(&one(&before, asked, &changed.state), asked, printer);
        return Ok(OK);
    }
    let deadline = wait_ms.map(|ms| Instant::now() + Duration::from_millis(ms));
    let progress = printer.progress(&format!("{}: {}", changed.host, changed.state));
    let end = tokio::select! {
        end = drained(&client, asked, deadline, &progress) => end,
        _ = tokio::signal::ctrl_c() => Err(left(asked)),
    };
    progress.clear();
    let Some(state) = end? else {
        let text = format!("{} is not drained yet; it goes on without this command", asked.host);
        return Err(Failure::new(text).with_code(NOT_READY).with_hint(back(asked)));
    };
    printer.say(&format!("{}: {state}", asked.host));
    let after: StatusView = client.read("/v1/status").await?;
    homeless(&before, &after, asked).iter().for_each(|line| printer.say(line));
    show(&one(&after, asked, state), asked, printer);
    Ok(OK)
}

fn duration_ms(flag: &str, text: Option<&str>) -> Result<Option<u64>, Failure> {
    let Some(text) = text else { return Ok(None) };
    lathe_topology::parse_duration_ms(text).map(Some).map_err(|error| {
        Failure::coded(Code::WRONG_ARGUMENT, format!("{flag} `{text}`: {error}"))
            .with_hint(format!("write it as in `{flag} 30s`"))
    })
}

/// Shows what would end, and asks.
fn confirm(status: &StatusView, asked: &Drain, printer: &Printer) -> Result<(), Failure> {
    let plan = plan_of(status, &asked.host);
    let number = plan.changes.len();
    if asked.yes || (number == 0 && !asked.mark_gone) {
        return Ok(());
    }
    printer.say(&planned::show(&asked.host, &plan, printer));
    let mut what = format!("{number} running instances would be stopped and started elsewhere");
    if asked.mark_gone {
        what.push_str(", and the host would be given up for good");
    }
    if printer.confirm(&format!("{}: {what}. Go on?", asked.host)) {
        return Ok(());
    }
    let text = format!("{} is not drained: {what}", asked.host);
    let failure = Failure::coded(Code::NOT_CONFIRMED, text);
    Err(failure.with_code(REFUSED).with_hint("--yes goes on without asking"))
}

/// What ends with the host's use: all that runs there.
fn plan_of(status: &StatusView, host: &str) -> v1::Plan {
    let there = status.instances.iter().filter(|one| one.host.as_deref() == Some(host));
    let changes = there.map(|one| v1::Change {
        kind: v1::change::Kind::Stop.into(),
        instance: one.instance.clone(),
        task: one.task.clone(),
        host: host.to_owned(),
        ..v1::Change::default()
    });
    v1::Plan { changes: changes.collect(), ..v1::Plan::default() }
}

/// The state that it ends in; none where the deadline has passed before.
async fn drained(
    client: &Client,
    asked: &Drain,
    deadline: Option<Instant>,
    progress: &Progress,
) -> Result<Option<&'static str>, Failure> {
    let mut answered = Instant::now();
    let mut shown = String::new();
    loop {
        match client.read::<Vec<HostView>>("/v1/hosts").await {
            Ok(hosts) => {
                answered = Instant::now();
                let host = hosts.iter().find(|host| host.name == asked.host);
                match host.map(|host| host.state.as_str()) {
                    Some("drained") if !asked.mark_gone => return Ok(Some("drained")),
                    None if asked.mark_gone => return Ok(Some("gone")),
                    Some("active") => return Err(taken_back(asked)),
                    _ => {}
                }
                let text = how_far(&asked.host, host);
                if text != shown {
                    progress.step(text.clone());
                    shown = text;
                }
            }
            Err(failure) if failure.code != UNREACHABLE || answered.elapsed() > PATIENCE => {
                return Err(failure.with_hint(back(asked)));
            }
            Err(_) => client.find_again(),
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Ok(None);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

fn how_far(name: &str, host: Option<&HostView>) -> String {
    match host {
        Some(host) => {
            format!("{name}: {}, {} instances are left there", host.state, host.instances.len())
        }
        None => format!("{name}: out of reach"),
    }
}

/// What ran there and has no place now, a line each.
fn homeless(before: &StatusView, after: &StatusView, asked: &Drain) -> Vec<String> {
    let there = plan_of(before, &asked.host).changes;
    let waiting = after.instances.iter().filter(|one| {
        one.state == "waiting" && there.iter().any(|change| change.instance == one.instance)
    });
    let line = |one: &lathe_api::rest::InstanceView| {
        let why = one.reason.as_deref().unwrap_or("it is about to be placed");
        format!("  {} waits: {why}", one.instance)
    };
    waiting.map(line).collect()
}

/// The host as it was listed, in its present state.
fn one(status: &StatusView, asked: &Drain, state: &str) -> Option<HostView> {
    let host = status.hosts.iter().find(|host| host.name == asked.host)?;
    Some(HostView { state: state.to_owned(), ..host.clone() })
}

fn show(host: &Option<HostView>, asked: &Drain, printer: &Printer) {
    if asked.json {
        printer.json(host, true);
    }
}

fn back(asked: &Drain) -> String {
    format!("`lathe reactivate {}` takes it back into use", asked.host)
}

fn left(asked: &Drain) -> Failure {
    let text = format!("left: {} goes on being drained without this command", asked.host);
    Failure::new(text).with_hint(back(asked))
}

fn taken_back(asked: &Drain) -> Failure {
    Failure::new(format!("{} was taken back into use before it was drained", asked.host))
}

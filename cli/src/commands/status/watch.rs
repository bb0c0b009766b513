//! `lathe status --watch`: the table as it changes on a terminal, a line for each change elsewhere.

use std::collections::BTreeMap;
use std::time::Duration;

use lathe_api::rest::StatusView;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{address, name, read, show, summary, updates};
use crate::args::Status;
use crate::client::{Client, Followed};
use crate::failure::{Failure, OK, UNREACHABLE};
use crate::printer::{Printer, Screen, now_ms, utc};

/// What comes in quick succession is shown at once.
const GATHER: Duration = Duration::from_millis(50);
/// Ages grow without events, and who becomes suspect is no event of the scheduler.
const REFRESH: Duration = Duration::from_secs(1);

/// Where the changes are shown.
enum View {
    Screen(Screen),
    Lines(BTreeMap<String, String>),
    Json(Option<StatusView>),
}

pub(super) async fn run(client: &Client, asked: &Status, printer: &Printer) -> Result<u8, Failure> {
    let only = asked.topology.as_deref();
    let first = read(client, only).await?;
    let mut ends = Ends::listen()?;
    let mut resized = listen(SignalKind::window_change())?;
    let mut view = if asked.json {
        View::Json(None)
    } else if printer.is_terminal() {
        View::Screen(Screen::open())
    } else {
        View::Lines(BTreeMap::new())
    };
    view.show(&first, printer);
    let mut events = Followed::new(client, "/v1/events", None);
    while !printer.is_unread() {
        tokio::select! {
            event = events.next() => drop(event?),
            _ = resized.recv() => {}
            () = tokio::time::sleep(REFRESH) => {}
            () = ends.told() => break,
        }
        gather(&mut events).await?;
        let now = match read(client, only).await {
            Ok(status) => status,
            // The stream of events tells whether it comes back.
            Err(failure) if failure.code == UNREACHABLE => continue,
            // What was looked at has been removed: that is the last change there is.
            Err(_) if only.is_some() => {
                drop(view);
                printer.say("it has been removed");
                return Ok(OK);
            }
            Err(failure) => return Err(failure),
        };
        view.show(&now, printer);
    }
    Ok(OK)
}

/// Takes what comes within a moment.
async fn gather(events: &mut Followed<'_>) -> Result<(), Failure> {
    let end = tokio::time::sleep(GATHER);
    tokio::pin!(end);
    loop {
        tokio::select! {
            () = &mut end => return Ok(()),
            event = events.next() => drop(event?),
        }
    }
}

impl View {
    fn show(&mut self, status: &StatusView, printer: &Printer) {
        match self {
            Self::Screen(screen) => {
                let foot = format!("{}  Ctrl-C ends this view", utc(now_ms()));
                screen.show(&show(status, printer), &foot, printer);
            }
            Self::Lines(known) => {
                let at = utc(now_ms());
                let now = lines(status);
                for (subject, line) in &now {
                    if known.get(subject) != Some(line) {
                        printer.data(&format!("{at} {line}"));
                    }
                }
                for subject in known.keys().filter(|subject| !now.contains_key(*subject)) {
                    printer.data(&format!("{at} {subject} gone"));
                }
                *known = now;
            }
            Self::Json(known) => {
                if known.as_ref() != Some(status) {
                    printer.json(status, false);
                    *known = Some(status.clone());
                }
            }
        }
    }
}

/// A line for each topology, each update and each instance, by what it is about.
fn lines(status: &StatusView) -> BTreeMap<String, String> {
    let topologies = status.topologies.iter().map(|one| one.name.clone()).zip(summary(status));
    let instances = status.instances.iter().map(|one| {
        let reason = one.reason.as_deref().map(|text| format!(": {text}")).unwrap_or_default();
        let host = one.host.as_deref().unwrap_or("-");
        let line = format!("{} {} {host} {}{reason}", name(one), one.state, address(one));
        (one.instance.clone(), line)
    });
    let updates = status.topologies.iter().flat_map(updates);
    let updates = updates.map(|(task, line)| (format!("update of {task}"), line));
    topologies.chain(instances).chain(updates).collect()
}

/// Ctrl-C and SIGTERM, which must leave the terminal as it was.
struct Ends {
    int: Signal,
    term: Signal,
}

impl Ends {
    fn listen() -> Result<Self, Failure> {
        Ok(Self { int: listen(SignalKind::interrupt())?, term: listen(SignalKind::terminate())? })
    }

    async fn told(&mut self) {
        tokio::select! {
            _ = self.int.recv() => {}
            _ = self.term.recv() => {}
        }
    }
}

fn listen(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|error| Failure::io("listening for signals", &error))
}

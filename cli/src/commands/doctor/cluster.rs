//! What is reached from here: scheduler, master, hosts, registries, store, and how instances are.

use std::time::Duration;

use lathe_api::rest::{InstanceView, StatusView};
use lathe_coordination::{Options, Store};
use serde_json::Value;

use super::clock::ahead_s;
use super::{Findings, Level};
use crate::client::{Client, Looked};
use crate::failure::{Failure, chain};
use crate::find::Found;
use crate::home::Home;
use crate::printer::{ago, now_ms};

/// An instance that is on its way is in trouble after so long.
const ON_ITS_WAY_MS: u64 = 30_000;
/// Clocks that are further apart are worth a word: the moments that are compared are whole seconds.
const SKEW_S: u64 = 5;
/// A registry hears the store each second, also when nothing changes.
const LAG_MS: u64 = 3_000;
/// Longer than a registry that was started just now listens, as it is usually configured.
const LISTENS: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// The store is on this machine: it answers at once or not at all.
const STORE_TIME: Duration = Duration::from_secs(2);
const STORE_SESSION: Duration = Duration::from_secs(5);

pub(super) async fn look(home: &Home, found: &Found, all: &mut Findings) {
    let status = scheduler(found, all).await;
    if let Some(status) = &status {
        master(status, all);
        hosts(status, all);
    }
    registries(found, all).await;
    if found.endpoints.is_some() {
        store(home, all).await;
    }
    if let Some(status) = &status {
        instances(&status.instances, all);
    }
}

fn failed(check: &'static str, failure: Failure, all: &mut Findings) {
    all.bad(check, Level::Fail, failure.text, failure.hint.unwrap_or_default());
}

async fn scheduler(found: &Found, all: &mut Findings) -> Option<StatusView> {
    let client = match Client::of_found(found) {
        Ok(client) => client,
        Err(failure) => {
            failed("scheduler", failure, all);
            return None;
        }
    };
    match client.read::<StatusView>("/v1/status").await {
        Ok(status) => {
            all.ok(
                "scheduler",
                format!("{} answers, term {}", client.url(), status.scheduler.term),
            );
            version("scheduler", &client, all).await;
            ready(&client, all).await;
            Some(status)
        }
        Err(failure) => {
            failed("scheduler", failure, all);
            None
        }
    }
}

/// What the one that was asked waits for, be it the leader or not; and its clock.
async fn ready(client: &Client, all: &mut Findings) {
    let looked = match client.look("/readyz").await {
        Ok(looked) => looked,
        Err(failure) => return failed("scheduler", failure, all),
    };
    clock("scheduler", &looked, all);
    let says = looked.text();
    if says.contains("stands by") {
        all.ok("scheduler", says);
    } else if says.contains("the store") {
        let hint = "nothing is started or ended meanwhile: does the store run? Of ZooKeeper a majority \
                    has to";
        all.bad("store", Level::Fail, format!("the scheduler is {says}"), hint);
    }
}

fn clock(check: &'static str, looked: &Looked, all: &mut Findings) {
    let ahead = looked.header("date").and_then(|date| ahead_s(date, now_ms()));
    let Some(ahead) = ahead.filter(|ahead| ahead.unsigned_abs() >= SKEW_S) else { return };
    let word = if ahead > 0 { "ahead of" } else { "behind" };
    let text = format!("the {check}'s clock is {} s {word} this machine's", ahead.unsigned_abs());
    let hint = "times of events, `--since` and logs are apart by as much: set the clocks by NTP";
    all.bad("clocks", Level::Warn, text, hint);
}

/// What a daemon says that it is, beside what we are.
async fn version(check: &'static str, client: &Client, all: &mut Findings) {
    let own = env!("CARGO_PKG_VERSION");
    let Ok(document) = client.read::<Value>("/openapi.json").await else { return };
    let theirs = document["info"]["version"].as_str().unwrap_or_default();
    if theirs == own {
        all.ok("versions", format!("the {check} is {theirs} as well"));
    } else {
        let text = format!("the {check} is {theirs}, this command is {own}");
        all.bad("versions", Level::Warn, text, "use binaries of one version");
    }
}

fn master(status: &StatusView, all: &mut Findings) {
    match (&status.scheduler.master, &status.scheduler.waiting_for) {
        (Some(master), _) if status.scheduler.connected => {
            all.ok("master", format!("the scheduler is connected to {master}"));
            if let Some(waits) = &status.scheduler.waiting_for {
                let hint = "`lathe status` and `lathe explain INSTANCE` say more";
                all.bad("placement", Level::Warn, format!("the scheduler waits for {waits}"), hint);
            }
        }
        (_, waits) => {
            let waits = waits.as_deref().unwrap_or("a master");
            let text = format!("the scheduler waits for {waits}");
            let hint = "does the master run? Its log, and the scheduler's, say more";
            all.bad("master", Level::Fail, text, hint);
        }
    }
}

fn hosts(status: &StatusView, all: &mut Findings) {
    let of = |state: &str| status.hosts.iter().filter(|host| host.state == state).count();
    let (number, active) = (status.hosts.len(), of("active"));
    if number == 0 {
        let hint = "`lathe hosts` shows those of `lathe up`; `lathe hosts resume NAME` brings one \
                    back";
        all.bad("hosts", Level::Fail, "the master lists no host", hint);
        return;
    }
    if active == 0 {
        let hint = "nothing can be placed: `lathe hosts` shows how each stands";
        all.bad("hosts", Level::Fail, format!("none of {number} hosts is active"), hint);
    } else {
        all.ok("hosts", format!("{active} of {number} are active"));
    }
    for host in &status.hosts {
        let (level, hint) = match host.state.as_str() {
            "unreachable" => {
                let hint =
                    "is the machine, its agent or the network down? docs/incident.md has more";
                (Level::Fail, hint.to_owned())
            }
            "draining" | "drained" | "deactivated" => {
                let name = &host.name;
                (Level::Warn, format!("`lathe reactivate {name}` takes it back into use"))
            }
            "leaving" => {
                let hint = "it is left before its maintenance; `lathe status` says what cannot go";
                (Level::Warn, hint.to_owned())
            }
            _ => continue,
        };
        let there = host.instances.len();
        let text = format!("{} is {}, with {there} instances", host.name, host.state);
        all.bad("hosts", level, text, hint);
    }
}

async fn registries(found: &Found, all: &mut Findings) {
    let listed = match Client::new(found.scheduler.clone(), None, &found.trust) {
        Ok(client) => client.read::<Vec<String>>("/v1/registries").await.ok(),
        Err(_) => None,
    };
    let of_up = found.endpoints.as_ref().map(|up| up.registries.clone());
    let urls = listed.or(of_up).unwrap_or_default();
    if urls.is_empty() {
        let hint = "instances and clients find each other by a registry: start `lathe-registry`";
        all.bad("registry", Level::Fail, "no registry is known", hint);
    }
    for url in urls {
        let client = match Client::registry(url, None, &found.trust) {
            Ok(client) => client,
            Err(failure) => return failed("registry", failure, all),
        };
        match readiness(&client).await {
            Ok(looked) if looked.status.is_success() => {
                all.ok("registry", format!("{} is ready", client.url()));
                version("registry", &client, all).await;
                clock("registry", &looked, all);
                lag(&client, all).await;
            }
            Ok(looked) => {
                let text = format!("{} is not ready: {}", client.url(), looked.text());
                all.bad(
                    "registry",
                    Level::Fail,
                    text,
                    "what it shows may be old; its log says more",
                );
            }
            Err(failure) => failed("registry", failure, all),
        }
    }
}

/// Whether it is ready. One that was started just now listens for a moment before it judges anybody, and
/// is looked at again.
async fn readiness(client: &Client) -> Result<Looked, Failure> {
    let end = tokio::time::Instant::now() + LISTENS;
    loop {
        let looked = client.look("/readyz").await?;
        let listens = !looked.status.is_success() && looked.text().starts_with("listening");
        if !listens || tokio::time::Instant::now() > end {
            return Ok(looked);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// How old what a registry shows may be; it says so with every answer, also of a group without members.
async fn lag(client: &Client, all: &mut Findings) {
    let Ok(looked) = client.look("/v1/groups/doctor?mode=stale").await else { return };
    let age_ms: Option<u64> = looked.header("lathe-age-ms").and_then(|age| age.parse().ok());
    if let Some(age_ms) = age_ms.filter(|age_ms| *age_ms > LAG_MS) {
        let text = format!("{} shows what the store had {age_ms} ms ago", client.url());
        all.bad("registry", Level::Warn, text, "it does not hear the store: its log says more");
    }
}

async fn store(home: &Home, all: &mut Findings) {
    let socket = home.store_socket();
    let options = Options { session_timeout: STORE_SESSION, connect_timeout: STORE_TIME };
    match Store::connect(&format!("local:{}", socket.display()), options).await {
        Ok(store) => {
            let history = store.history().await.unwrap_or_default();
            let _ = store.close().await;
            all.ok("store", format!("{} answers, history {history}", socket.display()));
        }
        Err(error) => {
            let hint = format!("{} says why", home.logs().join("standalone.log").display());
            all.bad("store", Level::Fail, chain(&error), hint);
        }
    }
}

/// Those that are not as they should be, each by itself.
fn instances(instances: &[InstanceView], all: &mut Findings) {
    let now = now_ms();
    let mut well = 0;
    for one in instances {
        let since = now.saturating_sub(one.since_ms);
        let level = match one.state.as_str() {
            "waiting" | "unreachable" => Level::Fail,
            "launching" | "starting" | "killing" if since > ON_ITS_WAY_MS => Level::Warn,
            _ => {
                well += 1;
                continue;
            }
        };
        let name = one.incarnation.as_deref().unwrap_or(&one.instance);
        let reason = one.reason.as_deref().unwrap_or("no reason is known");
        let lasting = match one.since_ms {
            0 => String::new(),
            since => format!(" for {}", ago(since, now)),
        };
        let text = format!("{name} is {}{lasting}: {reason}", one.state);
        let hint = format!("lathe logs '{}' --stderr", one.instance);
        all.bad("instances", level, text, hint);
    }
    all.ok("instances", format!("{well} of {} are well", instances.len()));
}

//! `lathe up [FILE]`: a whole cluster on this machine, for as long as this command runs.

mod daemons;
mod live;

use std::time::Duration;

use lathe_api::door::{Key, Tokens, Trust};
use lathe_api::rest::{Endpoints, StatusView};

use super::carry::Order;
use super::source::Source;
use super::{status, submit};
use crate::args::{Find, Up};
use crate::build::{build_workspace_binaries, checkout};
use crate::client::Client;
use crate::failure::{Failure, NOT_READY, OK};
use crate::home::Home;
use crate::printer::Printer;
use daemons::{Daemon, Daemons};

/// The daemons, in the order in which they are named to cargo.
const BINARIES: [&str; 4] =
    ["lathe-standalone", "lathe-scheduler", "lathe-registry", "lathe-executor"];
/// How long a fresh scheduler may take until it has its master.
const CONNECT_TIME: Duration = Duration::from_secs(30);
/// How long what is started again is waited for before the table is shown.
const SETTLE_TIME: Duration = Duration::from_secs(10);

pub(crate) async fn run(find: &Find, asked: &Up, printer: &Printer) -> Result<u8, Failure> {
    // A wrong file is told before anything is started.
    let source = asked.file.as_deref().map(|file| Source::read(file, printer)).transpose()?;
    let home = Home::find(find.home.as_deref())?;
    let _lock = home.lock()?;
    if asked.fresh {
        home.forget()?;
    }
    home.prepare()?;
    let signals = live::Signals::listen()?;
    let binaries = tokio::select! {
        binaries = find_binaries(printer) => binaries?,
        () = signals.told() => return Ok(OK),
    };
    let mut daemons = Daemons::default();
    let outcome = tokio::select! {
        outcome = work(asked, &home, &binaries, &mut daemons, source.as_ref(), printer) => outcome,
        () = signals.told() => Ok(OK),
    };
    home.remove_endpoints();
    let progress = printer.progress("ending everything that was started");
    let ended = tokio::select! {
        ended = daemons.end() => ended,
        // A second Ctrl-C does not wait for anybody.
        () = signals.told() => daemons.kill(),
    };
    progress.done(&format!("ended ({ended})"));
    outcome
}

async fn work(
    asked: &Up,
    home: &Home,
    binaries: &[std::path::PathBuf],
    daemons: &mut Daemons,
    source: Option<&Source>,
    printer: &Printer,
) -> Result<u8, Failure> {
    let endpoints = start(asked, home, binaries, daemons).await?;
    let client =
        Client::new(endpoints.scheduler.clone(), Some(&home.token_file()), &Trust::default())?;
    let hosts = tokio::select! {
        connected = connect(&client) => connected?,
        failure = daemons.first_end() => return Err(failure),
    };
    home.write_endpoints(&endpoints)?;
    printer.say(&format!("cluster: {hosts} virtual hosts, scheduler {}", endpoints.scheduler));
    let mut code = OK;
    if let Some(source) = source {
        let order = Order {
            // The file is what the user wants on their own machine; the plan is shown by `plan`.
            yes: true,
            dry_run: false,
            wait_ms: 0,
            queue: false,
            json: false,
            max_moves: 0,
            id: uuid::Uuid::new_v4().to_string(),
            alone: false,
        };
        let done = tokio::select! {
            done = submit::submit(&client, source, &order, printer) => done?,
            failure = daemons.first_end() => return Err(failure),
        };
        code = if done.all_ready { OK } else { NOT_READY };
    }
    let now = settled(&client).await?;
    printer.data(&status::show(&now, printer));
    if let Some(source) = source {
        for line in live::urls(&now, &source.topology) {
            printer.data(&line);
        }
    }
    if asked.once {
        return Ok(code);
    }
    printer.say("Ctrl-C ends everything; `lathe status` in another terminal shows it");
    tokio::select! {
        failure = live::follow(&client, printer) => Err(failure),
        failure = daemons.first_end() => Err(failure),
    }
}

async fn find_binaries(printer: &Printer) -> Result<Vec<std::path::PathBuf>, Failure> {
    if let Some(root) = checkout() {
        let progress = printer.progress("building the daemons");
        let built = build_workspace_binaries(&root, &BINARIES, |done| {
            progress.now(format!("building the daemons ({done} crates)"));
        })
        .await;
        progress.clear();
        return built;
    }
    let own =
        std::env::current_exe().map_err(|error| Failure::io("finding this binary", &error))?;
    let beside = |name: &&str| {
        let path = own.with_file_name(name);
        if path.exists() {
            return Ok(path);
        }
        let text = format!("`{name}` is missing beside {}", own.display());
        Err(Failure::new(text).with_hint("install all binaries of Lathe in one folder"))
    };
    BINARIES.iter().map(beside).collect()
}

async fn start(
    asked: &Up,
    home: &Home,
    binaries: &[std::path::PathBuf],
    daemons: &mut Daemons,
) -> Result<Endpoints, Failure> {
    let [standalone, scheduler, registry, executor] = binaries else {
        return Err(Failure::new("not every daemon was found"));
    };
    let secret = |error: &dyn std::error::Error| Failure::new(crate::failure::chain(error));
    let (token, key) = (home.token_file(), home.key_file());
    Tokens::read_or_create(&token).map_err(|error| secret(&error))?;
    Key::read_or_create(&key).map_err(|error| secret(&error))?;
    let text = |path: &std::path::Path| path.display().to_string();

    let mut arguments = vec!["--data".to_owned(), text(&home.standalone())];
    arguments.extend(["--hosts".to_owned(), asked.hosts.to_string()]);
    arguments.extend(asked.host.iter().flat_map(|host| ["--host".to_owned(), host.clone()]));
    arguments.extend(["--token-file".to_owned(), text(&token)]);
    arguments.extend(["--store-socket".to_owned(), text(&home.store_socket())]);
    let master = daemons.start(Daemon::Standalone, standalone, &arguments, home).await?;
    let store = master
        .get("store")
        .and_then(|store| store.as_str())
        .ok_or_else(|| Failure::new("lathe-standalone named no store"))?;
    let master_url = daemons::listening(&master)?;
    let master_address = master_url.trim_start_matches("http://").to_owned();

    let registry_arguments =
        ["--store", store, "--key-file", &text(&key), "--token-file", &text(&token)]
            .map(str::to_owned);
    let scheduler_arguments = [
        "--master",
        &master_address,
        "--store",
        store,
        "--data",
        &text(&home.scheduler()),
        "--token-file",
        &text(&token),
        "--mesos-secret-file",
        &text(&token),
        "--key-file",
        &text(&key),
        "--executor",
        &text(executor),
        "--replace-after",
        "0s",
        // Nobody else leads here: one that was killed is soon followed.
        "--session-timeout",
        "1s",
        "--served-by",
    ]
    .map(str::to_owned);
    // The registry first: instances that are started again are told where it is.
    let registry = daemons.start(Daemon::Registry, registry, &registry_arguments, home).await?;
    let scheduler = daemons.start(Daemon::Scheduler, scheduler, &scheduler_arguments, home).await?;
    Ok(Endpoints {
        pid: std::process::id(),
        scheduler: daemons::listening(&scheduler)?,
        registries: vec![daemons::listening(&registry)?],
        master: master_url,
        token_file: text(&token),
    })
}

/// The status once what was there before runs again, or after a while all the same.
async fn settled(client: &Client) -> Result<StatusView, Failure> {
    let deadline = tokio::time::Instant::now() + SETTLE_TIME;
    loop {
        let status: StatusView = client.read("/v1/status").await?;
        let on_its_way = |state: &str| matches!(state, "waiting" | "launching" | "starting");
        let open = status.instances.iter().any(|one| {
            on_its_way(&one.state) && one.reason.as_deref().is_none_or(|r| !r.contains("backs off"))
        });
        if !open || tokio::time::Instant::now() >= deadline {
            return Ok(status);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits for the master and its hosts; says how many there are.
async fn connect(client: &Client) -> Result<usize, Failure> {
    let deadline = tokio::time::Instant::now() + CONNECT_TIME;
    loop {
        let status: StatusView = client.read("/v1/status").await?;
        let active = status.hosts.iter().filter(|host| host.state == "active").count();
        if status.scheduler.connected && active > 0 {
            return Ok(active);
        }
        if tokio::time::Instant::now() >= deadline {
            let waits = status.scheduler.waiting_for.unwrap_or_else(|| "its hosts".to_owned());
            return Err(Failure::new(format!("the scheduler still waits for {waits}")));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

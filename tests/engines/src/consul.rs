//! Consul and consul-template, to hold registries, agents and hooks against.
//!
//! Owns how both are had, and how a server of Consul is started. It must not know what is measured.

use std::path::PathBuf;
use std::time::Duration;

use tokio::task::spawn_blocking;

use crate::daemon::Recipe;
use crate::folder::Folder;
use crate::golang::Program;
use crate::ports::Port;
use crate::waiting::until_ok;
use crate::{Daemon, Failure, http};

const CONSUL: Program = Program {
    name: "consul",
    module: "github.com/hashicorp/consul",
    version: "v1.14.11",
    sum: "h1:AQqgpdtUQcQIh86DtcPfkOignrSWgRTpzByLgRzTOAc=",
    not_replaced: &[
        "github.com/hashicorp/consul/api",
        "github.com/hashicorp/consul/sdk",
        "github.com/hashicorp/consul/proto-public",
    ],
};
const TEMPLATE: Program = Program {
    name: "consul-template",
    module: "github.com/hashicorp/consul-template",
    version: "v0.41.1",
    sum: "h1:6VM6kzyBt7xpHfeSjuSRFO6X0/pPdIy+AJpNlM8PekM=",
    not_replaced: &[],
};
/// All clients here have the same address.
const LIMITS: &str = "limits { http_max_conns_per_client = 1000 }";
/// Nobody asks by these ways, and a port that is not used need not be found.
const OFF: [&str; 4] = ["-dns-port", "-grpc-port", "-grpc-tls-port", "-serf-wan-port"];
const STOP_GRACE: Duration = Duration::from_secs(10);

/// A server of Consul in its development mode: it leads itself, and keeps everything in memory. It
/// ends with this value.
#[derive(Debug)]
pub struct Consul {
    server: Daemon,
    port: Port,
    _others: [Port; 2],
    _folder: Folder,
}

impl Consul {
    /// The name and the version.
    pub const NAME: &'static str = "Consul 1.14.11";

    /// Fetches and builds it, if it is not there yet. The first call takes some ten minutes of a core.
    ///
    /// # Errors
    /// It cannot be fetched or built, or is not what it should be.
    pub async fn install() -> Result<(), Failure> {
        provided(&CONSUL).await.map(drop)
    }

    /// Starts it, and waits until it leads.
    ///
    /// # Errors
    /// It cannot be had, or does not lead in time.
    pub async fn start() -> Result<Self, Failure> {
        let program = provided(&CONSUL).await?;
        let folder = Folder::new(None, "consul")?;
        let port = Port::of(&folder, "http", 0)?;
        let others = [Port::of(&folder, "server", 0)?, Port::of(&folder, "serf", 0)?];
        let number = |port: &Port| port.number.to_string();
        let recipe = Recipe::new("consul", program, folder.path())
            .args(["agent", "-dev", "-bind", "127.0.0.1", "-client", "127.0.0.1"])
            .args(["-node", "consul", "-log-level", "warn", "-hcl", LIMITS])
            .args(["-http-port".to_owned(), number(&port)])
            .args(["-server-port".to_owned(), number(&others[0])])
            .args(["-serf-lan-port".to_owned(), number(&others[1])])
            .args(OFF.iter().flat_map(|flag| [*flag, "-1"]));
        let consul = Self { server: Daemon::new(recipe), port, _others: others, _folder: folder };
        consul.server.start().await?;
        until_ok("Consul to lead", || async {
            consul.server.check()?;
            let answer = http::get(consul.port.number, "/v1/status/leader").await;
            // An address in quotes; without a leader there is nothing between them.
            Ok(answer.filter(|answer| answer.status == 200 && answer.body.len() > 2).map(drop))
        })
        .await?;
        Ok(consul)
    }

    /// Where it listens for HTTP, such as `127.0.0.1:8500`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port.number)
    }

    /// Its process id, if it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.server.pid()
    }

    /// Ends it in order.
    ///
    /// # Errors
    /// It may not be signalled.
    pub async fn stop(&self) -> Result<(), Failure> {
        self.server.stop(STOP_GRACE).await
    }
}

/// The program that renders files from Consul and runs commands.
#[derive(Debug)]
pub struct ConsulTemplate;

impl ConsulTemplate {
    /// The name and the version.
    pub const NAME: &'static str = "consul-template 0.41.1";

    /// Its file. Fetched and built, if it is not there yet: the first call takes a minute.
    ///
    /// # Errors
    /// It cannot be fetched or built, or is not what it should be.
    pub async fn program() -> Result<PathBuf, Failure> {
        provided(&TEMPLATE).await
    }
}

async fn provided(program: &'static Program) -> Result<PathBuf, Failure> {
    spawn_blocking(|| program.provide()).await.expect("fetching does not panic")
}

//! Kafka: one broker that is its own controller.
//!
//! Owns its start, its readiness and its faults. It must not know its clients; `kafka/install.rs`
//! knows where the program comes from.

mod config;
mod greeting;
mod install;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use tokio::task::spawn_blocking;

pub(crate) use greeting::is_answered;

use crate::folder::Folder;
use crate::ports::Port;
use crate::waiting::until_ok;
use crate::{Code, Daemon, Failure, tool};

const STOP_GRACE: Duration = Duration::from_secs(20);

/// What is wanted. `Default` is a broker on any port that is free.
#[derive(Clone, Debug, Default)]
pub struct KafkaSpec {
    /// Where it listens; 0: any that is free.
    pub port: u16,
    /// Where data and logs are kept; without, in a folder that is removed in the end.
    pub dir: Option<PathBuf>,
    /// Further properties of the broker; they go over what is set here.
    pub properties: BTreeMap<String, String>,
}

/// A running broker. It ends with this value.
#[derive(Debug)]
pub struct Kafka {
    broker: Daemon,
    port: Port,
    _controller: Port,
    home: PathBuf,
    folder: Folder,
}

impl Kafka {
    /// Fetches what is not there yet. Only the first call ever takes long.
    ///
    /// # Errors
    /// It cannot be fetched, or is not what it should be.
    pub async fn install() -> Result<(), Failure> {
        installed().await.map(drop)
    }

    /// Starts a broker, and waits until it serves.
    ///
    /// # Errors
    /// It cannot be had, or does not serve.
    pub async fn start(spec: &KafkaSpec) -> Result<Self, Failure> {
        let home = installed().await?;
        let folder = Folder::new(spec.dir.as_deref(), "kafka")?;
        let port = Port::of(&folder, "kafka", spec.port)?;
        let controller = Port::of(&folder, "controller", 0)?;
        let data = folder.within("kafka.data")?;
        install::fill(&home, &data)?;
        let text = config::properties(spec, port.number, controller.number, &data);
        let file = folder.path().join("kafka.properties");
        fs::write(&file, text).map_err(|error| Failure::system(file.display(), error))?;
        let broker = Daemon::new(config::broker(&home, folder.path(), &file));
        let kafka = Self { broker, port, _controller: controller, home, folder };
        kafka.broker.start().await?;
        kafka.serves().await?;
        Ok(kafka)
    }

    /// Where it listens, such as `127.0.0.1:9092`. Kept over restarts.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port.number)
    }

    /// Its process, to be killed, stopped, paused, resumed, started.
    #[must_use]
    pub fn broker(&self) -> &Daemon {
        &self.broker
    }

    /// Ends it in order.
    ///
    /// # Errors
    /// It may not be signalled.
    pub async fn stop(&self) -> Result<(), Failure> {
        self.broker.stop(STOP_GRACE).await
    }

    /// Starts it again on its own data, and waits until it serves.
    ///
    /// # Errors
    /// It runs, or does not come back.
    pub async fn restart(&self) -> Result<(), Failure> {
        self.broker.start().await?;
        self.serves().await
    }

    /// Waits until it answers clients.
    ///
    /// # Errors
    /// It has ended, or does not answer in time.
    pub async fn serves(&self) -> Result<(), Failure> {
        until_ok("Kafka to serve", || async {
            self.broker.check()?;
            Ok(is_answered(self.port.number).await.then_some(()))
        })
        .await
    }

    /// Runs one of Kafka's own tools on this broker, by its class such as
    /// `org.apache.kafka.tools.TopicCommand`, and gives what it prints.
    ///
    /// # Errors
    /// It fails; what it printed is told.
    pub async fn tool(&self, class: &str, args: &[&str]) -> Result<String, Failure> {
        let address = self.address();
        let args = ["--bootstrap-server", &address].into_iter().chain(args.iter().copied());
        let recipe = config::java(&self.home, self.folder.path(), class, "kafka-tool");
        let recipe = recipe.args(args);
        let class = class.to_owned();
        let ended = spawn_blocking(move || {
            // Each call has a log of its own, which is what it printed.
            let log = tempfile::NamedTempFile::new_in(&recipe.dir)
                .map_err(|error| Failure::system(recipe.dir.display(), error))?;
            let ended = tool::run(&recipe.words(), &recipe.dir, log.path(), "Java runs it")?;
            let printed = fs::read_to_string(log.path());
            let printed = printed.map_err(|error| Failure::system(log.path().display(), error))?;
            ended.map(|()| printed).map_err(|failed| {
                let what = format!("{class} fails: {}", failed.account);
                Failure::new(Code::Process, what, "its arguments may be wrong")
            })
        });
        ended.await.expect("running a tool does not panic")
    }
}

async fn installed() -> Result<PathBuf, Failure> {
    spawn_blocking(install::home).await.expect("installing does not panic")
}

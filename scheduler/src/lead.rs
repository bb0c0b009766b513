//! One attempt to lead, from the store to the end: stands by, takes over, leads, and says why it is
//! over. What it holds goes with it: a next attempt begins with nothing.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use lathe_api::door::{Hosts, Key, Tokens};
use lathe_api::rest::PlacedRegistry;
use lathe_coordination::election::{Election, Lead, Lost, Place, Standing};
use lathe_coordination::{Options, Store, StoreError, without_password};
use lathe_mesos::operator;
use lathe_mesos::scheduler::Endpoint;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::api::{self, Artifacts, Shared};
use crate::config::Config;
use crate::driver::{Driver, Ended, Message, Tools};
use crate::framework::event::Event;
use crate::framework::records::{SCHEDULERS, TERM};
use crate::framework::{self, Framework};
use crate::mesos_calls::Identity;
use crate::metrics::Metrics;
use crate::placed;
use crate::store::{self, Pipeline, TakeOverError};
use crate::system::System;

/// How long the store may take to hear that we leave; it notices by itself otherwise.
const LEAVING: Duration = Duration::from_secs(2);
/// Between attempts while the store is away.
const AWAY: Duration = Duration::from_secs(1);

/// Why an attempt is over.
#[derive(Debug)]
pub enum End {
    /// Told to stop.
    Stopped,
    /// The lead is gone, or was never there: another attempt may follow.
    Again(String),
    /// The scheduler must not go on.
    Final(String),
    /// What is in the store, or its address, is of no use.
    Store(TakeOverError),
}

/// What all attempts of a process share.
#[derive(Debug)]
pub struct Seat {
    pub config: Config,
    /// Where others reach this scheduler.
    pub url: String,
    pub hosts: Hosts,
    pub tokens: Tokens,
    pub key: Key,
    /// What registries are told that this scheduler places.
    pub placed: Option<PlacedRegistry>,
    pub artifacts: Artifacts,
    pub masters: Endpoint,
    pub identity: Identity,
    pub operator: Arc<operator::Client>,
    pub metrics: Metrics,
    pub routes: watch::Sender<Router>,
    /// Whether it leads, or has known who does: from then on it answers.
    pub answers: watch::Sender<bool>,
    pub stopping: CancellationToken,
}

impl Seat {
    /// Tries once.
    pub async fn attempt(&self) -> End {
        let store = tokio::select! {
            connected = self.connect() => match connected {
                Ok(store) => store,
                Err(error) => return End::Store(error),
            },
            () = self.stopping.cancelled() => return End::Stopped,
        };
        let place = Place::new(SCHEDULERS, TERM);
        let mut election = Election::join(store.clone(), place, self.url.clone());
        let end = tokio::select! {
            end = self.stand(&store, &mut election) => end,
            () = self.stopping.cancelled() => End::Stopped,
        };
        self.stand_by(None, "the store");
        // The next one need not wait for our session to end.
        let _ = tokio::time::timeout(LEAVING, election.resign()).await;
        let _ = tokio::time::timeout(LEAVING, store.close()).await;
        end
    }

    /// A store on this machine is there or is not; an ensemble is waited for.
    async fn connect(&self) -> Result<Store, TakeOverError> {
        let address = &self.config.store;
        let options =
            Options { session_timeout: self.config.session_timeout, ..Options::default() };
        loop {
            match Store::connect(address, options.clone()).await {
                Ok(store) => return Ok(store),
                Err(source @ StoreError::Disconnected { .. }) if !address.starts_with("local:") => {
                    let store = without_password(address);
                    tracing::warn!(store, %source, "the store does not answer");
                    tokio::time::sleep(AWAY).await;
                }
                Err(source) => {
                    let address = without_password(address);
                    return Err(TakeOverError::Connect { address, source });
                }
            }
        }
    }

    async fn stand(&self, store: &Store, election: &mut Election) -> End {
        let mut standing = election.standing();
        // Who stood here a moment ago may still have its place in the election, under another port.
        let left = Instant::now() + self.config.session_timeout * 2;
        loop {
            let now = standing.borrow_and_update().clone();
            let rival = match now {
                Standing::Leads(lead) => return self.lead(store, election, lead).await,
                Standing::Lost(lost) => return over(&lost),
                Standing::Waits { leader } => self.wait_behind(leader.as_deref()),
            };
            let changed = match rival {
                None => standing.changed().await,
                Some(rival) => match timeout_at(left, standing.changed()).await {
                    Ok(changed) => changed,
                    Err(_) => return End::Final(self.not_shared(&rival)),
                },
            };
            if changed.is_err() {
                return over(&Lost::Expired);
            }
        }
    }

    /// Stands by behind who leads. One whose artifacts this scheduler has not is given back: nobody
    /// may stand by behind it for long.
    fn wait_behind(&self, leader: Option<&[u8]>) -> Option<String> {
        let leader = leader.and_then(|says| std::str::from_utf8(says).ok());
        let leader = leader.filter(|leader| *leader != self.url);
        match leader {
            Some(leader) if self.config.artifacts_shared => {
                tracing::info!(leader, "stands by");
                self.stand_by(Some(leader), "the election");
                self.answers.send_replace(true);
                None
            }
            _ => {
                self.stand_by(None, "the election");
                leader.map(str::to_owned)
            }
        }
    }

    fn not_shared(&self, rival: &str) -> String {
        format!(
            "{rival} leads, and what is uploaded to it is not in this scheduler's {}: keep one \
             folder for all of them and say `artifacts_shared = true`",
            self.config.data.join("artifacts").display()
        )
    }

    /// Answers as one that does not lead.
    pub fn stand_by(&self, leader: Option<&str>, waits_for: &str) {
        let hosts = self.hosts.clone();
        let routes = api::standby(leader, waits_for, &self.metrics, &self.tokens, hosts);
        self.answer_by(routes);
    }

    fn answer_by(&self, routes: Router) {
        self.routes.send_modify(|now| *now = routes);
    }

    async fn lead(&self, store: &Store, election: &mut Election, lead: Lead) -> End {
        let recovered = match store::recover(store, &lead).await {
            Ok(recovered) => recovered,
            Err(error) if error.may_pass() => return End::Again(error.to_string()),
            Err(error) => return End::Store(error),
        };
        self.metrics.recovered();
        tracing::info!(term = recovered.term, history = %recovered.history, "leads");
        let (batches, waiting) = mpsc::unbounded_channel();
        let framework = Framework::new(framework::Config {
            replace_after_ms: self.config.replace_after_ms,
            hold_losses_ms: self.config.hold_losses_ms,
            leave_before_ms: self.config.leave_before_ms,
            url: self.url.clone(),
            served_by: self.config.served_by,
            ..framework::Config::default()
        });
        let tools = Tools {
            identity: self.identity.clone(),
            masters: self.masters.clone(),
            group: self.config.mesos.group.as_deref().map(without_password),
            operator: Arc::clone(&self.operator),
            batches,
            metrics: self.metrics.clone(),
        };
        let (driver, handle, to_driver) = Driver::new(framework, tools);
        let _ = to_driver.send(Message::Event(Event::Recovered(recovered)));
        let pipeline =
            Pipeline { store: store.clone(), lead: lead.clone(), metrics: self.metrics.clone() };
        tokio::spawn(pipeline.run(waiting, to_driver.clone()));
        let registries = tokio::spawn(store::watch_registries(store.clone(), to_driver));
        let system = self.registries(&handle).map(|system| tokio::spawn(system.keep()));
        self.answer_by(api::router(self.shared(handle, store), self.hosts.clone()));
        self.answers.send_replace(true);
        let end = tokio::select! {
            // Where both are so, the reason is that the lead is lost.
            biased;
            lost = election.lost() => over(&lost),
            ended = driver.run() => match ended {
                Ended::LeadLost(reason) => End::Again(reason),
                Ended::Refused(reason) => tokio::select! {
                    lost = election.lost() => over(&lost),
                    end = judge(store, &lead, reason) => end,
                },
            },
        };
        registries.abort();
        system.inspect(JoinHandle::abort);
        end
    }

    /// Who keeps the registries, where the scheduler is to place any.
    fn registries(&self, handle: &crate::driver::Handle) -> Option<System> {
        let placed = self.placed.as_ref()?;
        let Config { registries, registry, .. } = &self.config;
        let told = placed::digest(&placed.config);
        let (handle, artifacts) = (handle.clone(), self.artifacts.clone());
        Some(System::new(handle, artifacts, registry.clone(), *registries, told))
    }

    fn shared(&self, handle: crate::driver::Handle, store: &Store) -> Shared {
        Shared {
            handle,
            artifacts: self.artifacts.clone(),
            store: Some(store.clone()),
            operator: Arc::clone(&self.operator),
            role: self.identity.role.clone(),
            key: self.key.clone(),
            placed: self.placed.clone(),
            tokens: self.tokens.clone(),
            metrics: self.metrics.clone(),
        }
    }
}

/// A master refuses a framework that another scheduler has subscribed for. Where that one leads by
/// right, this one stands by; where not, somebody else uses our framework's id, and going on would be
/// a quarrel without end. Only the store knows, so it is asked until it answers.
async fn judge(store: &Store, lead: &Lead, reason: String) -> End {
    loop {
        match store.multi(vec![lead.check()]).await {
            Ok(_) => return End::Final(reason),
            Err(error) if error.is_retryable() => tokio::time::sleep(AWAY).await,
            Err(_) => return End::Again(reason),
        }
    }
}

/// What the store refuses once, it refuses again.
fn over(lost: &Lost) -> End {
    match lost {
        Lost::Refused(source) => End::Final(format!("{lost}: {source}")),
        _ => End::Again(lost.to_string()),
    }
}

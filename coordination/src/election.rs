//! Leadership: of several candidates one leads at a time, under a term that only rises. Owns the
//! records of candidates and of the term; must not know what a leader does, nor what stores there are.
//!
//! Every candidate keeps an ephemeral record; the one that was made first is next to lead. It leads
//! from the moment in which it has raised the term, in one multi that checks that its record is still
//! there. Nobody but the first tries, so that the end of a leader wakes all and troubles one. What
//! makes it safe is not that a leader knows when it is none any more (a process that stands still
//! knows nothing), but that each of its writes carries [`Lead::check`], which fails once there is
//! another term.
//!
//! ```no_run
//! # use lathe_coordination::{Op, Options, Store, StoreError};
//! # use lathe_coordination::election::{Election, Place};
//! # async fn example(store: Store) -> Result<(), lathe_coordination::election::Lost> {
//! let place = Place::new("/lathe/schedulers", "/lathe/term");
//! let mut election = Election::join(store.clone(), place, "http://10.0.0.7:5050");
//! let lead = election.lead().await?;
//! let written = store.multi(vec![lead.check(), Op::put("/lathe/framework", "…")]).await;
//! let why = election.lost().await; // the session has ended, another one leads, …
//! # Ok(()) }
//! ```

mod race;

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::OptionFuture;
use tokio::sync::{oneshot, watch};

use crate::{Op, SessionState, Store, StoreError, Watch};
use race::{Command, Event, Race};

/// After a request that failed and may be made again.
const PAUSE: Duration = Duration::from_millis(100);

/// Where an election takes place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    candidates: String,
    term: String,
}

impl Place {
    /// Candidates have their records below the one path; at the other stands the term, a number.
    pub fn new(candidates: impl Into<String>, term: impl Into<String>) -> Self {
        Self { candidates: candidates.into(), term: term.into() }
    }
}

/// What a leader has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lead {
    /// Its number: that of every leader is higher than those of all before it.
    pub term: u64,
    /// The version of the term's record.
    pub version: u64,
    path: String,
}

impl Lead {
    /// What every multi of the leader has to carry: it fails with `Conflict` at the term's path once
    /// somebody else has led.
    #[must_use]
    pub fn check(&self) -> Op {
        Op::check(&self.path, self.version)
    }

    /// The path of the term.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// How a candidate stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Others are before it; the first of them leads or is about to. What it said of itself when it
    /// joined, if it is known.
    Waits { leader: Option<Bytes> },
    /// It leads, as far as it has heard.
    Leads(Lead),
    /// It leads no more, or never did: final.
    Lost(Lost),
}

/// Why a candidate is none any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// The store has ended the session.
    #[error("the session with the store has ended")]
    Expired,
    /// Somebody else has raised the term.
    #[error("another one has taken the lead")]
    Superseded,
    /// Somebody has deleted its record.
    #[error("its record among the candidates was deleted")]
    Deleted,
    /// It has resigned.
    #[error("it has resigned")]
    Resigned,
    /// The store refused what cannot be done without.
    #[error("the election cannot be held")]
    Refused(#[source] StoreError),
}

/// One candidate. Dropped, it resigns as well as it can; its session does it otherwise.
#[derive(Debug)]
pub struct Election {
    standing: watch::Receiver<Standing>,
    resign: Option<oneshot::Sender<()>>,
}

impl Election {
    /// Joins as a candidate of this store's session. `says` is what others are shown of it, such as
    /// its address.
    pub fn join(store: Store, place: Place, says: impl Into<Bytes>) -> Self {
        let (told, standing) = watch::channel(Standing::Waits { leader: None });
        let (resign, resigned) = oneshot::channel();
        let own = format!("{}/{}", place.candidates, uuid::Uuid::new_v4());
        let race = Race::new(own.clone(), place.term.clone());
        let candidate = Candidate { store, place, own, says: says.into(), told };
        tokio::spawn(candidate.run(race, resigned));
        Self { standing, resign: Some(resign) }
    }

    /// How it stands, to be followed.
    #[must_use]
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.clone()
    }

    /// Waits until it leads.
    ///
    /// # Errors
    /// Why it never will.
    pub async fn lead(&mut self) -> Result<Lead, Lost> {
        let settled = |standing: &Standing| !matches!(standing, Standing::Waits { .. });
        match self.standing.wait_for(settled).await.as_deref() {
            Ok(Standing::Leads(lead)) => Ok(lead.clone()),
            Ok(Standing::Lost(lost)) => Err(lost.clone()),
            Ok(Standing::Waits { .. }) | Err(_) => Err(Lost::Expired),
        }
    }

    /// Waits until it is no candidate any more, and says why.
    pub async fn lost(&mut self) -> Lost {
        let over = |standing: &Standing| matches!(standing, Standing::Lost(_));
        match self.standing.wait_for(over).await.as_deref() {
            Ok(Standing::Lost(lost)) => lost.clone(),
            _ => Lost::Expired,
        }
    }

    /// Withdraws, so that the next one leads at once. Returns when that is so, or when the session has
    /// ended.
    pub async fn resign(mut self) {
        if let Some(resign) = self.resign.take() {
            // Nobody listens where it is over already.
            let _ = resign.send(());
        }
        self.lost().await;
    }
}

/// The task of one candidate.
struct Candidate {
    store: Store,
    place: Place,
    own: String,
    says: Bytes,
    told: watch::Sender<Standing>,
}

impl Candidate {
    async fn run(self, mut race: Race, mut resigned: oneshot::Receiver<()>) {
        let mut session = self.store.session();
        let opened = async {
            let candidates = self.store.watch(&self.place.candidates).await?;
            Ok((candidates, self.store.watch(&self.place.term).await?))
        };
        let (mut candidates, mut term): (Watch, Watch) = match opened.await {
            Ok(watches) => watches,
            Err(error) => return self.tell(&Standing::Lost(lost(error))),
        };
        let mut resigns = true;
        loop {
            let command = race.next_command();
            let working: OptionFuture<_> = command.map(|command| self.carry_out(command)).into();
            tokio::pin!(working);
            // One request at a time; what happens meanwhile is taken in.
            loop {
                let event = tokio::select! {
                    Some(event) = &mut working => event,
                    event = candidates.next() => event.map_or_else(Event::Failed, Event::Candidates),
                    event = term.next() => event.map_or_else(Event::Failed, Event::Term),
                    _ = session.wait_for(|state| *state == SessionState::Expired) => Event::Expired,
                    _ = &mut resigned, if resigns => {
                        resigns = false;
                        Event::Resign
                    }
                };
                let answered = event.is_answer();
                race.step(event);
                let standing = race.standing();
                self.tell(&standing);
                if matches!(standing, Standing::Lost(_)) {
                    return;
                }
                if answered || race.is_idle() {
                    break;
                }
            }
        }
    }

    fn tell(&self, standing: &Standing) {
        self.told.send_if_modified(|told| {
            let changes = told != standing;
            if changes {
                told.clone_from(standing);
            }
            changes
        });
    }

    async fn carry_out(&self, command: Command) -> Event {
        let answer = match command {
            Command::Enrol => {
                let op = Op::create_ephemeral(&self.own, self.says.clone());
                match self.store.multi(vec![op]).await {
                    // Its answer was lost, it was not.
                    Err(StoreError::Exists { .. }) => Ok(0),
                    other => other,
                }
            }
            Command::Take { term, version } => {
                let term = term.to_string();
                let take = match version {
                    Some(version) => Op::set_if(&self.place.term, term, version),
                    None => Op::create(&self.place.term, term),
                };
                self.store.multi(vec![Op::check(&self.own, 0), take]).await
            }
            Command::Look => return self.look().await,
            Command::Withdraw => match self.store.multi(vec![Op::delete(&self.own)]).await {
                Err(StoreError::NotFound { .. }) => Ok(0),
                other => other,
            },
        };
        if answer.as_ref().is_err_and(StoreError::is_retryable) {
            tokio::time::sleep(PAUSE).await;
        }
        Event::Answer(answer)
    }

    async fn look(&self) -> Event {
        match self.store.get(&self.place.term).await {
            Ok(record) => Event::Looked(record),
            Err(error) => {
                if error.is_retryable() {
                    tokio::time::sleep(PAUSE).await;
                }
                Event::Answer(Err(error))
            }
        }
    }
}

fn lost(error: StoreError) -> Lost {
    match error {
        StoreError::Expired => Lost::Expired,
        error => Lost::Refused(error),
    }
}

//! Turns: of the hosts of a fleet only so many do something at the same time.
//!
//! Owns the leases, one node of the store for each fleet below `/lathe/fleets`, set only at the version that was
//! read: whichever registry is asked, no more are granted than may be. Leases lapse by the clock of the registry
//! that is asked, so clocks that differ make them longer or shorter by as much. No registry keeps any of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lathe_api::door::Problem;
use lathe_coordination::{Op, Record, Store, StoreError};
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, mpsc, oneshot};

/// Leases stand below this path.
const PATH: &str = "/lathe/fleets";
/// Fleets of a cluster that have ever had a lease. Their nodes stay: one that was made anew would have the versions
/// of the one before, and somebody slow would set it by those.
const FLEETS_MAX: usize = 4096;
/// The store is asked for so many at the same time.
const AT_ONCE: usize = 16;
/// How long the store may take for one question.
const STORE_TIME: Duration = Duration::from_secs(5);
/// How often a write is tried that others come before.
const TRIES: u32 = 8;
/// Between two tries, at the most, times the number of the try.
const PAUSE: Duration = Duration::from_millis(10);

/// Takes a handle of the session with the store, when there is one.
pub(crate) type Handle = oneshot::Sender<Store>;

/// A channel for those who want one.
pub(crate) fn handles() -> (mpsc::Sender<Handle>, mpsc::Receiver<Handle>) {
    mpsc::channel(AT_ONCE)
}

/// A fleet as it stands in the store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Fleet {
    /// By whom, until when (unix time in milliseconds).
    leases: BTreeMap<String, u64>,
}

/// A fleet as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct FleetView {
    pub(crate) fleet: String,
    pub(crate) leases: Vec<LeaseView>,
}

/// A lease as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct LeaseView {
    pub(crate) holder: String,
    /// It lapses after this, in milliseconds.
    pub(crate) left_ms: u64,
}

/// What somebody wants of a fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// A lease for so long, if fewer than so many others have one.
    Take { holder: String, most: u32, lease_ms: u64 },
    /// The lease back, if there is one.
    GiveBack { holder: String },
}

/// Others have all the leases that there may be.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Taken(Vec<LeaseView>);

impl Fleet {
    /// Does what is wanted; those that have lapsed are gone with it.
    fn apply(&mut self, wish: &Wish, now_unix_ms: u64) -> Result<(), Taken> {
        self.leases.retain(|_, until| *until > now_unix_ms);
        match wish {
            Wish::GiveBack { holder } => {
                self.leases.remove(holder);
            }
            Wish::Take { holder, most, lease_ms } => {
                let others = self.leases.keys().filter(|other| *other != holder).count();
                if others >= *most as usize {
                    return Err(Taken(self.shown(now_unix_ms)));
                }
                let until = now_unix_ms.saturating_add(*lease_ms);
                self.leases.insert(holder.clone(), until);
            }
        }
        Ok(())
    }

    fn shown(&self, now_unix_ms: u64) -> Vec<LeaseView> {
        let left = self.leases.iter().filter(|(_, until)| **until > now_unix_ms);
        let view = |(holder, until): (&String, &u64)| LeaseView {
            holder: holder.clone(),
            left_ms: until - now_unix_ms,
        };
        left.map(view).collect()
    }
}

/// The way to the leases.
#[derive(Debug)]
pub(crate) struct Fleets {
    handles: mpsc::Sender<Handle>,
    places: Arc<Semaphore>,
}

impl Fleets {
    pub(crate) fn new(handles: mpsc::Sender<Handle>) -> Self {
        Self { handles, places: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Does what is wanted of a fleet, durably, and shows it.
    pub(crate) async fn ask(
        &self,
        fleet: &str,
        wish: &Wish,
        now_unix_ms: u64,
    ) -> Result<FleetView, Problem> {
        let answered = self.with_store(async |store| {
            for attempt in 1..=TRIES {
                match tried(&store, fleet, wish, now_unix_ms).await {
                    Err(Ended::Behind) => {
                        let pause = rand::random_range(Duration::ZERO..=PAUSE * attempt);
                        tokio::time::sleep(pause).await;
                    }
                    Err(Ended::Refused(problem)) => return Err(problem),
                    Ok(leases) => return Ok(leases),
                }
            }
            Err(Problem::busy("others were always first"))
        });
        let leases = answered.await?;
        Ok(FleetView { fleet: fleet.to_owned(), leases })
    }

    /// Who has leases of a fleet.
    pub(crate) async fn one(&self, fleet: &str, now_unix_ms: u64) -> Result<FleetView, Problem> {
        let found = self
            .with_store(async |store| {
                store.get(&path(fleet)).await.map_err(|error| unheard(&error))
            })
            .await?;
        let fleet = fleet.to_owned();
        let leases = read(found.as_ref()).shown(now_unix_ms);
        Ok(FleetView { fleet, leases })
    }

    /// All fleets of which anybody has a lease.
    pub(crate) async fn all(&self, now_unix_ms: u64) -> Result<Vec<FleetView>, Problem> {
        let listing = self
            .with_store(async |store| store.list(PATH).await.map_err(|error| unheard(&error)))
            .await?;
        let fleets = listing.records.into_iter().filter_map(|(path, record)| {
            let fleet = path.strip_prefix(PATH)?.strip_prefix('/')?.to_owned();
            Some(FleetView { fleet, leases: read(Some(&record)).shown(now_unix_ms) })
        });
        Ok(fleets.filter(|view| !view.leases.is_empty()).collect())
    }

    async fn with_store<T>(
        &self,
        ask: impl AsyncFnOnce(Store) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let nobody = || Problem::busy("the store is not heard");
        let place = self.places.try_acquire();
        let _place = place.map_err(|_| Problem::busy("too many ask for turns at once"))?;
        let asked = async {
            let (handle, handed) = oneshot::channel();
            self.handles.send(handle).await.map_err(|_| nobody())?;
            ask(handed.await.map_err(|_| nobody())?).await
        };
        tokio::time::timeout(STORE_TIME, asked).await.map_err(|_| nobody())?
    }
}

/// Why something was not done.
enum Ended {
    /// Somebody else was first.
    Behind,
    Refused(Problem),
}

impl From<Problem> for Ended {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

/// Reads, does what is wanted, and writes it, unless somebody has written meanwhile.
async fn tried(
    store: &Store,
    fleet: &str,
    wish: &Wish,
    now_unix_ms: u64,
) -> Result<Vec<LeaseView>, Ended> {
    let path = path(fleet);
    let found = store.get(&path).await.map_err(|error| unheard(&error))?;
    let before = read(found.as_ref());
    let mut now = before.clone();
    now.apply(wish, now_unix_ms).map_err(|Taken(by)| taken(&by))?;
    let shown = now.shown(now_unix_ms);
    if now == before {
        return Ok(shown);
    }
    let text = serde_json::to_vec(&now).expect("a fleet has text keys only");
    let op = match &found {
        Some(found) => Op::set_if(path, text, found.version),
        None => {
            let listing = store.list(PATH).await.map_err(|error| unheard(&error))?;
            if listing.records.len() >= FLEETS_MAX {
                return Err(Problem::too_many("there are as many fleets as there may be").into());
            }
            Op::create(path, text)
        }
    };
    match store.multi(vec![op]).await {
        Ok(_) => Ok(shown),
        Err(StoreError::Conflict { .. } | StoreError::Exists { .. }) => Err(Ended::Behind),
        // It may be written; whoever asks again has it then.
        Err(error) => Err(unheard(&error).into()),
    }
}

fn taken(by: &[LeaseView]) -> Problem {
    let named = by.iter().take(3).map(|lease| format!("{} for {} ms", lease.holder, lease.left_ms));
    let named = named.collect::<Vec<_>>().join(", ");
    let more = by.len().saturating_sub(3);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    Problem::not_now(format!("{named}{more} at the most")).retry_after(1)
}

fn unheard(error: &StoreError) -> Problem {
    tracing::debug!(%error, "the store was not asked for turns");
    Problem::busy("the store does not answer")
}

fn path(fleet: &str) -> String {
    format!("{PATH}/{fleet}")
}

/// One that cannot be read has no leases, which is better than that nobody ever gets one again.
fn read(record: Option<&Record>) -> Fleet {
    let read = |record: &Record| serde_json::from_slice(&record.data).ok();
    record.and_then(read).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    //! The rule by which leases are granted.

    use super::*;

    fn take(holder: &str, most: u32, lease_ms: u64) -> Wish {
        Wish::Take { holder: holder.to_owned(), most, lease_ms }
    }

    fn holders(fleet: &Fleet, now: u64) -> Vec<String> {
        fleet.shown(now).into_iter().map(|lease| lease.holder).collect()
    }

    #[test]
    fn so_many_have_a_turn_and_the_next_one_when_one_gives_back() {
        let mut fleet = Fleet::default();
        for holder in ["a", "b"] {
            fleet.apply(&take(holder, 2, 1000), 0).unwrap();
        }
        let Taken(by) = fleet.apply(&take("c", 2, 1000), 10).unwrap_err();
        assert_eq!(by[1], LeaseView { holder: "b".to_owned(), left_ms: 990 });
        fleet.apply(&Wish::GiveBack { holder: "a".to_owned() }, 20).unwrap();
        fleet.apply(&take("c", 2, 1000), 20).unwrap();
        assert_eq!(holders(&fleet, 20), ["b", "c"]);
    }

    #[test]
    fn who_has_a_turn_and_asks_again_has_it_for_longer() {
        let mut fleet = Fleet::default();
        fleet.apply(&take("a", 1, 1000), 0).unwrap();
        fleet.apply(&take("a", 1, 1000), 900).unwrap();
        assert_eq!(fleet.shown(1000)[0].left_ms, 900);
    }

    #[test]
    fn the_turn_of_one_that_is_dead_lapses() {
        let mut fleet = Fleet::default();
        fleet.apply(&take("a", 1, 1000), 0).unwrap();
        assert!(fleet.apply(&take("b", 1, 1000), 999).is_err());
        fleet.apply(&take("b", 1, 1000), 1000).unwrap();
        assert_eq!(holders(&fleet, 1000), ["b"]);
    }

    #[test]
    fn what_is_no_fleet_has_no_leases() {
        let record = |text: &str| Record {
            data: text.to_owned().into(),
            version: 3,
            commit: 9,
            ephemeral: false,
        };
        assert_eq!(read(Some(&record("{"))), Fleet::default());
        assert_eq!(read(None), Fleet::default());
    }
}

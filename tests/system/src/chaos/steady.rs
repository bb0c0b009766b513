//! A client that sends so many requests a second, come what may: it follows who the load balancers
//! are, and asks once more, at another one, when one fails.
//!
//! Owns what such a client sees. It must not know what is done to the cluster.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::task::LocalSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::http::{Connection, Failed, Request, runtime};
use crate::lathe::Lathe;
use crate::sse::Events;
use crate::waiting::SOON;

/// The time of one try. A page that hangs is known to hang, and left, well before.
const TRY_TIME: Duration = Duration::from_secs(15);
/// How often who waits looks whether the load balancer is still well.
const LOOK: Duration = Duration::from_millis(250);
/// Requests on their way at most; beyond that none is sent.
const IN_FLIGHT_MAX: usize = 4_096;
const FAILURES_KEPT: usize = 100;

/// Address by incarnation.
type Known = Arc<RwLock<BTreeMap<String, String>>>;

/// Requests on their way.
#[derive(Debug, Default)]
struct OnTheWay {
    /// At their first load balancer, by its incarnation.
    first: BTreeMap<String, usize>,
    /// At their second, and last, one.
    second: usize,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) good: usize,
    pub(super) retried: usize,
    pub(super) failed: usize,
    /// The first of them.
    pub(super) failures: Vec<String>,
    pub(super) not_sent: usize,
    pub(super) times: Vec<Duration>,
    started: Option<Instant>,
}

/// The client at work.
#[derive(Debug)]
pub(super) struct Steady {
    known: Known,
    go_on: Arc<AtomicBool>,
    on_the_way: Arc<Mutex<OnTheWay>>,
    sends: JoinHandle<Seen>,
}

impl Steady {
    pub(super) fn start(lathe: &Lathe, group: &str, rate: u32) -> Self {
        let known: Known = Arc::default();
        let go_on = Arc::new(AtomicBool::new(true));
        let url = format!("{}/v1/watch?group={group}", lathe.registry());
        std::thread::spawn({
            let (known, go_on) = (Arc::clone(&known), Arc::clone(&go_on));
            move || follow(&url, &known, &go_on)
        });
        let on_the_way = Arc::default();
        let sends = std::thread::spawn({
            let (known, go_on) = (Arc::clone(&known), Arc::clone(&go_on));
            let on_the_way = Arc::clone(&on_the_way);
            move || send(&known, &go_on, &on_the_way, rate)
        });
        Self { known, go_on, on_the_way, sends }
    }

    /// How many load balancers it has heard of.
    pub(super) fn known(&self) -> usize {
        read(&self.known).len()
    }

    /// Whether it knows exactly these.
    pub(super) fn knows(&self, incarnations: &[String]) -> bool {
        let known = read(&self.known);
        known.len() == incarnations.len() && incarnations.iter().all(|one| known.contains_key(one))
    }

    /// Whether every request on its way is at one of these and may still ask another one.
    pub(super) fn may_lose_one_of(&self, incarnations: &[String]) -> bool {
        let on_the_way = lock(&self.on_the_way);
        on_the_way.second == 0 && on_the_way.first.keys().all(|at| incarnations.contains(at))
    }

    /// Every request that was sent is waited for.
    pub(super) fn finish(self) -> Seen {
        self.go_on.store(false, Ordering::SeqCst);
        self.sends.join().expect("the client does not panic")
    }
}

fn read(known: &Known) -> BTreeMap<String, String> {
    known.read().unwrap_or_else(PoisonError::into_inner).clone()
}

fn lock(on_the_way: &Mutex<OnTheWay>) -> MutexGuard<'_, OnTheWay> {
    on_the_way.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps those that are ready.
fn follow(url: &str, known: &Known, go_on: &AtomicBool) {
    let mut events = Events::open(url, None);
    while let Ok(Some(event)) = events.try_next(SOON) {
        if !go_on.load(Ordering::SeqCst) {
            return;
        }
        let Some(entries) = event.data["entries"].as_array() else { continue };
        let ready = entries.iter().filter(|one| one["state"] == "ready").filter_map(|one| {
            let (address, port) = (one["address"].as_str()?, one["ports"]["http"].as_u64()?);
            Some((one["incarnation"].as_str()?.to_owned(), format!("http://{address}:{port}")))
        });
        *known.write().unwrap_or_else(PoisonError::into_inner) = ready.collect();
    }
}

/// What the requests share.
#[derive(Clone)]
struct Shared {
    known: Known,
    kept: Rc<RefCell<BTreeMap<String, Vec<Connection>>>>,
    seen: Rc<RefCell<Seen>>,
    turn: Rc<Cell<usize>>,
    on_the_way: Arc<Mutex<OnTheWay>>,
}

fn send(known: &Known, go_on: &AtomicBool, on_the_way: &Arc<Mutex<OnTheWay>>, rate: u32) -> Seen {
    let shared = Shared {
        known: Arc::clone(known),
        kept: Rc::default(),
        seen: Rc::default(),
        turn: Rc::default(),
        on_the_way: Arc::clone(on_the_way),
    };
    shared.seen.borrow_mut().started = Some(Instant::now());
    runtime().block_on(LocalSet::new().run_until(async {
        let mut ticks = interval(Duration::from_secs(1) / rate);
        // After a delay the missing ones follow: the load is steady over the time.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let number: Rc<Cell<usize>> = Rc::default();
        while go_on.load(Ordering::SeqCst) {
            ticks.tick().await;
            if read(known).is_empty() {
                continue;
            }
            if number.get() >= IN_FLIGHT_MAX {
                shared.seen.borrow_mut().not_sent += 1;
                continue;
            }
            number.set(number.get() + 1);
            let (shared, number) = (shared.clone(), Rc::clone(&number));
            tokio::task::spawn_local(async move {
                shared.request().await;
                number.set(number.get() - 1);
            });
        }
        while number.get() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }));
    shared.seen.take()
}

impl Shared {
    /// One request, and once more elsewhere.
    async fn request(&self) {
        let began = Instant::now();
        let Some((first, url)) = self.next(None) else { return };
        *lock(&self.on_the_way).first.entry(first.clone()).or_default() += 1;
        let mut outcome = self.once(&first, &url).await;
        self.first_is_over(&first, outcome.is_err());
        if let Err(error) = outcome {
            self.seen.borrow_mut().retried += 1;
            outcome = match self.next(Some(&first)) {
                Some((second, url)) => {
                    let again = self.once(&second, &url).await;
                    again.map_err(|other| format!("{first}: {error}; {second}: {other}").into())
                }
                None => Err(format!("{first}: {error}; no other one is known").into()),
            };
            lock(&self.on_the_way).second -= 1;
        }
        let mut seen = self.seen.borrow_mut();
        seen.times.push(began.elapsed());
        match outcome {
            Ok(()) => seen.good += 1,
            Err(error) => {
                seen.failed += 1;
                if seen.failures.len() < FAILURES_KEPT {
                    let at = seen.started.map_or(0.0, |at| began.duration_since(at).as_secs_f64());
                    let took = began.elapsed().as_secs_f64();
                    seen.failures.push(format!("at {at:.2} s, after {took:.2} s: {error}"));
                }
            }
        }
    }

    /// In one go, so that at every moment it can be told who has another try left.
    fn first_is_over(&self, first: &str, asks_again: bool) {
        let mut on_the_way = lock(&self.on_the_way);
        if let Some(number) = on_the_way.first.get_mut(first) {
            *number -= 1;
        }
        on_the_way.first.retain(|_, number| *number > 0);
        on_the_way.second += usize::from(asks_again);
    }

    /// The next load balancer in turn.
    fn next(&self, but: Option<&str>) -> Option<(String, String)> {
        let known = read(&self.known);
        let others: Vec<_> =
            known.into_iter().filter(|(one, _)| Some(one.as_str()) != but).collect();
        self.turn.set(self.turn.get().wrapping_add(1));
        let at = self.turn.get().checked_rem(others.len())?;
        others.into_iter().nth(at)
    }

    /// One try: until its time is up, or it is heard that the load balancer is not well while
    /// others are.
    async fn once(&self, who: &str, url: &str) -> Result<(), Failed> {
        let began = Instant::now();
        let mut exchange = std::pin::pin!(self.exchange(url));
        loop {
            if let Ok(outcome) = timeout(LOOK, exchange.as_mut()).await {
                return outcome;
            }
            if began.elapsed() >= TRY_TIME {
                return Err(format!("no answer in {} s", TRY_TIME.as_secs()).into());
            }
            let known = read(&self.known);
            if !known.is_empty() && !known.contains_key(who) {
                let waited = began.elapsed().as_secs_f64();
                return Err(format!("left after {waited:.1} s, for it is not well").into());
            }
        }
    }

    /// Over a kept connection where there is one that is not closed yet, as every client does.
    async fn exchange(&self, url: &str) -> Result<(), Failed> {
        let kept = {
            let mut all = self.kept.borrow_mut();
            let kept = all.entry(url.to_owned()).or_default();
            kept.retain(|connection| !connection.is_closed());
            kept.pop()
        };
        let mut connection = match kept {
            Some(connection) => connection,
            None => Connection::open(url).await?,
        };
        let answer = connection.send(&Request::get(format!("{url}/index"))).await?;
        if answer.status != 200 {
            return Err(format!("{} {}", answer.status, answer.text()).into());
        }
        self.kept.borrow_mut().entry(url.to_owned()).or_default().push(connection);
        Ok(())
    }
}

//! Many requests at once over kept connections, counted by who answered them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::LocalSet;

use crate::http::{Connection, Failed, Request, runtime};

/// What is sent where.
#[derive(Clone, Debug)]
pub struct Load {
    urls: Vec<String>,
    path: String,
    connections: usize,
    retries: usize,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Requests with a 200.
    pub good: usize,
    /// By task path, crate and version of who answered: the instance's slot is left out.
    pub served_by: BTreeMap<String, usize>,
    /// Answers that were no 200, and connections that broke, as texts; retries that went well are
    /// not among them.
    pub failed: Vec<String>,
    /// Requests that needed another address.
    pub retried: usize,
}

impl Load {
    /// `GET path` at these addresses in turn.
    #[must_use]
    pub fn new(urls: &[String], path: &str, connections: usize) -> Self {
        Self { urls: urls.to_vec(), path: path.to_owned(), connections, retries: 0 }
    }

    /// A request that fails is sent once more, to the next address.
    #[must_use]
    pub fn retrying_elsewhere(mut self) -> Self {
        self.retries = 1;
        self
    }

    /// Sends so many requests.
    #[must_use]
    pub fn send(&self, requests: usize) -> Tally {
        let left = Cell::new(requests);
        self.run(move || {
            let more = left.get() > 0;
            left.set(left.get().saturating_sub(1));
            more
        })
    }

    /// Sends until told to stop.
    #[must_use]
    pub fn send_while(&self, go_on: &Arc<AtomicBool>) -> Tally {
        let go_on = Arc::clone(go_on);
        self.run(move || go_on.load(Ordering::SeqCst))
    }

    fn run(&self, more: impl Fn() -> bool + 'static) -> Tally {
        let tally: Rc<RefCell<Tally>> = Rc::default();
        let more = Rc::new(more);
        runtime().block_on(LocalSet::new().run_until(async {
            let workers: Vec<_> = (0..self.connections)
                .map(|at| {
                    let (load, tally, more) = (self.clone(), Rc::clone(&tally), Rc::clone(&more));
                    tokio::task::spawn_local(async move { load.work(at, &*more, &tally).await })
                })
                .collect();
            for worker in workers {
                worker.await.expect("a worker does not panic");
            }
        }));
        tally.take()
    }

    async fn work(&self, first: usize, more: &dyn Fn() -> bool, tally: &RefCell<Tally>) {
        let mut at = first % self.urls.len();
        let mut kept: Option<Connection> = None;
        while more() {
            let mut outcome = self.once(at, &mut kept).await;
            for _ in 0..self.retries {
                if outcome.is_ok() {
                    break;
                }
                at = (at + 1) % self.urls.len();
                tally.borrow_mut().retried += 1;
                outcome = self.once(at, &mut kept).await;
            }
            let mut tally = tally.borrow_mut();
            match outcome {
                Ok(who) => {
                    tally.good += 1;
                    *tally.served_by.entry(who).or_default() += 1;
                }
                Err(error) => tally.failed.push(format!("{}: {error}", self.urls[at])),
            }
        }
    }

    /// One request; what went wrong costs the connection.
    async fn once(&self, at: usize, kept: &mut Option<Connection>) -> Result<String, Failed> {
        let url = format!("{}{}", self.urls[at], self.path);
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => Connection::open(&url).await?,
        };
        let answer = connection.send(&Request::get(url)).await?;
        if answer.status != 200 {
            return Err(format!("{} {}", answer.status, answer.text()).into());
        }
        *kept = Some(connection);
        let who = answer.header("lathe-served-by").unwrap_or("nobody");
        let (task, rest) = who.split_once('#').unwrap_or((who, ""));
        let build = rest.split_once(' ').map_or("", |(_, build)| build);
        Ok(format!("{task} {build}").trim_end().to_owned())
    }
}

//! Tells a registry each second that the instance lives. Owns which registry is asked next; must
//! not know what a registry makes of it.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use lathe_api::rest::segment;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::causes::with_causes;
use crate::plain_http::{Address, Connection, RequestError, bearer, read_all};
use crate::supervisor::command::Life;

const CONNECT_LIMIT: Duration = Duration::from_secs(1);
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
/// The answer to a beat says nothing; its body is read only to keep the connection.
const ANSWER_BYTES_MAX: usize = 16 * 1024;
const LIST_BYTES_MAX: usize = 64 * 1024;
const REGISTRIES_MAX: usize = 16;
/// Schedulers are asked for registries no more often than this.
const ASK_INTERVAL: Duration = Duration::from_secs(5);

/// Who beats, and to whom at first.
#[derive(Debug, Clone)]
pub struct Beating {
    /// The instance.
    pub incarnation: String,
    /// Its secret.
    pub secret: String,
    /// Addresses of registries.
    pub registries: Vec<String>,
    /// Schedulers, which know the registries of today.
    pub schedulers: Vec<String>,
}

/// Beats in the background until dropped. Of beats that cannot be sent in time only the newest
/// is kept.
#[derive(Debug)]
pub struct Beats {
    lives: watch::Sender<Option<Life>>,
    sending: JoinHandle<()>,
}

impl Beats {
    /// Starts; must be called within a runtime.
    pub fn start(beating: Beating) -> Self {
        let (lives, mut wishes) = watch::channel(None);
        let sending = tokio::spawn(async move {
            let mut sender = Sender::new(beating);
            while wishes.changed().await.is_ok() {
                let life = wishes.borrow_and_update().clone();
                if let Some(life) = life {
                    sender.beat(&life).await;
                }
            }
        });
        Self { lives, sending }
    }

    /// Sends a beat soon.
    pub fn beat(&self, life: Life) {
        self.lives.send_replace(Some(life));
    }
}

impl Drop for Beats {
    fn drop(&mut self) {
        self.sending.abort();
    }
}

#[derive(Debug, thiserror::Error)]
enum BeatError {
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error("answered {status}")]
    Status { status: StatusCode },
    #[error("the list of registries cannot be read")]
    List(#[from] serde_json::Error),
}

#[derive(Debug)]
struct Sender {
    beating: Beating,
    /// The registry that took the last beat, an index; the next one after a failure. Executors begin
    /// at different ones, so that each registry takes its part.
    current: usize,
    connection: Option<Connection>,
    heard: bool,
    asked: Option<Instant>,
}

impl Sender {
    fn new(mut beating: Beating) -> Self {
        beating.registries.truncate(REGISTRIES_MAX);
        beating.schedulers.truncate(REGISTRIES_MAX);
        let current = first(&beating);
        Self { beating, current, connection: None, heard: true, asked: None }
    }

    async fn beat(&mut self, life: &Life) {
        for _ in 0..self.beating.registries.len() {
            self.current %= self.beating.registries.len();
            let url = self.beating.registries[self.current].clone();
            match self.beat_to(&url, life).await {
                Ok(()) => {
                    if !std::mem::replace(&mut self.heard, true) {
                        tracing::info!(url, "a registry hears the beats again");
                    }
                    return;
                }
                // It is there and has not read of this incarnation yet.
                Err(BeatError::Status { status: StatusCode::NOT_FOUND }) => return,
                Err(error) => {
                    tracing::debug!(url, error = with_causes(&error), "a registry missed a beat");
                    self.connection = None;
                    self.current += 1;
                }
            }
        }
        if std::mem::replace(&mut self.heard, false) {
            tracing::warn!("no registry hears the beats");
        }
        self.find_registries().await;
    }

    async fn beat_to(&mut self, registry: &str, life: &Life) -> Result<(), BeatError> {
        let incarnation = segment(&self.beating.incarnation);
        let address = joined(registry, &format!("/v1/instances/{incarnation}/beat"))?;
        let request = Request::post("/")
            .header(header::AUTHORIZATION, bearer(&self.beating.secret))
            .header(header::CONTENT_TYPE, "application/json");
        let body = body(life);
        let mut connection = match self.connection.take() {
            Some(connection) if connection.serves(&address) => connection,
            _ => Connection::open(&address, CONNECT_LIMIT).await?,
        };
        let answer = connection.send(&address, request, Bytes::from(body), ANSWER_LIMIT).await?;
        let status = answer.status();
        read_all(answer.into_body(), ANSWER_BYTES_MAX, ANSWER_LIMIT).await?;
        self.connection = Some(connection);
        if status.is_success() { Ok(()) } else { Err(BeatError::Status { status }) }
    }

    /// Registries may have moved: a scheduler knows.
    async fn find_registries(&mut self) {
        let now = Instant::now();
        if self.asked.is_some_and(|asked| now.duration_since(asked) < ASK_INTERVAL) {
            return;
        }
        self.asked = Some(now);
        for scheduler in self.beating.schedulers.clone() {
            match ask(&scheduler).await {
                Ok(mut registries) if !registries.is_empty() => {
                    registries.truncate(REGISTRIES_MAX);
                    self.beating.registries = registries;
                    self.current = first(&self.beating);
                    return;
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(scheduler, error = with_causes(&error), "no answer");
                }
            }
        }
    }
}

/// Where one begins, as follows from its name.
fn first(beating: &Beating) -> usize {
    let hash = beating
        .incarnation
        .bytes()
        .fold(0_usize, |hash, byte| hash.wrapping_mul(31).wrapping_add(usize::from(byte)));
    hash % beating.registries.len().max(1)
}

async fn ask(scheduler: &str) -> Result<Vec<String>, BeatError> {
    let address = joined(scheduler, "/v1/registries")?;
    let mut connection = Connection::open(&address, CONNECT_LIMIT).await?;
    let request = Request::get("/").header(header::ACCEPT, "application/json");
    let answer = connection.send(&address, request, Bytes::new(), ANSWER_LIMIT).await?;
    let status = answer.status();
    if !status.is_success() {
        return Err(BeatError::Status { status });
    }
    let body = read_all(answer.into_body(), LIST_BYTES_MAX, ANSWER_LIMIT).await?;
    Ok(serde_json::from_slice(&body)?)
}

fn joined(base: &str, path: &str) -> Result<Address, RequestError> {
    Address::parse(&format!("{}{path}", base.trim_end_matches('/')))
}

/// In the words of the registry's REST interface.
fn body(life: &Life) -> String {
    let value = match life {
        Life::Starting => serde_json::json!({ "state": "starting" }),
        Life::Ready => serde_json::json!({ "state": "ready" }),
        Life::Ailing(why) => serde_json::json!({ "state": "ready", "failing": why }),
        Life::Draining => serde_json::json!({ "state": "draining" }),
    };
    value.to_string()
}

#[cfg(test)]
mod tests;

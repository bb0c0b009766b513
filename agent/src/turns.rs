//! Turns of hooks, asked of registries.
//!
//! Owns by which name this agent asks, and that one registry after the other is asked until one has answered.
//! Which hook waits for how long is the hooks' matter.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, Method};
use lathe_api::door::Token;
use lathe_api::rest::segment;
use lathe_hooks::TurnCall;
use lathe_hooks::engine::{TurnAnswer, TurnAsk};
use lathe_tls::ClientTls;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::client::{Base, Reply};
use crate::config::Config;
use crate::driver::State;
use crate::stream::sentence;
use crate::talk::with_causes;

/// So long may all registries together take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Longest part of a holder's name that the host gives, in characters.
const HOST_CHARS_MAX: usize = 80;

/// Where turns come from.
#[derive(Debug)]
pub(crate) struct Turns {
    state: Arc<State>,
    tls: ClientTls,
    token_file: Option<PathBuf>,
    holder: String,
}

impl Turns {
    /// Turns for this agent. Host and data folder name it to registries: two agents of one host are two, and one
    /// that starts again is the same.
    pub(crate) fn new(state: &Arc<State>, tls: ClientTls, config: &Config) -> Self {
        let holder = holder(&config.host, &config.data_dir);
        let token_file = config.registry_token_file.clone();
        Self { state: Arc::clone(state), tls, token_file, holder }
    }

    /// Answers calls until nobody can make any. Each takes its own time.
    pub(crate) async fn run(self, mut calls: mpsc::Receiver<TurnCall>) {
        let this = Arc::new(self);
        while let Some(call) = calls.recv().await {
            let this = Arc::clone(&this);
            tokio::spawn(async move {
                match call {
                    TurnCall::Ask { hook, turn, answer } => {
                        let _ = answer.send(this.take(&hook, &turn).await);
                    }
                    TurnCall::GiveBack { hook, fleet, done } => {
                        if let Err(problem) = this.ask(&hook, &fleet, None).await {
                            // It lapses by itself.
                            tracing::warn!(hook, fleet, problem, "a turn was not given back");
                        }
                        let _ = done.send(());
                    }
                }
            });
        }
    }

    async fn take(&self, hook: &str, turn: &TurnAsk) -> TurnAnswer {
        match self.ask(hook, &turn.fleet, Some(turn)).await {
            Ok(None) => TurnAnswer::Granted,
            Ok(Some(by)) => TurnAnswer::Taken { by },
            Err(problem) => TurnAnswer::Unheard { problem },
        }
    }

    /// Asks registries until one has answered: for a turn, or that it is over. Who has it where it is taken.
    async fn ask(
        &self,
        hook: &str,
        fleet: &str,
        turn: Option<&TurnAsk>,
    ) -> Result<Option<String>, String> {
        let registries = self.registries();
        let holder = format!("{}.{hook}", self.holder);
        let target = format!("/v1/fleets/{}/leases/{}", segment(fleet), segment(&holder));
        let asked = async {
            let mut problem = "no registry is known".to_owned();
            for registry in &registries {
                match self.ask_one(registry, &target, turn).await {
                    Ok(answer) => return Ok(answer),
                    Err(error) => problem = format!("{registry}: {error}"),
                }
            }
            Err(problem)
        };
        let late = |_| Err("no registry answers in time".to_owned());
        timeout(PATIENCE, asked).await.unwrap_or_else(late)
    }

    /// The one that is followed first: it was there a moment ago, and is another one for each agent.
    fn registries(&self) -> Vec<String> {
        let follower = self.state.read();
        let mut registries = follower.registries().to_vec();
        let followed = follower.followed();
        registries.sort_by_key(|registry| Some(registry.as_str()) != followed);
        registries
    }

    async fn ask_one(
        &self,
        registry: &str,
        target: &str,
        turn: Option<&TurnAsk>,
    ) -> Result<Option<String>, String> {
        let base = Base::parse(registry).map_err(|error| error.to_string())?;
        let (method, body) = match turn {
            None => (Method::DELETE, Bytes::new()),
            Some(TurnAsk { most, lease_ms, .. }) => {
                let body = serde_json::json!({ "max_parallel": most, "lease_ms": lease_ms });
                (Method::PUT, body.to_string().into())
            }
        };
        let reply = base.ask(&self.tls, (method, target), &self.headers()?, body).await;
        let reply: Reply = reply.map_err(|error| with_causes(&error))?;
        match reply.status() {
            200 | 204 => Ok(None),
            409 => Ok(Some(sentence(reply).await)),
            status => Err(format!("{status}: {}", sentence(reply).await)),
        }
    }

    /// The token is read each time, so that one that was changed is shown without a restart.
    fn headers(&self) -> Result<Vec<(HeaderName, String)>, String> {
        let mut headers = vec![(CONTENT_TYPE, "application/json".to_owned())];
        if let Some(file) = &self.token_file {
            let token = Token::read(file).map_err(|error| with_causes(&error))?;
            headers.push((AUTHORIZATION, format!("Bearer {}", token.expose())));
        }
        Ok(headers)
    }
}

fn holder(host: &str, data_dir: &Path) -> String {
    let plain = |char: char| char.is_ascii_alphanumeric() || "-_".contains(char);
    let host = host.chars().take(HOST_CHARS_MAX).map(|char| if plain(char) { char } else { '-' });
    let mut name: String = host.collect();
    let place = std::fs::canonicalize(data_dir).unwrap_or_else(|_| data_dir.to_owned());
    let digest = Sha256::digest(place.as_os_str().as_encoded_bytes());
    name.push('-');
    for byte in digest.iter().take(4) {
        let _ = write!(name, "{byte:02x}");
    }
    name
}

#[cfg(test)]
mod tests {
    //! By which names agents ask.

    use super::*;

    #[test]
    fn two_agents_of_a_host_are_two_and_one_stays_the_same() {
        let [one, two] = ["/data/one", "/data/two"].map(|place| holder("web-1", Path::new(place)));
        assert_ne!(one, two);
        assert_eq!(one, holder("web-1", Path::new("/data/one")));
        assert!(one.starts_with("web-1-") && one.len() == "web-1-".len() + 8, "{one}");
    }

    #[test]
    fn any_host_makes_a_name_that_registries_take() {
        let name = holder(&"ä./ b".repeat(100), Path::new("/data"));
        assert!(name.len() <= 89 && name.is_ascii() && !name.contains(['/', '.', ' ']), "{name}");
    }
}

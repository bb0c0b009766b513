//! What the registry serves over gRPC: the catalog to those who keep a copy of it.
//!
//! Owns the form on the wire (`registry.proto`); what is told is the machine's.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, stream};
use lathe_api::door::{Caller, Problem};
use lathe_api::v1::registry_server::{Registry, RegistryServer};
use lathe_api::v1::{Addresses, Delta as Told, FollowRequest, Node};
use tokio::sync::mpsc;
use tonic::{Code, Request, Response, Status};

use crate::directory::{Delta, Event, Resume, WatcherId};
use crate::driver::Input;
use crate::rest::{Desk, Place};

/// Where its calls stand.
pub(crate) const PREFIX: &str = "/lathe.v1.Registry/";
/// Largest request: the names of the groups.
const REQUEST_BYTES_MAX: usize = 64 * 1024;
/// Largest delta: some hundred entries, or one group's board with them.
const DELTA_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A sign of life is sent after so much silence.
const ALIVE_AFTER: Duration = Duration::from_secs(10);

type Deltas = Pin<Box<dyn Stream<Item = Result<Told, Status>> + Send>>;

/// The service.
pub(crate) fn service(desk: &Arc<Desk>) -> RegistryServer<Calls> {
    RegistryServer::new(Calls(Arc::clone(desk)))
        .max_decoding_message_size(REQUEST_BYTES_MAX)
        .max_encoding_message_size(DELTA_BYTES_MAX)
}

/// Answers calls from the desk of the REST.
#[derive(Debug)]
pub(crate) struct Calls(Arc<Desk>);

#[tonic::async_trait]
impl Registry for Calls {
    type FollowStream = Deltas;

    async fn follow(&self, request: Request<FollowRequest>) -> Result<Response<Deltas>, Status> {
        let opened = self.open(request).await;
        match &opened {
            Ok(_) => self.0.metrics.watches.inc(),
            Err(_) => self.0.metrics.watches_refused.inc(),
        };
        opened.map(Response::new).map_err(|problem| status(&problem))
    }
}

impl Calls {
    async fn open(&self, request: Request<FollowRequest>) -> Result<Deltas, Problem> {
        let desk = &self.0;
        let caller = request.extensions().get::<Caller>().cloned();
        let caller = caller.unwrap_or_else(|| Caller::nobody(None));
        let FollowRequest { groups, history, commit } = request.into_inner();
        let groups = desk.groups(&groups)?;
        desk.has_room()?;
        let place = desk.place(&caller)?;
        let watcher = desk.next_watcher();
        let (sender, deltas) = mpsc::channel(1);
        let resume = (!history.is_empty()).then_some(Resume { history, commit });
        let follow = Input::Follow { watcher, groups, resume, deltas: sender };
        let sent = desk.inputs.send(follow).await;
        sent.map_err(|_| Problem::busy("the registry is ending"))?;
        let inputs = desk.inputs.clone();
        Ok(Following { watcher, deltas, inputs, last: Told::default(), is_drained: true, place }
            .into_stream())
    }
}

fn status(problem: &Problem) -> Status {
    let code = match problem.status().as_u16() {
        400 => Code::InvalidArgument,
        429 => Code::ResourceExhausted,
        _ => Code::Unavailable,
    };
    Status::new(code, format!("{}: {}", problem.code(), problem.detail()))
}

/// One follower's stream.
struct Following {
    watcher: WatcherId,
    deltas: mpsc::Receiver<Delta>,
    inputs: mpsc::Sender<Input>,
    /// What was told last, without its nodes.
    last: Told,
    is_drained: bool,
    #[expect(dead_code, reason = "it is held until the stream ends")]
    place: Place,
}

impl Following {
    /// Deltas until the machine closes the follower; where it is quiet, an empty one as a sign of life.
    fn into_stream(self) -> Deltas {
        Box::pin(stream::unfold(self, |mut following| async move {
            if !following.is_drained {
                // Asked for more: the connection has room again.
                let watcher = following.watcher;
                following.inputs.send(Input::Event(Event::Drained { watcher })).await.ok()?;
                following.is_drained = true;
            }
            match tokio::time::timeout(ALIVE_AFTER, following.deltas.recv()).await {
                Ok(Some(delta)) => {
                    let (history, commit) = (delta.history.to_string(), delta.commit);
                    following.last =
                        Told { history, commit, whole: delta.whole, ..Told::default() };
                    following.is_drained = false;
                    Some((Ok(told(delta)), following))
                }
                Ok(None) => None,
                Err(_) => Some((Ok(following.last.clone()), following)),
            }
        }))
    }
}

fn told(delta: Delta) -> Told {
    let nodes = delta.nodes.into_iter().map(|(path, commit, data)| Node { path, commit, data });
    Told {
        history: delta.history.to_string(),
        commit: delta.commit,
        reset: delta.reset,
        whole: delta.whole,
        nodes: nodes.collect(),
        registries: delta.registries.map(|urls| Addresses { urls }),
    }
}

//! An agent's executor API: takes SUBSCRIBE and UPDATE, sends events as a test wishes, and breaks
//! off when told to. Owns no Mesos logic beyond what an executor sees.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt, Either, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use lathe_mesos::recordio;
use lathe_mesos::v1;
use lathe_mesos::v1::executor::{Call, Event, call, event};
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// A stream of events, for as long as its sender lives.
struct Stream(mpsc::UnboundedReceiver<Bytes>);

impl Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

#[derive(Default)]
struct State {
    subscriptions: Vec<call::Subscribe>,
    updates: Vec<v1::TaskStatus>,
    stream: Option<mpsc::UnboundedSender<Bytes>>,
    connections: Vec<AbortHandle>,
    acknowledges: bool,
    unavailable: bool,
    refused_attempts: usize,
}

/// The agent; ends with the runtime.
#[derive(Clone)]
pub(crate) struct FakeAgent {
    pub(crate) port: u16,
    state: Arc<Mutex<State>>,
}

impl FakeAgent {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = State { acknowledges: true, ..State::default() };
        let agent = Self { port, state: Arc::new(Mutex::new(state)) };
        let served = agent.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let agent = served.clone();
                let serving = tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let agent = agent.clone();
                        async move { Ok::<_, Infallible>(agent.answer(request).await) }
                    });
                    let _ =
                        http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
                served.state.lock().unwrap().connections.push(serving.abort_handle());
            }
        });
        agent
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Either<Full<Bytes>, Stream>> {
        let status = |code: u16| {
            Response::builder().status(code).body(Either::Left(Full::default())).unwrap()
        };
        assert_eq!(request.uri().path(), "/slave(1)/api/v1/executor");
        let bytes = request.into_body().collect().await.unwrap().to_bytes();
        let call = Call::decode(bytes).unwrap();
        assert_eq!(call.framework_id.value, "f-1");
        if self.state.lock().unwrap().unavailable {
            self.state.lock().unwrap().refused_attempts += 1;
            return status(503);
        }
        match call.r#type() {
            call::Type::Subscribe => {
                let (sender, receiver) = mpsc::unbounded_channel();
                let mut state = self.state.lock().unwrap();
                state.subscriptions.push(call.subscribe.unwrap_or_default());
                state.stream = Some(sender);
                drop(state);
                self.send(&subscribed());
                Response::builder()
                    .header("content-type", "application/x-protobuf")
                    .body(Either::Right(Stream(receiver)))
                    .unwrap()
            }
            call::Type::Update => {
                let update = call.update.unwrap().status;
                check(&update);
                self.state.lock().unwrap().updates.push(update.clone());
                if self.state.lock().unwrap().acknowledges {
                    self.acknowledge(&update);
                }
                status(202)
            }
            _ => status(202),
        }
    }

    fn send(&self, event: &Event) {
        let state = self.state.lock().unwrap();
        let stream = state.stream.as_ref().expect("somebody is subscribed");
        let _ = stream.send(recordio::frame(&event.encode_to_vec()));
    }

    pub(crate) fn acknowledge(&self, update: &v1::TaskStatus) {
        self.send(&Event {
            r#type: Some(event::Type::Acknowledged.into()),
            acknowledged: Some(event::Acknowledged {
                task_id: update.task_id.clone(),
                uuid: update.uuid.clone().expect("every update has an id"),
            }),
            ..Event::default()
        });
    }

    pub(crate) fn launch(&self, id: &str, data: Vec<u8>) {
        let task = v1::TaskInfo {
            name: id.to_owned(),
            task_id: v1::TaskId { value: id.to_owned() },
            agent_id: v1::AgentId { value: "agent-1".to_owned() },
            data: Some(data.into()),
            ..v1::TaskInfo::default()
        };
        self.send(&Event {
            r#type: Some(event::Type::Launch.into()),
            launch: Some(event::Launch { task }),
            ..Event::default()
        });
    }

    pub(crate) fn kill(&self, id: &str, grace_ms: Option<i64>) {
        let policy = grace_ms.map(|grace_ms| v1::KillPolicy {
            grace_period: Some(v1::DurationInfo { nanoseconds: grace_ms * 1_000_000 }),
        });
        self.send(&Event {
            r#type: Some(event::Type::Kill.into()),
            kill: Some(event::Kill {
                task_id: v1::TaskId { value: id.to_owned() },
                kill_policy: policy,
            }),
            ..Event::default()
        });
    }

    pub(crate) fn shut_down(&self) {
        self.send(&Event { r#type: Some(event::Type::Shutdown.into()), ..Event::default() });
    }

    /// Cuts all connections, as an agent's end does.
    pub(crate) fn cut(&self) {
        let mut state = self.state.lock().unwrap();
        state.stream = None;
        for connection in state.connections.drain(..) {
            connection.abort();
        }
    }

    pub(crate) fn set_acknowledges(&self, acknowledges: bool) {
        self.state.lock().unwrap().acknowledges = acknowledges;
    }

    /// Answers 503 to everything, as an agent does while it recovers.
    pub(crate) fn set_unavailable(&self, unavailable: bool) {
        self.state.lock().unwrap().unavailable = unavailable;
    }

    pub(crate) fn refused_attempts(&self) -> usize {
        self.state.lock().unwrap().refused_attempts
    }

    pub(crate) fn subscriptions(&self) -> Vec<call::Subscribe> {
        self.state.lock().unwrap().subscriptions.clone()
    }

    pub(crate) fn updates(&self) -> Vec<v1::TaskStatus> {
        self.state.lock().unwrap().updates.clone()
    }
}

/// What a real agent answers with 400.
fn check(update: &v1::TaskStatus) {
    let uuid = update.uuid.as_deref().expect("an update has an id");
    assert_eq!(uuid.len(), 16);
    assert!((1..=5).contains(&(uuid[6] >> 4)), "not a UUID: {uuid:?}");
    assert!(update.timestamp.is_some());
    assert_eq!(update.source(), v1::task_status::Source::Executor);
    assert_ne!(update.state(), v1::TaskState::TaskStaging);
}

fn subscribed() -> Event {
    use v1::framework_info::{Capability, capability::Type};
    let killing = Capability { r#type: Some(Type::TaskKillingState.into()) };
    let framework_info = v1::FrameworkInfo {
        user: "nobody".to_owned(),
        name: "lathe".to_owned(),
        capabilities: vec![killing],
        ..v1::FrameworkInfo::default()
    };
    Event {
        r#type: Some(event::Type::Subscribed.into()),
        subscribed: Some(event::Subscribed { framework_info, ..Default::default() }),
        ..Event::default()
    }
}

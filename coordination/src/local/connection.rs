//! One client's connection: says hello, reads requests, writes answers and watches. Owns the framing
//! of its socket; what requests mean is the hub's and the writer's part.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::hub::Hub;
use super::outbox::{Next, Outbox};
use super::tree::Node;
use super::writer::Job;
use crate::StoreError;
use crate::limits::{MAX_SESSION_TIMEOUT, MIN_SESSION_TIMEOUT, check_multi};
use crate::path::{check_path, check_prefix};
use crate::wire::{FrameError, PROTOCOL, Refusal, ToClient, ToServer, split_frame};
use crate::{Op, Record};

/// How long what is left to say to a client that is sent away may take.
const FAREWELL: Duration = Duration::from_secs(1);
/// The size of one piece of a listing, before the record that goes over it.
const PART_BYTES: usize = 256 * 1024;
/// Memory for multis that wait, in KiB, of all connections together.
pub(crate) const WAITING_KIB: usize = 64 * 1024;

/// What every connection is given.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) hub: Arc<Hub>,
    pub(crate) jobs: mpsc::Sender<Job>,
    pub(crate) memory: Arc<Semaphore>,
    /// How long a new connection may take to say who it is.
    pub(crate) hello_time: Duration,
}

/// Why a connection ended, for the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ended {
    #[error("the client is gone")]
    Gone,
    #[error("a bad frame: {0}")]
    Frame(#[from] FrameError),
    #[error("reading or writing failed")]
    Io(#[from] std::io::Error),
    #[error("it said no hello in time")]
    Silent,
    #[error("it was sent away")]
    SentAway,
    #[error("the store is stopping")]
    Stopping,
}

/// Reads whole frames.
struct Frames {
    half: OwnedReadHalf,
    read: BytesMut,
}

impl Frames {
    async fn next(&mut self) -> Result<Bytes, Ended> {
        loop {
            if let Some(body) = split_frame(&mut self.read)? {
                return Ok(body);
            }
            self.read.reserve(16 * 1024);
            if self.half.read_buf(&mut self.read).await? == 0 {
                return Err(Ended::Gone);
            }
        }
    }
}

/// Serves one connection to its end.
pub(crate) async fn serve(context: &Context, stream: UnixStream) -> Ended {
    let (read, mut write) = stream.into_split();
    let mut frames = Frames { half: read, read: BytesMut::new() };
    let outbox = Arc::new(Outbox::default());
    let hello = timeout(context.hello_time, hello(context, &mut frames, &outbox)).await;
    let session = match hello {
        Err(_) => return Ended::Silent,
        Ok(Err(ended)) => return ended,
        Ok(Ok(Ok(session))) => session,
        Ok(Ok(Err(refusal))) => {
            refuse(write, refusal).await;
            return Ended::SentAway;
        }
    };
    let ended = tokio::select! {
        ended = read_all(context, &mut frames, session, &outbox) => ended,
        ended = write_all(context, &mut write, &outbox) => ended,
        () = farewell(&outbox) => Ended::SentAway,
    };
    for (id, prefix) in outbox.watches() {
        context.hub.unwatch(&outbox, id, &prefix);
    }
    context.hub.sessions().detach(session, &outbox);
    ended
}

/// Tells a client that it is not served.
pub(crate) async fn refuse(mut write: OwnedWriteHalf, refusal: Refusal) {
    let mut bytes = BytesMut::new();
    ToClient::Refused(refusal).put(&mut bytes);
    // It is sent away either way.
    let _ = timeout(FAREWELL, write.write_all(&bytes)).await;
}

/// Ends a while after the connection was told to end, if it has not by then.
async fn farewell(outbox: &Outbox) {
    outbox.closed().await;
    tokio::time::sleep(FAREWELL).await;
}

async fn hello(
    context: &Context,
    frames: &mut Frames,
    outbox: &Arc<Outbox>,
) -> Result<Result<u64, Refusal>, Ended> {
    let ToServer::Hello { protocol, session, timeout_ms } = ToServer::decode(frames.next().await?)?
    else {
        return Err(Ended::Frame(FrameError::Unknown { what: "hello", value: 0 }));
    };
    if protocol != PROTOCOL {
        return Ok(Err(Refusal::Protocol));
    }
    let key = match session {
        Some(key) => key,
        None => {
            let timeout = Duration::from_millis(timeout_ms);
            let timeout = timeout.clamp(MIN_SESSION_TIMEOUT, MAX_SESSION_TIMEOUT);
            let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(timeout_ms);
            let (answer, opened) = oneshot::channel();
            let job = Job::Open { timeout_ms, answer };
            context.jobs.send(job).await.map_err(|_| Ended::Stopping)?;
            match opened.await.map_err(|_| Ended::Stopping)? {
                Some(key) => key,
                None => return Ok(Err(Refusal::TooMany)),
            }
        }
    };
    let attached = context.hub.sessions().attach(&key, outbox, Instant::now());
    let Some(timeout) = attached else { return Ok(Err(Refusal::Expired)) };
    outbox.reply(&ToClient::Welcome {
        key,
        timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
        history: context.hub.history.clone(),
    });
    Ok(Ok(key.id))
}

async fn read_all(
    context: &Context,
    frames: &mut Frames,
    session: u64,
    outbox: &Arc<Outbox>,
) -> Ended {
    loop {
        outbox.room().await;
        let said = match frames.next().await {
            Ok(body) => ToServer::decode(body),
            Err(ended) => return ended,
        };
        context.hub.sessions().heard(session, Instant::now());
        let done = match said {
            Ok(said) => handle(context, said, session, outbox).await,
            Err(error) => Err(Ended::Frame(error)),
        };
        if let Err(ended) = done {
            return ended;
        }
    }
}

async fn handle(
    context: &Context,
    said: ToServer,
    session: u64,
    outbox: &Arc<Outbox>,
) -> Result<(), Ended> {
    let failed = |id, error| outbox.reply(&ToClient::Failed { id, error });
    match said {
        ToServer::Hello { .. } => {
            return Err(Ended::Frame(FrameError::Unknown { what: "second hello", value: 0 }));
        }
        ToServer::Ping => outbox.reply(&ToClient::Pong),
        ToServer::Get { id, path } => match check_path(&path) {
            Ok(()) => {
                let record = context.hub.get(&path).map(|node| node.record());
                outbox.reply(&ToClient::Found { id, record });
            }
            Err(error) => failed(id, error),
        },
        ToServer::List { id, prefix } => match check_prefix(&prefix) {
            Ok(()) => {
                let (commit, nodes) = context.hub.list(&prefix);
                parts(id, commit, nodes, |part| outbox.reply(&part));
            }
            Err(error) => failed(id, error),
        },
        ToServer::Multi { id, ops } => match check_multi(&ops) {
            Ok(()) => multi(context, session, outbox, (id, ops)).await?,
            Err(error) => failed(id, error),
        },
        ToServer::Watch { id, prefix } => match check_prefix(&prefix) {
            Ok(()) if outbox.watch(id, &prefix) => context.hub.watch(outbox, id, &prefix),
            Ok(()) => failed(id, StoreError::TooMany { what: "watches" }),
            Err(error) => failed(id, error),
        },
        ToServer::Unwatch { id } => {
            if let Some(prefix) = outbox.unwatch(id) {
                context.hub.unwatch(outbox, id, &prefix);
            }
        }
        ToServer::Close { id } => {
            context.hub.sessions().end(session);
            let (answer, ended) = oneshot::channel();
            let job = Job::End { session, answer: Some(answer) };
            context.jobs.send(job).await.map_err(|_| Ended::Stopping)?;
            ended.await.map_err(|_| Ended::Stopping)?;
            outbox.close_with(&ToClient::Closed { id });
        }
    }
    Ok(())
}

async fn multi(
    context: &Context,
    session: u64,
    outbox: &Arc<Outbox>,
    (id, ops): (u64, Vec<Op>),
) -> Result<(), Ended> {
    let bytes: usize = ops.iter().map(|op| op.path().len() + op.data().len() + 64).sum();
    let kib = u32::try_from(bytes.div_ceil(1024).clamp(1, WAITING_KIB)).unwrap_or(1);
    let share = context.memory.clone().acquire_many_owned(kib).await;
    let share = share.map_err(|_| Ended::Stopping)?;
    outbox.owe();
    let job = Job::Multi { session, ops, id, outbox: outbox.clone(), share };
    context.jobs.send(job).await.map_err(|_| Ended::Stopping)
}

async fn write_all(context: &Context, write: &mut OwnedWriteHalf, outbox: &Outbox) -> Ended {
    let mut out = BytesMut::new();
    loop {
        out.clear();
        let written = match outbox.next(&mut out).await {
            Next::Write => write.write_all(&out).await,
            Next::Snapshot { id, prefix } => {
                let (commit, nodes) = context.hub.snapshot(outbox, id, &prefix);
                write_parts(write, (id, commit), nodes).await
            }
            Next::End => return Ended::SentAway,
        };
        if let Err(error) = written {
            return error.into();
        }
    }
}

/// Writes a snapshot piece by piece, so that only one piece is encoded at a time.
async fn write_parts(
    write: &mut OwnedWriteHalf,
    (id, commit): (u64, u64),
    nodes: Vec<(Arc<str>, Node)>,
) -> std::io::Result<()> {
    let mut nodes = nodes.into_iter().peekable();
    let mut out = BytesMut::new();
    let mut first = true;
    loop {
        let part = next_part(&mut nodes);
        let last = nodes.peek().is_none();
        out.clear();
        ToClient::Part { id, commit, first, last, records: part }.put(&mut out);
        write.write_all(&out).await?;
        first = false;
        if last {
            return Ok(());
        }
    }
}

fn parts(id: u64, commit: u64, nodes: Vec<(Arc<str>, Node)>, mut put: impl FnMut(ToClient)) {
    let mut nodes = nodes.into_iter().peekable();
    let mut first = true;
    loop {
        let records = next_part(&mut nodes);
        let last = nodes.peek().is_none();
        put(ToClient::Part { id, commit, first, last, records });
        first = false;
        if last {
            return;
        }
    }
}

fn next_part(nodes: &mut impl Iterator<Item = (Arc<str>, Node)>) -> Vec<(String, Record)> {
    let mut part = Vec::new();
    let mut bytes = 0;
    for (path, node) in nodes {
        bytes += path.len() + node.data.len() + 64;
        part.push((path.to_string(), node.record()));
        if bytes >= PART_BYTES {
            break;
        }
    }
    part
}

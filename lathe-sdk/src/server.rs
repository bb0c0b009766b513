//! The HTTP server of one instance: accepts, bounds, drains.
//!
//! Owns the listener and the count of connections. It must not know what tasks answer, nor of
//! groups and registries.

mod answer;
mod connection;
mod metrics;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, interval, sleep, timeout};

pub(crate) use metrics::Metrics;

use crate::context::Context;
use crate::http::{HTTPTask, Options};
use crate::server::connection::Links;
use crate::task::{Ended, Start};

/// Between the news that an instance drains and the end of its idle connections: callers that
/// were about to use one get an answer, with the word that it was the last on that connection.
const LINGER: Duration = Duration::from_millis(250);

/// What all connections of one server share.
#[derive(Debug)]
pub(crate) struct Server<T> {
    task: T,
    options: Options,
    context: Arc<Context>,
    metrics: Arc<Metrics>,
    served_by: Option<HeaderValue>,
    links: Links,
}

/// Serves a task on the instance's own port until it is drained.
pub(crate) async fn run<T: HTTPTask>(task: T, start: Start) -> Ended {
    let instance = &start.context.instance;
    let Some(port) = instance.ports.get("http").copied() else {
        return Err("LATHE_PORT_HTTP is not set: the task has no port named \"http\"".into());
    };
    let listener = TcpListener::bind((instance.address, port)).await.map_err(|error| {
        io::Error::new(error.kind(), format!("listen on {}:{port}: {error}", instance.address))
    })?;
    let mut ports = instance.ports.clone();
    ports.insert("http".to_owned(), listener.local_addr()?.port());
    start.ready.send_replace(Some(ports));
    serve(listener, task, start.context).await;
    Ok(())
}

/// Serves on this listener until the context is drained and the requests at work have ended.
pub(crate) async fn serve<T: HTTPTask>(listener: TcpListener, task: T, context: Arc<Context>) {
    let mut options = task.options();
    if let Some(grace) = context.grace {
        // Leave a tenth for the process itself to end before it is killed.
        options.drain_timeout = grace.mul_f64(0.9);
    }
    let server = Arc::new(Server {
        task,
        options,
        served_by: served_by(&context),
        metrics: Arc::clone(&context.metrics),
        links: Links::default(),
        context,
    });
    let room = Arc::new(Semaphore::new(options.max_connections.clamp(1, Semaphore::MAX_PERMITS)));
    let mut draining = server.context.draining.subscribe();
    let sweeper = tokio::spawn(sweep(Arc::clone(&server)));
    tokio::select! {
        () = accept(listener, &server, &room) => {}
        _ = draining.wait_for(|draining| *draining) => {}
    }
    drain(&server, &room).await;
    sweeper.abort();
}

/// Never returns; dropping it closes the listener.
async fn accept<T: HTTPTask>(
    listener: TcpListener,
    server: &Arc<Server<T>>,
    room: &Arc<Semaphore>,
) {
    loop {
        let Ok(permit) = Arc::clone(room).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Answers are small and awaited: waiting for more to send would only delay them.
                let _ = TcpStream::set_nodelay(&stream, true);
                let server = Arc::clone(server);
                tokio::spawn(connection::drive(server, stream, peer, permit));
            }
            Err(error) => {
                crate::log::line("cannot accept a connection", &[("error", &error)]);
                // Out of descriptors, most likely: give others time to end.
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn drain<T: HTTPTask>(server: &Arc<Server<T>>, room: &Semaphore) {
    let all = u32::try_from(server.options.max_connections).unwrap_or(u32::MAX).max(1);
    let ends = Instant::now() + server.options.drain_timeout;
    if server.links.is_empty() {
        return;
    }
    let linger = LINGER.min(server.options.drain_timeout / 4);
    if timeout(linger, room.acquire_many(all)).await.is_ok() {
        return;
    }
    server.links.finish_all();
    let left = ends.saturating_duration_since(Instant::now());
    if timeout(left, room.acquire_many(all)).await.is_err() {
        let open = server.links.len();
        crate::log::line("the time to drain is over", &[("connections", &open)]);
        server.links.cut_all();
    }
}

/// Ends connections on which nothing moves.
async fn sweep<T: HTTPTask>(server: Arc<Server<T>>) {
    let idle = server.options.idle_timeout;
    let stall = server.options.stall_timeout.max(server.options.handler_timeout);
    let often = (idle.min(stall) / 8).clamp(Duration::from_millis(10), Duration::from_secs(1));
    let mut tick = interval(often);
    loop {
        tick.tick().await;
        server.links.sweep(Instant::now(), idle, stall);
    }
}

fn served_by(context: &Context) -> Option<HeaderValue> {
    if !context.served_by {
        return None;
    }
    let who = &context.instance;
    HeaderValue::try_from(format!("{} {} {}", who.instance, who.crate_name, who.version)).ok()
}

#[cfg(test)]
mod tests;

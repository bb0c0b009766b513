//! One connection through the proxy: two ways, each a reader and a writer with a bounded queue.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::{Shared, Switch, Way};

/// Bytes that are read at a time.
const READ_MAX: usize = 16 << 10;
/// Pieces that wait in one way, beside one in the reader and one in the writer.
const PIECES_MAX: usize = 64;

/// Bytes and when they may go on.
type Piece = (Instant, Bytes);

/// Carries a connection until both sides have ended it.
pub(super) async fn carry(client: TcpStream, shared: &Arc<Shared>) {
    let Ok(server) = TcpStream::connect(&shared.server).await else {
        shared.refused.fetch_add(1, Ordering::SeqCst);
        return;
    };
    // Without it, pieces would be put together again.
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let ways = tokio::try_join!(
        way(from_client, to_server, Way::ToServer, shared),
        way(from_server, to_client, Way::ToClient, shared),
    );
    // A connection that broke is as good as one that ended: either is closed now.
    let _ = ways;
}

/// One way, to its end. An error ends the other way too.
async fn way(
    from: impl AsyncRead + Unpin,
    to: impl AsyncWrite + Unpin,
    way: Way,
    shared: &Arc<Shared>,
) -> std::io::Result<()> {
    let (sender, receiver) = channel(PIECES_MAX);
    tokio::try_join!(read(from, sender, shared.switch.clone()), write(to, receiver, way, shared),)?;
    Ok(())
}

async fn read(
    mut from: impl AsyncRead + Unpin,
    pieces: Sender<Piece>,
    switch: watch::Receiver<Switch>,
) -> std::io::Result<()> {
    let mut buffer = vec![0; READ_MAX];
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        let due = Instant::now() + switch.borrow().delay;
        if pieces.send((due, Bytes::copy_from_slice(&buffer[..length]))).await.is_err() {
            return Ok(());
        }
    }
}

async fn write(
    mut to: impl AsyncWrite + Unpin,
    mut pieces: Receiver<Piece>,
    way: Way,
    shared: &Arc<Shared>,
) -> std::io::Result<()> {
    let mut switch = shared.switch.clone();
    let count = match way {
        Way::ToServer => &shared.to_server,
        Way::ToClient => &shared.to_client,
    };
    while let Some((due, mut bytes)) = pieces.recv().await {
        sleep_until(due).await;
        while !bytes.is_empty() {
            let piece = open(&mut switch, way).await?;
            let most = if piece == 0 { bytes.len() } else { piece.min(bytes.len()) };
            let now = bytes.split_to(most);
            to.write_all(&now).await?;
            count.fetch_add(now.len() as u64, Ordering::SeqCst);
            if piece > 0 {
                // The reader gets a chance to see this piece alone.
                tokio::task::yield_now().await;
            }
        }
    }
    // The end is held back as bytes are.
    open(&mut switch, way).await?;
    to.shutdown().await
}

/// Waits until bytes may go this way, and says how many at once.
async fn open(switch: &mut watch::Receiver<Switch>, way: Way) -> std::io::Result<usize> {
    let switch = switch.wait_for(|switch| !switch.holds(way)).await;
    switch.map(|switch| switch.piece).map_err(std::io::Error::other)
}

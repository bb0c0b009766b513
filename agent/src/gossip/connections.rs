//! Connections by which agents ask for what no datagram carries.
//!
//! Owns their form (frames after their length in 4 bytes, big end first) and their bounds: bytes of a frame and of
//! a connection, the time that it may take, and how many there are. What a frame says is the machine's.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lathe_gossip::{ASK_BYTES_MAX, AskId, Event, FRAME_BYTES_MAX};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// The whole of a connection.
const DEADLINE: Duration = Duration::from_secs(10);
/// Until the question is there: whoever has no key has no more time than that.
const ASK_DEADLINE: Duration = Duration::from_secs(3);
/// Bytes of one connection.
const BYTES_MAX: usize = 80 << 20;
/// Connections that others have open.
const PLACES: usize = 32;
/// Of one address.
const PLACES_EACH: usize = 4;

/// Frames that answer a question.
pub(super) type Frames = Vec<Vec<u8>>;
/// Where questions go, each with the way back.
pub(super) type Questions = mpsc::Sender<(Vec<u8>, oneshot::Sender<Frames>)>;

/// Asks and hands on what comes, until the other one is done or the time is up.
pub(super) async fn fetch(to: SocketAddr, frame: Vec<u8>, events: mpsc::Sender<Event>) {
    match timeout(DEADLINE, exchange(to, &frame, &events)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%to, %error, "what was asked for did not come"),
        Err(_) => tracing::debug!(%to, "what was asked for did not come in time"),
    }
    let _ = events.send(Event::FetchEnded { from: to }).await;
}

async fn exchange(to: SocketAddr, frame: &[u8], events: &mpsc::Sender<Event>) -> io::Result<()> {
    let mut stream = TcpStream::connect(to).await?;
    write(&mut stream, frame).await?;
    let mut left = BYTES_MAX;
    while let Some(frame) = read(&mut stream, FRAME_BYTES_MAX.min(left)).await? {
        left -= frame.len();
        if events.send(Event::Fetched { from: to, frame }).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// Answers one who asks. Without frames the connection ends, and says nothing.
pub(super) async fn answer(mut stream: TcpStream, asks: Questions) {
    let asked = timeout(ASK_DEADLINE, read(&mut stream, ASK_BYTES_MAX)).await;
    let Ok(Ok(Some(frame))) = asked else { return };
    let (sender, frames) = oneshot::channel();
    if asks.send((frame, sender)).await.is_err() {
        return;
    }
    let Ok(frames) = frames.await else { return };
    let written = timeout(DEADLINE, async {
        for frame in frames {
            write(&mut stream, &frame).await?;
        }
        stream.shutdown().await
    });
    if let Ok(Err(error)) = written.await {
        tracing::debug!(%error, "an answer was not taken");
    }
}

async fn write(stream: &mut TcpStream, frame: &[u8]) -> io::Result<()> {
    let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
    stream.write_all(&length.to_be_bytes()).await?;
    stream.write_all(frame).await
}

/// A frame; nothing where the other one is done. Memory grows with what has come, not with what is announced.
async fn read(stream: &mut TcpStream, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match stream.read_exact(&mut length).await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    };
    let length = u32::from_be_bytes(length);
    if length as usize > bytes_max {
        return Err(io::Error::other(format!("a frame of {length} bytes")));
    }
    let mut frame = Vec::new();
    let taken = stream.take(u64::from(length)).read_to_end(&mut frame).await?;
    if taken == length as usize {
        Ok(Some(frame))
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

/// Numbers of connections.
#[derive(Debug, Default)]
pub(super) struct Asks {
    next: u64,
    open: BTreeMap<AskId, oneshot::Sender<Frames>>,
}

impl Asks {
    pub(super) fn add(&mut self, answer: oneshot::Sender<Frames>) -> AskId {
        self.next += 1;
        let id = AskId(self.next);
        self.open.insert(id, answer);
        id
    }

    pub(super) fn answer(&mut self, id: AskId, frames: Frames) {
        if let Some(answer) = self.open.remove(&id) {
            let _ = answer.send(frames);
        }
    }
}

/// Who has connections open; clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Places(Arc<Mutex<BTreeMap<IpAddr, usize>>>);

/// One of them, until it is dropped.
#[derive(Debug)]
pub(super) struct Place(Places, IpAddr);

impl Places {
    pub(super) fn take(&self, address: IpAddr) -> Option<Place> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let each = taken.get(&address).copied().unwrap_or(0);
        if each >= PLACES_EACH || taken.values().sum::<usize>() >= PLACES {
            return None;
        }
        taken.insert(address, each + 1);
        Some(Place(self.clone(), address))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(each) = taken.get_mut(&self.1) {
            *each -= 1;
            if *each == 0 {
                taken.remove(&self.1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    //! Frames that are whole, cut and too long; and places.

    use tokio::net::TcpListener;

    use super::*;

    /// What is read of these bytes, after which the other end is closed.
    async fn read_of(bytes: Vec<u8>, bytes_max: usize) -> io::Result<Option<Vec<u8>>> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(&bytes).await.unwrap();
        });
        let (mut stream, _) = listener.accept().await.unwrap();
        read(&mut stream, bytes_max).await
    }

    #[tokio::test]
    async fn a_frame_is_whole_and_no_longer_than_it_may_be() {
        assert_eq!(read_of(vec![0, 0, 0, 2, 7, 8, 9], 2).await.unwrap(), Some(vec![7, 8]));
        assert_eq!(read_of(Vec::new(), 2).await.unwrap(), None);
        for wrong in [vec![0, 0, 0, 2, 7], vec![0, 0, 0, 3, 1, 2, 3], vec![255; 9]] {
            assert!(read_of(wrong.clone(), 2).await.is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_address_has_few_places_and_all_have_not_many() {
        let places = Places::default();
        let mut held: Vec<Place> =
            (0..PLACES_EACH).filter_map(|_| places.take([10, 0, 0, 0].into())).collect();
        assert!(held.len() == PLACES_EACH && places.take([10, 0, 0, 0].into()).is_none());
        for at in 1..=u8::MAX {
            held.extend(places.take([10, 0, 0, at].into()));
        }
        assert_eq!(held.len(), PLACES);
        held.clear();
        assert!(places.take([10, 0, 0, 0].into()).is_some());
    }
}

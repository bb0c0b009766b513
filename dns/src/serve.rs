//! The sockets of DNS: datagrams, and connections for what is too long for one.
//!
//! Owns their number and their time. It must not know what is answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use lathe_api::door::{self, BindError, Rates};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::names::Known;
use crate::settings::Settings;
use crate::zone::{Way, Zone};

/// Connections at one time; more are closed at once.
const CONNECTIONS_MAX: usize = 256;
/// A connection on which no question comes, or an answer is not taken, for so long is closed.
const IDLE_MAX: Duration = Duration::from_secs(10);
/// Longest question, in bytes: a name and what may come with it.
const QUESTION_BYTES_MAX: usize = 1500;
/// How often a port that is free for one protocol is tried for the other.
const TRIES: usize = 16;
/// How long the loop rests when the system refuses a connection or a datagram.
const REST: Duration = Duration::from_millis(100);

/// A socket for datagrams and one for connections, on the same port.
#[derive(Debug)]
struct Sockets {
    udp: UdpSocket,
    tcp: TcpListener,
}

impl Sockets {
    /// Binds both. Port 0 lets the system choose one that is free for both.
    async fn bind(address: SocketAddr, insecure: bool) -> Result<Self, BindError> {
        let mut tries = if address.port() == 0 { TRIES } else { 1 };
        loop {
            let tcp = door::bind(address, insecure).await?;
            let failed = |source| BindError::Io { address, source };
            let bound = tcp.local_addr().map_err(failed)?;
            match UdpSocket::bind(bound).await {
                Ok(udp) => return Ok(Self { udp, tcp }),
                Err(_) if tries > 1 => tries -= 1,
                Err(source) => return Err(BindError::Io { address, source }),
            }
        }
    }
}

/// Where DNS is answered, if it is.
#[derive(Debug)]
pub struct Door(Option<(Sockets, Zone)>);

impl Door {
    /// Binds what a configuration names; nothing where DNS is off.
    ///
    /// # Errors
    /// Where the address may not be listened on, or the system says no.
    pub async fn bind(settings: Option<&Settings>, insecure: bool) -> Result<Self, BindError> {
        let Some((settings, zone)) = settings.and_then(|one| Some((one, one.zone()?))) else {
            return Ok(Self(None));
        };
        Ok(Self(Some((Sockets::bind(settings.listen, insecure).await?, zone))))
    }

    /// Where it is.
    ///
    /// # Errors
    /// What the system says.
    pub fn address(&self) -> std::io::Result<Option<SocketAddr>> {
        self.0.as_ref().map(|(sockets, _)| sockets.tcp.local_addr()).transpose()
    }

    /// Answers until the end is told; connections under way are closed then. Where DNS is off, this never ends.
    pub async fn serve(self, source: impl Source, rates: Rates, mut ending: watch::Receiver<bool>) {
        let Some((Sockets { udp, tcp }, zone)) = self.0 else {
            return std::future::pending().await;
        };
        let desk = Arc::new(Desk { zone, source, rates });
        let answering = async { tokio::join!(datagrams(&udp, &desk), connections(&tcp, &desk)) };
        tokio::select! {
            _ = answering => {}
            _ = ending.wait_for(|ends| *ends) => {}
        }
    }
}

/// What is known now, and who counts what was answered.
pub trait Source: Send + Sync + 'static {
    /// Lends what is known.
    fn look(&self, show: &mut dyn FnMut(&dyn Known));
    /// A question was answered with this code.
    fn answered(&self, code: &'static str);
    /// A packet was not answered.
    fn dropped(&self);
}

/// What answering needs.
#[derive(Debug)]
struct Desk<S> {
    zone: Zone,
    source: S,
    rates: Rates,
}

impl<S: Source> Desk<S> {
    /// Nothing for what is no question, and for an address that asks too much: an answer to a datagram
    /// may go to somebody who never asked.
    fn answer(&self, peer: SocketAddr, packet: &[u8], way: Way) -> Option<Vec<u8>> {
        if self.rates.admit(peer.ip()).is_err() {
            self.source.dropped();
            return None;
        }
        let mut answer = None;
        self.source.look(&mut |known| {
            answer = self.zone.answer(known, (packet, way), &mut rand::rng());
        });
        let Some(answer) = answer.filter(|answer| !answer.bytes.is_empty()) else {
            self.source.dropped();
            return None;
        };
        self.source.answered(answer.code_name());
        Some(answer.bytes)
    }
}

async fn datagrams<S: Source>(socket: &UdpSocket, desk: &Desk<S>) {
    let mut packet = vec![0; QUESTION_BYTES_MAX + 1];
    loop {
        match socket.recv_from(&mut packet).await {
            Ok((length, peer)) if length <= QUESTION_BYTES_MAX => {
                if let Some(answer) = desk.answer(peer, &packet[..length], Way::Udp) {
                    // One that cannot be sent is asked for again.
                    let _ = socket.send_to(&answer, peer).await;
                }
            }
            Ok(_) => {
                desk.source.dropped();
            }
            // What is told here is what became of an answer.
            Err(error) => {
                tracing::debug!(%error, "a datagram was not taken");
                tokio::time::sleep(REST).await;
            }
        }
    }
}

async fn connections<S: Source>(listener: &TcpListener, desk: &Arc<Desk<S>>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut all = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    // Without a place it is closed by being dropped.
                    let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
                    let desk = Arc::clone(desk);
                    all.spawn(async move {
                        let _place = place;
                        if let Err(error) = converse(stream, peer, &desk).await {
                            tracing::debug!(%peer, %error, "a connection ended");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot take a connection");
                    tokio::time::sleep(REST).await;
                }
            },
            Some(_) = all.join_next() => {}
        }
    }
}

/// One question after the other, each with its length before it (RFC 1035, section 4.2.2).
async fn converse<S: Source>(
    mut stream: TcpStream,
    peer: SocketAddr,
    desk: &Desk<S>,
) -> std::io::Result<()> {
    let mut packet = Vec::new();
    loop {
        let asked = tokio::time::timeout(IDLE_MAX, async {
            let length = usize::from(stream.read_u16().await?);
            packet.resize(length.min(QUESTION_BYTES_MAX), 0);
            stream.read_exact(&mut packet).await?;
            std::io::Result::Ok(length)
        });
        let Ok(length) = asked.await else { return Ok(()) };
        if length? > QUESTION_BYTES_MAX {
            return Ok(());
        }
        let Some(answer) = desk.answer(peer, &packet, Way::Tcp) else { return Ok(()) };
        let length = u16::try_from(answer.len()).unwrap_or(u16::MAX);
        let whole = [&length.to_be_bytes(), &answer[..]].concat();
        match tokio::time::timeout(IDLE_MAX, stream.write_all(&whole)).await {
            Ok(written) => written?,
            Err(_) => return Ok(()),
        }
    }
}

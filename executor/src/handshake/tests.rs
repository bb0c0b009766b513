//! The hand-shake as a program does it, and as none should.

use std::path::PathBuf;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

struct Fixture {
    folder: tempfile::TempDir,
    handshake: Handshake,
    events: mpsc::Receiver<Event>,
}

impl Fixture {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (sender, events) = mpsc::channel(16);
        let handshake = Handshake::start(folder.path(), None, sender).unwrap();
        Self { folder, handshake, events }
    }

    async fn connect(&self) -> UnixStream {
        UnixStream::connect(self.folder.path().join(HANDSHAKE_SOCKET)).await.unwrap()
    }

    /// Everything said so far is heard once this connection is served and closed.
    async fn shake(&mut self) {
        let mut stream = self.connect().await;
        stream.write_all(b"{\"lathe\":\"0.1.0\",\"ready\":true}\n").await.unwrap();
        assert_eq!(self.events.recv().await, Some(Event::ReadyHeard { beats: false }));
    }
}

#[tokio::test]
async fn a_good_word_is_heard_once_and_drain_comes_back() {
    let mut fixture = Fixture::start();
    let mut stream = fixture.connect().await;
    // In two pieces, with keys of a later version.
    stream.write_all(b"{\"lathe\":\"0.1.0\",\"ready\":true,").await.unwrap();
    stream.write_all(b"\"ports\":{\"http\":31007},\"more\":[1]}\n").await.unwrap();
    assert_eq!(fixture.events.recv().await, Some(Event::ReadyHeard { beats: false }));
    stream.write_all(b"{\"lathe\":\"0.1.0\",\"ready\":true}\n").await.unwrap();
    fixture.handshake.ask_to_drain();
    let mut drain = vec![0; DRAIN.len()];
    stream.read_exact(&mut drain).await.unwrap();
    assert_eq!(drain, DRAIN);
    assert!(fixture.events.try_recv().is_err(), "ready is said once");
}

#[tokio::test]
async fn a_word_half_said_when_drain_is_asked_still_counts() {
    let mut fixture = Fixture::start();
    let mut stream = fixture.connect().await;
    stream.write_all(b"{\"lathe\":\"0.1.0\",").await.unwrap();
    fixture.handshake.ask_to_drain();
    let mut drain = vec![0; DRAIN.len()];
    stream.read_exact(&mut drain).await.unwrap();
    stream.write_all(b"\"ready\":true}\n").await.unwrap();
    assert_eq!(fixture.events.recv().await, Some(Event::ReadyHeard { beats: false }));
}

#[tokio::test]
async fn nonsense_closes_the_connection_and_the_next_one_counts() {
    let mut fixture = Fixture::start();
    let endless = vec![b'x'; usize::try_from(LINE_BYTES_MAX).unwrap() + 10];
    for nonsense in [&b"hello\n"[..], b"{\"ready\":true}\n", b"[]\n", &endless] {
        let mut stream = fixture.connect().await;
        stream.write_all(nonsense).await.unwrap();
        let mut rest = Vec::new();
        // Closed with unread bytes is a reset, which is as good an end.
        let _ = stream.read_to_end(&mut rest).await;
        assert!(rest.is_empty());
    }
    assert!(fixture.events.try_recv().is_err());
    fixture.shake().await;
}

#[tokio::test]
async fn a_hand_shake_beyond_the_limit_is_closed_and_a_place_comes_back() {
    let mut fixture = Fixture::start();
    let mut kept = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        kept.push(fixture.connect().await);
    }
    let mut beyond = fixture.connect().await;
    assert_eq!(beyond.read(&mut [0]).await.unwrap_or(0), 0);
    assert!(fixture.events.try_recv().is_err());
    kept.clear();
    let ready = b"{\"lathe\":\"0.1.0\",\"ready\":true}\n";
    // The places are free once the server has seen the ends.
    loop {
        let mut stream = fixture.connect().await;
        let written = stream.write_all(ready).await.is_ok();
        let _ = stream.shutdown().await;
        // Served or not, it is closed now.
        let _ = stream.read(&mut [0]).await;
        if written && fixture.events.try_recv().is_ok() {
            break;
        }
    }
}

#[tokio::test]
async fn not_ready_yet_is_not_ready() {
    let mut fixture = Fixture::start();
    let mut stream = fixture.connect().await;
    stream.write_all(b"{\"lathe\":\"0.1.0\",\"ready\":false}\n").await.unwrap();
    stream.write_all(b"{\"lathe\":\"0.1.0\"}\n").await.unwrap();
    stream.write_all(b"{\"lathe\":\"0.1.0\",\"ready\":true}\n").await.unwrap();
    assert_eq!(fixture.events.recv().await, Some(Event::ReadyHeard { beats: false }));
    assert!(fixture.events.try_recv().is_err());
}

#[tokio::test]
async fn beats_are_heard_after_the_word_that_announces_them() {
    let mut fixture = Fixture::start();
    let mut stream = fixture.connect().await;
    stream.write_all(b"{\"lathe\":\"0.1.0\",\"beat\":true}\n").await.unwrap();
    stream.write_all(b"{\"lathe\":\"0.1.0\",\"ready\":true,\"beats\":true}\n").await.unwrap();
    assert_eq!(fixture.events.recv().await, Some(Event::ReadyHeard { beats: true }));
    for _ in 0..2 {
        stream.write_all(b"{\"lathe\":\"0.1.0\",\"beat\":true}\n").await.unwrap();
        assert_eq!(fixture.events.recv().await, Some(Event::BeatHeard));
    }
}

#[tokio::test]
async fn a_deep_sandbox_is_no_obstacle() {
    let folder = tempfile::tempdir().unwrap();
    let mut deep = PathBuf::from(folder.path());
    for _ in 0..10 {
        deep.push("a-folder-with-a-rather-long-name");
    }
    fs::create_dir_all(&deep).unwrap();
    let (sender, mut events) = mpsc::channel(16);
    let _handshake = Handshake::start(&deep, None, sender).unwrap();
    let handle = File::open(&deep).unwrap();
    let short = format!("/proc/self/fd/{}/{HANDSHAKE_SOCKET}", handle.as_raw_fd());
    let mut stream = UnixStream::connect(short).await.unwrap();
    stream.write_all(b"{\"lathe\":\"0.1.0\",\"ready\":true}\n").await.unwrap();
    assert_eq!(events.recv().await, Some(Event::ReadyHeard { beats: false }));
    let mode = fs::metadata(deep.join(HANDSHAKE_SOCKET)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_socket_left_behind_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(HANDSHAKE_SOCKET), "old").unwrap();
    let (sender, _events) = mpsc::channel(16);
    assert!(Handshake::start(folder.path(), None, sender).is_ok());
}

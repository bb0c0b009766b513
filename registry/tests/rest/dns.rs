//! Look-ups by DNS over real sockets, with packets of the library's making.

use std::net::SocketAddr;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use hyper::StatusCode;
use lathe_catalog::{Entry, State};
use lathe_dns::Settings;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

use crate::rig::{Rig, entry, until, within};

async fn rig() -> (Rig, SocketAddr) {
    let rig = Rig::with(|config| {
        let listen = "127.0.0.1:0".parse().unwrap();
        config.dns = Some(Settings { listen, zone: "lathe".to_owned(), ttl_ms: 2000 });
    })
    .await;
    let dns = rig.dns.unwrap();
    (rig, dns)
}

fn question(name: &str, kind: RecordType) -> Vec<u8> {
    let mut message = Message::new(7, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    message.to_vec().unwrap()
}

/// Datagrams may be lost, also at home.
async fn by_udp(to: SocketAddr, packet: &[u8]) -> Message {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut answer = vec![0; 4096];
    let length = within(async {
        loop {
            socket.send_to(packet, to).await.unwrap();
            let again = std::time::Duration::from_secs(2);
            if let Ok(length) = tokio::time::timeout(again, socket.recv(&mut answer)).await {
                return length.unwrap();
            }
        }
    });
    let length = length.await;
    Message::from_vec(&answer[..length]).unwrap()
}

async fn by_tcp(stream: &mut TcpStream, packet: &[u8]) -> Message {
    let length = u16::try_from(packet.len()).unwrap();
    stream.write_all(&[&length.to_be_bytes(), packet].concat()).await.unwrap();
    let length = within(stream.read_u16()).await.unwrap();
    let mut answer = vec![0; usize::from(length)];
    within(stream.read_exact(&mut answer)).await.unwrap();
    Message::from_vec(&answer).unwrap()
}

#[tokio::test]
async fn names_follow_the_catalog() {
    let (rig, dns) = rig().await;
    let asked = question("web.lathe.", RecordType::A);
    assert_eq!(by_udp(dns, &asked).await.metadata.response_code, ResponseCode::NXDomain);
    let other = Entry { address: "127.0.0.2".to_owned(), ..entry("b#0.1", State::Ready, 1) };
    rig.shown(rig.put(&[entry("a#0.1", State::Ready, 1), other.clone()]).await).await;
    assert_eq!(by_udp(dns, &asked).await.answers.len(), 2);
    // Who is suspect is left out until it comes back.
    let suspect = Entry { state: State::Suspect, since_ms: 2, ..other };
    rig.shown(rig.put(&[suspect]).await).await;
    let answer = by_udp(dns, &asked).await;
    assert_eq!(answer.answers.len(), 1);
    assert_eq!(answer.answers[0].data.to_string(), "127.0.0.1");
    assert!(rig.metric("lathe_registry_dns_answers_total{code=\"NOERROR\"}").await >= 2);
}

#[tokio::test]
async fn what_is_too_long_for_a_datagram_is_had_by_a_connection() {
    let (rig, dns) = rig().await;
    let many: Vec<Entry> = (0..30)
        .map(|slot| Entry { slot, ..entry(&format!("shop.front#{slot}.1"), State::Ready, 1) })
        .collect();
    rig.shown(rig.put(&many).await).await;
    let asked = question("_http._tcp.shop.front.lathe.", RecordType::SRV);
    let short = by_udp(dns, &asked).await;
    assert!(short.metadata.truncation && short.answers.is_empty());
    let mut stream = TcpStream::connect(dns).await.unwrap();
    // One question after the other on one connection.
    for _ in 0..3 {
        let whole = by_tcp(&mut stream, &asked).await;
        assert_eq!((whole.metadata.truncation, whole.answers.len()), (false, 30));
    }
}

#[tokio::test]
async fn what_is_no_question_ends_its_connection_and_nothing_else() {
    let (rig, dns) = rig().await;
    let mut packets = vec![vec![0; 3], vec![0xff; 400], vec![0; 1400]];
    packets.push(question("web.lathe.", RecordType::A)[..20].to_vec());
    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for packet in &packets {
        udp.send_to(packet, dns).await.unwrap();
        let mut stream = TcpStream::connect(dns).await.unwrap();
        let length = u16::try_from(packet.len()).unwrap();
        stream.write_all(&[&length.to_be_bytes(), &packet[..]].concat()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut rest = Vec::new();
        // A reset is an end as well.
        let _ = within(stream.read_to_end(&mut rest)).await;
    }
    // One that announces more than a question may have is closed at once.
    let mut stream = TcpStream::connect(dns).await.unwrap();
    stream.write_all(&[&0xffff_u16.to_be_bytes()[..], &[0; 1500]].concat()).await.unwrap();
    let mut rest = Vec::new();
    let _ = within(stream.read_to_end(&mut rest)).await;
    assert!(rest.is_empty());
    let answer = by_udp(dns, &question("web.lathe.", RecordType::A)).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain);
    until(|| async { rig.metric("lathe_registry_dns_dropped_total").await > 0 }).await;
}

#[tokio::test]
async fn without_the_store_names_are_answered_as_they_were() {
    let (mut rig, dns) = rig().await;
    rig.shown(rig.put(&[entry("a#0.1", State::Ready, 1)]).await).await;
    rig.stop_store().await;
    until(|| async { rig.get("/readyz").await.0 == StatusCode::SERVICE_UNAVAILABLE }).await;
    let answer = by_udp(dns, &question("a.lathe.", RecordType::A)).await;
    assert_eq!((answer.answers.len(), answer.answers[0].ttl), (1, 1));
}

#[tokio::test]
async fn dns_is_off_unless_it_is_asked_for_and_ends_with_the_registry() {
    assert_eq!(Rig::start().await.dns, None);
    let (mut rig, dns) = rig().await;
    rig.stop_registry().await;
    // Both are free again.
    UdpSocket::bind(dns).await.unwrap();
    until(|| async { TcpStream::connect(dns).await.is_err() }).await;
}

//! The same change with Consul: to the last of as many who ask by its blocking queries, in turns with
//! those of a registry.
//!
//! Owns the peer's service, its watchers and the comparison.

use std::io::Error;
use std::time::Duration;

use lathe_engines::Consul;
use serde::Serialize;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::crowd::{Crowd, Hears, Round};
use super::stand::{Stand, cpu_seconds_of, unexpected};
use super::watchers::{FEW, FEW_ROUNDS, TASK, WARM_UP, crowd};
use super::wire::{Wire, find};
use crate::args::{Args, Figure};
use crate::failure::Failure;
use crate::http::Connection;
use crate::path::Taken;
use crate::programs::Programs;
use crate::row::{Measured, Peer, Series};
use crate::say;
use crate::surroundings::Surroundings;

/// An answer about it is about as long as what a registry tells of ten.
const ONE: Service = Service { name: "one", instances: 1 };
/// As many instances as the registry's group has.
const TEN: Service = Service { name: "ten", instances: 10 };
/// Between two changes: whoever has heard of one has to have asked for the next.
const PAUSE: Duration = Duration::from_millis(20);

/// A service of Consul, of which the first instance changes.
#[derive(Clone, Copy, Debug)]
struct Service {
    name: &'static str,
    instances: u32,
}

/// One who asks again and again, each time for what comes after the last answer.
#[derive(Debug)]
struct Asking {
    wire: Wire,
    address: String,
    service: Service,
    index: u64,
}

impl Asking {
    /// Has the first answer, and has asked for what comes next.
    async fn open(address: &str, service: Service) -> Result<Self, Error> {
        let wire = Wire::open(address).await?;
        let mut one = Self { wire, address: address.to_owned(), service, index: 0 };
        one.ask().await?;
        one.index = one.answer().await?;
        one.ask().await?;
        Ok(one)
    }

    async fn ask(&mut self) -> Result<(), Error> {
        let Self { address, service: Service { name, .. }, index, .. } = self;
        let request = format!(
            "GET /v1/health/service/{name}?index={index}&wait=10m HTTP/1.1\r\nhost: {address}\r\n\
             accept: application/json\r\n\r\n"
        );
        self.wire.bytes.clear();
        self.wire.send(&request).await
    }

    /// All of an answer; its index.
    async fn answer(&mut self) -> Result<u64, Error> {
        self.wire.until(b"\r\n\r\n").await?;
        let end = find(&self.wire.bytes, b"\r\n\r\n").unwrap_or_default();
        let head = Head::read(&String::from_utf8_lossy(&self.wire.bytes[..end]))?;
        match head.length {
            Some(length) => self.wire.until_count(end + 4 + length).await?,
            // In chunks, of which the last is empty.
            None => self.wire.until(b"\r\n0\r\n\r\n").await?,
        }
        Ok(head.index)
    }
}

/// What is read of an answer's head.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    index: u64,
    length: Option<usize>,
}

impl Head {
    fn read(head: &str) -> Result<Self, Error> {
        let field = |wanted: &str| {
            let mut fields = head.lines().filter_map(|line| line.split_once(':'));
            let found = fields.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.map(|(_, value)| value.trim())
        };
        let index = field("x-consul-index").and_then(|text| text.parse().ok());
        match index.filter(|_| head.starts_with("HTTP/1.1 200 ")) {
            Some(index) => {
                let length = field("content-length").and_then(|text| text.parse().ok());
                Ok(Self { index, length })
            }
            None => Err(Error::other(format!("Consul answers {head:?}"))),
        }
    }
}

impl Hears for Asking {
    async fn next(&mut self) -> Result<(Instant, usize), Error> {
        loop {
            let index = self.answer().await?;
            let (at, size) = (Instant::now(), self.wire.bytes.len());
            // An answer may come without a change.
            let is_news = index > self.index;
            self.index = index;
            self.ask().await?;
            if is_news {
                return Ok((at, size));
            }
        }
    }
}

/// Registers an instance of the service; the number is what changes.
async fn register(
    at: &mut Connection,
    service: Service,
    slot: u32,
    number: u64,
) -> Result<(), Failure> {
    let id = format!("{}-{slot}", service.name);
    let body = json!({
        "Node": format!("host-{}-{slot}", service.name),
        "Address": "10.0.0.1",
        "Service": {
            "ID": id, "Service": service.name, "Address": "10.0.0.1", "Port": 31_000,
            "Tags": ["shop"], "Meta": { "version": "1.0.0", "number": number.to_string() },
        },
        "Check": { "CheckID": id, "Name": "up", "ServiceID": id, "Status": "passing" },
    });
    let answer = at.put("/v1/catalog/register", &body.to_string()).await;
    let answer = answer.map_err(|error| Failure::io("writing to Consul", error))?;
    if answer.head.starts_with("HTTP/1.1 200 ") {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&answer.body).into_owned();
    Err(Failure::Unexpected(format!("Consul answers {} {said}", answer.head)))
}

/// What was seen of one kind of watchers.
#[derive(Debug, Default, Serialize)]
struct Seen {
    heard: Series,
    /// Seconds of its server's processor, in its own rounds.
    cpu: f64,
    /// The most that one of them was sent for a change.
    bytes: usize,
}

impl Seen {
    fn add(&mut self, round: Round, cpu: f64) {
        self.heard.add(round.heard);
        self.cpu += cpu;
        self.bytes = self.bytes.max(round.bytes);
    }

    /// Microseconds of the server's processor for each who was woken.
    fn wake(&self) -> f64 {
        let wakes = u32::try_from(self.heard.values.len() * FEW).unwrap_or(u32::MAX);
        self.cpu * 1e6 / f64::from(wakes)
    }
}

/// Of a registry, and of both services.
#[derive(Debug, Default)]
struct All {
    own: Seen,
    one: Seen,
    ten: Seen,
}

/// A hundred watchers of each, in turns: both figures.
pub(super) async fn beside(
    surroundings: &Surroundings,
    lathe: &Programs,
    args: &Args,
) -> Result<Vec<Taken>, Failure> {
    let consul = Consul::start().await.map_err(unexpected)?;
    let stand = Stand::start(surroundings, lathe, None).await?;
    let all = turns(&stand, &consul, args).await;
    stand.end().await;
    // One that does not end is ended when it is dropped.
    let _ = consul.stop().await;
    let all = all?;
    Ok(vec![
        told(Figure::ChangeConsul, &all.own, &all.one, ONE),
        told(Figure::ChangeConsulTen, &all.own, &all.ten, TEN),
    ])
}

async fn turns(stand: &Stand, consul: &Consul, args: &Args) -> Result<All, Failure> {
    let address = consul.address();
    let io = |error| Failure::io("reaching Consul", error);
    let mut writer = Connection::open(&address).await.map_err(io)?;
    for service in [ONE, TEN] {
        for slot in 0..service.instances {
            register(&mut writer, service, slot, 0).await?;
        }
    }
    say::talk(&format!("{FEW} watchers, and as many of Consul"));
    let mut own = crowd(stand, FEW).await?;
    let mut one = Crowd::open(FEW, async || Asking::open(&address, ONE).await).await?;
    let mut ten = Crowd::open(FEW, async || Asking::open(&address, TEN).await).await?;
    let pid = consul.pid().ok_or_else(|| Failure::Unexpected("Consul ended".to_owned()))?;
    let mut all = All::default();
    for round in 0..WARM_UP + args.rounds(FEW_ROUNDS) {
        let number = round as u64 + 1;
        let before = (stand.cpu_seconds()?, cpu_seconds_of(pid)?);
        let ours = own.round(stand.change(TASK, number)).await?;
        sleep(PAUSE).await;
        let between = (stand.cpu_seconds()?, cpu_seconds_of(pid)?);
        let small = one.round(register(&mut writer, ONE, 0, number)).await?;
        sleep(PAUSE).await;
        let after = cpu_seconds_of(pid)?;
        let large = ten.round(register(&mut writer, TEN, 0, number)).await?;
        sleep(PAUSE).await;
        if round >= WARM_UP {
            all.own.add(ours, between.0 - before.0);
            all.one.add(small, after - between.1);
            all.ten.add(large, cpu_seconds_of(pid)? - after);
        }
    }
    Ok(all)
}

/// A row of the registry beside one of the services.
fn told(figure: Figure, own: &Seen, other: &Seen, service: Service) -> Taken {
    let [value, beside] = [own, other].map(|seen| seen.heard.percentile(50));
    let [own_p99, p99] = [own, other].map(|seen| seen.heard.percentile(99));
    let count = own.heard.values.len();
    let s = if service.instances == 1 { "" } else { "s" };
    let measured = Measured {
        value,
        peer: Some(Peer { name: Consul::NAME, value: beside, ratio: value / beside }),
        samples: count,
        how: format!(
            "p50 of {count} changes of each in turns, to the last of {FEW} watchers; p99 {own_p99:.1} ms and \
             {p99:.1} ms; the server's processor for each who is woken {:.0} µs and {:.0} µs; {} and {} bytes \
             for each; the registry with a group of ten among 10,000 entries and each write on ZooKeeper's disk, \
             Consul with a service of {} instance{s} and in memory",
            own.wake(),
            other.wake(),
            own.bytes,
            other.bytes,
            service.instances,
        ),
    };
    (figure, measured, json!({ "lathe": own, "consul": other }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answers_head_says_its_index_and_maybe_its_length() {
        let head = "HTTP/1.1 200 OK\r\nX-Consul-Index: 27\r\nTransfer-Encoding: chunked";
        assert_eq!(Head::read(head).unwrap(), Head { index: 27, length: None });
        let head = "HTTP/1.1 200 OK\r\nx-consul-index:4\r\ncontent-length: 12";
        assert_eq!(Head::read(head).unwrap(), Head { index: 4, length: Some(12) });
    }

    #[test]
    fn what_is_no_answer_is_told() {
        for head in ["HTTP/1.1 500 No\r\nX-Consul-Index: 27", "HTTP/1.1 200 OK\r\nA: b"] {
            let told = Head::read(head).unwrap_err().to_string();
            assert!(told.starts_with("Consul answers "), "{told}");
        }
    }

    #[test]
    fn the_row_has_the_medians_and_what_a_wake_costs() {
        let seen = |heard: f64, cpu: f64| Seen {
            heard: Series { values: vec![heard; 2], ..Series::default() },
            cpu,
            bytes: 2_000,
        };
        let (figure, measured, _) =
            told(Figure::ChangeConsul, &seen(2.0, 0.002), &seen(16.0, 0.04), ONE);
        assert_eq!((figure, measured.value, measured.samples), (Figure::ChangeConsul, 2.0, 2));
        let peer = measured.peer.unwrap();
        assert_eq!((peer.value, peer.ratio), (16.0, 0.125));
        assert!(measured.how.contains("woken 10 µs and 200 µs"), "{}", measured.how);
        assert!(measured.how.ends_with("of 1 instance and in memory"), "{}", measured.how);
    }
}

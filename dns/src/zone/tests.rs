//! What is answered to what, packet by packet.

use hickory_proto::rr::DNSClass;
use lathe_catalog::Entry;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::json;

use super::*;

/// What a registry or an agent may know.
#[derive(Default)]
struct Table {
    entries: Vec<Entry>,
    unknown: bool,
    age_ms: u64,
}

impl Known for Table {
    fn is_known(&self) -> bool {
        !self.unknown
    }

    fn age_ms(&self) -> u64 {
        self.age_ms
    }

    fn version(&self) -> u64 {
        7
    }

    fn groups(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        Box::new(self.entries.iter().flat_map(|entry| entry.tags.iter().map(String::as_str)))
    }

    fn members(&self, group: &str) -> Option<Vec<&Entry>> {
        let members = self.entries.iter().filter(|entry| entry.tags.iter().any(|tag| tag == group));
        let members: Vec<_> = members.collect();
        (!members.is_empty()).then_some(members)
    }
}

/// Incarnation, state, address, ports by name.
type Row<'a> = (&'a str, &'a str, &'a str, &'a [(&'a str, u16)]);

/// One who has heard of these.
fn directory(entries: &[Row<'_>]) -> Table {
    let entry = |(incarnation, state, address, ports): &Row<'_>| {
        let (task, rest) = incarnation.split_once('#').unwrap();
        let slot: u32 = rest.split_once('.').unwrap().0.parse().unwrap();
        let ports: std::collections::BTreeMap<_, _> = ports.iter().copied().collect();
        let data = json!({
            "topology": "t", "task": task, "slot": slot, "incarnation": incarnation, "host": "h",
            "address": address, "ports": ports, "tags": [task, "web", "Mixed"], "crate_name": "c",
            "version": "1.0.0", "state": state, "since_ms": 1,
        });
        serde_json::from_value(data).unwrap()
    };
    Table { entries: entries.iter().map(entry).collect(), ..Table::default() }
}

fn some() -> Table {
    directory(&[
        ("http.lb#0.1", "ready", "10.0.0.1", &[("http", 80), ("admin", 81)]),
        ("http.lb#1.1", "ready", "10.0.0.2", &[("http", 80)]),
        ("http.lb#2.1", "suspect", "10.0.0.3", &[("http", 80)]),
        ("http.front.v4-2#0.1", "ready", "fd00::1", &[("http", 80)]),
        ("batch#0.1", "starting", "10.0.0.4", &[]),
    ])
}

fn many(number: usize) -> Table {
    let ids: Vec<(String, String)> = (0..number)
        .map(|at| (format!("shop.front#{at}.1"), format!("10.0.{}.{}", at / 250, at % 250)))
        .collect();
    let ports: &[(&str, u16)] = &[("http", 80)];
    let entries: Vec<_> =
        ids.iter().map(|(id, address)| (id.as_str(), "ready", address.as_str(), ports)).collect();
    directory(&entries)
}

fn zone() -> Zone {
    Zone::new(origin("lathe").unwrap(), 5)
}

fn question(name: &str, kind: RecordType) -> Message {
    let mut message = Message::new(99, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    message
}

fn packet_of(message: &Message) -> Vec<u8> {
    message.to_vec().unwrap()
}

fn answer(directory: &Table, packet: &[u8], way: Way) -> Message {
    let mut random = StdRng::seed_from_u64(1);
    let answer = zone().answer(directory, (packet, way), &mut random).unwrap();
    let read = Message::from_vec(&answer.bytes).unwrap();
    assert_eq!((read.metadata.id, read.metadata.message_type), (99, MessageType::Response));
    // One number has two names.
    assert_eq!(u16::from(read.metadata.response_code), u16::from(answer.code));
    read
}

fn ask(directory: &Table, name: &str, kind: RecordType) -> Message {
    answer(directory, &packet_of(&question(name, kind)), Way::Udp)
}

/// Code, and answers as sorted text.
fn told(directory: &Table, name: &str, kind: RecordType) -> (ResponseCode, Vec<String>) {
    let answer = ask(directory, name, kind);
    let code = answer.metadata.response_code;
    if code == ResponseCode::NXDomain
        || (code == ResponseCode::NoError && answer.answers.is_empty())
    {
        assert_eq!(answer.authorities[0].record_type(), RecordType::SOA, "{name}");
    }
    let mut texts: Vec<String> = answer.answers.iter().map(|one| one.data.to_string()).collect();
    texts.sort();
    (code, texts)
}

fn found(texts: &[&str]) -> (ResponseCode, Vec<String>) {
    (ResponseCode::NoError, texts.iter().map(|text| (*text).to_owned()).collect())
}

#[test]
fn groups_and_instances_have_addresses() {
    use RecordType::{A, AAAA};
    let some = some();
    assert_eq!(told(&some, "http.lb.lathe.", A), found(&["10.0.0.1", "10.0.0.2"]));
    assert_eq!(told(&some, "1.http.lb.lathe.", A), found(&["10.0.0.2"]));
    assert_eq!(told(&some, "web.lathe.", A), found(&["10.0.0.1", "10.0.0.2"]));
    assert_eq!(told(&some, "web.lathe.", AAAA), found(&["fd00::1"]));
    assert_eq!(told(&some, "http.front.v4-2.lathe.", AAAA), found(&["fd00::1"]));
    let answer = ask(&some, "http.lb.lathe.", A);
    assert!(answer.metadata.authoritative && answer.metadata.recursion_desired);
    assert!(!answer.metadata.recursion_available);
    assert!(answer.answers.iter().all(|record| record.ttl == 5));
}

#[test]
fn letters_count_alike_and_the_question_comes_back_as_it_was() {
    let some = some();
    for name in ["HTTP.lB.LatHe.", "mixed.lathe.", "MIXED.lathe."] {
        let answer = ask(&some, name, RecordType::A);
        assert_eq!(answer.answers.len(), 2, "{name}");
        assert!(answer.queries[0].name().eq_case(&Name::from_ascii(name).unwrap()));
    }
}

#[test]
fn several_instances_on_one_host_are_one_address() {
    let ports: &[(&str, u16)] = &[];
    let two = [("a#0.1", "ready", "10.0.0.1", ports), ("a#1.1", "ready", "10.0.0.1", ports)];
    assert_eq!(told(&directory(&two), "a.lathe.", RecordType::A), found(&["10.0.0.1"]));
}

#[test]
fn services_name_the_port_and_bring_the_address() {
    let some = some();
    let srv = RecordType::SRV;
    let both = found(&["0 1 80 0.http.lb.lathe.", "0 1 80 1.http.lb.lathe."]);
    assert_eq!(told(&some, "_http._tcp.http.lb.lathe.", srv), both);
    assert_eq!(told(&some, "http.lb.lathe.", srv), both);
    let admin = found(&["0 1 81 0.http.lb.lathe."]);
    assert_eq!(told(&some, "_ADMIN._udp.http.lb.lathe.", srv), admin);
    assert_eq!(
        told(&some, "_http._tcp.1.http.lb.lathe.", srv),
        found(&["0 1 80 1.http.lb.lathe."])
    );
    let answer = ask(&some, "_admin._tcp.http.lb.lathe.", srv);
    assert_eq!(answer.additionals[0].name.to_string(), "0.http.lb.lathe.");
    assert_eq!(answer.additionals[0].data.to_string(), "10.0.0.1");
    // A port is no address, and no service is there under a port that nobody has.
    assert_eq!(told(&some, "_http._tcp.http.lb.lathe.", RecordType::A), found(&[]));
    assert_eq!(told(&some, "_tcp.http.lb.lathe.", srv), found(&[]));
    for name in
        ["_grpc._tcp.http.lb.lathe.", "_http._tcp.lathe.", "_tcp.lathe.", "_http._tcp.no.lathe."]
    {
        assert_eq!(told(&some, name, srv).0, ResponseCode::NXDomain, "{name}");
    }
}

#[test]
fn what_is_there_and_has_nothing_is_told_from_what_is_not_there() {
    use RecordType::{A, MX, SOA, TXT};
    let some = some();
    // Suspect, starting, of another type, and names that others end with.
    for (name, kind) in [
        ("2.http.lb.lathe.", A),
        ("batch.lathe.", A),
        ("http.lb.lathe.", TXT),
        ("http.lb.lathe.", MX),
        ("lb.lathe.", A),
        ("front.v4-2.lathe.", A),
        ("v4-2.lathe.", A),
        ("lathe.", A),
    ] {
        assert_eq!(told(&some, name, kind), found(&[]), "{name}");
    }
    for name in ["no.lathe.", "7.http.lb.lathe.", "01.http.lb.lathe.", "0.web.lathe.", "b.lathe."] {
        assert_eq!(told(&some, name, A).0, ResponseCode::NXDomain, "{name}");
    }
    let apex = ask(&some, "lathe.", SOA);
    assert_eq!(apex.answers[0].record_type(), SOA);
    assert!(apex.answers[0].data.to_string().contains(" 7 "), "the serial is the commit");
}

#[test]
fn what_is_not_ours_is_refused() {
    let some = some();
    let refused = ResponseCode::Refused;
    for name in ["example.org.", "notlathe.", "."] {
        assert_eq!(ask(&some, name, RecordType::A).metadata.response_code, refused, "{name}");
    }
    let whole = ask(&some, "lathe.", RecordType::AXFR);
    assert_eq!(whole.metadata.response_code, refused);
    let mut chaos = question("http.lb.lathe.", RecordType::A);
    chaos.queries[0].query_class = DNSClass::CH;
    assert_eq!(answer(&some, &packet_of(&chaos), Way::Udp).metadata.response_code, refused);
    let mut update = question("http.lb.lathe.", RecordType::A);
    update.metadata.op_code = OpCode::Notify;
    let code = answer(&some, &packet_of(&update), Way::Udp).metadata.response_code;
    assert_eq!(code, ResponseCode::NotImp);
}

#[test]
fn a_datagram_says_that_there_is_more_and_a_connection_has_it() {
    let many = many(40);
    let asked = packet_of(&question("_http._tcp.shop.front.lathe.", RecordType::SRV));
    let by_udp = answer(&many, &asked, Way::Udp);
    assert!(by_udp.metadata.truncation && by_udp.answers.is_empty());
    assert_eq!(by_udp.queries.len(), 1);
    let by_tcp = answer(&many, &asked, Way::Tcp);
    assert!(!by_tcp.metadata.truncation);
    assert_eq!((by_tcp.answers.len(), by_tcp.additionals.len()), (40, 40));
    // Who takes larger datagrams gets some, and how large they may be.
    let mut wide = question("_http._tcp.shop.front.lathe.", RecordType::SRV);
    let mut edns = Edns::new();
    edns.set_max_payload(4096);
    wide.set_edns(edns);
    let by_udp = answer(&many, &packet_of(&wide), Way::Udp);
    assert!(!by_udp.metadata.truncation);
    assert_eq!(by_udp.answers.len(), ANSWERS_BY_UDP);
    assert_eq!(by_udp.edns.unwrap().max_payload(), DATAGRAM_BYTES_MAX);
}

#[test]
fn a_datagram_has_some_of_many_and_others_each_time() {
    let many = many(40);
    let asked = packet_of(&question("shop.front.lathe.", RecordType::A));
    let mut random = StdRng::seed_from_u64(1);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..40 {
        let answer = zone().answer(&many, (&asked, Way::Udp), &mut random).unwrap();
        let answer = Message::from_vec(&answer.bytes).unwrap();
        assert_eq!(answer.answers.len(), ANSWERS_BY_UDP);
        assert!(!answer.metadata.truncation);
        seen.extend(answer.answers.iter().map(|one| one.data.to_string()));
    }
    assert_eq!(seen.len(), 40);
}

#[test]
fn no_answer_is_longer_than_a_message() {
    let many = many(3000);
    let asked = packet_of(&question("shop.front.lathe.", RecordType::SRV));
    let answer = answer(&many, &asked, Way::Tcp);
    assert!(!answer.metadata.truncation);
    assert_eq!(answer.answers.len(), ANSWERS_BY_TCP);
}

#[test]
fn old_knowledge_is_kept_for_less_long_and_none_is_a_failure() {
    let some = Table { age_ms: 60_000, ..some() };
    let asked = packet_of(&question("http.lb.lathe.", RecordType::A));
    let mut random = StdRng::seed_from_u64(1);
    let answer = zone().answer(&some, (&asked, Way::Udp), &mut random).unwrap();
    let answer = Message::from_vec(&answer.bytes).unwrap();
    assert!(answer.answers.len() == 2 && answer.answers.iter().all(|record| record.ttl == 1));
    let nothing = Table { unknown: true, ..Table::default() };
    let code = |name| ask(&nothing, name, RecordType::A).metadata.response_code;
    assert_eq!(code("http.lb.lathe."), ResponseCode::ServFail);
    assert_eq!(code("example.org."), ResponseCode::Refused);
}

#[test]
fn what_is_no_question_gets_no_answer_or_the_word_that_it_is_none() {
    let some = some();
    let good = packet_of(&question("http.lb.lathe.", RecordType::A));
    let mut random = StdRng::seed_from_u64(1);
    let mut answered = |packet: &[u8]| {
        zone().answer(&some, (packet, Way::Udp), &mut random).map(|answer| answer.code)
    };
    let mut response = good.clone();
    response[2] |= 0x80;
    for packet in [&[][..], &good[..HEADER_BYTES - 1], &response] {
        assert_eq!(answered(packet), None);
    }
    let mut two = good.clone();
    two[5] = 2;
    let mut claims = good.clone();
    claims[7] = 200;
    for packet in [&good[..HEADER_BYTES], &good[..good.len() - 1], &two, &claims] {
        assert_eq!(answered(packet), Some(ResponseCode::FormErr));
    }
    let mut newer = question("http.lb.lathe.", RecordType::A);
    let mut edns = Edns::new();
    edns.set_version(1);
    newer.set_edns(edns);
    let answer = answer(&some, &packet_of(&newer), Way::Udp);
    assert_eq!(u16::from(answer.metadata.response_code), u16::from(ResponseCode::BADVERS));
}

#[test]
fn a_zone_leaves_room_for_names_below_it() {
    assert_eq!(origin("Lathe").unwrap().to_string(), "lathe.");
    assert_eq!(origin("lathe.example.org.").unwrap().to_string(), "lathe.example.org.");
    for wrong in ["", ".", "a..b", &"a.".repeat(80)] {
        assert!(origin(wrong).is_none(), "{wrong}");
    }
}

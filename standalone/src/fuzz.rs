//! What the repository's fuzzer may reach of this crate's inside: the frames between master and
//! hosts, and what is read of headers and of a file. No part of the crate's interface; must not be used by
//! anything else.

use std::path::Path;

use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, HeaderValue};

use crate::config::{Config, Flags};
use crate::http::checks;
use crate::link::{FrameReader, FromHost, Hello, Key, News, Order, Report, ToHost, Word};
use crate::secret::Secrets;

/// Reads a stream of a host's words, and the same as a master's.
pub fn link(bytes: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime without drivers can always be built");
    runtime.block_on(async {
        let mut reader = FrameReader::new(bytes);
        while let Ok(Some(_)) = reader.next::<FromHost>().await {}
        let mut reader = FrameReader::new(bytes);
        while let Ok(Some(_)) = reader.next::<ToHost>().await {}
    });
}

/// Each word of a host, to begin with.
#[must_use]
pub fn host_words() -> Vec<u8> {
    let key = Key { framework_id: "f".to_owned(), executor_id: "e".to_owned() };
    let report = |news| {
        let report = Report { executor: key.clone(), news: Some(news) };
        Word::Report(Box::new(report))
    };
    let hello = Hello { token: "t".to_owned(), name: "one".to_owned(), port: 1 };
    let words = [
        Word::Hello(hello),
        Word::Alive(true),
        report(News::Started(1)),
        report(News::Messaged(vec![1, 2, 3])),
        report(News::Refused("no".to_owned())),
        report(News::Exited(9)),
    ];
    frames(words.map(|word| FromHost { word: Some(word) }))
}

/// Some words of the master, to begin with.
#[must_use]
pub fn master_words() -> Vec<u8> {
    let key = Key { framework_id: "f".to_owned(), executor_id: "e".to_owned() };
    let orders = [Order::Welcome("a-1".to_owned()), Order::Kill(key)];
    frames(orders.map(|order| ToHost { order: Some(order) }))
}

fn frames<const N: usize>(messages: [impl prost::Message; N]) -> Vec<u8> {
    let mut out = Vec::new();
    for message in messages {
        let body = message.encode_to_vec();
        out.extend(u32::try_from(body.len()).unwrap_or(0).to_be_bytes());
        out.extend(body);
    }
    out
}

/// Checks a request whose `Host` and `Authorization` are the first two lines.
pub fn headers(bytes: &[u8]) {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let mut headers = HeaderMap::new();
    for name in [HOST, AUTHORIZATION] {
        if let Some(Ok(value)) = lines.next().map(HeaderValue::from_bytes) {
            headers.append(name, value);
        }
    }
    let secrets = Secrets::of_text("alice:0123456789abcdef").expect("there is one");
    let _ = checks::host(&headers, None);
    let _ = checks::basic(&headers, &secrets, "realm");
    let _ = checks::bearer(&headers);
    let _ = checks::accept(&headers);
}

/// Reads a configuration file: what is accepted prints to what reads back to the same.
pub fn configuration(text: &str) {
    let read = |text| Config::from_source(&Flags::default(), Some((Path::new("fuzz.toml"), text)));
    match read(text) {
        Ok(config) => {
            let printed = config.print();
            assert_eq!(read(&printed).as_ref(), Ok(&config), "printed: {printed}");
        }
        Err(refused) => assert!(!refused.problems.is_empty(), "refused without a reason"),
    }
}

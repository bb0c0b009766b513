//! Mail and receipts against a registry made for the test.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;
use crate::config::Instance;
use crate::http::{BodySender, HTTPRequest, HTTPResponse, HTTPResult, HTTPTask};
use crate::live::Follower;
use crate::messages::inbox_of;
use crate::testing::TestTask;

const PATIENCE: Duration = Duration::from_secs(30);

/// What reaches the registry.
#[derive(Debug)]
enum Asked {
    Stream(String, BodySender),
    Receipt { secret: String, body: Value },
}

/// Knows nothing of members where it is old; refuses the first receipt in any case.
struct Registry {
    asked: mpsc::UnboundedSender<Asked>,
    is_old: Arc<AtomicBool>,
    refused: AtomicBool,
}

impl HTTPTask for Registry {
    async fn handle(&self, request: HTTPRequest) -> HTTPResult {
        if let ["post", ..] = request.path() {
            assert_eq!(request.path(), ["post", "v1", "instances", "a#0.1", "acks"]);
            if !self.refused.swap(true, Ordering::Relaxed) {
                return Ok(HTTPResponse::new(503, "later"));
            }
            let secret = request.header("authorization").unwrap_or_default().to_owned();
            let body = request.json().await?;
            self.asked.send(Asked::Receipt { secret, body }).expect("the test listens");
            return Ok(HTTPResponse::new(204, ""));
        }
        let query = request.query().unwrap_or_default().to_owned();
        if self.is_old.load(Ordering::Relaxed) && query.contains("member") {
            return Ok(HTTPResponse::new(400, "known parameters are `group` and `config`"));
        }
        let (sender, body) = Body::channel();
        self.asked.send(Asked::Stream(query, sender)).expect("the test listens");
        Ok(HTTPResponse::new(200, body).header("content-type", "text/event-stream"))
    }
}

struct Rig {
    context: Arc<Context>,
    asked: mpsc::UnboundedReceiver<Asked>,
    work: [JoinHandle<()>; 2],
    is_old: Arc<AtomicBool>,
    _registry: TestTask,
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.work.iter().for_each(JoinHandle::abort);
    }
}

impl Rig {
    async fn start(is_old: bool) -> Self {
        let (sender, asked) = mpsc::unbounded_channel();
        let is_old = Arc::new(AtomicBool::new(is_old));
        let registry =
            Registry { asked: sender, is_old: Arc::clone(&is_old), refused: false.into() };
        let registry = TestTask::start(registry).await;
        let (task, incarnation) = ("a".to_owned(), "a#0.1".to_owned());
        let context = Arc::new(Context::new(Instance { task, incarnation, ..Instance::default() }));
        let urls = [format!("http://{}", registry.address())];
        let follower = Follower::new(Arc::clone(&context), &urls, &[]);
        let receipts = Receipts {
            context: Arc::clone(&context),
            heard: follower.heard(),
            secret: "quiet".to_owned(),
        };
        let work = [tokio::spawn(follower.run()), tokio::spawn(receipts.run())];
        Self { context, asked, work, is_old, _registry: registry }
    }

    async fn next(&mut self) -> Asked {
        timeout(PATIENCE, self.asked.recv()).await.expect("it is asked").unwrap()
    }

    async fn stream(&mut self) -> (String, BodySender) {
        match self.next().await {
            Asked::Stream(query, sender) => (query, sender),
            Asked::Receipt { body, .. } => panic!("{body}"),
        }
    }
}

fn mail(incarnation: &str, numbers: &[u64]) -> String {
    let messages: Vec<Value> = numbers
        .iter()
        .map(|number| json!({ "group": "web", "number": number, "sent_ms": 1, "body": number }))
        .collect();
    let metadata = json!({ "web": { "level": 7 } });
    let view = json!({
        "incarnation": incarnation, "history": "h", "messages": messages, "metadata": metadata,
    });
    format!("event: mail\nid: h.1\ndata: {view}\n\n")
}

#[tokio::test]
async fn messages_come_by_the_stream_and_receipts_go_back_until_they_are_taken() {
    let mut rig = Rig::start(false).await;
    let (query, stream) = rig.stream().await;
    assert_eq!(query, "config=a&member=a%230.1");
    stream.send(mail("b#0.1", &[9])).await.unwrap();
    stream.send(mail("a#0.1", &[1, 2])).await.unwrap();
    let inbox = inbox_of(&rig.context);
    let mut numbers = Vec::new();
    for _ in 0..2 {
        let message = timeout(PATIENCE, inbox.next()).await.expect("a message comes");
        numbers.push(message.number());
        message.acknowledge();
    }
    assert_eq!(numbers, [1, 2]);
    assert_eq!(rig.context.mail.metadata.borrow()["web"]["level"], json!(7));
    // The first is refused, so what comes is the newest.
    let receipt = async {
        loop {
            let Asked::Receipt { secret, body } = rig.next().await else { continue };
            assert_eq!(secret, "Bearer quiet");
            if body == json!({ "groups": { "web": 2 } }) {
                return;
            }
            assert_eq!(body, json!({ "groups": { "web": 1 } }));
        }
    };
    timeout(PATIENCE, receipt).await.expect("the receipt is given");
}

#[tokio::test]
async fn a_registry_that_knows_no_members_is_followed_all_the_same() {
    let mut rig = Rig::start(true).await;
    let (query, stream) = rig.stream().await;
    assert_eq!(query, "config=a");
    // Once it is of this version it is asked for everything.
    rig.is_old.store(false, Ordering::Relaxed);
    drop(stream);
    assert_eq!(rig.stream().await.0, "config=a&member=a%230.1");
}

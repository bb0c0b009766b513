//! The queue, and what may be acknowledged of it.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::config::Instance;

fn mail(history: &str, messages: &[(&str, u64)]) -> MailView {
    let messages = messages.iter().map(|(group, number)| Mail {
        group: (*group).to_owned(),
        number: *number,
        sent_ms: 5,
        body: json!(number),
    });
    MailView {
        incarnation: "a#0.1".to_owned(),
        history: history.to_owned(),
        messages: messages.collect(),
        metadata: BTreeMap::new(),
    }
}

fn room() -> (Arc<Context>, Inbox) {
    let context = Arc::new(Context::new(Instance::default()));
    let inbox = Inbox { context: Arc::clone(&context) };
    (context, inbox)
}

async fn next(inbox: &Inbox) -> Message {
    tokio::time::timeout(Duration::from_secs(30), inbox.next()).await.expect("a message comes")
}

fn acknowledged(context: &Context) -> Vec<(String, u64)> {
    context.mail.acknowledged.borrow().clone().into_iter().collect()
}

#[tokio::test]
async fn each_message_comes_once_and_in_order() {
    let (context, inbox) = room();
    context.mail.deliver(mail("h", &[("a", 1), ("a", 2), ("web", 7)]));
    // A new stream says again what was not acknowledged.
    context.mail.deliver(mail("h", &[("a", 1), ("a", 2), ("a", 3)]));
    let mut taken = Vec::new();
    for _ in 0..4 {
        let message = next(&inbox).await;
        taken.push((message.group().to_owned(), message.number(), message.read::<u64>().unwrap()));
    }
    let expected = [("a", 1), ("a", 2), ("web", 7), ("a", 3)];
    assert_eq!(taken, expected.map(|(group, number)| (group.to_owned(), number, number)));
    assert!(context.mail.take().is_none());
}

#[tokio::test]
async fn what_is_told_never_reaches_over_what_is_open() {
    let (context, inbox) = room();
    context.mail.deliver(mail("h", &[("a", 3), ("a", 5), ("a", 9)]));
    let (first, second, third) = (next(&inbox).await, next(&inbox).await, next(&inbox).await);
    second.acknowledge();
    assert_eq!(acknowledged(&context), [("a".to_owned(), 2)]);
    first.acknowledge();
    assert_eq!(acknowledged(&context), [("a".to_owned(), 8)]);
    drop(third);
    context.mail.deliver(mail("h", &[("a", 9), ("a", 10)]));
    next(&inbox).await.acknowledge();
    assert_eq!(acknowledged(&context), [("a".to_owned(), 8)]);
}

#[tokio::test]
async fn another_life_of_the_store_counts_anew() {
    let (context, inbox) = room();
    context.mail.deliver(mail("h", &[("a", 7)]));
    let old = next(&inbox).await;
    context.mail.deliver(mail("i", &[("a", 1)]));
    old.acknowledge();
    assert!(acknowledged(&context).is_empty());
    next(&inbox).await.acknowledge();
    assert_eq!(acknowledged(&context), [("a".to_owned(), 1)]);
}

#[tokio::test]
async fn what_has_no_room_is_asked_for_again_and_not_taken_for_known() {
    let (context, inbox) = room();
    let all: Vec<(&str, u64)> = (1..=300).map(|number| ("a", number)).collect();
    context.mail.deliver(mail("h", &all));
    let room = context.mail.has_room.notified();
    for number in 1..=128 {
        assert_eq!(next(&inbox).await.number(), number);
    }
    tokio::time::timeout(Duration::from_secs(30), room).await.expect("there is room");
    context.mail.deliver(mail("h", &all));
    for number in 129..=300 {
        assert_eq!(next(&inbox).await.number(), number);
    }
}

#[tokio::test]
async fn several_inboxes_share_the_messages() {
    let (context, inbox) = room();
    let waiting: Vec<_> = (0..4)
        .map(|_| {
            let inbox = inbox.clone();
            tokio::spawn(async move { next(&inbox).await.number() })
        })
        .collect();
    tokio::task::yield_now().await;
    context.mail.deliver(mail("h", &[("a", 1), ("a", 2), ("a", 3), ("a", 4)]));
    let mut taken = Vec::new();
    for one in waiting {
        taken.push(one.await.unwrap());
    }
    taken.sort_unstable();
    assert_eq!(taken, [1, 2, 3, 4]);
}

//! The helper itself.

use serde_json::json;

use super::{TestTask, run, within};
use crate::config::task;
use crate::http::{HTTPRequest, HTTPResponse, HTTPResult, HTTPTask};

struct Size;

impl HTTPTask for Size {
    async fn handle(&self, request: HTTPRequest) -> HTTPResult {
        // Code that an author spawns belongs to the task as well.
        let size = tokio::spawn(async { task().get::<u32>("size") }).await??;
        match request.path() {
            ["get", "watch"] => {
                let changed = task().watch().changed().await;
                Ok(HTTPResponse::new(200, changed.get::<u32>("size")?.to_string()))
            }
            _ => Ok(HTTPResponse::new(200, size.to_string())),
        }
    }
}

#[test]
fn tasks_in_one_process_have_keys_of_their_own() {
    run(async {
        let one = TestTask::with(Size).own_key("size", json!(1)).start().await;
        let two = TestTask::with(Size).own_key("size", json!(2)).start().await;
        assert_eq!((one.get("/").await.text(), two.get("/").await.text()), ("1", "2"));
        one.set_own_key("size", json!(3));
        assert_eq!((one.get("/").await.text(), two.get("/").await.text()), ("3", "2"));
        assert_eq!(TestTask::start(Size).await.get("/").await.status(), 500);
    });
}

#[test]
fn a_watch_tells_of_a_change() {
    run(async {
        let one = TestTask::with(Size).own_key("size", json!(1)).start().await;
        let mut watched = std::pin::pin!(one.get("/watch"));
        let mut next = 1;
        // The watch may begin at any of these changes; it must tell of the one after.
        let seen = loop {
            tokio::select! {
                seen = &mut watched => break seen,
                _ = one.get("/") => {
                    next += 1;
                    one.set_own_key("size", json!(next));
                }
            }
        };
        let seen: u32 = seen.text().parse().unwrap();
        assert!((2..=next).contains(&seen), "{seen} of {next}");
    });
}

#[test]
fn outside_of_a_task_there_are_no_keys_and_no_instances() {
    assert!(task().keys().is_empty());
    within([("a", json!(1))], || assert_eq!(task().get::<u32>("a").unwrap(), 1));
    assert!(task().keys().is_empty());
}

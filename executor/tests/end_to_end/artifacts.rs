//! Programs that are not what they should be.

use lathe_mesos::v1::TaskState::{TaskError, TaskFailed, TaskFinished, TaskKilled};

use crate::stage::{Stage, TASK};
use crate::test_server::{Reply, TestServer, until};

#[tokio::test]
async fn an_artifact_with_another_digest_is_refused() {
    let mut stage = Stage::start().await;
    let mut spec = stage.script("echo wrong > ran").await;
    spec.artifact.sha256 = "0".repeat(64);
    stage.launch(&spec);
    let failed = stage.until_state(TaskFailed).await;
    assert!(failed.message().contains("something with the digest"), "{}", failed.message());
    assert!(stage.end().await.success());
    assert_eq!(stage.states(), [TaskFailed], "nothing was ever started");
    assert_eq!(stage.file("ran"), "");
}

#[tokio::test]
async fn a_truncated_artifact_is_refused() {
    let mut stage = Stage::start().await;
    let mut spec = stage.script("echo wrong > ran").await;
    let size = usize::try_from(spec.artifact.size).unwrap();
    let server = TestServer::start(move |_| Reply::truncated(&vec![b'#'; size])).await;
    spec.artifact.urls = vec![server.url];
    stage.launch(&spec);
    let failed = stage.until_state(TaskFailed).await;
    assert!(failed.message().contains("bytes instead of"), "{}", failed.message());
    assert!(stage.end().await.success());
    assert_eq!(stage.states(), [TaskFailed]);
}

#[tokio::test]
async fn what_is_no_program_is_an_error_and_not_a_failure() {
    let mut elf_for_nobody = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xff\xff".to_vec();
    elf_for_nobody.resize(4096, 0);
    for bytes in [&b"just a text\n"[..], &elf_for_nobody, b"#!/no/such/interpreter\n"] {
        let mut stage = Stage::start().await;
        let spec = stage.program(bytes).await;
        stage.launch(&spec);
        let error = stage.until_state(TaskError).await;
        assert!(!error.message().is_empty());
        assert!(stage.end().await.success());
        assert_eq!(stage.states(), [TaskError], "{}", error.message());
    }
}

#[tokio::test]
async fn a_kill_during_the_download_ends_it() {
    let stalled = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut stage = Stage::start().await;
    let mut spec = stage.script("exit 0").await;
    spec.artifact.urls = vec![format!("http://{}/", stalled.local_addr().unwrap())];
    stage.launch(&spec);
    let _open = stalled.accept().await.unwrap();
    stage.agent.kill(TASK, None);
    stage.until_state(TaskKilled).await;
    assert!(stage.end().await.success());
    assert_eq!(stage.states(), [TaskKilled]);
}

#[tokio::test]
async fn the_next_address_is_tried() {
    let mut stage = Stage::start().await;
    let mut spec = stage.script("exit 0").await;
    let missing = TestServer::start(|_| Reply::status("404 Not Found", b"")).await;
    spec.artifact.urls.insert(0, missing.url.clone());
    stage.launch(&spec);
    stage.until_state(TaskFinished).await;
    assert!(stage.end().await.success());
    until("the first address was asked", || missing.requests().len() == 1).await;
}

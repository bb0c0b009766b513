//! A task's process as an executor sees it: environment, hand-shake, signals, exit status.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(30);

/// The example. Cargo builds it for a whole run of tests, but not when this test is asked for
/// alone: what is there may then be missing or old, so it is built here.
fn program() -> &'static Path {
    static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
        let test = std::env::current_exe().unwrap();
        let profile = test.parent().and_then(Path::parent).unwrap();
        if let Some(cargo) = std::env::var_os("CARGO") {
            let mut build = Command::new(cargo);
            build.args(["build", "--quiet", "--example", "hello_task", "--target-dir"]);
            build.arg(profile.parent().unwrap()).current_dir(env!("CARGO_MANIFEST_DIR"));
            if profile.ends_with("release") {
                build.arg("--release");
            }
            assert!(build.status().unwrap().success());
        }
        profile.join("examples/hello_task")
    });
    &PROGRAM
}

/// A directory of its own, removed at the end.
struct Sandbox(PathBuf);

impl Sandbox {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("lathe-sdk-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Killed when dropped, so that a failing test leaves nothing behind.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    fn wait(&mut self) -> ExitStatus {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("the process does not end");
    }

    fn terminate(&self) {
        // By the shell's own command: `kill` as a program is not everywhere.
        let line = format!("kill -TERM {}", self.0.id());
        assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
    }
}

fn command() -> Command {
    let mut command = Command::new(program());
    command.env_clear();
    command
}

fn output(command: &mut Command) -> Output {
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn get(port: u16, target: &str) -> String {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {target} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Starts the program with an executor's socket and gives its first word.
fn start(sandbox: &Sandbox, more: &[(&str, &str)]) -> (Running, Value, BufReader<UnixStream>) {
    let listener = UnixListener::bind(sandbox.0.join("handshake.sock")).unwrap();
    let mut command = command();
    command
        .current_dir(&sandbox.0)
        .envs([("LATHE_TASK", "hello"), ("LATHE_HANDSHAKE", "handshake.sock")])
        // The system's choice; the hand-shake tells it.
        .env("LATHE_PORT_HTTP", "0")
        .envs(more.iter().copied())
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    let running = Running(command.spawn().unwrap());
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let _ = sender.send((line, reader));
    });
    let (line, reader) = receiver.recv_timeout(PATIENCE).expect("a hand-shake comes");
    (running, serde_json::from_str(&line).unwrap(), reader)
}

#[test]
fn the_hidden_call_names_the_tasks() {
    let output = output(command().arg("--lathe-tasks"));
    assert!(output.status.success());
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["tasks"], serde_json::json!(["hello"]));
    assert_eq!(answer["lathe"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn a_start_that_cannot_succeed_says_why() {
    let by_hand = output(&mut command());
    assert_eq!(by_hand.status.code(), Some(2));
    assert!(text(&by_hand.stderr).contains("LATHE_TASK=hello"), "{}", text(&by_hand.stderr));
    let other = output(command().env("LATHE_TASK", "other"));
    assert_eq!(other.status.code(), Some(2));
    assert!(text(&other.stderr).contains("no task \"other\"; it has: hello"));
    let portless = output(command().env("LATHE_TASK", "hello"));
    assert_eq!(portless.status.code(), Some(1));
    assert!(text(&portless.stderr).contains("LATHE_PORT_HTTP is not set"));
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let taken = output(command().env("LATHE_TASK", "hello").env("LATHE_PORT_HTTP", port));
    assert_eq!(taken.status.code(), Some(1));
    assert!(text(&taken.stderr).contains("listen on 127.0.0.1"), "{}", text(&taken.stderr));
}

#[test]
fn it_tells_that_it_is_ready_serves_and_ends_on_a_signal() {
    let sandbox = Sandbox::new();
    let config = r#"{"task":"hello","history":"h","version":3,"keys":{"a":1}}"#;
    std::fs::write(sandbox.0.join("config.json"), config).unwrap();
    let more = [
        ("LATHE_CONFIG", "config.json"),
        ("LATHE_SERVED_BY", "1"),
        ("LATHE_INSTANCE", "hello#0"),
        ("LATHE_CRATE", "hello"),
        ("LATHE_VERSION", "1.0.0"),
    ];
    let (mut running, word, _reader) = start(&sandbox, &more);
    assert_eq!(word["ready"], true);
    let port = word["ports"]["http"].as_u64().and_then(|port| u16::try_from(port).ok()).unwrap();
    assert_eq!(word["lathe"], env!("CARGO_PKG_VERSION"));
    let answer = get(port, "/index");
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n:)"),
        "{answer}"
    );
    assert!(answer.contains("\r\nlathe-served-by: hello#0 hello 1.0.0\r\n"), "{answer}");
    running.terminate();
    assert!(running.wait().success());
}

#[test]
fn the_executors_word_drains_it() {
    let sandbox = Sandbox::new();
    let (mut running, _, mut reader) = start(&sandbox, &[]);
    reader.get_mut().write_all(b"{\"other\":1}\nno json\n{\"drain\":true}\n").unwrap();
    assert!(running.wait().success());
    let mut rest = String::new();
    assert_eq!(reader.read_line(&mut rest).unwrap(), 0, "the socket is open until the end");
}

#[test]
fn it_says_that_it_lives_while_it_does() {
    let sandbox = Sandbox::new();
    let (mut running, word, mut reader) = start(&sandbox, &[("LATHE_BEAT_MS", "20")]);
    assert_eq!(word["beats"], true);
    let mut beat = || {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let word: Value = serde_json::from_str(&line).unwrap();
        word["beat"] == true
    };
    assert!(beat() && beat() && beat());
    running.terminate();
    assert!(running.wait().success());
    // Who was not told to beat does not, and says so.
    let sandbox = Sandbox::new();
    let (mut running, word, mut reader) = start(&sandbox, &[]);
    assert_eq!(word["beats"], false);
    running.terminate();
    assert!(running.wait().success());
    assert_eq!(reader.read_line(&mut String::new()).unwrap(), 0);
}

#[test]
fn wrong_own_keys_are_named() {
    let sandbox = Sandbox::new();
    std::fs::write(sandbox.0.join("config.json"), "{").unwrap();
    let mut command = command();
    command.current_dir(&sandbox.0).env("LATHE_TASK", "hello").env("LATHE_CONFIG", "config.json");
    let output = output(&mut command);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("config.json is not as Lathe writes it"));
}

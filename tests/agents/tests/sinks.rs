//! The README's story with the real programs: a cache starts again on another port, and the web server outside of
//! the cluster follows. After the switch no request fails.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lathe_agents::{Agent, Site, instance, until};
use lathe_child::{Child, Output, Signal, Spawn};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixStream};
use tokio::task::JoinHandle;

/// A cache: answers each request with its port.
struct Cache {
    port: u16,
    task: JoinHandle<()>,
}

impl Cache {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
                            return;
                        }
                    }
                    let body = port.to_string();
                    let length = body.len();
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                    );
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        Self { port, task }
    }

    /// Nobody listens there any more when it comes back.
    async fn stop(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

/// One request of the load: when it was begun, and the port that answered.
type Asked = (Instant, Option<u16>);

async fn ask(socket: &Path) -> Option<u16> {
    let mut stream = UnixStream::connect(socket).await.ok()?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: web\r\nconnection: close\r\n\r\n").await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200").then(|| body.trim().parse().ok())?
}

/// Requests without end, four at a time.
struct Load {
    stop: Arc<AtomicBool>,
    asked: Arc<Mutex<Vec<Asked>>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Load {
    fn start(socket: &Path) -> Self {
        let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let start = |_| {
            let (stop, asked, socket) = (Arc::clone(&stop), Arc::clone(&asked), socket.to_owned());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let begun = Instant::now();
                    let port = ask(&socket).await;
                    asked.lock().expect("nobody panicked").push((begun, port));
                }
            })
        };
        let tasks = (0..4).map(start).collect();
        Self { stop, asked, tasks }
    }

    fn answered_since(&self, since: Instant) -> usize {
        let asked = self.asked.lock().expect("nobody panicked");
        asked.iter().filter(|(begun, _)| *begun >= since).count()
    }

    async fn end(self) -> Vec<Asked> {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.expect("it ends well");
        }
        let asked = self.asked.lock().expect("nobody panicked");
        asked.clone()
    }
}

/// A web server in front of a site, ended with the test.
struct Front {
    child: Child,
    socket: PathBuf,
}

impl Front {
    async fn start(program: &str, arguments: &[&str], socket: PathBuf) -> Self {
        // Both are where only root looks by himself.
        let child = Spawn::new(program)
            .args(arguments)
            .env("PATH", "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin")
            .stderr(Output::Inherit)
            .own_group()
            .parent_death(Signal::Kill)
            .start()
            .unwrap_or_else(|error| {
                panic!("`cargo xtask test --install` provides {program}: {error}")
            });
        let front = Self { child, socket };
        until(program, || async { UnixStream::connect(&front.socket).await.is_ok() }).await;
        front
    }

    async fn stop(mut self) {
        self.child.end(Duration::from_secs(1)).await;
    }
}

/// What the story is told about: a site with a cache, an agent that has followed it, a front that serves it.
struct Story {
    site: Site,
    agent: Agent,
    front: Front,
    hook: &'static str,
}

impl Story {
    async fn serves(&self, port: u16) {
        until("the front serves it", || async { ask(&self.front.socket).await == Some(port) })
            .await;
    }

    /// The cache ends, and starts again on another port; then it moves once more, with its old place kept until
    /// everybody has followed. `settled` comes back when the front has nothing of before any more.
    async fn tell<F: Future<Output = ()>>(mut self, first: Cache, settled: impl Fn(&Front) -> F) {
        self.serves(first.port).await;
        let load = Load::start(&self.front.socket);
        // It dies, and begins anew elsewhere.
        first.stop().await;
        let second = Cache::start().await;
        let gone = ["web.cache#0.1"];
        let now_at = settled(&self.front);
        let version = self.site.change(&[instance("web.cache", 0, 2, second.port)], &gone).await;
        self.agent.followed(self.hook, version).await;
        now_at.await;
        let switched = Instant::now();
        until("requests after the switch", || async { load.answered_since(switched) > 500 }).await;
        // It moves: both run until everybody has followed.
        let third = Cache::start().await;
        let gone = ["web.cache#0.2"];
        let now_at = settled(&self.front);
        let version = self.site.change(&[instance("web.cache", 0, 3, third.port)], &gone).await;
        self.agent.followed(self.hook, version).await;
        now_at.await;
        second.stop().await;
        let moved = Instant::now();
        until("requests after the move", || async { load.answered_since(moved) > 500 }).await;
        let ports = [second_port(&load, switched), Some(third.port)];
        let asked = load.end().await;
        let after: Vec<_> = asked.iter().filter(|(begun, _)| *begun >= switched).collect();
        let failed = after.iter().filter(|(_, port)| port.is_none()).count();
        assert_eq!(failed, 0, "of {} requests after the switch", after.len());
        let mut moved_to = after.iter().filter(|(begun, _)| *begun >= moved);
        assert!(moved_to.all(|(_, port)| *port == ports[1]));
        assert!(after.iter().all(|(_, port)| ports.contains(port)), "{ports:?}");
        assert!(self.agent.stop().await.success());
        self.front.stop().await;
        third.stop().await;
    }
}

fn second_port(load: &Load, switched: Instant) -> Option<u16> {
    let asked = load.asked.lock().expect("nobody panicked");
    asked.iter().find(|(begun, _)| *begun >= switched).and_then(|(_, port)| *port)
}

#[tokio::test]
async fn haproxy_follows_a_cache_that_moves_by_its_run_time_socket() {
    let mut site = Site::start(1).await;
    let folder = site.folder().to_owned();
    let (admin, socket) = (folder.join("admin.sock"), folder.join("front.sock"));
    let text = format!(
        "global\n  stats socket {} mode 600 level admin\ndefaults\n  mode http\n  timeout connect 5s\n  \
         timeout client 30s\n  timeout server 30s\n  retries 0\nfrontend web\n  bind unix@{}\n  \
         default_backend cache\nbackend cache\n  server-template cache 1-2 127.0.0.1:1 disabled\n",
        admin.display(),
        socket.display()
    );
    let config = folder.join("haproxy.cfg");
    std::fs::write(&config, text).unwrap();
    let front = Front::start("haproxy", &["-db", "-f", config.to_str().unwrap()], socket).await;
    let first = Cache::start().await;
    site.change(&[instance("web.cache", 0, 1, first.port)], &[]).await;
    let more = format!(
        "[hook.cache]\ngroups = [\"web.cache\"]\nsettle = \"0ms\"\n[hook.cache.haproxy]\nsocket = {admin:?}\nbackend = \"cache\"\n"
    );
    let agent = Agent::start(&site.configuration(&more)).await;
    // What the run-time socket has confirmed is in force.
    Story { site, agent, front, hook: "cache" }.tell(first, |_| std::future::ready(())).await;
}

#[tokio::test]
async fn haproxy_that_is_not_there_or_too_small_is_a_failure_that_is_told() {
    let mut site = Site::start(1).await;
    site.change(&[instance("web.cache", 0, 1, 1)], &[]).await;
    let more = "[hook.cache]\ngroups = [\"web.cache\"]\n[hook.cache.haproxy]\nsocket = \"/nowhere/admin.sock\"\nbackend = \"cache\"\n";
    let agent = Agent::start(&site.configuration(more)).await;
    until("it is told", || async {
        let reply = agent.get("/v1/hooks/cache").await.unwrap();
        reply.body.contains("/nowhere/admin.sock") && reply.json()["failures"].as_u64() > Some(1)
    })
    .await;
}

#[tokio::test]
async fn nginx_follows_a_cache_that_moves_by_a_file_and_a_reload() {
    let mut site = Site::start(1).await;
    let folder = site.folder().to_owned();
    let (socket, upstream) = (folder.join("front.sock"), folder.join("cache.conf"));
    let own = |name: &str| folder.join(name).display().to_string();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {};\n", own(name)))
        .concat();
    let user = if rustix::process::geteuid().is_root() { "user root;\n" } else { "" };
    let text = format!(
        "{user}daemon off;\nworker_processes 1;\npid {};\nerror_log {};\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}\
         include {};\nserver {{\nlisten unix:{};\nlocation / {{ proxy_pass http://cache; }}\n}}\n}}\n",
        own("nginx.pid"),
        own("error.log"),
        upstream.display(),
        socket.display()
    );
    let config = folder.join("nginx.conf");
    std::fs::write(&config, text).unwrap();
    std::fs::write(&upstream, "upstream cache { server 127.0.0.1:1 down; }\n").unwrap();
    let config = config.to_str().unwrap().to_owned();
    let front = Front::start("nginx", &["-c", &config, "-e", &own("error.log")], socket).await;
    let first = Cache::start().await;
    site.change(&[instance("web.cache", 0, 1, first.port)], &[]).await;
    let more = format!(
        "[hook.cache]\ngroups = [\"web.cache\"]\nsettle = \"0ms\"\n[hook.cache.nginx]\nupstream = \"cache\"\npath = {upstream:?}\n\
         reload = [\"nginx\", \"-c\", {config:?}, \"-e\", {:?}, \"-s\", \"reload\"]\n",
        own("error.log")
    );
    let agent = Agent::start(&site.configuration(&more)).await;
    // A reload lets workers of before end by themselves: until then they take requests as before.
    let settled = |front: &Front| {
        let before = lathe_child::children(front.child.id());
        async move {
            until("workers of before end", || async {
                before.iter().all(|pid| !Path::new(&format!("/proc/{pid}")).exists())
            })
            .await;
        }
    };
    Story { site, agent, front, hook: "cache" }.tell(first, settled).await;
}

//! A task in a test, without a cluster.
//!
//! Owns a real server for one task on a port of its own, with own keys and groups that the test
//! gives. It must not know of registries: what they would tell is given by hand.
//!
//! ```
//! use lathe::http::{HTTPRequest, HTTPResponse, HTTPResult, HTTPTask};
//! use lathe::testing::{self, TestTask};
//!
//! struct Hello;
//!
//! impl HTTPTask for Hello {
//!     async fn handle(&self, request: HTTPRequest) -> HTTPResult {
//!         match request.path() {
//!             ["get", "hello", name] => Ok(HTTPResponse::new(200, format!("hello, {name}"))),
//!             _ => Ok(HTTPResponse::new(404, "nothing here")),
//!         }
//!     }
//! }
//!
//! testing::run(async {
//!     let hello = TestTask::start(Hello).await;
//!     assert_eq!(hello.get("/hello/you").await.text(), "hello, you");
//!     assert_eq!(hello.get("/bye").await.status(), 404);
//! });
//! ```

use std::collections::BTreeMap;
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::HeaderMap;
use http::{Request, Response};
use lathe_catalog::{ConfigView, Entry, GroupView, Mail, MailView, State};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::client::Base;
use crate::config::Instance;
use crate::context::{Context, enter};
use crate::http::{Body, HTTPTask};
use crate::messages::Metadata;

/// How long a response may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of a response that a test reads.
const MAX_BODY: usize = 64 << 20;

/// Runs a future to its end, with all that a task's own code may use: a test that needs no crate
/// for that.
///
/// # Panics
/// When the system gives no runtime.
pub fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made")
        .block_on(future)
}

/// Calls a function as if it were called inside of a task with these own keys.
///
/// ```
/// use lathe::json;
///
/// let size: usize = lathe::testing::within([("size", json!(3))], || {
///     lathe::config::task().get("size").unwrap()
/// });
/// assert_eq!(size, 3);
/// ```
pub fn within<const N: usize, R>(own: [(&str, Value); N], call: impl FnOnce() -> R) -> R {
    struct Leave(Option<Arc<Context>>);
    impl Drop for Leave {
        fn drop(&mut self) {
            enter(self.0.take());
        }
    }
    let context = Context::new(Instance::default());
    let keys = own.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    context.take_config(own_keys(keys, 1));
    let _leave = Leave(enter(Some(Arc::new(context))));
    call()
}

fn own_keys(keys: Map<String, Value>, version: u64) -> ConfigView {
    ConfigView { task: String::new(), history: String::new(), version, keys }
}

/// A task to be started, with what it will find. Made by [`TestTask::with`].
#[derive(Debug)]
pub struct Setup<T> {
    task: T,
    keys: Map<String, Value>,
    groups: Vec<GroupView>,
    instance: Instance,
    served_by: bool,
}

impl<T: HTTPTask> Setup<T> {
    /// Gives the task a key of its own.
    #[must_use]
    pub fn own_key(mut self, key: impl Into<String>, value: Value) -> Self {
        self.keys.insert(key.into(), value);
        self
    }

    /// Gives a group these ready instances, by their addresses. Groups that are not given have none.
    #[must_use]
    pub fn group(mut self, name: &str, instances: impl IntoIterator<Item = SocketAddr>) -> Self {
        self.groups.push(group_view(name, instances, 1));
        self
    }

    /// Says who the instance is; its responses then carry `lathe-served-by`.
    #[must_use]
    pub fn named(mut self, instance: &str, crate_name: &str, version: &str) -> Self {
        instance.clone_into(&mut self.instance.instance);
        crate_name.clone_into(&mut self.instance.crate_name);
        version.clone_into(&mut self.instance.version);
        self.served_by = true;
        self
    }

    /// Starts it on a port of its own.
    ///
    /// # Panics
    /// When the system gives no port or no thread.
    pub async fn start(self) -> TestTask {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.and_then(TcpListener::into_std).expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let mut instance = self.instance;
        instance.ports.insert("http".to_owned(), address.port());
        let mut context = Context::new(instance);
        context.served_by = self.served_by;
        let context = Arc::new(context);
        context.take_config(own_keys(self.keys, 1));
        for view in self.groups {
            context.groups.get(&view.group);
            context.groups.take(view);
        }
        context.groups.complete();
        let runtime = crate::run::runtime(&context, Some(1)).expect("a thread can be started");
        let (ended, has_ended) = watch::channel(false);
        let (task, inner) = (self.task, Arc::clone(&context));
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).expect("the listener is usable");
            crate::server::serve(listener, task, inner).await;
            ended.send_replace(true);
        });
        let said = Mutex::default();
        TestTask { address, context, runtime: Some(runtime), has_ended, said }
    }
}

/// A running task. Dropping it ends it.
#[derive(Debug)]
pub struct TestTask {
    address: SocketAddr,
    context: Arc<Context>,
    runtime: Option<Runtime>,
    has_ended: watch::Receiver<bool>,
    /// The last number of each group, and what the groups keep.
    said: Mutex<(BTreeMap<String, u64>, Metadata)>,
}

impl TestTask {
    /// Starts a task that needs nothing else.
    pub async fn start<T: HTTPTask>(task: T) -> Self {
        Self::with(task).start().await
    }

    /// A task that finds own keys and groups.
    #[must_use]
    pub fn with<T: HTTPTask>(task: T) -> Setup<T> {
        Setup {
            task,
            keys: Map::new(),
            groups: Vec::new(),
            instance: Instance::default(),
            served_by: false,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks for a path.
    ///
    /// # Panics
    /// When there is no response, as [`send`](Self::send).
    pub async fn get(&self, target: &str) -> TestResponse {
        self.request("GET", target, Body::empty()).await
    }

    /// Sends a body to a path.
    ///
    /// # Panics
    /// When there is no response, as [`send`](Self::send).
    pub async fn post(&self, target: &str, body: impl Into<Body>) -> TestResponse {
        self.request("POST", target, body).await
    }

    /// Sends a request without further headers.
    ///
    /// # Panics
    /// When method or target are not valid, or there is no response.
    pub async fn request(&self, method: &str, target: &str, body: impl Into<Body>) -> TestResponse {
        let request = Request::builder().method(method).uri(target).body(body.into());
        self.send(request.expect("method and target are valid")).await
    }

    /// Sends a request; its target is a path.
    ///
    /// # Panics
    /// When there is no response within 30 seconds.
    pub async fn send(&self, request: Request<Body>) -> TestResponse {
        let base = Base::parse(&format!("http://{}", self.address)).expect("an address is a url");
        let whole = timeout(PATIENCE, async {
            let reply = base.send(request).await.expect("the task answers");
            reply.collect(MAX_BODY).await.expect("the response is whole")
        });
        TestResponse(whole.await.expect("the response comes in time"))
    }

    /// Changes one of the task's own keys while it runs.
    pub fn set_own_key(&self, key: &str, value: Value) {
        let now = self.context.config.borrow().clone();
        let mut keys = now.keys.clone();
        keys.insert(key.to_owned(), value);
        self.context.take_config(own_keys(keys, now.version + 1));
    }

    /// Changes who is ready in a group while the task runs.
    pub fn set_group(&self, name: &str, instances: impl IntoIterator<Item = SocketAddr>) {
        let next =
            self.context.groups.get(name.strip_prefix("task.").unwrap_or(name)).version() + 1;
        self.context.groups.take(group_view(name, instances, next));
    }

    /// Sends a message to a group that the task is in; gives its number.
    pub fn send_message(&self, group: &str, body: Value) -> u64 {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let number = said.0.entry(group.to_owned()).or_default();
        *number += 1;
        let mail = Mail { group: group.to_owned(), number: *number, sent_ms: 0, body };
        let number = mail.number;
        self.deliver(vec![mail], said.1.clone());
        number
    }

    /// The number up to which the task has acknowledged a group's messages; 0 before the first.
    #[must_use]
    pub fn acknowledged(&self, group: &str) -> u64 {
        self.context.mail.acknowledged.borrow().get(group).copied().unwrap_or(0)
    }

    /// Has a group that the task is in keep a value.
    pub fn set_metadata(&self, group: &str, key: &str, value: Value) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.1.entry(group.to_owned()).or_default().insert(key.to_owned(), value);
        self.deliver(Vec::new(), said.1.clone());
    }

    fn deliver(&self, messages: Vec<Mail>, metadata: Metadata) {
        let incarnation = self.context.instance.incarnation.clone();
        let history = "test".to_owned();
        self.context.mail.deliver(MailView { incarnation, history, messages, metadata });
    }

    /// Tells it to end, as the executor would, and waits until the requests at work are answered.
    ///
    /// # Panics
    /// When it does not end within 30 seconds.
    pub async fn stop(mut self) {
        self.context.drain();
        let ended = timeout(PATIENCE, self.has_ended.wait_for(|ended| *ended)).await;
        assert!(ended.is_ok(), "the task does not end");
    }
}

impl Drop for TestTask {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Tests drop it inside of a runtime, where waiting is not allowed.
            runtime.shutdown_background();
        }
    }
}

fn group_view(
    name: &str,
    instances: impl IntoIterator<Item = SocketAddr>,
    version: u64,
) -> GroupView {
    let name = name.strip_prefix("task.").unwrap_or(name);
    let entries = instances.into_iter().zip(0..).map(|(address, slot): (SocketAddr, u32)| Entry {
        topology: "test".to_owned(),
        task: name.to_owned(),
        slot,
        incarnation: format!("{name}#{slot}.1"),
        host: "test".to_owned(),
        address: address.ip().to_string(),
        ports: [("http".to_owned(), address.port())].into(),
        tags: Vec::new(),
        crate_name: "test".to_owned(),
        version: "0.0.0".to_owned(),
        state: State::Ready,
        reason: None,
        since_ms: 0,
    });
    let entries = entries.collect();
    GroupView { group: name.to_owned(), history: "test".to_owned(), version, entries }
}

/// A whole response.
#[derive(Clone, Debug)]
pub struct TestResponse(Response<Bytes>);

impl TestResponse {
    /// The status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.status().as_u16()
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.0.headers()
    }

    /// The first header of this name, when there is one and it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.0.headers().get(name)?.to_str().ok()
    }

    /// The body.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        self.0.body()
    }

    /// The body as text.
    ///
    /// # Panics
    /// When it is not UTF-8.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(self.0.body()).expect("the body is utf-8")
    }

    /// The body, read as JSON.
    ///
    /// # Panics
    /// When it is not JSON of that shape.
    #[must_use]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(self.0.body()).expect("the body is json of that shape")
    }
}

#[cfg(test)]
mod tests;

//! The scheduler's calls, timed: from the sending of a call on an open connection.
//!
//! Owns the client. It must not know what the calls are compared with.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use lathe_api::rest::Endpoints;
use lathe_api::v1;
use lathe_api::v1::progress::Event;
use lathe_api::v1::scheduler_client::SchedulerClient;
use serde::Deserialize;
use tonic::Streaming;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};

use crate::failure::Failure;
use crate::surroundings::Surroundings;

/// For a loaded machine, and for hundreds of instances.
const LIMIT: Duration = Duration::from_secs(600);
/// Instances of the README's topology.
pub(crate) const README: u32 = 13;

/// What is submitted again and again.
#[derive(Clone, Debug)]
pub(crate) struct Submission {
    pub(crate) name: String,
    pub(crate) source: String,
    pub(crate) artifacts: Vec<Artifact>,
    /// As many as are to be ready in the end.
    pub(crate) instances: u32,
}

impl Submission {
    /// What the command line would send for the README's topology: the cache has exactly what this
    /// run built.
    pub(crate) fn of_readme(surroundings: &Surroundings) -> Result<Self, Failure> {
        let file = surroundings.topology();
        let source = fs::read_to_string(&file);
        let source = source.map_err(|error| Failure::io("reading the topology", error))?;
        let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        Ok(Self { name, source, artifacts: built(&surroundings.cache)?, instances: README })
    }

    /// Crate, version and task of something that it has.
    pub(crate) fn some_task(&self) -> Result<(&str, &str, &str), Failure> {
        let mut all = self.artifacts.iter();
        let found = all.find_map(|one| {
            Some((one.crate_name.as_str(), one.version.as_str(), one.tasks.first()?.as_str()))
        });
        found.ok_or_else(|| Failure::Unexpected("no crate was built".to_owned()))
    }
}

/// The artifacts of a cache.
fn built(cache: &Path) -> Result<Vec<Artifact>, Failure> {
    let entries = fs::read_dir(cache.join("artifacts"));
    let entries = entries.map_err(|error| Failure::io("listing the artifacts", error))?;
    let mut artifacts = Vec::new();
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        if path.extension().is_some_and(|extension| extension == "json") {
            let bytes = fs::read(&path);
            let bytes = bytes.map_err(|error| Failure::io("reading an artifact's facts", error))?;
            let facts = serde_json::from_slice(&bytes)
                .map_err(|error| Failure::Unexpected(format!("an artifact's facts: {error}")))?;
            artifacts.push(facts);
        }
    }
    Ok(artifacts)
}

/// A built crate as the command line's cache describes it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Artifact {
    crate_name: String,
    version: String,
    sha256: String,
    size: u64,
    source_key: String,
    tasks: Vec<String>,
    sdk: bool,
}

impl Artifact {
    fn to_wire(&self) -> v1::Artifact {
        v1::Artifact {
            crate_name: self.crate_name.clone(),
            version: self.version.clone(),
            sha256: self.sha256.clone(),
            size: self.size,
            source_key: self.source_key.clone(),
            tasks: self.tasks.clone(),
            sdk: self.sdk,
        }
    }
}

/// One connection to the scheduler.
#[derive(Debug)]
pub(crate) struct Scheduler {
    client: SchedulerClient<Channel>,
    token: MetadataValue<Ascii>,
}

impl Scheduler {
    pub(crate) async fn connect(endpoints: &Endpoints) -> Result<Self, Failure> {
        let token = fs::read_to_string(&endpoints.token_file);
        let token = token.map_err(|error| Failure::io("reading the token", error))?;
        let token = format!("Bearer {}", token.trim()).parse();
        let token = token.map_err(|_| Failure::Unexpected("a token of odd letters".to_owned()))?;
        let endpoint = Endpoint::from_shared(endpoints.scheduler.clone());
        let endpoint = endpoint.map_err(|source| Failure::Reach { source })?.tcp_nodelay(true);
        let channel = endpoint.connect().await.map_err(|source| Failure::Reach { source })?;
        Ok(Self { client: SchedulerClient::new(channel), token })
    }

    /// Ends a topology and waits until nothing of it runs.
    pub(crate) async fn remove(&mut self, name: &str, round: usize) -> Result<(), Failure> {
        let submission_id = format!("bench-remove-{round}");
        let message = v1::RemoveRequest { name: name.to_owned(), submission_id };
        let request = self.request(message);
        let stream = self.client.remove(request).await.map_err(Failure::call)?.into_inner();
        follow(stream, |_| {}).await.map(drop)
    }

    /// Submits, and says how many seconds later everything was ready, and what came on the way.
    pub(crate) async fn submit(
        &mut self,
        submission: &Submission,
        round: usize,
    ) -> Result<(f64, BTreeMap<&'static str, f64>), Failure> {
        let message = v1::SubmitRequest {
            edit: Some(v1::Edit {
                what: Some(v1::edit::What::Submission(v1::Submission {
                    name: submission.name.clone(),
                    source: submission.source.clone(),
                    artifacts: submission.artifacts.iter().map(Artifact::to_wire).collect(),
                })),
            }),
            max_moves: 0,
            wait_ms: 0,
            queue: false,
            submission_id: format!("bench-submit-{round}"),
            may_stop: false,
        };
        let request = self.request(message);
        let started = Instant::now();
        let stream = self.client.submit(request).await.map_err(Failure::call)?.into_inner();
        let mut parts = BTreeMap::new();
        let done = follow(stream, |event| {
            let now = started.elapsed().as_secs_f64();
            match event {
                Event::Planned(_) => {
                    parts.entry("planned").or_insert(now);
                }
                Event::Committed(_) => {
                    parts.entry("accepted").or_insert(now);
                }
                Event::Instance(change) if change.state == "starting" => {
                    parts.entry("the first process started").or_insert(now);
                    parts.insert("the last process started", now);
                }
                Event::Instance(change) if change.state == "ready" => {
                    parts.entry("the first instance was ready").or_insert(now);
                }
                _ => {}
            }
        })
        .await?;
        let took = started.elapsed().as_secs_f64();
        let (ready, wanted) = (done.ready, submission.instances);
        if ready == wanted {
            return Ok((took, parts));
        }
        Err(Failure::Unexpected(format!("{ready} instances became ready, not {wanted}")))
    }

    /// Another value of an own key, given as JSON.
    pub(crate) async fn set(
        &mut self,
        task: &str,
        key: &str,
        value: String,
    ) -> Result<(), Failure> {
        let set = v1::Set { task: task.to_owned(), key: key.to_owned(), value };
        let message = v1::SubmitRequest {
            edit: Some(v1::Edit { what: Some(v1::edit::What::Set(set)) }),
            ..v1::SubmitRequest::default()
        };
        let request = self.request(message);
        let stream = self.client.submit(request).await.map_err(Failure::call)?.into_inner();
        follow(stream, |_| {}).await.map(drop)
    }

    fn request<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        request.metadata_mut().insert("authorization", self.token.clone());
        request
    }
}

/// Follows a call to its end.
async fn follow(
    mut stream: Streaming<v1::Progress>,
    mut heard: impl FnMut(&Event),
) -> Result<v1::Done, Failure> {
    let end = async {
        loop {
            let message = stream.message().await.map_err(Failure::call)?;
            let Some(message) = message else {
                return Err(Failure::Unexpected("the scheduler's answer broke off".to_owned()));
            };
            match message.event {
                Some(Event::Done(done)) => return Ok(done),
                Some(Event::Refused(refused)) => {
                    return Err(Failure::Unexpected(format!("refused: {}", refused.sentence)));
                }
                Some(event) => heard(&event),
                None => {}
            }
        }
    };
    let late = |_| Failure::Late { what: "the end of a call".to_owned(), limit: LIMIT };
    tokio::time::timeout(LIMIT, end).await.map_err(late)?
}

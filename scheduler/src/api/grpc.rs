//! The calls that change something: each becomes a question to the loop, each answer a message.

use std::pin::Pin;

use futures_util::{Stream, StreamExt as _};
use lathe_api::convert::refused_to_wire;
use lathe_api::door::Caller;
use lathe_api::v1;
use lathe_api::v1::edit::What;
use lathe_api::v1::plan_reply::Outcome;
use lathe_api::v1::progress;
use lathe_api::v1::{host_reply, losses_reply};
use lathe_coordination::Store;
use lathe_placement::Refusal;
use lathe_topology::Code;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::Shared;
use super::hosts::HostsInUse;
use super::lines::Lines;
use crate::driver::{Handle, Stopping};
use crate::framework::command::{Answer, ChangeKind, PlanView};
use crate::framework::event::{Edit, Question, Submission};
use crate::framework::plain;
use crate::framework::records::ArtifactRecord;
use crate::system::TOPOLOGY;

/// Nobody gives a task longer than a year to end.
const GRACE_MS_MAX: u64 = 366 * 24 * 3_600_000;

/// The service behind `lathe.v1.Scheduler`.
#[derive(Debug)]
pub(super) struct Service {
    handle: Handle,
    store: Option<Store>,
    hosts: HostsInUse,
}

impl Service {
    pub(super) fn new(shared: &Shared) -> Self {
        Self {
            handle: shared.handle.clone(),
            store: shared.store.clone(),
            hosts: HostsInUse::new(shared),
        }
    }

    async fn follow(
        &self,
        caller: Caller,
        question: Question,
    ) -> Result<Response<ProgressStream>, Status> {
        let edit = match &question {
            Question::Submit { edit, .. } => Some(edit),
            _ => None,
        };
        if let Some(refused) = edit.and_then(is_not_ours) {
            let event = progress::Event::Refused(refused_to_wire("refused", &refused));
            let told = Ok(v1::Progress { event: Some(event) });
            return Ok(Response::new(Box::pin(futures_util::stream::iter([told]))));
        }
        let lines = Lines::of(self.store.as_ref(), edit);
        let answers = self.handle.ask(question, caller).await.map_err(stopping)?;
        let stream = ReceiverStream::new(answers).then(move |answer| {
            let lines = lines.clone();
            async move {
                let event = match progress_of(answer) {
                    progress::Event::Refused(refused) => {
                        progress::Event::Refused(lines.fill(refused).await)
                    }
                    event => event,
                };
                Ok(v1::Progress { event: Some(event) })
            }
        });
        Ok(Response::new(Box::pin(stream)))
    }
}

type ProgressStream = Pin<Box<dyn Stream<Item = Result<v1::Progress, Status>> + Send>>;

#[tonic::async_trait]
impl v1::scheduler_server::Scheduler for Service {
    type SubmitStream = ProgressStream;
    type RemoveStream = ProgressStream;

    async fn plan(
        &self,
        request: Request<v1::PlanRequest>,
    ) -> Result<Response<v1::PlanReply>, Status> {
        let caller = caller_of(&request);
        let request = request.into_inner();
        let edit = edit_of(request.edit)?;
        if let Some(refused) = is_not_ours(&edit) {
            let outcome = Some(Outcome::Refused(refused_to_wire("refused", &refused)));
            return Ok(Response::new(v1::PlanReply { outcome }));
        }
        let lines = Lines::of(self.store.as_ref(), Some(&edit));
        let question = Question::Plan { edit, max_moves: request.max_moves };
        let mut answers = self.handle.ask(question, caller).await.map_err(stopping)?;
        let outcome = match last_word(&mut answers).await? {
            Outcome::Refused(refused) => Outcome::Refused(lines.fill(refused).await),
            plan => plan,
        };
        Ok(Response::new(v1::PlanReply { outcome: Some(outcome) }))
    }

    async fn submit(
        &self,
        request: Request<v1::SubmitRequest>,
    ) -> Result<Response<Self::SubmitStream>, Status> {
        let caller = caller_of(&request);
        let request = request.into_inner();
        self.follow(
            caller,
            Question::Submit {
                edit: edit_of(request.edit)?,
                max_moves: request.max_moves,
                wait_ms: request.wait_ms,
                id: request.submission_id,
                may_stop: request.may_stop,
                queues: request.queue,
            },
        )
        .await
    }

    async fn remove(
        &self,
        request: Request<v1::RemoveRequest>,
    ) -> Result<Response<Self::RemoveStream>, Status> {
        let caller = caller_of(&request);
        let request = request.into_inner();
        self.follow(caller, Question::Remove { name: request.name, id: request.submission_id })
            .await
    }

    async fn drain(
        &self,
        request: Request<v1::DrainRequest>,
    ) -> Result<Response<v1::HostReply>, Status> {
        let caller = caller_of(&request);
        let request = request.into_inner();
        if request.max_grace_ms.is_some_and(|ms| ms > GRACE_MS_MAX) {
            return Err(Status::invalid_argument("`max_grace_ms` is more than a year"));
        }
        Ok(reply_of(self.hosts.drain(&caller, &request).await))
    }

    async fn reactivate(
        &self,
        request: Request<v1::ReactivateRequest>,
    ) -> Result<Response<v1::HostReply>, Status> {
        let caller = caller_of(&request);
        Ok(reply_of(self.hosts.reactivate(&caller, &request.into_inner().host).await))
    }

    async fn confirm_losses(
        &self,
        request: Request<v1::ConfirmLossesRequest>,
    ) -> Result<Response<v1::LossesReply>, Status> {
        let caller = caller_of(&request);
        let asked = self.handle.ask(Question::ConfirmLosses, caller).await;
        losses_of(asked.map_err(stopping)?.recv().await).map(Response::new)
    }
}

/// Nobody submits under the name of the scheduler's own topology: its instances are told the key.
fn is_not_ours(edit: &Edit) -> Option<Refusal> {
    let Edit::Source(submission) = edit else { return None };
    let sentence = format!("the topology {TOPOLOGY} is the scheduler's own");
    let hint = "give yours another name; `registries` in the scheduler's configuration says how many \
                registries it places";
    (submission.name == TOPOLOGY).then(|| plain(Code::OWN_TOPOLOGY, &sentence, hint))
}

/// What became of a confirmation.
fn losses_of(answer: Option<Answer>) -> Result<v1::LossesReply, Status> {
    let outcome = match answer {
        Some(Answer::LossesConfirmed { hosts }) => {
            losses_reply::Outcome::Lost(v1::LostHosts { hosts })
        }
        Some(Answer::Refused(refused)) => {
            let refused = refused_to_wire(&refused.verdict, &refused.refusal);
            losses_reply::Outcome::Refused(refused)
        }
        _ => return Err(Status::unavailable("this scheduler is about to end")),
    };
    Ok(v1::LossesReply { outcome: Some(outcome) })
}

fn reply_of(result: Result<v1::HostChanged, Refusal>) -> Response<v1::HostReply> {
    let outcome = match result {
        Ok(changed) => host_reply::Outcome::Host(changed),
        Err(refusal) => host_reply::Outcome::Refused(refused_to_wire("refused", &refusal)),
    };
    Response::new(v1::HostReply { outcome: Some(outcome) })
}

/// Who the door has let in.
fn caller_of<T>(request: &Request<T>) -> Caller {
    request.extensions().get::<Caller>().cloned().unwrap_or_else(|| Caller::nobody(None))
}

async fn last_word(answers: &mut mpsc::Receiver<Answer>) -> Result<Outcome, Status> {
    while let Some(answer) = answers.recv().await {
        match answer {
            Answer::Planned(view) => return Ok(Outcome::Plan(plan_of(view))),
            Answer::Refused(refused) => {
                return Ok(Outcome::Refused(refused_to_wire(&refused.verdict, &refused.refusal)));
            }
            Answer::Waiting { .. }
            | Answer::Blocked { .. }
            | Answer::Committed { .. }
            | Answer::Instance { .. }
            | Answer::LossesConfirmed { .. }
            | Answer::Done { .. } => {}
        }
    }
    Err(stopping(Stopping))
}

fn stopping(error: Stopping) -> Status {
    Status::unavailable(error.to_string())
}

fn edit_of(edit: Option<v1::Edit>) -> Result<Edit, Status> {
    let what = edit.and_then(|edit| edit.what);
    Ok(match what.ok_or_else(|| Status::invalid_argument("no edit"))? {
        What::Submission(submission) => Edit::Source(submission_of(submission)),
        What::Scale(scale) => Edit::Scale { task: scale.task, count: scale.count },
        What::Set(set) => {
            Edit::Set { task: set.task, value: value_of(&set.value, &set.key)?, key: set.key }
        }
        What::Rollback(back) => Edit::Rollback {
            topology: back.topology,
            revision: (back.revision != 0).then_some(back.revision),
        },
        What::Restart(restart) => Edit::Restart { what: restart.what },
        What::Pause(pause) => Edit::Pause { topology: pause.topology, paused: pause.paused },
    })
}

fn value_of(json: &str, key: &str) -> Result<Option<serde_json::Value>, Status> {
    if json.is_empty() {
        return Ok(None);
    }
    serde_json::from_str(json)
        .map(Some)
        .map_err(|error| Status::invalid_argument(format!("the value of `{key}`: {error}")))
}

fn submission_of(submission: v1::Submission) -> Submission {
    let artifacts = submission.artifacts.into_iter().map(|built| ArtifactRecord {
        crate_name: built.crate_name,
        version: built.version,
        sha256: built.sha256,
        size: built.size,
        source_key: built.source_key,
        tasks: built.tasks,
        sdk: built.sdk,
    });
    Submission { name: submission.name, source: submission.source, artifacts: artifacts.collect() }
}

fn progress_of(answer: Answer) -> progress::Event {
    match answer {
        Answer::Planned(view) => progress::Event::Planned(plan_of(view)),
        Answer::Waiting { hosts } => progress::Event::Waiting(v1::Waiting { hosts }),
        Answer::Blocked { sentence } => progress::Event::Blocked(v1::Blocked { sentence }),
        Answer::Committed { revision } => progress::Event::Committed(v1::Committed { revision }),
        Answer::Instance { instance, incarnation, host, state, message } => {
            progress::Event::Instance(v1::InstanceChanged {
                instance,
                incarnation,
                host,
                state,
                message,
            })
        }
        Answer::Done { revision, changed, ready } => {
            progress::Event::Done(v1::Done { revision, changed, ready })
        }
        // Of a question that has a reply of its own.
        Answer::LossesConfirmed { hosts } => {
            let changed = !hosts.is_empty();
            progress::Event::Done(v1::Done { revision: 0, changed, ready: 0 })
        }
        Answer::Refused(refused) => {
            progress::Event::Refused(refused_to_wire(&refused.verdict, &refused.refusal))
        }
    }
}

fn plan_of(view: PlanView) -> v1::Plan {
    let changes = view.changes.into_iter().map(|change| v1::Change {
        kind: kind_of(change.kind).into(),
        instance: change.instance,
        task: change.task,
        host: change.host,
        from: change.from,
        reason: change.reason,
    });
    v1::Plan { changes: changes.collect(), score: view.score, notes: view.notes }
}

fn kind_of(kind: ChangeKind) -> v1::change::Kind {
    match kind {
        ChangeKind::Keep => v1::change::Kind::Keep,
        ChangeKind::Start => v1::change::Kind::Start,
        ChangeKind::Stop => v1::change::Kind::Stop,
        ChangeKind::Move => v1::change::Kind::Move,
        ChangeKind::Replace => v1::change::Kind::Replace,
    }
}

//! The recorded sessions of a real Mesos 1.11, played against the stand-in.
//!
//! Each recorded request is sent with ids made to fit; status and text of the answer must be those
//! that Mesos gave. Of streams, what does not depend on time is compared: each task's states and
//! reasons in order, the failures in order, each executor's events in order.

use std::collections::BTreeMap;
use std::thread::JoinHandle;

use lathe_mesos::transcript::{self, Api, Exchange};
use lathe_mesos::v1::scheduler::{Event, call};
use lathe_mesos::v1::{self, TaskState};
use prost::Message as _;

use crate::gist::{cpus, failures, offers_in, rack_of, said_of_tasks};
use crate::mapping::{Ids, authorized, call_of, is_error_of_form, recorded_events, with_headers};
use crate::puppets::{Heard, part_of, play, strings_of};
use crate::stage::Stage;
use crate::wire::{Answer, Stream, basic, exchange, request};

/// What the stand-in does not imitate, and why. An exchange is named by its session and a part of
/// its name; everything that is not named must be answered as Mesos answered.
const NOT_IMITATED: &[(&str, &str, &str)] = &[
    (
        "scheduler",
        "error-path",
        "the text: a field of a wrong kind is no message here, an unknown \
      field there; the status is the same and compared",
    ),
    ("scheduler", "update-framework", "offer constraints are taken and not applied"),
    ("scheduler", "error-constraint-regex", "offer constraints are not read"),
    (
        "scheduler",
        "operator-mark_agent_gone",
        "recorded in JSON, which is not spoken: 415; the \
      test sends the same call in protobuf",
    ),
    ("scheduler", "subscribe-after-restart", "a master is never restarted: it ends with its hosts"),
    ("scheduler", "reconcile-after-restart", "as above"),
    (
        "scheduler",
        "subscribe-with-offer-constraints",
        "offers come from all hosts; the status is \
      compared",
    ),
    ("auth", "error-not-authorized", "there are no access lists: whoever has the token may"),
    ("ha", "answer-", "one master, no election: nobody redirects, nobody waits for a leader"),
    ("ha", "non-leader", "as above"),
    ("ha", "redirect-leader", "as above"),
];

fn is_imitated(recorded: &Exchange) -> bool {
    let named = |(session, part, _): &&(&str, &str, &str)| {
        recorded.session.starts_with(session) && recorded.name.contains(part)
    };
    !NOT_IMITATED.iter().any(|entry| named(&entry))
}

const RACKS: [&str; 3] = ["r1", "r2", "r3"];

fn stage() -> Stage {
    Stage::start(
        &RACKS
            .map(|rack| format!("name={rack},rack={rack},cpus=2,mem=1GiB,disk=1GiB"))
            .each_ref()
            .map(String::as_str),
    )
}

/// One recorded session under way.
struct Player {
    stage: Stage,
    session: Vec<Exchange>,
    executors: Vec<Exchange>,
    ids: Ids,
    streams: Vec<Stream<Event>>,
    puppets: BTreeMap<String, (JoinHandle<()>, Heard)>,
    /// Recorded agent id by rack.
    recorded_racks: BTreeMap<String, String>,
    used: Vec<String>,
}

impl Player {
    fn new(session: &str, executors: &str) -> Self {
        Self {
            stage: stage(),
            session: transcript::load(session).unwrap(),
            executors: transcript::load(executors).unwrap(),
            ids: Ids::default(),
            streams: Vec::new(),
            puppets: BTreeMap::new(),
            recorded_racks: BTreeMap::new(),
            used: Vec::new(),
        }
    }

    fn stream(&self) -> &Stream<Event> {
        self.streams.last().expect("the framework is subscribed")
    }

    fn authorization(&self) -> String {
        basic(&self.stage.token)
    }

    /// Sends a recorded call, whatever it is.
    fn play(&mut self, recorded: &Exchange) {
        if recorded.api() != Api::Scheduler || is_error_of_form(recorded) {
            let answer = exchange(
                self.stage.address,
                &authorized(recorded, &self.authorization(), None),
                None,
            );
            self.compare(recorded, &answer);
            return;
        }
        let recorded_call = call_of(recorded).expect("a recorded call");
        if recorded_call.r#type() == call::Type::Subscribe {
            self.subscribe(recorded, recorded_call);
            return;
        }
        self.await_needs(recorded, &recorded_call);
        let fitted = self.ids.fit(recorded_call.clone());
        let stream = self.streams.last().and_then(|stream| stream.id.clone());
        let authorization = self.authorization();
        let mut headers = vec![("authorization", Some(authorization.as_str()))];
        // Errors about the stream id keep what was recorded.
        if !recorded.name.contains("stream-id") {
            headers.push(("mesos-stream-id", stream.as_deref()));
        }
        let bytes = with_headers(recorded, &headers, Some(&fitted.encode_to_vec()));
        let answer = exchange(self.stage.address, &bytes, None);
        self.compare(recorded, &answer);
        self.start_puppets(&recorded_call);
    }

    fn compare(&self, recorded: &Exchange, answer: &Answer) {
        let name = &recorded.name;
        if is_imitated(recorded) || name.contains("error-path") {
            assert_eq!(answer.status, recorded.status, "{name}: {answer:?}");
        }
        if !is_imitated(recorded) {
            return;
        }
        let mut expected = String::from_utf8(recorded.response_body()).unwrap();
        for (theirs, ours) in &self.ids.frameworks {
            expected = expected.replace(theirs, ours);
        }
        // The recorded principal was called otherwise.
        let expected = expected.replace("principal 'fw'", "principal 'lathe'");
        assert_eq!(answer.body, expected, "{name}");
        let head = recorded.response_head();
        for header in ["content-type", "allow", "www-authenticate"] {
            assert_eq!(answer.header(header), head.header(header), "{header} of {name}");
        }
    }

    fn subscribe(&mut self, recorded: &Exchange, call: v1::scheduler::Call) {
        let fitted = self.ids.fit(call);
        let bytes = authorized(recorded, &self.authorization(), Some(&fitted.encode_to_vec()));
        let stream = Stream::<Event>::open(self.stage.address, &bytes);
        assert_eq!(stream.status, recorded.status, "{}: {}", recorded.name, stream.text);
        let theirs: Vec<Event> = recorded_events(recorded);
        let first = stream.wait("a first event", |events| events.first().cloned());
        if is_imitated(recorded) {
            assert_eq!(first.r#type(), theirs[0].r#type(), "{}", recorded.name);
            assert_eq!(first.error, theirs[0].error, "{}", recorded.name);
        }
        if let (Some(ours), Some(theirs)) = (&first.subscribed, &theirs[0].subscribed) {
            let id = theirs.framework_id.value.clone();
            self.ids.frameworks.insert(id, ours.framework_id.value.clone());
            for offer in offers_in(&recorded_events(recorded)) {
                self.recorded_racks.insert(rack_of(&offer), offer.agent_id.value.clone());
            }
            stream.wait("a heartbeat", |events| {
                events.iter().position(|event| event.r#type() as i32 == 8).filter(|at| *at == 1)
            });
        }
        self.streams.push(stream);
    }

    /// What a call answers to must have come: offers, updates.
    fn await_needs(&mut self, recorded: &Exchange, call: &v1::scheduler::Call) {
        let accepted = call.accept.iter().flat_map(|accept| &accept.offer_ids);
        let declined = call.decline.iter().flat_map(|decline| &decline.offer_ids);
        let ids: Vec<String> = accepted.chain(declined).map(|id| id.value.clone()).collect();
        for id in ids {
            self.await_offer(&id);
        }
        if let Some(acknowledge) = &call.acknowledge {
            let state = recorded.name.rsplit('-').next().unwrap().to_uppercase();
            self.await_update(acknowledge, TaskState::from_str_name(&state).unwrap());
        }
    }

    /// Finds an offer of the same host for a recorded one; one that was used before stays used.
    fn await_offer(&mut self, recorded_id: &str) {
        if self.ids.offers.contains_key(recorded_id) {
            return;
        }
        let rack = self
            .session
            .iter()
            .filter(|one| one.events.is_some())
            .flat_map(|one| offers_in(&recorded_events(one)))
            .find(|offer| offer.id.value == recorded_id)
            .map(|offer| rack_of(&offer))
            .expect("a recorded offer");
        let used = &self.used;
        let offer = self.stream().wait(&format!("an offer of {rack}"), |events| {
            let rescinded = |offer: &v1::Offer| {
                let gone = |event: &Event| {
                    event.rescind.as_ref().is_some_and(|rescind| rescind.offer_id == offer.id)
                };
                events.iter().any(gone)
            };
            let fresh = |offer: &v1::Offer| {
                rack_of(offer) == rack && !used.contains(&offer.id.value) && !rescinded(offer)
            };
            // The largest: freed resources may have come in an offer of their own.
            offers_in(events)
                .into_iter()
                .filter(fresh)
                .max_by(|one, other| cpus(one).total_cmp(&cpus(other)))
        });
        self.used.push(offer.id.value.clone());
        self.ids.offers.insert(recorded_id.to_owned(), offer.id.value);
        let theirs = self.recorded_racks[&rack].clone();
        self.ids.agents.insert(theirs, offer.agent_id.value);
    }

    /// Waits for the update that is acknowledged; learns the uuid if it is the agent's own.
    fn await_update(&mut self, acknowledge: &call::Acknowledge, state: TaskState) {
        let task = &acknowledge.task_id;
        let uuid = self.stream().wait(&format!("{state:?} of {task:?}"), |events| {
            let statuses = events.iter().filter_map(|event| event.update.as_ref());
            statuses.map(|update| &update.status).find_map(|status| {
                let fits = status.task_id == *task && status.state() == state;
                status.uuid.clone().filter(|_| fits)
            })
        });
        self.ids.uuids.insert(acknowledge.uuid.to_vec(), uuid.to_vec());
    }

    /// Gives every executor that a call starts somebody who speaks for it.
    fn start_puppets(&mut self, call: &v1::scheduler::Call) {
        let framework = self.ids.frameworks.values().next_back().cloned().unwrap_or_default();
        let operations = call.accept.iter().flat_map(|accept| &accept.operations);
        let launches = operations.filter_map(|operation| operation.launch.as_ref());
        let mut started: Vec<String> = launches
            .flat_map(|launch| &launch.task_infos)
            .filter_map(|task| Some(task.executor.as_ref()?.executor_id.value.clone()))
            .collect();
        started.dedup();
        for executor in started {
            let part = part_of(&self.executors, &executor);
            if part.is_empty() || self.puppets.contains_key(&executor) {
                continue;
            }
            let strings = strings_of(&self.stage, &framework, &executor);
            let puppet = play(strings, part, framework.clone());
            self.puppets.insert(executor, puppet);
        }
    }

    /// Waits for an update of a task in a state.
    fn await_state(&self, task: &str, state: TaskState) {
        self.stream().wait(&format!("{state:?} of {task}"), |events| {
            let statuses = events.iter().filter_map(|event| event.update.as_ref());
            let mut statuses = statuses.map(|update| &update.status);
            statuses.find(|s| s.task_id.value == task && s.state() == state).map(|_| ())
        });
    }

    fn admin(&self, host: &str, action: &str) {
        let headers = [("Authorization".to_owned(), self.authorization())];
        let line = format!("POST /standalone/hosts/{host}/{action} HTTP/1.1");
        let answer = exchange(self.stage.address, &request(&line, &headers, b""), None);
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    fn mark_gone(&self, rack: &str) {
        use v1::master::{Call, call};
        let value = self.ids.agents[&self.recorded_racks[rack]].clone();
        let call = Call {
            r#type: Some(call::Type::MarkAgentGone.into()),
            mark_agent_gone: Some(call::MarkAgentGone { agent_id: v1::AgentId { value } }),
            ..Call::default()
        };
        let headers = [
            ("Authorization".to_owned(), self.authorization()),
            ("Content-Type".to_owned(), "application/x-protobuf".to_owned()),
        ];
        let bytes = request("POST /api/v1 HTTP/1.1", &headers, &call.encode_to_vec());
        assert_eq!(exchange(self.stage.address, &bytes, None).status, 200);
    }

    /// Waits for all executors and compares what they heard with what was recorded.
    fn compare_executors(&mut self) {
        for (executor, (handle, heard)) in std::mem::take(&mut self.puppets) {
            handle.join().unwrap_or_else(|_| panic!("{executor} failed\n{}", self.stage.log()));
            let part = part_of(&self.executors, &executor);
            let recorded: Vec<Vec<&str>> = part
                .iter()
                .filter(|one| one.events.is_some())
                .map(|one| {
                    let events: Vec<v1::executor::Event> = recorded_events(one);
                    events.iter().map(|event| event.r#type().as_str_name()).collect()
                })
                .collect();
            assert_eq!(*heard.lock().unwrap(), recorded, "{executor}");
        }
    }
}

fn next_after(session: &[Exchange], name: &str) -> Exchange {
    let at = session.iter().position(|one| one.name == name).expect("a recorded name");
    session[at + 1].clone()
}

#[test]
fn the_recorded_scheduler_session_is_answered_as_by_mesos() {
    let mut player = Player::new("scheduler-protobuf", "executor-protobuf");
    let mut main: Option<usize> = None;
    for recorded in player.session.clone() {
        let name = recorded.name.clone();
        match &name[4..] {
            // What is declined next was offered before this.
            "suppress" => {
                let next = next_after(&player.session, &name);
                let call = call_of(&next).expect("a recorded call");
                player.await_needs(&next, &call);
            }
            "reconcile-unreachable" => {
                player.admin("r3", "pause");
                player.await_state("t6", TaskState::TaskUnreachable);
            }
            "reconcile-returned" => {
                player.admin("r3", "resume");
                player.stream().wait("the return", |events| {
                    let mut statuses = events.iter().filter_map(|event| event.update.as_ref());
                    let back = v1::task_status::Reason::AgentReregistered;
                    statuses.find(|update| update.status.reason() == back).map(|_| ())
                });
            }
            "operator-mark_agent_gone" => player.mark_gone("r2"),
            "subscribe-after-restart" | "reconcile-after-restart" => continue,
            _ => {}
        }
        player.play(&recorded);
        if name.ends_with("-subscribe") {
            main = Some(player.streams.len() - 1);
        }
        if name.ends_with("-teardown") {
            player.streams.last().unwrap().wait_for_end();
            player.compare_executors();
        }
    }
    let recorded = player.session.iter().find(|one| one.name.ends_with("-subscribe")).unwrap();
    let theirs: Vec<Event> = recorded_events(recorded);
    let stream = &player.streams[main.unwrap()];
    stream.wait_for_end();
    let ours = stream.events();
    assert_eq!(said_of_tasks(&ours), said_of_tasks(&theirs));
    assert_eq!(failures(&ours), failures(&theirs));
    assert_eq!(ours.last().unwrap().error, theirs.last().unwrap().error);
    let failure = ours.iter().filter_map(|event| event.failure.as_ref());
    let mut e3 = failure.filter(|f| f.executor_id.as_ref().is_some_and(|id| id.value == "e3"));
    assert_eq!(e3.next().unwrap().status, Some(9));
}

#[test]
fn the_recorded_wrong_calls_of_executors_are_answered_as_by_an_agent() {
    let mut player = Player::new("scheduler-protobuf", "executor-protobuf");
    // Up to the launch of e1, so that there is an executor to speak for.
    let launch = player.session.iter().find(|one| one.name.ends_with("accept-launch")).unwrap();
    let subscribe = player.session.iter().find(|one| one.name.ends_with("-subscribe")).unwrap();
    for recorded in [subscribe.clone(), launch.clone()] {
        player.play(&recorded);
    }
    let framework = player.ids.frameworks.values().next().unwrap().clone();
    let strings = strings_of(&player.stage, &framework, "e1");
    let mut tried = 0;
    for recorded in player.executors.clone() {
        if !recorded.name.starts_with("errors-") {
            continue;
        }
        // "none" is a framework that does not exist and stays so.
        let body = match v1::executor::Call::decode(recorded.request_body()) {
            Ok(mut call) if recorded.request_json.is_some() => {
                if let Some(ours) = player.ids.frameworks.get(&call.framework_id.value) {
                    call.framework_id.value.clone_from(ours);
                }
                Some(call.encode_to_vec())
            }
            _ => None,
        };
        let bearer = format!("Bearer {}", strings.token);
        let headers = [("authorization", Some(bearer.as_str()))];
        let bytes = with_headers(&recorded, &headers, body.as_deref());
        player.compare(&recorded, &exchange(strings.endpoint, &bytes, None));
        let nobody = with_headers(&recorded, &[("authorization", None)], body.as_deref());
        assert_eq!(exchange(strings.endpoint, &nobody, None).status, 401, "without the token");
        tried += 1;
    }
    assert_eq!(tried, 9);
}

#[test]
fn the_recorded_authentication_is_answered_as_by_mesos() {
    let mut player = Player::new("auth-protobuf", "auth-protobuf");
    for recorded in player.session.clone() {
        if recorded.status != 401 {
            player.play(&recorded);
            continue;
        }
        // Without credentials, and with wrong ones as recorded.
        let given = recorded.request_head().header("authorization").map(str::to_owned);
        let bytes = with_headers(&recorded, &[("authorization", given.as_deref())], None);
        player.compare(&recorded, &exchange(player.stage.address, &bytes, None));
    }
}

#[test]
fn the_recorded_failover_is_answered_as_by_mesos() {
    let mut player = Player::new("ha-protobuf", "ha-protobuf");
    for recorded in player.session.clone() {
        if !is_imitated(&recorded) || recorded.name.starts_with("e1-") {
            continue;
        }
        player.play(&recorded);
        if recorded.name.ends_with("-teardown") {
            player.streams.last().unwrap().wait_for_end();
            player.compare_executors();
        }
    }
}

//! Recorded requests made to fit a living cluster: who asks, and the ids that they name.

use std::collections::BTreeMap;

use lathe_mesos::transcript::Exchange;
use lathe_mesos::v1;
use lathe_mesos::v1::scheduler::Call;
use prost::Message as _;

use crate::wire::request;

/// Headers that are made anew.
const REPLACED: [&str; 3] = ["host", "content-length", "authorization"];

/// The recorded request with our credentials and, if given, another body.
pub(crate) fn authorized(recorded: &Exchange, authorization: &str, body: Option<&[u8]>) -> Vec<u8> {
    with_headers(recorded, &[("authorization", Some(authorization))], body)
}

/// The recorded request with some headers put in (or, if `None`, left out) and another body.
pub(crate) fn with_headers(
    recorded: &Exchange,
    changed: &[(&str, Option<&str>)],
    body: Option<&[u8]>,
) -> Vec<u8> {
    let head = recorded.request_head();
    let mut headers = Vec::new();
    for (name, value) in &head.headers {
        let replaced = changed.iter().any(|(other, _)| other == name);
        if !replaced && !REPLACED.contains(&name.as_str()) {
            headers.push((name.clone(), value.clone()));
        }
    }
    for (name, value) in changed {
        if let Some(value) = value {
            headers.push(((*name).to_owned(), (*value).to_owned()));
        }
    }
    request(&head.line, &headers, body.unwrap_or(recorded.request_body()))
}

/// Whether an exchange is about the form of a request and needs no framework.
pub(crate) fn is_error_of_form(recorded: &Exchange) -> bool {
    recorded.name.contains("-error-") && recorded.events.is_none() && number(recorded) < 14
}

/// The number that an exchange's name starts with, after the executor's if there is one.
pub(crate) fn number(recorded: &Exchange) -> u32 {
    let parts = recorded.name.split('-');
    parts.filter(|part| part.len() == 3).find_map(|part| part.parse().ok()).unwrap_or(0)
}

/// Recorded ids and the living ones that stand for them.
#[derive(Debug, Default)]
pub(crate) struct Ids {
    /// Recorded framework id to ours.
    pub(crate) frameworks: BTreeMap<String, String>,
    /// Recorded agent id to ours.
    pub(crate) agents: BTreeMap<String, String>,
    /// Recorded offer id to ours.
    pub(crate) offers: BTreeMap<String, String>,
    /// Recorded uuids of updates that an agent made, to ours.
    pub(crate) uuids: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Ids {
    fn put(table: &BTreeMap<String, String>, id: &mut String) {
        if let Some(ours) = table.get(id) {
            id.clone_from(ours);
        }
    }

    /// The call with our ids in place of the recorded ones.
    pub(crate) fn fit(&self, mut call: Call) -> Call {
        if let Some(id) = &mut call.framework_id {
            Self::put(&self.frameworks, &mut id.value);
        }
        let infos = [
            call.subscribe.as_mut().map(|subscribe| &mut subscribe.framework_info),
            call.update_framework.as_mut().map(|update| &mut update.framework_info),
        ];
        for info in infos.into_iter().flatten() {
            if let Some(id) = &mut info.id {
                Self::put(&self.frameworks, &mut id.value);
            }
            // The recorded credentials were for these two.
            if matches!(info.principal(), "fw" | "other") {
                info.principal = Some("lathe".to_owned());
            }
        }
        self.fit_offers(&mut call);
        let agents = [
            call.kill.as_mut().and_then(|kill| kill.agent_id.as_mut()),
            call.shutdown.as_mut().map(|shutdown| &mut shutdown.agent_id),
            call.message.as_mut().map(|message| &mut message.agent_id),
            call.acknowledge.as_mut().map(|acknowledge| &mut acknowledge.agent_id),
        ];
        let asked = call.reconcile.iter_mut().flat_map(|reconcile| &mut reconcile.tasks);
        let asked = asked.filter_map(|task| task.agent_id.as_mut());
        for id in agents.into_iter().flatten().chain(asked) {
            Self::put(&self.agents, &mut id.value);
        }
        if let Some(acknowledge) = &mut call.acknowledge
            && let Some(ours) = self.uuids.get(&acknowledge.uuid.to_vec())
        {
            acknowledge.uuid = ours.clone().into();
        }
        call
    }

    fn fit_offers(&self, call: &mut Call) {
        let accepted = call.accept.iter_mut().flat_map(|accept| &mut accept.offer_ids);
        let declined = call.decline.iter_mut().flat_map(|decline| &mut decline.offer_ids);
        for id in accepted.chain(declined) {
            Self::put(&self.offers, &mut id.value);
        }
        let operations = call.accept.iter_mut().flat_map(|accept| &mut accept.operations);
        let launches = operations.filter_map(|operation| operation.launch.as_mut());
        for task in launches.flat_map(|launch| &mut launch.task_infos) {
            Self::put(&self.agents, &mut task.agent_id.value);
            if let Some(executor) = &mut task.executor {
                if let Some(id) = &mut executor.framework_id {
                    Self::put(&self.frameworks, &mut id.value);
                }
                executor.command = Some(puppet());
            }
        }
    }
}

/// A process that does nothing but be there: the test speaks for it.
fn puppet() -> v1::CommandInfo {
    v1::CommandInfo {
        shell: Some(false),
        value: Some(env!("CARGO_BIN_EXE_scripted-executor").to_owned()),
        arguments: vec!["scripted-executor".to_owned(), "0".to_owned()],
        ..v1::CommandInfo::default()
    }
}

/// The call of a recorded request, if its body is one.
pub(crate) fn call_of(recorded: &Exchange) -> Option<Call> {
    recorded.request_json.as_ref()?;
    Call::decode(recorded.request_body()).ok()
}

/// Events that were recorded, decoded from their bytes.
pub(crate) fn recorded_events<E: prost::Message + Default>(recorded: &Exchange) -> Vec<E> {
    let mut decoder = lathe_mesos::recordio::Decoder::new(1 << 24);
    decoder.push(&recorded.response_body()).unwrap();
    let mut events = Vec::new();
    while let Some(record) = decoder.next() {
        events.push(E::decode(record).unwrap());
    }
    events
}

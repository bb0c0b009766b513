//! Hosts that an operator takes out of use and back, by way of the master, which keeps what was asked
//! of it. Must not know what becomes of instances there: the framework hears of that as ever.

use std::sync::Arc;

use lathe_api::door::Caller;
use lathe_api::v1;
use lathe_mesos::operator::{self, CallError};
use lathe_placement::Refusal;
use lathe_topology::Code;

use super::Shared;
use crate::audit;
use crate::driver::Handle;
use crate::framework::event::{HostInfo, HostState};
use crate::framework::ids::AgentId;
use crate::framework::plain;
use crate::mesos_calls::{drain_agent, hosts_of, list_agents, reactivate_agent};

/// The way to the master's hosts.
#[derive(Debug)]
pub(super) struct HostsInUse {
    operator: Arc<operator::Client>,
    role: String,
    handle: Handle,
}

impl HostsInUse {
    pub(super) fn new(shared: &Shared) -> Self {
        Self {
            operator: Arc::clone(&shared.operator),
            role: shared.role.clone(),
            handle: shared.handle.clone(),
        }
    }

    /// Has the master begin to drain a host. The error is why nothing was changed, or why that is not
    /// known.
    pub(super) async fn drain(
        &self,
        caller: &Caller,
        request: &v1::DrainRequest,
    ) -> Result<v1::HostChanged, Refusal> {
        let host = self.named(&request.host).await?;
        if host.state == HostState::Drained && !request.mark_gone {
            return Ok(changed(&host, host.state, false));
        }
        let call = drain_agent(&host.agent, request.max_grace_ms, request.mark_gone);
        self.operator.master_call(call).await.map_err(|error| refusal_of(&error))?;
        audit::written(caller, "drain", &host.name.0, None);
        Ok(changed(&host, self.state_now(&host.agent, HostState::Draining).await, true))
    }

    /// Has the master offer a host again. The error is as of [`Self::drain`].
    pub(super) async fn reactivate(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<v1::HostChanged, Refusal> {
        let host = self.named(name).await?;
        if host.state == HostState::Active {
            return Ok(changed(&host, host.state, false));
        }
        let call = reactivate_agent(&host.agent);
        self.operator.master_call(call).await.map_err(|error| refusal_of(&error))?;
        audit::written(caller, "reactivate", &host.name.0, None);
        Ok(changed(&host, self.state_now(&host.agent, HostState::Active).await, true))
    }

    async fn named(&self, name: &str) -> Result<HostInfo, Refusal> {
        let hosts = self.list().await.map_err(|error| refusal_of(&error))?;
        match hosts.into_iter().find(|host| host.name.0 == name) {
            Some(host) if host.state == HostState::Disconnected => Err(out_of_reach(name)),
            Some(host) => Ok(host),
            None if self.is_lost(name).await => Err(out_of_reach(name)),
            None => {
                let sentence = format!("the master lists no host `{name}`");
                Err(plain(Code::UNKNOWN_HOST, &sentence, "`lathe hosts` lists them by their names"))
            }
        }
    }

    /// Whether something ran there when the host was heard of last.
    async fn is_lost(&self, name: &str) -> bool {
        let hosts = self.handle.status().await.map(|status| status.hosts).unwrap_or_default();
        hosts.iter().any(|host| host.name == name)
    }

    async fn list(&self) -> Result<Vec<HostInfo>, CallError> {
        let answer = self.operator.master_call(list_agents()).await?;
        Ok(hosts_of(&answer.get_agents.unwrap_or_default(), &self.role))
    }

    /// What has become of it, which the loop is told as well; `usual` where the master is silent.
    async fn state_now(&self, agent: &AgentId, usual: HostState) -> HostState {
        let Ok(hosts) = self.list().await else { return usual };
        let found = hosts.iter().find(|host| &host.agent == agent).map(|host| host.state);
        // A loop that ends has no use for it.
        let _ = self.handle.tell_hosts(hosts).await;
        found.unwrap_or(usual)
    }
}

fn changed(host: &HostInfo, state: HostState, changed: bool) -> v1::HostChanged {
    v1::HostChanged { host: host.name.to_string(), state: state.as_str().to_owned(), changed }
}

fn out_of_reach(name: &str) -> Refusal {
    let sentence = format!("host `{name}` is out of reach of the master");
    let hint =
        "what ran there is replaced by itself in time; one that never comes back is marked gone";
    plain(Code::HOST_UNREACHABLE, &sentence, hint)
}

fn refusal_of(error: &CallError) -> Refusal {
    let CallError::Refused(refusal) = error else {
        let sentence = format!("the master has not said that it does it: {error}");
        let hint = "`lathe hosts` shows what became of it; try again when the master answers";
        return plain(Code::CANNOT_ACT_NOW, &sentence, hint);
    };
    let hint = match refusal.status {
        401 | 403 => "the master's ACLs say what the scheduler's principal may have done to agents",
        501 => "under `lathe up` a host is lost by `lathe hosts kill` and `lathe hosts pause`",
        _ => "the reason is the master's; `lathe hosts` shows how the host stands",
    };
    plain(Code::MASTER_REFUSES, &format!("the master refuses it: {refusal}"), hint)
}

#[cfg(test)]
mod tests {
    //! What the master's answers become. That they are what a master answers is for
    //! `tests/system/tests/mesos_drain.rs`.

    use lathe_mesos::Refusal as Answered;

    use super::*;

    fn code_of(error: &CallError) -> Code {
        refusal_of(error).reasons[0].code
    }

    #[test]
    fn a_master_that_forbids_is_told_from_one_that_is_away() {
        for status in [400, 401, 403, 409, 501] {
            let answered = Answered { status, text: "why".to_owned(), location: None };
            let refusal = refusal_of(&CallError::Refused(answered));
            assert_eq!(refusal.reasons[0].code, Code::MASTER_REFUSES);
            assert!(refusal.sentence.contains(&status.to_string()), "{}", refusal.sentence);
            assert!(refusal.sentence.contains("why"), "{}", refusal.sentence);
        }
        let away = CallError::NoLeader { attempts: "m:5050: connection refused".to_owned() };
        assert_eq!(code_of(&away), Code::CANNOT_ACT_NOW);
    }
}

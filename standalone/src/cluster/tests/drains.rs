//! Agents that are taken out of use: drained, deactivated, taken back.

use super::*;

fn drain(offer: &v1::Offer, mark_gone: bool) -> Event {
    let agent_id = offer.agent_id.value.clone();
    Event::AgentDrains { agent_id, max_grace_ms: Some(2_000), mark_gone }
}

fn drain_state(stage: &Stage) -> Option<v1::DrainState> {
    let agents = stage.cluster.get_agents().agents;
    agents.first()?.drain_info.as_ref().map(v1::DrainInfo::state)
}

#[test]
fn a_draining_agent_is_drained_when_the_end_of_its_last_task_is_acknowledged() {
    let (mut stage, offer) = Stage::running();
    stage.step(drain(&offer, false));
    assert_eq!(stage.kinds(), ["RESCIND"]);
    let told = stage.told_hosts();
    let [HostCommand::Deliver { event, .. }] = &told[..] else { panic!("{told:?}") };
    let kill = event.kill.as_ref().expect("it is told to end");
    let grace = kill.kill_policy.as_ref().and_then(|policy| policy.grace_period.as_ref());
    assert_eq!(grace.map(|grace| grace.nanoseconds), Some(2_000_000_000));
    assert_eq!(drain_state(&stage), Some(v1::DrainState::Draining));

    stage.executor_says("t", TaskState::TaskKilled, 7);
    let statuses = stage.statuses();
    assert_eq!(gist(&statuses), [(TaskState::TaskKilled, Some(Reason::AgentDraining))]);
    assert_eq!(drain_state(&stage), Some(v1::DrainState::Draining), "nobody has acknowledged it");
    stage.acknowledge(&statuses[0]);
    assert_eq!(drain_state(&stage), Some(v1::DrainState::Drained));
    stage.executor_exits("h1", "e", 0);
    stage.pass(10_000);
    assert!(stage.offers().is_empty(), "a drained agent is not offered");

    stage.step(Event::AgentReactivated { agent_id: offer.agent_id.value });
    assert_eq!(drain_state(&stage), None);
    assert_eq!(stage.offers().len(), 1);
}

#[test]
fn what_fails_by_itself_while_its_agent_drains_keeps_its_own_state() {
    let (mut stage, offer) = Stage::running();
    stage.step(drain(&offer, true));
    stage.events();
    stage.executor_says("t", TaskState::TaskFailed, 7);
    assert_eq!(gist(&stage.statuses()), [(TaskState::TaskFailed, None)]);
}

#[test]
fn an_agent_that_is_drained_for_good_is_gone_once_it_is_empty() {
    let (mut stage, offer) = Stage::running();
    stage.step(drain(&offer, true));
    stage.events();
    stage.executor_says("t", TaskState::TaskKilled, 7);
    let statuses = stage.statuses();
    assert_eq!(gist(&statuses), [(TaskState::TaskGoneByOperator, Some(Reason::AgentDraining))]);
    assert!(statuses[0].uuid.is_some());
    assert_eq!(stage.cluster.hosts()[0].state, HostState::Active);
    stage.acknowledge(&statuses[0]);
    assert_eq!(stage.cluster.hosts()[0].state, HostState::Gone);
}

#[test]
fn a_launch_that_races_a_drain_is_dropped_and_says_why() {
    let mut stage = Stage::subscribed();
    let offer = stage.offers().remove(0);
    stage.step(drain(&offer, false));
    assert_eq!(drain_state(&stage), Some(v1::DrainState::Drained), "nothing runs there");
    stage.events();
    stage.accept(&offer, vec![task(&offer, "t", "e")], 0.0);
    let dropped = (TaskState::TaskDropped, Some(Reason::AgentDraining));
    assert_eq!(gist(&stage.statuses()), [dropped]);
}

#[test]
fn an_agent_out_of_reach_is_drained_when_it_is_back() {
    let (mut stage, offer) = Stage::running();
    stage.step(Event::HostPaused { host: HostName("h1".into()) });
    stage.pass(3_000);
    stage.step(drain(&offer, false));
    assert_eq!(stage.told_hosts(), []);
    stage.step(Event::HostResumed { host: HostName("h1".into()) });
    let told = stage.told_hosts();
    assert!(matches!(&told[..], [HostCommand::Deliver { event, .. }] if event.kill.is_some()));
}

#[test]
fn an_agent_that_is_deactivated_keeps_what_runs_there_and_is_not_offered() {
    let (mut stage, offer) = Stage::running();
    let agent_id = offer.agent_id.value;
    stage.step(Event::AgentDeactivated { agent_id: agent_id.clone() });
    assert_eq!(stage.kinds(), ["RESCIND"]);
    assert_eq!(stage.told_hosts(), []);
    stage.pass(10_000);
    assert_eq!(stage.kinds(), [""; 0]);
    let agent = stage.cluster.get_agents().agents.remove(0);
    assert!(agent.deactivated() && !agent.active && agent.drain_info.is_none());
    stage.step(Event::AgentReactivated { agent_id });
    assert_eq!(stage.offers().len(), 1);
}

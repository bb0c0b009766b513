//! Amounts and names cross the border without loss.

use lathe_mesos::v1;

use super::{free_of, hosts_of, quota_of, resources_of};
use crate::framework::event::{Free, HostState};

const MIB: u64 = 1024 * 1024;

#[test]
fn amounts_come_back_as_they_went() {
    let free = Free {
        cpus_milli: 110,
        mem_bytes: 80 * MIB,
        disk_bytes: 16 * MIB,
        ports: vec![(31000, 31000), (31005, 31007)],
    };
    assert_eq!(free_of(&resources_of(&free, "lathe"), "lathe"), free);
}

#[test]
fn what_is_launched_never_exceeds_what_was_offered() {
    let free = Free { mem_bytes: MIB + 1, ..Free::default() };
    let sent = resources_of(&free, "lathe");
    assert!(free_of(&sent, "lathe").mem_bytes <= free.mem_bytes);
}

#[test]
fn the_quota_of_our_role_is_told_where_it_bounds_something() {
    let of = |role: &str, limits: &[(&str, f64)]| v1::quota::QuotaConfig {
        role: role.to_owned(),
        limits: limits
            .iter()
            .map(|(name, value)| ((*name).to_owned(), v1::value::Scalar { value: *value }))
            .collect(),
        ..Default::default()
    };
    let told = |configs: Vec<v1::quota::QuotaConfig>| {
        let status = v1::quota::QuotaStatus { configs };
        quota_of(&v1::master::response::GetQuota { status }, "lathe")
    };
    let ours = of("lathe", &[("cpus", 0.5), ("mem", 512.0)]);
    assert_eq!(
        told(vec![of("other", &[("cpus", 1.0)]), ours]).as_deref(),
        Some("the quota of the role `lathe` is at most cpus 0.5, mem 512")
    );
    assert_eq!(told(vec![of("lathe", &[])]), None, "guarantees alone bound nobody");
    assert_eq!(told(Vec::new()), None);
}

#[test]
fn reservations_of_other_roles_are_left_alone() {
    let mut reserved = resources_of(&Free { cpus_milli: 1000, ..Free::default() }, "lathe");
    reserved[0].reservations = vec![v1::resource::ReservationInfo {
        role: Some("other".to_owned()),
        ..v1::resource::ReservationInfo::default()
    }];
    assert_eq!(free_of(&reserved, "lathe"), Free::default());
    assert_eq!(free_of(&reserved, "other").cpus_milli, 1000);
}

#[test]
fn noise_of_floating_point_does_not_reach_the_arithmetic() {
    let mut offered = resources_of(&Free { cpus_milli: 300, ..Free::default() }, "lathe");
    offered[0].scalar = Some(v1::value::Scalar { value: 0.1 + 0.2 });
    assert_eq!(free_of(&offered, "lathe").cpus_milli, 300);
    offered[0].scalar = Some(v1::value::Scalar { value: f64::NAN });
    assert_eq!(free_of(&offered, "lathe").cpus_milli, 0);
}

#[test]
fn a_host_that_drains_is_told_from_one_that_is_deactivated_or_silent() {
    use v1::master::response::{GetAgents, get_agents::Agent};
    let agent = |active: bool, deactivated: Option<bool>, drain: Option<v1::DrainState>| Agent {
        agent_info: v1::AgentInfo {
            hostname: "h".to_owned(),
            id: Some(v1::AgentId { value: "a".to_owned() }),
            ..Default::default()
        },
        active,
        deactivated,
        pid: Some("slave(1)@10.0.0.1:5051".to_owned()),
        drain_info: drain.map(|state| v1::DrainInfo { state: state.into(), ..Default::default() }),
        ..Default::default()
    };
    let state = |agent: Agent| {
        let hosts = hosts_of(&GetAgents { agents: vec![agent], ..Default::default() }, "lathe");
        hosts[0].state
    };
    assert_eq!(state(agent(true, None, None)), HostState::Active);
    assert_eq!(state(agent(true, Some(false), None)), HostState::Active);
    assert_eq!(state(agent(false, None, None)), HostState::Disconnected);
    // Mesos has an agent that is deactivated, to be drained or not, as not active.
    assert_eq!(state(agent(false, Some(true), None)), HostState::Deactivated);
    let drains = |drain| state(agent(false, Some(true), Some(drain)));
    assert_eq!(drains(v1::DrainState::Draining), HostState::Draining);
    assert_eq!(drains(v1::DrainState::Drained), HostState::Drained);
}

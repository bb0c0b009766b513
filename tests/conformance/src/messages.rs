//! The messages that the cases send, put together.

use lathe_mesos::v1;
use lathe_mesos::v1::scheduler::{Call, call};

use crate::stage::scripted_executor;

/// A framework as Lathe is one.
pub(crate) fn framework_info() -> v1::FrameworkInfo {
    use v1::framework_info::{Capability, capability::Type};
    let capabilities = [
        Type::MultiRole,
        Type::PartitionAware,
        Type::TaskKillingState,
        Type::ReservationRefinement,
    ];
    v1::FrameworkInfo {
        user: user(),
        name: "conformance".into(),
        roles: vec!["lathe".into()],
        failover_timeout: Some(3600.0),
        checkpoint: Some(true),
        capabilities: capabilities.map(|t| Capability { r#type: Some(t.into()) }).to_vec(),
        ..Default::default()
    }
}

/// Who tasks run as: nobody else than who runs the test.
fn user() -> String {
    if rustix::process::geteuid().is_root() {
        return "root".to_owned();
    }
    std::env::var("USER").expect("whoever is not root has a name")
}

pub(crate) fn of_type(kind: call::Type) -> Call {
    Call { r#type: Some(kind.into()), ..Call::default() }
}

pub(crate) fn scalar(name: &str, value: f64) -> v1::Resource {
    v1::Resource {
        name: name.into(),
        r#type: v1::value::Type::Scalar.into(),
        scalar: Some(v1::value::Scalar { value }),
        ..Default::default()
    }
}

/// How much of a scalar resource there is.
pub(crate) fn amount(resources: &[v1::Resource], name: &str) -> f64 {
    let of_name = resources.iter().filter(|resource| resource.name == name);
    of_name.filter_map(|resource| resource.scalar).map(|scalar| scalar.value).sum()
}

/// The text attribute of an offer or an agent.
pub(crate) fn text_of(attributes: &[v1::Attribute], name: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.name == name)?;
    found.text.as_ref().map(|text| text.value.clone())
}

pub(crate) fn task_id(id: &str) -> v1::TaskId {
    v1::TaskId { value: id.into() }
}

/// An executor that plays scripts; it begins when the shell has done what `before` says.
pub(crate) fn executor_info(id: &str, before: Option<&str>) -> v1::ExecutorInfo {
    let uri = v1::command_info::Uri {
        value: format!("file://{}", scripted_executor().display()),
        executable: Some(true),
        ..Default::default()
    };
    let command = match before {
        None => v1::CommandInfo {
            shell: Some(false),
            value: Some("./scripted-executor".into()),
            ..Default::default()
        },
        Some(before) => v1::CommandInfo {
            value: Some(format!("{before}; exec ./scripted-executor")),
            ..Default::default()
        },
    };
    v1::ExecutorInfo {
        executor_id: v1::ExecutorId { value: id.into() },
        r#type: Some(v1::executor_info::Type::Custom.into()),
        command: Some(v1::CommandInfo { uris: vec![uri], ..command }),
        resources: vec![scalar("cpus", 0.1), scalar("mem", 32.0)],
        ..Default::default()
    }
}

/// A task with a script, by an executor of the same name.
pub(crate) fn task_info(offer: &v1::Offer, id: &str, script: &str) -> v1::TaskInfo {
    v1::TaskInfo {
        name: id.into(),
        task_id: task_id(id),
        agent_id: offer.agent_id.clone(),
        resources: vec![scalar("cpus", 0.1), scalar("mem", 32.0)],
        executor: Some(executor_info(id, None)),
        data: Some(script.to_owned().into()),
        ..Default::default()
    }
}

pub(crate) fn launch(tasks: Vec<v1::TaskInfo>) -> v1::offer::Operation {
    v1::offer::Operation {
        r#type: Some(v1::offer::operation::Type::Launch.into()),
        launch: Some(v1::offer::operation::Launch { task_infos: tasks }),
        ..Default::default()
    }
}

pub(crate) fn accept(offers: &[&v1::Offer], tasks: Vec<v1::TaskInfo>) -> Call {
    let accept = call::Accept {
        offer_ids: offers.iter().map(|offer| offer.id.clone()).collect(),
        operations: vec![launch(tasks)],
        filters: Some(v1::Filters { refuse_seconds: Some(0.0) }),
    };
    Call { accept: Some(accept), ..of_type(call::Type::Accept) }
}

pub(crate) fn decline(offers: &[&v1::Offer], seconds: f64) -> Call {
    let decline = call::Decline {
        offer_ids: offers.iter().map(|offer| offer.id.clone()).collect(),
        filters: Some(v1::Filters { refuse_seconds: Some(seconds) }),
    };
    Call { decline: Some(decline), ..of_type(call::Type::Decline) }
}

pub(crate) fn kill(task: &str, agent: Option<&v1::AgentId>) -> Call {
    let kill =
        call::Kill { task_id: task_id(task), agent_id: agent.cloned(), ..Default::default() };
    Call { kill: Some(kill), ..of_type(call::Type::Kill) }
}

pub(crate) fn reconcile(tasks: &[(&str, Option<&v1::AgentId>)]) -> Call {
    let tasks = tasks.iter().map(|(id, agent)| call::reconcile::Task {
        task_id: task_id(id),
        agent_id: agent.cloned(),
    });
    let reconcile = call::Reconcile { tasks: tasks.collect() };
    Call { reconcile: Some(reconcile), ..of_type(call::Type::Reconcile) }
}

pub(crate) fn acknowledge(status: &v1::TaskStatus) -> Call {
    let acknowledge = call::Acknowledge {
        agent_id: status.agent_id.clone().unwrap(),
        task_id: status.task_id.clone(),
        uuid: status.uuid.clone().expect("only what has a uuid is acknowledged"),
    };
    Call { acknowledge: Some(acknowledge), ..of_type(call::Type::Acknowledge) }
}

pub(crate) fn agent_id(id: &str) -> v1::AgentId {
    v1::AgentId { value: id.into() }
}

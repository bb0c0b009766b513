//! Whether a call is well formed, before anything is known of who calls.
//!
//! It owns the texts of the refusals (those of Mesos, which clients read) and must not know
//! frameworks, hosts or tasks.

use lathe_mesos::v1::{self, executor, scheduler};

/// What a duration of Mesos can hold: nanoseconds in 64 bits.
const LONGEST_SECONDS: f64 = 9.2e9;

/// The text after `Failed to validate scheduler::Call: `, or nothing when the call is well formed.
///
/// Sources: the answers of Mesos 1.11 (`validation.cpp` of its master, recorded transcripts).
pub fn check_scheduler_call(call: &scheduler::Call, principal: Option<&str>) -> Result<(), String> {
    use scheduler::call::Type;
    let kind = match call.r#type.map(Type::try_from) {
        // A kind that this version does not know reads as the first of the list: UNKNOWN.
        Some(Ok(kind)) => kind,
        Some(Err(_)) | None => return Err(expecting("type")),
    };
    if kind == Type::Subscribe {
        return check_subscribe(call, principal);
    }
    if call.framework_id.is_none() {
        return Err(expecting("framework_id"));
    }
    let missing = match kind {
        Type::Accept if call.accept.is_none() => "accept",
        Type::Decline if call.decline.is_none() => "decline",
        Type::AcceptInverseOffers if call.accept_inverse_offers.is_none() => {
            "accept_inverse_offers"
        }
        Type::DeclineInverseOffers if call.decline_inverse_offers.is_none() => {
            "decline_inverse_offers"
        }
        Type::Kill if call.kill.is_none() => "kill",
        Type::Shutdown if call.shutdown.is_none() => "shutdown",
        Type::Acknowledge if call.acknowledge.is_none() => "acknowledge",
        Type::AcknowledgeOperationStatus if call.acknowledge_operation_status.is_none() => {
            "acknowledge_operation_status"
        }
        Type::Reconcile if call.reconcile.is_none() => "reconcile",
        Type::ReconcileOperations if call.reconcile_operations.is_none() => "reconcile_operations",
        Type::Message if call.message.is_none() => "message",
        Type::Request if call.request.is_none() => "request",
        Type::UpdateFramework if call.update_framework.is_none() => "update_framework",
        _ => return check_contents(call, principal),
    };
    Err(expecting(missing))
}

fn check_subscribe(call: &scheduler::Call, principal: Option<&str>) -> Result<(), String> {
    let Some(subscribe) = &call.subscribe else {
        return Err(expecting("subscribe"));
    };
    let info = &subscribe.framework_info;
    if !same_id(info.id.as_ref(), call.framework_id.as_ref()) {
        return Err("'framework_id' differs from 'subscribe.framework_info.id'".to_owned());
    }
    check_principal(info, principal)
}

/// An id that is not there and an empty one are the same.
fn same_id(one: Option<&v1::FrameworkId>, other: Option<&v1::FrameworkId>) -> bool {
    let text = |id: Option<&v1::FrameworkId>| id.map_or(String::new(), |id| id.value.clone());
    text(one) == text(other)
}

fn check_principal(info: &v1::FrameworkInfo, principal: Option<&str>) -> Result<(), String> {
    match (principal, &info.principal) {
        (Some(who), Some(said)) if who != said => Err(format!(
            "Authenticated principal '{who}' does not match principal '{said}' set in \
             `FrameworkInfo`"
        )),
        _ => Ok(()),
    }
}

fn check_contents(call: &scheduler::Call, principal: Option<&str>) -> Result<(), String> {
    if let Some(acknowledge) = &call.acknowledge
        && !is_uuid(&acknowledge.uuid)
    {
        return Err("Not a valid UUID".to_owned());
    }
    if let Some(update) = &call.update_framework {
        if !same_id(update.framework_info.id.as_ref(), call.framework_id.as_ref()) {
            return Err("'framework_id' differs from 'update_framework.framework_info.id'".into());
        }
        check_principal(&update.framework_info, principal)?;
    }
    Ok(())
}

/// The text after `Failed to validate Executor::Call: `, or nothing when the call is well formed.
pub fn check_executor_call(call: &executor::Call) -> Result<(), String> {
    use executor::call::Type;
    let kind = match call.r#type.map(Type::try_from) {
        Some(Ok(kind)) => kind,
        Some(Err(_)) | None => return Err(expecting("type")),
    };
    match kind {
        Type::Subscribe => check_executor_subscribe(call),
        Type::Update => check_update(call),
        Type::Message if call.message.is_none() => Err(expecting("message")),
        _ => Ok(()),
    }
}

/// Mesos 1.11 looks at none of the updates here, and aborts when it meets a bad uuid later.
fn check_executor_subscribe(call: &executor::Call) -> Result<(), String> {
    let Some(subscribe) = &call.subscribe else {
        return Err(expecting("subscribe"));
    };
    let uuid = |update: &executor::call::Update| update.status.uuid.clone().unwrap_or_default();
    match subscribe.unacknowledged_updates.iter().all(|update| is_uuid(&uuid(update))) {
        true => Ok(()),
        false => Err("Not a valid UUID".to_owned()),
    }
}

/// Sixteen bytes of a version that Mesos knows: 1 to 5.
fn is_uuid(bytes: &[u8]) -> bool {
    bytes.len() == 16 && (1..=5).contains(&(bytes[6] >> 4))
}

fn check_update(call: &executor::Call) -> Result<(), String> {
    let Some(update) = &call.update else {
        return Err(expecting("update"));
    };
    let status = &update.status;
    let Some(uuid) = &status.uuid else {
        return Err(expecting("uuid"));
    };
    if !is_uuid(uuid) {
        return Err("Not a valid UUID".to_owned());
    }
    let caller = &call.executor_id.value;
    if let Some(named) = &status.executor_id
        && named.value != *caller
    {
        return Err(format!(
            "ExecutorID in Call: {caller} does not match ExecutorID in TaskStatus: {}",
            named.value
        ));
    }
    let from =
        || format!("Received Call from executor {caller} of framework {}", call.framework_id.value);
    if status.source.map(v1::task_status::Source::try_from)
        != Some(Ok(v1::task_status::Source::Executor))
    {
        return Err(format!("{} with invalid source, expecting 'SOURCE_EXECUTOR'", from()));
    }
    if status.state() == v1::TaskState::TaskStaging {
        return Err(format!("{} with TASK_STAGING, which is not allowed", from()));
    }
    Ok(())
}

fn expecting(field: &str) -> String {
    format!("Expecting '{field}' to be present")
}

/// Why a task, executor or framework id cannot be one.
pub(super) fn check_id(id: &str) -> Result<(), String> {
    if id.is_empty() {
        return Err("ID must not be empty".to_owned());
    }
    if id.len() > 255 {
        return Err("ID must not be greater than 255 characters".to_owned());
    }
    if id == "." || id == ".." {
        return Err(format!("'{id}' is disallowed"));
    }
    if id.chars().any(|c| c.is_ascii_control() || c == '/' || c == '\\') {
        return Err(format!("'{id}' contains invalid characters"));
    }
    Ok(())
}

/// Why a role's name cannot be one.
pub(super) fn check_role(role: &str) -> Result<(), String> {
    if role == "*" {
        return Ok(());
    }
    if role.is_empty() {
        return Err("Role names cannot be the empty string".to_owned());
    }
    let named = |what: &str| Err(format!("Role '{role}' {what}"));
    if role.starts_with('/') {
        return named("cannot start with a slash");
    }
    if role.ends_with('/') {
        return named("cannot end with a slash");
    }
    if role.contains("//") {
        return named("cannot contain two adjacent slashes");
    }
    for part in role.split('/') {
        match part {
            "." => return named("cannot include '.' as a component"),
            ".." => return named("cannot include '..' as a component"),
            "*" => return named("cannot include '*' as a component"),
            _ if part.starts_with('-') => return named("is invalid because it starts with a dash"),
            _ => {}
        }
    }
    if role.chars().any(|c| matches!(c, '\x08'..='\x0d' | ' ' | '\x7f')) {
        return named("is invalid because it contains backspace or whitespace");
    }
    Ok(())
}

/// Why a framework cannot be as it says (the text of the ERROR event).
#[expect(deprecated, reason = "frameworks without MULTI_ROLE still name their one role so")]
pub(super) fn check_framework(
    info: &v1::FrameworkInfo,
    suppressed: &[String],
) -> Result<(), String> {
    let multi_role = has_capability(info, v1::framework_info::capability::Type::MultiRole);
    if multi_role && info.role.is_some() {
        return Err(
            "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable".into(),
        );
    }
    if !multi_role && !info.roles.is_empty() {
        return Err("'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE \
                    capable"
            .to_owned());
    }
    let roles = roles_of(info);
    for (at, role) in roles.iter().enumerate() {
        check_role(role).map_err(|why| match multi_role {
            true => format!("'FrameworkInfo.roles' contains invalid role: {why}"),
            false => format!("'FrameworkInfo.role' is not a valid role: {why}"),
        })?;
        if roles[..at].contains(role) {
            return Err(format!("'FrameworkInfo.roles' contains duplicate items: {role}"));
        }
    }
    if let Some(id) = &info.id
        && !id.value.is_empty()
    {
        check_id(&id.value)?;
    }
    let timeout = info.failover_timeout();
    if !(-LONGEST_SECONDS..=LONGEST_SECONDS).contains(&timeout) {
        return Err(format!("The framework failover_timeout ({timeout}) is invalid"));
    }
    match suppressed.iter().find(|role| !roles.contains(role)) {
        Some(role) => {
            Err(format!("Suppressed role '{role}' is not contained in the list of roles"))
        }
        None => Ok(()),
    }
}

/// The roles that a framework subscribes to.
#[expect(deprecated, reason = "frameworks without MULTI_ROLE still name their one role so")]
pub(super) fn roles_of(info: &v1::FrameworkInfo) -> Vec<String> {
    if has_capability(info, v1::framework_info::capability::Type::MultiRole) {
        info.roles.clone()
    } else {
        vec![info.role.clone().unwrap_or_else(|| "*".to_owned())]
    }
}

/// Whether a framework declared a capability.
pub(super) fn has_capability(
    info: &v1::FrameworkInfo,
    wanted: v1::framework_info::capability::Type,
) -> bool {
    info.capabilities.iter().any(|capability| capability.r#type() == wanted)
}

#[cfg(test)]
mod tests;

//! Tests of the checks on calls.

use super::*;

#[test]
fn a_call_must_carry_what_its_type_says() {
    use scheduler::call::Type;
    let missing = |kind: Type| {
        let id = Some(v1::FrameworkId { value: "f".into() });
        let call =
            scheduler::Call { r#type: Some(kind.into()), framework_id: id, ..Default::default() };
        check_scheduler_call(&call, None).unwrap_err()
    };
    assert_eq!(missing(Type::Subscribe), "Expecting 'subscribe' to be present");
    assert_eq!(missing(Type::Accept), "Expecting 'accept' to be present");
    assert_eq!(missing(Type::UpdateFramework), "Expecting 'update_framework' to be present");
    let none = check_scheduler_call(&scheduler::Call::default(), None).unwrap_err();
    assert_eq!(none, "Expecting 'type' to be present");
    let anonymous = scheduler::Call { r#type: Some(Type::Revive.into()), ..Default::default() };
    assert_eq!(
        check_scheduler_call(&anonymous, None).unwrap_err(),
        "Expecting 'framework_id' to be present"
    );
    let unheard = scheduler::Call { r#type: Some(99), ..Default::default() };
    assert_eq!(check_scheduler_call(&unheard, None).unwrap_err(), "Expecting 'type' to be present");
}

#[test]
fn the_principal_must_be_the_authenticated_one() {
    let info = v1::FrameworkInfo { principal: Some("another".into()), ..Default::default() };
    let call = scheduler::Call {
        r#type: Some(scheduler::call::Type::Subscribe.into()),
        subscribe: Some(scheduler::call::Subscribe { framework_info: info, ..Default::default() }),
        ..Default::default()
    };
    assert_eq!(
        check_scheduler_call(&call, Some("fw")).unwrap_err(),
        "Authenticated principal 'fw' does not match principal 'another' set in `FrameworkInfo`"
    );
    assert!(check_scheduler_call(&call, Some("another")).is_ok());
}

#[test]
fn an_update_must_have_a_uuid_and_come_from_the_executor() {
    let mut call = executor::Call {
        r#type: Some(executor::call::Type::Update.into()),
        executor_id: v1::ExecutorId { value: "e1".into() },
        framework_id: v1::FrameworkId { value: "f".into() },
        update: Some(executor::call::Update::default()),
        ..Default::default()
    };
    assert_eq!(check_executor_call(&call).unwrap_err(), "Expecting 'uuid' to be present");
    let status = |call: &mut executor::Call, change: fn(&mut v1::TaskStatus)| {
        change(&mut call.update.as_mut().unwrap().status);
    };
    for wrong in [vec![0x40; 15], vec![1; 16], vec![0; 16], vec![0x60; 16]] {
        call.update.as_mut().unwrap().status.uuid = Some(wrong.into());
        assert_eq!(check_executor_call(&call).unwrap_err(), "Not a valid UUID");
    }
    status(&mut call, |s| s.uuid = Some(vec![0x40; 16].into()));
    assert_eq!(
        check_executor_call(&call).unwrap_err(),
        "Received Call from executor e1 of framework f with invalid source, expecting \
         'SOURCE_EXECUTOR'"
    );
    status(&mut call, |s| s.source = Some(v1::task_status::Source::Executor.into()));
    status(&mut call, |s| s.state = v1::TaskState::TaskRunning.into());
    assert!(check_executor_call(&call).is_ok());
    status(&mut call, |s| s.state = v1::TaskState::TaskStaging.into());
    assert!(check_executor_call(&call).is_err());
}

#[test]
fn ids_and_roles_are_checked_as_mesos_does() {
    assert!(check_id("http.lb#2.7").is_ok());
    for bad in ["", ".", "..", "a/b", "a\\b", "a\nb"] {
        assert!(check_id(bad).is_err(), "{bad:?}");
    }
    assert!(check_id(&"x".repeat(256)).is_err());
    assert!(check_role("*").is_ok() && check_role("a/b").is_ok());
    for bad in ["", "/a", "a/", "a//b", "a/../b", "-a", "a b", "a/*"] {
        assert!(check_role(bad).is_err(), "{bad:?}");
    }
}

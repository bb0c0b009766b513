//! SUBSCRIBE: what comes first, who wins, and who is refused.

use lathe_mesos::v1;
use lathe_mesos::v1::scheduler::{call, event};

use crate::framework::refused;
use crate::messages::{framework_info, of_type};
use crate::{Framework, Stage};

/// SUBSCRIBED, HEARTBEAT, and what they say.
pub async fn subscribed_comes_first_and_then_a_heartbeat(stage: &Stage) {
    let mut framework = Framework::quiet(stage).await;
    assert_eq!(framework.event().await.r#type(), event::Type::Heartbeat);
    assert!(!framework.id().value.is_empty());
    assert_eq!(framework.subscribed.heartbeat_interval_seconds, Some(15.0));
    let master = framework.subscribed.master_info.clone().unwrap();
    assert_eq!(master.version.as_deref(), Some("1.11.0"));
    let address = master.address.unwrap();
    assert_eq!(format!("{}:{}", address.ip(), address.port), stage.master());
    let other = Framework::new(stage).await;
    assert_ne!(other.id(), framework.id(), "without an id, always a new framework");
    assert_ne!(other.stream_id(), framework.stream_id());
}

/// A master that has failed over does not know its frameworks.
pub async fn an_id_that_nobody_knows_is_taken_at_its_word(stage: &Stage) {
    let id = v1::FrameworkId { value: "of-another-time-0001".into() };
    let info = v1::FrameworkInfo { id: Some(id.clone()), ..framework_info() };
    let framework = Framework::subscribe(stage, info).await;
    assert_eq!(framework.id(), id);
}

/// Its id is of no use any more.
pub async fn a_framework_that_was_torn_down_is_told_so(stage: &Stage) {
    let mut framework = Framework::new(stage).await;
    framework.call(of_type(call::Type::Teardown)).await;
    framework.ended().await;
    let said = refused(stage, framework.info.clone(), Vec::new()).await;
    assert_eq!(said, "Framework has been removed");
}

/// So it is for schedulers that fail over.
pub async fn the_second_subscriber_wins_and_the_first_is_told(stage: &Stage) {
    let mut first = Framework::new(stage).await;
    let offer = first.offer(0).await;
    let mut second = first.again(stage).await;
    assert_eq!(second.id(), first.id());
    assert_ne!(second.stream_id(), first.stream_id());
    assert_eq!(first.error().await, "Framework failed over");
    let again = second.offer(0).await;
    assert_ne!(again.id, offer.id, "offers of the old stream are gone");
}

/// They come on a stream, with a 200 before.
#[expect(deprecated, reason = "the field that must not be used is what is wrong here")]
pub async fn what_is_wrong_with_a_framework_is_an_error_event(stage: &Stage) {
    let roles = |roles: &[&str]| v1::FrameworkInfo {
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        ..framework_info()
    };
    for wrong in ["-a", "a b", "..", "a//b", "/a", ""] {
        let said = refused(stage, roles(&[wrong]), Vec::new()).await;
        assert!(said.contains("ole"), "{wrong}: {said}");
    }
    let said = refused(stage, roles(&["a", "a"]), Vec::new()).await;
    assert!(said.contains("duplicate"), "{said}");
    let said = refused(stage, roles(&["a"]), vec!["b".into()]).await;
    assert!(said.contains("Suppressed role 'b'"), "{said}");
    let single = v1::FrameworkInfo { role: Some("a".into()), ..framework_info() };
    let said = refused(stage, single, Vec::new()).await;
    assert!(said.contains("MULTI_ROLE"), "{said}");
    for timeout in [1e10, -1e10, 1e300] {
        let info = v1::FrameworkInfo { failover_timeout: Some(timeout), ..framework_info() };
        let said = refused(stage, info, Vec::new()).await;
        assert!(said.contains("failover_timeout"), "{timeout}: {said}");
    }
    let info = v1::FrameworkInfo { failover_timeout: Some(-1.0), ..framework_info() };
    Framework::subscribe(stage, info).await;
}

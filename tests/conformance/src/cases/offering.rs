//! Offers: what they hold, who gets them, and what happens to bad answers.

use lathe_mesos::v1;
use lathe_mesos::v1::TaskState;
use lathe_mesos::v1::scheduler::{Call, Event, call};
use lathe_mesos::v1::task_status::{Reason, Source};

use crate::messages::{
    accept, amount, decline, executor_info, framework_info, of_type, reconcile, scalar, task_id,
    task_info, text_of,
};
use crate::{Framework, Stage};

const AN_HOUR: f64 = 3600.0;

/// Everything that is free, with what is known of the agent.
pub async fn an_offer_has_what_one_agent_has_for_one_role(stage: &Stage) {
    let mut framework = Framework::new(stage).await;
    let mut agents = Vec::new();
    for agent in 0..2 {
        let offer = framework.offer(agent).await;
        for (name, wanted) in [("cpus", 4.0), ("mem", 4096.0), ("disk", 4096.0)] {
            let have = amount(&offer.resources, name);
            assert!((have - wanted).abs() < 1e-9, "{name}: {have}");
        }
        let ports = offer.resources.iter().find(|resource| resource.name == "ports").unwrap();
        assert!(!ports.ranges.as_ref().unwrap().range.is_empty());
        let role = |info: &Option<v1::resource::AllocationInfo>| info.clone().unwrap().role;
        for resource in &offer.resources {
            assert_eq!(role(&resource.allocation_info).as_deref(), Some("lathe"));
            assert!(resource.reservations.is_empty());
        }
        assert_eq!(role(&offer.allocation_info).as_deref(), Some("lathe"));
        assert_eq!(text_of(&offer.attributes, "rack"), Some(format!("r{}", agent + 1)));
        assert_eq!(offer.framework_id, framework.id());
        let url = offer.url.unwrap();
        assert_eq!(url.scheme, "http");
        assert_eq!(url.path.as_deref(), Some("/slave(1)"));
        assert!(url.address.port > 0 && url.address.ip.is_some());
        assert!(offer.executor_ids.is_empty());
        agents.push(offer.agent_id);
    }
    assert_ne!(agents[0], agents[1]);
}

fn offers(event: &Event) -> Option<()> {
    event.offers.as_ref().map(|_| ())
}

/// Hears everything that the master had to say until now.
pub(super) async fn hear_all(framework: &mut Framework) {
    framework.call(reconcile(&[("of-no-account", None)])).await;
    framework.update("of-no-account", TaskState::TaskUnknown).await;
}

/// A filter is a framework's own, and is gone after REVIVE.
pub async fn a_declined_agent_is_offered_to_others_and_again_after_a_revive(stage: &Stage) {
    let mut first = Framework::new(stage).await;
    let offer = first.offer(0).await;
    first.wait(offers).await;
    first.call(decline(&[&offer], AN_HOUR)).await;
    let mut second = Framework::new(stage).await;
    let theirs = second.offer(0).await;
    hear_all(&mut first).await;
    assert!(!first.has_heard(offers), "what was declined is not offered again");
    second.call(decline(&[&theirs], AN_HOUR)).await;
    first.call(of_type(call::Type::Revive)).await;
    let again = first.offer(0).await;
    assert_ne!(again.id, offer.id);
    assert_eq!(again.agent_id, offer.agent_id);
}

/// Suppressed from the start, by SUPPRESS, and no more after REVIVE.
pub async fn what_is_suppressed_is_not_offered_until_it_is_revived(stage: &Stage) {
    let mut first = Framework::new(stage).await;
    let offer = first.offer(0).await;
    first.wait(offers).await;
    first.call(of_type(call::Type::Suppress)).await;
    first.call(decline(&[&offer], 0.0)).await;
    let mut second = Framework::new(stage).await;
    let theirs = second.offer(0).await;
    hear_all(&mut first).await;
    assert!(!first.has_heard(offers), "a suppressed role is not offered anything");
    // Of an unknown role there is nothing to revive, and of several with a bad one nothing happens.
    let revive = call::Revive { roles: vec!["lathe".into(), "-bad".into()] };
    first.call(Call { revive: Some(revive), ..of_type(call::Type::Revive) }).await;
    second.call(decline(&[&theirs], 0.0)).await;
    second.wait(offers).await;
    second.wait(offers).await;
    hear_all(&mut first).await;
    assert!(!first.has_heard(offers), "a revive with a bad role is none");
    second.call(of_type(call::Type::Teardown)).await;
    first.call(of_type(call::Type::Revive)).await;
    first.offer(0).await;
}

/// The offers come back, with the filter of the call.
pub async fn an_accept_without_operations_is_a_decline(stage: &Stage) {
    let mut framework = Framework::new(stage).await;
    let offer = framework.offer(0).await;
    let nothing = call::Accept {
        offer_ids: vec![offer.id.clone()],
        operations: Vec::new(),
        filters: Some(v1::Filters { refuse_seconds: Some(0.0) }),
    };
    framework.call(Call { accept: Some(nothing), ..of_type(call::Type::Accept) }).await;
    let again = framework.offer(0).await;
    assert_ne!(again.id, offer.id);
    assert_eq!(again.resources.len(), offer.resources.len());
}

async fn is_dropped(framework: &mut Framework, task: &str) {
    let status = framework.update(task, TaskState::TaskDropped).await;
    assert_eq!(status.reason(), Reason::InvalidOffers, "{status:?}");
    assert_eq!(status.source(), Source::Master);
    assert!(status.uuid.is_none(), "what the master makes up has no uuid");
}

/// One bad offer spoils them all, and the good ones among them are used up.
pub async fn offers_that_are_not_good_drop_their_tasks(stage: &Stage) {
    let mut framework = Framework::new(stage).await;
    let one = framework.offer(0).await;
    let nobodys = v1::Offer { id: v1::OfferId { value: "nobody-O1".into() }, ..one.clone() };
    framework.call(accept(&[&nobodys], vec![task_info(&one, "unknown", "{}")])).await;
    is_dropped(&mut framework, "unknown").await;
    framework.call(accept(&[&one, &nobodys], vec![task_info(&one, "half", "{}")])).await;
    is_dropped(&mut framework, "half").await;
    let one = framework.offer(0).await;
    framework.call(accept(&[&one, &one], vec![task_info(&one, "twice", "{}")])).await;
    is_dropped(&mut framework, "twice").await;
    let one = framework.offer(0).await;
    let two = framework.offer(1).await;
    framework.call(accept(&[&one, &two], vec![task_info(&one, "mixed", "{}")])).await;
    is_dropped(&mut framework, "mixed").await;
    // Nothing is held against the agent afterwards.
    framework.run(0, "good").await;
}

async fn is_error(framework: &mut Framework, task: &str) -> String {
    let status = framework.update(task, TaskState::TaskError).await;
    assert_eq!(status.reason(), Reason::TaskInvalid, "{status:?}");
    assert_eq!(status.source(), Source::Master);
    assert!(status.uuid.is_none());
    status.message.unwrap()
}

/// It is said of each task by itself; the others are launched.
pub async fn a_task_that_cannot_be_is_an_error(stage: &Stage) {
    let mut framework = Framework::subscribe(stage, framework_info()).await;
    let other = framework.offer(1).await;
    framework.run(0, "alive").await;
    let offer = framework.offer(0).await;
    let fresh = |id: &str| task_info(&offer, id, "{}");

    let mut large = fresh("large");
    large.resources = vec![scalar("cpus", 400.0), scalar("mem", 32.0)];
    let mut executor = fresh("with-too-large-an-executor");
    executor.executor.as_mut().unwrap().resources = vec![scalar("mem", 1e6)];
    let mut nothing = fresh("for-nothing");
    nothing.resources = Vec::new();
    let mut neither = fresh("neither");
    neither.executor = None;
    let mut elsewhere = fresh("elsewhere");
    elsewhere.agent_id = other.agent_id.clone();
    let mut another = fresh("another-executor-of-the-name");
    another.executor =
        Some(v1::ExecutorInfo { name: Some("x".into()), ..executor_info("alive", None) });
    let mut slash = fresh("slash");
    slash.task_id = task_id("a/b");
    let twice = fresh("alive");
    let good = fresh("good");
    let tasks = vec![large, executor, nothing, neither, elsewhere, another, slash, twice, good];
    framework.call(accept(&[&offer], tasks)).await;
    let said = is_error(&mut framework, "large").await;
    assert!(said.contains("more than available"), "{said}");
    is_error(&mut framework, "with-too-large-an-executor").await;
    let said = is_error(&mut framework, "for-nothing").await;
    assert!(said.contains("no resources"), "{said}");
    is_error(&mut framework, "neither").await;
    let said = is_error(&mut framework, "elsewhere").await;
    assert!(said.contains("invalid agent"), "{said}");
    let said = is_error(&mut framework, "another-executor-of-the-name").await;
    assert!(said.contains("not compatible"), "{said}");
    is_error(&mut framework, "a/b").await;
    let said = is_error(&mut framework, "alive").await;
    assert!(said.contains("duplicate ID"), "{said}");
    framework.update("good", TaskState::TaskStarting).await;
    framework.update("good", TaskState::TaskRunning).await;
}

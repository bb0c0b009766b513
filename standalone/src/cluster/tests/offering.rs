//! Offers, refusals, suppression.

use super::*;

#[test]
fn an_offer_is_all_that_a_host_has_free_for_one_role() {
    let mut stage = Stage::subscribed();
    stage.add_host("h2");
    let offers = stage.offers();
    assert_eq!(offers.len(), 2);
    for offer in &offers {
        assert_eq!(cpus(offer), 2.0);
        assert_eq!(offer.allocation_info.as_ref().unwrap().role.as_deref(), Some("rec"));
        let names: Vec<_> = offer.resources.iter().map(|r| r.name.as_str()).collect();
        assert_eq!(names, ["ports", "cpus", "mem", "disk"]);
    }
    assert_eq!([&*offers[0].hostname, &*offers[1].hostname], ["h1", "h2"]);
}

#[test]
fn a_declined_offer_comes_again_when_its_filter_runs_out() {
    let mut stage = Stage::subscribed();
    let offer = stage.offers().remove(0);
    stage.call(decline_call(&offer, 10.0));
    stage.pass(9_999);
    assert_eq!(stage.offers(), []);
    stage.pass(1);
    assert_eq!(stage.offers().len(), 1);
}

#[test]
fn a_decline_without_a_filter_does_not_come_back_in_the_same_step() {
    let mut stage = Stage::subscribed();
    let offer = stage.offers().remove(0);
    stage.call(decline_call(&offer, 0.0));
    assert_eq!(stage.offers(), []);
    let at = stage.cluster.next_deadline().unwrap();
    assert_eq!(at, stage.now + 100);
    stage.pass(100);
    assert_eq!(stage.offers().len(), 1);
}

#[test]
fn revive_clears_filters_and_suppression_at_once() {
    let mut stage = Stage::subscribed();
    let offer = stage.offers().remove(0);
    stage.call(of_type(scheduler::call::Type::Suppress));
    stage.call(decline_call(&offer, 3600.0));
    stage.add_host("h2");
    assert_eq!(stage.offers(), []);
    assert_eq!(stage.call(of_type(scheduler::call::Type::Revive)), Answer::Accepted);
    assert_eq!(stage.offers().len(), 2);
}

#[test]
fn suppress_takes_no_offer_back() {
    let mut stage = Stage::subscribed();
    let offer = stage.offers().remove(0);
    stage.call(of_type(scheduler::call::Type::Suppress));
    assert_eq!(stage.kinds(), [""; 0]);
    stage.accept(&offer, vec![task(&offer, "t", "e")], 0.0);
    assert_eq!(stage.told_hosts().len(), 2);
}

#[test]
fn what_an_accept_leaves_comes_back_at_once_when_it_is_wanted() {
    let mut stage = Stage::subscribed();
    let offer = stage.offers().remove(0);
    stage.accept(&offer, vec![task(&offer, "t", "e")], 0.0);
    let rest = stage.offers();
    assert_eq!(rest.len(), 1);
    assert!((cpus(&rest[0]) - 1.4).abs() < 1e-9);
    assert_eq!(rest[0].executor_ids[0].value, "e");
}

#[test]
fn freed_resources_pass_through_a_filter_for_the_rest() {
    let (mut stage, _) = Stage::running();
    let rest = {
        stage.call(of_type(scheduler::call::Type::Revive));
        stage.offers()
    };
    assert_eq!(rest, [], "the rest is out already");
    let id = stage.cluster.offers.keys().next().unwrap().clone();
    let out = v1::Offer { id: v1::OfferId { value: id }, ..Default::default() };
    stage.call(decline_call(&out, 3600.0));
    assert_eq!(stage.offers(), []);
    stage.executor_says("t", TaskState::TaskFinished, 2);
    let offers = stage.offers();
    assert_eq!(offers.len(), 1);
    assert!((cpus(&offers[0]) - 1.9).abs() < 1e-9, "all but the executor");
}

#[test]
fn a_framework_that_goes_away_leaves_its_offers_to_the_next() {
    let mut stage = Stage::subscribed();
    let first = stage.stream.clone().unwrap();
    stage.out.clear();
    let second = stage.subscribe(framework_info());
    assert_eq!(stage.kinds(), ["SUBSCRIBED", "HEARTBEAT"]);
    stage.step(Event::StreamClosed { stream: first });
    assert!(stage.out.iter().any(|command| matches!(command, Command::Send { stream, event }
        if *stream == second && event.offers.is_some())));
}

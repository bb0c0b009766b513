//! How the balancer spreads, and what it says when it cannot.

use lathe::http::{HTTPRequest, HTTPResponse, HTTPResult, HTTPTask};
use lathe::json;
use lathe::testing::{self, TestTask};

use super::{LoadBalancer, gethost};

/// Answers with its name.
struct Page(&'static str);

impl HTTPTask for Page {
    async fn handle(&self, request: HTTPRequest) -> HTTPResult {
        match request.path() {
            ["get", "index"] => Ok(HTTPResponse::new(200, self.0)),
            _ => Ok(HTTPResponse::new(400, "invalid request")),
        }
    }
}

#[test]
fn requests_reach_each_version_about_as_often_as_its_weight_says() {
    testing::run(async {
        let (old, new) = (TestTask::start(Page("old")).await, TestTask::start(Page("new")).await);
        let balancer = TestTask::with(LoadBalancer)
            .own_key("backend_distribution", json!([["task.page.old", "task.page.new"], [80, 20]]))
            .group("task.page.old", [old.address()])
            .group("task.page.new", [new.address()])
            .start()
            .await;
        let mut counts = [0, 0];
        for _ in 0..500 {
            let answer = balancer.get("/index").await;
            counts[usize::from(answer.text() == "new")] += 1;
        }
        // Seven standard deviations around 100.
        assert!((37..=163).contains(&counts[1]), "{counts:?}");
        assert_eq!(balancer.get("/other").await.status(), 400);
    });
}

#[test]
fn a_changed_weight_holds_from_the_next_request_on() {
    testing::run(async {
        let (old, new) = (TestTask::start(Page("old")).await, TestTask::start(Page("new")).await);
        let paths = ["task.page.old", "task.page.new"];
        let balancer = TestTask::with(LoadBalancer)
            .own_key("backend_distribution", json!([paths, [1, 0]]))
            .group("task.page.old", [old.address()])
            .group("task.page.new", [new.address()])
            .start()
            .await;
        for _ in 0..20 {
            assert_eq!(balancer.get("/index").await.text(), "old");
        }
        balancer.set_own_key("backend_distribution", json!([paths, [0, 1]]));
        for _ in 0..20 {
            assert_eq!(balancer.get("/index").await.text(), "new");
        }
    });
}

#[test]
fn no_instance_is_503_and_no_distribution_is_500() {
    testing::run(async {
        let balancer = TestTask::with(LoadBalancer)
            .own_key("backend_distribution", json!([["task.page.old"], [1]]))
            .start()
            .await;
        assert_eq!(balancer.get("/index").await.status(), 503);
        let unset = TestTask::start(LoadBalancer).await;
        assert_eq!(unset.get("/index").await.status(), 500);
    });
}

#[test]
fn the_choice_names_groups_without_the_leading_word() {
    let own = json!([["task.page.old", "task.page.new"], [0, 7]]);
    testing::within([("backend_distribution", own)], || {
        assert_eq!(gethost().unwrap().name(), "page.new");
    });
}

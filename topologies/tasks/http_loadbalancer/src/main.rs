//! A load balancer: spreads requests over the versions of the front page by weight.

use lathe::config::{LookupError, registry};
use lathe::http::{HTTPRequest, HTTPResult, HTTPTask};
use lathe::random;
use lathe::task::TaskRef;

fn gethost() -> Result<TaskRef, LookupError> {
    let destinations = registry().lookup_tasks("backend_distribution")?;
    let mut index = random::below(destinations.total());
    for (task, weight) in &destinations {
        if index < *weight {
            return Ok(registry().get_ref(task)); // cached here, filled on first use, kept fresh
        }
        index -= weight;
    }
    unreachable!("the index is below the sum of the weights")
}

struct LoadBalancer;

impl HTTPTask for LoadBalancer {
    async fn handle(&self, request: HTTPRequest) -> HTTPResult {
        request.forward(gethost()?).await
    }
}

lathe::tasks! { "my::LoadBalancer" => LoadBalancer }

#[cfg(test)]
mod tests;

//! What is looked up by DNS: the copy, however old it is.

use std::sync::Arc;

use lathe_catalog::Entry;
use lathe_dns::{Known, Source};

use crate::driver::State;
use crate::follower::Follower;
use crate::metrics::Metrics;

/// The copy at a moment.
struct At<'f>(&'f Follower, u64);

impl Known for At<'_> {
    fn is_known(&self) -> bool {
        !self.0.copy().history().is_empty()
    }

    fn age_ms(&self) -> u64 {
        self.0.age_ms(self.1)
    }

    fn version(&self) -> u64 {
        self.0.copy().version()
    }

    fn groups(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        Box::new(self.0.copy().groups().keys().map(String::as_str))
    }

    fn members(&self, group: &str) -> Option<Vec<&Entry>> {
        self.0.copy().groups().get(group).map(|view| view.entries.iter().collect())
    }
}

/// The copy for questions by DNS.
#[derive(Debug)]
pub(crate) struct Names {
    pub(crate) state: Arc<State>,
    pub(crate) metrics: Metrics,
}

impl Source for Names {
    fn look(&self, show: &mut dyn FnMut(&dyn Known)) {
        let now_ms = self.state.now_ms();
        show(&At(&self.state.read(), now_ms));
    }

    fn answered(&self, code: &'static str) {
        self.metrics.dns_answered(code);
    }

    fn dropped(&self) {
        self.metrics.dns_dropped.inc();
    }
}

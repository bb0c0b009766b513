//! What is looked up by DNS: the catalog as this registry knows it.

use std::sync::Arc;

use lathe_catalog::Entry;
use lathe_dns::{Known, Source};

use crate::directory::Directory;
use crate::driver::Kept;
use crate::metrics::Metrics;

/// The catalog at a moment.
pub(crate) struct At<'d>(pub(crate) &'d Directory, pub(crate) u64);

impl Known for At<'_> {
    fn is_known(&self) -> bool {
        self.0.is_listed()
    }

    fn age_ms(&self) -> u64 {
        self.0.age_ms(self.1)
    }

    fn version(&self) -> u64 {
        self.0.catalog().commit()
    }

    fn groups(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        Box::new(self.0.catalog().changed_since(0))
    }

    fn members(&self, group: &str) -> Option<Vec<&Entry>> {
        let catalog = self.0.catalog();
        catalog.group_name(group).map(|group| catalog.members(group).collect())
    }
}

/// The catalog for questions by DNS.
#[derive(Debug)]
pub(crate) struct Names {
    pub(crate) kept: Arc<Kept>,
    pub(crate) metrics: Metrics,
}

impl Source for Names {
    fn look(&self, show: &mut dyn FnMut(&dyn Known)) {
        let now_ms = self.kept.clock.now().ms;
        show(&At(&self.kept.read(), now_ms));
    }

    fn answered(&self, code: &'static str) {
        self.metrics.dns_answered(code);
    }

    fn dropped(&self) {
        self.metrics.dns_dropped.inc();
    }
}

//! Figures of one task's process, as Prometheus reads them.
//!
//! Owns the counters and their text. It must not know who counts.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::context::Context;

/// Buckets of answering times: the first ends at 64 µs, each next one at twice that, the last at
/// 33 s; powers of two, because their place is found without a search.
const BUCKETS: usize = 20;
/// The power of two, in microseconds, at which the first bucket ends.
const FIRST: u32 = 6;

/// One answer in so many is timed: reading the clock costs more than all counting.
const SAMPLED: u64 = 8;

/// What is counted.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    pub(crate) connections: AtomicU64,
    pub(crate) panics: AtomicU64,
    pub(crate) timeouts: AtomicU64,
    pub(crate) forwards: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) connects: AtomicU64,
    pub(crate) connect_failures: AtomicU64,
    pub(crate) streams: AtomicU64,
    pub(crate) stream_events: AtomicU64,
    answers: [AtomicU64; 6],
    slower: [AtomicU64; BUCKETS + 1],
    micros: AtomicU64,
}

impl Metrics {
    /// Counts an answer; the time is taken for the first of its kind and for each eighth after.
    pub(crate) fn answered(&self, status: u16, came: Instant) {
        let class = usize::from(status / 100).min(5);
        let before = self.answers[class].fetch_add(1, Ordering::Relaxed);
        if before.is_multiple_of(SAMPLED) {
            self.took(came.elapsed());
        }
    }

    #[inline(never)]
    fn took(&self, time: Duration) {
        let micros = u64::from(time.subsec_micros()) + time.as_secs() * 1_000_000;
        self.slower[bucket(micros)].fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// The text of `/.lathe/metrics`.
    pub(crate) fn render(&self, context: &Context, in_flight: u64) -> String {
        let mut out = String::with_capacity(2_048);
        // Writing into a string does not fail.
        let _ = self.write(&mut out, context, in_flight);
        out
    }

    fn write(&self, out: &mut String, context: &Context, in_flight: u64) -> std::fmt::Result {
        let who = &context.instance;
        out.push_str("# TYPE lathe_task_info gauge\n");
        write!(out, "lathe_task_info{{task={:?},instance={:?}", who.task, who.instance)?;
        writeln!(out, ",crate={:?},version={:?}}} 1", who.crate_name, who.version)?;
        out.push_str("# TYPE lathe_http_requests_total counter\n");
        for (class, count) in self.answers.iter().enumerate().skip(1) {
            let count = count.load(Ordering::Relaxed);
            writeln!(out, "lathe_http_requests_total{{status=\"{class}xx\"}} {count}")?;
        }
        out.push_str("# TYPE lathe_http_requests_in_flight gauge\n");
        writeln!(out, "lathe_http_requests_in_flight {in_flight}")?;
        out.push_str("# HELP lathe_http_request_duration_seconds One request in eight.\n");
        out.push_str("# TYPE lathe_http_request_duration_seconds histogram\n");
        let mut sum = 0;
        for (count, power) in self.slower.iter().zip(FIRST..).take(BUCKETS) {
            sum += count.load(Ordering::Relaxed);
            let end = Duration::from_micros(1 << power).as_secs_f64();
            writeln!(out, "lathe_http_request_duration_seconds_bucket{{le=\"{end}\"}} {sum}")?;
        }
        sum += self.slower[BUCKETS].load(Ordering::Relaxed);
        writeln!(out, "lathe_http_request_duration_seconds_bucket{{le=\"+Inf\"}} {sum}")?;
        let seconds = Duration::from_micros(self.micros.load(Ordering::Relaxed)).as_secs_f64();
        writeln!(out, "lathe_http_request_duration_seconds_sum {seconds}")?;
        writeln!(out, "lathe_http_request_duration_seconds_count {sum}")?;
        let totals = [
            ("lathe_http_connections_total", &self.connections),
            ("lathe_http_panics_total", &self.panics),
            ("lathe_http_timeouts_total", &self.timeouts),
            ("lathe_forward_requests_total", &self.forwards),
            ("lathe_forward_retries_total", &self.retries),
            ("lathe_forward_connects_total", &self.connects),
            ("lathe_forward_connect_failures_total", &self.connect_failures),
            ("lathe_registry_streams_total", &self.streams),
            ("lathe_registry_events_total", &self.stream_events),
        ];
        for (name, count) in totals {
            writeln!(out, "# TYPE {name} counter\n{name} {}", count.load(Ordering::Relaxed))?;
        }
        Ok(())
    }
}

/// The first bucket that ends at or after this.
fn bucket(micros: u64) -> usize {
    let power = u64::BITS - micros.saturating_sub(1).leading_zeros();
    usize::try_from(power.saturating_sub(FIRST)).unwrap_or(BUCKETS).min(BUCKETS)
}

#[cfg(test)]
mod tests {
    //! Times fall into the bucket that holds them.

    use super::{BUCKETS, bucket};

    #[test]
    fn a_bucket_holds_its_upper_end() {
        for (micros, expected) in [(0, 0), (1, 0), (64, 0), (65, 1), (128, 1), (129, 2)] {
            assert_eq!(bucket(micros), expected, "{micros}");
        }
        assert_eq!(bucket(64 << (BUCKETS - 1)), BUCKETS - 1);
        assert_eq!(bucket((64 << (BUCKETS - 1)) + 1), BUCKETS);
        assert_eq!(bucket(u64::MAX), BUCKETS);
    }
}

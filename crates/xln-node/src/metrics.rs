//! The node's own gauges for `/metrics`, as Prometheus text: how long inputs take from the door to applied, how far log and chain are.

use crate::shared::Shared;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper ends of the buckets, in microseconds: 2⁴ to 2²³, which is 16 µs to 8.4 s.
const BUCKETS: std::ops::RangeInclusive<u32> = 4..=23;

/// Counts durations by powers of two.
#[derive(Debug)]
pub struct Histogram {
    buckets: Vec<AtomicU64>,
    sum_us: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Histogram {
        let buckets = std::iter::repeat_with(AtomicU64::default).take(BUCKETS.count() + 1).collect();
        Histogram { buckets, sum_us: AtomicU64::default() }
    }
}

impl Histogram {
    /// Counts a duration that `times` inputs took.
    pub fn note(&self, took: Duration, times: u64) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let place = BUCKETS.clone().position(|power| us <= 1 << power).unwrap_or(BUCKETS.count());
        if let Some(bucket) = self.buckets.get(place) {
            bucket.fetch_add(times, Ordering::Relaxed);
        }
        self.sum_us.fetch_add(us.saturating_mul(times), Ordering::Relaxed);
    }

    fn render(&self, name: &str, help: &str, text: &mut String) {
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} histogram\n");
        let mut count = 0;
        for (bucket, power) in self.buckets.iter().zip(BUCKETS.map(Some).chain([None])) {
            count += bucket.load(Ordering::Relaxed);
            let _ = match power {
                Some(power) => writeln!(text, "{name}_bucket{{le=\"{}\"}} {count}", seconds(1 << power)),
                None => writeln!(text, "{name}_bucket{{le=\"+Inf\"}} {count}"),
            };
        }
        let _ = writeln!(text, "{name}_sum {}", seconds(self.sum_us.load(Ordering::Relaxed)));
        let _ = writeln!(text, "{name}_count {count}");
    }
}

/// Microseconds as decimal seconds.
fn seconds(us: u64) -> String {
    format!("{}.{:06}", us / 1_000_000, us % 1_000_000)
}

/// All of it.
pub(crate) fn render(shared: &Shared) -> String {
    let mut text = String::new();
    let help = "From the door to applied, signatures checked before: at most this long.";
    shared.processed.render("xln_processed_seconds", help, &mut text);
    let (block, channels) = {
        let server = shared.server();
        (server.sealed_number(), server.channels().count())
    };
    let applied = shared.applied.load(Ordering::Acquire);
    for (name, kind, help, value) in [
        ("xln_block", "counter", "The last sealed block.", block),
        ("xln_channels", "gauge", "Channels, those that are over included.", channels as u64),
        ("xln_log_records", "counter", "Records of the log that are applied.", applied),
        ("xln_log_failed", "gauge", "1 once the log can't be written.", u64::from(shared.has_failed())),
    ] {
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_counted_below_their_bucket() {
        let histogram = Histogram::default();
        histogram.note(Duration::from_micros(16), 2);
        histogram.note(Duration::from_micros(17), 1);
        histogram.note(Duration::from_secs(3600), 1);
        let mut text = String::new();
        histogram.render("x", "h", &mut text);
        assert!(text.contains("x_bucket{le=\"0.000016\"} 2\n"), "{text}");
        assert!(text.contains("x_bucket{le=\"0.000032\"} 3\n"), "{text}");
        assert!(text.contains("x_bucket{le=\"8.388608\"} 3\n"), "{text}");
        assert!(text.contains("x_bucket{le=\"+Inf\"} 4\n") && text.contains("x_count 4\n"), "{text}");
    }
}

//! Percentiles of what was measured.

use std::time::{Duration, Instant};

/// Measurements, in one unit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    /// Nothing measured yet.
    pub(crate) const fn none() -> Samples {
        Samples(Vec::new())
    }

    /// One more, in milliseconds.
    pub(crate) fn note(&mut self, took: Duration) {
        self.0.push(took.as_secs_f64() * 1000.0);
    }

    /// One more, since then.
    pub(crate) fn since(&mut self, start: Instant) {
        self.note(start.elapsed());
    }

    /// One more, as a number.
    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// The value at or below which so many in a thousand lie; 0 without samples.
    pub(crate) fn percentile(&self, per_mille: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let place = (per_mille * sorted.len()).div_ceil(1000);
        sorted.get(place.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or(0.0)
    }

    /// The middle one.
    pub(crate) fn median(&self) -> f64 {
        self.percentile(500)
    }

    /// The largest.
    pub(crate) fn max(&self) -> f64 {
        self.percentile(1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let samples = Samples((1..=1000).map(f64::from).collect());
        assert_eq!((samples.median(), samples.percentile(999), samples.max()), (500.0, 999.0, 1000.0));
        assert_eq!(Samples::default().median(), 0.0);
    }
}

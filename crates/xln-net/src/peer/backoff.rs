//! How long to wait before dialing again: twice as long each time, between bounds, with jitter so that nodes that lost each other at
//! one moment don't come back at one moment. The same seed gives the same waits.

use std::time::Duration;

use crate::peer::limits::ms;

#[derive(Debug)]
pub(crate) struct Backoff {
    min_ms: u64,
    max_ms: u64,
    next_ms: u64,
    seed: u64,
}

impl Backoff {
    pub(crate) fn new(min_ms: u64, max_ms: u64, seed: u64) -> Backoff {
        let (min_ms, max_ms) = (min_ms.max(1), max_ms.max(min_ms).max(1));
        Backoff { min_ms, max_ms, next_ms: min_ms, seed }
    }

    /// The next wait: between half and all of the current step.
    pub(crate) fn wait(&mut self) -> Duration {
        let step_ms = self.next_ms;
        self.next_ms = step_ms.saturating_mul(2).min(self.max_ms);
        let half_ms = step_ms / 2;
        ms(half_ms + self.random() % (step_ms - half_ms + 1))
    }

    /// Starts over.
    pub(crate) fn reset(&mut self) {
        self.next_ms = self.min_ms;
    }

    /// Nothing will change soon: the longest step.
    pub(crate) fn rest(&mut self) {
        self.next_ms = self.max_ms;
    }

    /// SplitMix64: a counter, well mixed.
    fn random(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.seed ^ (self.seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_bound_with_jitter_from_the_seed() {
        let waits = |seed| {
            let mut backoff = Backoff::new(100, 1_000, seed);
            (0..8).map(|_| backoff.wait().as_millis()).collect::<Vec<_>>()
        };
        assert_eq!(waits(7), waits(7));
        assert_ne!(waits(7), waits(8));
        for (wait, step) in waits(7).into_iter().zip([100, 200, 400, 800, 1_000, 1_000, 1_000, 1_000]) {
            assert!((step / 2..=step).contains(&wait), "{wait} of {step}");
        }
    }

    #[test]
    fn a_reset_starts_over_and_a_rest_is_long() {
        let mut backoff = Backoff::new(100, 1_000, 1);
        backoff.rest();
        assert!(500 <= backoff.wait().as_millis());
        backoff.reset();
        assert!(backoff.wait().as_millis() <= 100);
        assert!(Backoff::new(0, 0, 1).wait().as_millis() <= 1);
        assert!(Backoff::new(u64::MAX, u64::MAX, 1).wait() <= ms(u64::MAX));
    }
}

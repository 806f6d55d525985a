//! A token bucket that first slows and then gives up: how much a peer may send, in bytes or messages. Pure; the caller's clock counts
//! microseconds from any start.
//!
//! Who takes more than is there goes into debt and waits until it is paid: that holds the rate exactly. Who has been at it for longer than
//! the bound, without the bucket ever having been half full again, isn't busy but a flood.

use std::time::Duration;

const US_PER_S: i128 = 1_000_000;

/// Rate, burst and patience of a [`Bucket`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Tokens that come each second; at least 1 counts.
    pub per_s: u64,
    /// Most tokens that gather.
    pub burst: u64,
}

/// What a taker has to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Go,
    /// Wait so long before taking more.
    Pause(Duration),
    /// It was over its rate for too long.
    Flood,
}

#[derive(Debug)]
pub(crate) struct Bucket {
    allowance: Allowance,
    over_us_max: u64,
    /// Tokens times 10⁶; below 0 is debt.
    level: i128,
    filled_at_us: u64,
    /// Since when the taker is over its rate.
    over_since_us: Option<u64>,
}

impl Bucket {
    /// A full bucket.
    pub(crate) fn new(allowance: Allowance, over_ms_max: u64, now_us: u64) -> Bucket {
        let over_us_max = over_ms_max.saturating_mul(1000);
        let mut bucket = Bucket { allowance, over_us_max, level: 0, filled_at_us: now_us, over_since_us: None };
        bucket.level = bucket.full();
        bucket
    }

    fn full(&self) -> i128 {
        i128::from(self.allowance.burst) * US_PER_S
    }

    fn per_s(&self) -> i128 {
        i128::from(self.allowance.per_s.max(1))
    }

    /// Takes tokens that were used up already.
    pub(crate) fn take(&mut self, now_us: u64, tokens: u64) -> Verdict {
        let passed_us = now_us.saturating_sub(self.filled_at_us);
        self.filled_at_us = self.filled_at_us.max(now_us);
        let come = self.per_s().saturating_mul(i128::from(passed_us));
        self.level = self.level.saturating_add(come).min(self.full());
        if self.full() <= 2 * self.level {
            self.over_since_us = None;
        }
        self.level -= i128::from(tokens) * US_PER_S;
        if 0 <= self.level {
            return Verdict::Go;
        }
        let since_us = *self.over_since_us.get_or_insert(now_us);
        if self.over_us_max < now_us.saturating_sub(since_us) {
            return Verdict::Flood;
        }
        let debt_us = (-self.level).unsigned_abs().div_ceil(self.per_s().unsigned_abs());
        Verdict::Pause(Duration::from_micros(u64::try_from(debt_us).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_US: u64 = 1_000_000;

    fn bucket() -> Bucket {
        Bucket::new(Allowance { per_s: 100, burst: 200 }, 5_000, 0)
    }

    /// What follows from taking `tokens` at `at_ms`, in turn.
    fn check(steps: &[(u64, u64, Verdict)]) {
        let mut bucket = bucket();
        for (step, (at_ms, tokens, verdict)) in steps.iter().enumerate() {
            assert_eq!(bucket.take(at_ms * 1000, *tokens), *verdict, "step {step}");
        }
    }

    const fn pause(ms: u64) -> Verdict {
        Verdict::Pause(Duration::from_millis(ms))
    }

    #[test]
    fn a_burst_goes_and_a_debt_waits_until_it_is_paid() {
        check(&[
            (0, 200, Verdict::Go),
            (0, 1, pause(10)),
            (0, 1, pause(20)),
            (20, 0, Verdict::Go),
            (20, 50, pause(500)),
        ]);
        check(&[(0, 250, pause(500)), (500, 1, pause(10)), (10_500, 200, Verdict::Go)]);
        check(&[(0, 200, Verdict::Go), (1_000_000, 200, Verdict::Go), (1_000_000, 1, pause(10))]);
    }

    #[test]
    fn who_is_over_for_too_long_is_a_flood() {
        let steady = |second: u64, verdict| (second * 1000, if second == 0 { 300 } else { 100 }, verdict);
        let mut steps: Vec<_> = (0..=5).map(|second| steady(second, pause(1000))).collect();
        steps.push(steady(6, Verdict::Flood));
        check(&steps);
        let mut bucket = bucket();
        let (mut now_us, mut taken) = (0, 0);
        while let Verdict::Go | Verdict::Pause(_) = {
            let verdict = bucket.take(now_us, 100);
            taken += 100;
            if let Verdict::Pause(pause) = verdict {
                now_us += u64::try_from(pause.as_micros()).expect("small");
            }
            verdict
        } {}
        assert!((5 * SECOND_US..7 * SECOND_US).contains(&now_us), "{now_us}");
        // The burst and the rate, and nothing more than the last.
        assert!(taken <= 200 + 100 * now_us / SECOND_US + 100, "{taken} in {now_us} us");
    }

    #[test]
    fn who_was_half_full_again_starts_anew() {
        let mut bucket = bucket();
        for second in 0..100_u64 {
            assert_ne!(bucket.take(second * 3 * SECOND_US, 250), Verdict::Flood, "{second}");
        }
    }

    #[test]
    fn no_numbers_overflow_and_a_rate_of_zero_is_one() {
        let most = Allowance { per_s: u64::MAX, burst: u64::MAX };
        let mut bucket = Bucket::new(most, u64::MAX, 0);
        assert_eq!(bucket.take(u64::MAX, u64::MAX), Verdict::Go);
        assert_eq!(bucket.take(0, 1), Verdict::Pause(Duration::from_micros(1)));
        let mut none = Bucket::new(Allowance { per_s: 0, burst: 0 }, 0, 0);
        assert_eq!(none.take(0, 2), pause(2000));
        assert_eq!(none.take(1, 2), Verdict::Flood);
    }
}

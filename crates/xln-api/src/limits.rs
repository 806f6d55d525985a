//! Bounds on what one caller may ask: token buckets by account and by address, in bounded memory (PRD 4.6.2).

use crate::error::{ApiError, Code};
use crate::lock;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use xln_types::Address;

/// Most buckets remembered in each of two generations; one that is forgotten starts full again.
const BUCKETS_MAX: usize = 65_536;
/// Thousandths of a request, so that a bucket refills by the millisecond.
const MILLI: u64 = 1000;

/// How fast one caller may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests that a second adds.
    pub per_s: u64,
    /// Requests that may come at once.
    pub burst: u64,
}

/// The rates in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Of one account, over all its connections.
    pub account: Rate,
    /// Of one network address.
    pub address: Rate,
    /// Logins from one network address: each costs a signature.
    pub login: Rate,
}

impl Default for Rates {
    fn default() -> Self {
        Rates {
            account: Rate { per_s: 50_000, burst: 100_000 },
            address: Rate { per_s: 100_000, burst: 200_000 },
            login: Rate { per_s: 500, burst: 20_000 },
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Account(Address),
    Address(IpAddr),
    Login(IpAddr),
}

#[derive(Clone, Copy)]
struct Bucket {
    milli: u64,
    at_ms: u64,
}

/// The buckets.
pub(crate) struct Limiter {
    rates: Rates,
    buckets: Mutex<(HashMap<Key, Bucket>, HashMap<Key, Bucket>)>,
}

impl Limiter {
    pub(crate) fn new(rates: Rates) -> Limiter {
        Limiter { rates, buckets: Mutex::default() }
    }

    /// Counts one request of an account.
    pub(crate) fn account(&self, account: Address, now_ms: u64) -> Result<(), ApiError> {
        self.take(Key::Account(account), self.rates.account, now_ms)
    }

    /// Counts one request from a network address.
    pub(crate) fn address(&self, address: IpAddr, now_ms: u64) -> Result<(), ApiError> {
        self.take(Key::Address(address), self.rates.address, now_ms)
    }

    /// Counts one login from a network address.
    pub(crate) fn login(&self, address: IpAddr, now_ms: u64) -> Result<(), ApiError> {
        self.take(Key::Login(address), self.rates.login, now_ms)
    }

    fn take(&self, key: Key, rate: Rate, now_ms: u64) -> Result<(), ApiError> {
        let full = rate.burst.saturating_mul(MILLI);
        let mut buckets = lock(&self.buckets);
        let (young, old) = &mut *buckets;
        let known = young.get(&key).or_else(|| old.get(&key)).copied();
        let bucket = known.unwrap_or(Bucket { milli: full, at_ms: now_ms });
        let gained = now_ms.saturating_sub(bucket.at_ms).saturating_mul(rate.per_s);
        let milli = bucket.milli.saturating_add(gained).min(full);
        let left = milli.checked_sub(MILLI);
        if BUCKETS_MAX <= young.len() && !young.contains_key(&key) {
            *old = std::mem::take(young);
        }
        young.insert(key, Bucket { milli: left.unwrap_or(milli), at_ms: now_ms.max(bucket.at_ms) });
        match left {
            Some(_) => Ok(()),
            None => {
                Err(ApiError::new(Code::RateLimited, "rate_limited", "too many requests").with("expected", rate.per_s))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let rate = Rate { per_s: 2, burst: 3 };
        let limiter = Limiter::new(Rates { account: rate, address: rate, login: rate });
        let (one, other) = (Address([1; 20]), Address([2; 20]));
        for _ in 0..3 {
            assert_eq!(limiter.account(one, 1000), Ok(()));
        }
        let refused = limiter.account(one, 1000).expect_err("empty");
        assert_eq!((refused.code, refused.retry_after_s), (Code::RateLimited, Some(1)));
        assert_eq!(limiter.account(other, 1000), Ok(()), "each has its own");
        assert!(limiter.account(one, 1499).is_err());
        assert_eq!(limiter.account(one, 1500), Ok(()));
        assert!(limiter.account(one, 1500).is_err());
        assert_eq!(limiter.account(one, 1000), limiter.account(one, 1000), "a clock that goes back gives nothing");
    }
}

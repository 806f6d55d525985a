//! What an audit answers: violations, each naming its law, and the sums of **CH-13**.

use xln_types::{AssetId, Hash};

/// Most violations kept; what comes after is counted only. One fault early in a log shows in many places after it.
pub const VIOLATIONS_MAX: usize = 100;

/// A broken law.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The law's number, as in `docs/spec`.
    pub law: &'static str,
    /// Where: block, receipt, record.
    pub at: String,
    /// What the law asks for.
    pub expected: String,
    /// What the log says.
    pub found: String,
}

/// One asset's sums, in base units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetSum {
    /// Its id.
    pub asset: AssetId,
    /// Its symbol; empty when an asset was moved that nobody registered.
    pub symbol: String,
    /// Free reserves of all entities, and what waits for entities not yet created. Negative only while the chain and the hub
    /// both have something in flight.
    pub reserves: i128,
    /// Locked in the channels of this hub.
    pub collateral: i128,
    /// On its way into channels or out of the depositary.
    pub pending: i128,
    /// What the depositary holds by the logged facts: deposited less withdrawn.
    pub depositary: i128,
    /// What those facts say lies in channels that this hub doesn't know: `reserves + collateral + pending + elsewhere` is
    /// `depositary`, and `elsewhere` is never negative (CH-13's *at most*).
    pub elsewhere: i128,
}

/// The outcome of an audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// True when no law is broken.
    pub ok: bool,
    /// Blocks read.
    pub blocks: u64,
    /// Entries sealed in them, but for the genesis.
    pub transactions: u64,
    /// Entries after the last block: durable, not sealed yet, and so without receipts to check.
    pub unsealed: u64,
    /// State root of the last block, as rebuilt here.
    pub root: Hash,
    /// The first [`VIOLATIONS_MAX`] violations, in the order of the log.
    pub violations: Vec<Violation>,
    /// How many there were in all.
    pub violations_total: u64,
    /// By asset id.
    pub assets: Vec<AssetSum>,
    /// Bytes behind the last valid record: the write that a crash, or this moment, cut off (ST-4).
    pub torn_tail_bytes: u64,
}

/// Collects violations.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) kept: Vec<Violation>,
    pub(crate) total: u64,
}

impl Findings {
    pub(crate) fn add(&mut self, violation: Violation) {
        self.total = self.total.saturating_add(1);
        if self.kept.len() < VIOLATIONS_MAX {
            self.kept.push(violation);
        }
    }

    /// Notes a violation unless the two texts are the same.
    pub(crate) fn expect<T: PartialEq + std::fmt::Debug>(
        &mut self,
        law: &'static str,
        at: impl FnOnce() -> String,
        expected: &T,
        found: &T,
    ) {
        if expected != found {
            let (expected, found) = (format!("{expected:?}"), format!("{found:?}"));
            self.add(Violation { law, at: at(), expected, found });
        }
    }
}

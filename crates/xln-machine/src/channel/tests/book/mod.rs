//! A [`Book`] alone: each transaction of a frame, what it does and why it is refused. A refused one leaves the book as it was, and
//! every case is played twice, the second time with left and right exchanged (**CH-5**).
//!
//! Laws: **CH-1** to **CH-3**, **CH-11**, **CH-12**, **DP-5**, **HT-1**, **HT-2**, **HT-6**.

mod claims;
mod settle;
mod txs;

use super::script::ASSET;
use crate::channel::{Book, Line};
use xln_crypto::frames::hashlock;
use xln_types::codec::Blob;
use xln_types::frame::CollateralChange;
use xln_types::tx::{AssetAmount, DISPUTE_WINDOW_S_DEFAULT, SettleDiff};
use xln_types::{
    Address, Amount, AssetId, Balance, EntityId, Failure, FrameTx, Hash, Htlc, HtlcKey, Rejection, Side, TxHash,
};

const LEFT: Side = Side::Left;
const RIGHT: Side = Side::Right;
const OTHER: AssetId = AssetId([8; 32]);
const PREIMAGE: Hash = Hash([3; 32]);
const EXPIRY_S: u64 = 1000;

/// One step of a case: who does what, and the answer.
type Step = (Side, FrameTx, Result<(), Rejection>);

/// A book, played from one of its sides.
struct Play {
    book: Book,
    mirrored: bool,
}

impl Play {
    fn side(&self, side: Side) -> Side {
        if self.mirrored { side.other() } else { side }
    }

    fn line(&self, asset: AssetId) -> Line {
        self.book.line(asset).copied().unwrap_or_default()
    }

    fn share(&self, side: Side) -> i128 {
        self.line(ASSET).share(self.side(side)).0
    }

    fn held(&self, side: Side) -> u128 {
        self.line(ASSET).held(self.side(side)).0
    }

    #[track_caller]
    fn step(&mut self, (by, tx, expected): Step) {
        let (by, tx) = (self.side(by), if self.mirrored { mirrored(tx) } else { tx });
        let before = self.book.clone();
        let answer = self.book.apply(by, &tx);
        assert_eq!(answer, expected, "{by} {tx:?} mirrored={}", self.mirrored);
        if answer.is_err() {
            assert_eq!(self.book, before, "a refusal leaves the book as it was: {tx:?}");
        }
        for (_, line) in &self.book.lines {
            assert_eq!(line.share(LEFT).0 + line.share(RIGHT).0, line.collateral.0.cast_signed(), "CH-13");
        }
        assert!(self.book.lines.is_sorted_by_key(|(asset, _)| *asset));
        self.digests_tell(&before);
    }

    /// CH-6: books that differ have different hashes.
    fn digests_tell(&self, before: &Book) {
        let differs = before.digests().state != self.book.digests().state;
        assert_eq!(differs, *before != self.book);
    }
}

/// Plays a case on an opened book, both ways round; then looks at it.
#[track_caller]
fn check(steps: &[Step], look: impl Fn(&Play)) {
    check_from(true, steps, look);
}

#[track_caller]
fn check_from(opened: bool, steps: &[Step], look: impl Fn(&Play)) {
    for mirrored in [false, true] {
        let mut play = Play { book: Book::default(), mirrored };
        if opened {
            play.step((LEFT, open(&[(ASSET, 100)]), Ok(())));
            play.step((RIGHT, grant(100), Ok(())));
        }
        for step in steps {
            play.step(step.clone());
        }
        look(&play);
    }
}

/// A transaction with left and right exchanged.
fn mirrored(tx: FrameTx) -> FrameTx {
    match tx {
        FrameTx::HtlcCancel { key, failure } => {
            FrameTx::HtlcCancel { key: HtlcKey { side: key.side.other(), ..key }, failure }
        }
        FrameTx::Settle { diffs, counter, valid_until_s } => {
            let exchange = |diff: SettleDiff| SettleDiff { left: diff.right, right: diff.left, ..diff };
            FrameTx::Settle { diffs: diffs.into_iter().map(exchange).collect(), counter, valid_until_s }
        }
        FrameTx::Fact { block, block_hash, log_index, asset, change } => {
            let change = match change {
                CollateralChange::Added { side, amount } => CollateralChange::Added { side: side.other(), amount },
                CollateralChange::Settled { counter, left, right } => {
                    CollateralChange::Settled { counter, left: right, right: left }
                }
                lapsed @ CollateralChange::Lapsed { .. } => lapsed,
            };
            FrameTx::Fact { block, block_hash, log_index, asset, change }
        }
        other => other,
    }
}

fn open(grants: &[(AssetId, u128)]) -> FrameTx {
    let grants = grants.iter().map(|(asset, amount)| AssetAmount { asset: *asset, amount: Amount(*amount) }).collect();
    let (peer, requested) = (EntityId([2; 32]), Vec::new());
    FrameTx::Open { peer, dispute_window_s: DISPUTE_WINDOW_S_DEFAULT, requested, grants }
}

fn grant(granted: u128) -> FrameTx {
    FrameTx::Credit { asset: ASSET, granted: Amount(granted) }
}

fn pay(amount: u128) -> FrameTx {
    FrameTx::Pay { asset: ASSET, amount: Amount(amount), payment: TxHash([5; 32]), memo: Blob::default() }
}

fn htlc(amount: u128) -> Htlc {
    let onion = Blob::default();
    Htlc { asset: ASSET, amount: Amount(amount), hashlock: hashlock(&PREIMAGE), expires_at_s: EXPIRY_S, onion }
}

fn add(id: u64, amount: u128) -> FrameTx {
    FrameTx::HtlcAdd { id, htlc: htlc(amount) }
}

fn fulfill(id: u64) -> FrameTx {
    FrameTx::HtlcFulfill { id, preimage: PREIMAGE }
}

fn cancel(side: Side, id: u64) -> FrameTx {
    FrameTx::HtlcCancel { key: HtlcKey { side, id }, failure: Failure::here(Rejection::NoRoute {}) }
}

fn update(window: u64, mailbox: u8) -> FrameTx {
    FrameTx::Update { dispute_window_s: window, mailbox: Address([mailbox; 20]) }
}

fn settle(counter: u64, diffs: &[(AssetId, i128, i128)]) -> FrameTx {
    let diff = |(asset, left, right): &(AssetId, i128, i128)| SettleDiff {
        asset: *asset,
        left: Balance(*left),
        right: Balance(*right),
    };
    FrameTx::Settle { diffs: diffs.iter().map(diff).collect(), counter, valid_until_s: 500 }
}

fn fact_in(asset: AssetId, block: u64, log_index: u64, change: CollateralChange) -> FrameTx {
    FrameTx::Fact { block, block_hash: Hash([1; 32]), log_index, asset, change }
}

fn added(block: u64, side: Side, amount: u128) -> FrameTx {
    fact_in(ASSET, block, 0, CollateralChange::Added { side, amount: Amount(amount) })
}

fn settled_in(asset: AssetId, block: u64, counter: u64, left: i128, right: i128) -> FrameTx {
    fact_in(asset, block, 0, CollateralChange::Settled { counter, left: Balance(left), right: Balance(right) })
}

fn lapsed(block: u64, counter: u64) -> FrameTx {
    fact_in(ASSET, block, 0, CollateralChange::Lapsed { counter })
}

fn poor<T>(available: u128) -> Result<T, Rejection> {
    Err(Rejection::InsufficientFunds { available: Amount(available), leg: 0 })
}

//! A channel's book as the laws make it: what a frame's transactions do to lines, HTLCs and terms (**CH-1** to **CH-3**, **CH-5**: `by` alone
//! decides, **HT-1**, **HT-2**, **HT-6**, **DP-5**, **CH-12**), and the hashes that are signed of it (**CH-6**, **CH-7**).
//!
//! A second derivation: the core's own book is not seen from here. [`Book::step`] either does all that a transaction says or says which law
//! forbids it, and then has changed nothing.

use crate::agreed::{Settlement, Terms};
use crate::records::Line;
use crate::rules::{Doubt, changed, doubt, moved, out_of_range, require, signed};
use std::collections::BTreeMap;
use xln_crypto::evidence::{htlcs_hash_of, offdeltas_hash_of};
use xln_types::evidence::HTLCS_A_SIDE_MAX;
use xln_types::frame::CollateralChange;
use xln_types::htlc::ONION_BYTES_MAX;
use xln_types::tx::{AssetAmount, CHANNEL_ASSETS_MAX, DISPUTE_WINDOW_S, MEMO_BYTES_MAX, SettleDiff};
use xln_types::{AMOUNT_MAX, Amount, AssetId, Balance, FrameTx, Hash, Htlc, HtlcEntry, HtlcKey, OffdeltaEntry, Side};

/// Lines, HTLCs and terms of one channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Book {
    pub(crate) terms: Terms,
    pub(crate) lines: BTreeMap<AssetId, Line>,
    pub(crate) htlcs: BTreeMap<HtlcKey, Htlc>,
}

/// HT-1: SHA-256 of the preimage.
pub(crate) fn lock_of(preimage: &Hash) -> Hash {
    xln_crypto::frames::hashlock(preimage)
}

impl Line {
    /// CH-1: `side` can pay this, and everything that is locked could still be claimed (N-1).
    fn spend(self, side: Side, amount: Amount, held: bool) -> Result<Line, Doubt> {
        let out = self.out(side).ok_or_else(out_of_range)?;
        require(amount != Amount::ZERO, "CH-1", "an amount above 0", || "0".to_owned())?;
        require(amount.0 <= out, "CH-1", &format!("at most out = {out}"), || amount.to_string())?;
        let mut after = self;
        if held {
            let locked = after.held_mut(side);
            *locked = changed(*locked, signed(amount)?)?;
        } else {
            after = after.paid(side, amount)?;
        }
        let lowest = signed(after.held_left)?.checked_neg().ok_or_else(out_of_range)?;
        let _ = (moved(after.offdelta, lowest)?, moved(after.offdelta, signed(after.held_right)?)?);
        Ok(after)
    }

    /// CH-2: left pays: the offdelta falls; right pays: it rises.
    fn paid(self, payer: Side, amount: Amount) -> Result<Line, Doubt> {
        let step = signed(amount)?;
        let offdelta = moved(self.offdelta, payer.pick(step.saturating_neg(), step))?;
        let payments = self.payments.saturating_add(1);
        Ok(Line { offdelta, payments, volume: Amount(self.volume.0.saturating_add(amount.0)), ..self })
    }

    /// What was locked is free again.
    fn freed(self, side: Side, amount: Amount) -> Result<Line, Doubt> {
        let mut after = self;
        let locked = after.held_mut(side);
        *locked = changed(*locked, signed(amount)?.saturating_neg())?;
        Ok(after)
    }

    /// DP-5: what leaves the collateral by a settlement is locked from its frame on, out of the side's own share.
    fn held_for(self, diff: &SettleDiff) -> Result<Line, Doubt> {
        let mut after = self;
        for side in [Side::Left, Side::Right] {
            let taken = side.pick(diff.left, diff.right).claim();
            if taken == Amount::ZERO {
                continue;
            }
            let most = after.secured(side).ok_or_else(out_of_range)?.min(after.collateral.0);
            require(taken.0 <= most, "DP-5", &format!("at most {most} of {side}'s share"), || taken.to_string())?;
            let locked = after.held_mut(side);
            *locked = changed(*locked, signed(taken)?)?;
        }
        after.settled(diff.left, diff.right).map(|_| after)
    }

    fn without(self, diff: &SettleDiff) -> Result<Line, Doubt> {
        let left = self.freed(Side::Left, diff.left.claim())?;
        left.freed(Side::Right, diff.right.claim())
    }

    /// DP-5: `C −= left + right`, `ondelta −= left`.
    pub(crate) fn settled(self, left: Balance, right: Balance) -> Result<Line, Doubt> {
        let taken = left.0.checked_add(right.0).and_then(i128::checked_neg).ok_or_else(out_of_range)?;
        let out = left.0.checked_neg().ok_or_else(out_of_range)?;
        Ok(Line { collateral: changed(self.collateral, taken)?, ondelta: moved(self.ondelta, out)?, ..self })
    }

    /// DP-1: left raises C and ondelta, right raises C alone.
    pub(crate) fn added(self, side: Side, amount: Amount) -> Result<Line, Doubt> {
        let step = signed(amount)?;
        let ondelta = moved(self.ondelta, side.pick(step, 0))?;
        Ok(Line { collateral: changed(self.collateral, step)?, ondelta, ..self })
    }
}

fn window(seconds: u64) -> Result<(), Doubt> {
    let most = format!("a dispute window within {DISPUTE_WINDOW_S:?}");
    require(DISPUTE_WINDOW_S.contains(&seconds), "CH-7", &most, || seconds.to_string())
}

impl Book {
    /// The line of an asset that both sides listed (CH-12).
    pub(crate) fn listed(&self, asset: AssetId) -> Result<Line, Doubt> {
        let line = self.lines.get(&asset).copied().filter(|line| line.listed == 1);
        line.ok_or_else(|| doubt("CH-12", "an asset that both sides listed", asset.to_string()))
    }

    /// How many HTLCs of a side are pending.
    fn pending(&self, side: Side) -> usize {
        self.htlcs.keys().filter(|key| key.side == side).count()
    }

    pub(crate) fn htlc(&self, key: HtlcKey) -> Result<&Htlc, Doubt> {
        self.htlcs.get(&key).ok_or_else(|| doubt("HT-2", "a pending HTLC", format!("{} of {}", key.id, key.side)))
    }

    /// What one transaction of a frame by `by` does.
    ///
    /// # Errors
    /// [`Doubt`], and then nothing has changed.
    pub(crate) fn step(&mut self, by: Side, tx: &FrameTx) -> Result<(), Doubt> {
        match tx {
            FrameTx::Open { dispute_window_s, grants, .. } => self.open(by, *dispute_window_s, grants),
            FrameTx::Update { dispute_window_s, mailbox } => {
                if *dispute_window_s != 0 {
                    window(*dispute_window_s)?;
                }
                let side = self.terms.side_mut(by);
                (side.mailbox, side.window_asked_s) = (*mailbox, *dispute_window_s);
                if *dispute_window_s != 0 && self.terms.side(by.other()).window_asked_s == *dispute_window_s {
                    self.terms.dispute_window_s = *dispute_window_s;
                    (self.terms.left.window_asked_s, self.terms.right.window_asked_s) = (0, 0);
                }
                Ok(())
            }
            FrameTx::Close { valid_until_s } => self.close(by, *valid_until_s),
            FrameTx::Credit { asset, granted } => self.credit(by, *asset, *granted),
            FrameTx::Settle { diffs, counter, valid_until_s } => {
                self.settle(by, Settlement { diffs: diffs.clone(), counter: *counter, valid_until_s: *valid_until_s })
            }
            FrameTx::List { asset } => {
                let line = self.with_listed(*asset)?;
                self.lines.insert(*asset, line);
                Ok(())
            }
            FrameTx::Fact { block, log_index, asset, change, .. } => self.fact((*block, *log_index), *asset, change),
            FrameTx::Resume { .. } => Ok(()),
            FrameTx::Pay { asset, amount, memo, .. } => {
                let short = memo.0.len() <= MEMO_BYTES_MAX;
                require(short, "N-3", &format!("a memo of at most {MEMO_BYTES_MAX} bytes"), || {
                    memo.0.len().to_string()
                })?;
                let line = self.live(*asset)?.spend(by, *amount, false)?;
                self.lines.insert(*asset, line);
                Ok(())
            }
            FrameTx::HtlcAdd { id, htlc } => self.lock(by, *id, htlc),
            FrameTx::HtlcFulfill { id, preimage } => {
                let key = HtlcKey { side: by.other(), id: *id };
                let htlc = self.htlc(key)?;
                let fits = lock_of(preimage) == htlc.hashlock;
                require(fits, "HT-2", &format!("what hashes to {}", htlc.hashlock), || preimage.to_string())?;
                let (asset, amount) = (htlc.asset, htlc.amount);
                let line = self.listed(asset)?.freed(key.side, amount)?.paid(key.side, amount)?;
                self.end(key, asset, line)
            }
            FrameTx::HtlcCancel { key, .. } => {
                let htlc = self.htlc(*key)?;
                let (asset, amount) = (htlc.asset, htlc.amount);
                let line = self.listed(asset)?.freed(key.side, amount)?;
                self.end(*key, asset, line)
            }
        }
    }

    fn end(&mut self, key: HtlcKey, asset: AssetId, line: Line) -> Result<(), Doubt> {
        self.lines.insert(asset, line);
        self.htlcs.remove(&key);
        Ok(())
    }

    /// CH-11: nothing new is paid or locked in a channel that closes.
    fn live(&self, asset: AssetId) -> Result<Line, Doubt> {
        require(self.terms.closing == 0, "CH-11", "a channel that isn't closing", || "closing".to_owned())?;
        self.listed(asset)
    }

    fn with_listed(&self, asset: AssetId) -> Result<Line, Doubt> {
        let line = self.lines.get(&asset).copied().unwrap_or_default();
        let listed = self.lines.values().filter(|line| line.listed == 1).count();
        let room = line.listed == 1 || listed < CHANNEL_ASSETS_MAX;
        require(room, "CH-12", &format!("at most {CHANNEL_ASSETS_MAX} assets"), || format!("{listed} and {asset}"))?;
        Ok(Line { listed: 1, ..line })
    }

    fn open(&mut self, by: Side, dispute_window_s: u64, grants: &[AssetAmount]) -> Result<(), Doubt> {
        require(*self == Book::default(), "CH-11", "one opening, first", || "another".to_owned())?;
        window(dispute_window_s)?;
        let mut opened = Book { terms: Terms { dispute_window_s, ..Terms::default() }, ..Book::default() };
        for grant in grants {
            opened.credit(by, grant.asset, grant.amount)?;
        }
        *self = opened;
        Ok(())
    }

    /// CH-3: the grantor's own grant, and nobody else's.
    fn credit(&mut self, by: Side, asset: AssetId, granted: Amount) -> Result<(), Doubt> {
        require(granted.in_range(), "N-1", "a grant within 2^120", || granted.to_string())?;
        let line = self.with_listed(asset)?;
        let line = match by {
            Side::Left => Line { granted_by_left: granted, ..line },
            Side::Right => Line { granted_by_right: granted, ..line },
        };
        self.lines.insert(asset, line);
        Ok(())
    }

    /// DP-5: over a head with no HTLC and nothing outstanding; it closes once both ask for the same.
    fn close(&mut self, by: Side, valid_until_s: u64) -> Result<(), Doubt> {
        let idle = self.htlcs.is_empty() && self.terms.settlement.is_empty() && self.terms.closing == 0;
        require(idle, "CH-11", "a channel with nothing outstanding", || "a close".to_owned())?;
        self.terms.side_mut(by).close_asked_s = valid_until_s;
        if valid_until_s != 0 && self.terms.side(by.other()).close_asked_s == valid_until_s {
            self.terms.closing = 1;
        }
        Ok(())
    }

    /// HT-1, HT-6: its number was never used, and there is room.
    fn lock(&mut self, by: Side, id: u64, htlc: &Htlc) -> Result<(), Doubt> {
        let next = self.terms.side(by).htlc_next;
        require(next <= id, "HT-2", &format!("a number from {next} on"), || id.to_string())?;
        let pending = self.pending(by);
        let most = format!("at most {HTLCS_A_SIDE_MAX} a side");
        require(pending < HTLCS_A_SIDE_MAX, "HT-6", &most, || format!("{pending} and one more"))?;
        let onion = htlc.onion.0.len();
        require(onion <= ONION_BYTES_MAX, "HT-1", &format!("an onion of {ONION_BYTES_MAX} bytes"), || {
            onion.to_string()
        })?;
        let line = self.live(htlc.asset)?.spend(by, htlc.amount, true)?;
        let following = id.checked_add(1).ok_or_else(out_of_range)?;
        self.lines.insert(htlc.asset, line);
        self.htlcs.insert(HtlcKey { side: by, id }, htlc.clone());
        self.terms.side_mut(by).htlc_next = following;
        Ok(())
    }

    /// DP-5: at once where the asking side alone is touched, else once both have asked for the same.
    fn settle(&mut self, by: Side, asked: Settlement) -> Result<(), Doubt> {
        let free = self.terms.settlement.is_empty() && self.terms.closing == 0;
        require(free, "DP-5", "one settlement at a time", || "another".to_owned())?;
        let last = self.terms.settle_counter;
        require(last < asked.counter, "DP-5", &format!("a counter above {last}"), || asked.counter.to_string())?;
        let ordered = asked.diffs.windows(2).all(|pair| matches!(pair, [one, other] if one.asset < other.asset));
        require(ordered && !asked.diffs.is_empty(), "DP-5", "assets ascending", || format!("{:?}", asked.diffs))?;
        let mut lines = Vec::new();
        for diff in &asked.diffs {
            lines.push((diff.asset, self.listed(diff.asset)?.held_for(diff)?));
        }
        let alone = asked.diffs.iter().all(|diff| by.pick(diff.right, diff.left) == Balance::ZERO);
        if !alone && self.terms.side(by.other()).settle_asked.first() != Some(&asked) {
            self.terms.side_mut(by).settle_asked = vec![asked];
            return Ok(());
        }
        self.lines.extend(lines);
        self.terms.left.settle_asked.clear();
        self.terms.right.settle_asked.clear();
        self.terms.settle_counter = asked.counter;
        self.terms.settlement = vec![asked];
        Ok(())
    }

    /// CH-12: strictly in the chain's order, each once.
    fn fact(&mut self, place: (u64, u64), asset: AssetId, change: &CollateralChange) -> Result<(), Doubt> {
        let last = (self.terms.fact_block, self.terms.fact_log_index);
        require(last < place, "CH-12", &format!("a fact behind {last:?}"), || format!("{place:?}"))?;
        match change {
            CollateralChange::Added { side, amount } => {
                let line = self.listed(asset)?.added(*side, *amount)?;
                self.lines.insert(asset, line);
            }
            CollateralChange::Settled { counter, left, right } => {
                let mut line = self.listed(asset)?;
                let begun = self.terms.settlement.first().filter(|begun| begun.counter == *counter);
                let diff = begun.and_then(|begun| begun.diffs.iter().find(|diff| diff.asset == asset));
                let carries = diff.is_some();
                if let Some(diff) = diff {
                    line = line.without(diff)?;
                }
                self.lines.insert(asset, line.settled(*left, *right)?);
                if carries {
                    self.terms.settlement.iter_mut().for_each(|begun| begun.diffs.retain(|diff| diff.asset != asset));
                    self.terms.settlement.retain(|begun| !begun.diffs.is_empty());
                }
                self.terms.settle_counter = self.terms.settle_counter.max(*counter);
            }
            CollateralChange::Lapsed { counter } => {
                let begun = self.terms.settlement.first().filter(|begun| begun.counter == *counter);
                let begun = begun.ok_or_else(|| doubt("DP-5", "the settlement under way", counter.to_string()))?;
                let mut lines = Vec::new();
                for diff in &begun.diffs {
                    lines.push((diff.asset, self.listed(diff.asset)?.without(diff)?));
                }
                self.lines.extend(lines);
                self.terms.settlement.clear();
            }
        }
        (self.terms.fact_block, self.terms.fact_log_index) = place;
        Ok(())
    }

    /// CH-7: hash of the offdeltas that aren't 0, ascending by asset.
    pub(crate) fn offdeltas(&self) -> Hash {
        let some = self.lines.iter().filter(|(_, line)| line.offdelta != Balance::ZERO);
        offdeltas_hash_of(some.map(|(asset, line)| OffdeltaEntry { asset: *asset, offdelta: line.offdelta }))
    }

    /// CH-7: hash of the HTLC set, ascending by side and number.
    pub(crate) fn locks(&self) -> Hash {
        htlcs_hash_of(self.htlcs.iter().map(|(key, htlc)| HtlcEntry {
            side: key.side,
            id: key.id,
            asset: htlc.asset,
            amount: htlc.amount,
            hashlock: htlc.hashlock,
            expires_at_s: htlc.expires_at_s,
        }))
    }

    /// CH-6: keccak256 of terms, then each asset and its line, ascending, then the HTLC set's hash.
    pub(crate) fn state(&self) -> Hash {
        let mut bytes = alloy_rlp::encode(&self.terms);
        for (asset, line) in &self.lines {
            bytes.extend(alloy_rlp::encode(asset));
            bytes.extend(alloy_rlp::encode(line));
        }
        bytes.extend(self.locks().0);
        xln_crypto::keccak256(&bytes)
    }

    /// DP-2: what a side would owe in an asset beyond what `booked` says, if all that it locked came to pass.
    pub(crate) fn exposure(&self, booked: &Book, asset: AssetId, side: Side) -> u128 {
        let line = self.lines.get(&asset).copied().unwrap_or_default();
        let held = i128::try_from(line.held(side).0).unwrap_or(i128::MAX);
        let owed = |share: i128| if share < 0 { share.unsigned_abs() } else { 0 };
        let worst = owed(line.share(side).unwrap_or(0).saturating_sub(held));
        let now = booked.lines.get(&asset).copied().unwrap_or_default();
        worst.saturating_sub(owed(now.share(side).unwrap_or(0)))
    }
}

const _: () = assert!(AMOUNT_MAX < 1 << 126, "sums of two amounts fit 128 bits");

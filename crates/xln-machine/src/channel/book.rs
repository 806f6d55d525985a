//! What two sides agree on in a channel: its lines, its pending HTLCs, its terms; and what a frame's transactions do to them. Pure
//! functions of the book: [`Book::apply`] decides nothing by clocks, policies or reserves, which differ between nodes (**CH-6**).
//!
//! Laws: **CH-1**, **CH-2**, **CH-3**, **CH-5** (`by` decides, never whose replica it is), **CH-12** (chain facts in order, once),
//! **DP-5** (a settlement holds what it takes out), **HT-1**, **HT-2**, **HT-6**.

use super::line::Line;
use super::terms::{Settlement, Terms};
use std::collections::BTreeMap;
use xln_crypto::evidence::{htlcs_hash_of, offdeltas_hash_of};
use xln_crypto::frames::hashlock;
use xln_types::codec::Encodable;
use xln_types::evidence::HTLCS_A_SIDE_MAX;
use xln_types::frame::CollateralChange;
use xln_types::tx::{AssetAmount, CHANNEL_ASSETS_MAX, MEMO_BYTES_MAX, SettleDiff};
use xln_types::{
    Address, Amount, AssetId, Balance, FrameTx, Hash, Htlc, HtlcEntry, HtlcKey, OffdeltaEntry, Rejection, Side,
};

/// The state of a channel as both sides compute it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Book {
    /// What was agreed besides money.
    pub terms: Terms,
    /// The lines, ascending by asset.
    pub lines: Vec<(AssetId, Line)>,
    /// The pending HTLCs.
    pub htlcs: BTreeMap<HtlcKey, Htlc>,
}

/// What a proof signs of a book (CH-7), and the hash of all of it (CH-6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digests {
    /// Of the offdelta list.
    pub offdeltas: Hash,
    /// Of the HTLC set.
    pub htlcs: Hash,
    /// Of the whole.
    pub state: Hash,
}

impl Book {
    /// The line of an asset, if there is one.
    pub fn line(&self, asset: AssetId) -> Option<&Line> {
        let index = self.lines.binary_search_by_key(&asset, |(id, _)| *id).ok()?;
        self.lines.get(index).map(|(_, line)| line)
    }

    /// Puts an asset's line.
    pub fn set_line(&mut self, asset: AssetId, line: Line) {
        match self.lines.binary_search_by_key(&asset, |(id, _)| *id) {
            Ok(index) => {
                if let Some(slot) = self.lines.get_mut(index) {
                    slot.1 = line;
                }
            }
            Err(index) => self.lines.insert(index, (asset, line)),
        }
    }

    /// How many assets are listed (CH-12).
    pub fn listed(&self) -> usize {
        self.lines.iter().filter(|(_, line)| line.listed == 1).count()
    }

    /// The line of an asset that counts in this channel.
    ///
    /// # Errors
    /// `UnknownAsset`.
    pub fn listed_line(&self, asset: AssetId) -> Result<&Line, Rejection> {
        self.line(asset).filter(|line| line.listed == 1).ok_or(Rejection::UnknownAsset {})
    }

    /// CH-12: the line of an asset that counts from now on, if there is room.
    ///
    /// # Errors
    /// `TooManyAssets`.
    pub fn list(&self, asset: AssetId) -> Result<Line, Rejection> {
        let line = self.line(asset).copied().unwrap_or_default();
        if line.listed == 0 && CHANNEL_ASSETS_MAX <= self.listed() {
            return Err(Rejection::TooManyAssets { limit: CHANNEL_ASSETS_MAX as u64 });
        }
        Ok(Line { listed: 1, ..line })
    }

    /// A pending HTLC.
    pub fn htlc(&self, key: HtlcKey) -> Option<&Htlc> {
        self.htlcs.get(&key)
    }

    /// How many HTLCs of a side are pending.
    pub fn pending(&self, side: Side) -> usize {
        self.htlcs.keys().filter(|key| key.side == side).count()
    }

    /// What a proof says of this book. Assets whose offdelta is 0 are left out.
    pub fn digests(&self) -> Digests {
        let offdeltas = self.lines.iter().filter(|(_, line)| line.offdelta != Balance::ZERO);
        let offdeltas = offdeltas.map(|(asset, line)| OffdeltaEntry { asset: *asset, offdelta: line.offdelta });
        let offdeltas = offdeltas_hash_of(offdeltas);
        let htlcs = htlcs_hash_of(self.htlc_entries());
        let mut bytes = Vec::with_capacity(256);
        self.terms.encode(&mut bytes);
        for (asset, line) in &self.lines {
            asset.encode(&mut bytes);
            line.encode(&mut bytes);
        }
        // The HTLC set and the offdeltas are bound by their own hashes.
        bytes.extend_from_slice(&htlcs.0);
        Digests { offdeltas, htlcs, state: xln_crypto::keccak256(&bytes) }
    }

    /// The HTLC set as the chain needs it, ascending by side and number.
    pub fn htlc_entries(&self) -> impl Iterator<Item = HtlcEntry> {
        self.htlcs.iter().map(|(key, htlc)| HtlcEntry {
            side: key.side,
            id: key.id,
            asset: htlc.asset,
            amount: htlc.amount,
            hashlock: htlc.hashlock,
            expires_at_s: htlc.expires_at_s,
        })
    }

    /// The offdelta list as the chain needs it.
    pub fn offdelta_entries(&self) -> Vec<OffdeltaEntry> {
        let entries = self.lines.iter().filter(|(_, line)| line.offdelta != Balance::ZERO);
        entries.map(|(asset, line)| OffdeltaEntry { asset: *asset, offdelta: line.offdelta }).collect()
    }

    /// What one transaction of a frame by `by` does. A refusal leaves the book as it was.
    ///
    /// # Errors
    /// A [`Rejection`], the same on both sides.
    pub fn apply(&mut self, by: Side, tx: &FrameTx) -> Result<(), Rejection> {
        match tx {
            FrameTx::Open { dispute_window_s, grants, .. } => self.open(by, *dispute_window_s, grants),
            FrameTx::Update { dispute_window_s, mailbox } => self.update(by, *dispute_window_s, *mailbox),
            FrameTx::Close { valid_until_s } => self.close(by, *valid_until_s),
            FrameTx::Credit { asset, granted } => self.credit(by, *asset, *granted),
            FrameTx::Settle { diffs, counter, valid_until_s } => {
                let settlement = Settlement { diffs: diffs.clone(), counter: *counter, valid_until_s: *valid_until_s };
                self.settle(by, settlement)
            }
            FrameTx::List { asset } => self.list(*asset).map(|line| self.set_line(*asset, line)),
            FrameTx::Fact { block, log_index, asset, change, .. } => self.fact((*block, *log_index), *asset, change),
            FrameTx::Resume { .. } => Ok(()),
            FrameTx::Pay { asset, amount, memo, .. } => {
                if MEMO_BYTES_MAX < memo.0.len() {
                    return Err(Rejection::TooLarge { limit: MEMO_BYTES_MAX as u64 });
                }
                let line = self.live_line(*asset)?.pay(by, *amount)?;
                self.set_line(*asset, line);
                Ok(())
            }
            FrameTx::HtlcAdd { id, htlc } => self.lock(by, *id, htlc),
            FrameTx::HtlcFulfill { id, preimage } => self.fulfill(HtlcKey { side: by.other(), id: *id }, preimage),
            FrameTx::HtlcCancel { key, .. } => self.cancel(*key),
        }
    }

    /// CH-11: new payments and locks need a channel that isn't closing.
    fn live_line(&self, asset: AssetId) -> Result<&Line, Rejection> {
        if self.terms.closing == 1 {
            return Err(Rejection::ChannelNotOpen { status: super::ChannelStatus::Closing.number() });
        }
        self.listed_line(asset)
    }

    fn open(&mut self, by: Side, dispute_window_s: u64, grants: &[AssetAmount]) -> Result<(), Rejection> {
        if self.terms.dispute_window_s != 0 {
            return Err(Rejection::AlreadyExists {});
        }
        check_window(dispute_window_s)?;
        let mut book = Book { terms: Terms { dispute_window_s, ..Terms::default() }, ..Book::default() };
        for grant in grants {
            book.credit(by, grant.asset, grant.amount)?;
        }
        *self = book;
        Ok(())
    }

    fn update(&mut self, by: Side, dispute_window_s: u64, mailbox: Address) -> Result<(), Rejection> {
        if dispute_window_s != 0 {
            check_window(dispute_window_s)?;
        }
        let side = self.terms.side_mut(by);
        side.mailbox = mailbox;
        side.window_asked_s = dispute_window_s;
        let asked = (self.terms.left.window_asked_s, self.terms.right.window_asked_s);
        if dispute_window_s != 0 && asked.0 == asked.1 {
            self.terms.dispute_window_s = dispute_window_s;
            (self.terms.left.window_asked_s, self.terms.right.window_asked_s) = (0, 0);
        }
        Ok(())
    }

    /// DP-5: over a head with no HTLC and nothing outstanding, once both have asked for the same.
    fn close(&mut self, by: Side, valid_until_s: u64) -> Result<(), Rejection> {
        if self.terms.closing == 1 {
            return Err(Rejection::ChannelNotOpen { status: super::ChannelStatus::Closing.number() });
        }
        if !self.htlcs.is_empty() || !self.terms.settlement.is_empty() {
            return Err(Rejection::NotEmpty {});
        }
        self.terms.side_mut(by).close_asked_s = valid_until_s;
        let asked = (self.terms.left.close_asked_s, self.terms.right.close_asked_s);
        if asked.0 != 0 && asked.0 == asked.1 {
            self.terms.closing = 1;
        }
        Ok(())
    }

    /// CH-3: the grantor alone changes its grant; an asset new to the channel is listed by it.
    fn credit(&mut self, by: Side, asset: AssetId, granted: Amount) -> Result<(), Rejection> {
        let line = self.list(asset)?.grant(by, granted)?;
        self.set_line(asset, line);
        Ok(())
    }

    fn lock(&mut self, by: Side, id: u64, htlc: &Htlc) -> Result<(), Rejection> {
        let expected = self.terms.side(by).htlc_next;
        if id < expected {
            return Err(Rejection::HtlcUsed { expected });
        }
        if HTLCS_A_SIDE_MAX <= self.pending(by) {
            return Err(Rejection::TooManyHtlcs { limit: HTLCS_A_SIDE_MAX as u64 });
        }
        if xln_types::htlc::ONION_BYTES_MAX < htlc.onion.0.len() {
            return Err(Rejection::TooLarge { limit: xln_types::htlc::ONION_BYTES_MAX as u64 });
        }
        let line = self.live_line(htlc.asset)?.lock(by, htlc.amount)?;
        let htlc_next = id.checked_add(1).ok_or(Rejection::OutOfRange {})?;
        self.set_line(htlc.asset, line);
        self.htlcs.insert(HtlcKey { side: by, id }, htlc.clone());
        self.terms.side_mut(by).htlc_next = htlc_next;
        Ok(())
    }

    fn fulfill(&mut self, key: HtlcKey, preimage: &Hash) -> Result<(), Rejection> {
        let htlc = self.htlcs.get(&key).ok_or(Rejection::UnknownHtlc {})?;
        if hashlock(preimage) != htlc.hashlock {
            return Err(Rejection::WrongPreimage {});
        }
        let asset = htlc.asset;
        let line = self.listed_line(asset)?.claim(key.side, htlc.amount)?;
        self.set_line(asset, line);
        self.htlcs.remove(&key);
        Ok(())
    }

    fn cancel(&mut self, key: HtlcKey) -> Result<(), Rejection> {
        let htlc = self.htlcs.get(&key).ok_or(Rejection::UnknownHtlc {})?;
        let asset = htlc.asset;
        let line = self.listed_line(asset)?.release(key.side, htlc.amount)?;
        self.set_line(asset, line);
        self.htlcs.remove(&key);
        Ok(())
    }

    /// DP-5: effective at once where only the asking side's reserve is touched; else once both have asked for the same. From then on
    /// what leaves the collateral is held.
    fn settle(&mut self, by: Side, settlement: Settlement) -> Result<(), Rejection> {
        if !self.terms.settlement.is_empty() || self.terms.closing == 1 {
            return Err(Rejection::SettlementPending {});
        }
        if settlement.counter <= self.terms.settle_counter {
            return Err(Rejection::NonceOutside { from: self.terms.settle_counter.saturating_add(1), until: u64::MAX });
        }
        let ascending = settlement.diffs.windows(2).all(|pair| matches!(pair, [a, b] if a.asset < b.asset));
        if settlement.diffs.is_empty() || !ascending {
            return Err(Rejection::MalformedBody {});
        }
        // Both sides' parts are held for, or refused, in full before anything changes.
        let mut lines = Vec::with_capacity(settlement.diffs.len());
        for diff in &settlement.diffs {
            let mut line = *self.listed_line(diff.asset)?;
            for side in [Side::Left, Side::Right] {
                let taken = side.pick(diff.left, diff.right).claim();
                if taken != Amount::ZERO {
                    line = line.hold(side, taken)?;
                }
            }
            // What leaves must be there even if the part that puts in never does.
            line.settled(diff.left, diff.right)?;
            lines.push((diff.asset, line));
        }
        let own_alone = settlement.diffs.iter().all(|diff| by.pick(diff.right, diff.left) == Balance::ZERO);
        let asked = vec![settlement];
        if !own_alone && self.terms.side(by.other()).settle_asked != asked {
            self.terms.side_mut(by).settle_asked = asked;
            return Ok(());
        }
        for (asset, line) in lines {
            self.set_line(asset, line);
        }
        self.terms.settle_counter = asked.first().map_or(0, |settlement| settlement.counter);
        (self.terms.left.settle_asked, self.terms.right.settle_asked) = (Vec::new(), Vec::new());
        self.terms.settlement = asked;
        Ok(())
    }

    /// CH-12: strictly in the chain's order, each once.
    fn fact(&mut self, place: (u64, u64), asset: AssetId, change: &CollateralChange) -> Result<(), Rejection> {
        if place <= (self.terms.fact_block, self.terms.fact_log_index) {
            return Err(Rejection::StaleFact {});
        }
        match change {
            CollateralChange::Added { side, amount } => {
                let line = self.listed_line(asset)?.collateral_added(*side, *amount)?;
                self.set_line(asset, line);
            }
            CollateralChange::Settled { counter, left, right } => self.settled(asset, *counter, *left, *right)?,
            CollateralChange::Lapsed { counter } => {
                if self.terms.settlement.first().map(|settlement| settlement.counter) != Some(*counter) {
                    return Err(Rejection::StaleFact {});
                }
                while let Some(settlement) = self.terms.settlement.pop() {
                    for diff in &settlement.diffs {
                        let line = released(self.listed_line(diff.asset)?, diff)?;
                        self.set_line(diff.asset, line);
                    }
                }
            }
        }
        (self.terms.fact_block, self.terms.fact_log_index) = place;
        Ok(())
    }

    fn settled(&mut self, asset: AssetId, counter: u64, left: Balance, right: Balance) -> Result<(), Rejection> {
        let mut line = *self.listed_line(asset)?;
        let begun = self.terms.settlement.first().filter(|settlement| settlement.counter == counter);
        let diff = begun.and_then(|settlement| settlement.diffs.iter().find(|diff| diff.asset == asset)).copied();
        if let Some(diff) = &diff {
            line = released(&line, diff)?;
        }
        let line = line.settled(left, right)?;
        self.set_line(asset, line);
        if diff.is_some() {
            // One fact an asset: what is left of the settlement still waits for its own.
            for settlement in &mut self.terms.settlement {
                settlement.diffs.retain(|diff| diff.asset != asset);
            }
            self.terms.settlement.retain(|settlement| !settlement.diffs.is_empty());
        }
        self.terms.settle_counter = self.terms.settle_counter.max(counter);
        Ok(())
    }
}

/// A line without what was held for a settlement.
fn released(line: &Line, diff: &SettleDiff) -> Result<Line, Rejection> {
    let mut line = *line;
    for side in [Side::Left, Side::Right] {
        let taken = side.pick(diff.left, diff.right).claim();
        if taken != Amount::ZERO {
            line = line.release(side, taken)?;
        }
    }
    Ok(line)
}

fn check_window(dispute_window_s: u64) -> Result<(), Rejection> {
    let bounds = xln_types::tx::DISPUTE_WINDOW_S;
    if bounds.contains(&dispute_window_s) {
        return Ok(());
    }
    Err(Rejection::WindowOutside { min_s: *bounds.start(), max_s: *bounds.end() })
}

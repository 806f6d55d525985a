//! HTLCs: locked, claimed, given back, and what follows of it. In a channel whose sides are both here at once; in one with another node by
//! frames, and then it follows once it is final or released (**CH-8**).
//!
//! **HT-1**, **HT-2**, **HT-3** (an incoming one is given back only when its outgoing one is over), **DP-2**.

use super::{Doubt, Shadow, require};
use crate::book::lock_of;
use crate::memory::{Lock, Outcome, Source};
use crate::records::{CHANNEL_OPEN, Head};
use xln_types::tx::{HtlcCancel, HtlcCreate, HtlcFulfill};
use xln_types::{Amount, AssetId, ChannelId, EntityId, Failure, FrameTx, Hash, Htlc, HtlcKey, Rejection, Side};

/// Most HTLCs that one deep block's time takes back (HT-2).
const EXPIRED_HTLCS_MAX: usize = 1024;

/// What follows from what was done, in its order.
#[derive(Clone, Debug)]
pub(super) enum Todo {
    /// Something became final, or was released.
    Outcome(ChannelId, Outcome),
    /// An HTLC is final for a receiver who is here.
    Arrived(ChannelId, HtlcKey),
    /// An HTLC of someone here was claimed.
    Claimed(ChannelId, HtlcKey, Hash),
    /// An HTLC of someone here was given back. No failure: only replay knows which.
    Returned(ChannelId, HtlcKey, Option<Failure>),
}

impl Shadow<'_> {
    /// All that follows, until nothing does.
    pub(super) fn work_off(&mut self) -> Result<(), Doubt> {
        while let Some(todo) = self.todo.pop_front() {
            match todo {
                Todo::Outcome(channel, outcome) => self.outcome(channel, outcome)?,
                Todo::Arrived(channel, key) => self.lock_arrived(channel, key)?,
                Todo::Claimed(channel, key, preimage) => self.claimed(channel, key, preimage)?,
                Todo::Returned(channel, key, failure) => self.returned(channel, key, failure)?,
            }
        }
        Ok(())
    }

    fn outcome(&mut self, channel: ChannelId, outcome: Outcome) -> Result<(), Doubt> {
        let (head, me) = (self.head(channel)?, self.need_memory(channel)?.me);
        let own = head.entity(me);
        match outcome {
            Outcome::Locked(key) => self.todo.push_back(Todo::Arrived(channel, key)),
            Outcome::Claimed(key, preimage) => self.todo.push_back(Todo::Claimed(channel, key, preimage)),
            Outcome::Returned(key, failure) => self.todo.push_back(Todo::Returned(channel, key, failure)),
            Outcome::Acknowledged(FrameTx::Open { .. }) => self.accepted(head)?,
            Outcome::Acknowledged(FrameTx::HtlcFulfill { id, preimage }) => {
                self.invoice_paid(own, lock_of(&preimage));
                self.forget_forward((channel, HtlcKey { side: me.other(), id }));
            }
            Outcome::Acknowledged(FrameTx::HtlcCancel { key, .. }) => self.forget_forward((channel, key)),
            Outcome::Dropped(FrameTx::HtlcAdd { id, .. }) => {
                self.todo.push_back(Todo::Returned(channel, HtlcKey { side: me, id }, None));
            }
            Outcome::Dropped(FrameTx::HtlcFulfill { preimage, .. }) => {
                self.invoice_reserved(own, lock_of(&preimage), xln_types::TxHash::ZERO);
            }
            Outcome::Dropped(FrameTx::Settle { counter, .. }) => {
                if let Some(operation) = self.settlement_of(own, channel, counter) {
                    self.end(&operation, false)?;
                }
            }
            Outcome::Acknowledged(_) | Outcome::Dropped(_) => {}
        }
        Ok(())
    }

    /// CH-1, DP-2: the payer can pay that over this channel, whatever of it is already locked, stacked or drafted.
    pub(super) fn payable(
        &self,
        payer: EntityId,
        (head, side): (&Head, Side),
        asset: AssetId,
        amount: Amount,
    ) -> Result<(), Doubt> {
        let line = self.tip(head)?.listed(asset)?;
        let out = line.out(side).ok_or_else(super::out_of_range)?;
        require(amount.0 <= out, "CH-1", &format!("at most out = {out}"), || amount.to_string())?;
        self.drawable(payer, &line, side, asset, amount)
    }

    /// HT-1: someone here locks a payment by hash.
    pub(super) fn lock(
        &mut self,
        channel: ChannelId,
        side: Side,
        htlc: Htlc,
        source: impl FnOnce(HtlcKey) -> Source,
    ) -> Result<HtlcKey, Doubt> {
        let head = self.head(channel)?;
        require(head.status == CHANNEL_OPEN, "CH-11", "an open channel", || format!("status {}", head.status))?;
        let next = self.tip(&head)?.terms.side(side).htlc_next;
        let id = self.memory(channel).map_or(next, |memory| next.max(memory.htlc_next));
        let (key, expires_at_s) = (HtlcKey { side, id }, htlc.expires_at_s);
        let tx = FrameTx::HtlcAdd { id, htlc };
        if self.memory(channel).is_some() {
            self.draft(channel, tx, false)?;
        } else {
            self.step_book(&head, side, &tx)?;
            self.todo.push_back(Todo::Arrived(channel, key));
        }
        self.step.expiries.insert((expires_at_s, (channel, key)), true);
        self.step.outgoing.insert((channel, key), Some((expires_at_s, source(key))));
        Ok(key)
    }

    /// HT-2: a receiver claims.
    pub(super) fn claim(&mut self, channel: ChannelId, key: HtlcKey, preimage: Hash) -> Result<(), Doubt> {
        let tx = FrameTx::HtlcFulfill { id: key.id, preimage };
        if self.memory(channel).is_some() {
            return self.draft(channel, tx, false);
        }
        let head = self.head(channel)?;
        self.step_book(&head, key.side.other(), &tx)?;
        self.forget_forward((channel, key));
        self.todo.push_back(Todo::Claimed(channel, key, preimage));
        Ok(())
    }

    /// HT-2: a receiver gives back, or a payer takes back what has expired.
    pub(super) fn give_back(
        &mut self,
        channel: ChannelId,
        by: Side,
        key: HtlcKey,
        failure: Option<Failure>,
    ) -> Result<(), Doubt> {
        let vague = failure.is_none();
        let told = failure.clone().unwrap_or_else(|| Failure::here(Rejection::NotAvailable {}));
        let tx = FrameTx::HtlcCancel { key, failure: told };
        if self.memory(channel).is_some() {
            return self.draft(channel, tx, vague);
        }
        let head = self.head(channel)?;
        self.step_book(&head, by, &tx)?;
        self.forget_forward((channel, key));
        self.todo.push_back(Todo::Returned(channel, key, failure));
        Ok(())
    }

    pub(super) fn htlc_create(&mut self, from: EntityId, body: &HtlcCreate) -> Result<(), Doubt> {
        let (head, side) = self.own_channel(from, body.channel, "HT-1")?;
        let HtlcCreate { channel, asset, amount, hashlock, expires_at_s, onion } = body.clone();
        require(onion.0.is_empty(), "HT-1", "no route of a wallet's own", || format!("{onion:?}"))?;
        self.payable(from, (&head, side), asset, amount)?;
        self.lock(channel, side, Htlc { asset, amount, hashlock, expires_at_s, onion }, |_| Source::Own).map(|_| ())
    }

    pub(super) fn htlc_fulfill(&mut self, from: EntityId, body: &HtlcFulfill) -> Result<(), Doubt> {
        let (head, side) = self.own_channel(from, body.channel, "HT-2")?;
        self.claim(head.id, HtlcKey { side: side.other(), id: body.id }, body.preimage)
    }

    /// HT-2, HT-3: one that was passed on is the route's to end.
    pub(super) fn htlc_cancel(&mut self, from: EntityId, body: &HtlcCancel) -> Result<(), Doubt> {
        let (head, side) = self.own_channel(from, body.channel, "HT-2")?;
        let key = HtlcKey { side: body.side, id: body.id };
        let passed_on = self.forward((head.id, key)).is_some();
        require(!passed_on, "HT-3", "one that wasn't passed on", || format!("{} of {}", key.id, key.side))?;
        let expires_at_s = self.tip(&head)?.htlc(key)?.expires_at_s;
        let may = key.side != side || expires_at_s <= self.now_s();
        require(may, "HT-2", &format!("its receiver, or an expiry past {expires_at_s}"), || self.now_s().to_string())?;
        self.give_back(head.id, side, key, Some(Failure::here(Rejection::NotAuthorized {})))
    }

    /// HT-2: a deep block is past them: payers take back what they locked. HT-3: one that was passed on here waits for its outgoing one.
    pub(super) fn take_back(&mut self, deep_s: u64) -> Result<(), Doubt> {
        let over: Vec<(u64, Lock)> = self
            .held
            .memories
            .expiries
            .iter()
            .take_while(|(expires_at_s, _)| *expires_at_s <= deep_s)
            .take(EXPIRED_HTLCS_MAX)
            .copied()
            .collect();
        for expiry in over {
            self.step.expiries.insert(expiry, false);
            let (_, (channel, key)) = expiry;
            let here = self.memory(channel).is_none();
            let there = self.tip(&self.head(channel)?)?.htlcs.contains_key(&key);
            if there && !(here && self.forward((channel, key)).is_some()) {
                let failure = Failure::here(Rejection::DeadlinePassed {});
                // It may be ending by another way.
                let _ = self.give_back(channel, key.side, key, Some(failure));
            }
        }
        Ok(())
    }

    /// An HTLC of someone here is over.
    pub(super) fn forget_outgoing(&mut self, lock: Lock) -> Option<Source> {
        let known = self.step.outgoing.get(&lock).copied();
        let known = known.unwrap_or_else(|| self.held.memories.outgoing.get(&lock).copied());
        let (expires_at_s, source) = known?;
        self.step.outgoing.insert(lock, None);
        self.step.expiries.insert((expires_at_s, lock), false);
        Some(source)
    }
}

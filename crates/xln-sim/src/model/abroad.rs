//! What the ledger makes of channels with other nodes. What such a transaction is answered depends on frames under way, which is the replica's to know:
//! the answer is taken as given, if its reason can be at all and its numbers make sense; what it does to a reserve and to operations is followed
//! exactly. HTLCs between two who are both here are followed by what the receipts tell, so that all else stays foretold.

use super::Answer;
use super::ledger::{Kind, Ledger, Operation, Progress, side, signed};
use xln_crypto::derive;
use xln_types::{Amount, AssetId, Body, ChannelId, Event, HtlcKey, OperationId, Receipt, Rejection, Transaction};

/// The other side of an operation of a channel with another node.
pub(super) const ELSEWHERE: usize = usize::MAX;

/// Refusals that a transaction across nodes can meet.
const POSSIBLE: [&str; 36] = [
    "malformed_body",
    "unknown_entity",
    "unknown_channel",
    "unknown_asset",
    "already_exists",
    "same_entity",
    "too_large",
    "channel_not_open",
    "no_route",
    "amount_not_positive",
    "out_of_range",
    "insufficient_funds",
    "insufficient_reserve",
    "insufficient_share",
    "limit_exceeded",
    "fee_too_low",
    "fee_not_payable",
    "not_for_unique_asset",
    "window_outside",
    "not_yours_to_accept",
    "chain_signature_needed",
    "not_hosted",
    "validity_outside",
    "stack_full",
    "unknown_htlc",
    "too_many_htlcs",
    "htlc_used",
    "wrong_preimage",
    "htlc_expired",
    "htlc_not_expired",
    "expiry_outside",
    "settlement_pending",
    "needs_agreement",
    "not_empty",
    "not_available",
    "too_many_assets",
];

fn sums_make_sense(rejection: &Rejection) -> bool {
    match rejection {
        Rejection::InsufficientFunds { available, .. }
        | Rejection::LimitExceeded { available, .. }
        | Rejection::InsufficientReserve { available }
        | Rejection::InsufficientShare { available } => available.in_range() || *available == Amount(u128::MAX),
        _ => true,
    }
}

impl Ledger {
    /// Whether a transaction touches another node, or locks by hash.
    pub(super) fn is_abroad(&self, tx: &Transaction, body: &Body) -> bool {
        let tied = |channel: &ChannelId| self.abroad.ties.contains_key(channel);
        match body {
            Body::OpenChannel(body) => self.abroad.entities.contains_key(&body.peer),
            Body::DirectPayment(body) => !body.route.is_empty() || self.abroad.addresses.contains_key(&tx.to),
            Body::BatchPayment(_) => self.abroad.addresses.contains_key(&tx.to),
            Body::HtlcCreate(_) | Body::HtlcFulfill(_) | Body::HtlcCancel(_) | Body::UpdateChannel(_) => true,
            Body::AcceptChannel(body) => tied(&body.channel),
            Body::SetCredit(body) => tied(&body.channel),
            Body::Allocate(body) => tied(&body.channel),
            Body::Deallocate(body) => tied(&body.channel),
            _ => false,
        }
    }

    /// Takes the answer as given, and follows what it did.
    pub(super) fn across(&mut self, from: usize, tx: &Transaction, body: &Body, receipt: &Receipt) -> Answer {
        if let Some(rejection) = receipt.rejection() {
            let possible = POSSIBLE.contains(&rejection.reason()) && sums_make_sense(rejection);
            return Err(if possible { rejection.clone() } else { Rejection::NotAvailable {} });
        }
        let id = |index| derive::operation_id(self.hub_id(), tx.from, tx.nonce, index);
        let begun: Vec<(OperationId, Kind, ChannelId, AssetId, Amount, u64, bool)> = match body {
            Body::OpenChannel(body) => {
                let channel = crate::people::channel(self.people[from].id, body.peer);
                let locks = (0..).zip(&body.collateral);
                let begun = locks.map(|(index, lock)| {
                    (id(index), Kind::Allocate, channel, lock.asset, lock.amount, body.valid_until_s, true)
                });
                begun.collect()
            }
            Body::Allocate(it) => {
                vec![(id(0), Kind::Allocate, it.channel, it.asset, it.amount, it.valid_until_s, false)]
            }
            Body::Deallocate(it) => {
                vec![(id(0), Kind::Settle, it.channel, it.asset, it.amount, it.valid_until_s, false)]
            }
            _ => Vec::new(),
        };
        for (id, kind, channel, asset, sum, until_s, opening) in begun {
            let (asset, number) = (self.known_asset(asset)?, signed(sum));
            if kind == Kind::Allocate {
                self.debit(from, asset, number)?;
                self.person_mut(from).pots[asset].allocating += number;
            }
            // What an allocation begins with the event says.
            let progress = Progress::Waiting;
            let (owner, peer, counter, sent) = (from, ELSEWHERE, 0, None);
            let begun =
                Operation { kind, progress, owner, peer, asset, amount: number, until_s, opening, counter, sent };
            self.put_operation(id, Some(begun));
            self.crossing.insert(id, channel);
        }
        Ok(())
    }

    /// True for an operation of a channel with another node.
    pub(crate) fn crosses(&self, id: OperationId) -> bool {
        self.crossing.contains_key(&id)
    }

    /// Follows what a receipt tells of HTLCs between people here, and of operations of channels with other nodes.
    pub(super) fn follow(&mut self, receipt: &Receipt) -> Answer {
        for event in &receipt.logs {
            match event {
                Event::HtlcAdded { channel, left, key, asset, amount, .. } => {
                    self.locked(*channel, *left, *key, *asset, *amount)?;
                }
                Event::HtlcEnded { channel, key, failure, .. } => self.unlocked(*channel, *key, failure.is_empty())?,
                Event::Operation { operation, status, .. } if self.crosses(*operation) => {
                    self.went_on(*operation, *status)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn went_on(&mut self, id: OperationId, status: u8) -> Answer {
        let Some(it) = self.operations().get(&id).copied() else { return Ok(()) };
        let progress = match status {
            0 => Progress::Waiting,
            1 => Progress::Pending,
            2 => Progress::Sent,
            3 => {
                self.put_operation(id, None);
                return Ok(());
            }
            _ => return self.fail(id),
        };
        self.put_operation(id, Some(Operation { progress, ..it }));
        Ok(())
    }

    fn locked(
        &mut self,
        channel: ChannelId,
        left: xln_types::EntityId,
        key: HtlcKey,
        asset: AssetId,
        sum: Amount,
    ) -> Answer {
        let (Some((one, other)), Some(asset)) = (self.pairs.get(&channel).copied(), self.asset(asset)) else {
            return Ok(());
        };
        let left_is_one = self.people[one].id == left;
        let (payer, payee) =
            if left_is_one == (key.side == xln_types::Side::Left) { (one, other) } else { (other, one) };
        let number = signed(sum);
        self.account_mut(payer, payee)?.lines[asset].held[side(payer, payee)] += number;
        self.locks.insert((channel, key), (payer, payee, asset, number));
        Ok(())
    }

    fn unlocked(&mut self, channel: ChannelId, key: HtlcKey, claimed: bool) -> Answer {
        let Some((payer, payee, asset, number)) = self.locks.remove(&(channel, key)) else { return Ok(()) };
        let own = side(payer, payee);
        let line = &mut self.account_mut(payer, payee)?.lines[asset];
        line.held[own] -= number;
        if claimed {
            line.share[own] -= number;
            line.share[1 - own] += number;
        }
        Ok(())
    }

    /// DP-5: a settlement with another node: what the one who is here gained.
    pub(super) fn settled_across(&mut self, channel: ChannelId, asset: usize, counter: u64, gained: [i128; 2]) {
        let Some(tie) = self.abroad.ties.get(&channel).copied() else { return };
        // What it was begun with stands in a frame; one at a time is under way in a channel.
        let _ = counter;
        let begun = |(id, it): &(&OperationId, &Operation)| {
            it.kind == Kind::Settle && it.owner == tie.who && self.crossing.get(*id) == Some(&channel)
        };
        let mut begun = self.operations().iter().filter(begun);
        let gained = gained[usize::from(!tie.is_left)];
        let ended = begun.find(|(_, it)| it.progress != Progress::Waiting && it.amount == gained).map(|(id, _)| *id);
        if let Some(id) = ended {
            self.put_operation(id, None);
        }
        let pot = &mut self.people[tie.who].pots[asset];
        pot.free += gained;
        pot.allocated = if gained < 0 { pot.allocated - gained } else { (pot.allocated - gained).max(0) };
    }
}

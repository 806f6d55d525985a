//! Payments: over the channel with the payee, or over the hub where there is none. **CH-14**: a hub payment moves both
//! `offdelta`s in one transaction, both or neither; a rejection names the leg.

use super::state::Server;
use crate::arena::Handle;
use crate::channel::{self, Action, Channel, ChannelStatus};
use crate::depositary::reserve::hop_fee;
use crate::entity::Entity;
use crate::machine::At;
use xln_crypto::derive;
use xln_types::codec::Blob;
use xln_types::tx::{BATCH_PAYMENTS_MAX, BatchPayment, BatchedPayment, DirectPayment, MEMO_BYTES_MAX, Transaction};
use xln_types::{Address, Amount, AssetId, Balance, Event, FrameTx, Rejection, Side, TxHash};

/// One channel that a payment crosses.
#[derive(Clone, Copy, Debug)]
struct Leg {
    /// 0 the payer's own channel, 1 the hub's.
    number: u8,
    channel: Handle<Channel>,
    payer: Handle<Entity>,
    side: Side,
    amount: Amount,
}

impl Server {
    pub(super) fn pay(
        &mut self,
        at: At,
        from: Handle<Entity>,
        (tx, hash): (&Transaction, TxHash),
        body: &DirectPayment,
    ) -> Result<(), Rejection> {
        if !body.route.is_empty() {
            return self.pay_route(at, from, hash, tx.fee, body);
        }
        if MEMO_BYTES_MAX < body.memo.0.len() {
            return Err(Rejection::TooLarge { limit: MEMO_BYTES_MAX as u64 });
        }
        if !self.assets.contains_key(&body.asset) {
            return Err(Rejection::UnknownAsset {});
        }
        let legs = self.legs(from, tx.to, body, tx.fee)?;
        for leg in legs.into_iter().flatten() {
            match self.own_side(leg.channel) {
                None => self.pay_leg(at, &leg, body.asset, tx.fee, &body.memo)?,
                Some(_) => self.pay_remote(at, &leg, body, hash)?,
            }
        }
        Ok(())
    }

    /// The channels to cross: the one with the payee, or the payer's with the hub and the hub's with the payee.
    fn legs(
        &self,
        from: Handle<Entity>,
        to: Address,
        body: &DirectPayment,
        fee: Amount,
    ) -> Result<[Option<Leg>; 2], Rejection> {
        let to = self.entity_index.get(&to).filter(|to| !self.entities.at(*to).deleted);
        let to = to.ok_or(Rejection::UnknownEntity {})?;
        if from == to {
            return Err(Rejection::SameEntity {});
        }
        if body.amount == Amount::ZERO {
            return Err(Rejection::AmountNotPositive {});
        }
        if let Some((channel, side)) = self.pair(from, to) {
            if fee != Amount::ZERO {
                return Err(Rejection::FeeNotPayable {});
            }
            return Ok([Some(Leg { number: 0, channel, payer: from, side, amount: body.amount }), None]);
        }
        let first = self.pair(from, self.hub).ok_or(Rejection::NoRoute {})?;
        let second = self.pair(self.hub, to).ok_or(Rejection::NoRoute {})?;
        // CH-14: both legs or neither, which a frame can't promise: past another node a payment takes a route.
        if self.own_side(first.0).is_some() || self.own_side(second.0).is_some() {
            return Err(Rejection::NoRoute {});
        }
        // HT-4: a unique asset crosses without a fee, which could only be paid in itself.
        let expected = if self.is_unique(body.asset) {
            Amount::ZERO
        } else {
            let policy = self.entities.at(self.hub).policy(body.asset);
            hop_fee(&policy, body.amount).ok_or(Rejection::OutOfRange {})?
        };
        if fee < expected {
            return Err(Rejection::FeeTooLow { expected });
        }
        let whole = body.amount.plus(fee).ok_or(Rejection::OutOfRange {})?;
        Ok([
            Some(Leg { number: 0, channel: first.0, payer: from, side: first.1, amount: whole }),
            Some(Leg { number: 1, channel: second.0, payer: self.hub, side: second.1, amount: body.amount }),
        ])
    }

    fn pay_leg(&mut self, at: At, leg: &Leg, asset: AssetId, fee: Amount, memo: &Blob) -> Result<(), Rejection> {
        let head = self.channels.at(leg.channel).head;
        let available = self.available(leg.payer, leg.channel, leg.side, asset);
        // CH-11: of a channel that isn't open, the channel itself says so.
        let short =
            available.filter(|available| head.status == ChannelStatus::Open && available.smaller() < leg.amount);
        if let Some(available) = short {
            // What would have worked for the recipient: the first leg carries the fee too.
            let net = if leg.number == 0 { available.smaller().minus_or_zero(fee) } else { available.smaller() };
            return Err(if available.channel < leg.amount {
                Rejection::InsufficientFunds { available: net, leg: leg.number }
            } else {
                Rejection::LimitExceeded { available: net, leg: leg.number }
            });
        }
        let action = Action::Pay { asset, amount: leg.amount };
        self.step_channel(at, leg.channel, &channel::Message { by: leg.side, action })?;
        let delta = self.channels.at(leg.channel).line(asset).map_or(Balance::ZERO, channel::Line::delta);
        self.journal.events.push(Event::Paid {
            channel: head.id,
            payer: head.entity(leg.side),
            payee: head.entity(leg.side.other()),
            asset,
            amount: leg.amount,
            delta,
            memo: memo.clone(),
        });
        Ok(())
    }

    /// A payment to an entity on another node waits for the turn's frame, and is over once that entity has signed it.
    fn pay_remote(&mut self, at: At, leg: &Leg, body: &DirectPayment, payment: TxHash) -> Result<(), Rejection> {
        self.check_payable(leg.payer, leg.channel, leg.side, body.asset, leg.amount, leg.number)?;
        let (asset, amount, memo) = (body.asset, leg.amount, body.memo.clone());
        self.draft(at, leg.channel, FrameTx::Pay { asset, amount, payment, memo })
    }

    /// Many payments over the channel with one payee, all or none.
    pub(super) fn pay_batch(
        &mut self,
        at: At,
        from: Handle<Entity>,
        (tx, hash): (&Transaction, TxHash),
        body: &BatchPayment,
    ) -> Result<(), Rejection> {
        if body.payments.is_empty() || BATCH_PAYMENTS_MAX < body.payments.len() {
            return Err(Rejection::TooLarge { limit: BATCH_PAYMENTS_MAX as u64 });
        }
        if body.payments.iter().any(|payment| MEMO_BYTES_MAX < payment.memo.0.len()) {
            return Err(Rejection::TooLarge { limit: MEMO_BYTES_MAX as u64 });
        }
        if body.payments.iter().any(|payment| payment.amount == Amount::ZERO) {
            return Err(Rejection::AmountNotPositive {});
        }
        if !self.assets.contains_key(&body.asset) {
            return Err(Rejection::UnknownAsset {});
        }
        let to = self.entity_index.get(&tx.to).filter(|to| !self.entities.at(*to).deleted);
        let to = to.ok_or(Rejection::UnknownEntity {})?;
        let (channel, side) = self.pair(from, to).ok_or(Rejection::NoRoute {})?;
        let sum = |sum: Amount, payment: &BatchedPayment| sum.plus(payment.amount);
        let whole = body.payments.iter().try_fold(Amount::ZERO, sum).ok_or(Rejection::OutOfRange {})?;
        let leg = Leg { number: 0, channel, payer: from, side, amount: whole };
        if self.own_side(channel).is_none() {
            for payment in &body.payments {
                let leg = Leg { amount: payment.amount, ..leg };
                self.pay_leg(at, &leg, body.asset, Amount::ZERO, &payment.memo)?;
            }
            return Ok(());
        }
        self.check_payable(from, channel, side, body.asset, whole, 0)?;
        let payments = body.payments.iter().enumerate().map(|(index, payment)| FrameTx::Pay {
            asset: body.asset,
            amount: payment.amount,
            payment: derive::batched_payment(hash, index as u64),
            memo: payment.memo.clone(),
        });
        self.draft_all(at, channel, payments.collect())
    }

    /// CH-1: what an entity can pay over one of its channels: by the channel, and by what DP-2 still allows.
    pub fn available(
        &self,
        payer: Handle<Entity>,
        channel: Handle<Channel>,
        side: Side,
        asset: AssetId,
    ) -> Option<Available> {
        let line = self.channels.at(channel).tip().listed_line(asset).ok()?;
        let secured = line.share(side).claim().minus_or_zero(line.held(side));
        let policy = self.entities.at(payer).policy(asset);
        let drawable = self.depositary(payer).promised(asset).drawable(&policy);
        Some(Available { channel: line.out(side), policy: Amount(secured.0.saturating_add(drawable.0)) })
    }
}

/// The two bounds on a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Available {
    /// `out` of CH-1.
    pub channel: Amount,
    /// What the payer's share and DP-2 allow.
    pub policy: Amount,
}

impl Available {
    /// The number that a rejection carries (CH-1).
    pub fn smaller(&self) -> Amount {
        self.channel.min(self.policy)
    }
}

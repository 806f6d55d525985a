//! Payments: what must move, from the transaction alone. **CH-1** who can pay, **CH-2** which way the offdelta goes, **CH-14** both
//! legs or none, **DP-2** what the payer may owe, **HT-4** the hub's fee.

use super::{Doubt, Shadow, doubt, moved, require, signed};
use crate::records::{CHANNEL_OPEN, Line, Reserve};
use crate::wide::product;
use xln_types::tx::{AssetPolicy, BATCH_PAYMENTS_MAX, BatchPayment, DirectPayment};
use xln_types::{Amount, AssetId, ChannelId, EntityId, FrameTx, Side, Transaction, TxHash};

/// Millionths in a whole.
pub(super) const PPM: u64 = 1_000_000;

impl Shadow<'_> {
    pub(super) fn payment(&mut self, from: EntityId, tx: &Transaction, body: &DirectPayment) -> Result<(), Doubt> {
        let hash = xln_crypto::derive::tx_hash(self.held.genesis.chain_id, self.held.hub, tx);
        if !body.route.is_empty() {
            return self.pay_route(from, (hash, tx.fee), body);
        }
        self.require_asset(body.asset)?;
        let to = self.held.entity_at(tx.to).map(|(_, id)| id);
        let to = to.ok_or_else(|| doubt("CH-2", "a known payee", tx.to.to_string()))?;
        require(from != to, "N-5", "a payee other than the payer", || to.to_string())?;
        require(body.amount != Amount::ZERO, "CH-1", "an amount above 0", || "0".to_owned())?;
        if let Some((channel, side)) = self.pair(from, to) {
            require(tx.fee == Amount::ZERO, "TX-1", "no fee without a hop", || tx.fee.to_string())?;
            if self.memory(channel).is_some() {
                return self.pay_elsewhere(from, (channel, side), hash, body);
            }
            return self.leg(from, channel, side, body.asset, body.amount);
        }
        let hub = self.held.hub;
        let no_route = || doubt("CH-14", "a channel of each with the hub", "none");
        let (first, first_side) = self.pair(from, hub).ok_or_else(no_route)?;
        let (second, second_side) = self.pair(hub, to).ok_or_else(no_route)?;
        // Both legs or neither, which a frame can't promise.
        let here = self.memory(first).is_none() && self.memory(second).is_none();
        require(here, "CH-14", "two channels of this hub's alone", || "one with another node".to_owned())?;
        check_fee(&self.policy(hub, body.asset), body.amount, tx.fee)?;
        let whole = super::changed(body.amount, signed(tx.fee)?)?;
        self.leg(from, first, first_side, body.asset, whole)?;
        self.leg(hub, second, second_side, body.asset, body.amount)
    }

    /// Many payments over the channel with one payee.
    pub(super) fn batch(&mut self, from: EntityId, tx: &Transaction, body: &BatchPayment) -> Result<(), Doubt> {
        self.require_asset(body.asset)?;
        let count = body.payments.len();
        let counted = (1..=BATCH_PAYMENTS_MAX).contains(&count);
        require(counted, "TX-1", "1 to 256 payments", || count.to_string())?;
        let to = self.held.entity_at(tx.to).map(|(_, id)| id);
        let to = to.ok_or_else(|| doubt("CH-2", "a known payee", tx.to.to_string()))?;
        let (channel, side) = self.pair(from, to).ok_or_else(|| doubt("CH-2", "a channel with it", "none"))?;
        if self.memory(channel).is_some() {
            return self.batch_elsewhere(from, (channel, side), tx, body);
        }
        for payment in &body.payments {
            require(payment.amount != Amount::ZERO, "CH-1", "an amount above 0", || "0".to_owned())?;
            self.leg(from, channel, side, body.asset, payment.amount)?;
        }
        Ok(())
    }

    /// Each payment of a batch to another node's entity waits by its own name.
    fn batch_elsewhere(
        &mut self,
        from: EntityId,
        (channel, side): (ChannelId, Side),
        tx: &Transaction,
        body: &BatchPayment,
    ) -> Result<(), Doubt> {
        let head = self.head(channel)?;
        self.require_open(&head)?;
        let batch = xln_crypto::derive::tx_hash(self.held.genesis.chain_id, self.held.hub, tx);
        let mut whole = Amount::ZERO;
        for payment in &body.payments {
            require(payment.amount != Amount::ZERO, "CH-1", "an amount above 0", || "0".to_owned())?;
            whole = super::changed(whole, signed(payment.amount)?)?;
        }
        self.payable(from, (&head, side), body.asset, whole)?;
        for (index, payment) in body.payments.iter().enumerate() {
            let name = xln_crypto::derive::batched_payment(batch, index as u64);
            let (asset, amount, memo) = (body.asset, payment.amount, payment.memo.clone());
            self.draft(channel, FrameTx::Pay { asset, amount, payment: name, memo }, false)?;
        }
        Ok(())
    }

    fn leg(
        &mut self,
        payer: EntityId,
        channel: ChannelId,
        side: Side,
        asset: AssetId,
        amount: Amount,
    ) -> Result<(), Doubt> {
        let head = self.head(channel)?;
        require(head.status == CHANNEL_OPEN, "CH-11", "an open channel", || format!("status {}", head.status))?;
        let line = self.line(&head, asset)?;
        require(line.listed == 1, "CH-12", "an asset that both sides listed", || asset.to_string())?;
        let out = line.out(side).ok_or_else(super::out_of_range)?;
        require(amount.0 <= out, "CH-1", &format!("at most out = {out}"), || amount.to_string())?;
        self.drawable(payer, &line, side, asset, amount)?;
        let step = signed(amount)?;
        let offdelta = moved(line.offdelta, side.pick(step.saturating_neg(), step))?;
        let payments = line.payments.saturating_add(1);
        let volume = Amount(line.volume.0.saturating_add(amount.0));
        self.put_line(&head, asset, Line { offdelta, payments, volume, ..line })?;
        // What is locked beside it may now come to a debt.
        if self.held.memories.exposures.contains_key(&channel) { self.recount(&head) } else { Ok(()) }
    }

    /// A payment to another node's entity waits for the turn's frame.
    fn pay_elsewhere(
        &mut self,
        from: EntityId,
        (channel, side): (ChannelId, Side),
        payment: TxHash,
        body: &DirectPayment,
    ) -> Result<(), Doubt> {
        let head = self.head(channel)?;
        self.require_open(&head)?;
        self.payable(from, (&head, side), body.asset, body.amount)?;
        let (asset, amount, memo) = (body.asset, body.amount, body.memo.clone());
        self.draft(channel, FrameTx::Pay { asset, amount, payment, memo }, false)
    }
}

/// HT-4: base + amount · ppm / 10⁶, rounded up, by multiplying out instead of dividing.
pub(super) fn check_fee(policy: &AssetPolicy, amount: Amount, fee: Amount) -> Result<(), Doubt> {
    let rest = fee.0.checked_sub(policy.fee_base.0);
    let enough = rest.is_some_and(|rest| product(amount.0, policy.fee_ppm) <= product(rest, PPM));
    let (base, ppm) = (policy.fee_base, policy.fee_ppm);
    require(enough, "HT-4", &format!("a fee of {base} + {ppm} ppm"), || fee.to_string())
}

/// DP-2: with all that is locked, stacked and drafted elsewhere, what the payment draws beyond the payer's own share stays under its cap and is covered by free reserve.
pub(super) fn check_draw(
    policy: &AssetPolicy,
    reserve: &Reserve,
    exposed: u128,
    line: &Line,
    side: Side,
    amount: Amount,
) -> Result<(), Doubt> {
    let secured = line.secured(side).ok_or_else(super::out_of_range)?;
    let draw = amount.0.saturating_sub(secured);
    if draw == 0 {
        return Ok(());
    }
    let owed = reserve.owed.0.saturating_add(exposed).saturating_add(draw);
    require(owed <= policy.owed_max.0, "DP-2", &format!("owed at most {}", policy.owed_max), || owed.to_string())?;
    let free = u128::try_from(reserve.free.0).unwrap_or(0);
    let covered = product(owed, policy.reserve_ppm) <= product(free, PPM);
    let ppm = policy.reserve_ppm;
    require(covered, "DP-2", &format!("owed {owed} covered at {ppm} ppm"), || format!("free {free}"))
}

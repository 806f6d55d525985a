//! Payments: what must move, from the transaction alone. **CH-1** who can pay, **CH-2** which way the offdelta goes, **CH-14** both
//! legs or none, **DP-2** what the payer may owe, **HT-4** the hub's fee.

use super::{Doubt, Shadow, doubt, moved, require, signed};
use crate::records::{CHANNEL_OPEN, Line, Reserve};
use crate::wide::product;
use xln_types::tx::{AssetPolicy, BATCH_PAYMENTS_MAX, BatchPayment, DirectPayment};
use xln_types::{Amount, AssetId, ChannelId, EntityId, Side, Transaction};

/// Millionths in a whole.
pub(super) const PPM: u64 = 1_000_000;

impl Shadow<'_> {
    pub(super) fn payment(&mut self, from: EntityId, tx: &Transaction, body: &DirectPayment) -> Result<(), Doubt> {
        require(body.route.is_empty(), "TX-1", "no given route", || format!("{} hops", body.route.len()))?;
        self.require_asset(body.asset)?;
        let to = self.held.entity_at(tx.to).map(|(_, id)| id);
        let to = to.ok_or_else(|| doubt("CH-2", "a known payee", tx.to.to_string()))?;
        require(from != to, "N-5", "a payee other than the payer", || to.to_string())?;
        require(body.amount != Amount::ZERO, "CH-1", "an amount above 0", || "0".to_owned())?;
        if let Some((channel, side)) = self.pair(from, to) {
            require(tx.fee == Amount::ZERO, "TX-1", "no fee without a hop", || tx.fee.to_string())?;
            return self.leg(from, channel, side, body.asset, body.amount);
        }
        let hub = self.held.hub;
        let no_route = || doubt("CH-14", "a channel of each with the hub", "none");
        let (first, first_side) = self.pair(from, hub).ok_or_else(no_route)?;
        let (second, second_side) = self.pair(hub, to).ok_or_else(no_route)?;
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
        for payment in &body.payments {
            require(payment.amount != Amount::ZERO, "CH-1", "an amount above 0", || "0".to_owned())?;
            self.leg(from, channel, side, body.asset, payment.amount)?;
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
        check_draw(&self.policy(payer, asset), &self.reserve(payer, asset)?, &line, side, amount)?;
        let step = signed(amount)?;
        let offdelta = moved(line.offdelta, side.pick(step.saturating_neg(), step))?;
        let payments = line.payments.saturating_add(1);
        let volume = Amount(line.volume.0.saturating_add(amount.0));
        self.put_line(&head, asset, Line { offdelta, payments, volume, ..line })
    }
}

/// HT-4: base + amount · ppm / 10⁶, rounded up, by multiplying out instead of dividing.
fn check_fee(policy: &AssetPolicy, amount: Amount, fee: Amount) -> Result<(), Doubt> {
    let rest = fee.0.checked_sub(policy.fee_base.0);
    let enough = rest.is_some_and(|rest| product(amount.0, policy.fee_ppm) <= product(rest, PPM));
    let (base, ppm) = (policy.fee_base, policy.fee_ppm);
    require(enough, "HT-4", &format!("a fee of {base} + {ppm} ppm"), || fee.to_string())
}

/// DP-2: what the payment draws beyond the payer's own share stays under its cap and is covered by free reserve.
fn check_draw(policy: &AssetPolicy, reserve: &Reserve, line: &Line, side: Side, amount: Amount) -> Result<(), Doubt> {
    let secured = line.secured(side).ok_or_else(super::out_of_range)?;
    let draw = amount.0.saturating_sub(secured);
    if draw == 0 {
        return Ok(());
    }
    let owed = reserve.owed.0.saturating_add(draw);
    require(owed <= policy.owed_max.0, "DP-2", &format!("owed at most {}", policy.owed_max), || owed.to_string())?;
    let free = u128::try_from(reserve.free.0).unwrap_or(0);
    let covered = product(owed, policy.reserve_ppm) <= product(free, PPM);
    let ppm = policy.reserve_ppm;
    require(covered, "DP-2", &format!("owed {owed} covered at {ppm} ppm"), || format!("free {free}"))
}

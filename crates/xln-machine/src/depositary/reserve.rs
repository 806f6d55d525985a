//! One entity's reserve of one asset: pure functions of the record.

use xln_types::codec::{RlpDecodable, RlpEncodable};
use xln_types::tx::AssetPolicy;
use xln_types::{AMOUNT_MAX, Amount, Balance, Rejection};

/// What an entity has, has under way, and owes, in one asset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Reserve {
    /// Free on chain, less what is on its way out. Negative only while something that the owner sent past the hub and something
    /// that the hub has in flight both wait for the chain to pick one.
    pub free: Balance,
    /// On its way into channels (DP-1).
    pub allocating: Amount,
    /// In channels' collateral: what was put in, less what was taken back.
    pub allocated: Amount,
    /// On its way out (DP-4).
    pub withdrawing: Amount,
    /// Owed beyond collateral, over all channels (DP-2).
    pub owed: Amount,
    /// Granted to others, over all channels.
    pub granted: Amount,
    /// Net owned over all channels: the API's `balances`.
    pub net: Balance,
}

/// Millionths in a whole.
const PPM: u128 = 1_000_000;

impl Reserve {
    /// DP-2: the share of what is owed beyond collateral that free must cover, rounded up.
    pub fn minimum(&self, policy: &AssetPolicy) -> Amount {
        Amount(share_up(self.owed.0, policy.reserve_ppm))
    }

    /// What may leave: free, less the minimum reserve.
    pub fn available(&self, policy: &AssetPolicy) -> Amount {
        self.free.claim().minus_or_zero(self.minimum(policy))
    }

    /// DP-2: how much more may be owed beyond collateral: by the cap, and by what free still covers.
    pub fn drawable(&self, policy: &AssetPolicy) -> Amount {
        let capped = policy.owed_max.minus_or_zero(self.owed);
        if policy.reserve_ppm == 0 {
            return capped;
        }
        let covered = share_of(self.free.claim().0, PPM, u128::from(policy.reserve_ppm));
        capped.min(Amount(covered).minus_or_zero(self.owed))
    }

    /// DP-3: what arrived becomes free.
    ///
    /// # Errors
    /// `OutOfRange` (N-1), which the contract's own bound excludes.
    pub fn deposited(&self, amount: Amount) -> Result<Reserve, Rejection> {
        let free = self.free.plus(amount).ok_or(Rejection::OutOfRange {})?;
        Ok(Reserve { free, ..*self })
    }

    /// DP-1, DP-4: takes `amount` out of free, if the minimum reserve stays.
    ///
    /// # Errors
    /// `AmountNotPositive`, `InsufficientReserve` with what may leave.
    pub fn debit(&self, amount: Amount, policy: &AssetPolicy) -> Result<Reserve, Rejection> {
        if amount == Amount::ZERO {
            return Err(Rejection::AmountNotPositive {});
        }
        let available = self.available(policy);
        if available < amount {
            return Err(Rejection::InsufficientReserve { available });
        }
        let free = self.free.minus(amount).ok_or(Rejection::OutOfRange {})?;
        Ok(Reserve { free, ..*self })
    }

    /// What the chain took from free without the hub's asking: the owner went past it.
    ///
    /// # Errors
    /// `OutOfRange` (N-1).
    pub fn taken(&self, amount: Amount) -> Result<Reserve, Rejection> {
        let free = self.free.minus(amount).ok_or(Rejection::OutOfRange {})?;
        Ok(Reserve { free, ..*self })
    }

    /// DP-5: what a settlement moved between this reserve and a channel.
    ///
    /// # Errors
    /// `OutOfRange` (N-1).
    pub fn settled(&self, gained: Balance) -> Result<Reserve, Rejection> {
        let free = self.free.sum(gained).ok_or(Rejection::OutOfRange {})?;
        let put_in = self.allocated.plus(gained.debt()).ok_or(Rejection::OutOfRange {})?;
        Ok(Reserve { free, allocated: put_in.minus_or_zero(gained.claim()), ..*self })
    }

    /// A channel's share and debt of this entity changed.
    ///
    /// # Errors
    /// `OutOfRange` (N-1).
    pub fn moved(&self, before: (Balance, Amount), after: (Balance, Amount)) -> Result<Reserve, Rejection> {
        let out = Rejection::OutOfRange {};
        let change = after.0.difference(before.0);
        let net = change.and_then(|change| self.net.sum(change)).ok_or(out.clone())?;
        let owed = self.owed.minus(before.1).and_then(|rest| rest.plus(after.1)).ok_or(out)?;
        Ok(Reserve { net, owed, ..*self })
    }

    /// A grant of this entity changed from `before` to `after`; policies bind only what rises.
    ///
    /// # Errors
    /// `LimitExceeded` with the highest grant that the policy allows here (DESIGN 8), `OutOfRange`.
    pub fn regranted(&self, before: Amount, after: Amount, policy: &AssetPolicy) -> Result<Reserve, Rejection> {
        let others = self.granted.minus_or_zero(before);
        let available = policy.grant_max.min(policy.grant_total_max.minus_or_zero(others));
        if before < after && available < after {
            return Err(Rejection::LimitExceeded { available, leg: 0 });
        }
        let granted = others.plus(after).ok_or(Rejection::OutOfRange {})?;
        Ok(Reserve { granted, ..*self })
    }

    /// As [`Reserve::moved`], for what two nodes agreed on: past the range a sum stays at its end.
    pub fn moved_within(&self, before: (Balance, Amount), after: (Balance, Amount)) -> Reserve {
        let bound = AMOUNT_MAX.cast_signed();
        let net = self.net.0.saturating_add(after.0.0.saturating_sub(before.0.0));
        let owed = self.owed.0.saturating_sub(before.1.0).saturating_add(after.1.0).min(AMOUNT_MAX);
        Reserve { net: Balance(net.clamp(bound.saturating_neg(), bound)), owed: Amount(owed), ..*self }
    }

    /// As [`Reserve::regranted`] without a policy; past the range the sum stays at its end.
    pub fn regranted_within(&self, before: Amount, after: Amount) -> Reserve {
        let granted = self.granted.0.saturating_sub(before.0).saturating_add(after.0).min(AMOUNT_MAX);
        Reserve { granted: Amount(granted), ..*self }
    }

    /// True when nothing is there, under way, owed or granted (EN-5).
    pub fn is_empty(&self) -> bool {
        *self == Reserve::default()
    }
}

/// HT-4: `base + amount · ppm / 10⁶`, rounded up. `None` past the range.
pub fn hop_fee(policy: &AssetPolicy, amount: Amount) -> Option<Amount> {
    policy.fee_base.plus(Amount(share_up(amount.0, policy.fee_ppm)))
}

/// `value · ppm / 10⁶`, rounded up, for values within 2¹²⁰ and ppm within 10⁶: whole and rest apart, so nothing overflows.
fn share_up(value: u128, ppm: u64) -> u128 {
    let ppm = u128::from(ppm);
    let whole = (value / PPM).saturating_mul(ppm);
    let rest = (value % PPM).saturating_mul(ppm);
    whole.saturating_add(rest.div_ceil(PPM))
}

/// `value · times / over`, rounded down, saturating.
fn share_of(value: u128, times: u128, over: u128) -> u128 {
    let whole = value.checked_div(over).unwrap_or(u128::MAX).saturating_mul(times);
    let rest = value.checked_rem(over).unwrap_or(0).saturating_mul(times).checked_div(over).unwrap_or(0);
    whole.saturating_add(rest)
}

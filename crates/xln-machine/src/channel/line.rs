//! One asset of a channel: the signed arithmetic of who owns and owes what (PROTOCOL 2). Everything is a pure function of the
//! line; a refused step leaves the caller with the line it had.
//!
//! `delta = ondelta + offdelta` is left's share. 0 ≤ Δ ≤ C: left owns Δ, right C − Δ. Δ > C: right also owes left Δ − C.
//! Δ < 0: left owes right −Δ.

use xln_types::codec::{RlpDecodable, RlpEncodable};
use xln_types::{Amount, Balance, Rejection, Side, planted};

/// The balances of one asset in one channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Line {
    /// Locked on chain, C.
    pub collateral: Amount,
    /// The chain's part of left's share.
    pub ondelta: Balance,
    /// The off-chain part of left's share.
    pub offdelta: Balance,
    /// Credit that left grants right.
    pub granted_by_left: Amount,
    /// Credit that right grants left.
    pub granted_by_right: Amount,
    /// Locked by left's pending HTLCs, offers and settlements.
    pub held_left: Amount,
    /// Locked by right's pending HTLCs, offers and settlements.
    pub held_right: Amount,
    /// How many payments were made, ever.
    pub payments: u64,
    /// How much was paid in either direction, ever; stays at the largest number once it is reached.
    pub volume: Amount,
    /// 1 when both sides listed the asset; collateral of an unlisted one only waits (CH-12).
    pub listed: u8,
}

impl Line {
    /// A line that both sides listed.
    pub fn listed() -> Line {
        Line { listed: 1, ..Line::default() }
    }

    /// Left's share, Δ. Both parts are within 2¹²⁰, so the sum always fits.
    pub fn delta(&self) -> Balance {
        Balance(self.ondelta.0.saturating_add(self.offdelta.0))
    }

    /// What `side` owns of, or owes beyond, the collateral: Δ for left, C − Δ for right. The two sum to C (CH-13).
    pub fn share(&self, side: Side) -> Balance {
        let delta = self.delta().0;
        let collateral = self.collateral.0.cast_signed();
        Balance(side.pick(delta, collateral.saturating_sub(delta)))
    }

    /// What `side` owes beyond the collateral.
    pub fn owed(&self, side: Side) -> Amount {
        self.share(side).debt()
    }

    /// What `side` grants the other.
    pub fn granted(&self, grantor: Side) -> Amount {
        grantor.pick(self.granted_by_left, self.granted_by_right)
    }

    /// What `side` has locked.
    pub fn held(&self, side: Side) -> Amount {
        side.pick(self.held_left, self.held_right)
    }

    /// CH-1: the most that `side` can pay: its share plus what the other side grants it, less its holds, and never below zero.
    pub fn out(&self, side: Side) -> Amount {
        let granted = self.granted(side.other()).0.cast_signed();
        let held = self.held(side).0.cast_signed();
        Balance(self.share(side).0.saturating_add(granted).saturating_sub(held)).claim()
    }

    /// CH-1: the most that `side` can receive.
    pub fn incoming(&self, side: Side) -> Amount {
        self.out(side.other())
    }

    /// Capacity as the API shows it: C and both grants.
    pub fn capacity(&self) -> Amount {
        Amount(self.collateral.0.saturating_add(self.granted_by_left.0).saturating_add(self.granted_by_right.0))
    }

    /// CH-2: `payer` pays `amount`.
    ///
    /// # Errors
    /// `AmountNotPositive`, `InsufficientFunds` with what `payer` can pay (CH-1), `OutOfRange` (N-1), in this order.
    pub fn pay(&self, payer: Side, amount: Amount) -> Result<Line, Rejection> {
        if amount == Amount::ZERO {
            return Err(Rejection::AmountNotPositive {});
        }
        let available = self.out(payer);
        if available < amount {
            return Err(Rejection::InsufficientFunds { available, leg: 0 });
        }
        let payer = if planted("wrong_side_credited") { payer.other() } else { payer };
        let offdelta = match payer {
            Side::Left => self.offdelta.minus(amount),
            Side::Right => self.offdelta.plus(amount),
        };
        let offdelta = offdelta.ok_or(Rejection::OutOfRange {})?;
        Ok(Line { offdelta, ..*self }.counted(amount)).and_then(Line::bearing_its_holds)
    }

    /// HT-1: `payer` locks `amount`, out of what it could pay.
    ///
    /// # Errors
    /// As [`Line::pay`].
    pub fn lock(&self, payer: Side, amount: Amount) -> Result<Line, Rejection> {
        if amount == Amount::ZERO {
            return Err(Rejection::AmountNotPositive {});
        }
        let available = self.out(payer);
        if available < amount {
            return Err(Rejection::InsufficientFunds { available, leg: 0 });
        }
        let held = self.held(payer).plus(amount).ok_or(Rejection::OutOfRange {})?;
        self.with_held(payer, held).bearing_its_holds()
    }

    /// HT-2: what `payer` had locked is claimed: the hold ends and `offdelta` moves. Never refused for capacity or a lowered grant, and
    /// never out of range, since [`Line::lock`] and [`Line::pay`] left room for it.
    ///
    /// # Errors
    /// `OutOfRange` when less than that is locked.
    pub fn claim(&self, payer: Side, amount: Amount) -> Result<Line, Rejection> {
        let held = self.held(payer).minus(amount).ok_or(Rejection::OutOfRange {})?;
        let offdelta = match payer {
            Side::Left => self.offdelta.minus(amount),
            Side::Right => self.offdelta.plus(amount),
        };
        let offdelta = offdelta.ok_or(Rejection::OutOfRange {})?;
        Ok(Line { offdelta, ..self.with_held(payer, held) }.counted(amount))
    }

    /// N-1: refuses a step after which a claim of all that is held would pass 2¹²⁰.
    fn bearing_its_holds(self) -> Result<Line, Rejection> {
        let lowest = self.offdelta.minus(self.held_left);
        let highest = self.offdelta.plus(self.held_right);
        if lowest.is_some() && highest.is_some() { Ok(self) } else { Err(Rejection::OutOfRange {}) }
    }

    /// One payment more.
    fn counted(self, amount: Amount) -> Line {
        let payments = self.payments.saturating_add(1);
        Line { payments, volume: Amount(self.volume.0.saturating_add(amount.0)), ..self }
    }

    /// CH-3: `grantor` sets what it grants. Lowering it below what is drawn stops new borrowing and erases no debt.
    ///
    /// # Errors
    /// `OutOfRange` (N-1).
    pub fn grant(&self, grantor: Side, granted: Amount) -> Result<Line, Rejection> {
        if !granted.in_range() {
            return Err(Rejection::OutOfRange {});
        }
        Ok(match grantor {
            Side::Left => Line { granted_by_left: granted, ..*self },
            Side::Right => Line { granted_by_right: granted, ..*self },
        })
    }

    /// DP-1: collateral that the chain recorded for `side`: left raises C and `ondelta`, right raises C alone.
    ///
    /// # Errors
    /// `OutOfRange` (N-1), which the contract's own bound excludes.
    pub fn collateral_added(&self, side: Side, amount: Amount) -> Result<Line, Rejection> {
        let collateral = self.collateral.plus(amount);
        let ondelta = side.pick(self.ondelta.plus(amount), Some(self.ondelta));
        match (collateral, ondelta) {
            (Some(collateral), Some(ondelta)) => Ok(Line { collateral, ondelta, ..*self }),
            _ => Err(Rejection::OutOfRange {}),
        }
    }

    /// What `side` can take out of the collateral: its own share without credit, less its holds, at most C (DP-5).
    pub fn removable(&self, side: Side) -> Amount {
        self.share(side).claim().minus_or_zero(self.held(side)).min(self.collateral)
    }

    /// DP-5: locks what `side` is about to take out, before anyone signs for the chain.
    ///
    /// # Errors
    /// `AmountNotPositive`, `InsufficientShare` with what it could take.
    pub fn hold(&self, side: Side, amount: Amount) -> Result<Line, Rejection> {
        if amount == Amount::ZERO {
            return Err(Rejection::AmountNotPositive {});
        }
        let available = self.removable(side);
        let held = self.held(side).plus(amount).filter(|_| amount <= available);
        let held = held.ok_or(Rejection::InsufficientShare { available })?;
        Ok(self.with_held(side, held))
    }

    /// Releases what was locked by [`Line::hold`].
    ///
    /// # Errors
    /// `OutOfRange` when less than that is locked.
    pub fn release(&self, side: Side, amount: Amount) -> Result<Line, Rejection> {
        let amount = if planted("hold_not_released") { Amount::ZERO } else { amount };
        let held = self.held(side).minus(amount).ok_or(Rejection::OutOfRange {})?;
        Ok(self.with_held(side, held))
    }

    /// DP-5: a settlement that the chain recorded: `C −= left + right`, `ondelta −= left`; each side's reserve and claim
    /// together stay what they were.
    ///
    /// # Errors
    /// `OutOfRange` (N-1).
    pub fn settled(&self, left: Balance, right: Balance) -> Result<Line, Rejection> {
        let taken = left.sum(right).ok_or(Rejection::OutOfRange {})?;
        let collateral = self.collateral.owned().and_then(|collateral| collateral.difference(taken));
        let collateral = collateral.filter(|collateral| 0 <= collateral.0).ok_or(Rejection::OutOfRange {})?;
        let ondelta = self.ondelta.difference(left).ok_or(Rejection::OutOfRange {})?;
        Ok(Line { collateral: collateral.claim(), ondelta, ..*self })
    }

    fn with_held(&self, side: Side, held: Amount) -> Line {
        match side {
            Side::Left => Line { held_left: held, ..*self },
            Side::Right => Line { held_right: held, ..*self },
        }
    }
}

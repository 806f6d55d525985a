//! Payments over a given route: the payer locks for the first hop, each hop locks for the next, the recipient claims, and the preimage
//! or the failure travels back.
//!
//! Laws: **HT-3** (never given back upstream while it may be claimed downstream), **HT-4** (expiries fall by a delta a hop; the fee is
//! what the policy asks, rounded up; the recipient gets exactly the amount), **CH-14** (a hub alone passes on).

use super::htlcs::HtlcPlace;
use super::journal::Undo;
use super::state::Server;
use crate::arena::Handle;
use crate::channel::{Channel, ChannelStatus};
use crate::entity::Entity;
use crate::machine::At;
use xln_types::codec::{Blob, RlpDecodable, RlpEncodable};
use xln_types::htlc::{Hop, ONION_VERSION};
use xln_types::tx::{DirectPayment, MEMO_BYTES_MAX, ROUTE_HOPS_MAX, Route, RouteHop};
use xln_types::{
    Amount, AssetId, ChannelId, EntityId, Event, Failure, Hash, Htlc, HtlcKey, Onion, Rejection, Side, TxHash,
};

/// HT-4: by how much a hop's expiry is earlier than the one before, in seconds: time to get a reveal mined and deep under congestion,
/// for a peer to stay silent, and for clocks to differ.
pub const HOP_DELTA_S: u64 = 600;
/// How long the recipient has to claim, in seconds, if the payer names no deadline.
pub const FINAL_DELTA_S: u64 = 600;
/// How many payments that ended are remembered; their receipts stay in the log.
pub const ENDED_PAYMENTS_MAX: usize = 65_536;

/// How far a payment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum PaymentStatus {
    /// Under way.
    Pending = 0,
    /// The recipient has claimed it.
    Succeeded = 1,
    /// Given back.
    Failed = 2,
}

/// A payment over a route, of a payer who is here.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Payment {
    /// The payer's transaction.
    pub id: TxHash,
    /// Who pays.
    pub payer: EntityId,
    /// Who is paid.
    pub payee: EntityId,
    /// In which asset.
    pub asset: AssetId,
    /// What the payee gets.
    pub amount: Amount,
    /// What the hops get together.
    pub fee: Amount,
    /// SHA-256 of the preimage.
    pub hashlock: Hash,
    /// The payer's channel.
    pub channel: ChannelId,
    /// The payer's HTLC in it.
    pub key: HtlcKey,
    /// When it must have ended, unix seconds.
    pub deadline_s: u64,
    /// Unix seconds.
    pub created_s: u64,
    /// As [`PaymentStatus`] numbers it.
    pub status: u8,
    /// None, or why and where it failed.
    pub failure: Vec<Failure>,
    /// What it was claimed with; zero until then.
    pub preimage: Hash,
    /// The payer's memo.
    pub memo: Blob,
}

/// An HTLC that was passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Forward {
    /// The payer's transaction, as the route names it.
    pub payment: TxHash,
    /// Where it was passed on to.
    pub channel: ChannelId,
    /// The HTLC there.
    pub key: HtlcKey,
    /// What it was claimed with; zero while that isn't known.
    pub preimage: Hash,
}

/// For whom an HTLC was locked by someone here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// By its payer's own wish.
    Own,
    /// A payment that starts here.
    Payment(TxHash),
    /// An HTLC that was passed on.
    Incoming(HtlcPlace),
}

/// What stands between a payer and the first hop.
struct Plan {
    first: EntityId,
    whole: Amount,
    expires_at_s: u64,
    hops: Vec<Hop>,
}

impl Server {
    /// `payment.send` over a given route.
    pub(super) fn pay_route(
        &mut self,
        at: At,
        from: Handle<Entity>,
        id: TxHash,
        fee: Amount,
        body: &DirectPayment,
    ) -> Result<(), Rejection> {
        if MEMO_BYTES_MAX < body.memo.0.len() {
            return Err(Rejection::TooLarge { limit: MEMO_BYTES_MAX as u64 });
        }
        let payer = self.entities.at(from).record.id;
        let [route] = body.route.as_slice() else { return Err(Rejection::MalformedBody {}) };
        let plan = self.plan(at, payer, (body.amount, fee), route)?;
        let first = self.known_entity(plan.first).map_err(|_| Rejection::NoRoute {})?;
        let (channel, side) = self.pair(from, first).ok_or(Rejection::NoRoute {})?;
        // What would have worked for the recipient: the first leg carries the fees too.
        let net = |available: Amount| available.minus_or_zero(fee);
        self.check_payable(from, channel, side, body.asset, plan.whole, 0).map_err(|refused| match refused {
            Rejection::InsufficientFunds { available, leg } => {
                Rejection::InsufficientFunds { available: net(available), leg }
            }
            Rejection::LimitExceeded { available, leg } => Rejection::LimitExceeded { available: net(available), leg },
            other => other,
        })?;
        let onion = Onion { version: ONION_VERSION, payment: id, hops: plan.hops };
        let htlc = Htlc {
            asset: body.asset,
            amount: plan.whole,
            hashlock: route.hashlock,
            expires_at_s: plan.expires_at_s,
            onion: Blob(alloy_rlp::encode(&onion)),
        };
        let key = self.lock(at, channel, side, htlc, Source::Payment(id))?;
        let payee = route.hops.last().map_or(EntityId::ZERO, |hop| hop.entity);
        let channel = self.channels.at(channel).head.id;
        let payment = Payment {
            id,
            payer,
            payee,
            asset: body.asset,
            amount: body.amount,
            fee,
            hashlock: route.hashlock,
            channel,
            key,
            deadline_s: plan.expires_at_s,
            created_s: at.now_s(),
            status: PaymentStatus::Pending as u8,
            failure: Vec::new(),
            preimage: Hash::ZERO,
            memo: body.memo.clone(),
        };
        self.payments.insert(id, payment);
        self.journal.undos.push(Undo::Payment(id, payer, None));
        Ok(())
    }

    /// HT-4: amounts and expiries backwards from the recipient, who gets exactly the amount.
    fn plan(&self, at: At, payer: EntityId, (paid, fee): (Amount, Amount), route: &Route) -> Result<Plan, Rejection> {
        let (hops_given, deadline_s) = (&route.hops, route.deadline_s);
        if ROUTE_HOPS_MAX < hops_given.len() {
            return Err(Rejection::TooLarge { limit: ROUTE_HOPS_MAX as u64 });
        }
        let mut seen = vec![payer];
        for hop in hops_given {
            if seen.contains(&hop.entity) {
                return Err(Rejection::SameEntity {});
            }
            seen.push(hop.entity);
        }
        if paid == Amount::ZERO {
            return Err(Rejection::AmountNotPositive {});
        }
        if route.hashlock == Hash::ZERO {
            return Err(Rejection::MalformedBody {});
        }
        let last = hops_given.len().saturating_sub(1) as u64;
        let needed_s = HOP_DELTA_S.saturating_mul(last).saturating_add(FINAL_DELTA_S);
        let from_s = at.now_s().saturating_add(needed_s);
        let until_s = at.now_s().saturating_add(xln_types::htlc::HTLC_EXPIRY_S_MAX);
        let expires_at_s = if deadline_s == 0 { from_s } else { deadline_s };
        if !(from_s..=until_s).contains(&expires_at_s) {
            return Err(Rejection::ExpiryOutside { from_s, until_s });
        }
        // Backwards: what each hop receives is what it passes on and its fee.
        let mut amount = paid;
        let mut hops = Vec::new();
        for (index, pair) in hops_given.windows(2).enumerate().rev() {
            let [hop, next] = pair else { continue };
            let place = (index as u64).saturating_add(1);
            let expires_at_s = expires_at_s.saturating_sub(HOP_DELTA_S.saturating_mul(place));
            hops.push(Hop { to: next.entity, amount, expires_at_s });
            amount = amount.plus(hop.fee).ok_or(Rejection::OutOfRange {})?;
        }
        hops.reverse();
        let asked = amount.minus(paid).unwrap_or_default();
        // TX-1: the fee is named twice, once a hop and once in all.
        if asked != fee || hops_given.last().is_some_and(|hop| hop.fee != Amount::ZERO) {
            return Err(if fee < asked {
                Rejection::FeeTooLow { expected: asked }
            } else {
                Rejection::FeeNotPayable {}
            });
        }
        let first = hops_given.first().map(|hop: &RouteHop| hop.entity).ok_or(Rejection::NoRoute {})?;
        Ok(Plan { first, whole: amount, expires_at_s, hops })
    }

    /// Every payment ends: it succeeded, or failed for a reason at a hop.
    pub(super) fn payment_ended(&mut self, id: TxHash, failure: Vec<Failure>, preimage: Hash) {
        let Some(payment) = self.payments.remove(&id) else { return };
        let status = if failure.is_empty() { PaymentStatus::Succeeded } else { PaymentStatus::Failed };
        let payer = payment.payer;
        self.journal.undos.push(Undo::Payment(id, payer, Some(Box::new(payment.clone()))));
        self.journal.events.push(Event::PaymentEnded { payment: id, payer, failure: failure.clone(), preimage });
        if ENDED_PAYMENTS_MAX <= self.ended_payments.len() {
            let _ = self.ended_payments.pop_front();
        }
        self.ended_payments.push_back(Payment { status: status as u8, failure, preimage, ..payment });
    }

    /// CH-1, CH-11: refuses what the payer can't pay over this channel: by the channel, or by its policy (DP-2).
    pub(super) fn check_payable(
        &self,
        payer: Handle<Entity>,
        channel: Handle<Channel>,
        side: Side,
        asset: AssetId,
        amount: Amount,
        leg: u8,
    ) -> Result<(), Rejection> {
        let status = self.channels.at(channel).head.status;
        if status != ChannelStatus::Open {
            return Err(Rejection::ChannelNotOpen { status: status.number() });
        }
        let available = self.available(payer, channel, side, asset).ok_or(Rejection::UnknownAsset {})?;
        if amount <= available.smaller() {
            return Ok(());
        }
        let smaller = available.smaller();
        Err(if available.channel < amount {
            Rejection::InsufficientFunds { available: smaller, leg }
        } else {
            Rejection::LimitExceeded { available: smaller, leg }
        })
    }

    /// A payment over a route: under way, or ended not long ago.
    pub fn payment(&self, id: TxHash) -> Option<&Payment> {
        self.payments.get(&id).or_else(|| self.ended_payments.iter().rev().find(|payment| payment.id == id))
    }

    /// Payments over routes: those under way, then those that ended, oldest first.
    pub fn payments(&self) -> impl Iterator<Item = &Payment> {
        self.payments.values().chain(self.ended_payments.iter())
    }

    /// HTLCs that were passed on and haven't ended.
    pub fn forwards(&self) -> impl Iterator<Item = (&HtlcPlace, &Forward)> {
        self.forwards.iter()
    }
}

//! Payments over a given route, and invoices: the payer locks for the first hop, the hub passes on, the recipient claims.
//!
//! **HT-3** (given back upstream only when it is over downstream), **HT-4** (the fee at least what the policy asks, each expiry earlier by a
//! delta, the recipient gets exactly the amount), **HT-1**, **TX-1**. An invoice is paid once, in its exact amount.

use super::{Doubt, Shadow, changed, doubt, require, signed};
use crate::agreed::{Forward, Invoice, Payment};
use crate::book::lock_of;
use crate::memory::{Lock, Source};
use crate::records::Held;
use std::collections::BTreeSet;
use xln_types::codec::Blob;
use xln_types::htlc::{HTLC_EXPIRY_S_MAX, Hop, ONION_VERSION};
use xln_types::tx::{DirectPayment, MEMO_BYTES_MAX, ROUTE_HOPS_MAX, Route};
use xln_types::{Amount, AssetId, ChannelId, Command, EntityId, Failure, Hash, Htlc, HtlcKey, Onion, Path, Rejection};
use xln_types::{Side, TxHash};

/// HT-4: by how much each hop's expiry is earlier than the one before, in seconds.
const HOP_DELTA_S: u64 = 600;
/// The recipient's own time to claim, in seconds.
const FINAL_DELTA_S: u64 = 600;
/// Longest that an invoice is open, in seconds.
const INVOICE_S_MAX: u64 = 30 * 24 * 3600;
/// Most invoices that one deep block's time ends.
const EXPIRED_INVOICES_MAX: usize = 1024;

/// What the payer locks, and what travels with it.
struct Plan {
    whole: Amount,
    expires_at_s: u64,
    hops: Vec<Hop>,
}

/// Why an HTLC that arrived can't go on; none where only replay can tell.
type Reason = Option<Rejection>;

/// For a reason that only replay can tell.
fn untold<T>(result: Result<T, Doubt>) -> Result<T, Reason> {
    result.map_err(|_| None)
}

impl Shadow<'_> {
    pub(super) fn pay_route(
        &mut self,
        from: EntityId,
        (id, fee): (TxHash, Amount),
        body: &DirectPayment,
    ) -> Result<(), Doubt> {
        let short = body.memo.0.len() <= MEMO_BYTES_MAX;
        require(short, "N-3", &format!("a memo of at most {MEMO_BYTES_MAX} bytes"), || body.memo.0.len().to_string())?;
        let [route] = body.route.as_slice() else { return Err(doubt("HT-1", "one route", "several")) };
        let plan = self.plan(from, body.amount, fee, route)?;
        let ends = (route.hops.first().map(|hop| hop.entity), route.hops.last().map(|hop| hop.entity));
        let (Some(first), Some(payee)) = ends else { return Err(doubt("HT-1", "a route with a hop", "none")) };
        let pair = self.signer_of(first).and_then(|_| self.pair(from, first));
        let (channel, side) = pair.ok_or_else(|| doubt("HT-1", "a channel with the first hop", first.to_string()))?;
        let head = self.head(channel)?;
        self.payable(from, (&head, side), body.asset, plan.whole)?;
        let onion = Onion { version: ONION_VERSION, payment: id, hops: plan.hops };
        let (asset, amount, hashlock, deadline_s) = (body.asset, body.amount, route.hashlock, plan.expires_at_s);
        let onion = Blob(alloy_rlp::encode(&onion));
        let htlc = Htlc { asset, amount: plan.whole, hashlock, expires_at_s: deadline_s, onion };
        let key = self.lock(channel, side, htlc, |_| Source::Payment(from, id))?;
        let payment = Payment {
            id,
            payer: from,
            payee,
            asset,
            amount,
            fee,
            hashlock,
            channel,
            key,
            deadline_s,
            created_s: self.now_s(),
            status: 0,
            failure: Vec::new(),
            preimage: Hash::ZERO,
            memo: body.memo.clone(),
        };
        self.put(Path::payment(self.need_signer(from)?, from, id), Held::Payment(Box::new(payment)));
        Ok(())
    }

    /// HT-4: forwards from the payer, each hop keeps its fee and passes on what is left, down to exactly the amount.
    fn plan(&self, from: EntityId, paid: Amount, fee: Amount, route: &Route) -> Result<Plan, Doubt> {
        let hops = &route.hops;
        let count = hops.len();
        require(count <= ROUTE_HOPS_MAX, "HT-1", &format!("at most {ROUTE_HOPS_MAX} hops"), || count.to_string())?;
        let distinct: BTreeSet<EntityId> = hops.iter().map(|hop| hop.entity).chain([from]).collect();
        let once = distinct.len() == count.saturating_add(1);
        require(once, "N-5", "each entity once on the way", || format!("{} of {count}", distinct.len()))?;
        require(paid != Amount::ZERO, "CH-1", "an amount above 0", || "0".to_owned())?;
        require(route.hashlock != Hash::ZERO, "HT-1", "a hashlock", || "none".to_owned())?;
        let between = count.saturating_sub(1);
        let needed_s = HOP_DELTA_S.saturating_mul(between as u64).saturating_add(FINAL_DELTA_S);
        let expires_at_s = if route.deadline_s == 0 { self.now_s().saturating_add(needed_s) } else { route.deadline_s };
        self.expires_within(expires_at_s, needed_s, HTLC_EXPIRY_S_MAX)?;
        let last = hops.last().map_or(Amount::ZERO, |hop| hop.fee);
        require(last == Amount::ZERO, "TX-1", "no fee for the recipient", || last.to_string())?;
        let mut whole = paid;
        for hop in hops {
            whole = changed(whole, signed(hop.fee)?)?;
        }
        let fees = whole.minus_or_zero(paid);
        require(fees == fee, "TX-1", &format!("a fee of what the hops get, {fees}"), || fee.to_string())?;
        let (mut left, mut expiry, mut onward) = (whole, expires_at_s, Vec::new());
        for (hop, next) in hops.iter().zip(hops.iter().skip(1)) {
            left = left.minus_or_zero(hop.fee);
            expiry = expiry.saturating_sub(HOP_DELTA_S);
            onward.push(Hop { to: next.entity, amount: left, expires_at_s: expiry });
        }
        Ok(Plan { whole, expires_at_s, hops: onward })
    }

    /// An HTLC is final for someone here: it is claimed, passed on, or given back.
    pub(super) fn lock_arrived(&mut self, channel: ChannelId, key: HtlcKey) -> Result<(), Doubt> {
        let head = self.head(channel)?;
        let Some(htlc) = self.book(&head)?.htlcs.get(&key).cloned() else { return Ok(()) };
        let receiver = head.entity(key.side.other());
        let onward = match Onion::read(&htlc.onion) {
            Ok(None) => return Ok(()),
            Ok(Some(onion)) if onion.hops.is_empty() => self.for_recipient(channel, key, receiver, &htlc, &onion),
            Ok(Some(onion)) => self.pass_on((channel, key), receiver, &htlc, &onion),
            Err(_) => Err(Some(Rejection::MalformedBody {})),
        };
        if let Err(reason) = onward {
            // One that has ended meanwhile, or a channel in dispute, leaves nothing to give back.
            let _ = self.give_back(channel, key.side.other(), key, reason.map(Failure::here));
        }
        Ok(())
    }

    fn for_recipient(
        &mut self,
        channel: ChannelId,
        key: HtlcKey,
        receiver: EntityId,
        htlc: &Htlc,
        onion: &Onion,
    ) -> Result<(), Reason> {
        let unpayable = || Some(Rejection::InvoiceUnpayable {});
        let Some(invoice) = self.invoice(receiver, htlc.hashlock) else {
            return if self.is_hosted(receiver) { Err(unpayable()) } else { Ok(()) };
        };
        // Paid once, in time, in the asset and amount that it asks for.
        let open = invoice.payment == TxHash::ZERO && self.now_s() <= invoice.expires_at_s;
        if !open || (invoice.asset, invoice.amount) != (htlc.asset, htlc.amount) {
            return Err(unpayable());
        }
        untold(self.claim(channel, key, invoice.preimage))?;
        self.invoice_reserved(receiver, htlc.hashlock, onion.payment);
        if self.memory(channel).is_none() {
            self.invoice_paid(receiver, htlc.hashlock);
        }
        Ok(())
    }

    /// HT-4: the hub locks the same for the next hop, for its fee and with time to spare.
    fn pass_on(&mut self, incoming: Lock, receiver: EntityId, htlc: &Htlc, onion: &Onion) -> Result<(), Reason> {
        let no_route = || Some(Rejection::NoRoute {});
        let (next, rest) = onion.hops.split_first().ok_or_else(no_route)?;
        let hub = self.held.hub;
        let pair = self.signer_of(next.to).filter(|_| receiver == hub).and_then(|_| self.pair(hub, next.to));
        let (out, side) = pair.filter(|(out, _)| *out != incoming.0).ok_or_else(no_route)?;
        let fee = htlc.amount.minus(next.amount).ok_or(None)?;
        if !self.is_unique(htlc.asset) {
            untold(super::payment::check_fee(&self.policy(hub, htlc.asset), next.amount, fee))?;
        }
        let until_s = htlc.expires_at_s.saturating_sub(HOP_DELTA_S);
        let from_s = self.now_s().saturating_add(1);
        if !(from_s..=until_s).contains(&next.expires_at_s) {
            return Err(Some(Rejection::ExpiryOutside { from_s, until_s }));
        }
        let head = untold(self.head(out))?;
        untold(self.payable(hub, (&head, side), htlc.asset, next.amount))?;
        let onward = Onion { version: ONION_VERSION, payment: onion.payment, hops: rest.to_vec() };
        let passed = Htlc {
            asset: htlc.asset,
            amount: next.amount,
            hashlock: htlc.hashlock,
            expires_at_s: next.expires_at_s,
            onion: Blob(alloy_rlp::encode(&onward)),
        };
        let key = untold(self.lock(out, side, passed, |_| Source::Incoming(incoming)))?;
        let forward = Forward { payment: onion.payment, channel: out, key, preimage: Hash::ZERO };
        self.put(self.forward_path(incoming), Held::Forward(forward));
        Ok(())
    }

    /// HT-2: a preimage is used upstream at once.
    pub(super) fn claimed(&mut self, channel: ChannelId, key: HtlcKey, preimage: Hash) -> Result<(), Doubt> {
        match self.forget_outgoing((channel, key)) {
            None | Some(Source::Own) => Ok(()),
            Some(Source::Payment(payer, id)) => self.payment_over(payer, id),
            Some(Source::Incoming(incoming)) => {
                if let Some(forward) = self.forward(incoming) {
                    self.put(self.forward_path(incoming), Held::Forward(Forward { preimage, ..forward }));
                }
                // What can't be claimed by a frame any more is for the chain.
                let _ = self.claim(incoming.0, incoming.1, preimage);
                Ok(())
            }
        }
    }

    /// HT-3: only now is it given back upstream.
    pub(super) fn returned(&mut self, channel: ChannelId, key: HtlcKey, failure: Option<Failure>) -> Result<(), Doubt> {
        match self.forget_outgoing((channel, key)) {
            None | Some(Source::Own) => Ok(()),
            Some(Source::Payment(payer, id)) => self.payment_over(payer, id),
            Some(Source::Incoming(incoming)) => {
                let by: Side = incoming.1.side.other();
                if self.give_back(incoming.0, by, incoming.1, failure.map(Failure::upstream)).is_err() {
                    self.forget_forward(incoming);
                }
                Ok(())
            }
        }
    }

    fn payment_over(&mut self, payer: EntityId, id: TxHash) -> Result<(), Doubt> {
        let path = Path::payment(self.need_signer(payer)?, payer, id);
        if self.get(&path).is_some() {
            self.remove(path);
        }
        Ok(())
    }

    fn forward_path(&self, incoming: Lock) -> Path {
        Path::forward(self.held.genesis.hub_signer, self.held.hub, incoming.0, incoming.1)
    }

    pub(super) fn forward(&self, incoming: Lock) -> Option<Forward> {
        self.get(&self.forward_path(incoming)).and_then(Held::forward).copied()
    }

    /// The incoming HTLC of a forward is over.
    pub(super) fn forget_forward(&mut self, incoming: Lock) {
        if self.forward(incoming).is_some() {
            self.remove(self.forward_path(incoming));
        }
    }

    fn invoice_path(&self, payee: EntityId, hashlock: Hash) -> Option<Path> {
        self.signer_of(payee).map(|signer| Path::invoice(signer, payee, hashlock))
    }

    fn invoice(&self, payee: EntityId, hashlock: Hash) -> Option<Invoice> {
        self.get(&self.invoice_path(payee, hashlock)?).and_then(Held::invoice).cloned()
    }

    /// A claim of it is on its way; zero: it can't be made any more.
    pub(super) fn invoice_reserved(&mut self, payee: EntityId, hashlock: Hash, payment: TxHash) {
        let known = self.invoice_path(payee, hashlock).zip(self.invoice(payee, hashlock));
        if let Some((path, invoice)) = known {
            self.put(path, Held::Invoice(Box::new(Invoice { payment, ..invoice })));
        }
    }

    /// It is claimed, and over.
    pub(super) fn invoice_paid(&mut self, payee: EntityId, hashlock: Hash) {
        if let Some(path) = self.invoice_path(payee, hashlock).filter(|path| self.get(path).is_some()) {
            self.remove(path);
        }
    }

    pub(super) fn create_invoice(&mut self, command: &Command) -> Result<(), Doubt> {
        let Command::Invoice { payee, account, asset, amount, preimage, expires_at_s, memo } = command else {
            return Err(doubt("TX-1", "an invoice", "another command"));
        };
        let signer = self.entity(*payee)?.board.sole_member();
        let owned = signer.and_then(|signer| self.get(&Path::signer(signer)).and_then(Held::signer));
        let owns = owned.is_some_and(|signer| signer.owner == *account && signer.hosted == 1);
        let local = self.get(&Path::node(*payee)).is_none();
        require(owns && local, "TX-3", "the account of a hosted payee", || account.to_string())?;
        self.require_asset(*asset)?;
        let bounded = *amount != Amount::ZERO && amount.in_range();
        require(bounded, "N-1", "an amount above 0 and within 2^120", || amount.to_string())?;
        require(memo.0.len() <= MEMO_BYTES_MAX, "N-3", "a memo within its bound", || memo.0.len().to_string())?;
        self.expires_within(*expires_at_s, 1, INVOICE_S_MAX)?;
        let hashlock = lock_of(preimage);
        let path = Path::invoice(self.need_signer(*payee)?, *payee, hashlock);
        require(self.get(&path).is_none(), "HT-2", "a preimage that isn't in use", || hashlock.to_string())?;
        let invoice = Invoice {
            payee: *payee,
            asset: *asset,
            amount: *amount,
            preimage: *preimage,
            hashlock,
            expires_at_s: *expires_at_s,
            memo: memo.clone(),
            created_s: self.now_s(),
            payment: TxHash::ZERO,
        };
        self.put(path, Held::Invoice(Box::new(invoice)));
        Ok(())
    }

    /// A deep block is past them; one that is being claimed stays.
    pub(super) fn end_invoices(&mut self, deep_s: u64) {
        let over: Vec<Path> = self.held.invoices_until(deep_s).take(EXPIRED_INVOICES_MAX).collect();
        for path in over {
            if self.get(&path).and_then(Held::invoice).is_some_and(|invoice| invoice.payment == TxHash::ZERO) {
                self.remove(path);
            }
        }
    }

    /// True when the hub holds the key that acts for the entity.
    pub(super) fn is_hosted(&self, entity: EntityId) -> bool {
        let member = self.entity(entity).ok().and_then(|record| record.board.sole_member());
        let signer = member.and_then(|member| self.get(&Path::signer(member)).and_then(Held::signer));
        signer.is_some_and(|signer| signer.hosted == 1)
    }

    /// DP-2: see [`super::payment::check_draw`].
    pub(super) fn drawable(
        &self,
        payer: EntityId,
        line: &crate::records::Line,
        side: Side,
        asset: AssetId,
        amount: Amount,
    ) -> Result<(), Doubt> {
        let (reserve, exposed) = (self.reserve(payer, asset)?, self.exposed(payer, asset));
        super::payment::check_draw(&self.policy(payer, asset), &reserve, exposed, line, side, amount)
    }
}

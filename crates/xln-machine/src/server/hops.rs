//! What the hops of a route do: the recipient claims, a hub passes on, and the preimage or the failure travels back.
//!
//! Laws: **HT-3** (never given back upstream while it may be claimed downstream), **HT-4** (the fee is what the policy asks, rounded up;
//! expiries fall by a delta a hop), **CH-14** (a hub alone passes on).

use super::htlcs::HtlcPlace;
use super::journal::Undo;
use super::routes::{Forward, HOP_DELTA_S, Source};
use super::state::Server;
use crate::arena::Handle;
use crate::channel::Channel;
use crate::depositary::reserve::hop_fee;
use crate::machine::At;
use xln_types::codec::Blob;
use xln_types::htlc::ONION_VERSION;
use xln_types::{Amount, EntityId, Event, Failure, Hash, Htlc, HtlcKey, Onion, Rejection, TxHash};

impl Server {
    /// An HTLC is final for an entity that is here: it claims it, passes it on, or gives it back.
    pub(super) fn arrived(&mut self, at: At, handle: Handle<Channel>, key: HtlcKey) {
        let channel = self.channels.at(handle);
        let receiver = channel.head.entity(key.side.other());
        let Some(htlc) = channel.book.htlc(key).cloned() else { return };
        let onward = match Server::onion_of(&htlc) {
            // Locked by its payer's own wish: the receiver claims it, or doesn't.
            Ok(None) => return,
            Ok(Some(onion)) if onion.hops.is_empty() => self.arrived_for(at, handle, key, receiver, &htlc, &onion),
            Ok(Some(onion)) => self.pass_on(at, handle, key, receiver, &htlc, &onion),
            Err(reason) => Err(reason),
        };
        if let Err(reason) = onward {
            // One that has ended meanwhile, or a channel in dispute: nothing is left to give back here.
            let _ = self.give_back(at, handle, key.side.other(), key, Failure::here(reason));
        }
    }

    /// The recipient claims what it asked for.
    fn arrived_for(
        &mut self,
        at: At,
        handle: Handle<Channel>,
        key: HtlcKey,
        receiver: EntityId,
        htlc: &Htlc,
        onion: &Onion,
    ) -> Result<(), Rejection> {
        let Some(invoice) = self.invoices.get(&(receiver, htlc.hashlock)) else {
            // Who holds its own keys may have made the preimage itself, and has until the expiry.
            let entity = self.known_entity(receiver)?;
            return if self.is_hosted(entity) { Err(Rejection::InvoiceUnpayable {}) } else { Ok(()) };
        };
        let open = invoice.payment == TxHash::ZERO && at.now_s() <= invoice.expires_at_s;
        let fits = open && invoice.asset == htlc.asset && invoice.amount == htlc.amount;
        if !fits {
            return Err(Rejection::InvoiceUnpayable {});
        }
        let preimage = invoice.preimage;
        self.claim_htlc(at, handle, key, preimage)?;
        self.invoice_claimed((receiver, htlc.hashlock), onion.payment);
        if self.own_side(handle).is_none() {
            self.invoice_paid((receiver, htlc.hashlock));
        }
        Ok(())
    }

    /// HT-4: a hub locks the same for the next hop, for its fee and with time to spare.
    fn pass_on(
        &mut self,
        at: At,
        handle: Handle<Channel>,
        key: HtlcKey,
        receiver: EntityId,
        htlc: &Htlc,
        onion: &Onion,
    ) -> Result<(), Rejection> {
        let Some((next, rest)) = onion.hops.split_first() else { return Err(Rejection::NoRoute {}) };
        if receiver != self.hub_id() {
            return Err(Rejection::NoRoute {});
        }
        let to = self.known_entity(next.to).map_err(|_| Rejection::NoRoute {})?;
        let (out, side) = self.pair(self.hub, to).ok_or(Rejection::NoRoute {})?;
        // Back over the channel it came by would only lock money twice.
        if out == handle {
            return Err(Rejection::NoRoute {});
        }
        let policy = self.entities.at(self.hub).policy(htlc.asset);
        let expected = if self.is_unique(htlc.asset) { Some(Amount::ZERO) } else { hop_fee(&policy, next.amount) };
        let expected = expected.ok_or(Rejection::OutOfRange {})?;
        let offered = htlc.amount.minus(next.amount).ok_or(Rejection::FeeTooLow { expected })?;
        if offered < expected {
            return Err(Rejection::FeeTooLow { expected });
        }
        let until_s = htlc.expires_at_s.saturating_sub(HOP_DELTA_S);
        let from_s = at.now_s().saturating_add(1);
        if !(from_s..=until_s).contains(&next.expires_at_s) {
            return Err(Rejection::ExpiryOutside { from_s, until_s });
        }
        self.check_payable(self.hub, out, side, htlc.asset, next.amount, 1)?;
        let payment = onion.payment;
        let passed = Onion { version: ONION_VERSION, payment, hops: rest.to_vec() };
        let onward = Htlc {
            asset: htlc.asset,
            amount: next.amount,
            hashlock: htlc.hashlock,
            expires_at_s: next.expires_at_s,
            onion: Blob(alloy_rlp::encode(&passed)),
        };
        let incoming = (self.channels.at(handle).head.id, key);
        let out_key = self.lock(at, out, side, onward, Source::Incoming(incoming))?;
        let channel = self.channels.at(out).head.id;
        self.forwards.insert(incoming, Forward { payment, channel, key: out_key, preimage: Hash::ZERO });
        self.journal.undos.push(Undo::Forward(incoming, None));
        Ok(())
    }

    /// An HTLC of someone here was claimed: the payment has succeeded, or the preimage goes on upstream at once.
    pub(super) fn claimed(&mut self, at: At, handle: Handle<Channel>, key: HtlcKey, preimage: Hash) {
        let place = (self.channels.at(handle).head.id, key);
        match self.forget_outgoing(place) {
            None | Some(Source::Own) => {}
            Some(Source::Payment(id)) => self.payment_ended(id, Vec::new(), preimage),
            Some(Source::Incoming(incoming)) => {
                if let Some(forward) = self.forwards.get_mut(&incoming) {
                    self.journal.undos.push(Undo::Forward(incoming, Some(*forward)));
                    forward.preimage = preimage;
                }
                let Some(upstream) = self.channel_index.get(&incoming.0) else { return };
                if let Err(reason) = self.claim_htlc(at, upstream, incoming.1, preimage) {
                    if self.channels.at(upstream).book.htlc(incoming.1).is_none() {
                        self.forget_forward(incoming);
                    }
                    let reason = format!("an htlc was claimed from us and can't be claimed by us: {}", reason.reason());
                    self.journal.events.push(Event::Alarm { reason });
                }
            }
        }
    }

    /// HT-3: an HTLC of someone here can't be claimed any more: only now is it given back upstream.
    pub(super) fn returned(&mut self, at: At, handle: Handle<Channel>, key: HtlcKey, failure: Failure) {
        let place = (self.channels.at(handle).head.id, key);
        match self.forget_outgoing(place) {
            None | Some(Source::Own) => {}
            Some(Source::Payment(id)) => self.payment_ended(id, vec![failure], Hash::ZERO),
            Some(Source::Incoming(incoming)) => {
                let Some(upstream) = self.channel_index.get(&incoming.0) else { return };
                let by = incoming.1.side.other();
                if self.give_back(at, upstream, by, incoming.1, failure).is_err() {
                    // It has ended there already: its payer took it back after its expiry.
                    self.forget_forward(incoming);
                }
            }
        }
    }

    /// An HTLC of someone here has ended.
    fn forget_outgoing(&mut self, place: HtlcPlace) -> Option<Source> {
        let (expires_at_s, source) = self.outgoing.remove(&place)?;
        self.expiries.remove(&(expires_at_s, place));
        Some(source)
    }

    /// The incoming HTLC of a forward has ended.
    pub(super) fn forget_forward(&mut self, incoming: HtlcPlace) {
        if let Some(forward) = self.forwards.remove(&incoming) {
            self.journal.undos.push(Undo::Forward(incoming, Some(forward)));
        }
    }
}

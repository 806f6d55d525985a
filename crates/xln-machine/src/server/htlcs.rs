//! HTLCs, wherever their channel's two sides are: locked, claimed, given back.
//!
//! In a channel whose sides are both here a step is done at once; in one with another node it waits for the turn's frame, and counts
//! once the replica says so. Either way what follows goes through one queue, [`Todo`].
//!
//! Laws: **HT-1**, **HT-2** (claim before expiry, the payer releases once a deep block is past it), **HT-6**.

use super::journal::Undo;
use super::outcomes::Todo;
use super::routes::Source;
use super::state::Server;
use crate::arena::Handle;
use crate::channel::{Book, Channel, ChannelStatus};
use crate::machine::At;
use xln_types::tx::{HtlcCancel, HtlcCreate, HtlcFulfill};
use xln_types::{ChannelId, Event, Failure, FrameTx, Hash, Htlc, HtlcKey, Onion, Rejection, Side};

/// How many HTLCs one deep block's time may release; the next block releases the rest.
pub(super) const EXPIRED_HTLCS_MAX: usize = 1024;

/// Which HTLC of which channel.
pub(super) type HtlcPlace = (ChannelId, HtlcKey);

impl Server {
    /// On which side of a channel this node's own entity stands; of one whose sides are both here, none in particular.
    pub(super) fn own_side(&self, handle: Handle<Channel>) -> Option<Side> {
        self.channels.at(handle).replica.as_ref().map(|replica| replica.me)
    }

    pub(super) fn tell_ended(&mut self, handle: Handle<Channel>, key: HtlcKey, failure: Vec<Failure>) {
        let head = self.channels.at(handle).head;
        let (channel, left, right) = (head.id, head.left, head.right);
        self.journal.events.push(Event::HtlcEnded { channel, left, right, key, failure });
    }

    /// A side locks a payment by hash. In a channel with another node it is drafted.
    ///
    /// # Errors
    /// What the book or the judge says; `ChannelNotOpen`.
    pub(super) fn lock(
        &mut self,
        at: At,
        handle: Handle<Channel>,
        side: Side,
        htlc: Htlc,
        source: Source,
    ) -> Result<HtlcKey, Rejection> {
        let channel = self.channels.at(handle);
        if channel.head.status != ChannelStatus::Open {
            return Err(Rejection::ChannelNotOpen { status: channel.head.status.number() });
        }
        let id = match &channel.replica {
            Some(replica) => replica.next_htlc_id(&channel.book),
            None => channel.book.terms.side(side).htlc_next,
        };
        let key = HtlcKey { side, id };
        let (expires_at_s, place) = (htlc.expires_at_s, (channel.head.id, key));
        let remote = channel.replica.is_some();
        let tx = FrameTx::HtlcAdd { id, htlc };
        if remote {
            self.draft(at, handle, tx)?;
        } else {
            self.step_book(at, handle, side, &tx)?;
            self.todo.push_back(Todo::Arrived(handle, key));
        }
        self.expiries.insert((expires_at_s, place));
        self.outgoing.insert(place, (expires_at_s, source));
        self.journal.undos.push(Undo::Outgoing(place));
        Ok(key)
    }

    /// A receiver claims.
    ///
    /// # Errors
    /// `UnknownHtlc`, `WrongPreimage`, `HtlcExpired`.
    pub(super) fn claim_htlc(
        &mut self,
        at: At,
        handle: Handle<Channel>,
        key: HtlcKey,
        preimage: Hash,
    ) -> Result<(), Rejection> {
        let tx = FrameTx::HtlcFulfill { id: key.id, preimage };
        if self.channels.at(handle).replica.is_some() {
            return self.draft(at, handle, tx);
        }
        self.step_book(at, handle, key.side.other(), &tx)?;
        self.tell_ended(handle, key, Vec::new());
        self.forget_forward((self.channels.at(handle).head.id, key));
        self.todo.push_back(Todo::Claimed(handle, key, preimage));
        Ok(())
    }

    /// A receiver gives back, or a payer takes back what has expired.
    ///
    /// # Errors
    /// `UnknownHtlc`, `HtlcNotExpired`.
    pub(super) fn give_back(
        &mut self,
        at: At,
        handle: Handle<Channel>,
        by: Side,
        key: HtlcKey,
        failure: Failure,
    ) -> Result<(), Rejection> {
        let tx = FrameTx::HtlcCancel { key, failure: failure.clone() };
        if self.channels.at(handle).replica.is_some() {
            return self.draft(at, handle, tx);
        }
        self.step_book(at, handle, by, &tx)?;
        self.tell_ended(handle, key, vec![failure.clone()]);
        self.forget_forward((self.channels.at(handle).head.id, key));
        self.todo.push_back(Todo::Returned(handle, key, failure.upstream()));
        Ok(())
    }

    /// One transaction on a book whose two sides are both here.
    pub(super) fn step_book(
        &mut self,
        at: At,
        handle: Handle<Channel>,
        by: Side,
        tx: &FrameTx,
    ) -> Result<(), Rejection> {
        let judge = self.judge(at.now_ms);
        let channel = self.channels.at_mut(handle);
        judge.proposes(by, &channel.book, tx)?;
        let mut book = channel.book.clone();
        book.apply(by, tx)?;
        let before = std::mem::replace(&mut channel.book, book);
        self.follow_book(handle, &before);
        self.recount(handle);
        Ok(())
    }

    /// A book has changed: the journal, the sums of both sides and the subscribers follow.
    pub(super) fn follow_book(&mut self, handle: Handle<Channel>, before: &Book) {
        let channel = self.channels.at_mut(handle);
        let agreed_s = channel.book.terms.dispute_window_s;
        if agreed_s != 0 && agreed_s != channel.head.dispute_window_s {
            self.journal.undos.push(Undo::Head(handle, Some(channel.head)));
            channel.head.dispute_window_s = agreed_s;
        }
        let (head, lines) = (channel.head, channel.book.lines.clone());
        let terms_changed = channel.book.terms != before.terms;
        for (asset, after) in lines {
            let old = before.line(asset).copied();
            if old != Some(after) {
                self.journal.undos.push(Undo::Line(handle, asset, old));
                self.follow_changed_line(&head, asset, &old.unwrap_or_default(), &after);
            }
        }
        if terms_changed {
            self.journal.undos.push(Undo::Terms(handle, Box::new(before.terms.clone())));
        }
        let htlcs = &self.channels.at(handle).book.htlcs;
        if *htlcs == before.htlcs {
            return;
        }
        let gone = before.htlcs.iter().filter(|(key, _)| !htlcs.contains_key(key));
        let gone: Vec<_> = gone.map(|(key, htlc)| (*key, htlc.clone())).collect();
        let new: Vec<_> = htlcs.iter().filter(|(key, _)| !before.htlcs.contains_key(key)).collect();
        let new: Vec<_> = new.into_iter().map(|(key, htlc)| (*key, htlc.clone())).collect();
        for (key, htlc) in gone {
            self.journal.undos.push(Undo::Htlc(handle, key, Some(Box::new(htlc))));
        }
        for (key, htlc) in new {
            self.journal.undos.push(Undo::Htlc(handle, key, None));
            let (channel, left, right) = (head.id, head.left, head.right);
            let Htlc { asset, amount, hashlock, expires_at_s, .. } = htlc;
            let event = Event::HtlcAdded { channel, left, right, key, asset, amount, hashlock, expires_at_s };
            self.journal.events.push(event);
        }
    }

    /// HT-1: an HTLC that goes no further, by its payer's own wish.
    pub(super) fn htlc_create(
        &mut self,
        at: At,
        from: Handle<crate::entity::Entity>,
        body: &HtlcCreate,
    ) -> Result<(), Rejection> {
        let (handle, side) = self.own_channel(from, body.channel)?;
        let htlc = Htlc {
            asset: body.asset,
            amount: body.amount,
            hashlock: body.hashlock,
            expires_at_s: body.expires_at_s,
            onion: body.onion.clone(),
        };
        // A route is the hub's to follow, and made by `payment.send` alone.
        if !body.onion.0.is_empty() {
            return Err(Rejection::MalformedBody {});
        }
        self.check_payable(from, handle, side, body.asset, body.amount, 0)?;
        self.lock(at, handle, side, htlc, Source::Own).map(|_| ())
    }

    pub(super) fn htlc_fulfill(
        &mut self,
        at: At,
        from: Handle<crate::entity::Entity>,
        body: &HtlcFulfill,
    ) -> Result<(), Rejection> {
        let (handle, side) = self.own_channel(from, body.channel)?;
        let key = HtlcKey { side: side.other(), id: body.id };
        self.claim_htlc(at, handle, key, body.preimage)
    }

    /// HT-2: before expiry by its receiver alone, afterwards by its payer too. One that was passed on is the route's to end (HT-3).
    pub(super) fn htlc_cancel(
        &mut self,
        at: At,
        from: Handle<crate::entity::Entity>,
        body: &HtlcCancel,
    ) -> Result<(), Rejection> {
        let (handle, side) = self.own_channel(from, body.channel)?;
        let key = HtlcKey { side: body.side, id: body.id };
        if self.forwards.contains_key(&(body.channel, key)) {
            return Err(Rejection::NotEmpty {});
        }
        let htlc = self.channels.at(handle).tip().htlc(key).ok_or(Rejection::UnknownHtlc {})?;
        if key.side == side && at.now_s() < htlc.expires_at_s {
            return Err(Rejection::HtlcNotExpired { expires_at_s: htlc.expires_at_s });
        }
        self.give_back(at, handle, side, key, Failure::here(Rejection::NotAuthorized {}))
    }

    /// HT-2: a deep block is past their expiry, and no preimage is known: payers take back what they locked.
    pub(super) fn release_expired(&mut self, at: At, deep_s: u64) {
        let expired = self.expiries.iter().take_while(|(expires_at_s, _)| *expires_at_s <= deep_s);
        let expired: Vec<_> = expired.take(EXPIRED_HTLCS_MAX).copied().collect();
        for expiry in expired {
            self.expiries.remove(&expiry);
            let (_, (channel, key)) = expiry;
            let Some(handle) = self.channel_index.get(&channel) else { continue };
            // HT-3: passed on by someone here, it is given back once it can't be claimed further down.
            if self.own_side(handle).is_none() && self.forwards.contains_key(&(channel, key)) {
                continue;
            }
            if self.channels.at(handle).tip().htlc(key).is_none() {
                continue;
            }
            let failure = Failure::here(Rejection::DeadlinePassed {});
            // A refusal means that it is ending by another way, or frozen: then the chain decides.
            let _ = self.give_back(at, handle, key.side, key, failure);
        }
    }

    /// Reads the route of an HTLC that arrived.
    pub(super) fn onion_of(htlc: &Htlc) -> Result<Option<Onion>, Rejection> {
        Onion::read(&htlc.onion).map_err(|_| Rejection::MalformedBody {})
    }
}

//! A small ledger of what went between nodes, fed by both ends' inputs and receipts and by nothing else. It knows no replica and no frame: only who
//! sent what, what was told as arrived, and what must follow.
//!
//! Laws: **CH-2** a payment that arrives was sent, arrives once, and moves its amount; **CH-3** who may owe how much; **CH-8** what failed never
//! arrives; **HT-2** each HTLC ends once at its payer's; **HT-4** a routed payment ends once, in time, the recipient gets the amount and each hop its
//! fee; an invoice is paid once.

use std::collections::{BTreeMap, BTreeSet};
use xln_crypto::derive;
use xln_crypto::frames::hashlock;
use xln_machine::Server;
use xln_machine::channel::Channel;
use xln_machine::server::Input;
use xln_types::{
    Amount, AssetId, Body, ChannelId, EntityId, Event, FactKind, Hash, HtlcKey, Receipt, Side, Transaction, TxHash,
};

/// How much later than its deadline a payment may end: deep blocks, their times, and the way back.
const DEADLINE_SLACK_S: u64 = 900;

fn number(amount: Amount) -> i128 {
    i128::try_from(amount.0).unwrap_or(i128::MAX)
}

/// A direct payment to another node, by its memo.
#[derive(Clone, Debug)]
struct Sent {
    channel: ChannelId,
    asset: AssetId,
    amount: Amount,
    payment: TxHash,
    arrived: bool,
    left: bool,
}

/// A payment over a route.
#[derive(Clone, Debug)]
struct Routed {
    payer: EntityId,
    asset: AssetId,
    amount: Amount,
    fee: Amount,
    hops: Vec<(EntityId, Amount)>,
    hashlock: Hash,
    until_s: u64,
}

/// How a payment ended: with which preimage, or failed.
type End = Option<Hash>;

/// Payer, payee, asset, amount, hashlock.
type Locked = (EntityId, EntityId, AssetId, Amount, Hash);

/// The ledger of all nodes together.
#[derive(Debug, Default)]
pub(crate) struct Audit {
    /// Which node each entity acts on.
    homes: BTreeMap<EntityId, usize>,
    sent: BTreeMap<Vec<u8>, Sent>,
    by_payment: BTreeMap<TxHash, Vec<u8>>,
    routed: BTreeMap<TxHash, Routed>,
    ended: BTreeMap<TxHash, End>,
    paid_invoices: BTreeMap<(EntityId, Hash), TxHash>,
    /// HTLCs at their payer's node.
    locked: BTreeMap<(ChannelId, HtlcKey), Locked>,
    over: BTreeSet<(ChannelId, HtlcKey)>,
    /// Hashlocks that belong to routed payments.
    routes: BTreeSet<Hash>,
    /// Most that was ever granted, by channel, asset and grantor.
    granted: BTreeMap<(ChannelId, AssetId, EntityId), i128>,
    /// What each owns in all its channels together.
    net: BTreeMap<(EntityId, AssetId), i128>,
    sides: BTreeMap<ChannelId, [EntityId; 2]>,
    /// How many payments arrived on another node, and how many over routes.
    pub(crate) arrived: u64,
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
}

impl Audit {
    /// Who acts where.
    pub(crate) fn settle_in(&mut self, node: usize, people: &crate::people::People) {
        self.homes.extend(people.list.iter().map(|person| (person.entity, node)));
    }

    fn is_here(&self, entity: EntityId, node: usize) -> bool {
        self.homes.get(&entity) == Some(&node)
    }

    fn moves(&mut self, who: EntityId, asset: AssetId, number: i128) {
        *self.net.entry((who, asset)).or_default() += number;
    }

    /// Takes an input of a node, and its receipt.
    ///
    /// # Errors
    /// The law that is broken, and by what.
    pub(crate) fn see(&mut self, node: usize, input: &Input, receipt: &Receipt) -> Result<(), String> {
        if !receipt.is_executed() {
            return Ok(());
        }
        match input {
            Input::Transaction(tx) => self.asked(tx.tx(), receipt.hash, tx.body(), receipt.executed_at_ms / 1000),
            Input::Fact(fact) => self.fact(node, &fact.kind),
            _ => {}
        }
        for event in &receipt.logs {
            self.event(node, event, receipt.executed_at_ms / 1000)?;
        }
        Ok(())
    }

    fn asked(&mut self, tx: &Transaction, id: TxHash, body: &Body, now_s: u64) {
        let by = |entity: &EntityId| entity.address() == tx.from;
        let Some(from) = self.homes.keys().copied().find(by) else { return };
        let grants = match body {
            Body::OpenChannel(body) => {
                let channel = crate::people::channel(from, body.peer);
                self.sides.insert(channel, [from.min(body.peer), from.max(body.peer)]);
                body.grants.iter().map(|grant| (channel, grant.asset, grant.amount)).collect()
            }
            Body::AcceptChannel(body) => {
                body.grants.iter().map(|grant| (body.channel, grant.asset, grant.amount)).collect()
            }
            Body::SetCredit(body) => vec![(body.channel, body.asset, body.granted)],
            Body::DirectPayment(body) => {
                match body.route.first() {
                    None => self.send(tx, from, body.asset, [(body.amount, body.memo.0.clone(), id)]),
                    Some(route) => {
                        let hops = route.hops.iter().map(|hop| (hop.entity, hop.fee)).collect::<Vec<_>>();
                        let needed_s = 600 * route.hops.len() as u64;
                        let until_s = if route.deadline_s == 0 { now_s + needed_s } else { route.deadline_s };
                        let (asset, amount, fee, hashlock) = (body.asset, body.amount, tx.fee, route.hashlock);
                        self.routes.insert(hashlock);
                        let routed = Routed { payer: from, asset, amount, fee, hops, hashlock, until_s };
                        self.routed.insert(id, routed);
                    }
                }
                vec![]
            }
            Body::BatchPayment(body) => {
                let payments = (0..).zip(&body.payments);
                let payments: Vec<_> = payments
                    .map(|(index, it)| (it.amount, it.memo.0.clone(), derive::batched_payment(id, index)))
                    .collect();
                self.send(tx, from, body.asset, payments);
                vec![]
            }
            _ => vec![],
        };
        for (channel, asset, granted) in grants {
            let most = self.granted.entry((channel, asset, from)).or_default();
            *most = number(granted).max(*most);
        }
    }

    fn send(
        &mut self,
        tx: &Transaction,
        from: EntityId,
        asset: AssetId,
        payments: impl IntoIterator<Item = (Amount, Vec<u8>, TxHash)>,
    ) {
        let Some(to) = self.homes.keys().copied().find(|entity| entity.address() == tx.to) else { return };
        if self.homes.get(&from) == self.homes.get(&to) {
            return;
        }
        let channel = crate::people::channel(from, to);
        for (amount, memo, payment) in payments {
            self.by_payment.insert(payment, memo.clone());
            self.sent.insert(memo, Sent { channel, asset, amount, payment, arrived: false, left: false });
        }
    }

    fn fact(&mut self, node: usize, fact: &FactKind) {
        match *fact {
            FactKind::CollateralAdded { entity, asset, amount, .. } if self.is_here(entity, node) => {
                self.moves(entity, asset, number(amount));
            }
            FactKind::Settled { channel, asset, left, right, .. } => {
                let Some([one, other]) = self.sides.get(&channel).copied() else { return };
                for (who, gained) in [(one, left.0), (other, right.0)] {
                    if self.is_here(who, node) {
                        self.moves(who, asset, -gained);
                    }
                }
            }
            _ => {}
        }
    }

    fn event(&mut self, node: usize, event: &Event, now_s: u64) -> Result<(), String> {
        match event {
            Event::ChannelStatus { channel, left, right, .. } => {
                self.sides.insert(*channel, [*left, *right]);
                Ok(())
            }
            Event::Paid { channel, payer, payee, asset, amount, memo, .. } => {
                for (who, moved) in [(*payer, -number(*amount)), (*payee, number(*amount))] {
                    if self.is_here(who, node) {
                        self.moves(who, *asset, moved);
                    }
                }
                let across = self.homes.get(payer) != self.homes.get(payee);
                if across { self.paid(node, (*channel, *payee, *asset, *amount), &memo.0) } else { Ok(()) }
            }
            Event::HtlcAdded { channel, left, right, key, asset, amount, hashlock, .. } => {
                let (payer, payee) = key.side.pick((*left, *right), (*right, *left));
                if self.is_here(payer, node) {
                    self.locked.insert((*channel, *key), (payer, payee, *asset, *amount, *hashlock));
                }
                Ok(())
            }
            Event::HtlcEnded { channel, left, right, key, failure } => {
                let payer = key.side.pick(*left, *right);
                if self.is_here(payer, node) { self.htlc_ended((*channel, *key), failure.is_empty()) } else { Ok(()) }
            }
            Event::PaymentEnded { payment, failure, preimage, .. } => {
                self.payment_ended(*payment, failure.is_empty().then_some(*preimage), now_s)
            }
            Event::InvoicePaid { payee, hashlock, payment } => {
                let known = self.paid_invoices.insert((*payee, *hashlock), *payment);
                if known.is_some() {
                    return Err(format!("HT-4: an invoice is paid twice: {known:?}, {payment}"));
                }
                let routed = self.routed.get(payment);
                let fits = routed.is_some_and(|routed| {
                    routed.hashlock == *hashlock && routed.hops.last().is_some_and(|(last, _)| last == payee)
                });
                if fits { Ok(()) } else { Err(format!("HT-4: an invoice is paid by what was never sent: {payment}")) }
            }
            Event::Alarm { reason } if reason.contains("htlc") => Err(format!("HT-2: {reason}")),
            _ => Ok(()),
        }
    }

    /// CH-2, CH-8: what is told as paid was sent so, is told once at each end, and hasn't failed.
    fn paid(
        &mut self,
        node: usize,
        (channel, payee, asset, amount): (ChannelId, EntityId, AssetId, Amount),
        memo: &[u8],
    ) -> Result<(), String> {
        let at_payee = self.is_here(payee, node);
        let sent = self.sent.get_mut(memo).ok_or_else(|| format!("CH-2: paid, and never sent: {channel}"))?;
        if (sent.channel, sent.asset, sent.amount) != (channel, asset, amount) {
            return Err(format!("CH-2: {amount} arrived of {sent:?}"));
        }
        let told = if at_payee { &mut sent.arrived } else { &mut sent.left };
        if std::mem::replace(told, true) {
            return Err(format!("CH-2: a payment is told twice, at its payee's: {at_payee}: {sent:?}"));
        }
        self.arrived += u64::from(at_payee);
        if self.ended.get(&sent.payment) == Some(&None) {
            return Err(format!("CH-8: a payment arrived that had failed: {sent:?}"));
        }
        Ok(())
    }

    fn htlc_ended(&mut self, place: (ChannelId, HtlcKey), claimed: bool) -> Result<(), String> {
        if !self.over.insert(place) {
            return Err(format!("HT-2: an HTLC ended twice: {place:?}"));
        }
        let Some((payer, payee, asset, amount, hashlock)) = self.locked.remove(&place) else {
            return Err(format!("HT-2: an HTLC ended that never began: {place:?}"));
        };
        // Of a routed payment each hop's gain is known by its route, once it has ended.
        if claimed && !self.routes.contains(&hashlock) {
            self.moves(payer, asset, -number(amount));
            self.moves(payee, asset, number(amount));
        }
        Ok(())
    }

    /// HT-4: each payment ends once; a routed one in time, and succeeds by the preimage of its lock alone.
    fn payment_ended(&mut self, payment: TxHash, end: End, now_s: u64) -> Result<(), String> {
        if self.ended.insert(payment, end).is_some() {
            return Err(format!("HT-4: a payment ended twice: {payment}"));
        }
        let count = if end.is_some() { &mut self.succeeded } else { &mut self.failed };
        *count += 1;
        if let Some(memo) = self.by_payment.get(&payment) {
            let arrived = self.sent.get(memo).is_some_and(|sent| sent.arrived);
            return if end.is_none() && arrived {
                Err(format!("CH-8: a payment failed that had arrived: {payment}"))
            } else {
                Ok(())
            };
        }
        let Some(routed) = self.routed.get(&payment).cloned() else {
            return Err(format!("HT-4: a payment ended that nobody sent: {payment}"));
        };
        if routed.until_s + DEADLINE_SLACK_S < now_s {
            return Err(format!("HT-4: a payment of {} ended at {now_s}: {payment}", routed.until_s));
        }
        let Some(preimage) = end else { return Ok(()) };
        if hashlock(&preimage) != routed.hashlock {
            return Err(format!("HT-2: a payment succeeded by another preimage: {payment}"));
        }
        let Routed { payer, asset, amount, fee, hops, .. } = routed;
        self.moves(payer, asset, -number(amount) - number(fee));
        for (index, (hop, fee)) in hops.iter().enumerate() {
            let gained = if index + 1 == hops.len() { number(amount) } else { number(*fee) };
            self.moves(*hop, asset, gained);
        }
        Ok(())
    }

    /// CH-3: nobody owes more than was ever granted.
    ///
    /// # Errors
    /// Who owes more.
    pub(crate) fn check_granted(&self, channel: &Channel) -> Result<(), String> {
        for (asset, line) in &channel.book.lines {
            for side in [Side::Left, Side::Right] {
                let (owed, grantor) = (-line.share(side).0, channel.head.entity(side.other()));
                let most = self.granted.get(&(channel.head.id, *asset, grantor)).copied().unwrap_or(0);
                // A deep fact may be told to one node before the other.
                if most < owed {
                    return Err(format!("CH-3: {side:?} owes {owed}, granted {most}: {}", channel.head.id));
                }
            }
        }
        Ok(())
    }

    /// At rest: every payment has ended, what left arrived, and each owns what follows.
    ///
    /// # Errors
    /// The law that is broken, and by what.
    pub(crate) fn check_rest(&self, node: usize, server: &Server) -> Result<(), String> {
        for sent in self.sent.values() {
            let succeeded = match self.ended.get(&sent.payment) {
                None => return Err(format!("HT-4: a payment never ended: {sent:?}")),
                Some(end) => end.is_some(),
            };
            if [sent.arrived, sent.left] != [succeeded; 2] {
                return Err(format!("CH-2: succeeded={succeeded}: {sent:?}"));
            }
        }
        for (id, routed) in &self.routed {
            let Some(end) = self.ended.get(id) else { return Err(format!("HT-4: never ended: {id} {routed:?}")) };
            let paid = routed.hops.last().and_then(|(last, _)| self.paid_invoices.get(&(*last, routed.hashlock)));
            if end.is_some() != (paid == Some(id)) {
                return Err(format!("HT-4: {id} ended with {end:?}, its invoice is paid by {paid:?}"));
            }
        }
        for (entity, _) in self.homes.iter().filter(|(_, home)| **home == node) {
            let owned: Vec<_> =
                server.channels().filter_map(|channel| Some((channel, channel.side_of(*entity)?))).collect();
            let mut sums: BTreeMap<AssetId, i128> = BTreeMap::new();
            for (channel, side) in owned {
                for (asset, line) in &channel.book.lines {
                    *sums.entry(*asset).or_default() += line.share(side).0;
                }
            }
            for (asset, owns) in sums {
                let should = self.net.get(&(*entity, asset)).copied().unwrap_or(0);
                if owns != should {
                    return Err(format!("HT-4, CH-2: {entity} owns {owns} in channels, should own {should}: {asset}"));
                }
            }
        }
        Ok(())
    }
}

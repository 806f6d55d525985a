//! All that a server holds, read from its arenas and not from its tree. With it every input is checked: what its receipt says
//! changed is what changed (ADR 1), the tree holds what the arenas hold (**ST-3**), a refused input changed nothing but its
//! sender's nonce (**TX-5**), each channel's shares sum to its collateral, and what a reserve sums over channels is that sum
//! (**CH-13**).

use crate::arena::Handle;
use crate::channel::book::Terms;
use crate::channel::{Channel, Line};
use crate::depositary::{Operation, OperationKind};
use crate::entity::{Entity, EntityRecord};
use crate::machine::At;
use crate::server::routes::Source;
use crate::server::state::ServerRecord;
use crate::server::{Input, Server};
use crate::signer::Signer;
use std::collections::{BTreeMap, BTreeSet};
use xln_types::codec::{Blob, Encodable, decode};
use xln_types::{Amount, AssetId, Body, EntityId, Path, Receipt, Rejection, Side, SignerId};

/// Checks what must hold at any moment, whatever happened.
pub(super) fn check(server: &Server) {
    Image::of(server).check_tree(server);
    check_sums(server);
}

/// What stood in a server at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Image {
    records: BTreeMap<Path, Blob>,
    /// What leads to records and isn't in the tree.
    indexes: String,
}

fn rlp(record: &impl Encodable) -> Blob {
    Blob(alloy_rlp::encode(record))
}

impl Image {
    pub(super) fn of(server: &Server) -> Image {
        let mut records = BTreeMap::new();
        if server.record != ServerRecord::default() {
            records.insert(Path::SERVER, rlp(&server.record));
        }
        records.extend(server.signers.iter().map(|signer| (Path::signer(signer.id), rlp(signer))));
        records.extend(server.assets.iter().map(|(id, info)| (Path::asset(*id), rlp(info))));
        let waiting = server.unclaimed.iter();
        records.extend(
            waiting.map(|((entity, asset), amount)| (Path::reserve(SignerId::ZERO, *entity, *asset), rlp(amount))),
        );
        for handle in server.entities.handles() {
            records.extend(entity_records(server, handle));
        }
        for channel in server.channels.iter() {
            let head = &channel.head;
            let [left, right] = [head.left, head.right].map(|entity| server.signer_of(entity));
            assert_eq!(channel.signer, left, "a channel lies below its left entity");
            records.insert(Path::channel(left, head.left, head.id), rlp(head));
            records.insert(Path::channel(right, head.right, head.id), rlp(&head.left));
            let lines = channel.book.lines.iter();
            records.extend(lines.map(|(asset, line)| (Path::line(left, head.left, head.id, *asset), rlp(line))));
            let htlcs = channel.book.htlcs.iter();
            records.extend(htlcs.map(|(key, htlc)| (Path::htlc(left, head.left, head.id, *key), rlp(htlc))));
            if channel.book.terms != Terms::default() {
                records.insert(Path::terms(left, head.left, head.id), rlp(&channel.book.terms));
            }
            let replica = channel.replica.iter();
            records.extend(replica.map(|replica| (Path::replica(left, head.left, head.id), rlp(&replica.record()))));
        }
        records.extend(server.nodes.iter().map(|(entity, node)| (Path::node(*entity), rlp(node))));
        records.extend(route_records(server));
        Image { records, indexes: indexes(server) }
    }

    /// Compares this image, of the moment before, with the receipt, the tree and the state after.
    pub(super) fn check_receipt(&self, server: &Server, input: &Input, receipt: &Receipt) {
        let after = Image::of(server);
        let mut said: Vec<_> =
            receipt.changes.iter().map(|change| (change.path, change.old.clone(), change.new.clone())).collect();
        said.sort();
        let changed = self.changes_to(&after);
        assert_eq!(said, changed, "the receipt says what changed: {receipt:?}");
        if let Some(why) = receipt.rejection() {
            assert_eq!(self.indexes, after.indexes, "TX-5: {why:?}");
            assert_eq!(receipt.logs, [], "TX-5: nothing happened: {why:?}");
            assert!(is_nonce_of_sender(&changed, input), "TX-5: {why:?} changed {changed:?}");
        }
        after.check_tree(server);
        check_sums(server);
    }

    /// ADR 1: of an input that is refused after its last step nothing is left, not even the nonce's use.
    pub(super) fn check_undone(&self, server: &mut Server, now_ms: u64, input: &Input) {
        let at = At { now_ms, sequence: server.sequence() };
        let refused = server.undoing(|server| {
            match input {
                Input::Transaction(tx) => server.apply_transaction(at, tx)?,
                Input::Fact(fact) => server.apply_fact(at, fact)?,
                Input::Command(command) => server.apply_command(at, command)?,
                Input::Peer(message) => server.apply_peer(at, message)?,
                Input::Frames => server.apply_frames(at),
            }
            Err(Rejection::HubOnly {})
        });
        assert!(refused.is_err());
        let after = Image::of(server);
        assert_eq!(self.changes_to(&after), [], "undone: {input:?}");
        assert_eq!(self.indexes, after.indexes, "undone: {input:?}");
        let journal = &server.journal;
        let left = journal.undos.len() + journal.events.len() + journal.effects.len() + journal.ended.len();
        assert_eq!(left, 0, "the journal is spent: {input:?}");
        check_sums(server);
    }

    fn changes_to(&self, after: &Image) -> Vec<(Path, Blob, Blob)> {
        let paths: BTreeSet<_> = self.records.keys().chain(after.records.keys()).collect();
        let both = paths.into_iter().map(|path| {
            let of = |image: &Image| image.records.get(path).cloned().unwrap_or_default();
            (*path, of(self), of(after))
        });
        both.filter(|(_, old, new)| old != new).collect()
    }

    /// ST-3: the tree that the next block will seal holds these records and no other.
    pub(super) fn check_tree(&self, server: &Server) {
        let mut tree = server.tree.clone();
        let _ = tree.commit();
        let reader = tree.reader();
        let held = reader.iter().map(|(key, value)| (Path(key.try_into().expect("117 bytes")), Blob(value.to_vec())));
        let held = Image { records: held.collect(), indexes: String::new() };
        assert_eq!(
            held.changes_to(self),
            [],
            "the tree holds what the arenas hold: (path, in the tree, in the arenas)"
        );
    }
}

/// An entity's record, metadata and policies, its reserves and operations; of a deleted one only what was never taken out.
fn entity_records(server: &Server, handle: Handle<Entity>) -> Vec<(Path, Blob)> {
    let entity = server.entities.at(handle);
    let (signer, id) = (entity.record.signer, entity.record.id);
    let depositary = server.depositary(handle);
    assert_eq!((depositary.signer, depositary.entity), (signer, id));
    let reserves = depositary.reserves.iter().map(|(asset, reserve)| (Path::reserve(signer, id, *asset), rlp(reserve)));
    let operations = depositary.operations.iter();
    let operations = operations.map(|(operation, record)| (Path::operation(signer, id, *operation), rlp(record)));
    let mut records: Vec<_> = reserves.chain(operations).collect();
    if !entity.deleted {
        records.push((Path::entity(signer, id), rlp(&entity.record)));
        records.push((Path::metadata(signer, id), rlp(&entity.metadata)));
        let policies = entity.policies.iter();
        records.extend(policies.map(|policy| (Path::policy(signer, id, policy.asset), rlp(policy))));
    }
    records
}

/// Payments, what was passed on, and invoices.
fn route_records(server: &Server) -> Vec<(Path, Blob)> {
    let signer = |entity| server.signer_of(entity);
    let payments = server.payments.values();
    let payments = payments.map(|it| (Path::payment(signer(it.payer), it.payer, it.id), rlp(it)));
    let (hub_signer, hub) = (server.genesis.hub_signer, server.hub_id());
    let forwards = server.forwards.iter();
    let forwards = forwards.map(|((channel, key), it)| (Path::forward(hub_signer, hub, *channel, *key), rlp(it)));
    let invoices = server.invoices.values();
    let invoices = invoices.map(|it| (Path::invoice(signer(it.payee), it.payee, it.hashlock), rlp(it)));
    payments.chain(forwards).chain(invoices).collect()
}

fn indexes(server: &Server) -> String {
    let signers: Vec<_> = server.signers.iter().map(|signer| server.signer_index.get(&signer.id)).collect();
    let addresses = server.entities.iter().map(|entity| entity.record.id.address());
    let entities: Vec<_> = addresses.map(|address| server.entity_index.get(&address)).collect();
    let channels: Vec<_> = server.channels.iter().map(|channel| server.channel_index.get(&channel.head.id)).collect();
    let numbers = 0..u32::try_from(server.entities.len()).expect("few");
    let pairs: Vec<_> = numbers
        .clone()
        .flat_map(|left| numbers.clone().map(move |right| (left, right)))
        .filter_map(|pair| server.pair_index.get(&pair).map(|channel| (pair, channel)))
        .collect();
    assert_eq!(pairs.len(), channels.len(), "each channel stands under its pair");
    let by_entity = &server.entity_channels;
    let promised: Vec<_> = server.channels.iter().map(|channel| &channel.promised).collect();
    let routes = (&server.outgoing, &server.expiries, &server.invoice_expiries, &server.node_channels);
    let ended = (&server.ended_operations, server.ended_payments.len(), server.ended_invoices.len());
    format!("{signers:?} {entities:?} {channels:?} {pairs:?} {by_entity:?} {promised:?} {routes:?} {ended:?}")
}

/// TX-2, TX-5: nothing changed, or the nonce of the transaction's sender went up by one.
fn is_nonce_of_sender(changed: &[(Path, Blob, Blob)], input: &Input) -> bool {
    let (Input::Transaction(tx), [(path, old, new)]) = (input, changed) else { return changed.is_empty() };
    if matches!(tx.body(), Body::CreateEntity(_)) {
        let [before, after] = [old, new].map(|record| decode::<Signer>(&record.0).expect("a signer"));
        let sent = before.id.address() == tx.tx().from && *path == Path::signer(before.id);
        return sent && before.nonce == tx.tx().nonce && after == Signer { nonce: before.nonce + 1, ..before };
    }
    let [before, after] = [old, new].map(|record| decode::<EntityRecord>(&record.0).expect("an entity"));
    let sent = before.id.address() == tx.tx().from && *path == Path::entity(before.signer, before.id);
    sent && before.nonce == tx.tx().nonce && after == EntityRecord { nonce: before.nonce + 1, ..before }
}

/// CH-13, and what stands in two places: sums over channels, what operations hold, and the indexes of operations.
fn check_sums(server: &Server) {
    let mut operations = BTreeMap::new();
    for handle in server.entities.handles() {
        let depositary = server.depositary(handle);
        operations.extend(depositary.operations.values().map(|operation| (operation.id, (handle, operation))));
        let channels: Vec<&Channel> = server.channels_of(handle).collect();
        for (asset, reserve) in &depositary.reserves {
            let lines = channels.iter().filter_map(|channel| {
                let side = channel.side_of(depositary.entity).expect("its own");
                channel.line(*asset).map(|line| (side, line))
            });
            let (mut net, mut owed, mut granted) = (0, 0, 0);
            for (side, line) in lines {
                net += line.share(side).0;
                owed += line.owed(side).0;
                granted += line.granted(side).0;
            }
            let kept = (reserve.net.0, reserve.owed.0, reserve.granted.0);
            assert_eq!(kept, (net, owed, granted), "CH-13: sums over channels");
            let under_way = |kind| sum(depositary.operations.values(), kind, *asset);
            assert_eq!(reserve.allocating, under_way(OperationKind::Allocate), "DP-1");
            assert_eq!(reserve.withdrawing, under_way(OperationKind::Withdraw), "DP-4");
        }
    }
    for channel in server.channels.iter() {
        for (asset, line) in &channel.book.lines {
            for side in [Side::Left, Side::Right] {
                let own = operations.values().map(|(_, operation)| *operation);
                let own = own.filter(|it| it.channel == channel.head.id && it.side == side);
                // Between nodes a settlement is held from its frame on; else from its operation on.
                let own = own.filter(|_| channel.replica.is_none());
                let settled = channel.book.terms.settlement.iter().flat_map(|settlement| &settlement.diffs);
                let settled = settled.filter(|diff| diff.asset == *asset).map(|diff| side.pick(diff.left, diff.right));
                let locked = channel.book.htlcs.iter().filter(|(key, htlc)| key.side == side && htlc.asset == *asset);
                let held = sum(own, OperationKind::Settle, *asset).0
                    + settled.map(|taken| taken.claim().0).sum::<u128>()
                    + locked.map(|(_, htlc)| htlc.amount.0).sum::<u128>();
                assert_eq!(line.held(side).0, held, "DP-5, HT-1: what is held is under way");
            }
            let shares = line.share(Side::Left).0 + line.share(Side::Right).0;
            assert_eq!(shares, line.collateral.0.cast_signed(), "CH-13: shares sum to collateral");
        }
    }
    let owners: BTreeMap<_, _> = operations.iter().map(|(id, (handle, _))| (*id, *handle)).collect();
    let ends: BTreeSet<_> = operations.values().map(|(_, operation)| (operation.valid_until_s, operation.id)).collect();
    assert_eq!((&server.operation_owner, &server.deadlines), (&owners, &ends), "operations are found by id and end");
    check_promised(server);
    check_routes(server);
}

/// DP-2: what is promised and not yet owed or granted is counted, in each channel and over all of them.
fn check_promised(server: &Server) {
    let mut sums: BTreeMap<(EntityId, AssetId), [u128; 2]> = BTreeMap::new();
    for channel in server.channels.iter() {
        for (asset, line) in &channel.tip().lines {
            let booked = channel.line(*asset).copied().unwrap_or_default();
            for side in [Side::Left, Side::Right] {
                let worst = |line: &Line| (line.held(side).0.cast_signed() - line.share(side).0).max(0).cast_unsigned();
                let sum = sums.entry((channel.head.entity(side), *asset)).or_default();
                sum[0] += worst(line).max(worst(&booked)).saturating_sub(booked.owed(side).0);
                sum[1] += line.granted(side).0.saturating_sub(booked.granted(side).0);
            }
        }
    }
    for handle in server.entities.handles() {
        let depositary = server.depositary(handle);
        for (kept, at) in [(&depositary.exposed, 0), (&depositary.granting, 1)] {
            let sums = sums.iter().filter(|((entity, _), sum)| *entity == depositary.entity && sum[at] != 0);
            let sums: BTreeMap<_, _> = sums.map(|((_, asset), sum)| (*asset, Amount(sum[at]))).collect();
            assert_eq!(*kept, sums, "DP-2: what is promised");
        }
    }
}

/// What stands in two places of HTLCs and routes: nothing is forgotten, nothing stays behind.
fn check_routes(server: &Server) {
    for channel in server.channels.iter() {
        let mine = channel.replica.as_ref().map(|replica| replica.me);
        for key in channel.book.htlcs.keys().filter(|key| mine.is_none_or(|me| me == key.side)) {
            assert!(server.outgoing.contains_key(&(channel.head.id, *key)), "HT-2: known until it ends: {key:?}");
        }
    }
    for ((channel, key), (expires_at_s, source)) in &server.outgoing {
        let channel = server.channel(*channel).expect("a channel");
        assert!(channel.replica.is_some() || channel.book.htlc(*key).is_some(), "ended: {key:?} {expires_at_s}");
        match source {
            Source::Own => {}
            Source::Payment(id) => assert!(server.payments.contains_key(id), "a payment under way: {id:?}"),
            Source::Incoming(_) => {}
        }
    }
    for (expires_at_s, place) in &server.expiries {
        assert_eq!(server.outgoing.get(place).map(|(at_s, _)| at_s), Some(expires_at_s), "found by its end");
    }
    for payment in server.payments.values() {
        let place = (payment.channel, payment.key);
        let known = server.outgoing.get(&place).map(|(_, source)| *source);
        assert_eq!(known, Some(Source::Payment(payment.id)), "a payment under way has its HTLC");
    }
    for (channel, key) in server.forwards.keys() {
        let book = &server.channel(*channel).expect("a channel").book;
        assert!(book.htlc(*key).is_some(), "HT-3: passed on until it ends: {key:?}");
    }
    let ends: BTreeSet<_> = server.invoices.iter().map(|(key, invoice)| (invoice.expires_at_s, *key)).collect();
    assert_eq!(server.invoice_expiries, ends, "invoices are found by their end");
}

fn sum<'a>(operations: impl Iterator<Item = &'a Operation>, kind: OperationKind, asset: AssetId) -> Amount {
    Amount(operations.filter(|it| it.kind == kind && it.asset == asset).map(|it| it.amount.0).sum())
}

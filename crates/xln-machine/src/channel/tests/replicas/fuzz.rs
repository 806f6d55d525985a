//! Frames and acknowledgements changed at random, as a peer that signs anything would: nothing panics, and what is refused has changed
//! nothing but what is documented, the evidence of an equivocation and left's turn after a crossing (**CH-6**, **CH-9**).

use super::ASSET;
use super::pair::{Left, Pair, Right, Sent, add, cancel, fulfill, grant, pay, signed};
use crate::channel::replica::Received;
use proptest::prelude::*;
use xln_types::codec::{Blob, decode};
use xln_types::frame::CollateralChange;
use xln_types::tx::SettleDiff;
use xln_types::{
    Address, Amount, AssetId, Balance, ChannelId, EntityId, Frame, FrameTx, Hash, Rejection, Side, TxHash,
};

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Left), Just(Right)]
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..8_u64,
        any::<u64>(),
        Just(u64::MAX),
        Just(1 << 20),
        Just(super::EXPIRY_S),
        Just(super::NOW_MS / 1000)
    ]
}

fn amount() -> impl Strategy<Value = u128> {
    prop_oneof![0..40_u128, any::<u128>(), Just(1 << 120), Just((1 << 120) + 1)]
}

fn balance() -> impl Strategy<Value = Balance> {
    prop_oneof![-20..20_i128, any::<i128>(), Just(1 << 120), Just(-(1 << 120))].prop_map(Balance)
}

fn asset() -> impl Strategy<Value = AssetId> {
    prop_oneof![4 => Just(ASSET), 1 => Just(AssetId([8; 32]))]
}

fn change() -> impl Strategy<Value = CollateralChange> {
    prop_oneof![
        (side(), amount()).prop_map(|(side, amount)| CollateralChange::Added { side, amount: Amount(amount) }),
        (number(), balance(), balance()).prop_map(|(counter, left, right)| CollateralChange::Settled {
            counter,
            left,
            right
        }),
        number().prop_map(|counter| CollateralChange::Lapsed { counter }),
    ]
}

/// Any transaction, likely one that nearly fits.
fn tx() -> impl Strategy<Value = FrameTx> {
    let diffs = prop::collection::vec((asset(), balance(), balance()), 0..3);
    prop_oneof![
        amount().prop_map(pay),
        amount().prop_map(grant),
        (number(), amount(), number()).prop_map(|(id, amount, expires_at_s)| FrameTx::HtlcAdd {
            id,
            htlc: xln_types::Htlc { expires_at_s, ..super::pair::htlc(amount) },
        }),
        (0..4_u64, amount()).prop_map(|(id, amount)| add(id, amount)),
        (0..4_u64).prop_map(fulfill),
        number().prop_map(|id| FrameTx::HtlcFulfill { id, preimage: Hash::ZERO }),
        (side(), 0..4_u64).prop_map(|(side, id)| cancel(side, id)),
        number().prop_map(|valid_until_s| FrameTx::Close { valid_until_s }),
        (number(), any::<u8>())
            .prop_map(|(dispute_window_s, byte)| FrameTx::Update { dispute_window_s, mailbox: Address([byte; 20]) }),
        asset().prop_map(|asset| FrameTx::List { asset }),
        number().prop_map(|nonce| FrameTx::Resume { nonce }),
        Just(super::judged::added(3, 0, 7).to_tx()),
        (number(), number(), asset(), change()).prop_map(|(block, log_index, asset, change)| FrameTx::Fact {
            block,
            block_hash: Hash([9; 32]),
            log_index,
            asset,
            change,
        }),
        (diffs, number(), number()).prop_map(|(diffs, counter, valid_until_s)| FrameTx::Settle {
            diffs: diffs.into_iter().map(|(asset, left, right)| SettleDiff { asset, left, right }).collect(),
            counter,
            valid_until_s,
        }),
        number().prop_map(|dispute_window_s| FrameTx::Open {
            peer: EntityId::ZERO,
            dispute_window_s,
            requested: Vec::new(),
            grants: Vec::new()
        }),
        (asset(), amount(), 0..400_usize).prop_map(|(asset, amount, memo)| FrameTx::Pay {
            asset,
            amount: Amount(amount),
            payment: TxHash::ZERO,
            memo: Blob(vec![1; memo]),
        }),
    ]
}

/// One change of a frame that its proposer then signs.
#[derive(Clone, Debug)]
enum Change {
    Height(u64),
    Nonce(u64),
    Timestamp(u64),
    Previous,
    State,
    Offdeltas,
    Htlcs,
    Window(u64),
    Channel,
    Txs(Vec<FrameTx>),
    /// Another transaction, and the state that its proposer computes with it: honest but for what it does.
    Computed(Vec<FrameTx>),
    /// Bytes of the encoded frame.
    Bytes(Vec<(prop::sample::Index, u8)>),
}

fn a_change() -> impl Strategy<Value = Change> {
    let txs = || prop::collection::vec(tx(), 0..4);
    prop_oneof![
        1 => number().prop_map(Change::Height),
        1 => number().prop_map(Change::Nonce),
        1 => number().prop_map(Change::Timestamp),
        1 => Just(Change::Previous),
        1 => Just(Change::State),
        1 => Just(Change::Offdeltas),
        1 => Just(Change::Htlcs),
        1 => number().prop_map(Change::Window),
        1 => Just(Change::Channel),
        1 => txs().prop_map(Change::Txs),
        6 => txs().prop_map(Change::Computed),
        2 => prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4).prop_map(Change::Bytes),
    ]
}

fn changed(sent: &Sent, change: &Change, base: &crate::channel::Book) -> Sent {
    let bytes = match change {
        Change::Bytes(places) => {
            let mut bytes = alloy_rlp::encode(&sent.frame);
            for (place, byte) in places {
                let place = place.index(bytes.len());
                bytes[place] ^= byte;
            }
            decode::<Frame>(&bytes).ok()
        }
        _ => None,
    };
    sent.changed(|frame, proof| match change {
        Change::Height(height) => frame.height = *height,
        Change::Nonce(nonce) => proof.nonce = *nonce,
        Change::Timestamp(timestamp_s) => frame.timestamp_s = *timestamp_s,
        Change::Previous => frame.previous = Hash([1; 32]),
        Change::State => frame.state = Hash([1; 32]),
        Change::Offdeltas => proof.offdeltas = Hash([1; 32]),
        Change::Htlcs => proof.htlcs = Hash([1; 32]),
        Change::Window(window) => proof.dispute_window_s = *window,
        Change::Channel => (frame.channel, proof.channel) = (ChannelId([1; 32]), ChannelId([1; 32])),
        Change::Txs(txs) => frame.txs.clone_from(txs),
        Change::Computed(txs) => {
            let mut book = base.clone();
            frame.txs = txs.iter().filter(|tx| book.apply(frame.by, tx).is_ok()).cloned().collect();
            let digests = book.digests();
            (frame.state, proof.offdeltas, proof.htlcs) = (digests.state, digests.offdeltas, digests.htlcs);
            proof.dispute_window_s = book.terms.dispute_window_s;
        }
        Change::Bytes(_) => {
            // What doesn't decode never arrives; what names another proposer or channel fits no proof of these.
            if let Some(other) = bytes.filter(|other| other.by == frame.by && other.channel == frame.channel) {
                *frame = other;
            }
        }
    })
}

/// Both have something pending; both, or one, have something in their stack.
fn situation(by: Side, crossing: bool) -> (Pair, Sent) {
    let mut pair = Pair::opened();
    pair.does(Left, [add(0, 5), pay(3)]);
    pair.does(Right, [add(0, 6), grant(50)]);
    pair.replica(by.other()).see(super::judged::added(3, 0, 7)).expect("room");
    if crossing {
        pair.proposes(by.other(), [pay(1), fulfill(0)]);
        pair.draft(by.other(), pay(2)).expect("it fits");
    }
    let sent = pair.proposes(by, [pay(2), add(1, 1)]);
    (pair, sent)
}

/// A replica as it was, but for what a refusal may change.
fn but_for_what_is_documented(before: &Pair, after: &Pair, why: &Rejection) -> Pair {
    let mut expected = before.clone();
    for (expected, after) in expected.replicas.iter_mut().zip(&after.replicas) {
        if *why == (Rejection::Equivocation {}) {
            expected.equivocation.clone_from(&after.equivocation);
        }
    }
    expected
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// CH-6: a changed frame is taken in full or refused without a trace, and what was taken leaves both parts of the state in accord.
    #[test]
    fn changed_frames_are_taken_whole_or_refused_without_trace(
        by in side(),
        crossing in any::<bool>(),
        changes in prop::collection::vec(a_change(), 1..3),
        again in a_change(),
    ) {
        let (mut pair, mut sent) = situation(by, crossing);
        for change in &changes {
            sent = changed(&sent, change, pair.book(by));
        }
        let base = pair.book(by).clone();
        for sent in [sent.clone(), changed(&sent, &again, &base)] {
            let before = pair.clone();
            match pair.deliver(&sent) {
                Ok(Received::Taken(_)) => {
                    prop_assert_eq!(pair.book(by.other()).digests().state, sent.frame.state);
                    let taker = pair.replica(by.other());
                    prop_assert_eq!((taker.height, taker.frame), (sent.frame.height, sent.proof.frame));
                    prop_assert!(taker.stack.is_empty() && taker.signed_nonce >= sent.proof.nonce);
                }
                Ok(Received::Again) => prop_assert_eq!(&pair, &before),
                Ok(Received::Crossed) => {
                    let mut expected = before;
                    let since = pair.replica(Left).yielding_since_ms;
                    expected.replica(Left).yielding_since_ms = since;
                    prop_assert!(since.is_some());
                    prop_assert_eq!(&pair, &expected);
                }
                Err(why) => prop_assert_eq!(&pair, &but_for_what_is_documented(&before, &pair, &why)),
            }
            // Whatever came, it goes on: what was drafted is proposed, or there is nothing to propose.
            let mut next = pair.clone();
            next.propose(by.other());
        }
    }

    /// CH-9: a changed acknowledgement settles what it covers or is refused without a trace.
    #[test]
    fn changed_acknowledgements_settle_what_they_cover_or_nothing(
        by in side(),
        stacked in 1..4_usize,
        place in any::<prop::sample::Index>(),
        change in a_change(),
        epoch in number(),
    ) {
        let mut pair = Pair::opened();
        let mut all: Vec<Sent> = Vec::new();
        for _ in 0..stacked {
            all.push(pair.proposes(by, [pay(1), pay(2)]));
        }
        let place = place.index(stacked);
        let mut proof = match change {
            // The frame itself isn't part of an acknowledgement.
            Change::Txs(_) | Change::Computed(_) => all[place].proof,
            change => changed(&all[place], &change, pair.book(by)).proof,
        };
        proof.board_epoch = epoch;
        let before = pair.clone();
        let index = by.pick(0, 1);
        let answer = pair.replicas[index].receive_ack(&mut pair.books[index], signed(proof));
        if answer.is_err() {
            prop_assert_eq!(&pair, &before);
        } else {
            prop_assert_eq!(proof, xln_types::ChannelProof { board_epoch: epoch, ..all[place].proof });
            prop_assert_eq!(pair.replica(by).stack.len(), stacked - place - 1);
            prop_assert_eq!(pair.book(by).digests().state, all[place].frame.state);
        }
    }
}

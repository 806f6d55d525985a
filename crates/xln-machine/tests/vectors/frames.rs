//! CH-6: a conversation of two replicas: every frame as it is encoded, hashed and signed, and the state after it.

use crate::{CHAIN_ID, depositary, document, hash, hex, proofs, sign, signer};
use serde_json::{Value, json};
use xln_crypto::evidence::proof_digest;
use xln_crypto::frames::{hashlock, with_signature};
use xln_machine::channel::Book;
use xln_machine::channel::replica::{Judge, Received, Replica, SeenFact, Signed};
use xln_types::codec::Blob;
use xln_types::frame::CollateralChange;
use xln_types::tx::{AssetAmount, SettleDiff};
use xln_types::{
    Address, Amount, AssetId, Balance, Board, ChannelId, EntityId, Failure, FrameTx, Hash, Htlc, HtlcKey, PeerMessage,
    Rejection, Side, SignerId, TxHash,
};

const NOW_S: u64 = 1_700_000_000;

/// One side, and the key that signs for it.
struct Seat {
    replica: Replica,
    book: Book,
    key: u8,
}

fn seat(me: Side, key: u8, other: u8) -> Seat {
    let (channel, node) = (ChannelId(hash("channel").0), EntityId(hash("node").0));
    Seat { replica: Replica::new(channel, me, node, SignerId(signer(other).0)), book: Book::default(), key }
}

fn judge() -> Judge {
    Judge { now_ms: NOW_S * 1000, chain_s: NOW_S, chain_block: 100 }
}

/// `frames.json`.
pub(crate) fn file() -> Value {
    let about = "CH-6, CH-7: frames of one channel in order, proposed by either side and taken by the other; keys 1 (left) and 2 (right)";
    let (mut left, mut right) = (seat(Side::Left, 1, 2), seat(Side::Right, 2, 1));
    let cases = script().into_iter().map(|(by, what, txs)| {
        let (own, other) = match by {
            Side::Left => (&mut left, &mut right),
            Side::Right => (&mut right, &mut left),
        };
        case(own, other, what, txs)
    });
    document(about, cases.collect(), vec![])
}

/// The chain fact of the script.
fn fact(asset: AssetId) -> SeenFact {
    let change = CollateralChange::Added { side: Side::Left, amount: Amount(1_000) };
    SeenFact { block: 90, block_hash: hash("block 90"), log_index: 3, asset, change }
}

/// Who proposes, what it shows, and the transactions.
fn script() -> Vec<(Side, &'static str, Vec<FrameTx>)> {
    let asset = AssetId(hash("asset").0);
    let (peer, preimage) = (EntityId(hash("right").0), hash("preimage"));
    let htlc = Htlc {
        asset,
        amount: Amount(25),
        hashlock: hashlock(&preimage),
        expires_at_s: NOW_S + 600,
        onion: Blob::default(),
    };
    let pay = |amount: u128| FrameTx::Pay {
        asset,
        amount: Amount(amount),
        payment: TxHash(hash("payment").0),
        memo: Blob(b"memo".to_vec()),
    };
    let grants = vec![AssetAmount { asset, amount: Amount(500) }];
    let diffs = vec![SettleDiff { asset, left: Balance(10), right: Balance::ZERO }];
    let failure = Failure { hop: 1, reason: Rejection::InvoiceUnpayable {} };
    let key = HtlcKey { side: Side::Left, id: 1 };
    vec![
        (
            Side::Left,
            "left opens and grants 500",
            vec![FrameTx::Open { peer, dispute_window_s: 86_400, requested: vec![], grants }],
        ),
        (Side::Right, "right pays with what left grants", vec![pay(120), pay(1)]),
        (Side::Right, "right grants", vec![FrameTx::Credit { asset, granted: Amount(u128::from(u64::MAX)) }]),
        (Side::Left, "collateral", vec![fact(asset).to_tx()]),
        (
            Side::Left,
            "two equal htlcs",
            vec![FrameTx::HtlcAdd { id: 0, htlc: htlc.clone() }, FrameTx::HtlcAdd { id: 1, htlc }],
        ),
        (
            Side::Right,
            "one is claimed, one given back",
            vec![FrameTx::HtlcFulfill { id: 0, preimage }, FrameTx::HtlcCancel { key, failure }],
        ),
        (Side::Right, "another asset", vec![FrameTx::List { asset: AssetId(hash("other asset").0) }]),
        (Side::Left, "a mailbox", vec![FrameTx::Update { dispute_window_s: 3_600, mailbox: Address([9; 20]) }]),
        (Side::Right, "the same window", vec![FrameTx::Update { dispute_window_s: 3_600, mailbox: Address::ZERO }]),
        (Side::Left, "a settlement", vec![FrameTx::Settle { diffs, counter: 1, valid_until_s: NOW_S + 900 }]),
    ]
}

fn case(own: &mut Seat, other: &mut Seat, what: &str, txs: Vec<FrameTx>) -> Value {
    for tx in txs {
        if let FrameTx::Fact { asset, .. } = &tx {
            own.replica.see(fact(*asset)).expect("room");
            other.replica.see(fact(*asset)).expect("room");
        }
        own.replica.draft(&own.book, &judge(), tx).unwrap_or_else(|why| panic!("{what}: {why:?}"));
    }
    let proposal = own.replica.propose(&own.book, &judge(), 0).expect("a frame").clone();
    let digest = proof_digest(CHAIN_ID, depositary(), &proposal.proof);
    let signature = Blob(sign(own.key, &digest).to_vec());
    let intro = if proposal.frame.height == 1 { vec![Board::single(SignerId(signer(own.key).0), 0)] } else { vec![] };
    let message =
        PeerMessage::Frame { frame: proposal.frame.clone(), proof: proposal.proof, signature: Blob::default(), intro };
    let message = with_signature(message, sign(own.key, &digest));
    let signed = Signed { proof: proposal.proof, signature };
    let taken = other.replica.receive_frame(&mut other.book, &judge(), &proposal.frame, signed);
    assert!(matches!(taken, Ok(Received::Taken(_))), "{what}: {taken:?}");
    let proof = other.replica.acknowledgement(0).expect("the other's frame");
    let digest = proof_digest(CHAIN_ID, depositary(), &proof);
    let ack = with_signature(PeerMessage::Ack { proof, signature: Blob::default() }, sign(other.key, &digest));
    let PeerMessage::Ack { signature, .. } = &ack else { unreachable!() };
    let signed = Signed { proof, signature: signature.clone() };
    let taken = own.replica.receive_ack(&mut own.book, signed);
    assert!(matches!(taken, Ok(Received::Taken(_))), "{what}: {taken:?}");
    assert_eq!(own.book, other.book, "{what}");
    let frame_hash: Hash = proposal.proof.frame;
    json!({
        "what": what,
        "frame": hex(&alloy_rlp::encode(&proposal.frame)),
        "frameHash": frame_hash.to_string(),
        "state": proposal.frame.state.to_string(),
        "proof": proofs::shown(&proposal.proof),
        "digest": digest.to_string(),
        "message": hex(&alloy_rlp::encode(&message)),
        "acknowledgement": hex(&alloy_rlp::encode(&ack)),
    })
}

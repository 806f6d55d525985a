//! N-3, N-4, N-5, N-6, TX-2: encodings, and the ids and hashes that are taken over them.

use crate::{CHAIN_ID, depositary, document, hash, hex, secret, signer};
use serde_json::{Value, json};
use xln_crypto::{derive, verify};
use xln_types::board::Member;
use xln_types::codec::{Blob, Decodable, Encodable, decode};
use xln_types::tx::{self, AssetAmount};
use xln_types::{
    AMOUNT_MAX, Address, Amount, Asset, AssetId, Balance, BlockHeader, Board, Body, ChannelId, EntityId, Hash, Seal,
    Side, SignerId, Transaction,
};

/// `codec.json`.
pub(crate) fn file() -> Value {
    let about = "N-3: canonical RLP. tree is the RLP itself, strings as hex and lists as lists. N-4, N-5, N-6, TX-2: what is hashed from it";
    let numbers = [0, 1, 127, 128, 255, 256, u128::from(u64::MAX), AMOUNT_MAX, u128::MAX];
    let balances = [0, -1, 1, -64, 64, 1 << 120, -(1 << 120), i128::MAX, i128::MIN];
    let mut cases: Vec<Value> =
        numbers.iter().map(|number| case("number", number.to_string(), &Amount(*number))).collect();
    cases.extend(balances.iter().map(|balance| case("balance", balance.to_string(), &Balance(*balance))));
    cases.extend(assets().iter().map(|asset| {
        let id = derive::asset_id(CHAIN_ID, asset).to_string();
        case("asset", json!({ "chainId": CHAIN_ID, "id": id }), asset)
    }));
    cases.extend(
        boards().iter().map(|board| case("board", json!({ "entity": derive::entity_id(board).to_string() }), board)),
    );
    cases.extend([0, 1].map(channel));
    cases.push(case("header", json!({ "hash": derive::block_hash(&header()).to_string() }), &header()));
    cases.push(case("seal", json!({}), &seal()));
    cases.extend(bodies().iter().zip(0..).map(|(body, nonce)| transaction(body, nonce)));
    document(about, cases, REFUSED.iter().map(refused).collect())
}

/// What it is, its bytes, and whether some decoder takes them.
type Refused = (&'static str, &'static str, &'static [u8]);

const REFUSED: [Refused; 12] = [
    ("number", "a leading zero", &[0x82, 0x00, 0x01]),
    ("number", "zero as a byte", &[0x00]),
    ("number", "one byte in long form", &[0x81, 0x01]),
    ("number", "a byte behind it", &[0x01, 0x02]),
    ("number", "shorter than it says", &[0x82, 0x01]),
    ("number", "2^64 bytes announced", &[0xbf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
    ("number", "a short string's long form", &[0xb8, 0x01, 0x80]),
    ("number", "nothing", &[]),
    ("number", "a list", &[0xc1, 0x01]),
    ("number", "past 2^128", &[0x91, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    ("board", "a list too short", &[0xc2, 0x01, 0xc0]),
    ("board", "a string", &[0x83, 0x01, 0xc0, 0x80]),
];

fn refused((kind, reason, bytes): &Refused) -> Value {
    let taken = if *kind == "board" { decode::<Board>(bytes).is_ok() } else { decode::<Amount>(bytes).is_ok() };
    assert!(!taken, "{reason}");
    json!({ "kind": kind, "reason": reason, "rlp": hex(bytes) })
}

fn case<T: Encodable + Decodable + PartialEq>(kind: &str, value: impl Into<Value>, of: &T) -> Value {
    let rlp = alloy_rlp::encode(of);
    assert!(decode::<T>(&rlp).is_ok_and(|decoded| decoded == *of), "{kind}");
    json!({ "kind": kind, "value": value.into(), "rlp": hex(&rlp), "tree": tree(&mut rlp.as_slice()) })
}

/// RLP as JSON: strings as hex, lists as lists.
fn tree(rlp: &mut &[u8]) -> Value {
    let header = alloy_rlp::Header::decode(rlp).expect("RLP");
    let (mut payload, rest) = rlp.split_at(header.payload_length);
    *rlp = rest;
    if !header.list {
        return hex(payload).into();
    }
    let mut items = Vec::new();
    while !payload.is_empty() {
        items.push(tree(&mut payload));
    }
    items.into()
}

fn assets() -> [Asset; 3] {
    let mut token_id = [0; 32];
    token_id[31] = 9;
    let kind = xln_types::asset::AssetKind::Erc721;
    [Asset::NATIVE, Asset::erc20(Address([5; 20])), Asset { kind, contract: Address([6; 20]), token_id }]
}

fn boards() -> [Board; 3] {
    let member = |number, weight| Member { signer: SignerId::from(signer(number)), weight };
    let several = Board { threshold: 200, members: vec![member(2, 100), member(1, 1), member(3, 100)], salt: 300 };
    [Board::single(SignerId::from(signer(1)), 0), Board::single(SignerId::from(signer(1)), 1), several]
}

fn channel(epoch: u64) -> Value {
    let (left, right) = (EntityId([1; 32]), EntityId([2; 32]));
    let id = derive::channel_id(CHAIN_ID, depositary(), left, right, epoch);
    json!({ "kind": "channel", "value": {
        "chainId": CHAIN_ID,
        "depositary": depositary().to_string(),
        "left": left.to_string(),
        "right": right.to_string(),
        "epoch": epoch,
        "id": id.to_string(),
    } })
}

fn header() -> BlockHeader {
    BlockHeader {
        number: 7,
        previous_hash: hash("previous"),
        timestamp_ms: 1_700_000_000_123,
        state_root: hash("state"),
        transaction_root: hash("transactions"),
        receipt_root: hash("receipts"),
        entries: 300,
        last_sequence: 70_000,
        proposer: SignerId::from(signer(1)),
    }
}

fn seal() -> Seal {
    let (hub, previous_seal, block_hash) = (EntityId(hash("hub").0), Hash::ZERO, derive::block_hash(&header()));
    Seal { hub, board_epoch: 0, number: 7, previous_seal, block_hash, proofs_root: hash("proofs"), time_ms: 8 }
}

fn bodies() -> [Body; 8] {
    let (asset, entity, channel) = (AssetId(hash("asset").0), EntityId(hash("bob").0), ChannelId(hash("channel").0));
    let (amount, memo) = (Amount(1_000_000), Blob(b"tea".to_vec()));
    let (expires_at_s, valid_until_s) = (1_900_000_000, 1_800_000_000);
    let (collateral, grants) = (vec![AssetAmount { asset, amount }], vec![]);
    [
        tx::CreateEntity { threshold: 1, members: boards()[0].members.clone(), salt: 0, metadata: memo.clone() }.into(),
        tx::OpenChannel {
            peer: entity,
            collateral,
            grants,
            requested: vec![],
            dispute_window_s: 86_400,
            valid_until_s,
            chain_signatures: vec![Blob(vec![7; 65])],
        }
        .into(),
        tx::SetCredit { channel, asset, granted: amount }.into(),
        tx::Settle {
            channel,
            diffs: vec![tx::SettleDiff { asset, left: Balance(-5), right: Balance(7) }],
            valid_until_s,
        }
        .into(),
        tx::CollateralFact { block_hash: hash("block"), log_index: 3, asset, side: Side::Right, amount }.into(),
        tx::DirectPayment { asset, amount, memo, route: vec![] }.into(),
        tx::HtlcCreate { channel, asset, amount, hashlock: hash("lock"), expires_at_s, onion: Blob::default() }.into(),
        tx::HtlcFulfill { channel, id: 3, preimage: hash("preimage") }.into(),
    ]
}

/// TX-2: the envelope, what is signed of it, its name and its signature.
fn transaction(body: &Body, nonce: u64) -> Value {
    let (kind, data, hub) = (body.kind(), body.to_data(), EntityId(hash("hub").0));
    let (from, to) = (EntityId(hash("alice").0).address(), EntityId(hash("bob").0).address());
    let (fee, timestamp) = (Amount(u128::from(nonce)), 1_700_000_000);
    let mut tx = Transaction { kind, from, to, nonce, data, fee, timestamp, signature: Blob::default() };
    let name = derive::tx_hash(CHAIN_ID, hub, &tx);
    tx.signature = verify::sign_tx(&name, &secret(1)).expect("a key");
    let value = json!({
        "type": kind.name(),
        "code": kind.code(),
        "from": from.to_string(),
        "to": to.to_string(),
        "nonce": nonce.to_string(),
        "fee": fee.to_string(),
        "timestamp": timestamp,
        "data": hex(&tx.data.0),
        "body": tree(&mut tx.data.0.as_slice()),
        "chainId": CHAIN_ID,
        "hub": hub.to_string(),
        "payload": hex(&tx.signing_payload(CHAIN_ID, hub)),
        "hash": name.to_string(),
        "signature": hex(&tx.signature.0),
        "signer": signer(1).to_string(),
    });
    case("transaction", value, &tx)
}

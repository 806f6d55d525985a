//! **N-3**: each type of the vocabulary has exactly one encoding. What is encoded decodes to itself and nothing shorter, longer or
//! padded does; **TX-5**: every rejection keeps its number and its name.

use alloy_rlp::{Decodable, Encodable};
use std::collections::BTreeSet;
use std::fmt::Debug;
use xln_types::asset::AssetKind;
use xln_types::board::Member;
use xln_types::codec::{Blob, RlpError, decode};
use xln_types::evidence::{EVIDENCE_BYTES_MAX, ShapeError};
use xln_types::receipt::Status;
use xln_types::tx::{self, AssetAmount, AssetPolicy, Scheme, SettleDiff};
use xln_types::{
    Address, Amount, Asset, AssetId, AssetInfo, Authority, Balance, BlockHeader, Board, Body, ChainFact, ChannelId,
    ChannelProof, Command, EntityId, Entry, Event, Evidence, EvidenceAuthority, FactKind, FactPosition, Genesis, Hash,
    HtlcEntry, OffdeltaEntry, OperationId, Path, Receipt, Record, Rejection, Seal, Side, SignerId, StateChange,
    Transaction, TxHash, TxType,
};

const ASSET: Asset = Asset { kind: AssetKind::Erc1155, contract: Address([5; 20]), token_id: [6; 32] };

/// One value, one encoding, and none near it.
fn check<T: Encodable + Decodable + PartialEq + Debug>(value: &T) {
    let bytes = alloy_rlp::encode(value);
    assert_eq!(bytes.len(), value.length(), "{value:?}");
    assert_eq!(decode::<T>(&bytes).as_ref(), Ok(value));
    for end in 0..bytes.len() {
        assert!(decode::<T>(&bytes[..end]).is_err(), "cut at {end}: {value:?}");
    }
    assert!(decode::<T>(&[bytes.as_slice(), &[0]].concat()).is_err(), "a byte behind: {value:?}");
    if let Some(longer) = with_field(&bytes) {
        assert!(decode::<T>(&longer).is_err(), "a field too many: {value:?}");
        assert!(decode::<T>(&alloy_rlp::encode(bytes.as_slice())).is_err(), "a string in its place: {value:?}");
    }
}

/// The same list with one more field in it; `None` for what is no list.
fn with_field(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut payload = bytes;
    let header = alloy_rlp::Header::decode(&mut payload).ok().filter(|header| header.list)?;
    let mut longer = Vec::new();
    alloy_rlp::Header { list: true, payload_length: header.payload_length + 1 }.encode(&mut longer);
    longer.extend(payload);
    longer.push(0x01);
    Some(longer)
}

fn position() -> FactPosition {
    FactPosition { block: 1, log_index: 300, block_hash: Hash([2; 32]), chain_tx: Hash([3; 32]) }
}

fn info() -> AssetInfo {
    AssetInfo { id: AssetId([7; 32]), asset: ASSET, symbol: "GOLD".to_owned(), decimals: 2 }
}

fn genesis() -> Genesis {
    let policies = vec![AssetPolicy { reserve_ppm: 9, ..AssetPolicy::unlimited(AssetId([7; 32])) }];
    let (depositary, hub_signer, assets) = (Address([1; 20]), SignerId([2; 20]), vec![info()]);
    Genesis { chain_id: 5, depositary, hub_signer, created: 6, assets, policies, tree_width: 4, tree_threshold: 300 }
}

fn header() -> BlockHeader {
    BlockHeader {
        number: 1,
        previous_hash: Hash([1; 32]),
        timestamp_ms: 2,
        state_root: Hash([3; 32]),
        transaction_root: Hash([4; 32]),
        receipt_root: Hash([5; 32]),
        entries: 6,
        last_sequence: 7,
        proposer: SignerId([8; 20]),
    }
}

fn seal() -> Seal {
    let (hub, block_hash) = (EntityId([1; 32]), Hash([2; 32]));
    let (previous_seal, proofs_root) = (Hash([3; 32]), Hash([4; 32]));
    Seal { hub, board_epoch: 5, number: 6, previous_seal, block_hash, proofs_root, time_ms: 7 }
}

fn receipt(status: Status, logs: Vec<Event>) -> Receipt {
    let changes = vec![StateChange { path: Path::SERVER, old: Blob(vec![1]), new: Blob::default() }];
    Receipt { hash: TxHash([1; 32]), sequence: 2, executed_at_ms: 3, status, cost: 4, logs, changes }
}

fn facts() -> Vec<FactKind> {
    let (entity, channel, asset, amount) = (EntityId([1; 32]), ChannelId([2; 32]), AssetId([3; 32]), Amount(4));
    let (sender, recipient, operation) = (Address([5; 20]), Address([6; 20]), OperationId([7; 32]));
    let (left, right) = (Balance(-8), Balance(9));
    vec![
        FactKind::AssetRegistered { id: asset, asset: ASSET },
        FactKind::Deposited { entity, asset, amount, sender },
        FactKind::Withdrawn { entity, asset, amount, recipient, operation },
        FactKind::CollateralAdded { channel, entity, side: Side::Right, asset, amount, operation },
        FactKind::Settled { channel, asset, counter: 1, left, right },
        FactKind::Time { timestamp: 2 },
        FactKind::Reverted { operation },
        FactKind::DeepReorg { depth: 3 },
    ]
}

fn events() -> Vec<Event> {
    let (channel, left, right) = (ChannelId([1; 32]), EntityId([2; 32]), EntityId([3; 32]));
    let (asset, entity, operation, amount) = (AssetId([4; 32]), EntityId([5; 32]), OperationId([6; 32]), Amount(7));
    let memo = Blob(b"tea".to_vec());
    vec![
        Event::SignerRegistered { signer: SignerId([8; 20]) },
        Event::AssetRegistered { asset },
        Event::EntityCreated { entity },
        Event::EntityUpdated { entity },
        Event::EntityDeleted { entity },
        Event::ChannelStatus { channel, left, right, status: 1 },
        Event::CreditSet { channel, left, right, asset, grantor: Side::Left, granted: amount },
        Event::Paid { channel, payer: left, payee: right, asset, amount, delta: Balance(-1), memo },
        Event::ReserveChanged { entity, asset, free: Balance(-9) },
        Event::CollateralChanged { channel, left, right, asset, collateral: amount },
        Event::Operation { operation, entity, status: 2 },
        Event::Alarm { reason: "look".to_owned() },
    ]
}

fn commands() -> Vec<Command> {
    let (signer, owner, public_key) = (SignerId([1; 20]), Address([2; 20]), Blob(vec![3; 33]));
    vec![
        Command::RegisterSigner { signer, public_key, owner, hosted: 1, metadata: Blob(vec![4]) },
        Command::RegisterAsset { info: info() },
        Command::Broadcast { operation: OperationId([5; 32]), raw: vec![Blob(vec![6; 60]), Blob::default()] },
        Command::Introduce { node: EntityId([7; 32]), board: Board::single(signer, 1), public_key: Blob::default() },
        Command::Invoice {
            payee: EntityId([8; 32]),
            account: owner,
            asset: AssetId([9; 32]),
            amount: Amount(10),
            preimage: Hash([11; 32]),
            expires_at_s: 12,
            memo: Blob(vec![13]),
        },
    ]
}

/// A body of every type.
fn bodies() -> Vec<Body> {
    let (channel, asset, amount, hash) = (ChannelId([1; 32]), AssetId([2; 32]), Amount(3), Hash([4; 32]));
    let (entity, mailbox, time_s) = (EntityId([5; 32]), Address([6; 20]), 1_700_000_000);
    let (line, bytes) = (AssetAmount { asset, amount }, || Blob(vec![7; 70]));
    let route = tx::Route { hashlock: hash, deadline_s: 9, hops: vec![tx::RouteHop { entity, fee: amount }] };
    let diff = SettleDiff { asset, left: Balance(1), right: Balance(-1) };
    vec![
        tx::CreateEntity {
            threshold: 1,
            members: vec![Member { signer: SignerId([8; 20]), weight: 1 }],
            salt: 0,
            metadata: bytes(),
        }
        .into(),
        tx::UpdateEntity { metadata: bytes(), policies: vec![AssetPolicy::unlimited(asset)], accepts_free: 2 }.into(),
        tx::DeleteEntity { entity }.into(),
        tx::GrantSession { key: hash, scope: 1, expires_at_s: time_s, limits: vec![line] }.into(),
        tx::RevokeSession { key: hash }.into(),
        tx::OpenChannel {
            peer: entity,
            collateral: vec![line],
            grants: vec![line, line],
            requested: vec![],
            dispute_window_s: 60,
            valid_until_s: time_s,
            chain_signatures: vec![bytes()],
        }
        .into(),
        tx::UpdateChannel { channel, dispute_window_s: 60, mailbox }.into(),
        tx::CloseChannel { channel, valid_until_s: time_s }.into(),
        tx::SetCredit { channel, asset, granted: amount }.into(),
        tx::Settle { channel, diffs: vec![diff], valid_until_s: time_s }.into(),
        tx::Dispute { channel }.into(),
        tx::AcceptChannel { channel, grants: vec![line] }.into(),
        tx::ListAsset { asset }.into(),
        tx::CollateralFact { block_hash: hash, log_index: 1, asset, side: Side::Left, amount }.into(),
        tx::Resume { nonce: u64::MAX }.into(),
        tx::DirectPayment { asset, amount, memo: bytes(), route: vec![route] }.into(),
        tx::HtlcCreate { channel, asset, amount, hashlock: hash, expires_at_s: time_s, onion: bytes() }.into(),
        tx::HtlcFulfill { channel, id: 1, preimage: hash }.into(),
        tx::HtlcCancel { channel, side: Side::Right, id: 1, reason: bytes() }.into(),
        tx::BatchPayment { asset, payments: vec![tx::BatchedPayment { amount, memo: bytes() }] }.into(),
        tx::CreateProposal { action: TxType::Withdraw, data: bytes(), expires_at_s: time_s }.into(),
        tx::VoteProposal { proposal: hash, support: 1 }.into(),
        tx::ExecuteProposal { proposal: hash }.into(),
        tx::Deposit { asset, amount }.into(),
        tx::Withdraw { asset, amount, recipient: mailbox, valid_until_s: time_s, chain_signature: bytes() }.into(),
        tx::Allocate { channel, asset, amount, valid_until_s: time_s, chain_signature: bytes() }.into(),
        tx::Deallocate { channel, asset, amount, valid_until_s: time_s }.into(),
    ]
}

fn transaction(body: &Body) -> Transaction {
    let (kind, data, signature) = (body.kind(), body.to_data(), Blob(vec![1; 66]));
    let (from, to) = (Address([1; 20]), Address::ZERO);
    Transaction { kind, from, to, nonce: 3, data, fee: Amount(4), timestamp: 5, signature }
}

/// N-3, TX-1: every type of transaction has one encoding, body and envelope.
#[test]
fn every_transaction_has_one_encoding() {
    let bodies = bodies();
    let kinds: Vec<TxType> = bodies.iter().map(Body::kind).collect();
    assert_eq!(kinds, TxType::ALL);
    for body in &bodies {
        let data = body.to_data();
        assert_eq!(Body::from_data(body.kind(), &data.0).as_ref(), Ok(body));
        for end in 0..data.0.len() {
            assert!(Body::from_data(body.kind(), &data.0[..end]).is_err(), "cut at {end}: {body:?}");
        }
        let longer = with_field(&data.0).expect("a list");
        assert!(Body::from_data(body.kind(), &longer).is_err(), "a field too many: {body:?}");
        check(&transaction(body));
        check(&body.kind());
    }
    assert!(decode::<TxType>(&[0x50]).is_err(), "no such type");
    let schemes = [Scheme::Secp256k1, Scheme::Ed25519, Scheme::Token].map(Scheme::number);
    assert_eq!(schemes, [1, 2, 3]);
}

/// N-3: so has everything that log, block and receipt hold.
#[test]
fn log_block_and_receipt_have_one_encoding() {
    facts().iter().for_each(check);
    events().iter().for_each(check);
    commands().iter().for_each(check);
    for kind in facts() {
        let fact = ChainFact { at: position(), kind };
        check(&fact);
        check(&Entry::Fact { fact });
    }
    for command in commands() {
        check(&Entry::Command { command });
    }
    let authorities =
        [Authority::Signer { signer: SignerId([1; 20]) }, Authority::Account { account: Address([2; 20]) }];
    for authority in authorities {
        check(&Entry::Transaction { tx: transaction(&bodies()[0]), authority });
    }
    check(&Entry::Genesis { genesis: genesis() });
    check(&header());
    check(&seal());
    let statuses = [Status::Executed, Status::Rejected(Rejection::WrongNonce { expected: 300 })];
    for status in statuses {
        check(&status);
        check(&receipt(status, events()));
    }
    assert!(decode::<Status>(&[0xc3, 0xc1, 0x01, 0x01]).is_err(), "two rejections");
    let (kept, refused) = (receipt(Status::Executed, vec![]), receipt(Status::Rejected(Rejection::Halted {}), vec![]));
    assert_eq!((kept.is_executed(), kept.rejection()), (true, None));
    assert_eq!((refused.is_executed(), refused.rejection()), (false, Some(&Rejection::Halted {})));
    check(&Record::Batch { at_ms: 1, entries: vec![Entry::Genesis { genesis: genesis() }] });
    check(&Record::Block { header: header(), seal: seal(), receipts: vec![kept, refused] });
    check(&Record::Signature { number: 1, signature: Blob(vec![2; 65]) });
}

fn proof() -> ChannelProof {
    let (channel, offdeltas, htlcs, frame) = (ChannelId([1; 32]), Hash([2; 32]), Hash([3; 32]), Hash([4; 32]));
    let (nonce, by, board_epoch, dispute_window_s) = (300, Side::Right, 5, 60);
    ChannelProof { channel, nonce, by, board_epoch, offdeltas, htlcs, dispute_window_s, frame }
}

fn offdelta(asset: u8, offdelta: i128) -> OffdeltaEntry {
    OffdeltaEntry { asset: AssetId([asset; 32]), offdelta: Balance(offdelta) }
}

fn htlc(side: Side, id: u64) -> HtlcEntry {
    HtlcEntry { side, id, asset: AssetId([6; 32]), amount: Amount(7), hashlock: Hash([8; 32]), expires_at_s: 9 }
}

fn evidence() -> Evidence {
    Evidence {
        chain_id: 1,
        depositary: Address([2; 20]),
        signer_entity: EntityId([3; 32]),
        counterparty: EntityId([4; 32]),
        epoch: 5,
        proof: proof(),
        offdeltas: vec![offdelta(1, -300), offdelta(2, 1 << 120)],
        htlcs: vec![htlc(Side::Left, 300), htlc(Side::Right, 1)],
        authority: EvidenceAuthority::Direct { signature: Blob(vec![6; 65]) },
    }
}

fn sealed(path: usize) -> EvidenceAuthority {
    let (signature, path) = (Blob(vec![7; 65]), vec![Hash([8; 32]); path]);
    EvidenceAuthority::Sealed { seal: seal(), signature, index: 3, count: 300, path }
}

/// N-3, CH-7: so has a channel's evidence, whatever carries it.
#[test]
fn evidence_has_one_encoding() {
    check(&proof());
    check(&offdelta(1, -300));
    check(&htlc(Side::Right, 300));
    check(&evidence().authority);
    check(&sealed(2));
    check(&evidence());
    check(&Evidence { authority: sealed(64), ..evidence() });
    let lists = (0..128).map(|asset| offdelta(asset, 1 << 120)).collect();
    let htlcs =
        [Side::Left, Side::Right].into_iter().flat_map(|side| (0..64).map(move |id| htlc(side, u64::MAX - 64 + id)));
    let full = Evidence { offdeltas: lists, htlcs: htlcs.collect(), authority: sealed(64), ..evidence() };
    assert!(full.length() < EVIDENCE_BYTES_MAX && EVIDENCE_BYTES_MAX < 2 * full.length(), "{}", full.length());
    check(&full);
}

/// CH-7, CH-12, HT-6, N-1: what is out of bounds, order or range is named, and doesn't decode.
#[test]
fn misshapen_evidence_does_not_decode() {
    let window = |dispute_window_s| Evidence { proof: ChannelProof { dispute_window_s, ..proof() }, ..evidence() };
    let offdeltas = |offdeltas| Evidence { offdeltas, ..evidence() };
    let htlcs = |htlcs| Evidence { htlcs, ..evidence() };
    let amount = |amount| htlcs(vec![HtlcEntry { amount: Amount(amount), ..htlc(Side::Left, 0) }]);
    let direct =
        |bytes| Evidence { authority: EvidenceAuthority::Direct { signature: Blob(vec![1; bytes]) }, ..evidence() };
    let (left, right) = (|id| htlc(Side::Left, id), |id| htlc(Side::Right, id));
    for (value, expected) in [
        (window(59), ShapeError::Window { seconds: 59 }),
        (window(30 * 24 * 3600 + 1), ShapeError::Window { seconds: 30 * 24 * 3600 + 1 }),
        (offdeltas((0..129).map(|asset| offdelta(asset, 1)).collect()), ShapeError::OffdeltaCount { count: 129 }),
        (offdeltas(vec![offdelta(1, 1), offdelta(2, 0)]), ShapeError::OffdeltaRange { index: 1 }),
        (offdeltas(vec![offdelta(1, (1 << 120) + 1)]), ShapeError::OffdeltaRange { index: 0 }),
        (offdeltas(vec![offdelta(1, -(1 << 120) - 1)]), ShapeError::OffdeltaRange { index: 0 }),
        (offdeltas(vec![offdelta(1, i128::MIN)]), ShapeError::OffdeltaRange { index: 0 }),
        (offdeltas(vec![offdelta(1, 1), offdelta(1, 2)]), ShapeError::OffdeltaOrder { index: 1 }),
        (offdeltas(vec![offdelta(1, 1), offdelta(3, 1), offdelta(2, 1)]), ShapeError::OffdeltaOrder { index: 2 }),
        (htlcs((0..65).map(left).collect()), ShapeError::HtlcCount { side: Side::Left, count: 65 }),
        (htlcs((0..65).map(right).collect()), ShapeError::HtlcCount { side: Side::Right, count: 65 }),
        (amount(0), ShapeError::HtlcRange { index: 0 }),
        (amount((1 << 120) + 1), ShapeError::HtlcRange { index: 0 }),
        (htlcs(vec![left(1), left(1)]), ShapeError::HtlcOrder { index: 1 }),
        (htlcs(vec![left(2), left(1)]), ShapeError::HtlcOrder { index: 1 }),
        (htlcs(vec![right(1), left(2)]), ShapeError::HtlcOrder { index: 1 }),
        (direct(64), ShapeError::Signature { bytes: 64 }),
        (direct(66), ShapeError::Signature { bytes: 66 }),
        (Evidence { authority: sealed(65), ..evidence() }, ShapeError::Path { hashes: 65 }),
    ] {
        assert_eq!(value.check(), Err(expected));
        assert!(decode::<Evidence>(&alloy_rlp::encode(&value)).is_err(), "{expected}");
    }
    let long = Evidence { htlcs: (0..600).map(left).collect(), ..evidence() };
    assert_eq!(decode::<Evidence>(&alloy_rlp::encode(&long)), Err(RlpError::Custom("evidence is too long")));
}

/// N-3, N-4, N-5: so have the small parts, and what has no number there has none.
#[test]
fn small_parts_have_one_encoding() {
    let (asset, amount) = (AssetId([1; 32]), Amount(2));
    check(&ASSET);
    check(&info());
    check(&Board { threshold: 2, members: vec![Member { signer: SignerId([1; 20]), weight: 2 }], salt: 3 });
    check(&AssetAmount { asset, amount });
    check(&AssetPolicy::unlimited(asset));
    check(&SettleDiff { asset, left: Balance(i128::MIN), right: Balance(i128::MAX) });
    check(&position());
    check(&StateChange { path: Path::SERVER, old: Blob::default(), new: Blob(vec![0x80]) });
    let kinds = [AssetKind::Native, AssetKind::Erc20, AssetKind::Erc721, AssetKind::Erc1155];
    for (number, kind) in (0..).zip(kinds) {
        check(&kind);
        assert_eq!(kind.number(), number);
    }
    assert!(decode::<AssetKind>(&[4]).is_err() && decode::<Side>(&[2]).is_err());
    for side in [Side::Left, Side::Right] {
        check(&side);
        assert_eq!(side.other().other(), side);
    }
    assert_eq!([Side::Left, Side::Right].map(|side| side.to_string()), ["left", "right"]);
    let blob = Blob::from(vec![1, 2]);
    check(&blob);
    assert_eq!((blob.as_ref(), asset.as_ref()), ([1, 2].as_slice(), [1; 32].as_slice()));
    assert_eq!(format!("{:?}", Path::SERVER), Path::SERVER.to_string());
}

/// TX-5: every rejection has a number and a name of its own, and carries what its fields say.
#[test]
fn every_rejection_keeps_its_number_and_name() {
    let mut names = BTreeSet::new();
    for tag in 0..=u8::MAX {
        let encoded = |fields: u8| {
            let mut bytes = Vec::new();
            let payload: Vec<u8> = (0..fields).map(|field| field + 1).collect();
            let mut number = Vec::new();
            tag.encode(&mut number);
            alloy_rlp::Header { list: true, payload_length: number.len() + payload.len() }.encode(&mut bytes);
            [bytes, number, payload].concat()
        };
        // The number of fields is part of a rejection's type, so exactly one of these is it.
        let read: Vec<Rejection> = (0..4).filter_map(|fields| decode(&encoded(fields)).ok()).collect();
        assert_eq!(read.len(), usize::from((1..=60).contains(&tag)), "tag {tag}");
        for rejection in read {
            check(&rejection);
            assert_eq!(rejection.tag(), u64::from(tag));
            assert!(rejection.reason().chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{rejection:?}");
            assert!(names.insert(rejection.reason()), "{rejection:?}");
        }
    }
    assert_eq!(names.len(), 60);
}

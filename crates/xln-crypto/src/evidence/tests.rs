use super::*;
use crate::keccak256;
use xln_merkle::list;
use xln_types::codec::{Blob, decode};
use xln_types::{Amount, AssetId, Balance, EntityId, Side};

const SECRET: [u8; 32] = [7; 32];
const CHAIN: u64 = 31337;
const DEPOSITARY: Address = Address([8; 20]);

fn signer() -> Address {
    secp::signer_of_secret(&SECRET).expect("key").0.address()
}

fn offdeltas() -> Vec<OffdeltaEntry> {
    let entry = |asset, offdelta| OffdeltaEntry { asset: AssetId([asset; 32]), offdelta: Balance(offdelta) };
    vec![entry(1, -5), entry(2, 1 << 120)]
}

fn htlcs() -> Vec<HtlcEntry> {
    let entry = |side, id, amount| {
        let (asset, hashlock) = (AssetId([3; 32]), Hash([4; 32]));
        HtlcEntry { side, id, asset, amount: Amount(amount), hashlock, expires_at_s: 1_900_000_000 }
    };
    vec![entry(Side::Left, 9, 1), entry(Side::Right, 2, 70_000), entry(Side::Right, 3, 1 << 120)]
}

fn unsigned(offdeltas: Vec<OffdeltaEntry>, htlcs: Vec<HtlcEntry>) -> Evidence {
    let (signer_entity, counterparty, epoch) = (EntityId([6; 32]), EntityId([5; 32]), 1);
    let proof = ChannelProof {
        channel: channel_id(CHAIN, DEPOSITARY, counterparty, signer_entity, epoch),
        nonce: 1 << 40,
        by: Side::Left,
        board_epoch: 3,
        offdeltas: offdeltas_hash(&offdeltas),
        htlcs: htlcs_hash(&htlcs),
        dispute_window_s: 86_400,
        frame: Hash([9; 32]),
    };
    let authority = EvidenceAuthority::Direct { signature: Blob(vec![]) };
    let (chain_id, depositary) = (CHAIN, DEPOSITARY);
    Evidence { chain_id, depositary, signer_entity, counterparty, epoch, proof, offdeltas, htlcs, authority }
}

fn sign(digest: Hash) -> Blob {
    Blob(secp::sign(&SECRET, &digest).expect("key").to_vec())
}

fn directly(mut evidence: Evidence) -> Evidence {
    let signature = sign(proof_digest(evidence.chain_id, evidence.depositary, &evidence.proof));
    evidence.authority = EvidenceAuthority::Direct { signature };
    evidence
}

/// Beneath a seal, third of five proofs; `change` may spoil the seal before it is signed.
fn beneath(mut evidence: Evidence, change: impl Fn(&mut Seal)) -> Evidence {
    let digest = proof_digest(evidence.chain_id, evidence.depositary, &evidence.proof);
    let leaves = [1, 2, 0, 4, 5].map(|leaf| if leaf == 0 { digest } else { Hash([leaf; 32]) });
    let path = list::prove(list::HASH, &leaves, 2).expect("there").siblings.into_iter().map(Hash).collect();
    let (previous_seal, block_hash) = (Hash([10; 32]), Hash([11; 32]));
    let proofs_root = Hash(list::root(list::HASH, &leaves));
    let (hub, board_epoch, number, time_ms) = (evidence.signer_entity, 3, 12, 13);
    let mut seal = Seal { hub, board_epoch, number, previous_seal, block_hash, proofs_root, time_ms };
    change(&mut seal);
    let signature = sign(crate::seal::seal_digest(evidence.chain_id, evidence.depositary, &seal));
    evidence.authority = EvidenceAuthority::Sealed { seal, signature, index: 2, count: 5, path };
    evidence
}

fn full() -> Evidence {
    unsigned(offdeltas(), htlcs())
}

/// CH-7: the constant is the type's hash.
#[test]
fn the_type_hash_is_the_types() {
    assert_eq!(PROOF_TYPE_HASH, keccak256(PROOF_TYPE));
}

/// CH-7, HT-1: lists hash as the words of their entries; an empty one as nothing.
#[test]
fn lists_hash_as_their_words() {
    assert_eq!([offdeltas_hash(&[]), htlcs_hash(&[])], [keccak256(b""); 2]);
    let mut preimage = [[1; 32], [0xff; 32], [2; 32], [0; 32]].concat();
    preimage[63] = 0xfb;
    preimage[96 + 16] = 1;
    assert_eq!(offdeltas_hash(&offdeltas()), keccak256(&preimage));
    let words = [[0; 32], [0; 32], [3; 32], [0; 32], [4; 32], [0; 32]];
    let mut preimage = words.concat();
    (preimage[63], preimage[127]) = (9, 1);
    preimage[188..].copy_from_slice(&1_900_000_000_u32.to_be_bytes());
    assert_eq!(htlcs_hash(&htlcs()[..1]), keccak256(&preimage));
    preimage[31] = 1;
    assert_eq!(htlcs_hash(&[HtlcEntry { side: Side::Right, ..htlcs()[0] }]), keccak256(&preimage));
}

/// CH-7: a digest binds every field of the proof, the chain and the depositary.
#[test]
fn a_proof_binds_every_field() {
    let proof = full().proof;
    let digest = proof_digest(CHAIN, DEPOSITARY, &proof);
    assert_eq!(digest, proof_digest_in(&domain_separator(CHAIN, DEPOSITARY), &proof));
    for other in [
        proof_digest(1, DEPOSITARY, &proof),
        proof_digest(CHAIN, Address([1; 20]), &proof),
        proof_digest(CHAIN, DEPOSITARY, &ChannelProof { channel: ChannelId([1; 32]), ..proof }),
        proof_digest(CHAIN, DEPOSITARY, &ChannelProof { nonce: 1, ..proof }),
        proof_digest(CHAIN, DEPOSITARY, &ChannelProof { by: Side::Right, ..proof }),
        proof_digest(CHAIN, DEPOSITARY, &ChannelProof { board_epoch: 1, ..proof }),
        proof_digest(CHAIN, DEPOSITARY, &ChannelProof { offdeltas: Hash([1; 32]), ..proof }),
        proof_digest(CHAIN, DEPOSITARY, &ChannelProof { htlcs: Hash([1; 32]), ..proof }),
        proof_digest(CHAIN, DEPOSITARY, &ChannelProof { dispute_window_s: 1, ..proof }),
        proof_digest(CHAIN, DEPOSITARY, &ChannelProof { frame: Hash([1; 32]), ..proof }),
    ] {
        assert_ne!(digest, other);
    }
}

/// CH-7: both ways of signing prove a state, with lists and without, and to nobody but the signer's.
#[test]
fn evidence_is_verified_with_nothing_but_the_signer() {
    for evidence in [
        directly(full()),
        directly(unsigned(vec![], vec![])),
        beneath(full(), |_| {}),
        beneath(unsigned(vec![], htlcs()), |_| {}),
    ] {
        assert_eq!(verify_evidence(&evidence, signer()), Ok(()));
        for other in [Address([1; 20]), Address::ZERO] {
            let wrong = EvidenceError::WrongSigner { expected: other, found: signer() };
            assert_eq!(verify_evidence(&evidence, other), Err(wrong));
        }
    }
}

/// CH-7, ST-2: no byte of it can be another.
#[test]
fn every_byte_of_evidence_counts() {
    let mut tried = 0;
    for evidence in [directly(full()), beneath(full(), |_| {})] {
        let bytes = alloy_rlp::encode(&evidence);
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut altered = bytes.clone();
                altered[at] ^= 1 << bit;
                let accepted = decode::<Evidence>(&altered).is_ok_and(|it| verify_evidence(&it, signer()).is_ok());
                assert!(!accepted, "byte {at} bit {bit}");
                tried += 1;
            }
        }
    }
    assert!(10_000 < tried, "{tried}");
}

/// CH-7, N-6: each step has its refusal.
#[test]
fn each_step_has_its_refusal() {
    let with = |change: &dyn Fn(&mut Evidence)| {
        let mut evidence = full();
        change(&mut evidence);
        directly(evidence)
    };
    let expected = full().proof.channel;
    let channel = |found: &Evidence| EvidenceError::OtherChannel { expected: channel_of(found) };
    let refused = |evidence: &Evidence, error| assert_eq!(verify_evidence(evidence, signer()), Err(error));
    assert_eq!(channel_of(&full()), expected);
    for evidence in [
        with(&|it| it.epoch = 2),
        with(&|it| it.signer_entity = EntityId([1; 32])),
        with(&|it| it.counterparty = EntityId([1; 32])),
        with(&|it| it.chain_id = 1),
        with(&|it| it.depositary = Address([1; 20])),
        with(&|it| it.proof.channel = ChannelId([1; 32])),
    ] {
        refused(&evidence, channel(&evidence));
    }
    refused(&with(&|it| it.offdeltas.clear()), EvidenceError::OtherOffdeltas);
    refused(&with(&|it| it.offdeltas[0].offdelta = Balance(5)), EvidenceError::OtherOffdeltas);
    refused(&with(&|it| it.htlcs.truncate(2)), EvidenceError::OtherHtlcs);
    refused(&with(&|it| it.htlcs[1].amount = Amount(1)), EvidenceError::OtherHtlcs);
    refused(&with(&|it| it.offdeltas.swap(0, 1)), ShapeError::OffdeltaOrder { index: 1 }.into());
    refused(&with(&|it| it.htlcs.swap(0, 1)), ShapeError::HtlcOrder { index: 1 }.into());
    refused(&with(&|it| it.proof.dispute_window_s = 59), ShapeError::Window { seconds: 59 }.into());
    refused(&beneath(full(), |seal| seal.hub = EntityId([1; 32])), EvidenceError::OtherHub);
    refused(&beneath(full(), |seal| seal.board_epoch = 4), EvidenceError::OtherEpoch { expected: 3 });
    refused(&beneath(full(), |seal| seal.proofs_root = Hash([1; 32])), PathError::Root.into());
}

/// CH-7: a high s, another spelling of v and bytes that are no signature are refused, itself and beneath a seal.
#[test]
fn malleable_signatures_are_refused() {
    let spoil = |evidence: Evidence, change: &dyn Fn(&mut Vec<u8>)| {
        let mut evidence = evidence;
        let (EvidenceAuthority::Direct { signature } | EvidenceAuthority::Sealed { signature, .. }) =
            &mut evidence.authority;
        change(&mut signature.0);
        verify_evidence(&evidence, signer())
    };
    for evidence in [directly(full()), beneath(full(), |_| {})] {
        let malformed = Err(SignatureError::Malformed.into());
        assert_eq!(spoil(evidence.clone(), &|bytes| bytes[64] -= 27), malformed);
        assert_eq!(spoil(evidence.clone(), &|bytes| bytes[64] = 29), malformed);
        assert_eq!(spoil(evidence.clone(), &|bytes| bytes[..64].fill(0)), malformed);
        assert_eq!(spoil(evidence.clone(), &|bytes| secp::tests::make_high(bytes)), Err(SignatureError::HighS.into()));
        let other = spoil(evidence.clone(), &|bytes| bytes[64] = 55 - bytes[64]);
        assert!(matches!(other, Err(EvidenceError::WrongSigner { .. } | EvidenceError::Signature(_))), "{other:?}");
        assert_eq!(spoil(evidence, &|bytes| bytes.truncate(64)), Err(ShapeError::Signature { bytes: 64 }.into()));
    }
}

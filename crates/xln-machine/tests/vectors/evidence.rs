//! CH-7: whole evidence, signed directly and beneath a seal.

use crate::paths::Placed;
use crate::{CHAIN_ID, depositary, document, hash, hex, htlcs, offdeltas, proofs, seals, sign, signer};
use serde_json::{Value, json};
use xln_crypto::derive::channel_id;
use xln_crypto::evidence::{htlcs_hash, offdeltas_hash, proof_digest};
use xln_crypto::{seal, verify_evidence};
use xln_types::codec::Blob;
use xln_types::{ChannelProof, EntityId, Evidence, EvidenceAuthority, Hash, Seal, Side};

/// `evidence.json`.
pub(crate) fn file() -> Value {
    let about = "CH-7: evidence of a channel's state, with its RLP, by a signature of its own or beneath a seal";
    let empty = unsigned(&[], &[]);
    let full = unsigned(&[-5, 7, 1 << 120], &[(Side::Left, 3, 1), (Side::Right, 3, 70_000)]);
    let all = [direct(empty.clone()), direct(full.clone()), sealed(empty, 0, 1), sealed(full, 2, 5)];
    document(about, all.iter().map(case).collect(), vec![])
}

fn unsigned(deltas: &[i128], set: &[(Side, u64, u128)]) -> Evidence {
    let (one, two, epoch) = (EntityId(hash("alice").0), EntityId(hash("hub").0), 0);
    let (offdeltas, htlcs) = (offdeltas::ascending(deltas), htlcs::made(set));
    let proof = ChannelProof {
        channel: channel_id(CHAIN_ID, depositary(), one.min(two), one.max(two), epoch),
        nonce: 17,
        by: Side::Right,
        board_epoch: 0,
        offdeltas: offdeltas_hash(&offdeltas),
        htlcs: htlcs_hash(&htlcs),
        dispute_window_s: 86_400,
        frame: hash("frame"),
    };
    let authority = EvidenceAuthority::Direct { signature: Blob::default() };
    let (chain_id, depositary, signer_entity, counterparty) = (CHAIN_ID, depositary(), two, one);
    Evidence { chain_id, depositary, signer_entity, counterparty, epoch, proof, offdeltas, htlcs, authority }
}

fn direct(mut evidence: Evidence) -> Evidence {
    let digest = proof_digest(CHAIN_ID, depositary(), &evidence.proof);
    evidence.authority = EvidenceAuthority::Direct { signature: Blob(sign(1, &digest).to_vec()) };
    evidence
}

fn sealed(mut evidence: Evidence, index: u64, count: u64) -> Evidence {
    let placed = Placed::of(proof_digest(CHAIN_ID, depositary(), &evidence.proof), index, count);
    let (hub, block_hash, proofs_root) = (evidence.signer_entity, hash("block"), placed.root);
    let (board_epoch, number, previous_seal, time_ms) = (0, 9, hash("seal 8"), 1_700_000_000_123);
    let seal = Seal { hub, board_epoch, number, previous_seal, block_hash, proofs_root, time_ms };
    let signature = Blob(sign(1, &seal::seal_digest(CHAIN_ID, depositary(), &seal)).to_vec());
    evidence.authority = EvidenceAuthority::Sealed { seal, signature, index, count, path: placed.path };
    evidence
}

fn case(evidence: &Evidence) -> Value {
    assert_eq!(verify_evidence(evidence, signer(1)), Ok(()));
    let authority = match &evidence.authority {
        EvidenceAuthority::Direct { signature } => json!({ "direct": { "signature": hex(&signature.0) } }),
        EvidenceAuthority::Sealed { seal, signature, index, count, path } => json!({ "sealed": {
            "seal": seals::shown(seal),
            "signature": hex(&signature.0),
            "index": index,
            "count": count,
            "path": path.iter().map(Hash::to_string).collect::<Vec<_>>(),
        } }),
    };
    json!({
        "chainId": evidence.chain_id,
        "depositary": evidence.depositary.to_string(),
        "domain": seal::domain_separator(evidence.chain_id, evidence.depositary).to_string(),
        "signerEntity": evidence.signer_entity.to_string(),
        "counterparty": evidence.counterparty.to_string(),
        "epoch": evidence.epoch,
        "proof": proofs::shown(&evidence.proof),
        "offdeltas": offdeltas::shown(&evidence.offdeltas),
        "htlcs": htlcs::shown(&evidence.htlcs),
        "authority": authority,
        "rlp": hex(&alloy_rlp::encode(evidence)),
        "signer": signer(1).to_string(),
    })
}

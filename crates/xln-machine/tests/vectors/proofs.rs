//! CH-7: proofs, their EIP-712 hashes, and who signed them.

use crate::{CHAIN_ID, depositary, document, hash, hex, sign, signer};
use serde_json::{Value, json};
use xln_crypto::evidence::{PROOF_TYPE, htlcs_hash, offdeltas_hash, proof_digest, proof_struct_hash};
use xln_crypto::{keccak256, seal};
use xln_types::{ChannelId, ChannelProof, Hash, Side};

/// `proofs.json`.
pub(crate) fn file() -> Value {
    let about = format!("CH-7: EIP-712 {PROOF_TYPE}, by is 0 where left proposed; type hash {}", keccak256(PROOF_TYPE));
    document(&about, proofs().iter().map(case).collect(), vec![])
}

fn proofs() -> [ChannelProof; 4] {
    let (offdeltas, htlcs) = (offdeltas_hash(&[]), htlcs_hash(&[]));
    let channel = ChannelId(hash("channel").0);
    let (by, board_epoch, dispute_window_s, frame) = (Side::Left, 0, 86_400, hash("frame 1"));
    let first = ChannelProof { channel, nonce: 1, by, board_epoch, offdeltas, htlcs, dispute_window_s, frame };
    [
        first,
        ChannelProof { by: Side::Right, ..first },
        ChannelProof { offdeltas: hash("offdeltas"), htlcs: hash("htlcs"), board_epoch: 3, ..first },
        ChannelProof {
            channel: ChannelId([0xff; 32]),
            nonce: u64::MAX,
            by: Side::Right,
            board_epoch: u64::MAX,
            offdeltas: Hash([0xff; 32]),
            htlcs: Hash([0xff; 32]),
            dispute_window_s: 30 * 24 * 3600,
            frame: Hash([0xff; 32]),
        },
    ]
}

/// As it stands in JSON.
pub(crate) fn shown(proof: &ChannelProof) -> Value {
    json!({
        "channel": proof.channel.to_string(),
        "nonce": proof.nonce.to_string(),
        "by": proof.by.pick(0, 1),
        "boardEpoch": proof.board_epoch.to_string(),
        "offdeltas": proof.offdeltas.to_string(),
        "htlcs": proof.htlcs.to_string(),
        "disputeWindow": proof.dispute_window_s,
        "frame": proof.frame.to_string(),
    })
}

fn case(proof: &ChannelProof) -> Value {
    let digest = proof_digest(CHAIN_ID, depositary(), proof);
    json!({
        "chainId": CHAIN_ID,
        "depositary": depositary().to_string(),
        "domain": seal::domain_separator(CHAIN_ID, depositary()).to_string(),
        "proof": shown(proof),
        "structHash": proof_struct_hash(proof).to_string(),
        "digest": digest.to_string(),
        "signature": hex(&sign(1, &digest)),
        "signer": signer(1).to_string(),
    })
}

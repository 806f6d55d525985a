//! TX-6: seals, their EIP-712 hashes, and who signed them.

use crate::{CHAIN_ID, depositary, document, hash, hex, sign, signer};
use serde_json::{Value, json};
use xln_crypto::keccak256;
use xln_crypto::seal::{SEAL_TYPE, domain_separator, seal_digest, seal_hash};
use xln_types::{EntityId, Hash, Seal};

/// `seals.json`.
pub(crate) fn file() -> Value {
    let about = format!("TX-6: EIP-712 {SEAL_TYPE}; type hash {}", keccak256(SEAL_TYPE));
    document(&about, seals().iter().map(case).collect(), vec![])
}

fn seals() -> [Seal; 3] {
    let (hub, block_hash, proofs_root) = (EntityId(hash("hub").0), hash("block"), hash("proofs"));
    let (number, previous_seal, time_ms) = (1, Hash::ZERO, 1_700_000_000_123);
    let first = Seal { hub, board_epoch: 0, number, previous_seal, block_hash, proofs_root, time_ms };
    let second = Seal { number: 2, previous_seal: seal_hash(&first), board_epoch: 3, ..first };
    let full = Hash([0xff; 32]);
    let (board_epoch, number, time_ms) = (u64::MAX, u64::MAX, u64::MAX);
    let hub = EntityId([0xff; 32]);
    let last = Seal { hub, board_epoch, number, previous_seal: full, block_hash: full, proofs_root: full, time_ms };
    [first, second, last]
}

/// As it stands in JSON.
pub(crate) fn shown(seal: &Seal) -> Value {
    json!({
        "hub": seal.hub.to_string(),
        "boardEpoch": seal.board_epoch.to_string(),
        "number": seal.number.to_string(),
        "previousSeal": seal.previous_seal.to_string(),
        "blockHash": seal.block_hash.to_string(),
        "proofsRoot": seal.proofs_root.to_string(),
        "timeMs": seal.time_ms.to_string(),
    })
}

fn case(seal: &Seal) -> Value {
    let digest = seal_digest(CHAIN_ID, depositary(), seal);
    json!({
        "chainId": CHAIN_ID,
        "depositary": depositary().to_string(),
        "domain": domain_separator(CHAIN_ID, depositary()).to_string(),
        "seal": shown(seal),
        "structHash": seal_hash(seal).to_string(),
        "digest": digest.to_string(),
        "signature": hex(&sign(2, &digest)),
        "signer": signer(2).to_string(),
    })
}

//! The hub's seal over a block (**TX-6**): EIP-712 `Seal`, signed with the hub's secp256k1 key. One signature covers the block
//! and, through `proofs_root`, the channel proofs that changed in it (PROTOCOL 2, *Signatures at scale*).

use crate::hash::{address_word, keccak256, keccak256_parts, word};
use xln_types::{Address, Hash, Seal};

/// The type string that EIP-712 hashes.
pub const SEAL_TYPE: &str = "Seal(bytes32 hub,uint64 boardEpoch,uint64 number,bytes32 previousSeal,bytes32 blockHash,bytes32 proofsRoot,uint64 timeMs)";

/// EIP-712 domain type; the name is `XLN`, the version `1`.
pub const DOMAIN_TYPE: &str = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";

/// The domain separator of one depositary on one chain.
pub fn domain_separator(chain_id: u64, depositary: Address) -> Hash {
    let (name, version) = (keccak256("XLN"), keccak256("1"));
    let (chain, contract) = (word(u128::from(chain_id)), address_word(&depositary.0));
    keccak256_parts(&[&keccak256(DOMAIN_TYPE).0, &name.0, &version.0, &chain, &contract])
}

/// The struct hash of a seal; a later seal names it as `previous_seal`.
pub fn seal_hash(seal: &Seal) -> Hash {
    let number = |value: u64| word(u128::from(value));
    keccak256_parts(&[
        &keccak256(SEAL_TYPE).0,
        &seal.hub.0,
        &number(seal.board_epoch),
        &number(seal.number),
        &seal.previous_seal.0,
        &seal.block_hash.0,
        &seal.proofs_root.0,
        &number(seal.time_ms),
    ])
}

/// What the hub signs: `keccak256(0x1901 ‖ domain ‖ struct hash)`.
pub fn seal_digest(chain_id: u64, depositary: Address, seal: &Seal) -> Hash {
    digest_in(&domain_separator(chain_id, depositary), &seal_hash(seal))
}

/// EIP-712's digest of a struct hash in a domain.
pub(crate) fn digest_in(domain: &Hash, struct_hash: &Hash) -> Hash {
    keccak256_parts(&[&[0x19, 0x01], &domain.0, &struct_hash.0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use xln_types::EntityId;

    /// TX-6: the seal binds every one of its fields, the chain and the depositary.
    #[test]
    fn a_seal_binds_every_field() {
        let seal = Seal {
            hub: EntityId([1; 32]),
            board_epoch: 0,
            number: 2,
            previous_seal: Hash([3; 32]),
            block_hash: Hash([4; 32]),
            proofs_root: Hash([5; 32]),
            time_ms: 6,
        };
        let digest = seal_digest(1, Address([7; 20]), &seal);
        for other in [
            seal_digest(2, Address([7; 20]), &seal),
            seal_digest(1, Address([8; 20]), &seal),
            seal_digest(1, Address([7; 20]), &Seal { hub: EntityId([9; 32]), ..seal }),
            seal_digest(1, Address([7; 20]), &Seal { board_epoch: 9, ..seal }),
            seal_digest(1, Address([7; 20]), &Seal { number: 9, ..seal }),
            seal_digest(1, Address([7; 20]), &Seal { previous_seal: Hash([9; 32]), ..seal }),
            seal_digest(1, Address([7; 20]), &Seal { block_hash: Hash([9; 32]), ..seal }),
            seal_digest(1, Address([7; 20]), &Seal { proofs_root: Hash([9; 32]), ..seal }),
            seal_digest(1, Address([7; 20]), &Seal { time_ms: 9, ..seal }),
        ] {
            assert_ne!(digest, other);
        }
    }
}

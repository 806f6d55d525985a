//! How ids come from what they name: **N-4** assets, **N-5** entities, **N-6** channels, **TX-2** transactions, **DP-4**
//! operations. The Solidity twins are `Depositary.assetId`, `EntityProvider.entityId`, `Depositary.channelId`.

use crate::hash::{address_word, keccak256, keccak256_parts, word};
use xln_types::asset::Asset;
use xln_types::codec::Blob;
use xln_types::entry::Entry;
use xln_types::tx::DecodedTx;
use xln_types::{Address, AssetId, Board, ChannelId, EntityId, Hash, OperationId, Transaction, TxHash};

/// What every transaction digest starts with (TX-2).
pub const TX_DOMAIN: &[u8] = b"XLN tx v1";

/// N-4: `keccak256(abi.encode(uint256 chain_id, uint8 kind, address contract, uint256 token_id))`.
pub fn asset_id(chain_id: u64, asset: &Asset) -> AssetId {
    let kind = word(u128::from(asset.kind.number()));
    AssetId(keccak256_parts(&[&word(u128::from(chain_id)), &kind, &address_word(&asset.contract.0), &asset.token_id]).0)
}

/// N-5: `keccak256(rlp([threshold, [[member, weight], …], salt]))` of the founding board.
pub fn entity_id(board: &Board) -> EntityId {
    EntityId(keccak256(alloy_rlp::encode(board)).0)
}

/// N-6: `keccak256(abi.encode(uint256 chain_id, address depositary, bytes32 left, bytes32 right, uint64 epoch))`.
pub fn channel_id(chain_id: u64, depositary: Address, left: EntityId, right: EntityId, epoch: u64) -> ChannelId {
    let chain = word(u128::from(chain_id));
    let parts: [&[u8]; 5] = [&chain, &address_word(&depositary.0), &left.0, &right.0, &word(u128::from(epoch))];
    ChannelId(keccak256_parts(&parts).0)
}

/// TX-2: the digest that a transaction's signature covers, which also names it.
pub fn tx_hash(chain_id: u64, hub_id: EntityId, tx: &Transaction) -> TxHash {
    TxHash(keccak256_parts(&[TX_DOMAIN, &tx.signing_payload(chain_id, hub_id)]).0)
}

/// The id of the operation number `index` that a transaction starts on the chain: known before anyone signs, used once (DP-4).
pub fn operation_id(hub_id: EntityId, from: Address, nonce: u64, index: u64) -> OperationId {
    let parts: [&[u8]; 5] = [b"XLN operation v1", &hub_id.0, &from.0, &nonce.to_be_bytes(), &index.to_be_bytes()];
    OperationId(keccak256_parts(&parts).0)
}

/// The name of one payment of a batch: of the batch and its place in it.
pub fn batched_payment(batch: TxHash, index: u64) -> TxHash {
    TxHash(keccak256_parts(&[b"XLN batched payment v1", &batch.0, &index.to_be_bytes()]).0)
}

/// The name of an entry that is no transaction: keccak256 of its encoding.
pub fn entry_hash(entry: &Entry) -> TxHash {
    TxHash(keccak256(alloy_rlp::encode(entry)).0)
}

/// The hash of a block's header.
pub fn block_hash(header: &xln_types::BlockHeader) -> Hash {
    keccak256(alloy_rlp::encode(header))
}

/// Reads the body and names the transaction (TX-2, TX-3's first step).
///
/// # Errors
/// When `data` isn't the canonical RLP of the type (N-3).
pub fn decoded(chain_id: u64, hub_id: EntityId, tx: Transaction) -> Result<DecodedTx, xln_types::codec::RlpError> {
    let body = tx.body()?;
    let hash = tx_hash(chain_id, hub_id, &tx);
    Ok(DecodedTx { tx, body, hash })
}

/// The raw bytes of a transaction, as clients submit them.
pub fn raw_tx(tx: &Transaction) -> Blob {
    Blob(alloy_rlp::encode(tx))
}

#[cfg(test)]
mod tests {
    use super::*;
    use xln_types::SignerId;

    /// N-4: equal to `cast keccak $(cast abi-encode 'f(uint256,uint8,address,uint256)' 31337 0 0x00…00 0)`.
    #[test]
    fn asset_ids_hash_chain_kind_contract_and_token() {
        let native = asset_id(31337, &Asset::NATIVE);
        let mut preimage = [0_u8; 128];
        preimage[30..32].copy_from_slice(&31337_u16.to_be_bytes());
        assert_eq!(native.0, keccak256(preimage).0);
        let token = Asset::erc20(Address([5; 20]));
        assert_ne!(asset_id(31337, &token), native);
        assert_ne!(asset_id(1, &token), asset_id(31337, &token));
    }

    /// N-5: the id is the hash of the founding board's RLP, so salt and members decide it.
    #[test]
    fn entity_ids_hash_the_founding_board() {
        let board = Board::single(SignerId([0x11; 20]), 0);
        // [1, [[0x11…, 1]], 0]
        let mut rlp = vec![0xda, 0x01, 0xd7, 0xd6, 0x94];
        rlp.extend([0x11; 20]);
        rlp.extend([0x01, 0x80]);
        assert_eq!(entity_id(&board).0, keccak256(rlp).0);
        assert_ne!(entity_id(&board), entity_id(&Board::single(SignerId([0x11; 20]), 1)));
    }

    /// N-6: a channel id names chain, depositary, sides and epoch.
    #[test]
    fn channel_ids_hash_chain_depositary_sides_and_epoch() {
        let (left, right) = (EntityId([1; 32]), EntityId([2; 32]));
        let id = channel_id(1, Address([3; 20]), left, right, 0);
        for other in [
            channel_id(2, Address([3; 20]), left, right, 0),
            channel_id(1, Address([4; 20]), left, right, 0),
            channel_id(1, Address([3; 20]), right, left, 0),
            channel_id(1, Address([3; 20]), left, right, 1),
        ] {
            assert_ne!(id, other);
        }
    }

    /// TX-2, N-3: an entry that is no transaction is named by the hash of its encoding; a raw transaction is its encoding.
    #[test]
    fn entries_are_named_by_their_encoding() {
        let operation = OperationId([1; 32]);
        let entry = Entry::Command { command: xln_types::Command::Broadcast { operation, raw: vec![] } };
        assert_eq!(entry_hash(&entry).0, keccak256(alloy_rlp::encode(&entry)).0);
        let body = xln_types::Body::from(xln_types::tx::DeleteEntity { entity: EntityId([2; 32]) });
        let (kind, data, from, to) = (body.kind(), body.to_data(), Address([3; 20]), Address::ZERO);
        let (fee, signature) = (xln_types::Amount::ZERO, Blob(vec![1; 66]));
        let tx = Transaction { kind, from, to, nonce: 4, data, fee, timestamp: 5, signature };
        assert_eq!(xln_types::codec::decode::<Transaction>(&raw_tx(&tx).0), Ok(tx));
    }

    /// DP-4: an operation's id is known before it is signed, and is another for each nonce and index.
    #[test]
    fn operations_are_named_by_sender_and_nonce() {
        let hub = EntityId([1; 32]);
        let id = operation_id(hub, Address([2; 20]), 3, 0);
        assert_eq!(id, operation_id(hub, Address([2; 20]), 3, 0));
        assert_ne!(id, operation_id(hub, Address([2; 20]), 4, 0));
        assert_ne!(id, operation_id(hub, Address([2; 20]), 3, 1));
        assert_ne!(id, operation_id(EntityId([9; 32]), Address([2; 20]), 3, 0));
    }
}

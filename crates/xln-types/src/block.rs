//! Blocks: each 100 ms the entries executed since the last, under one root that the hub signs (PRD 8.2, **TX-6**).

use crate::codec::{RlpDecodable, RlpEncodable};
use crate::id::{EntityId, Hash, SignerId};

/// A block's header. Its hash is keccak256 of its RLP.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct BlockHeader {
    /// Gapless, from 1.
    pub number: u64,
    /// Hash of the header before; zero for the first.
    pub previous_hash: Hash,
    /// Unix milliseconds; never goes back.
    pub timestamp_ms: u64,
    /// Root of the state tree after the block (ST-1).
    pub state_root: Hash,
    /// List root of the entries' encodings.
    pub transaction_root: Hash,
    /// List root of the receipts' encodings.
    pub receipt_root: Hash,
    /// How many entries, and so receipts.
    pub entries: u64,
    /// Sequence of the last entry in the log's order.
    pub last_sequence: u64,
    /// Who made it.
    pub proposer: SignerId,
}

/// What the hub signs for each block, as EIP-712 (PROTOCOL 2, *Signatures at scale*).
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Seal {
    /// The hub's entity.
    pub hub: EntityId,
    /// Its board's epoch.
    pub board_epoch: u64,
    /// The block's number.
    pub number: u64,
    /// Hash of the seal before; zero for the first.
    pub previous_seal: Hash,
    /// The block's hash.
    pub block_hash: Hash,
    /// Root over the channel proofs that changed.
    pub proofs_root: Hash,
    /// Unix milliseconds, the block's.
    pub time_ms: u64,
}

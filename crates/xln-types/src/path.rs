//! Where a record lives in the state tree (**ST-3**): signer ‖ entity ‖ storage type ‖ key, always [`PATH_BYTES`] long.
//!
//! The key holds up to two ids (a channel's asset line is channel ‖ asset), zero-filled. A machine's records share its prefix,
//! so the tree proves and lists any level: server (nothing), signer (20 bytes), entity (52), one storage type (53), channel (85).

use crate::codec::{Decodable, Encodable, RlpError};
use crate::htlc::HtlcKey;
use crate::id::{Address, AssetId, ChannelId, EntityId, Hash, OperationId, SignerId, TxHash};
use std::fmt;

/// Length of every path: 20 + 32 + 1 + 64.
pub const PATH_BYTES: usize = 117;

/// Storage types of PRD 8.1 (1 to 6), and ours beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum StorageType {
    /// A machine's own record: server, signer.
    Machine = 0,
    /// Governance proposals.
    Proposals = 1,
    /// Order book.
    Orderbook = 2,
    /// Channels, their asset lines and the peer's reference.
    Channels = 3,
    /// Validators.
    Validators = 4,
    /// Reserves by asset.
    Balances = 5,
    /// The entity's record, metadata and policies.
    Metadata = 6,
    /// Operations under way on the chain.
    Operations = 7,
    /// Registered assets (server level).
    Assets = 8,
    /// A channel's terms and pending HTLCs, under its left entity.
    Htlcs = 9,
    /// This node's memory of frames, under the channel's left entity.
    Replicas = 10,
    /// The node of an entity that acts on another (server level).
    Nodes = 11,
    /// An entity's payments under way.
    Payments = 12,
    /// An HTLC that the hub passed on, by the incoming one.
    Forwards = 13,
    /// An entity's open invoices.
    Invoices = 14,
}

/// A path in the state tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(pub [u8; PATH_BYTES]);

impl Path {
    /// The server's own record.
    pub const SERVER: Path = Path([0; PATH_BYTES]);

    /// Puts a path together; `key` parts beyond 64 bytes are cut, which no caller here reaches.
    fn new(signer: SignerId, entity: EntityId, storage: StorageType, key: &[&[u8]]) -> Path {
        let mut path = [0; PATH_BYTES];
        let storage = [storage as u8];
        let parts = [signer.0.as_slice(), &entity.0, &storage];
        let bytes = parts.iter().chain(key.iter()).flat_map(|part| part.iter());
        for (to, from) in path.iter_mut().zip(bytes) {
            *to = *from;
        }
        Path(path)
    }

    /// A signer's record.
    pub fn signer(signer: SignerId) -> Path {
        Path::new(signer, EntityId::ZERO, StorageType::Machine, &[])
    }

    /// A registered asset.
    pub fn asset(asset: AssetId) -> Path {
        Path::new(SignerId::ZERO, EntityId::ZERO, StorageType::Assets, &[&asset.0])
    }

    /// An entity's record.
    pub fn entity(signer: SignerId, entity: EntityId) -> Path {
        Path::new(signer, entity, StorageType::Metadata, &[])
    }

    /// An entity's free-form metadata.
    pub fn metadata(signer: SignerId, entity: EntityId) -> Path {
        Path::new(signer, entity, StorageType::Metadata, &[b"metadata"])
    }

    /// An entity's policy for one asset.
    pub fn policy(signer: SignerId, entity: EntityId, asset: AssetId) -> Path {
        Path::new(signer, entity, StorageType::Metadata, &[&asset.0, b"policy"])
    }

    /// An entity's reserve of one asset.
    pub fn reserve(signer: SignerId, entity: EntityId, asset: AssetId) -> Path {
        Path::new(signer, entity, StorageType::Balances, &[&asset.0])
    }

    /// A channel's record (under its left entity) or the reference to it (under its right one).
    pub fn channel(signer: SignerId, entity: EntityId, channel: ChannelId) -> Path {
        Path::new(signer, entity, StorageType::Channels, &[&channel.0])
    }

    /// A channel's line for one asset, under its left entity.
    pub fn line(signer: SignerId, left: EntityId, channel: ChannelId, asset: AssetId) -> Path {
        Path::new(signer, left, StorageType::Channels, &[&channel.0, &asset.0])
    }

    /// An operation under way on the chain.
    pub fn operation(signer: SignerId, entity: EntityId, operation: OperationId) -> Path {
        Path::new(signer, entity, StorageType::Operations, &[&operation.0])
    }

    /// A channel's terms.
    pub fn terms(signer: SignerId, left: EntityId, channel: ChannelId) -> Path {
        Path::new(signer, left, StorageType::Htlcs, &[&channel.0])
    }

    /// A pending HTLC of a channel.
    pub fn htlc(signer: SignerId, left: EntityId, channel: ChannelId, key: HtlcKey) -> Path {
        Path::new(signer, left, StorageType::Htlcs, &[&channel.0, &htlc_bytes(key)])
    }

    /// This node's memory of a channel's frames.
    pub fn replica(signer: SignerId, left: EntityId, channel: ChannelId) -> Path {
        Path::new(signer, left, StorageType::Replicas, &[&channel.0])
    }

    /// The node of an entity that acts on another.
    pub fn node(entity: EntityId) -> Path {
        Path::new(SignerId::ZERO, EntityId::ZERO, StorageType::Nodes, &[&entity.0])
    }

    /// An entity's payment under way.
    pub fn payment(signer: SignerId, entity: EntityId, payment: TxHash) -> Path {
        Path::new(signer, entity, StorageType::Payments, &[&payment.0])
    }

    /// An HTLC that was forwarded, by the incoming one.
    pub fn forward(signer: SignerId, hub: EntityId, channel: ChannelId, key: HtlcKey) -> Path {
        Path::new(signer, hub, StorageType::Forwards, &[&channel.0, &htlc_bytes(key)])
    }

    /// An open invoice.
    pub fn invoice(signer: SignerId, payee: EntityId, hashlock: Hash) -> Path {
        Path::new(signer, payee, StorageType::Invoices, &[&hashlock.0])
    }

    /// Prefix of everything below a signer.
    pub fn signer_prefix(signer: SignerId) -> Vec<u8> {
        signer.0.to_vec()
    }

    /// Prefix of everything below an entity.
    pub fn entity_prefix(signer: SignerId, entity: EntityId) -> Vec<u8> {
        [signer.0.as_slice(), &entity.0].concat()
    }

    /// Prefix of a channel's record and lines, below its left entity.
    pub fn channel_prefix(signer: SignerId, left: EntityId, channel: ChannelId) -> Vec<u8> {
        [signer.0.as_slice(), &left.0, &[StorageType::Channels as u8], &channel.0].concat()
    }

    /// The four parts: signer, entity, storage type, the key's two halves.
    pub fn parts(&self) -> (Address, Hash, u8, Hash, Hash) {
        let (signer, rest) = split::<20>(&self.0);
        let (entity, rest) = split::<32>(rest);
        let (storage, rest) = split::<1>(rest);
        let (first, rest) = split::<32>(rest);
        let (second, _) = split::<32>(rest);
        (Address(signer), Hash(entity), u8::from_be_bytes(storage), Hash(first), Hash(second))
    }
}

/// Half a key: never zero, so that no HTLC lies where its channel's terms do.
fn htlc_bytes(key: HtlcKey) -> [u8; 9] {
    let mut bytes = [0; 9];
    let parts = std::iter::once(key.side.pick(1, 2)).chain(key.id.to_be_bytes());
    for (to, from) in bytes.iter_mut().zip(parts) {
        *to = from;
    }
    bytes
}

fn split<const N: usize>(bytes: &[u8]) -> ([u8; N], &[u8]) {
    match bytes.split_first_chunk::<N>() {
        Some((head, rest)) => (*head, rest),
        None => ([0; N], &[]),
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::id::write_hex(f, &self.0)
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::id::write_hex(f, &self.0)
    }
}

impl Encodable for Path {
    fn encode(&self, out: &mut dyn alloy_rlp::BufMut) {
        self.0.encode(out);
    }
    fn length(&self) -> usize {
        self.0.length()
    }
}

impl Decodable for Path {
    fn decode(buf: &mut &[u8]) -> Result<Self, RlpError> {
        <[u8; PATH_BYTES]>::decode(buf).map(Path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ST-3: signer, entity, storage type and key stand one behind the other.
    #[test]
    fn a_path_is_signer_entity_type_key() {
        let (signer, entity) = (SignerId([1; 20]), EntityId([2; 32]));
        let path = Path::line(signer, entity, ChannelId([3; 32]), AssetId([4; 32]));
        assert_eq!(path.parts(), (Address([1; 20]), Hash([2; 32]), 3, Hash([3; 32]), Hash([4; 32])));
        assert!(path.0.starts_with(&Path::entity_prefix(signer, entity)));
        assert!(path.0.starts_with(&Path::signer_prefix(signer)));
        assert!(path.0.starts_with(&Path::channel_prefix(signer, entity, ChannelId([3; 32]))));
        assert_eq!(crate::codec::decode::<Path>(&alloy_rlp::encode(path)), Ok(path));
        assert_eq!(path.to_string().len(), 2 + 2 * PATH_BYTES);
    }

    /// ST-3: no two records share a path.
    #[test]
    fn records_have_distinct_paths() {
        let (s, e) = (SignerId([1; 20]), EntityId([2; 32]));
        let paths = [
            Path::SERVER,
            Path::signer(s),
            Path::asset(AssetId([3; 32])),
            Path::entity(s, e),
            Path::metadata(s, e),
            Path::policy(s, e, AssetId([3; 32])),
            Path::reserve(s, e, AssetId([3; 32])),
            Path::channel(s, e, ChannelId([3; 32])),
            Path::line(s, e, ChannelId([3; 32]), AssetId([3; 32])),
            Path::operation(s, e, OperationId([3; 32])),
            Path::terms(s, e, ChannelId([3; 32])),
            Path::htlc(s, e, ChannelId([3; 32]), HtlcKey { side: crate::Side::Left, id: 0 }),
            Path::htlc(s, e, ChannelId([3; 32]), HtlcKey { side: crate::Side::Right, id: 0 }),
            Path::replica(s, e, ChannelId([3; 32])),
            Path::node(e),
            Path::payment(s, e, TxHash([3; 32])),
            Path::forward(s, e, ChannelId([3; 32]), HtlcKey { side: crate::Side::Left, id: 0 }),
            Path::invoice(s, e, Hash([3; 32])),
        ];
        let distinct: std::collections::BTreeSet<_> = paths.iter().collect();
        assert_eq!(distinct.len(), paths.len());
    }
}

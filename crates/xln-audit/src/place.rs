//! Which record a path of the state tree names (**ST-3**), read back from its bytes.

use std::collections::BTreeMap;
use xln_types::path::StorageType;
use xln_types::{AssetId, ChannelId, EntityId, Hash, HtlcKey, OperationId, Path, Side, SignerId, TxHash};

/// What lies at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Server,
    Signer(SignerId),
    Entity(EntityId),
    Metadata(EntityId),
    Policy(EntityId, AssetId),
    /// A channel's head, below its left entity, or the reference to it, below its right one.
    Channel(EntityId, ChannelId),
    Line(EntityId, ChannelId, AssetId),
    Reserve(EntityId, AssetId),
    Operation(EntityId, OperationId),
    Asset(AssetId),
    /// What waits for an entity that nobody created here yet.
    Unclaimed(EntityId, AssetId),
    /// What the sides of a channel agreed beside money, below its left entity.
    Terms(EntityId, ChannelId),
    Htlc(EntityId, ChannelId, HtlcKey),
    /// This node's memory of a channel's frames.
    Replica(EntityId, ChannelId),
    /// The node on which an entity acts.
    Node(EntityId),
    Payment(EntityId, TxHash),
    /// By the incoming HTLC.
    Forward(ChannelId, HtlcKey),
    Invoice(EntityId, Hash),
}

/// The text that tells an entity's metadata from its policies, zero-filled.
fn label(text: &[u8]) -> [u8; 32] {
    let mut label = [0; 32];
    for (to, from) in label.iter_mut().zip(text) {
        *to = *from;
    }
    label
}

/// The HTLC that half a key names: 1 for left or 2 for right, then its number.
fn htlc_key(half: Hash) -> HtlcKey {
    let (side, rest) = half.0.split_first().unwrap_or((&0, &[]));
    let side = if *side == 1 { Side::Left } else { Side::Right };
    HtlcKey { side, id: rest.first_chunk().map_or(0, |id| u64::from_be_bytes(*id)) }
}

impl Place {
    /// `None` for a path at which no record may lie.
    pub(crate) fn of(path: &Path) -> Option<Place> {
        const MACHINE: u8 = StorageType::Machine as u8;
        const CHANNELS: u8 = StorageType::Channels as u8;
        const BALANCES: u8 = StorageType::Balances as u8;
        const METADATA: u8 = StorageType::Metadata as u8;
        const OPERATIONS: u8 = StorageType::Operations as u8;
        const ASSETS: u8 = StorageType::Assets as u8;
        const NODES: u8 = StorageType::Nodes as u8;
        let (signer, entity, storage, first, second) = path.parts();
        let (signer, entity) = (SignerId(signer.0), EntityId(entity.0));
        let (asset, zero) = (AssetId(first.0), [0; 32]);
        let (place, again) = match storage {
            MACHINE if *path == Path::SERVER => (Place::Server, Path::SERVER),
            MACHINE => (Place::Signer(signer), Path::signer(signer)),
            CHANNELS if second.0 == zero => {
                let id = ChannelId(first.0);
                (Place::Channel(entity, id), Path::channel(signer, entity, id))
            }
            CHANNELS => {
                let (id, asset) = (ChannelId(first.0), AssetId(second.0));
                (Place::Line(entity, id, asset), Path::line(signer, entity, id, asset))
            }
            BALANCES if signer == SignerId::ZERO => {
                (Place::Unclaimed(entity, asset), Path::reserve(signer, entity, asset))
            }
            BALANCES => (Place::Reserve(entity, asset), Path::reserve(signer, entity, asset)),
            METADATA if first.0 == zero => (Place::Entity(entity), Path::entity(signer, entity)),
            METADATA if first.0 == label(b"metadata") => (Place::Metadata(entity), Path::metadata(signer, entity)),
            METADATA => (Place::Policy(entity, asset), Path::policy(signer, entity, asset)),
            OPERATIONS => {
                let id = OperationId(first.0);
                (Place::Operation(entity, id), Path::operation(signer, entity, id))
            }
            ASSETS => (Place::Asset(asset), Path::asset(asset)),
            NODES => (Place::Node(EntityId(first.0)), Path::node(EntityId(first.0))),
            _ => Place::between_nodes(path)?,
        };
        (again == *path).then_some(place)
    }

    /// Records of frames, of what is locked by hash, and of payments over routes.
    fn between_nodes(path: &Path) -> Option<(Place, Path)> {
        const HTLCS: u8 = StorageType::Htlcs as u8;
        const REPLICAS: u8 = StorageType::Replicas as u8;
        const PAYMENTS: u8 = StorageType::Payments as u8;
        const FORWARDS: u8 = StorageType::Forwards as u8;
        const INVOICES: u8 = StorageType::Invoices as u8;
        let (signer, entity, storage, first, second) = path.parts();
        let (signer, entity) = (SignerId(signer.0), EntityId(entity.0));
        let (channel, key) = (ChannelId(first.0), htlc_key(second));
        Some(match storage {
            HTLCS if second == Hash::ZERO => (Place::Terms(entity, channel), Path::terms(signer, entity, channel)),
            HTLCS => (Place::Htlc(entity, channel, key), Path::htlc(signer, entity, channel, key)),
            REPLICAS => (Place::Replica(entity, channel), Path::replica(signer, entity, channel)),
            PAYMENTS => {
                let id = TxHash(first.0);
                (Place::Payment(entity, id), Path::payment(signer, entity, id))
            }
            FORWARDS => (Place::Forward(channel, key), Path::forward(signer, entity, channel, key)),
            INVOICES => (Place::Invoice(entity, first), Path::invoice(signer, entity, first)),
            _ => return None,
        })
    }

    /// For people: what the record is, with symbols where they are known.
    pub(crate) fn describe(&self, symbols: &BTreeMap<AssetId, String>) -> String {
        let asset = |id: &AssetId| symbols.get(id).cloned().unwrap_or_else(|| id.to_string());
        match self {
            Place::Server => "server".to_owned(),
            Place::Signer(id) => format!("signer {id}"),
            Place::Entity(id) => format!("entity {id}"),
            Place::Metadata(id) => format!("entity {id} metadata"),
            Place::Policy(id, of) => format!("entity {id} policy asset {}", asset(of)),
            Place::Channel(_, id) => format!("channel {id}"),
            Place::Line(_, id, of) => format!("channel {id} asset {}", asset(of)),
            Place::Reserve(id, of) => format!("entity {id} reserve asset {}", asset(of)),
            Place::Operation(id, operation) => format!("entity {id} operation {operation}"),
            Place::Asset(id) => format!("asset {}", asset(id)),
            Place::Unclaimed(id, of) => format!("unclaimed for entity {id} asset {}", asset(of)),
            Place::Terms(_, id) => format!("channel {id} terms"),
            Place::Htlc(_, id, key) => format!("channel {id} htlc {} of {}", key.id, key.side),
            Place::Replica(_, id) => format!("channel {id} frames"),
            Place::Node(id) => format!("node of entity {id}"),
            Place::Payment(id, payment) => format!("entity {id} payment {payment}"),
            Place::Forward(id, key) => format!("forward of channel {id} htlc {} of {}", key.id, key.side),
            Place::Invoice(id, hashlock) => format!("entity {id} invoice {hashlock}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ST-3: every path names one place and that place names the path; a path with stray bytes names none.
    #[test]
    fn paths_and_places_agree() {
        let (s, e, c) = (SignerId([1; 20]), EntityId([2; 32]), ChannelId([3; 32]));
        let (a, o) = (AssetId([4; 32]), OperationId([5; 32]));
        let (left, right) = (HtlcKey { side: Side::Left, id: 0 }, HtlcKey { side: Side::Right, id: u64::MAX });
        for (path, place) in [
            (Path::SERVER, Place::Server),
            (Path::signer(s), Place::Signer(s)),
            (Path::entity(s, e), Place::Entity(e)),
            (Path::metadata(s, e), Place::Metadata(e)),
            (Path::policy(s, e, a), Place::Policy(e, a)),
            (Path::channel(s, e, c), Place::Channel(e, c)),
            (Path::line(s, e, c, a), Place::Line(e, c, a)),
            (Path::reserve(s, e, a), Place::Reserve(e, a)),
            (Path::reserve(SignerId::ZERO, e, a), Place::Unclaimed(e, a)),
            (Path::operation(s, e, o), Place::Operation(e, o)),
            (Path::asset(a), Place::Asset(a)),
            (Path::terms(s, e, c), Place::Terms(e, c)),
            (Path::htlc(s, e, c, left), Place::Htlc(e, c, left)),
            (Path::htlc(s, e, c, right), Place::Htlc(e, c, right)),
            (Path::replica(s, e, c), Place::Replica(e, c)),
            (Path::node(e), Place::Node(e)),
            (Path::payment(s, e, TxHash([6; 32])), Place::Payment(e, TxHash([6; 32]))),
            (Path::forward(s, e, c, right), Place::Forward(c, right)),
            (Path::invoice(s, e, Hash([7; 32])), Place::Invoice(e, Hash([7; 32]))),
        ] {
            assert_eq!(Place::of(&path), Some(place));
            let mut stray = path;
            stray.0[116] ^= 1;
            assert!(Place::of(&stray).is_none_or(|other| other != place), "{place:?}");
        }
        let mut unknown = Path::entity(s, e);
        unknown.0[52] = 15;
        assert_eq!(Place::of(&unknown), None);
    }
}

//! Which record a path of the state tree names (**ST-3**), read back from its bytes.

use std::collections::BTreeMap;
use xln_types::path::StorageType;
use xln_types::{AssetId, ChannelId, EntityId, OperationId, Path, SignerId};

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
}

/// The text that tells an entity's metadata from its policies, zero-filled.
fn label(text: &[u8]) -> [u8; 32] {
    let mut label = [0; 32];
    for (to, from) in label.iter_mut().zip(text) {
        *to = *from;
    }
    label
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
            _ => return None,
        };
        (again == *path).then_some(place)
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
        ] {
            assert_eq!(Place::of(&path), Some(place));
            let mut stray = path;
            stray.0[116] ^= 1;
            assert!(Place::of(&stray).is_none_or(|other| other != place), "{place:?}");
        }
        let mut unknown = Path::entity(s, e);
        unknown.0[52] = 9;
        assert_eq!(Place::of(&unknown), None);
    }
}

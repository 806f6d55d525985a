//! All that a server holds, read from its arenas and not from its tree. With it every input is checked: what its receipt says
//! changed is what changed (ADR 1), the tree holds what the arenas hold (**ST-3**), a refused input changed nothing but its
//! sender's nonce (**TX-5**), each channel's shares sum to its collateral, and what a reserve sums over channels is that sum
//! (**CH-13**).

use crate::entity::EntityRecord;
use crate::server::{Input, Server};
use crate::signer::Signer;
use std::collections::BTreeMap;
use xln_types::codec::{Blob, Decodable, Encodable, decode};
use xln_types::{Path, Receipt, Side, SignerId};

/// What stood in a server at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Image {
    records: BTreeMap<Path, Blob>,
    /// What leads to records and isn't in the tree.
    indexes: String,
}

fn rlp(record: &impl Encodable) -> Blob {
    Blob(alloy_rlp::encode(record))
}

impl Image {
    pub(super) fn of(server: &Server) -> Image {
        let mut records = BTreeMap::from([(Path::SERVER, rlp(&server.record))]);
        records.extend(server.signers.iter().map(|signer| (Path::signer(signer.id), rlp(signer))));
        records.extend(server.assets.iter().map(|(id, info)| (Path::asset(*id), rlp(info))));
        let waiting = server.unclaimed.iter();
        records.extend(
            waiting.map(|((entity, asset), amount)| (Path::reserve(SignerId::ZERO, *entity, *asset), rlp(amount))),
        );
        for handle in server.entities.handles() {
            records.extend(entity_records(server, handle));
        }
        for channel in server.channels.iter() {
            let head = &channel.head;
            let [left, right] = [head.left, head.right].map(|entity| server.signer_of(entity));
            assert_eq!(channel.signer, left, "a channel lies below its left entity");
            records.insert(Path::channel(left, head.left, head.id), rlp(head));
            records.insert(Path::channel(right, head.right, head.id), rlp(&head.left));
            let lines = channel.lines.iter();
            records
                .extend(lines.map(|(asset, line)| (Path::line(left, head.left, head.id, *asset), rlp(line))));
        }
        Image { records, indexes: indexes(server) }
    }

    /// Compares this image, of the moment before, with the receipt, the tree and the state after.
    pub(super) fn check_receipt(&self, server: &Server, input: &Input, receipt: &Receipt) {
        let after = Image::of(server);
        let mut said: Vec<_> =
            receipt.changes.iter().map(|change| (change.path, change.old.clone(), change.new.clone())).collect();
        said.sort();
        let changed = self.changes_to(&after);
        assert_eq!(said, changed, "the receipt says what changed: {receipt:?}");
        if let Some(why) = receipt.rejection() {
            assert_eq!(self.indexes, after.indexes, "TX-5: {why:?}");
            assert_eq!(receipt.logs, [], "TX-5: nothing happened: {why:?}");
            assert!(is_nonce_of_sender(&changed, input), "TX-5: {why:?} changed {changed:?}");
        }
        after.check_tree(server);
        check_sums(server);
    }

    fn changes_to(&self, after: &Image) -> Vec<(Path, Blob, Blob)> {
        let paths: std::collections::BTreeSet<_> = self.records.keys().chain(after.records.keys()).collect();
        let both = paths.into_iter().map(|path| {
            let of = |image: &Image| image.records.get(path).cloned().unwrap_or_default();
            (*path, of(self), of(after))
        });
        both.filter(|(_, old, new)| old != new).collect()
    }

    /// ST-3: the tree that the next block will seal holds these records and no other.
    pub(super) fn check_tree(&self, server: &Server) {
        let mut tree = server.tree.clone();
        let _ = tree.commit();
        let held: BTreeMap<&[u8], &[u8]> = tree.reader_entries();
        let expected: BTreeMap<&[u8], &[u8]> =
            self.records.iter().map(|(path, record)| (path.0.as_slice(), record.0.as_slice())).collect();
        assert_eq!(held, expected, "the tree holds what the arenas hold");
    }
}

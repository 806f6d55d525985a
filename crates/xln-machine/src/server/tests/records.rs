//! Records (**N-3**, **ST-3**): whatever stands in the tree reads back as its kind and encodes to the same bytes; a byte more or less is none.

use super::script::check;
use crate::channel::{Line, state::Head};
use crate::depositary::{Operation, Reserve};
use crate::entity::EntityRecord;
use crate::server::state::ServerRecord;
use crate::signer::Signer;
use std::collections::BTreeSet;
use xln_types::codec::{Blob, Decodable, Encodable, decode};
use xln_types::path::StorageType;
use xln_types::tx::AssetPolicy;
use xln_types::{Address, Amount, AssetInfo, EntityId, Hash, Path};

/// One record, read as its kind.
fn reads<T: Decodable + Encodable>(kind: &'static str, bytes: &[u8]) -> &'static str {
    let record = decode::<T>(bytes).unwrap_or_else(|error| panic!("{kind}: {error}"));
    assert_eq!(alloy_rlp::encode(&record), bytes, "{kind}");
    for end in 0..bytes.len() {
        assert!(decode::<T>(&bytes[..end]).is_err(), "{kind} cut at {end}");
    }
    let mut payload = bytes;
    if let Some(header) = alloy_rlp::Header::decode(&mut payload).ok().filter(|header| header.list) {
        let mut longer = Vec::new();
        alloy_rlp::Header { list: true, payload_length: header.payload_length + 1 }.encode(&mut longer);
        longer.extend(payload.iter().chain(&[1]));
        assert!(decode::<T>(&longer).is_err(), "{kind} with a field too many");
        assert!(decode::<T>(&alloy_rlp::encode(bytes)).is_err(), "a string in place of {kind}");
    }
    kind
}

/// Reads a record by its path alone, as anybody could who has a proof.
fn read(path: &Path, bytes: &[u8]) -> &'static str {
    let (signer, entity, storage, first, second) = path.parts();
    match storage {
        it if it == StorageType::Machine as u8 && signer == Address::ZERO => reads::<ServerRecord>("server", bytes),
        it if it == StorageType::Machine as u8 => reads::<Signer>("signer", bytes),
        it if it == StorageType::Assets as u8 => reads::<AssetInfo>("asset", bytes),
        it if it == StorageType::Balances as u8 && signer == Address::ZERO => reads::<Amount>("unclaimed", bytes),
        it if it == StorageType::Balances as u8 => reads::<Reserve>("reserve", bytes),
        it if it == StorageType::Operations as u8 => reads::<Operation>("operation", bytes),
        it if it == StorageType::Metadata as u8 && first == Hash::ZERO => reads::<EntityRecord>("entity", bytes),
        it if it == StorageType::Metadata as u8 && second == Hash::ZERO => reads::<Blob>("metadata", bytes),
        it if it == StorageType::Metadata as u8 => reads::<AssetPolicy>("policy", bytes),
        _ if second != Hash::ZERO => reads::<Line>("line", bytes),
        // The right side keeps the left one's name.
        _ if bytes.len() == 33 => {
            let left = decode::<EntityId>(bytes).expect("a name");
            assert!(left.0 < entity.0, "left is the smaller (N-5)");
            reads::<EntityId>("reference", bytes)
        }
        _ => reads::<Head>("head", bytes),
    }
}

/// N-3, ST-3: a record's path tells what it is, and each kind has one encoding.
#[test]
fn every_record_reads_back_by_its_path() {
    let mut hub = check(
        "
        entities a b
        a open b grant 5 ETH
        b accept a grant 7 USD
        chain deposited a 100 ETH
        chain deposited z 4 ETH
        a allocate b 30 ETH
        chain added a b 30 ETH #1
        a withdraw 10 ETH
        a pay b 3 ETH
        a update metadata 3 policy ETH cap 9
        ",
    );
    let _ = hub.server.seal(hub.now_ms);
    let tree = hub.server.tree();
    let kinds: BTreeSet<&str> =
        tree.iter().map(|(key, value)| read(&Path(key.try_into().expect("117 bytes")), value)).collect();
    let expected = [
        "asset",
        "entity",
        "head",
        "line",
        "metadata",
        "operation",
        "policy",
        "reference",
        "reserve",
        "server",
        "signer",
        "unclaimed",
    ];
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), expected);
}

//! `getProof` at every level (PRD 6.1.1, **ST-2**, **ST-3**): server, signer, entity, channel and depositary each prove their own records, and
//! the absence of others, against the state root of a sealed block.

use super::hub::{Hub, channel, entity, signer};
use super::script::check;
use crate::machine::{Machine, MachineKind};
use crate::server::Server;
use xln_merkle::{Hash, HashFunction, Proof, Reader};
use xln_types::codec::{Blob, Encodable};
use xln_types::{AssetId, ChannelId, EntityId, OperationId, Path, Side, SignerId};

/// A hub with a record of each kind, sealed.
fn sealed() -> (Hub, Hash, Reader) {
    let mut hub = check(
        "
        entities a b K
        a open b grant 5 ETH
        b accept a grant 7 USD
        a open hub
        chain deposited a 100 ETH
        chain deposited z 4 ETH            // of nobody yet
        a allocate b 30 ETH
        chain added a b 30 ETH #1
        a withdraw 10 ETH
        a update metadata 3 policy ETH cap 9
        ",
    );
    let block = hub.server.seal(hub.now_ms);
    let reader = hub.server.tree();
    (hub, block.header.state_root.0, reader)
}

/// What a machine proves about a path holds for this value and no other; `None` is absence.
fn proves<M: Machine>(machine: &M, sealed: (&Hash, &Reader), path: &Path, record: Option<&dyn Encodable>) {
    let value = record.map(|record| {
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        bytes
    });
    let (root, tree) = sealed;
    let proof = machine.prove(tree, path).expect("below its prefix");
    let verify = |root: &Hash, path: &Path, value: Option<&[u8]>| {
        xln_merkle::verify(HashFunction::Blake3, root, &path.0, value, &proof)
    };
    assert_eq!(verify(root, path, value.as_deref()), Ok(()), "{path}");
    let opposite = if value.is_some() { None } else { Some(&[1][..]) };
    assert!(verify(root, path, opposite).is_err(), "{path}: the opposite");
    if let Some(value) = &value {
        let mut other = value.clone();
        other[0] ^= 1;
        assert!(verify(root, path, Some(&other)).is_err(), "{path}: another value");
    }
    let mut elsewhere = *path;
    elsewhere.0[116] ^= 1;
    assert!(verify(root, &elsewhere, value.as_deref()).is_err(), "{path}: another key");
    let mut later = *root;
    later[31] ^= 1;
    assert!(verify(&later, path, value.as_deref()).is_err(), "{path}: another root");
    let shared = Proof::from_bytes(&proof.to_bytes());
    assert_eq!(shared.as_ref(), Ok(&proof), "what is sent can be read");
}

/// ST-2, ST-3: the server proves any record of the hub, its own first, and that one isn't there.
#[test]
fn the_server_proves_every_record() {
    let (hub, root, tree) = sealed();
    let (server, at) = (&hub.server, (&root, &tree));
    assert!(Server::KIND == MachineKind::Server && tree.root() == root);
    proves(server, at, &Path::SERVER, Some(server.record()));
    let info = server.asset(hub.asset("USD")).expect("known");
    proves(server, at, &Path::asset(info.id), Some(info));
    proves(server, at, &Path::asset(AssetId([1; 32])), None);
    let unclaimed = Path::reserve(SignerId::ZERO, entity("z"), hub.asset("ETH"));
    proves(server, at, &unclaimed, Some(&xln_types::Amount(4)));
    proves(server, at, &Path::entity(signer("z"), entity("z")), None);
    let all: Vec<(Path, Blob)> =
        tree.iter().map(|(key, value)| (Path(key.try_into().expect("117 bytes")), Blob(value.to_vec()))).collect();
    assert!(20 < all.len());
    for (path, record) in &all {
        let proof = server.prove(&tree, path).expect("all are the server's");
        assert_eq!(xln_merkle::verify(HashFunction::Blake3, &root, &path.0, Some(&record.0), &proof), Ok(()));
    }
}

/// ST-2, ST-3: a signer proves its own record and those of its entities, and of no other signer's.
#[test]
fn a_signer_proves_what_is_below_it() {
    let (hub, root, tree) = sealed();
    let it = hub.server.signer(signer("a")).expect("known");
    proves(it, (&root, &tree), &Path::signer(it.id), Some(it));
    let own = hub.server.entity(entity("a")).expect("founded");
    proves(it, (&root, &tree), &Path::entity(it.id, entity("a")), Some(&own.record));
    proves(it, (&root, &tree), &Path::entity(it.id, entity("a1")), None);
    for foreign in [Path::SERVER, Path::signer(signer("b")), Path::entity(signer("b"), entity("b"))] {
        assert_eq!(it.prove(&tree, &foreign), None);
    }
}

/// ST-2, ST-3: an entity proves its record, metadata, policies, and all else below it.
#[test]
fn an_entity_proves_what_is_below_it() {
    let (hub, root, tree) = sealed();
    let it = hub.server.entity(entity("a")).expect("founded");
    let (at, own, id) = ((&root, &tree), signer("a"), entity("a"));
    proves(it, at, &Path::entity(own, id), Some(&it.record));
    proves(it, at, &Path::metadata(own, id), Some(&it.metadata));
    proves(it, at, &Path::policy(own, id, hub.asset("ETH")), Some(&it.policies[0]));
    proves(it, at, &Path::policy(own, id, hub.asset("USD")), None);
    proves(
        it,
        at,
        &Path::reserve(own, id, hub.asset("ETH")),
        hub.server.reserve(id, hub.asset("ETH")).as_ref().map(|it| it as _),
    );
    for foreign in [Path::SERVER, Path::signer(own), Path::entity(own, entity("a1")), Path::entity(signer("b"), id)] {
        assert_eq!(it.prove(&tree, &foreign), None);
    }
}

/// ST-2, ST-3: a channel proves its head and lines, below its left entity; from the right one a reference leads there.
#[test]
fn a_channel_proves_its_head_and_lines() {
    let (hub, root, tree) = sealed();
    let (it, at) = (hub.server.channel(channel("a", "b")).expect("open"), (&root, &tree));
    let (left, id) = (it.head.left, it.head.id);
    proves(it, at, &Path::channel(it.signer, left, id), Some(&it.head));
    for symbol in ["ETH", "USD"] {
        let asset = hub.asset(symbol);
        proves(it, at, &Path::line(it.signer, left, id, asset), it.line(asset).map(|line| line as _));
    }
    proves(it, at, &Path::line(it.signer, left, id, hub.asset("NFT")), None);
    let right = hub.server.entity(it.head.entity(Side::Right)).expect("founded");
    let reference = Path::channel(right.record.signer, right.record.id, id);
    proves(right, at, &reference, Some(&left));
    let other = Path::channel(it.signer, left, ChannelId([1; 32]));
    for foreign in [reference, other, Path::entity(it.signer, left)] {
        assert_eq!(it.prove(&tree, &foreign), None);
    }
}

/// ST-2, ST-3: a depositary proves its entity's reserves and operations; one that ended is provably gone.
#[test]
fn a_depositary_proves_reserves_and_operations() {
    let (hub, root, tree) = sealed();
    let (it, at, own, id) =
        (hub.server.depositary_of(entity("a")).expect("founded"), (&root, &tree), signer("a"), entity("a"));
    let reserve = it.reserve(hub.asset("ETH"));
    proves(it, at, &Path::reserve(own, id, hub.asset("ETH")), Some(&reserve));
    proves(it, at, &Path::reserve(own, id, AssetId([1; 32])), None);
    let (ended, pending) = (hub.operations[0], hub.operations[1]);
    proves(it, at, &Path::operation(own, id, pending), it.operations.get(&pending).map(|operation| operation as _));
    proves(it, at, &Path::operation(own, id, ended), None);
    proves(it, at, &Path::operation(own, id, OperationId([1; 32])), None);
    for foreign in [Path::SERVER, Path::reserve(own, EntityId([1; 32]), hub.asset("ETH"))] {
        assert_eq!(it.prove(&tree, &foreign), None);
    }
}

/// ST-2: a proof is of the block it was made for: what came later needs a later one.
#[test]
fn proofs_are_of_one_block() {
    let (mut hub, root, tree) = sealed();
    super::script::play(&mut hub, "chain deposited a 1 ETH");
    assert_eq!(hub.server.tree().root(), root, "nothing is proven before it is sealed");
    let later = hub.server.seal(hub.now_ms);
    assert_ne!(later.header.state_root.0, root);
    let path = Path::reserve(signer("a"), entity("a"), hub.asset("ETH"));
    let record = alloy_rlp::encode(hub.server.reserve(entity("a"), hub.asset("ETH")).expect("known"));
    let of = |reader: &Reader| hub.server.prove(reader, &path).expect("the server's");
    let verify = |root: &Hash, reader: &Reader| {
        xln_merkle::verify(HashFunction::Blake3, root, &path.0, Some(&record), &of(reader))
    };
    assert_eq!(verify(&later.header.state_root.0, &hub.server.tree()), Ok(()));
    assert!(verify(&root, &tree).is_err() && verify(&later.header.state_root.0, &tree).is_err());
}

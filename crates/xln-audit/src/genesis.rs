//! The initial records, derived from the genesis alone: the hub's signer and entity, its policies, the assets. They have no
//! receipt and belong to no block (**TX-7**). The server's own record is all zeros until the first fact, and then isn't stored.

use crate::holdings::Holdings;
use crate::place::Place;
use crate::records::{EntityRecord, Held, SignerRecord};
use crate::report::Violation;
use xln_crypto::derive;
use xln_merkle::{Config, HashFunction, Tree};
use xln_types::codec::Blob;
use xln_types::entry::Genesis;
use xln_types::{Board, Path};

fn refused(law: &'static str, expected: &str, found: String) -> Violation {
    Violation { law, at: "genesis".to_owned(), expected: expected.to_owned(), found }
}

/// What is held before the first input.
///
/// # Errors
/// The violation that makes all that follows unreadable: a tree that can't be built, or a contradictory asset.
pub(crate) fn holdings(genesis: &Genesis) -> Result<Holdings, Violation> {
    let config = Config {
        bit_width: genesis.tree_width,
        leaf_threshold: usize::from(genesis.tree_threshold),
        hash: HashFunction::Blake3,
        ..Config::DEFAULT
    };
    let tree = Tree::new(config).map_err(|error| refused("ST-1", "a tree within its bounds", error.to_string()))?;
    let board = Board::single(genesis.hub_signer, 0);
    let hub = derive::entity_id(&board);
    let mut holdings = Holdings::new(genesis.clone(), hub, tree);
    for (path, held) in records(genesis, board) {
        let Some(place) = Place::of(&path) else { continue };
        holdings.put(path, &place, &held.to_bytes(), Some(held));
    }
    for (index, info) in genesis.assets.iter().enumerate() {
        if derive::asset_id(genesis.chain_id, &info.asset) != info.id {
            return Err(refused("N-4", "an asset's id is the hash of what it names", info.symbol.clone()));
        }
        if genesis.assets.iter().take(index).any(|other| other.symbol == info.symbol) {
            return Err(refused("N-4", "each symbol once", info.symbol.clone()));
        }
    }
    Ok(holdings)
}

fn records(genesis: &Genesis, board: Board) -> Vec<(Path, Held)> {
    let (signer, id) = (genesis.hub_signer, derive::entity_id(&board));
    let hub_signer = SignerRecord {
        id: signer,
        public_key: Blob::default(),
        owner: signer.address(),
        hosted: 1,
        nonce: 0,
        next_salt: 1,
        entities: 1,
        created_s: genesis.created,
        metadata: Blob::default(),
    };
    let hub_entity = EntityRecord {
        id,
        signer,
        board,
        nonce: 0,
        channels: 0,
        channels_open: 0,
        accepts_free: 1,
        created_s: genesis.created,
    };
    let mut records = vec![
        (Path::signer(signer), Held::Signer(hub_signer)),
        (Path::entity(signer, id), Held::Entity(hub_entity)),
        (Path::metadata(signer, id), Held::Metadata(Blob::default())),
    ];
    let policies = genesis.policies.iter();
    records.extend(policies.map(|policy| (Path::policy(signer, id, policy.asset), Held::Policy(*policy))));
    records.extend(genesis.assets.iter().map(|info| (Path::asset(info.id), Held::Asset(info.clone()))));
    records
}

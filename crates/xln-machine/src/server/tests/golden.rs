//! Golden roots (**TX-7**, **ST-1**): a fixed workload ends in this very state and these very headers, in debug and release, on any machine.
//! They change on purpose only: with an encoding, a rule, or the workload itself ([`super::workload`]).

use super::hub::{Hub, genesis};
use super::script::play;
use super::workload::{BLOCK_STEPS, Workload};
use crate::server::SealedBlock;
use xln_crypto::{derive, hash::keccak256_parts};
use xln_types::entry::Genesis;

/// Blocks of the workload.
const BLOCKS: u64 = 50;
/// The state tree's root before the first input.
const GENESIS_ROOT: &str = "0xec96545fb2f2c3076dfe8431a8905e8f9c6d4dc55d4cac09542c905e4b637de2";
/// And after the last.
const STATE_ROOT: &str = "0x1898cfdafef15832b5d9a70cdb3bd9c9efbb65d46192ae9a455c65c963e35d2d";
/// keccak256 over the hashes of all headers, one behind the other.
const HEADERS: &str = "0xbf2a669c8bdf6781fd2eb4ea0a5e034f6104992c82a4047d98c6fb7b9ecdc332";

fn headers(blocks: &[SealedBlock]) -> String {
    let hashes: Vec<[u8; 32]> = blocks.iter().map(|block| derive::block_hash(&block.header).0).collect();
    let parts: Vec<&[u8]> = hashes.iter().map(<[u8; 32]>::as_slice).collect();
    keccak256_parts(&parts).to_string()
}

/// TX-7: the roots of the fixed workload, and of the genesis, are those in the tree of sources.
#[test]
fn a_fixed_workload_ends_in_the_golden_root() {
    let genesis_root = xln_types::Hash(Hub::new().server.tree().root()).to_string();
    let mut workload = Workload::new(42);
    workload.play(BLOCKS * BLOCK_STEPS);
    let blocks = &workload.blocks;
    let last = blocks.last().expect("sealed");
    assert_eq!((blocks.len() as u64, last.header.number), (BLOCKS, BLOCKS));
    let found = [genesis_root, last.header.state_root.to_string(), headers(blocks)];
    assert_eq!(found, [GENESIS_ROOT, STATE_ROOT, HEADERS]);
}

/// TX-7: the same inputs give the same headers and receipts, whatever seeds the indexes and however the tree is laid out.
#[test]
fn replay_of_the_golden_workload_gives_the_same_blocks() {
    let mut workload = Workload::new(42);
    workload.play(BLOCKS * BLOCK_STEPS / 5);
    for (index_seed, tree_width, tree_threshold) in [(0, 4, 16), (u64::MAX, 1, 1), (3, 16, 4096)] {
        let mut hub = Hub::from_genesis(&Genesis { tree_width, tree_threshold, ..genesis() });
        hub.server = crate::Server::new(hub.server.genesis(), index_seed).expect("sound");
        play(&mut hub, "entities a b c d e K L");
        let mut blocks = Vec::new();
        for chunk in workload.inputs.chunks(usize::try_from(BLOCK_STEPS).expect("small")) {
            for (now_ms, input) in chunk {
                let _ = hub.server.apply(*now_ms, input);
            }
            blocks.push(hub.server.seal(chunk.last().expect("not empty").0));
        }
        assert_eq!(blocks, workload.blocks, "seed={index_seed} width={tree_width} threshold={tree_threshold}");
    }
}

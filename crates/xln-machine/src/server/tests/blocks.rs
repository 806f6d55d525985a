//! Blocks (**TX-6**): what was executed since the last one, under three roots, each block naming the one before; and **TX-7**: the same
//! inputs give the same blocks, whoever runs them.

use super::hub::{CHAIN_ID, DEPOSITARY, Hub, entity, genesis, signer};
use super::script::{check, play};
use crate::machine::{At, Machine};
use crate::server::{Input, SealedBlock, Server};
use xln_crypto::{derive, seal};
use xln_merkle::{HashFunction, list};
use xln_types::{FactKind, Hash};

const KECCAK: HashFunction = HashFunction::Keccak256;

/// Inputs of some seconds, executed and refused, and the block over them.
fn run() -> (Hub, SealedBlock) {
    let mut hub = check(
        "
        entities a b
        a open hub grant 50 ETH
        b open hub grant 50 ETH
        chain deposited a 9 ETH
        a pay b 1 ETH                      => InsufficientFunds { available: 0, leg: 0 }
        a withdraw 9 ETH
        ",
    );
    let block = hub.server.seal(hub.now_ms + 100);
    (hub, block)
}

/// TX-6: a header names its place, its roots and what it holds; its seal names header and seal before it.
#[test]
fn a_block_names_what_it_seals() {
    let (mut hub, first) = run();
    assert_eq!(
        (first.header.number, first.header.previous_hash, first.seal.previous_seal),
        (1, Hash::ZERO, Hash::ZERO)
    );
    assert_eq!((first.header.entries, first.header.last_sequence, first.receipts.len()), (9, 9, 9));
    assert_eq!((first.header.timestamp_ms, first.header.proposer), (hub.now_ms + 100, signer("hub")));
    assert_eq!((hub.server.sealed_number(), hub.server.has_open_entries()), (1, false));
    hub.now_ms += 100;
    play(&mut hub, "a pay b 1 ETH => InsufficientFunds { available: 0, leg: 0 }");
    assert!(hub.server.has_open_entries());
    let second = hub.server.seal(hub.now_ms);
    let third = hub.server.seal(hub.now_ms + 1);
    let all = [&first, &second, &third];
    for (before, block) in all.iter().zip(&all[1..]) {
        assert_eq!(block.header.number, before.header.number + 1);
        assert_eq!(block.header.previous_hash, derive::block_hash(&before.header));
        assert_eq!(block.seal.previous_seal, seal::seal_hash(&before.seal));
    }
    for block in all {
        assert_eq!((block.seal.block_hash, block.seal.hub), (derive::block_hash(&block.header), entity("hub")));
        assert_eq!((block.seal.number, block.seal.time_ms), (block.header.number, block.header.timestamp_ms));
        assert_eq!(block.digest, seal::seal_digest(CHAIN_ID, DEPOSITARY, &block.seal));
        assert_eq!(block.seal.proofs_root.0, list::root::<&[u8]>(KECCAK, &[]));
    }
    assert_eq!((second.header.entries, second.header.last_sequence), (1, 10));
    assert_eq!((third.header.entries, third.header.last_sequence), (0, 10), "an empty block is a block");
    assert_eq!(third.header.state_root, second.header.state_root);
    assert_ne!(second.header.state_root, first.header.state_root, "the refused payment used a nonce up");
    assert_eq!(third.header.receipt_root.0, list::root::<&[u8]>(KECCAK, &[]));
}

/// TX-6: each receipt, and each entry, is proven by its block's header, and by no other place in it.
#[test]
fn entries_and_receipts_are_proven_by_the_header() {
    let mut hub = Hub::new();
    let inputs = [FactKind::Time { timestamp: 5 }, FactKind::Time { timestamp: 6 }, FactKind::DeepReorg { depth: 1 }];
    let entries: Vec<Vec<u8>> = inputs
        .into_iter()
        .map(|kind| {
            let at = xln_types::FactPosition { block: kind.tag(), ..Default::default() };
            let input = Input::Fact(xln_types::ChainFact { at, kind });
            let _ = hub.apply(&input);
            alloy_rlp::encode(input.to_entry())
        })
        .collect();
    let block = hub.server.seal(hub.now_ms);
    let receipts: Vec<Vec<u8>> = block.receipts.iter().map(alloy_rlp::encode).collect();
    let length = block.header.entries;
    for (root, leaves) in [(block.header.receipt_root, receipts), (block.header.transaction_root, entries)] {
        for (index, leaf) in leaves.iter().enumerate() {
            let proof = list::prove(KECCAK, &leaves, index).expect("in the block");
            assert_eq!(list::verify(KECCAK, &root.0, index as u64, length, leaf, &proof), Ok(()));
            let other = (index as u64 + 1) % length;
            assert!(list::verify(KECCAK, &root.0, other, length, leaf, &proof).is_err());
        }
    }
    assert!(block.receipts.iter().zip(1..).all(|(receipt, sequence)| receipt.sequence == sequence));
}

/// TX-7: the same inputs give the same blocks.
#[test]
fn replay_gives_the_same_block_golden() {
    assert_eq!(run().1, run().1);
}

/// TX-7, PRD 6.1.1: the server is a machine like the others: what `create_block` keeps, `apply_block` replays to the same state.
#[test]
fn a_server_replays_a_block_of_inputs() {
    let (hub, block) = run();
    let at = At { now_ms: hub.now_ms, sequence: 0 };
    let inputs: Vec<Input> = (1..=3)
        .map(|number| {
            let at = xln_types::FactPosition { block: number, ..Default::default() };
            let (entity, asset, sender) = (entity("a"), hub.asset("ETH"), entity("b").address());
            let kind = FactKind::Deposited { entity, asset, amount: xln_types::Amount(number.into()), sender };
            Input::Fact(xln_types::ChainFact { at, kind })
        })
        .collect();
    let mut creator = Server::new(&genesis(), 1).expect("sound");
    let mut replica = Server::new(&genesis(), 2).expect("sound");
    let created = creator.create_block(at, inputs.clone());
    assert_eq!((created.messages.as_slice(), created.refused.len()), (inputs.as_slice(), 0));
    assert_eq!(replica.apply_block(at, &created.messages), Ok(()));
    let blocks = [&mut creator, &mut replica].map(|server| server.seal(at.now_ms));
    assert_eq!(blocks[0], blocks[1]);
    assert_eq!(blocks[0].header.entries, 3);
    assert_ne!(blocks[0].header.state_root, block.header.state_root);
    assert_eq!(creator.id(), xln_crypto::keccak256(alloy_rlp::encode(genesis())));
    assert!(creator.prefix().is_empty());
}

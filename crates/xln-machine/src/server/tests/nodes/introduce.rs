//! Entities of other nodes become known (**N-5**), and can't act here.

use super::net::Net;
use super::script::{check, play, send, signed_tx};
use crate::server::Input;
use xln_types::entry::Command;
use xln_types::tx::{self, Body};
use xln_types::{Address, Amount, Board, Rejection, Side};

/// N-5: an introduced entity is known by the hash of its board; told again, nothing is new.
#[test]
fn an_entity_is_introduced_once() {
    check(
        "
        nodes A B C
        people A.p A.K B.q
        introduce B to A
        introduce B to A               // nothing is new
        introduce B.q to A at B
        known A 2
        introduce B to A at C          => AlreadyExists
        introduce A to A at B          => AlreadyExists
        introduce A.p to A at B        => AlreadyExists
        introduce A.K to A at B        => AlreadyExists
        introduce C.r to A at A        => InvalidBoard
        introduce C.r to A at C threshold 2 => InvalidBoard
        known A 2
        B open A                       => UnknownEntity
        A open B.q
        status A B.q pending
        B.q accept A
        status A B.q open
        ",
    );
}

/// N-5, EN-1: nobody takes the place of an entity that a signer hosted here may found next.
#[test]
fn a_hosted_signers_entities_act_here_alone() {
    let mut net = check(
        "
        nodes A B
        people A.p
        introduce A.p to A at B salt 1 => AlreadyExists
        introduce A to A at B salt 1   => AlreadyExists
        known A 0
        ",
    );
    let signer = net.people.get("A.p").signer;
    let Board { threshold, members, salt } = Board::single(signer, 1);
    let body: Body = tx::CreateEntity { threshold, members, salt, metadata: xln_types::codec::Blob::default() }.into();
    assert!(send(&mut net, "A.p", &body, Address::ZERO, Amount::ZERO).is_executed());
}

/// TX-2: another node's entity sends nothing here, not even with its own signature; nor does it ask for payments here.
#[test]
fn an_entity_of_another_node_cannot_act_here() {
    let mut net = check(
        "
        nodes A B
        people A.p B.K B.q
        introduce B.K to A
        introduce B.q to A
        B.q invoice 5 USD #1 on A      => NotHere
        ",
    );
    let channel = net.people.channel("B.K", "A").0;
    let bodies: [Body; 4] = [
        tx::OpenChannel {
            peer: net.people.entity("A"),
            collateral: vec![],
            grants: vec![],
            requested: vec![],
            dispute_window_s: 3600,
            valid_until_s: 0,
            chain_signatures: vec![],
        }
        .into(),
        tx::HtlcCancel { channel, side: Side::Left, id: 0, reason: xln_types::codec::Blob::default() }.into(),
        tx::UpdateEntity { metadata: xln_types::codec::Blob::default(), policies: vec![], accepts_free: 1 }.into(),
        tx::DeleteEntity { entity: net.people.entity("B.K") }.into(),
    ];
    for body in bodies {
        let sent = signed_tx(&net, 0, "B.K", &body, Address::ZERO, Amount::ZERO);
        let receipt = net.turn(0, Input::Transaction(sent));
        assert_eq!(receipt.rejection(), Some(&Rejection::NotHere {}), "{body:?}");
    }
}

/// N-5: only a valid board of one is introduced, and nobody has the key of address 0.
#[test]
fn bad_boards_are_not_introduced() {
    let mut net = Net::new();
    play(&mut net, "nodes A B");
    let (one, other) = (net.people.get("B.q").signer, net.people.get("B.r").signer);
    let single = |signer| Board::single(signer, 0);
    let two = Board { members: [single(one).members, single(other).members].concat(), ..single(one) };
    let node = net.people.entity("B");
    for board in [two, Board { members: vec![], ..single(one) }, single(xln_types::SignerId::ZERO)] {
        let public_key = xln_types::codec::Blob::default();
        let receipt = net.turn(0, Input::Command(Command::Introduce { node, board, public_key }));
        assert_eq!(receipt.rejection(), Some(&Rejection::InvalidBoard {}));
    }
}

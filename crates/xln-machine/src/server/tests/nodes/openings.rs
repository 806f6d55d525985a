//! Channels with another node begin (**CH-11**): the first frame offers, its acknowledgement consents.

use super::net::Net;
use super::script::{both, check, end, play};
use xln_types::{Board, FrameTx, Hash, PeerMessage, Rejection};

/// CH-11: hub to hub, a hosted person to a hub, a hub to a hosted person: open once the other side has signed.
#[test]
fn a_channel_opens_with_the_other_sides_signature() {
    both(
        "
        nodes A B
        people A.p B.q
        meet A B
        A open B grant 5 USD grant 0 ETH window 7200
        status A B open
        status B A open
        mine A B USD 5
        listed B A ETH 1
        window B A 7200
        A.p open B
        status A.p B open
        status B A.p open
        A.p pay B 1 ETH                => UnknownAsset
        B credit A.p 9 USD
        A.p pay B 4 USD
        share B A.p USD 4
        introduce B.q to A
        A open B.q
        status A B.q pending
        status B.q A pending
        A credit B.q 1 USD             => ChannelNotOpen { status: 0 }
        B.q credit A 1 USD             => ChannelNotOpen { status: 0 }
        A accept B.q                   => NotYoursToAccept
        B.q accept A grant 7 USD grant 0 NFT
        status A B.q open
        out A B.q USD 7
        B.q accept A                   => ChannelNotOpen { status: 1 }
        ",
    );
}

/// CH-11, DESIGN 8: a policy accepts only what costs nothing; a grant that is asked for needs consent, and isn't given by it.
#[test]
fn a_requested_grant_needs_consent() {
    both(
        "
        nodes A B
        meet A B
        A open B ask 50 USD
        status B A pending
        B accept A grant 30 USD
        status A B open
        out A B USD 30
        people B.q
        introduce B.q to A
        B.q update free 1
        A open B.q grant 3 USD
        status A B.q open
        B update free 0
        people A.p
        A.p open B
        status A.p B pending
        B accept A.p
        status A.p B open
        ",
    );
}

/// CH-11: an offer that waits is said again and stays one; it can be taken after its first copy was lost, and after its answer was.
#[test]
fn an_offer_survives_losses() {
    both(
        "
        nodes A B
        meet A B
        hold A B
        hold B A
        A open B ask 1 USD
        lose A B
        reconnect A B
        flow A B
        status B A pending
        remind A B
        refused B StaleFrame
        B accept A grant 1 USD
        reconnect A B
        flow
        status A B open
        out A B USD 1
        ",
    );
}

/// CH-9, CH-11: openings that cross become one channel; both wanted it, and each keeps what it grants.
#[test]
fn openings_that_cross_become_one() {
    both(
        "
        nodes A B
        meet A B
        chain deposited A 100 ETH
        chain deposited B 100 ETH
        hold A B
        hold B A
        A open B grant 5 USD window 7200 lock 40 ETH
        B open A grant 7 USD grant 0 NFT lock 60 ETH window 3600
        flow
        effects A 1
        effects B 1
        mine A B USD 5
        mine B A USD 7
        listed A B NFT 1
        listed A B ETH 1
        chain added A B 40 ETH #1
        chain added B A 60 ETH #1
        status A B open
        status B A open
        collateral A B ETH 100
        share A B ETH 40
        A pay B 7 USD
        B pay A 12 USD
        ",
    );
}

/// DP-1, CH-11, CH-12: a funded opening waits for its collateral, which counts once it stands in a frame.
#[test]
fn a_funded_opening_waits_for_the_chain() {
    both(
        "
        nodes A B
        meet A B
        chain deposited A 100 ETH
        B update free 0
        A open B lock 60 ETH
        free A ETH 40
        operation A #1 waiting
        effects A 0
        B accept A
        operation A #1 pending
        effects A 1
        status A B pending
        status B A open                // nothing of B's is awaited
        A pay B 1 ETH                  => ChannelNotOpen { status: 0 }
        chain added A B 60 ETH #1
        status A B open
        collateral A B ETH 60
        collateral B A ETH 60
        share B A ETH 0
        allocated A ETH 60
        A pay B 60 ETH
        share B A ETH 60
        A pay B 1 ETH                  => InsufficientFunds { available: 0, leg: 0 }
        ",
    );
}

/// DP-1, DP-4: an allocation that certainly failed is free again, and the channel opens without it.
#[test]
fn a_failed_allocation_opens_without_collateral() {
    for failing in ["chain reverted A #1", "chain time 3601"] {
        check(&format!(
            "
            nodes A B
            meet A B
            chain deposited A 100 ETH
            A open B lock 60 ETH
            {failing}
            free A ETH 100
            status A B open
            collateral B A ETH 0
            A open B lock 101 ETH      => AlreadyExists
            "
        ));
    }
}

/// CH-11, DP-1: what can't be opened is refused with what could; the hub signs for nobody who keeps its own key.
#[test]
fn what_cannot_be_opened_is_refused() {
    let mut net = Net::new();
    play(
        &mut net,
        "
        nodes A B
        meet A B
        people B.K A.K
        chain deposited A 100 ETH
        A open B lock 101 ETH          => InsufficientReserve { available: 100 }
        A open B window 59             => WindowOutside { min_s: 60, max_s: 2592000 }
        A open B grant 1 NFT           => NotForUniqueAsset
        A open B ask 1 NFT             => NotForUniqueAsset
        introduce B.K to A
        introduce A.K to B
        A.K open B                     => NotHosted
        B open A.K                     // A doesn't sign for it
        refused A NotHosted
        status B A.K pending
        ",
    );
}

/// An opening of A to B on its way, with what is made of it.
fn forged(change: impl Fn(&Net, &mut PeerMessage)) -> Net {
    let mut net = Net::new();
    play(&mut net, "nodes A B C \n meet A B C \n people A.p \n hold A B \n A open B");
    let mut message = net.links.get_mut(&(0, 1)).and_then(std::collections::VecDeque::pop_front).expect("said");
    change(&net, &mut message);
    let signer = net.people.get("A").signer;
    if let PeerMessage::Frame { frame, proof, .. } = &mut message {
        (proof.frame, proof.by, proof.channel) = (xln_crypto::frame_hash(frame), frame.by, frame.channel);
    }
    let message = net.signed(signer, message);
    let entries = net.nodes[1].inputs.len();
    net.arrive(0, 1, message);
    assert_eq!(net.nodes[1].inputs.len(), entries, "refused at the door, so it isn't logged");
    net
}

/// CH-6, CH-7, N-5: an opening that isn't what it says is refused at the door, typed.
#[test]
fn a_forged_opening_is_refused_at_the_door() {
    type Change = fn(&Net, &mut PeerMessage);
    let cases: [(Change, &str); 10] = [
        (|_, message| intro(message).clear(), "UnknownChannel"),
        (|net, message| *intro(message) = vec![Board::single(net.people.get("C").signer, 0)], "NotAuthorized"),
        (|net, message| *intro(message) = vec![Board::single(net.people.get("A").signer, 1)], "MalformedFrame"),
        (|net, message| *intro(message) = vec![Board::single(net.people.get("B").signer, 0)], "NotHere"),
        (|_, message| frame(message).channel.0[0] ^= 1, "MalformedFrame"),
        (|_, message| frame(message).by = frame(message).by.other(), "MalformedFrame"),
        (|_, message| frame(message).height = 2, "MalformedFrame"),
        (|_, message| frame(message).previous = Hash([1; 32]), "MalformedFrame"),
        (|_, message| frame(message).state = Hash([1; 32]), "StateMismatch"),
        (
            |net, message| {
                if let [FrameTx::Open { peer, .. }] = frame(message).txs.as_mut_slice() {
                    *peer = net.people.entity("C");
                }
            },
            "NotHere",
        ),
    ];
    for (change, expected) in cases {
        let net = forged(change);
        let refused: Vec<_> = net.nodes[1].refused.iter().map(|why| format!("{why:?}").replace(" {}", "")).collect();
        assert_eq!(refused, [expected]);
        assert_eq!(net.nodes[1].server.channels().len(), 0);
    }
}

fn frame(message: &mut PeerMessage) -> &mut xln_types::Frame {
    let PeerMessage::Frame { frame, .. } = message else { panic!("a frame") };
    frame
}

fn intro(message: &mut PeerMessage) -> &mut Vec<Board> {
    let PeerMessage::Frame { intro, .. } = message else { panic!("a frame") };
    intro
}

/// N-5: an entity doesn't move: what comes from another node than it acts on is refused, before and after the opening.
#[test]
fn a_channel_is_spoken_for_by_one_node() {
    let mut net = Net::new();
    play(&mut net, "nodes A B C \n meet A B C \n hold A B \n A open B");
    let opening = net.links[&(0, 1)].front().cloned().expect("said");
    net.arrive(2, 1, opening);
    assert_eq!(net.nodes[1].refused, [Rejection::NotHere {}]);
    play(&mut net, "flow \n B credit A 5 USD \n hold A B \n A pay B 1 USD");
    let payment = net.links[&(0, 1)].front().cloned().expect("said");
    net.arrive(2, 1, payment.clone());
    assert_eq!(net.nodes[1].refused.last(), Some(&Rejection::NotAPeer {}));
    // And by one key.
    let other = net.people.add("A.z").signer;
    let resigned = net.signed(other, payment);
    net.arrive(0, 1, resigned);
    assert_eq!(net.nodes[1].refused.last(), Some(&Rejection::NotAuthorized {}));
    end(&mut net);
}

//! What two sides agree on besides money (**CH-7**, **CH-16**), and what they may not sign (**CH-9**).

use super::net::Net;
use super::script::{both, check, end, play};
use xln_types::codec::Blob;
use xln_types::{Event, FrameTx, PeerMessage, Rejection};

/// CH-7, TX-1: a window changes once both sides have asked for the same; a mailbox is its side's own.
#[test]
fn a_window_changes_by_both_sides() {
    both(
        "
        nodes A B
        meet A B
        A open B
        window A B 86400
        A window B 7200 mailbox 3
        window A B 86400
        B window A 3600
        window B A 86400
        A window B 3600
        window A B 3600
        window B A 3600
        A window B 0 mailbox 4
        A window B 59                  => WindowOutside { min_s: 60, max_s: 2592000 }
        B window A 3600 mailbox 9
        window A B 3600
        A window C 3600                => UnknownChannel
        ",
    );
    check(
        "
        nodes A
        people A.p
        A.p open A
        A.p window A 7200
        window A A.p 86400
        A window A.p 7200 mailbox 1
        window A A.p 7200
        A window A.p 2592001           => WindowOutside { min_s: 60, max_s: 2592000 }
        people A.q
        A open A.q
        A window A.q 7200              => ChannelNotOpen { status: 0 }
        ",
    );
}

/// CH-8: an update stands alone: what is drafted after it waits, and follows.
#[test]
fn an_update_stands_alone() {
    both(
        "
        nodes A B
        meet A B
        A open B
        B credit A 100 USD
        hold B A
        A pay B 1 USD
        A window B 7200
        A pay B 2 USD
        waiting A B 3
        flow
        waiting A B 0
        share B A USD 3
        ",
    );
}

/// CH-9: two frames of one side on one: the second is refused and kept, with an alarm, once.
#[test]
fn an_equivocation_raises_an_alarm_once() {
    let mut net = Net::new();
    play(&mut net, "nodes A B \n meet A B \n A open B \n B credit A 100 USD \n hold A B \n A pay B 1 USD");
    let message = net.links[&(0, 1)].front().cloned().expect("said");
    play(&mut net, "flow");
    let mut rival = message;
    if let PeerMessage::Frame { frame, proof, .. } = &mut rival {
        if let [FrameTx::Pay { memo, .. }] = frame.txs.as_mut_slice() {
            *memo = Blob(vec![1]);
        }
        proof.frame = xln_crypto::frame_hash(frame);
    }
    let rival = net.signed(net.people.get("A").signer, rival);
    net.arrive(0, 1, rival.clone());
    net.arrive(0, 1, rival);
    let logs = &net.nodes[1].receipts.last().expect("one").logs;
    assert!(matches!(logs.as_slice(), [Event::Alarm { .. }]), "{logs:?}");
    assert_eq!(net.nodes[1].refused, [Rejection::Equivocation {}]);
    play(&mut net, "A pay B 2 USD \n share B A USD 3");
    end(&mut net);
}

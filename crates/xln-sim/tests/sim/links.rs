//! Each fault of a link does what its name says, and no other harm: shown on numbered greetings.

use xln_sim::chatter::Chatter;
use xln_sim::dice::Dice;
use xln_sim::fault::Fault;
use xln_sim::network::Network;

struct Talk {
    chatter: Chatter,
    network: Network,
}

/// Two nodes greet each other a thousand times; then all faults end, and each greets once more.
fn talk(fault: Fault) -> Talk {
    let mut talk = Talk { chatter: Chatter::default(), network: Network::new(Dice::new(7), &[fault]) };
    let hear = |talk: &mut Talk, now_ms| {
        for message in talk.network.arrived(now_ms) {
            talk.chatter.hear(&message).expect("a message that was sent");
        }
    };
    for now_ms in 0..10_000 {
        if now_ms % 2_500 == 100 {
            talk.network.disturb(fault, 2, now_ms);
        }
        if now_ms % 3_000 == 1_500 && fault == Fault::PeerRestart {
            talk.network.restarted(1);
        }
        for (from, to) in [(0, 1), (1, 0)] {
            if now_ms % 4 == 0 {
                talk.chatter.say(&mut talk.network, now_ms, from, to);
            }
        }
        hear(&mut talk, now_ms);
    }
    talk.network.heal();
    for (from, to) in [(0, 1), (1, 0)] {
        talk.chatter.say(&mut talk.network, 20_000, from, to);
    }
    hear(&mut talk, 40_000);
    assert!(talk.network.is_idle() && talk.chatter.is_heard(), "{fault:?}: all is well again");
    talk
}

#[test]
fn each_fault_of_a_link_does_what_its_name_says() {
    use Fault::{
        FrameBitflip, LinkDelay, LinkDrop, LinkDuplicate, LinkOneWay, LinkPartition, LinkReorder, PeerRestart,
        PeerSilent,
    };
    for (fault, [loses, repeats, garbles, overtakes]) in [
        (LinkDrop, [true, false, false, false]),
        (LinkDelay, [false, false, false, false]),
        (LinkReorder, [false, false, false, true]),
        (LinkDuplicate, [false, true, false, true]),
        (LinkPartition, [true, false, false, false]),
        (LinkOneWay, [true, false, false, false]),
        (PeerRestart, [true, false, false, false]),
        (PeerSilent, [false, false, false, false]),
        (FrameBitflip, [true, false, true, false]),
    ] {
        let Talk { chatter, network } = talk(fault);
        assert!(0 < network.counts[&fault] && network.counts.len() == 1, "{fault:?}: {:?}", network.counts);
        let seen = [0 < chatter.lost(), 0 < chatter.repeated, 0 < chatter.garbled, 0 < chatter.overtaken];
        assert_eq!(seen, [loses, repeats, garbles, overtakes], "{fault:?}");
    }
}

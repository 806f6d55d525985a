//! HTLCs by hand, across nodes and in channels of one node (**HT-1**, **HT-2**, **HT-6**).

use super::net::Net;
use super::script::{both, check, end, play};

/// Two parties with credit both ways: over two nodes, and in one.
const PLACES: [(&str, &str, &str); 2] = [
    ("A", "B", "nodes A B \n meet A B \n A open B grant 100 USD \n B credit A 100 USD"),
    ("A", "A.b", "nodes A \n people A.b \n A.b open A grant 100 USD \n A credit A.b 100 USD"),
];

/// Plays a script with X and Y in both places.
fn everywhere(script: &str) {
    for (one, other, before) in PLACES {
        for (x, y) in [(one, other), (other, one)] {
            let word = |word: &str| match word {
                "X" => x.to_owned(),
                "Y" => y.to_owned(),
                _ => word.to_owned(),
            };
            let line = |line: &str| line.split_whitespace().map(word).collect::<Vec<_>>().join(" ");
            let script: Vec<_> = script.lines().map(line).collect();
            let _ = check(&format!("{before}\n{}", script.join("\n")));
        }
    }
}

/// HT-1, HT-2: what is locked is held, and moves with the preimage alone.
#[test]
fn a_preimage_claims_what_is_locked() {
    everywhere(
        "
        X lock Y 30 USD #1
        held X Y USD 30
        out X Y USD 70
        share X Y USD 0
        pending X Y 1
        X pay Y 71 USD                 => InsufficientFunds { available: 70, leg: 0 }
        Y claim X 0 #2                 => WrongPreimage
        Y claim X 1 #1                 => UnknownHtlc
        X claim Y 0 #1                 => UnknownHtlc
        Y claim X 0 #1
        held X Y USD 0
        share X Y USD -30
        share Y X USD 30
        Y claim X 0 #1                 => UnknownHtlc
        Y cancel X 0                   => UnknownHtlc
        outgoing X 0
        outgoing Y 0
        expiries X 0
        ",
    );
}

/// HT-2: its receiver gives it back any time, its payer only once a deep block is past its expiry.
#[test]
fn before_expiry_only_the_receiver_gives_back() {
    everywhere(
        "
        X lock Y 30 USD #1 for 600
        X cancel Y 0 own               => HtlcNotExpired { expires_at_s: 1700000600 }
        Y cancel X 0
        held X Y USD 0
        X lock Y 20 USD #1 for 600
        clock 599
        Y claim X 1 #1                 => HtlcExpired { now_s: 1700000599 }
        clock 1
        X cancel Y 1 own               => HtlcNotExpired { expires_at_s: 1700000600 }
        chain time -1                  // deep, and not past it
        held X Y USD 20
        X cancel Y 1 own               => HtlcNotExpired { expires_at_s: 1700000600 }
        chain time 0
        held X Y USD 0
        share X Y USD 0
        out X Y USD 100
        outgoing X 0
        expiries X 0
        ",
    );
}

/// HT-2: two equal HTLCs are two; a number is never used twice.
#[test]
fn two_equal_htlcs_are_two() {
    everywhere(
        "
        X lock Y 10 USD #1
        X lock Y 10 USD #1
        pending X Y 2
        held X Y USD 20
        Y claim X 1 #1
        pending X Y 1
        held X Y USD 10
        Y cancel X 0
        X lock Y 10 USD #1
        Y claim X 0 #1                 => UnknownHtlc
        Y claim X 2 #1
        share Y X USD 20
        Y lock X 10 USD #1
        X claim Y 0 #1
        share Y X USD 10
        ",
    );
}

/// HT-1, HT-6, CH-1: what can't be locked, and why.
#[test]
fn what_cannot_be_locked_is_refused() {
    everywhere(
        "
        X lock Y 0 USD #1              => AmountNotPositive
        X lock Y 101 USD #1            => InsufficientFunds { available: 100, leg: 0 }
        X lock Y 1 ETH #1              => UnknownAsset
        X lock Y 1 USD #1 for 0        => ExpiryOutside { from_s: 1700000001, until_s: 1700604800 }
        X lock Y 1 USD #1 for 604801   => ExpiryOutside { from_s: 1700000001, until_s: 1700604800 }
        X lock Y 1 USD #1 onion 3      => MalformedBody
        X lock Y 1 USD #1 for 604800
        Y cancel X 0
        X update policy USD cap 9
        X lock Y 10 USD #1             => LimitExceeded { available: 9, leg: 0 }
        pending X Y 0
        ",
    );
}

/// HT-6: 64 a side, and no more.
#[test]
fn sixty_four_htlcs_a_side() {
    for (x, y, before) in PLACES {
        let mut net = Net::new();
        play(&mut net, before);
        net.careful = false;
        for id in 0..64 {
            play(&mut net, &format!("{x} lock {y} 1 USD #1 \n {y} lock {x} 1 USD #{id}"));
        }
        net.careful = true;
        play(
            &mut net,
            &format!(
                "{x} lock {y} 1 USD #1 => TooManyHtlcs {{ limit: 64 }}
                {y} lock {x} 1 USD #1 => TooManyHtlcs {{ limit: 64 }}
                pending {x} {y} 64
                {x} claim {y} 9 #9
                {x} cancel {y} 10
                pending {y} {x} 62
                {y} lock {x} 1 USD #1
                clock 600
                chain time 0
                pending {x} {y} 0
                pending {y} {x} 0
                outgoing {x} 0
                held {x} {y} USD 0"
            ),
        );
        end(&mut net);
    }
}

/// HT-2, CH-8: while a claim is on its way the money is neither here nor there; events come once.
#[test]
fn events_of_an_htlc_come_once() {
    both(
        "
        nodes A B
        meet A B
        A open B
        B credit A 100 USD
        told A
        told B
        A lock B 5 USD #1
        A lock B 6 USD #2 for 60
        A lock B 7 USD #3
        told A locked 5, locked 6, locked 7
        told B locked 5, locked 6, locked 7
        hold B A
        B claim A 0 #1
        B cancel A 2
        told B
        held A B USD 18
        flow
        told A claimed, returned:0:NotAuthorized
        told B claimed, returned:0:NotAuthorized
        clock 60
        chain time 0
        told A returned:0:DeadlinePassed
        told B returned:0:DeadlinePassed
        outgoing A 0
        expiries A 0
        ",
    );
}

/// HT-2: what was locked for a silent node stays locked until that node answers, however late it is.
#[test]
fn a_silent_node_keeps_what_was_locked_for_it() {
    both(
        "
        nodes A B
        meet A B
        A open B
        B credit A 100 USD
        A lock B 5 USD #1 for 60
        hold A B
        A lock B 7 USD #2 for 60
        clock 100
        chain time 0
        held A B USD 5
        exposed A USD 5                // of what is promised, both end
        told A locked 5
        pending A B 1
        ",
    );
}

/// CH-6: an HTLC that crossed and doesn't fit any more never was.
#[test]
fn a_lock_that_no_longer_fits_never_was() {
    both(
        "
        nodes A B
        meet A B
        A open B
        B credit A 10 USD
        hold A B
        hold B A
        A lock B 10 USD #1
        B credit A 3 USD
        flow
        ",
    );
}

/// CH-11: nothing is locked before the channel is open; a stranger has no part in it.
#[test]
fn only_the_sides_of_an_open_channel_lock() {
    check(
        "
        nodes A B
        people A.p
        meet A B
        A open B ask 5 USD
        A lock B 1 USD #1              => ChannelNotOpen { status: 0 }
        B accept A grant 5 USD
        A.p lock B 1 USD #1            => UnknownChannel
        A lock B 1 USD #1
        A.p cancel B 0                 => UnknownChannel
        B cancel A 0
        ",
    );
}

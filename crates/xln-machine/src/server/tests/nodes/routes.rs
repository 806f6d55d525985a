//! Payments over given routes (**HT-3**, **HT-4**): through one hub and through many; every failure comes back with its hop and its reason.

use super::net::Net;
use super::script::{check, end, play};
use xln_types::{Amount, Failure, Rejection};

/// Three hubs in a row, a person at each end; every hub asks 2 and 1 %.
pub(super) const ROW: &str = "
    nodes A B C
    people A.p C.q
    meet A B C
    A update policy USD base 2 ppm 10000
    B update policy USD base 2 ppm 10000
    C update policy USD base 2 ppm 10000
    A.p open A grant 1000 USD
    A credit A.p 1000 USD
    A open B
    B credit A 1000 USD
    B open C
    C credit B 1000 USD
    C.q open C grant 1000 USD
    C credit C.q 1000 USD
    told A
    told B
    told C
    ";

fn row(script: &str) {
    let _ = check(&format!("{ROW}{script}"));
}

/// HT-4, CH-14: through the one hub of both, at once; the recipient gets exactly the amount.
#[test]
fn a_route_through_one_hub_is_over_at_once() {
    check(
        "
        nodes A
        people A.p A.q
        A update policy USD base 1 ppm 20000
        A.p open A
        A credit A.p 200 USD
        A.q open A grant 200 USD
        A.q invoice 100 USD #1
        A.p send 100 USD #1 to A.q via A+2 => ok
        payment A.p failed:1:FeeTooLow
        A.p send 100 USD #1 to A.q via A+3
        payment A.p succeeded
        told A locked 102, returned:0:FeeTooLow, failed:1:FeeTooLow, locked 103, locked 100, claimed, invoice paid, claimed, ended
        net A USD 3
        net A.q USD 100
        net A.p USD -103
        outgoing A 0
        forwards A 0
        expiries A 0
        invoices A 0
        ",
    );
}

/// HT-4: across three hubs each gets its fee, and the recipient exactly the amount; nothing remains behind.
#[test]
fn a_route_across_three_hubs_pays_each_its_fee() {
    row("
        C.q invoice 300 USD #1
        A.p send 300 USD #1 to C.q via A+6 B+6 C+5
        payment A.p succeeded
        net A.p USD -317
        net C.q USD 300
        net A USD 6
        net B USD 6
        net C USD 5
        told A locked 317, locked 311, claimed, claimed, ended
        told B locked 311, locked 305, claimed, claimed
        told C locked 305, locked 300, claimed, invoice paid, claimed
        outgoing A 0
        outgoing B 0
        outgoing C 0
        forwards A 0
        forwards B 0
        forwards C 0
        payments A 0
        invoices C 0
        exposed A USD 0
        held B A USD 0
        ");
}

/// HT-4: what a hop asks for and doesn't get is said with the hop that asked, and with what it would have taken.
#[test]
fn a_fee_too_low_names_its_hop() {
    let mut net = check(&format!("{ROW} C.q invoice 300 USD #1"));
    // Backwards: C passes on 300 for 5, B 305 for 5.05, A 311 for 5.11: rounded up, each.
    for (fees, hop, expected) in [("A+5 B+6 C+5", 1, 6), ("A+8 B+5 C+5", 2, 6), ("A+8 B+6 C+4", 3, 5)] {
        play(&mut net, &format!("A.p send 300 USD #1 to C.q via {fees}"));
        let failure = net.node("A").server.payments().last().and_then(|payment| payment.failure.first()).cloned();
        let reason = Rejection::FeeTooLow { expected: Amount(expected) };
        assert_eq!(failure, Some(Failure { hop, reason }), "{fees}");
    }
    play(&mut net, "A.p send 300 USD #1 to C.q via A+8 B+6 C+5 \n payment A.p succeeded \n net A USD 8");
    end(&mut net);
}

/// TX-1, HT-4: a route is refused at once for what the payer itself can see.
#[test]
fn a_bad_route_is_refused_at_once() {
    row(
        "
        C.q invoice 300 USD #1
        A.p send 0 USD #1 to C.q via A+5 B+5 C+5            => AmountNotPositive
        A.p send 300 USD #1 to C.q via A+5 B+5 C+5 fee 14   => FeeTooLow { expected: 15 }
        A.p send 300 USD #1 to C.q via A+5 B+5 C+5 fee 16   => FeeNotPayable
        A.p send 300 USD #1 to C.q via A+5 B+5 A+5          => SameEntity
        A.p send 300 USD #1 to A.p via A+5 B+5              => SameEntity
        A.p send 300 USD #1 to C.q via B+5 C+5              => NoRoute
        A.p send 300 USD #1 to C.q via D+5 C+5              => NoRoute
        A.p send 300 ETH #1 to C.q via A+5 B+5 C+5          => UnknownAsset
        A.p send 986 USD #1 to C.q via A+5 B+5 C+5          => InsufficientFunds { available: 985, leg: 0 }
        A.p send 300 USD #1 to C.q via A+5 B+5 C+5 until 2399 => ExpiryOutside { from_s: 1700002400, until_s: 1700604800 }
        A.p send 300 USD #1 to C.q via A+5 B+5 C+5 until 604801 => ExpiryOutside { from_s: 1700002400, until_s: 1700604800 }
        A.p send 300 USD #1 to C.q via A+5 B+5 C+5 memo 257 => TooLarge { limit: 256 }
        A.p update policy USD cap 300
        A.p send 290 USD #1 to C.q via A+5 B+5 C+5          => LimitExceeded { available: 285, leg: 0 }
        payments A 0
        outgoing A 0
        ",
    );
}

/// HT-4: expiries fall by a delta a hop; the recipient keeps time to claim.
#[test]
fn expiries_fall_by_a_delta_a_hop() {
    let mut net = Net::new();
    play(&mut net, ROW);
    play(
        &mut net,
        "
        people C.K
        C.K open C grant 1000 USD
        C credit C.K 1000 USD
        A.p send 100 USD #1 to C.K via A+4 B+4 C+3 until 10000
        payment A.p pending
        ",
    );
    let expiries = |net: &Net, name: &str| -> Vec<u64> {
        let server = &net.node(name).server;
        server.outgoing.values().map(|(expires_at_s, _)| expires_at_s - 1_700_000_000).collect()
    };
    let mut first = expiries(&net, "A");
    first.sort_unstable();
    assert_eq!((first, expiries(&net, "B"), expiries(&net, "C")), (vec![9400, 10_000], vec![8800], vec![8200]));
    // HT-5: who keeps its own key has made the preimage itself.
    play(
        &mut net,
        "
        held C C.K USD 100
        C.K claim C 0 #1
        payment A.p succeeded
        net C.K USD 100
        net C USD 3
        ",
    );
    end(&mut net);
}

/// HT-4: twelve hubs in a row.
#[test]
fn a_route_across_twelve_hubs() {
    let names: Vec<char> = ('A'..='L').collect();
    let mut net = Net::new();
    let row: Vec<_> = names.iter().map(char::to_string).collect();
    play(&mut net, &format!("nodes {}\n people A.p L.q", row.join(" ")));
    net.careful = false;
    for pair in names.windows(2) {
        let (one, other) = (pair[0], pair[1]);
        play(&mut net, &format!("meet {one} {other}\n {one} open {other}\n {other} credit {one} 500 USD"));
    }
    net.careful = true;
    let via: Vec<_> = row.iter().map(|name| format!("{name}+1")).collect();
    play(
        &mut net,
        &format!(
            "A.p open A
            A credit A.p 500 USD
            L.q open L grant 500 USD
            L.q invoice 100 USD #1
            A.p send 100 USD #1 to L.q via {}
            payment A.p succeeded
            net A.p USD -112
            net L.q USD 100
            net F USD 1
            L.q invoice 100 USD #2
            K update policy USD base 2
            A.p send 100 USD #2 to L.q via {}
            payment A.p failed:11:FeeTooLow
            net F USD 1",
            via.join(" "),
            via.join(" ")
        ),
    );
    end(&mut net);
}

/// HT-4, N-4: what is unique crosses without a fee.
#[test]
fn a_unique_asset_crosses_without_a_fee() {
    check(
        "
        nodes A B
        people B.q
        meet A B
        A update policy NFT base 5
        B update policy NFT base 5
        chain deposited A 1 NFT
        chain deposited B 1 NFT
        A open B lock 1 NFT
        chain added A B 1 NFT #1
        B.q open B
        B allocate B.q 1 NFT
        chain added B B.q 1 NFT #1
        B.q invoice 1 NFT #1
        A send 1 NFT #1 to B.q via B+0
        payment A succeeded
        net B.q NFT 1
        net A NFT 0
        ",
    );
}

/// A hub pays by itself, and is paid: the recipient may be a hub of another node, or the payer's own.
#[test]
fn hubs_pay_and_are_paid_by_route() {
    row("
        C invoice 50 USD #1
        A.p send 50 USD #1 to C via A+3 B+3
        payment A.p succeeded
        net C USD 50
        C.q invoice 20 USD #2
        A send 20 USD #2 to C.q via B+3 C+3
        payment A succeeded
        net C.q USD 20
        B invoice 7 USD #3
        A send 7 USD #3 to B
        payment A succeeded
        A invoice 9 USD #4
        A.p send 9 USD #4 to A
        payment A.p succeeded
        C.q invoice 5 USD #5
        C.q send 5 USD #5 to C.q via C+3 => SameEntity
        ");
}

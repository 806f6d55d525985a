//! Payments over routes that fail (**HT-3**): each unwinds with reason and hop, and only once nobody can claim any more.

use super::net::Net;
use super::routes::ROW;
use super::script::{check, end, play};

fn row(script: &str) {
    let _ = check(&format!("{ROW}{script}"));
}

/// What a script leaves behind at each node of the row: nothing.
const NOTHING_LEFT: &str = "
    outgoing A 0
    outgoing B 0
    outgoing C 0
    expiries A 0
    expiries B 0
    expiries C 0
    forwards A 0
    forwards B 0
    forwards C 0
    payments A 0
    held A.p A USD 0
    held A B USD 0
    held B C USD 0
    held C C.q USD 0
    exposed A USD 0
    exposed B USD 0
    exposed C USD 0
    alarms A 0
    alarms B 0
    alarms C 0
    ";

/// HT-3: the reason and the hop come back from wherever it fails.
#[test]
fn every_hop_says_why() {
    let cases = [
        // The recipient didn't ask, asked for something else, was paid already, or asked too long ago.
        ("", "failed:4:InvoiceUnpayable"),
        ("C.q invoice 301 USD #1", "failed:4:InvoiceUnpayable"),
        ("C.q invoice 299 USD #1", "failed:4:InvoiceUnpayable"),
        ("C.q invoice 300 ETH #1", "failed:4:InvoiceUnpayable"),
        ("C.q invoice 300 USD #2", "failed:4:InvoiceUnpayable"),
        ("C.q invoice 300 USD #1 for 10 \n clock 11", "failed:4:InvoiceUnpayable"),
        ("C.q invoice 300 USD #1 for 10 \n clock 11 \n chain time 0", "failed:4:InvoiceUnpayable"),
        // A hub can't, or won't.
        ("C.q credit C 299 USD", "failed:3:InsufficientFunds"),
        ("C update policy USD base 6", "failed:3:FeeTooLow"),
        ("C update policy USD cap 299", "failed:3:LimitExceeded"),
        ("C credit B 304 USD", "failed:2:InsufficientFunds"),
        ("B update policy USD cap 304", "failed:2:LimitExceeded"),
        ("B credit A 310 USD", "failed:1:InsufficientFunds"),
        ("A update policy USD cap 310", "failed:1:LimitExceeded"),
    ];
    for (before, expected) in cases {
        row(&format!(
            "
            {before}
            told A
            A.p send 300 USD #1 to C.q via A+6 B+6 C+5
            payment A.p {expected}
            net A.p USD 0
            net C.q USD 0
            {NOTHING_LEFT}
            "
        ));
    }
}

/// HT-3, HT-4: a route that a hub can't follow: unknown, unconnected, back where it came from, or too late.
#[test]
fn a_route_that_leads_nowhere_fails_where_it_ends() {
    row(&format!(
        "
        people C.r
        A.p send 300 USD #1 to C.r via A+6 B+6 C+5
        payment A.p failed:3:NoRoute
        A.p send 300 USD #1 to C.q via A+6 C+5
        payment A.p failed:1:NoRoute
        A.p send 300 USD #1 to X via A+6 B+6 C+5
        payment A.p failed:3:NoRoute
        A.p send 300 USD #1 to C via A+6 C.q+5
        payment A.p failed:1:NoRoute
        {NOTHING_LEFT}
        "
    ));
}

/// An invoice is paid once, whoever tries again and when.
#[test]
fn an_invoice_is_paid_once() {
    row(&format!(
        "
        C.q invoice 10 USD #1
        C.q invoice 10 USD #1          => AlreadyExists
        A.p send 10 USD #1 to C.q via A+3 B+3 C+3
        payment A.p succeeded
        A.p send 10 USD #1 to C.q via A+3 B+3 C+3
        payment A.p failed:4:InvoiceUnpayable
        C invoice 10 USD #2
        hold C B
        A.p send 10 USD #2 to C via A+3 B+3
        A.p send 10 USD #2 to C via A+3 B+3
        flow
        net C USD 13
        net A.p USD -35
        C.q invoice 0 USD #3           => AmountNotPositive
        C.q invoice 1 EUR #3           => UnknownAsset
        C.q invoice 1 USD #3 for 0     => ExpiryOutside {{ from_s: 1700000001, until_s: 1702592000 }}
        C.q invoice 1 USD #3 as C      => NotAuthorized
        {NOTHING_LEFT}
        "
    ));
}

/// HT-3: a hub in the middle falls silent: nothing is given back before its expiry, and then only what can't be claimed any more.
#[test]
fn a_silent_hub_in_the_middle() {
    row(&format!(
        "
        C.q invoice 10 USD #1
        hold B C
        A.p send 10 USD #1 to C.q via A+3 B+3 C+3
        payment A.p pending
        clock 1300
        chain time 0                   // past what B locked for C
        payment A.p pending            // it is in the hands of C, which says nothing
        held A.p A USD 19
        held A B USD 16
        payments A 1
        flow
        hop A.p 3
        net A.p USD 0
        {NOTHING_LEFT}
        "
    ));
}

/// HT-3: a hub falls silent after it has passed on: its answer, however late, ends it for all.
#[test]
fn a_hub_that_is_silent_after_it_has_passed_on() {
    row(&format!(
        "
        C.q invoice 10 USD #1
        hold C B
        A.p send 10 USD #1 to C.q via A+3 B+3 C+3
        payment A.p pending
        told C locked 13, locked 10, claimed, invoice paid
        net C.q USD 10
        clock 100
        chain time 0
        payment A.p pending
        flow
        payment A.p succeeded
        net C USD 3
        {NOTHING_LEFT}
        "
    ));
}

/// HT-3: the first hub never hears of it: the payer's own node takes it back once both know of it.
#[test]
fn a_payment_that_never_left_ends_when_the_line_is_back() {
    row(&format!(
        "
        C.q invoice 10 USD #1
        hold A B
        A.p send 10 USD #1 to C.q via A+3 B+3 C+3
        lose A B
        clock 2500
        chain time 0
        payment A.p pending
        reconnect A B
        flow
        hop A.p 2
        net A.p USD 0
        {NOTHING_LEFT}
        "
    ));
}

/// HT-2: a recipient who keeps its own key and doesn't claim: deep time gives back, hop by hop.
#[test]
fn what_nobody_claims_comes_back_hop_by_hop() {
    let mut net = Net::new();
    play(&mut net, ROW);
    play(
        &mut net,
        &format!(
            "
            people C.K
            C.K open C grant 1000 USD
            A.p send 10 USD #1 to C.K via A+3 B+3 C+3
            payment A.p pending
            forwards A 1
            forwards B 1
            forwards C 1
            clock 599
            chain time 0
            payment A.p pending
            clock 1
            C cancel B 0               => NotEmpty
            chain time 0
            payment A.p failed:4:DeadlinePassed
            C.K claim C 0 #1           => UnknownHtlc
            {NOTHING_LEFT}
            "
        ),
    );
    end(&mut net);
}

/// HT-2, HT-3: the payer's side takes back an expired HTLC while the hub's own still waits further down: the hub forgets it, and what
/// comes from below changes nothing any more.
#[test]
fn a_payer_takes_back_past_a_hub_that_waits() {
    row(&format!(
        "
        C.q invoice 10 USD #1
        hold B C
        A.p send 10 USD #1 to C.q via A+3 B+3 C+3
        forwards B 1
        lag B
        clock 2500
        chain time 0                   // A takes back what it locked for B
        forwards B 0
        told B locked 16, returned:0:DeadlinePassed
        payment A.p failed:2:DeadlinePassed
        flow
        catch B
        {NOTHING_LEFT}
        "
    ));
}

/// CH-6, HT-3: a lock that crossed a lowered grant is dropped by its hub, which gives back with itself as the hop.
#[test]
fn a_dropped_lock_is_given_back_by_who_dropped_it() {
    let mut net = Net::new();
    play(&mut net, ROW);
    play(
        &mut net,
        "
        C.q invoice 300 USD #1
        hold B C
        hold C B
        A.p send 300 USD #1 to C.q via A+6 B+6 C+5
        C credit B 1 USD
        flow
        ",
    );
    // B's lock stands where B is left; else it is dropped, released, and given back.
    let dropped = net.people.entity("C") < net.people.entity("B");
    let expected = if dropped { "failed:2:InsufficientFunds" } else { "succeeded" };
    play(&mut net, &format!("payment A.p {expected} \n {NOTHING_LEFT}"));
    end(&mut net);
}

/// HT-2, HT-7: a claim that couldn't leave in time is dropped with an alarm, and its invoice is paid by nobody any more.
#[test]
fn a_claim_that_is_too_late_ends_its_invoice() {
    row("
        C invoice 10 USD #1
        busy C
        A.p send 10 USD #1 to C via A+3 B+3
        payment A.p pending
        invoices C 1
        clock 571                      // half a minute before C's expiry
        free-hands C
        told C locked 10, alarm
        invoices C 0
        payment A.p pending
        clock 29
        chain time 0
        payment A.p failed:3:DeadlinePassed
        C invoice 10 USD #1
        A.p send 10 USD #1 to C via A+3 B+3
        payment A.p succeeded
        ");
}

/// An invoice that nobody paid ends with its time, one that is being claimed doesn't.
#[test]
fn invoices_end_with_their_time() {
    row("
        C invoice 10 USD #1 for 60
        C invoice 10 USD #2 for 60
        C invoice 10 USD #3 for 100
        hold C B
        A.p send 10 USD #1 to C via A+3 B+3
        clock 61
        chain time 0
        invoices C 2
        flow
        payment A.p succeeded
        invoices C 1
        told C locked 10, invoice paid, claimed
        ");
}

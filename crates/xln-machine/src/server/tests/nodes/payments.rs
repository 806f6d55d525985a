//! Direct payments between nodes (**CH-2**, **CH-4**, **CH-8**, **CH-9**).

use super::script::both;

/// CH-4: receiving needs no capital, from node to node; a payment is told once it is final, on both sides.
#[test]
fn credit_lets_another_node_pay_before_any_collateral() {
    both(
        "
        nodes A B
        meet A B
        A open B
        B credit A 500 USD
        status A B open
        status B A open
        out A B USD 500
        A pay B 500 USD
        share B A USD 500
        owed A USD 500
        told A paid 500, ended
        told B paid 500
        A pay B 1 USD                  => InsufficientFunds { available: 0, leg: 0 }
        B pay A 501 USD                => InsufficientFunds { available: 500, leg: 0 }
        B pay A 500 USD
        share B A USD 0
        owed A USD 0
        ",
    );
}

/// CH-6, CH-8: payments both ways add up, whoever is left; one that is on its way is told only once it is acknowledged.
#[test]
fn a_payment_is_told_once_it_is_acknowledged() {
    both(
        "
        nodes A B
        meet A B
        A open B grant 100 USD
        B credit A 100 USD
        told A
        told B
        hold B A                       // B's acknowledgement waits
        A pay B 30 USD memo 3
        told A
        told B paid 30
        share B A USD 30
        share A B USD 0                // of the head
        out A B USD 70                 // of what was promised
        waiting A B 1
        flow B A
        told A paid 30, ended
        B pay A 10 USD
        told B paid 10, ended
        told A paid 10
        share A B USD -20
        out B A USD 120
        ",
    );
}

/// CH-8, CH-16: proposals stack while the other side is idle, and all count at once when it answers.
#[test]
fn payments_stack_while_the_other_side_is_silent() {
    both(
        "
        nodes A B
        meet A B
        A open B
        B credit A 100 USD
        hold A B
        A pay B 30 USD
        A pay B 30 USD
        A pay B 30 USD
        A pay B 30 USD                 => InsufficientFunds { available: 10, leg: 0 }
        exposed A USD 90
        owed A USD 0
        waiting A B 3
        lose A B
        reconnect A B
        flow
        exposed A USD 0
        owed A USD 90
        told A paid 30, ended, paid 30, ended, paid 30, ended
        told B paid 30, paid 30, paid 30
        height A B 5
        height B A 5
        ",
    );
}

/// CH-9: when both speak at once left's frame stands first, and right's payments come after it, each once.
#[test]
fn payments_that_cross_both_arrive() {
    both(
        "
        nodes A B
        meet A B
        A open B grant 100 USD
        B credit A 100 USD
        told A
        told B
        hold A B
        hold B A
        A pay B 5 USD
        A pay B 6 USD
        B pay A 7 USD
        B pay A 8 USD
        told A
        told B
        flow
        share A B USD 4
        waiting A B 0
        waiting B A 0
        ",
    );
}

/// CH-6: what crossed and doesn't fit any more ends, and says why; nothing of it remains.
#[test]
fn a_payment_that_no_longer_fits_ends() {
    both(
        "
        nodes A B
        meet A B
        A open B
        B credit A 10 USD
        A open B                       => AlreadyExists
        hold A B
        hold B A
        A pay B 10 USD
        B credit A 3 USD               // lowered meanwhile
        flow
        mine B A USD 3
        waiting A B 0
        exposed A USD 0
        payments A 0
        ",
    );
}

/// CH-14: past another node no payment goes without a route; nobody there acts here.
#[test]
fn another_nodes_entity_is_no_hop_of_a_hub_payment() {
    both(
        "
        nodes A B
        meet A B
        people A.p B.q
        introduce B.q to A
        A open B grant 9 USD
        A.p open A
        A credit A.p 100 USD
        B credit A 100 USD
        A.p pay B 5 USD                => NoRoute
        A.p pay B.q 5 USD              => NoRoute
        A pay B.q 5 USD                => NoRoute
        ",
    );
}

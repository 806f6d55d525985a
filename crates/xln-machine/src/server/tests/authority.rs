//! Who may act for whom, and when (**TX-2**, **TX-3**, **EN-1**). A transaction whose turn hasn't come, or whose signature speaks for
//! somebody else, uses no nonce up; one whose turn has come does, executed or rejected.

use super::hub::{Hub, account, entity, signer};
use super::script::{check, play};
use crate::server::Input;
use xln_types::Rejection;
use xln_types::codec::Blob;
use xln_types::entry::{Authority, Command};
use xln_types::tx::{self, Body};

/// EN-1: an account acts for the hosted signers that it owns, a key for itself; nobody for another, and none of it uses a nonce.
#[test]
fn nobody_acts_for_another() {
    check(
        "
        entities a b K
        a open hub grant 9 ETH as b        => NotAuthorized
        a open hub grant 9 ETH by b        => NotAuthorized
        a open hub grant 9 ETH by z        => NotAuthorized
        a open hub grant 9 ETH as K        => NotAuthorized
        a create salt 1 as b               => NotAuthorized
        a create salt 1 by b               => NotAuthorized
        hub open a as a                    => NotAuthorized
        nonce a 0
        nonce hub 0
        a open hub by a                    // a hosted key that signed is the signer's own word
        nonce a 1
        ",
    );
}

/// EN-1: the account that registered a self-custody signer owns it and still can't act for it: that takes the key.
#[test]
fn a_self_custody_signer_is_acted_for_by_its_key_alone() {
    check(
        "
        entities a K
        K open hub as K                    => NotHosted
        K create salt 1 as K               => NotHosted
        K open hub as a                    => NotAuthorized
        nonce K 0
        K open hub by K
        K create salt 1 by K
        nonce K 1
        ",
    );
}

/// TX-2: a repeat and a gap are refused with the nonce that would have been taken, and use none.
#[test]
fn a_nonce_out_of_turn_uses_none() {
    check(
        "
        entities a
        a open hub
        a credit hub 1 ETH nonce -1        => WrongNonce { expected: 1 }
        a credit hub 1 ETH nonce +1        => WrongNonce { expected: 1 }
        a credit hub 1 ETH nonce 1000000   => WrongNonce { expected: 1 }
        nonce a 1
        a create salt 1 nonce -1           => WrongNonce { expected: 1 }
        a create salt 1 nonce 1            => WrongNonce { expected: 1 }
        a create salt 1
        a credit hub 1 ETH
        nonce a 2
        ",
    );
}

/// TX-2: a transaction made too long before or after the hub's time is refused with that time, and uses its nonce up.
#[test]
fn a_timestamp_outside_the_window_uses_its_nonce_up() {
    check(
        "
        entities a
        a open hub skew -301               => TimestampOutside { now_s: 1700000000 }
        a open hub skew 301                => TimestampOutside { now_s: 1700000000 }
        nonce a 2
        a open hub grant 1 ETH skew -300
        a credit hub 2 ETH skew 300
        clock 7
        a create salt 1 skew 301           => TimestampOutside { now_s: 1700000007 }
        a create salt 1 skew 300
        ",
    );
}

/// TX-2, TX-5: what is rejected in its turn uses its nonce up, whatever it is; what has no turn uses none.
#[test]
fn a_rejected_transaction_uses_its_nonce_up() {
    check(
        "
        entities a
        a pay a 1 ETH                      => SameEntity
        a withdraw 1 ETH                   => InsufficientReserve { available: 0 }
        a open hub window 1                => WindowOutside { min_s: 60, max_s: 2592000 }
        nonce a 3
        z pay a 1 ETH                      => UnknownSender
        z create                           => UnknownSender
        nonce z none
        ",
    );
}

/// TX-2: sequences are gapless, times never go back, and the same clock may serve many inputs.
#[test]
fn inputs_are_numbered_without_gaps() {
    let mut hub = check("entities a");
    assert_eq!((hub.server.sequence(), hub.server.now_ms()), (2, hub.now_ms));
    hub.now_ms += 250;
    play(&mut hub, "a pay a 1 ETH => SameEntity");
    let receipt = hub.register("b");
    assert_eq!((receipt.sequence, receipt.executed_at_ms), (4, hub.now_ms));
    assert_eq!((hub.server.sequence(), hub.server.now_ms()), (4, hub.now_ms));
}

/// EN-1, TX-2: what doesn't speak for its sender is known at the door, before it takes a place in a mempool.
#[test]
fn who_speaks_for_a_sender_is_known_beforehand() {
    let hub = check("entities a b K");
    let body: Body = tx::DeleteEntity { entity: entity("a") }.into();
    let checked = |from: &str, authority| hub.server.admits(entity(from).address(), &body, authority);
    let (by_account, by_key) = (
        |name: &str| Authority::Account { account: account(name) },
        |name: &str| Authority::Signer { signer: signer(name) },
    );
    assert_eq!(checked("a", by_account("a")), Ok(()));
    assert_eq!(checked("K", by_key("K")), Ok(()));
    assert_eq!(checked("a", by_account("b")), Err(Rejection::NotAuthorized {}));
    assert_eq!(checked("a", by_key("b")), Err(Rejection::NotAuthorized {}));
    assert_eq!(checked("K", by_account("K")), Err(Rejection::NotHosted {}));
    assert_eq!(checked("z", by_key("z")), Err(Rejection::UnknownSender {}));
}

/// EN-1: the account that a signer was registered with owns it, not the address of its key.
#[test]
fn a_signer_belongs_to_the_account_that_registered_it() {
    let mut hub = Hub::new();
    let (signer, owner) = (signer("a"), account("b"));
    let (public_key, metadata) = (Blob(vec![2; 33]), Blob::default());
    let command = Command::RegisterSigner { signer, public_key, owner, hosted: 1, metadata };
    assert!(hub.apply(&Input::Command(command)).is_executed());
    play(&mut hub, "a create => NotAuthorized \n a create as b \n a open hub => NotAuthorized \n a open hub as b");
}

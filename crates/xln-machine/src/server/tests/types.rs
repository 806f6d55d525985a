//! **TX-1**: every type of transaction that has a machine is taken, and every other refused as not available.

use super::hub::{Envelope, Hub, channel, entity, signer};
use super::script::check;
use xln_types::codec::Blob;
use xln_types::tx::{self, Body, TxType};
use xln_types::{Amount, Hash, Rejection, Side};

/// A body of each type that has no machine yet.
fn later(hub: &Hub) -> Vec<Body> {
    let (key, hash, channel, asset) = (Hash([1; 32]), Hash([2; 32]), channel("a", "hub"), hub.asset("ETH"));
    let (amount, valid_until_s, expires_at_s) = (Amount(1), hub.now_s() + 600, hub.now_s() + 600);
    vec![
        tx::GrantSession { key, scope: 1, expires_at_s, limits: vec![] }.into(),
        tx::RevokeSession { key }.into(),
        tx::CloseChannel { channel, valid_until_s }.into(),
        tx::Settle { channel, diffs: vec![], valid_until_s }.into(),
        tx::Dispute { channel }.into(),
        tx::ListAsset { asset }.into(),
        tx::CollateralFact { block_hash: hash, log_index: 0, asset, side: Side::Left, amount }.into(),
        tx::Resume { nonce: 1 }.into(),
        tx::CreateProposal { action: TxType::Withdraw, data: Blob::default(), expires_at_s }.into(),
        tx::VoteProposal { proposal: hash, support: 1 }.into(),
        tx::ExecuteProposal { proposal: hash }.into(),
    ]
}

/// TX-1: what has no machine yet is refused as not available, in its turn and without a trace.
#[test]
fn types_without_a_machine_are_not_available() {
    let mut hub = check("entities a \n a open hub grant 9 ETH");
    let later = later(&hub);
    for body in &later {
        let receipt = hub.call(&Envelope::new("a", "hub"), body);
        assert_eq!(receipt.rejection(), Some(&Rejection::NotAvailable {}), "{}", body.kind().name());
    }
    assert_eq!(hub.server.next_nonce(entity("a").address()), Some(1 + later.len() as u64), "TX-2");
}

/// TX-1: the types that have a machine and those that don't are all that there are.
#[test]
fn every_type_is_taken_or_not_available() {
    const TAKEN: [TxType; 16] = [
        TxType::CreateEntity,
        TxType::UpdateEntity,
        TxType::DeleteEntity,
        TxType::OpenChannel,
        TxType::SetCredit,
        TxType::AcceptChannel,
        TxType::DirectPayment,
        TxType::Deposit,
        TxType::Withdraw,
        TxType::Allocate,
        TxType::Deallocate,
        TxType::UpdateChannel,
        TxType::HtlcCreate,
        TxType::HtlcFulfill,
        TxType::HtlcCancel,
        TxType::BatchPayment,
    ];
    let hub = check(
        "
        entities a b
        a create salt 1
        a update metadata 1
        a open b grant 9 ETH
        b accept a
        a credit b 8 ETH
        b pay a 8 ETH
        a deposit 1 ETH
        chain deposited a 9 ETH
        a withdraw 1 ETH
        a allocate b 8 ETH
        chain added a b 8 ETH #3
        a deallocate b 8 ETH
        a1 delete
        ",
    );
    let mut all: Vec<TxType> = later(&hub).iter().map(Body::kind).chain(TAKEN).collect();
    all.sort();
    assert_eq!(all, TxType::ALL);
}

/// TX-2: a fee is paid by payments alone.
#[test]
fn only_a_payment_has_a_fee() {
    let mut hub = check("entities a \n a open hub grant 9 ETH");
    for body in later(&hub) {
        let envelope = Envelope { fee: Amount(1), ..Envelope::new("a", "hub") };
        assert_eq!(hub.call(&envelope, &body).rejection(), Some(&Rejection::FeeNotPayable {}), "{:?}", body.kind());
    }
}

/// TX-1: a CREATE_ENTITY names a signer as its sender and every other type an entity; neither is taken for the other.
#[test]
fn senders_are_signers_or_entities_by_type() {
    let mut hub = check("entities a");
    let create: Body = tx::CreateEntity { threshold: 1, members: vec![], salt: 1, metadata: Blob::default() }.into();
    let as_entity = Envelope::new("a", "");
    assert_eq!(hub.call(&as_entity, &create).rejection(), Some(&Rejection::UnknownSender {}));
    let as_signer = Envelope { from: signer("a").address(), ..as_entity };
    let delete: Body = tx::DeleteEntity { entity: entity("a") }.into();
    assert_eq!(hub.call(&as_signer, &delete).rejection(), Some(&Rejection::UnknownSender {}));
    assert_eq!(hub.call(&as_entity, &delete).rejection(), None);
}

use super::apply::{POLICIES_MAX, PPM_MAX};
use super::*;
use crate::machine::{At, Machine};
use xln_types::board::Member;
use xln_types::codec::Blob;
use xln_types::tx::{AssetPolicy, METADATA_BYTES_MAX};
use xln_types::{AMOUNT_MAX, Amount, AssetId, Authority, Board, EntityId, Path, Rejection, SignerId};

const AT: At = At { now_ms: 0, sequence: 1 };

fn entity(board: Board) -> Entity {
    let record = EntityRecord {
        id: EntityId([1; 32]),
        signer: SignerId([2; 20]),
        board,
        nonce: 0,
        channels: 0,
        channels_open: 0,
        accepts_free: 0,
        created_s: 0,
    };
    Entity { record, metadata: Blob::default(), policies: Vec::new(), deleted: false }
}

fn alone() -> Entity {
    entity(Board::single(SignerId([2; 20]), 0))
}

fn update(policies: Vec<AssetPolicy>) -> Message {
    Message::Update { metadata: Blob::default(), policies, accepts_free: 2 }
}

fn policy(number: u16) -> AssetPolicy {
    let mut id = [0; 32];
    id[..2].copy_from_slice(&number.to_be_bytes());
    AssetPolicy::unlimited(AssetId(id))
}

/// TX-2: nonces are gapless; the last one there is can't be used up.
#[test]
fn nonces_are_gapless() {
    let mut machine = alone();
    assert_eq!(machine.apply_block(AT, &[Message::UseNonce { nonce: 0 }, Message::UseNonce { nonce: 1 }]), Ok(()));
    for nonce in [0, 1, 3, u64::MAX] {
        let refused = machine.apply_block(AT, &[Message::UseNonce { nonce }]);
        assert_eq!(refused, Err(Rejection::WrongNonce { expected: 2 }));
    }
    machine.record.nonce = u64::MAX;
    let last = machine.apply_block(AT, &[Message::UseNonce { nonce: u64::MAX }]);
    assert_eq!(last, Err(Rejection::OutOfRange {}));
}

/// EN-1: a board of one and a board of many are asked alike: does this signer's weight reach the threshold?
#[test]
fn weight_against_threshold_decides() {
    let signer = |number: u8| SignerId([number; 20]);
    let member = |number, weight| Member { signer: signer(number), weight };
    let many = entity(Board { threshold: 3, members: vec![member(2, 3), member(3, 2)], salt: 0 });
    let answers: Vec<bool> = (1..=3).map(|number| many.decides_alone(signer(number))).collect();
    assert_eq!(answers, [false, true, false]);
    assert!(alone().decides_alone(signer(2)) && !alone().decides_alone(signer(3)));
    let account = Authority::Account { account: xln_types::Address([9; 20]) };
    assert_eq!(alone().record.acting_signer(account), Some(signer(2)));
    assert_eq!(many.record.acting_signer(account), None, "an account names no member of several");
    let by_key = Authority::Signer { signer: signer(7) };
    assert_eq!(many.record.acting_signer(by_key), Some(signer(7)));
}

/// DP-2: a policy replaces the one of its asset; none is unlimited; what can't be kept is refused.
#[test]
fn policies_replace_one_another_by_asset() {
    let mut machine = alone();
    let first = AssetPolicy { owed_max: Amount(5), ..policy(9) };
    assert_eq!(machine.apply_block(AT, &[update(vec![first, policy(3)])]), Ok(()));
    assert_eq!(machine.policy(policy(9).asset), first);
    assert_eq!(machine.policy(policy(4).asset), policy(4), "none set is unlimited");
    let second = AssetPolicy { owed_max: Amount(6), fee_ppm: PPM_MAX, reserve_ppm: PPM_MAX, ..policy(9) };
    assert_eq!(machine.apply_block(AT, &[update(vec![second])]), Ok(()));
    assert_eq!(machine.policies, [policy(3), second], "ascending, one an asset");
    for bad in [
        AssetPolicy { reserve_ppm: PPM_MAX + 1, ..policy(1) },
        AssetPolicy { fee_ppm: PPM_MAX + 1, ..policy(1) },
        AssetPolicy { fee_base: Amount(AMOUNT_MAX + 1), ..policy(1) },
    ] {
        assert_eq!(machine.apply_block(AT, &[update(vec![bad])]), Err(Rejection::OutOfRange {}), "{bad:?}");
    }
    let many = (0..=u16::try_from(POLICIES_MAX).expect("small")).map(policy).collect();
    let limit = POLICIES_MAX as u64;
    assert_eq!(machine.apply_block(AT, &[update(many)]), Err(Rejection::TooLarge { limit }));
    assert_eq!(machine.policies.len(), 2);
}

/// TX-5: metadata is bounded and kept when none is given; the free-openings switch has three positions.
#[test]
fn metadata_and_consent_change_only_when_given() {
    let mut machine = alone();
    let set =
        |bytes: usize, accepts_free| Message::Update { metadata: Blob(vec![7; bytes]), policies: vec![], accepts_free };
    assert_eq!(machine.apply_block(AT, &[set(METADATA_BYTES_MAX, 1), set(0, 2)]), Ok(()));
    assert_eq!((machine.metadata.0.len(), machine.record.accepts_free), (METADATA_BYTES_MAX, 1));
    let limit = METADATA_BYTES_MAX as u64;
    assert_eq!(machine.apply_block(AT, &[set(METADATA_BYTES_MAX + 1, 2)]), Err(Rejection::TooLarge { limit }));
    assert_eq!(machine.apply_block(AT, &[set(0, 3)]), Err(Rejection::OutOfRange {}));
    assert_eq!(machine.apply_block(AT, &[set(0, 0)]), Ok(()));
    assert_eq!(machine.record.accepts_free, 0);
}

/// EN-5: an entity with a channel doesn't end.
#[test]
fn an_entity_ends_without_channels_alone() {
    let mut machine = alone();
    assert_eq!(
        machine.apply_block(AT, &[Message::ChannelAdded, Message::ChannelAdded, Message::ChannelOpened]),
        Ok(())
    );
    assert_eq!((machine.record.channels, machine.record.channels_open), (2, 1));
    assert_eq!(machine.apply_block(AT, &[Message::Delete]), Err(Rejection::NotEmpty {}));
    machine.record.channels = 0;
    assert_eq!(machine.apply_block(AT, &[Message::Delete]), Ok(()));
    assert!(machine.deleted);
    assert_eq!(machine.id().0, machine.record.id.0);
    assert!(Path::metadata(machine.record.signer, machine.record.id).0.starts_with(&machine.prefix()));
}

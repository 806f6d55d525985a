//! One law a test: who goes first, what the same bytes get, what a stranger's signature is worth, when anything is spoken.

use crate::people::{CAROLS_FIRST, START_S, Who, deposit, hosted, payment, register, signed_by};
use crate::rig::{Rig, replay};
use xln_api::backend::SubmitError;
use xln_crypto::VerifiedTx;
use xln_machine::mempool::{NONCE_GAP_MAX, Refusal};
use xln_node::engine::Mail;
use xln_storage::MemDisk;
use xln_types::tx::TIMESTAMP_SKEW_S_MAX;
use xln_types::{Rejection, SignerId};

/// A payment of carol's with her next nonce but `ahead`, signed by whom ever.
fn carols(key: Who, ahead: u64, memo: u64) -> VerifiedTx {
    signed_by(key, Who::Carol.address(), Who::Bob, CAROLS_FIRST + ahead, START_S, &payment(5, memo))
}

/// TX-4: facts and commands go before every transaction, whenever they came, in their own order.
#[test]
fn facts_and_commands_go_first() {
    let mut rig = Rig::fresh(&MemDisk::new());
    let paid = rig.ask(|reply| Mail::Hosted(hosted(Who::Alice, Who::Bob, payment(1, 1)), reply));
    let signed = rig.ask(|reply| Mail::Signed(carols(Who::Carol, 0, 2), reply));
    let command = rig.ask(|reply| Mail::Command(register(SignerId([8; 20]), true, 0), reply));
    let fact = rig.ask(|reply| Mail::Fact(deposit(1), reply));
    rig.execute();
    rig.flush();
    let order = [command, fact, paid, signed].map(|answer| rig.confirmed(answer).receipt.sequence);
    assert!(order.is_sorted(), "{order:?}");
}

/// TX-6: nobody hears of an input before its record is synced, nor is a block signed before its own is.
#[test]
fn nothing_is_spoken_before_it_is_durable() {
    let mut rig = Rig::fresh(&MemDisk::new());
    rig.noted(|heard| *heard = crate::rig::Heard::default());
    let mut paid = rig.ask(|reply| Mail::Hosted(hosted(Who::Alice, Who::Bob, payment(1, 1)), reply));
    rig.execute();
    rig.engine.seal(rig.now_ms);
    let silent = |rig: &Rig| rig.noted(|heard| heard.receipts.is_empty() && heard.signed.is_empty());
    rig.hear();
    assert!(silent(&rig) && paid.try_recv().is_err(), "executed, not durable");
    assert!(!rig.engine.is_quiet());
    rig.engine.step_log();
    assert!(silent(&rig) && paid.try_recv().is_err(), "durable, but the engine hasn't heard of it");
    rig.hear();
    let hash = rig.confirmed(paid).receipt.hash;
    rig.noted(|heard| {
        assert_eq!(heard.receipts.iter().map(|receipt| receipt.hash).collect::<Vec<_>>(), [hash]);
        assert_eq!((heard.signed.len(), heard.blocks.len()), (1, 1));
        assert_eq!(heard.blocks[0].entries, [hash]);
    });
}

/// TX-2: the same signed bytes get the first receipt: on their way, when executed, and after a restart.
#[test]
fn the_same_signed_bytes_get_the_first_receipt() {
    let disk = MemDisk::new();
    let mut rig = Rig::fresh(&disk);
    let tx = carols(Who::Carol, 0, 1);
    let send = |rig: &mut Rig| rig.ask(|reply| Mail::Signed(tx.clone(), reply));
    let [first, queued] = [send(&mut rig), send(&mut rig)];
    rig.execute();
    let executed = send(&mut rig);
    rig.flush();
    let receipt = rig.confirmed(first).receipt;
    assert!(receipt.is_executed());
    for answer in [queued, executed] {
        assert_eq!(rig.confirmed(answer).receipt, receipt);
    }
    let known = |error: Option<SubmitError>| matches!(error, Some(SubmitError::Known(known)) if *known == receipt);
    let late = send(&mut rig);
    assert!(known(rig.answered(late).err()));
    drop(rig);
    disk.crash(1);
    let mut rig = Rig::over(replay(&disk).expect("whole").0, START_S * 1000);
    let later = send(&mut rig);
    assert!(known(rig.answered(later).err()));
    assert!(!rig.engine.has_work(), "nothing is executed again");
}

/// TX-2: a stranger's signature over the same transaction, whose hash it shares, neither takes the owner's place nor gets its receipt.
#[test]
fn a_strangers_signature_blocks_nobody_and_gets_nothing() {
    let mut rig = Rig::fresh(&MemDisk::new());
    let (own, strange) = (carols(Who::Carol, 0, 1), carols(Who::Bob, 0, 1));
    assert_eq!(own.hash(), strange.hash());
    let refused = |rig: &mut Rig| {
        let answer = rig.ask(|reply| Mail::Signed(strange.clone(), reply));
        assert_eq!(rig.answered(answer).err(), Some(SubmitError::Rejected(Rejection::NotAuthorized {})));
    };
    refused(&mut rig);
    let owners = rig.ask(|reply| Mail::Signed(own.clone(), reply));
    refused(&mut rig);
    rig.flush();
    assert!(rig.confirmed(owners).receipt.is_executed());
    refused(&mut rig);
    let unknown = signed_by(Who::Carol, Who::Carol.signer().address(), Who::Bob, 0, START_S, &payment(1, 1));
    let answer = rig.ask(|reply| Mail::Signed(unknown, reply));
    assert_eq!(rig.answered(answer).err(), Some(SubmitError::Rejected(Rejection::UnknownSender {})));
}

/// TX-2: a nonce ahead of its turn waits, a repeat is refused, one too far ahead is refused with what would work.
#[test]
fn nonces_wait_for_their_turn() {
    let mut rig = Rig::fresh(&MemDisk::new());
    let second = rig.ask(|reply| Mail::Signed(carols(Who::Carol, 1, 2), reply));
    assert!(!rig.engine.has_work(), "its turn hasn't come");
    let refused = |rig: &mut Rig, tx: VerifiedTx| {
        let answer = rig.ask(|reply| Mail::Signed(tx, reply));
        rig.answered(answer).err()
    };
    let (next, far) = (CAROLS_FIRST, carols(Who::Carol, NONCE_GAP_MAX + 1, 3));
    let refusal = Refusal::TooFar { expected: next };
    assert_eq!(refused(&mut rig, far), Some(SubmitError::Refused(refusal)));
    let refusal = Refusal::Repeat { expected: next };
    assert_eq!(refused(&mut rig, carols(Who::Carol, 1, 4)), Some(SubmitError::Refused(refusal)), "its place is taken");
    let first = rig.ask(|reply| Mail::Signed(carols(Who::Carol, 0, 1), reply));
    rig.flush();
    let [first, second] = [first, second].map(|answer| rig.confirmed(answer));
    assert_eq!((first.nonce, second.nonce), (Some(next), Some(next + 1)));
    assert!(first.receipt.is_executed() && second.receipt.is_executed());
    assert!(first.receipt.sequence < second.receipt.sequence);
    let refusal = Refusal::Repeat { expected: next + 2 };
    assert_eq!(refused(&mut rig, carols(Who::Carol, 1, 4)), Some(SubmitError::Refused(refusal)), "its nonce is used");
}

/// TX-2: one that waited past its timestamp is given back, with all who asked for it, and its nonce is free for another.
#[test]
fn what_waited_too_long_is_forgotten() {
    let mut rig = Rig::fresh(&MemDisk::new());
    let waits = carols(Who::Carol, 1, 2);
    let askers = [(); 2].map(|()| rig.ask(|reply| Mail::Signed(waits.clone(), reply)));
    rig.engine.forget_stale((START_S + TIMESTAMP_SKEW_S_MAX) * 1000);
    let last = rig.ask(|reply| Mail::Signed(waits.clone(), reply));
    rig.engine.forget_stale((START_S + TIMESTAMP_SKEW_S_MAX + 1) * 1000);
    for answer in askers.into_iter().chain([last]) {
        let refusal = Refusal::Repeat { expected: CAROLS_FIRST };
        assert_eq!(rig.answered(answer).err(), Some(SubmitError::Refused(refusal)));
    }
    let [other, first] = [(1, 3), (0, 1)].map(|(ahead, memo)| carols(Who::Carol, ahead, memo));
    let answers = [other, first].map(|tx| rig.ask(|reply| Mail::Signed(tx, reply)));
    rig.flush();
    for answer in answers {
        assert!(rig.confirmed(answer).receipt.is_executed());
    }
}

/// TX-2: a fact told twice has one hash and two receipts; the first, which took effect, is what the hash stands for, before and after the
/// block, and after a restart.
#[test]
fn a_repeated_fact_doesnt_hide_the_first_receipt() {
    let disk = MemDisk::new();
    let mut rig = Rig::fresh(&disk);
    let tell = |rig: &mut Rig| {
        let answer = rig.ask(|reply| Mail::Fact(deposit(1), reply));
        rig.flush();
        rig.confirmed(answer).receipt
    };
    let first = tell(&mut rig);
    for block in 0..3 {
        let again = tell(&mut rig);
        assert_eq!((again.hash, again.rejection()), (first.hash, Some(&Rejection::StaleFact {})));
        let stored = |rig: &Rig| rig.shared.history().receipt(first.hash).map(|stored| stored.receipt);
        assert_eq!(stored(&rig).as_ref(), Some(&first), "block {block}");
        rig.engine.seal(rig.now_ms);
        rig.flush();
        assert_eq!(stored(&rig).as_ref(), Some(&first), "block {block}, sealed");
        let proof = rig.shared.history().receipt_proof(first.hash).expect("sealed and signed");
        assert_eq!(proof.receipt, first);
    }
    drop(rig);
    let (recovered, _) = replay(&disk).expect("whole");
    assert_eq!(recovered.history.receipt(first.hash).map(|stored| stored.receipt), Some(first));
}

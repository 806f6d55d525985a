//! Bounds: full queues shed with a typed error, a turn and a block have limits in number and in bytes, and a lagging log holds the engine
//! up. Nothing that a caller may send can make a record too large for the log.

use crate::people::{START_S, Who, deposit, hosted, payment, register, signed_by};
use crate::rig::Rig;
use xln_api::backend::SubmitError;
use xln_machine::mempool::{Refusal, SENDER_ITEMS_MAX};
use xln_node::engine::{FIRST_QUEUE_MAX, LOG_QUEUED_BYTES_MAX, Mail, TURN_INPUTS_MAX};
use xln_node::shared::INFLIGHT_MAX;
use xln_storage::MemDisk;
use xln_types::codec::{Blob, TX_BYTES_MAX};
use xln_types::tx::{METADATA_BYTES_MAX, UpdateEntity};
use xln_types::{Body, SignerId};

fn signer(number: usize) -> SignerId {
    let mut id = [0xee; 20];
    id[..8].copy_from_slice(&(number as u64).to_be_bytes());
    SignerId(id)
}

/// PRD 4.4.1, DP-3: past its bound the queue sheds commands, typed; a fact it takes whatever waits, for the one after it would make it
/// stale. What goes makes room.
#[test]
fn a_full_queue_sheds_commands_and_no_facts() {
    let mut rig = Rig::fresh(&MemDisk::new());
    let command = |rig: &mut Rig| rig.ask(|reply| Mail::Command(register(signer(0), true, 0), reply));
    let answers: Vec<_> = (0..FIRST_QUEUE_MAX).map(|_| command(&mut rig)).collect();
    for _ in 0..2 {
        let shed = command(&mut rig);
        assert_eq!(rig.answered(shed).err(), Some(SubmitError::Overloaded));
    }
    let facts = [1, 2].map(|number| rig.ask(|reply| Mail::Fact(deposit(number), reply)));
    let before = rig.shared.server().sequence();
    rig.execute();
    assert_eq!(rig.shared.server().sequence() - before, TURN_INPUTS_MAX as u64, "a turn's bound");
    for mut waits in facts.into_iter().chain([command(&mut rig)]) {
        assert!(waits.try_recv().is_err(), "it waits");
    }
    drop(answers);
}

/// PRD 4.4.1, TX-2: a sender's full mempool sheds, typed; other senders are taken as before, and what goes makes room.
#[test]
fn a_senders_full_mempool_sheds_that_sender_alone() {
    let mut rig = Rig::fresh(&MemDisk::new());
    let pay = |rig: &mut Rig, from: Who, to: Who| rig.ask(|reply| Mail::Hosted(hosted(from, to, payment(1, 1)), reply));
    let answers: Vec<_> = (0..SENDER_ITEMS_MAX).map(|_| pay(&mut rig, Who::Alice, Who::Bob)).collect();
    let shed = pay(&mut rig, Who::Alice, Who::Bob);
    assert_eq!(rig.answered(shed).err(), Some(SubmitError::Refused(Refusal::Full)));
    let others = pay(&mut rig, Who::Bob, Who::Alice);
    rig.execute();
    let again = pay(&mut rig, Who::Alice, Who::Bob);
    for mut waits in [others, again] {
        assert!(waits.try_recv().is_err(), "it waits");
    }
    drop(answers);
}

/// PRD 4.4.1: at the door there are so many places, and each that is given back can be taken again.
#[test]
fn the_door_has_so_many_places() {
    let mut rig = Rig::fresh(&MemDisk::new());
    for _ in 1..INFLIGHT_MAX {
        assert!(rig.shared.enter());
    }
    let last = rig.ask(|reply| Mail::Fact(deposit(1), reply));
    assert!(!rig.shared.enter() && !rig.shared.enter());
    rig.flush();
    assert!(rig.confirmed(last).receipt.is_executed());
    assert!(rig.shared.enter() && !rig.shared.enter());
}

/// TX-2: what waits behind a gap, and whoever asks for the same once more, holds no place at the door: it may wait for minutes, and would keep
/// everybody else out.
#[test]
fn what_waits_behind_a_gap_holds_no_place() {
    let mut rig = Rig::fresh(&MemDisk::new());
    let body = Body::from(UpdateEntity { metadata: Blob::default(), policies: vec![], accepts_free: 1 });
    let ahead = crate::people::CAROLS_FIRST + 5;
    let waits = [(), ()].map(|()| {
        let tx = signed_by(Who::Carol, Who::Carol.address(), Who::Hub, ahead, START_S, &body);
        rig.ask(|reply| Mail::Signed(tx, reply))
    });
    rig.flush();
    for mut waits in waits {
        assert!(waits.try_recv().is_err(), "it waits");
    }
    for _ in 0..INFLIGHT_MAX {
        assert!(rig.shared.enter());
    }
    assert!(!rig.shared.enter());
}

/// TX-6: while the log lags nothing more is executed; once it has caught up the rest is.
#[test]
fn a_lagging_log_holds_the_engine_up() {
    let mut rig = Rig::fresh(&MemDisk::new());
    let count = LOG_QUEUED_BYTES_MAX / METADATA_BYTES_MAX + 4 * TURN_INPUTS_MAX;
    let mut answers = Vec::new();
    for number in 0..count {
        answers.push(rig.ask(|reply| Mail::Command(register(signer(number), true, METADATA_BYTES_MAX), reply)));
    }
    let before = rig.shared.server().sequence();
    while rig.engine.has_work() {
        rig.execute();
        if !rig.engine.has_work() {
            // A full block is no lag: sealed, it makes room.
            rig.engine.seal(rig.now_ms);
        }
    }
    let executed = rig.shared.server().sequence() - before;
    assert!(0 < executed && executed < count as u64, "{executed} of {count}");
    rig.execute();
    assert_eq!(rig.shared.server().sequence() - before, executed);
    finish(&mut rig);
    for answer in answers {
        assert!(rig.confirmed(answer).receipt.is_executed());
    }
}

/// Lets the engine work until all is durable, sealing as its driver does.
fn finish(rig: &mut Rig) {
    rig.flush();
    while rig.engine.has_open_entries() {
        rig.engine.seal(rig.now_ms);
        rig.flush();
    }
    assert!(!rig.shared.has_failed());
}

/// TX-2: a turn's transactions never make a record that the log refuses, however long each is.
#[test]
fn long_transactions_dont_fail_the_log() {
    let mut rig = Rig::fresh(&MemDisk::new());
    let answers: Vec<_> = (0..400)
        .map(|number| {
            // Far too long to be taken, which only its receipt says: its nonce is used up, and so it is logged.
            let metadata = Blob(vec![1; TX_BYTES_MAX - 500]);
            let body = Body::from(UpdateEntity { metadata, policies: vec![], accepts_free: 2 });
            let nonce = crate::people::CAROLS_FIRST + number;
            let tx = signed_by(Who::Carol, Who::Carol.address(), Who::Hub, nonce, START_S, &body);
            rig.ask(|reply| Mail::Signed(tx, reply))
        })
        .collect();
    finish(&mut rig);
    for answer in answers {
        assert!(!rig.confirmed(answer).receipt.is_executed());
    }
}

/// TX-6: a block's receipts never make a record that the log refuses, however much they tell.
#[test]
fn long_receipts_dont_fail_the_log() {
    let mut rig = Rig::fresh(&MemDisk::new());
    let answers: Vec<_> = (0..2500_u64)
        .map(|number| {
            // Each receipt holds the metadata before and after.
            let mut metadata = vec![1; METADATA_BYTES_MAX];
            metadata[..8].copy_from_slice(&number.to_be_bytes());
            let body = UpdateEntity { metadata: Blob(metadata), policies: vec![], accepts_free: 2 };
            rig.ask(|reply| Mail::Hosted(hosted(Who::Alice, Who::Hub, body), reply))
        })
        .collect();
    finish(&mut rig);
    for answer in answers {
        assert!(rig.confirmed(answer).receipt.is_executed());
    }
}

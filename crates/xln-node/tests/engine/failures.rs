//! The log fails: everybody who waits is told so, nothing that isn't durable is spoken, nothing new is taken, and only a restart recovers.

use crate::people::{CAROLS_FIRST, START_S, Who, deposit, hosted, payment, register, signed_by};
use crate::rig::{Answer, Rig, replay};
use std::sync::Arc;
use xln_api::backend::{SubmitError, Unavailable};
use xln_node::engine::Mail;
use xln_storage::MemDisk;
use xln_types::SignerId;

fn storage_failed(rig: &Rig, answers: impl IntoIterator<Item = Answer>) {
    for answer in answers {
        assert_eq!(rig.answered(answer).err(), Some(SubmitError::Unavailable(Unavailable::Storage)));
    }
}

/// One of each kind.
fn ask_all(rig: &mut Rig, number: u64) -> Vec<Answer> {
    let carols = |ahead: u64| {
        let body = payment(1, 100 * number + ahead);
        signed_by(Who::Carol, Who::Carol.address(), Who::Bob, CAROLS_FIRST + 10 * number + ahead, START_S, &body)
    };
    vec![
        rig.ask(|reply| Mail::Hosted(hosted(Who::Alice, Who::Bob, payment(1, number)), reply)),
        rig.ask(|reply| Mail::Command(register(SignerId([8; 20]), true, 0), reply)),
        rig.ask(|reply| Mail::Fact(deposit(number + 1), reply)),
        rig.ask(|reply| Mail::Signed(carols(0), reply)),
        rig.ask(|reply| Mail::Signed(carols(0), reply)),
        // Ahead of its turn: it waits for a nonce that never comes.
        rig.ask(|reply| Mail::Signed(carols(5), reply)),
        rig.ask(|reply| Mail::Signed(carols(5), reply)),
    ]
}

/// TX-6: executed, queued, waiting for a turn, asked twice: all are told, and a read of what isn't durable is too.
#[tokio::test]
async fn a_failed_log_answers_everybody_and_takes_nothing_new() {
    for writes_fail in [false, true] {
        let disk = MemDisk::new();
        let mut rig = Rig::fresh(&disk);
        rig.noted(|heard| *heard = crate::rig::Heard::default());
        let durable = rig.shared.read(xln_machine::Server::sequence).await.expect("durable");
        let executed = ask_all(&mut rig, 0);
        rig.execute();
        rig.engine.seal(rig.now_ms);
        let queued = ask_all(&mut rig, 1);
        let shared = Arc::clone(&rig.shared);
        let reading = tokio::spawn(async move { shared.read(xln_machine::Server::sequence).await });
        tokio::task::yield_now().await;
        if writes_fail {
            disk.fail_after(0);
        } else {
            disk.fail_next_sync();
        }
        rig.engine.step_log();
        rig.hear();
        assert!(rig.shared.has_failed());
        storage_failed(&rig, executed.into_iter().chain(queued));
        assert_eq!(reading.await.expect("it ended"), Err(Unavailable::Storage));
        assert!(rig.noted(|heard| heard.receipts.is_empty() && heard.signed.is_empty() && heard.blocks.is_empty()));
        let late = ask_all(&mut rig, 2);
        storage_failed(&rig, late);
        assert!(!rig.engine.has_work() && rig.engine.is_quiet());
        rig.execute();
        rig.engine.seal(rig.now_ms);
        rig.engine.forget_stale(u64::MAX);
        drop(rig);
        disk.crash(3);
        let (recovered, _) = replay(&disk).expect("whole");
        assert!(durable <= recovered.server.sequence(), "what was durable is there");
        let mut rig = Rig::over(recovered, START_S * 1000);
        let again = rig.ask(|reply| Mail::Hosted(hosted(Who::Alice, Who::Bob, payment(1, 9)), reply));
        rig.flush();
        assert!(rig.confirmed(again).receipt.is_executed());
    }
}

/// TX-6: the engine may notice first, when it hands the next record to a log that has failed behind its back.
#[test]
fn a_record_refused_by_the_log_is_answered_too() {
    let disk = MemDisk::new();
    let mut rig = Rig::fresh(&disk);
    let executed = ask_all(&mut rig, 0);
    rig.execute();
    disk.fail_next_sync();
    rig.engine.step_log();
    let queued = ask_all(&mut rig, 1);
    rig.execute();
    assert!(rig.shared.has_failed(), "the next record was refused");
    rig.hear();
    storage_failed(&rig, executed.into_iter().chain(queued));
}

/// ST-6: a log is closed with all that was taken durable, and opened again it goes on.
#[test]
fn a_closed_log_goes_on() {
    let disk = MemDisk::new();
    let mut rig = Rig::fresh(&disk);
    let paid = rig.ask(|reply| Mail::Hosted(hosted(Who::Alice, Who::Bob, payment(1, 1)), reply));
    rig.execute();
    rig.engine.seal(rig.now_ms);
    let (sequence, number) = {
        let server = rig.shared.server();
        (server.sequence(), server.sealed_number())
    };
    rig.engine.close().expect("closed");
    drop(paid);
    disk.crash(5);
    let (recovered, passed) = replay(&disk).expect("whole");
    assert_eq!((recovered.server.sequence(), recovered.server.sealed_number()), (sequence, number));
    assert_eq!(passed.blocks, number);
}

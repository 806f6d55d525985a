//! Request ids: what is kept, what gives way, whom a flood hurts.

use super::*;
use futures_util::FutureExt;
use std::future::ready;

const ANSWER: &str = "0123456789";

fn account(number: u8) -> Address {
    Address([number; 20])
}

fn named(of: u8, id: &str) -> Named<'_> {
    Named { account: account(of), id, field: "id", request: Hash([1; 32]) }
}

/// The reason for which the id got no turn, or `first`, or the answer.
fn ask(ids: &Idempotency, of: u8, id: &str, answer: Answer, now_ms: u64) -> String {
    let told = |answer: Answer| answer.unwrap_or_else(|error| error.reason().to_owned());
    match ids.turn(named(of, id), now_ms) {
        Ok(Turn::First(first)) => {
            let given = first.run(ready(answer)).now_or_never().expect("at once");
            format!("first: {}", told(given))
        }
        Ok(Turn::Later(later)) => told(later.answer().now_or_never().expect("at once")),
        Err(error) => error.reason().to_owned(),
    }
}

fn paid(ids: &Idempotency, of: u8, id: &str) -> String {
    ask(ids, of, id, Ok(ANSWER.to_owned()), 0)
}

/// TX-5: a refusal by the core is an answer; what never reached it isn't, and leaves nothing behind.
#[test]
fn only_what_may_have_run_is_kept() {
    let ids = Idempotency::default();
    let error = |code| ApiError::new(code, "why", "why");
    let refused = error(Code::InvalidParams).with("hash", "0x");
    for (id, answer, kept) in [
        ("executed", Ok("done".to_owned()), true),
        ("refused by the core", Err(refused), true),
        ("timed out", Err(error(Code::Network)), true),
        ("storage", Err(error(Code::Storage)), true),
        ("malformed", Err(error(Code::InvalidRequest)), false),
        ("invalid", Err(error(Code::InvalidParams)), false),
        ("unknown", Err(error(Code::NotFound)), false),
        ("overloaded", Err(error(Code::Overloaded)), false),
    ] {
        let before = lock(&ids.0).bytes;
        ask(&ids, 1, id, answer, 0);
        assert_eq!(before < lock(&ids.0).bytes, kept, "{id}");
        let again = ask(&ids, 1, id, Ok("again".to_owned()), 0);
        assert_eq!(again == "first: again", !kept, "{id}: {again}");
    }
    for number in 0..1000 {
        ask(&ids, 2, &format!("{number}"), Err(error(Code::InvalidRequest)), 0);
    }
    let kept = lock(&ids.0);
    assert!(!kept.accounts.contains_key(&account(2)), "nothing is left of what was turned away");
    assert!(kept.order.len() < 10 && kept.by_bytes.len() == 1);
}

#[test]
fn an_id_ends_after_a_day_with_all_that_it_held() {
    let ids = Idempotency::default();
    assert_eq!(paid(&ids, 1, "a"), format!("first: {ANSWER}"));
    assert_eq!(ask(&ids, 1, "a", Ok("other".to_owned()), KEPT_MS), ANSWER);
    assert_eq!(ask(&ids, 1, "a", Ok("other".to_owned()), KEPT_MS + 1), "first: other");
    assert_eq!(lock(&ids.0).bytes, ID_BYTES + "other".len());
    ask(&ids, 2, "b", Err(ApiError::new(Code::InvalidRequest, "why", "why")), 3 * KEPT_MS);
    let kept = lock(&ids.0);
    assert_eq!((kept.bytes, kept.order.len(), kept.accounts.len(), kept.by_bytes.len()), (0, 0, 0, 0));
}

/// A run that ends after its id's day leaves the newer request of that id alone: it isn't run a second time, nor given this answer.
#[test]
fn a_late_end_does_not_touch_a_newer_request() {
    for end in [Ok("late".to_owned()), Err(ApiError::new(Code::Overloaded, "why", "why"))] {
        let ids = Idempotency::default();
        let Ok(Turn::First(late)) = ids.turn(named(1, "a"), 0) else { panic!("first") };
        let Ok(Turn::First(newer)) = ids.turn(named(1, "a"), KEPT_MS + 1) else { panic!("first again") };
        assert_eq!(late.run(ready(end.clone())).now_or_never().expect("at once"), end);
        let again = ids.turn(named(1, "a"), KEPT_MS + 2);
        assert!(matches!(again, Ok(Turn::Later(Later::Soon(_)))), "the newer one still runs");
        newer.run(ready(Ok("newer".to_owned()))).now_or_never().expect("at once").expect("an answer");
        assert_eq!(ask(&ids, 1, "a", Ok("twice".to_owned()), KEPT_MS + 3), "newer");
    }
}

/// An account at its bound loses its oldest answers, then is refused: an id that counts is never run again.
#[test]
fn a_full_account_forgets_answers_and_never_ids() {
    let bounds = Bounds { account_bytes_max: 4 * ID_BYTES, bytes_max: 1 << 20 };
    let ids = Idempotency::new(bounds);
    for id in ["a", "b", "c", "d"] {
        assert_eq!(paid(&ids, 1, id), format!("first: {ANSWER}"));
    }
    assert_eq!(paid(&ids, 1, "e"), "request_ids_full");
    assert_eq!(paid(&ids, 1, "a"), "answered_before");
    assert_eq!(lock(&ids.0).bytes, 4 * ID_BYTES);
    assert_eq!(paid(&ids, 2, "e"), format!("first: {ANSWER}"), "others don't feel it");
    let huge = "x".repeat(bounds.account_bytes_max);
    assert_eq!(ask(&ids, 3, "huge", Ok(huge.clone()), 0), format!("first: {huge}"));
    assert_eq!(ask(&ids, 3, "huge", Ok(huge), 0), "answered_before");
}

/// However many accounts fill the memory, one that holds little gets its turn and keeps what it has.
#[test]
fn a_flood_gives_way_to_those_who_hold_less() {
    let bounds = Bounds { account_bytes_max: 16 * ID_BYTES, bytes_max: 64 * ID_BYTES };
    let ids = Idempotency::new(bounds);
    assert_eq!(paid(&ids, 1, "mine"), format!("first: {ANSWER}"));
    for flooding in 100..120 {
        for number in 0..20 {
            paid(&ids, flooding, &format!("{number}"));
        }
    }
    assert!(lock(&ids.0).bytes <= bounds.bytes_max);
    assert_eq!(paid(&ids, 1, "mine"), ANSWER, "kept through the flood");
    assert_eq!(paid(&ids, 2, "new"), format!("first: {ANSWER}"), "and a newcomer has its turn");
    assert_eq!(paid(&ids, 2, "new"), ANSWER);
    assert!(lock(&ids.0).bytes <= bounds.bytes_max);
}

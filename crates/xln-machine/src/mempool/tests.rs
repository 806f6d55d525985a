//! **TX-4**, **TX-2**, PRD 4.4.1: the order in which waiting transactions leave, as a table and against a pool that is nothing but a list; and
//! that no queue grows past its bound.

use super::*;
use crate::dice::Dice;

const A: Address = Address([1; 20]);
const B: Address = Address([2; 20]);
const C: Address = Address([3; 20]);

/// One line a push: `sender turn fee name`, turn being a nonce or `-`; then the order in which they must leave.
fn check(pushes: &str, order: &str) {
    let mut pool = Mempool::default();
    for line in pushes.split(['\n', ',']).map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let from = match words[0] {
            "a" => A,
            "b" => B,
            _ => C,
        };
        let turn = words[1].parse().map_or(Turn::Next, Turn::Nonce);
        let fee = Amount(words[2].parse().expect("fee"));
        pool.push(from, 0, turn, fee, words[3].to_string()).expect("taken in");
    }
    let left: Vec<String> = std::iter::from_fn(|| pool.pop()).collect();
    assert_eq!(left.join(" "), order, "{pushes}");
}

/// TX-4: fee class, then first in first out; one sender's in order.
#[test]
fn order_is_fee_class_then_arrival_then_the_senders_own() {
    for (pushes, order) in [
        ("a 0 0 x, b 0 0 y", "x y"),
        ("b 0 0 x, a 0 0 y", "x y"), // by arrival, not by address
        ("a 0 0 free, b 0 1 paid", "paid free"),
        ("a 0 2 two, b 0 3 three", "two three"), // one class: 2 and 3 share a power of two
        ("a 0 3 three, b 0 4 four", "four three"),
        ("a 0 1 one, b 0 2 two, c 0 4 four", "four two one"),
        ("a 0 1023 x, b 0 1024 y, c 0 512 z", "y x z"),
        (
            "a 0 340282366920938463463374607431768211455 all, b 0 170141183460469231731687303715884105728 half",
            "all half",
        ),
        ("a 0 0 first, a 1 1000 second, b 0 1 other", "other first second"), // its own later one doesn't push the first
        ("a 0 1000 first, a 1 0 second, b 0 1 other", "first other second"),
        ("a 0 8 one, a 1 8 two, b 0 8 three, b 1 8 four", "one two three four"),
        ("a 0 8 one, b 0 8 two, a 1 8 three, b 1 8 four", "one two three four"),
        ("a 0 8 one, a 1 1 late, b 0 2 two, b 1 2 three", "one two three late"),
        ("a 1 9 late, b 0 0 y, a 0 0 early", "y early late"), // a gap waits, and keeps its own arrival and class
        ("a 2 9 z, a 1 9 y, a 0 0 x, b 0 1 w", "w x y z"),
        ("a - 0 one, a - 0 two, b - 8 three", "three one two"),
        ("a - 0 one, a 1 0 two, a - 0 three", "one two three"), // hosted and signed calls of one sender, by arrival
        ("a 0 0 one, a - 9 two, b - 8 three", "three one two"),
        ("a - 0 hosted, a 0 0 stale", "hosted"),
        ("a 3 9 never, b 0 0 y", "y"),
    ] {
        check(pushes, order);
    }
}

/// TX-4: every power of two is a class of its own, and 0 the last.
#[test]
fn each_power_of_two_is_a_class() {
    assert_eq!((class(Amount(0)), class(Amount(1)), class(Amount(u128::MAX))), (255, 127, 0));
    for power in 0..128_u32 {
        let least = 1_u128 << power;
        let largest = least + (least - 1);
        assert_eq!([least, largest].map(|fee| u32::from(class(Amount(fee)))), [127 - power, 127 - power]);
    }
}

/// TX-2: a gap waits, a repeat is refused, and what is too far ahead isn't kept.
#[test]
fn gaps_wait_and_repeats_are_refused() {
    let mut pool = Mempool::default();
    assert_eq!(pool.push(A, 5, Turn::Nonce(6), Amount(0), 6), Ok(()));
    assert!(!pool.has_ready());
    assert_eq!(pool.pop(), None);
    assert_eq!(pool.push(A, 5, Turn::Nonce(6), Amount(0), 0), Err((Refusal::Repeat { expected: 5 }, 0)));
    assert_eq!(pool.push(A, 5, Turn::Nonce(4), Amount(0), 0), Err((Refusal::Repeat { expected: 5 }, 0)));
    let far = 5 + NONCE_GAP_MAX + 1;
    assert_eq!(pool.push(A, 5, Turn::Nonce(far), Amount(0), 0), Err((Refusal::TooFar { expected: 5 }, 0)));
    assert_eq!(pool.push(A, 5, Turn::Nonce(far - 1), Amount(0), 9), Ok(()), "the furthest that waits");
    assert_eq!(pool.push(A, 5, Turn::Nonce(5), Amount(0), 5), Ok(()));
    assert_eq!((pool.len(), pool.pop(), pool.pop(), pool.pop()), (3, Some(5), Some(6), None));
    assert_eq!(pool.remove_stale(|_, payload| *payload == 9), [9]);
    assert!(pool.is_empty());
    assert_eq!(pool.push(A, u64::MAX, Turn::Nonce(u64::MAX), Amount(0), 1), Ok(()), "the last nonce there is");
    assert_eq!(pool.pop(), Some(1));
}

/// TX-2: one sender's gap keeps nobody else waiting, and is filled by the nonce it waits for alone.
#[test]
fn a_gap_keeps_only_its_own_sender_waiting() {
    let mut pool = Mempool::default();
    for (from, nonce) in [(A, 2), (A, 1), (B, 0), (B, 1), (C, 1)] {
        assert_eq!(pool.push(from, 0, Turn::Nonce(nonce), Amount(0), (from, nonce)), Ok(()));
    }
    assert_eq!((pool.pop(), pool.pop(), pool.pop()), (Some((B, 0)), Some((B, 1)), None));
    assert_eq!((pool.len(), pool.has_ready()), (3, false));
    assert_eq!(pool.push(A, 0, Turn::Nonce(0), Amount(0), (A, 0)), Ok(()));
    assert_eq!((pool.pop(), pool.pop(), pool.pop(), pool.pop()), (Some((A, 0)), Some((A, 1)), Some((A, 2)), None));
    // The state went on without the mempool: what had waited for its turn may go.
    assert_eq!(pool.push(C, 1, Turn::Nonce(3), Amount(0), (C, 3)), Ok(()));
    assert_eq!((pool.pop(), pool.pop()), (Some((C, 1)), None));
    assert_eq!(pool.push(C, 3, Turn::Next, Amount(0), (C, 9)), Ok(()), "a hosted call behind a signed one");
    assert_eq!((pool.pop(), pool.pop(), pool.is_empty()), (Some((C, 3)), Some((C, 9)), true));
}

/// TX-2: what was passed by, or waited too long, is taken out, and never counts again.
#[test]
fn what_is_stale_is_taken_out() {
    let mut pool = Mempool::default();
    assert_eq!(pool.push(A, 0, Turn::Next, Amount(0), 1), Ok(()));
    assert_eq!(pool.push(A, 0, Turn::Nonce(0), Amount(0), 2), Ok(()));
    assert_eq!(pool.push(B, 0, Turn::Nonce(4), Amount(0), 3), Ok(()));
    assert_eq!(pool.push(B, 0, Turn::Nonce(0), Amount(0), 4), Ok(()));
    assert_eq!(pool.pop(), Some(1), "the hosted call took nonce 0");
    assert_eq!(pool.remove_stale(|_, _| false), [2], "passed by");
    assert_eq!(pool.remove_stale(|nonce, _| nonce == 4), [3], "waited too long");
    assert_eq!((pool.len(), pool.pop(), pool.is_empty()), (1, Some(4), true));
    assert_eq!(pool.push(A, 1, Turn::Nonce(1), Amount(0), 5), Ok(()), "a sender that was forgotten begins anew");
    assert_eq!(pool.pop(), Some(5));
}

/// PRD 4.4.1: one sender fills its own part, and all together the whole; a full mempool gives what it refuses back.
#[test]
fn a_full_mempool_refuses() {
    let mut pool = Mempool::default();
    let sender = |number: usize| Address([u8::try_from(number).expect("few"); 20]);
    for index in 0..SENDER_ITEMS_MAX {
        assert_eq!(pool.push(A, 0, Turn::Next, Amount(0), index), Ok(()));
    }
    assert_eq!(pool.push(A, 0, Turn::Next, Amount(0), 7), Err((Refusal::Full, 7)));
    assert_eq!(pool.push(A, 0, Turn::Nonce(3), Amount(9), 7), Err((Refusal::Full, 7)), "whatever it pays");
    for number in 2..=MEMPOOL_ITEMS_MAX / SENDER_ITEMS_MAX {
        for index in 0..SENDER_ITEMS_MAX {
            assert_eq!(pool.push(sender(number), 0, Turn::Next, Amount(0), index), Ok(()));
        }
    }
    assert_eq!(pool.len(), MEMPOOL_ITEMS_MAX);
    assert_eq!(pool.push(Address([9; 20]), 0, Turn::Next, Amount(9), 8), Err((Refusal::Full, 8)));
    assert_eq!(pool.pop(), Some(0));
    assert_eq!(pool.push(Address([9; 20]), 0, Turn::Next, Amount(9), 8), Ok(()));
    assert_eq!(pool.pop(), Some(8), "it pays, so it goes first");
}

/// TX-2: those who sign ahead of their turn fill their own part of the pool and keep nobody else out; the nonce that closes a gap is
/// always taken, and what it frees counts as parked no longer.
#[test]
fn what_waits_behind_gaps_keeps_nobody_out() {
    let mut pool = Mempool::default();
    let sender = |number: usize| {
        let mut address = [7; 20];
        address[..8].copy_from_slice(&(number as u64).to_be_bytes());
        Address(address)
    };
    let ahead = 1..=NONCE_GAP_MAX;
    let senders = PARKED_ITEMS_MAX / usize::try_from(NONCE_GAP_MAX).expect("few");
    for number in 0..senders {
        for nonce in ahead.clone() {
            assert_eq!(pool.push(sender(number), 0, Turn::Nonce(nonce), Amount(0), 0), Ok(()));
            assert!(pool.is_parked(sender(number), nonce));
        }
    }
    assert_eq!(pool.push(A, 0, Turn::Nonce(1), Amount(9), 1), Err((Refusal::Full, 1)));
    assert_eq!(pool.push(A, 0, Turn::Nonce(0), Amount(0), 2), Ok(()));
    assert_eq!(pool.push(A, 0, Turn::Nonce(1), Amount(0), 3), Ok(()), "it follows what waits for its turn alone");
    assert_eq!(pool.push(B, 0, Turn::Next, Amount(0), 4), Ok(()));
    assert!(!pool.is_parked(A, 1));
    assert_eq!((pool.pop(), pool.pop(), pool.pop(), pool.pop()), (Some(2), Some(3), Some(4), None));
    assert_eq!(pool.push(sender(0), 0, Turn::Nonce(0), Amount(0), 5), Ok(()), "a gap may always be closed");
    assert!(!pool.is_parked(sender(0), NONCE_GAP_MAX));
    assert_eq!(pool.push(C, 0, Turn::Nonce(7), Amount(0), 6), Ok(()), "room again");
}

/// A pool that is nothing but a list: what it says is looked up anew each time.
#[derive(Default)]
struct List {
    /// Sender, turn, fee, arrival.
    items: Vec<(usize, Turn, u128, u64)>,
    next_nonces: [u64; 4],
    arrivals: u64,
}

impl List {
    fn push(&mut self, sender: usize, turn: Turn, fee: u128) -> Result<(), Refusal> {
        let expected = self.next_nonces[sender];
        let waits = self.items.iter().any(|(other, known, ..)| (*other, *known) == (sender, turn));
        match turn {
            Turn::Nonce(nonce) if nonce < expected || waits => return Err(Refusal::Repeat { expected }),
            Turn::Nonce(nonce) if expected + NONCE_GAP_MAX < nonce => return Err(Refusal::TooFar { expected }),
            _ => {}
        }
        self.arrivals += 1;
        self.items.push((sender, turn, fee, self.arrivals));
        Ok(())
    }

    /// Takes out what was passed by, and every fifth that carries a nonce.
    fn forget_stale(&mut self) {
        let next_nonces = self.next_nonces;
        self.items.retain(|(sender, turn, _, arrival)| match turn {
            Turn::Nonce(nonce) => arrival % 5 != 0 && next_nonces[*sender] <= *nonce,
            Turn::Next => true,
        });
    }

    /// The first by class and arrival among each sender's first by arrival, of those whose turn it is.
    fn pop(&mut self) -> Option<u64> {
        let may_go = |(sender, turn, ..): &&(usize, Turn, u128, u64)| {
            *turn == Turn::Next || *turn == Turn::Nonce(self.next_nonces[*sender])
        };
        let ready: Vec<_> = self.items.iter().filter(may_go).collect();
        let heads = ready.iter().filter(|item| !ready.iter().any(|other| other.0 == item.0 && other.3 < item.3));
        let bits = |fee: u128| 128 - fee.leading_zeros();
        let (sender, _, _, arrival) = **heads.min_by_key(|(_, _, fee, arrival)| (128 - bits(*fee), *arrival))?;
        self.items.retain(|item| item.3 != arrival);
        self.next_nonces[sender] += 1;
        Some(arrival)
    }
}

/// TX-2, TX-4: whatever is pushed and popped, the pool says what a list says that is looked through each time.
#[test]
fn a_mempool_agrees_with_a_list() {
    for seed in 0..200 {
        let (mut dice, mut pool, mut list) = (Dice::new(seed), Mempool::default(), List::default());
        for step in 0..200 {
            let context = format!("seed={seed} step={step}");
            match dice.below(8) {
                0..=4 => {
                    let sender = usize::try_from(dice.below(4)).expect("small");
                    let from = Address([u8::try_from(sender).expect("small"); 20]);
                    let expected = list.next_nonces[sender];
                    let nonce = (expected + dice.below(6)).saturating_sub(1);
                    let turn = match dice.below(6) {
                        0 | 1 => Turn::Next,
                        2 if dice.once_in(4) => Turn::Nonce(expected + NONCE_GAP_MAX + dice.below(2)),
                        _ => Turn::Nonce(nonce),
                    };
                    let fee = [0, 0, 1, 2, 3, 4, 1000][usize::try_from(dice.below(7)).expect("small")];
                    let (payload, listed) = (list.arrivals + 1, list.push(sender, turn, fee));
                    let pushed = pool.push(from, expected, turn, Amount(fee), payload).map_err(|(why, _)| why);
                    assert_eq!(pushed, listed, "{context}");
                }
                5 | 6 => assert_eq!(pool.pop(), list.pop(), "{context}"),
                _ => {
                    let (gone, before) = (pool.remove_stale(|_, arrival| arrival % 5 == 0).len(), list.items.len());
                    list.forget_stale();
                    assert_eq!(gone, before - list.items.len(), "{context}");
                }
            }
            assert_eq!((pool.len(), pool.is_empty()), (list.items.len(), list.items.is_empty()), "{context}");
        }
    }
}

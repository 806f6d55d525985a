mod arithmetic;

use super::*;
use crate::machine::{At, Machine};
use xln_types::codec::Blob;
use xln_types::tx::AssetPolicy;
use xln_types::{
    AMOUNT_MAX, Address, Amount, AssetId, Balance, ChannelId, EntityId, OperationId, Path, Side, SignerId,
};

const AT: At = At { now_ms: 0, sequence: 1 };
const ASSET: AssetId = AssetId([7; 32]);

fn depositary() -> Depositary {
    Depositary::new(SignerId([1; 20]), EntityId([2; 32]))
}

fn operation(number: u8, kind: OperationKind, amount: u128) -> Operation {
    Operation {
        id: OperationId([number; 32]),
        kind,
        status: OperationStatus::Pending,
        entity: EntityId([2; 32]),
        asset: ASSET,
        amount: Amount(amount),
        channel: ChannelId::ZERO,
        side: Side::Left,
        recipient: Address::ZERO,
        counter: 0,
        valid_until_s: 100,
        chain_signature: Blob::default(),
        raw: Vec::new(),
        opening: 0,
        created_s: 0,
    }
}

/// One line a step, on one reserve. Operations have a number; `owed N` and `ppm N` set what policy and channels say.
///
/// ```text
/// deposit N …   withdraw #ID N …   allocate #ID N …   settle #ID N …   sent|finish|fail #ID …   taken|moved N …   gained N …
/// free|allocating|allocated|withdrawing N     empty yes|no             … is `ok` (or nothing) or the rejection
/// ```
fn check(script: &str) {
    let mut machine = depositary();
    let mut policy = AssetPolicy::unlimited(ASSET);
    for line in script.lines() {
        let text = line.split("//").next().unwrap_or_default().trim();
        let words: Vec<&str> = text.split_whitespace().collect();
        let reserve = machine.reserve(ASSET);
        let number = |index: usize| -> i128 { words[index].trim_start_matches('#').parse().expect(text) };
        let amount = |index: usize| number(index).cast_unsigned();
        match words.as_slice() {
            [] => {}
            ["ppm", _] => policy.reserve_ppm = u64::try_from(amount(1)).expect(text),
            ["owed", _] => {
                machine.reserves.insert(ASSET, Reserve { owed: Amount(amount(1)), ..reserve });
            }
            ["free", _] => assert_eq!(reserve.free.0, number(1), "{text}"),
            ["allocating", _] => assert_eq!(reserve.allocating.0, amount(1), "{text}"),
            ["allocated", _] => assert_eq!(reserve.allocated.0, amount(1), "{text}"),
            ["withdrawing", _] => assert_eq!(reserve.withdrawing.0, amount(1), "{text}"),
            ["empty", answer] => assert_eq!(machine.is_empty(), *answer == "yes", "{text}"),
            [verb, ..] => {
                let (message, used) = message(verb, &words, policy);
                let expected = words[used..].join(" ");
                let before = machine.clone();
                let answer = match machine.apply_block(AT, &[message]) {
                    Ok(()) => "ok".to_string(),
                    Err(rejection) => {
                        assert_eq!(machine, before, "TX-5: a refused message changes nothing");
                        format!("{rejection:?}").replace("Amount(", "").replace(')', "")
                    }
                };
                assert_eq!(answer, if expected.is_empty() { "ok".to_string() } else { expected }, "{text}");
            }
        }
    }
}

/// The message of a line, and how many of its words it took.
fn message(verb: &str, words: &[&str], policy: AssetPolicy) -> (Message, usize) {
    let number = |index: usize| words[index].trim_start_matches('#').parse::<i128>().expect("a number");
    let amount = |index: usize| Amount(number(index).cast_unsigned());
    let id = |index: usize| OperationId([u8::try_from(number(index)).expect("a small id"); 32]);
    let begin = |kind| {
        let id = u8::try_from(number(1)).expect("a small id");
        (Message::Begin { operation: operation(id, kind, amount(2).0), policy }, 3)
    };
    match verb {
        "deposit" => (Message::Deposited { asset: ASSET, amount: amount(1) }, 2),
        "withdraw" => begin(OperationKind::Withdraw),
        "allocate" => begin(OperationKind::Allocate),
        "settle" => begin(OperationKind::Settle),
        "send" => begin(OperationKind::Deposit),
        "sent" => {
            let raw = vec![Blob(vec![1])];
            (Message::Advance { operation: id(1), status: OperationStatus::Sent, raw }, 2)
        }
        "finish" => (Message::Finish { operation: id(1) }, 2),
        "fail" => (Message::Fail { operation: id(1) }, 2),
        "taken" => (Message::Taken { asset: ASSET, amount: amount(1), into_channel: false }, 2),
        "moved" => (Message::Taken { asset: ASSET, amount: amount(1), into_channel: true }, 2),
        "gained" => (Message::Settled { asset: ASSET, gained: Balance(number(1)) }, 2),
        _ => panic!("no such verb: {verb}"),
    }
}

/// DP-1: an allocation debits free at once; recorded it is allocated, failed it is free again.
#[test]
fn an_allocation_debits_at_once() {
    check(
        "
        empty yes
        deposit 100
        allocate #1 60
        free 40
        allocating 60
        allocate #2 41  InsufficientReserve { available: 40 }
        allocate #2 0   AmountNotPositive
        allocate #1 1   AlreadyExists
        allocate #2 40
        free 0
        finish #1
        allocated 60
        allocating 40
        fail #2
        free 40
        allocating 0
        allocated 60
        empty no
        ",
    );
}

/// DP-4: a withdrawal debits before it is broadcast, and is restored exactly once if it certainly failed.
#[test]
fn a_failed_withdrawal_is_restored_once() {
    check(
        "
        deposit 100
        withdraw #1 70
        free 30
        withdrawing 70
        sent #1
        sent #1                        // again, after a crash
        fail #1
        free 100
        withdrawing 0
        fail #1    UnknownOperation    // once
        finish #1  UnknownOperation
        sent #1    UnknownOperation
        free 100
        withdraw #2 100
        finish #2
        free 0
        fail #2    UnknownOperation
        free 0
        withdraw #3 1  InsufficientReserve { available: 0 }
        empty yes
        ",
    );
}

/// DP-2: free doesn't fall below the share of what is owed; the rejection carries what may leave.
#[test]
fn the_minimum_reserve_stays() {
    check(
        "
        deposit 100
        owed 250
        ppm 200000                     // a fifth: 50 stay
        withdraw #1 51  InsufficientReserve { available: 50 }
        withdraw #1 50
        allocate #2 1   InsufficientReserve { available: 0 }
        owed 249                       // a fifth of 249 is 49.8: rounded up
        allocate #2 1   InsufficientReserve { available: 0 }
        owed 245
        allocate #2 1
        ppm 1000000
        owed 400
        withdraw #3 1   InsufficientReserve { available: 0 }
        ",
    );
}

/// DP-3, DP-5: what the chain says happened happened: deposits, settlements, and what the owner took past the hub.
#[test]
fn the_chain_is_followed() {
    check(
        "
        deposit 50
        taken 80
        free -30                       // the owner's own doing, while something else is in flight
        withdraw #1 1   InsufficientReserve { available: 0 }
        deposit 130
        free 100
        moved 30
        allocated 30
        gained 20                      // out of the channel
        free 90
        allocated 10
        gained -5                      // put into it
        free 85
        allocated 15
        gained 40                      // more than was ever put in: won from the peer
        allocated 0
        free 125
        settle #1 0     AmountNotPositive
        send #1 0       AmountNotPositive
        settle #1 5                    // held in the channel, not here
        send #2 5
        free 125
        finish #1
        fail #2
        free 125
        ",
    );
}

/// N-1: a reserve stays within 2¹²⁰.
#[test]
fn reserves_are_bounded() {
    let max = AMOUNT_MAX;
    check(&format!(
        "
        deposit {max}
        deposit 1       OutOfRange
        gained 1        OutOfRange
        withdraw #1 {max}
        deposit 1
        fail #1         OutOfRange       // the contract's own bound excludes it
        withdraw #2 1   OutOfRange
        taken 1
        gained -{max}
        taken 1         OutOfRange
        moved 1         OutOfRange
        gained -1       OutOfRange
        fail #1
        allocated {max}
        gained -1       OutOfRange
        "
    ));
}

/// EN-5: what is under way or owed keeps an entity; ST-3: its records lie below its prefix.
#[test]
fn a_depositary_is_empty_when_nothing_is_left() {
    check("send #1 5 \n empty no \n fail #1 \n empty yes \n owed 1 \n empty no");
    let machine = depositary();
    assert!(Path::reserve(machine.signer, machine.entity, ASSET).0.starts_with(&machine.prefix()));
    assert!(Path::operation(machine.signer, machine.entity, OperationId::ZERO).0.starts_with(&machine.prefix()));
    assert_eq!(machine.id().0, machine.entity.0);
}

/// N-3: an operation's record has one encoding, and kinds and statuses keep their numbers.
#[test]
fn operations_keep_their_numbers() {
    let kinds: Vec<_> =
        (0..=4).filter_map(OperationKind::from_number).map(|kind| (kind.number(), kind.name())).collect();
    assert_eq!(kinds, [(0, "deposit"), (1, "withdraw"), (2, "allocate"), (3, "settle")]);
    let statuses: Vec<_> = (0..=5).filter_map(OperationStatus::from_number).map(OperationStatus::name).collect();
    assert_eq!(statuses, ["waiting", "pending", "sent", "done", "failed"]);
    let known = operation(3, OperationKind::Settle, 9);
    let bytes = alloy_rlp::encode(&known);
    assert_eq!(xln_types::codec::decode::<Operation>(&bytes), Ok(known));
    assert!(xln_types::codec::decode::<OperationKind>(&[4]).is_err());
    assert!(xln_types::codec::decode::<OperationStatus>(&[5]).is_err());
}

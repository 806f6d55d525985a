//! The second opinion: what replay makes of a log, compared with what the log says (**TX-5**, **TX-7**). Foresight doesn't know costs,
//! events, validities or which of two reasons comes first; forged, they pass the laws of records, and the replay names them.

use crate::forger::{Forger, audit};
use crate::neighbours::neighbours;
use crate::story::story;
use xln_audit::{Violation, compare_block};
use xln_crypto::{VerifiedMessage, VerifiedTx};
use xln_machine::Server;
use xln_machine::depositary::Operation;
use xln_machine::server::{Input, SealedBlock};
use xln_types::codec::Blob;
use xln_types::receipt::Status;
use xln_types::tx::{DirectPayment, Withdraw};
use xln_types::{Amount, BlockHeader, Entry, Path, Receipt, Record, Rejection, StateChange, TxHash};

/// What the core makes of a log's inputs, beside what the log says.
fn replay(records: &[Record]) -> Vec<(SealedBlock, BlockHeader, Vec<Receipt>)> {
    let mut server: Option<Server> = None;
    let mut blocks = Vec::new();
    for record in records {
        match record {
            Record::Batch { at_ms, entries } => {
                for entry in entries {
                    let input = match (&mut server, entry) {
                        (empty @ None, Entry::Genesis { genesis }) => {
                            *empty = Some(Server::new(genesis, 3).expect("a genesis without contradictions"));
                            continue;
                        }
                        (Some(server), Entry::Transaction { tx, authority }) => {
                            let decoded = server.decode(tx.clone()).expect("a canonical body");
                            Input::Transaction(VerifiedTx::from_log(decoded, *authority))
                        }
                        (_, Entry::Fact { fact }) => Input::Fact(*fact),
                        (_, Entry::Command { command }) => Input::Command(command.clone()),
                        (_, Entry::Peer { node, signer, message }) => {
                            Input::Peer(VerifiedMessage::from_log(*node, *signer, message.clone()))
                        }
                        (_, Entry::Frames {}) => Input::Frames,
                        _ => panic!("one genesis, first"),
                    };
                    server.as_mut().expect("a genesis first").apply(*at_ms, &input);
                }
            }
            Record::Block { header, receipts, .. } => {
                let sealed = server.as_mut().expect("a genesis first").seal(header.timestamp_ms);
                blocks.push((sealed, header.clone(), receipts.clone()));
            }
            Record::Signature { .. } => {}
        }
    }
    blocks
}

fn compare(records: &[Record]) -> Vec<Violation> {
    let blocks = replay(records);
    let compared = blocks.iter().map(|(sealed, header, found)| {
        assert_eq!(sealed.receipts.len() as u64, sealed.header.entries);
        compare_block(&sealed.header, &sealed.receipts, header, found)
    });
    compared.flatten().collect()
}

/// TX-7: replay of an honest log comes to every one of its headers and receipts.
#[test]
fn replay_agrees_with_an_honest_log() {
    assert_eq!(compare(&story().records), []);
    assert_eq!(compare(&neighbours().one.records), []);
    assert_eq!(compare(&neighbours().two.records), []);
}

/// What is forged, at which input; the law; a part of the place; the deed.
struct Forgery(&'static str, &'static str, &'static str, &'static str, fn(&mut Forger));

/// TX-5, TX-7: what only replay can tell, it tells: the forged log passes the audit of its records, everything re-hashed, and the
/// first difference names the law at the forged receipt.
#[test]
fn what_only_replay_can_tell_is_told() {
    for Forgery(what, input, law, place, deed) in [
        Forgery("a cost", "bob pays the hub", "TX-7", "cost", |f| f.receipt("bob pays the hub").cost += 1),
        Forgery("an event left out", "bob pays the hub", "TX-7", "logs", |f| {
            let _ = f.receipt("bob pays the hub").logs.pop();
        }),
        Forgery("an order of changes", "bob pays the hub", "TX-7", "changes", |f| {
            f.receipt("bob pays the hub").changes.reverse();
        }),
        Forgery("a reason's number", "carol overdraws", "TX-5", "status", |f| {
            let rejection = Rejection::InsufficientFunds { available: Amount(7), leg: 0 };
            f.receipt("carol overdraws").status = Status::Rejected(rejection);
        }),
        Forgery("another reason", "carol finds no route", "TX-5", "status", |f| {
            f.receipt("carol finds no route").status = Status::Rejected(Rejection::MalformedBody {});
        }),
        Forgery("a refusal for its length", "the hub pays", "TX-5", "status", |f| {
            let path = f.cast.hub.record();
            let receipt = f.receipt("the hub pays");
            receipt.status = Status::Rejected(Rejection::TooLarge { limit: 256 });
            receipt.changes.retain(|change| change.path == path);
        }),
        Forgery("a memo past its bound", "the hub pays", "TX-5", "status", |f| {
            f.body("the hub pays", |body: &mut DirectPayment| body.memo = Blob(vec![b'x'; 257]));
        }),
        Forgery("a transaction out of its time", "the hub pays", "TX-5", "status", |f| {
            f.entry("the hub pays", |entry| match entry {
                Entry::Transaction { tx, .. } => tx.timestamp += 3_600,
                _ => panic!("a payment"),
            });
        }),
        Forgery("a validity long past", "alice withdraws", "TX-5", "status", |f| {
            let path = Path::operation(f.cast.alice.signer, f.cast.alice.entity, f.operation("alice withdraws"));
            f.body("alice withdraws", |body: &mut Withdraw| body.valid_until_s = 5);
            f.carry("alice withdraws", path, |operation: &mut Operation| operation.valid_until_s = 5);
        }),
    ] {
        let mut forger = Forger::new(story());
        let at = forger.at(input);
        deed(&mut forger);
        let records = forger.records();
        assert_eq!(audit(&records).violations, [], "{what}: the records alone break no law");
        let found = compare(&records);
        let first = found.first().unwrap_or_else(|| panic!("{what}: unseen"));
        assert_eq!(first.law, law, "{what}: {first:?}");
        assert!(first.at.starts_with(at.trim_end_matches(',')) && first.at.contains(place), "{what}: {first:?}");
    }
}

/// A field of a block; the law; a part of the place; the deed.
struct Difference(&'static str, &'static str, fn(&mut BlockHeader, &mut Vec<Receipt>));

/// ST-1, TX-2, TX-5, TX-6, TX-7: each field of a header and of a receipt is compared, and a record's by its own law.
#[test]
fn every_difference_names_its_law() {
    let blocks = replay(&story().records);
    let (sealed, header, receipts) = &blocks[3];
    let differences = [
        Difference("TX-6", "number", |header, _| header.number += 1),
        Difference("TX-6", "previous_hash", |header, _| header.previous_hash.0[0] ^= 1),
        Difference("TX-6", "timestamp_ms", |header, _| header.timestamp_ms += 1),
        Difference("ST-1", "state_root", |header, _| header.state_root.0[0] ^= 1),
        Difference("TX-6", "transaction_root", |header, _| header.transaction_root.0[0] ^= 1),
        Difference("TX-6", "receipt_root", |header, _| header.receipt_root.0[0] ^= 1),
        Difference("TX-6", "entries", |header, _| header.entries += 1),
        Difference("TX-6", "last_sequence", |header, _| header.last_sequence += 1),
        Difference("TX-6", "proposer", |header, _| header.proposer.0[0] ^= 1),
        Difference("TX-6", "receipts", |_, receipts| drop(receipts.pop())),
        Difference("TX-2", "receipt 0, hash", |_, receipts| receipts[0].hash = TxHash([1; 32])),
        Difference("TX-6", "receipt 0, sequence", |_, receipts| receipts[0].sequence += 1),
        Difference("TX-6", "receipt 0, executed_at_ms", |_, receipts| receipts[0].executed_at_ms += 1),
        Difference("TX-5", "receipt 0, status", |_, receipts| {
            receipts[0].status = Status::Rejected(Rejection::NoRoute {});
        }),
        Difference("TX-7", "receipt 0, cost", |_, receipts| receipts[0].cost += 1),
        Difference("TX-7", "receipt 0, logs", |_, receipts| receipts[0].logs.clear()),
        Difference("TX-7", "receipt 0, changes", |_, receipts| receipts[0].changes.reverse()),
        Difference("TX-2", "receipt 0, new value, entity", |_, receipts| drop(receipts[0].changes.remove(0))),
        Difference("TX-2", "receipt 0, old value, entity", |_, receipts| receipts[0].changes[0].old = Blob::default()),
        Difference("TX-2", "receipt 0, new value, entity", |_, receipts| receipts[0].changes[0].new = Blob(vec![1, 2])),
        Difference("TX-7", "receipt 0, changes", |_, receipts| {
            let (path, old, new) = (Path([7; 117]), Blob::default(), Blob(vec![1]));
            receipts[0].changes.push(StateChange { path, old, new });
        }),
    ];
    for (index, Difference(law, place, deed)) in differences.into_iter().enumerate() {
        let (mut header, mut receipts) = (header.clone(), receipts.clone());
        deed(&mut header, &mut receipts);
        let found = compare_block(&sealed.header, &sealed.receipts, &header, &receipts);
        let named = found.iter().any(|found| found.law == law && found.at.contains(place));
        assert!(named, "{index}: expected {law} at {place}, found {found:?}");
    }
}

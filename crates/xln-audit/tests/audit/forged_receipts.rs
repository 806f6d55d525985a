//! Forged receipts: nonces, who signed, executed or refused, and what a receipt says was there before (**TX-2**, **TX-3**, **TX-5**,
//! **TX-6**, **N-3**, **N-5**, **ST-1**).

use crate::forger::Forger;
use crate::table::{Forgery, refuse_all};
use xln_crypto::verify::sign_tx;
use xln_machine::channel::Line;
use xln_machine::entity::EntityRecord;
use xln_machine::signer::Signer;
use xln_types::codec::Blob;
use xln_types::receipt::Status;
use xln_types::tx::{CreateEntity, DirectPayment};
use xln_types::{Address, Amount, Authority, Command, Entry, Path, Rejection, StateChange, TxHash};

fn bob_record(f: &Forger) -> Path {
    f.cast.bob.record()
}

fn bob_signer(f: &Forger) -> Path {
    Path::signer(f.cast.bob.signer)
}

/// Alters a transaction and who is said to have authorised it.
fn signed(f: &mut Forger, name: &str, act: impl FnOnce(&mut xln_types::Transaction, &mut Authority)) {
    f.entry(name, |entry| match entry {
        Entry::Transaction { tx, authority } => act(tx, authority),
        _ => panic!("a transaction"),
    });
}

/// Calls an executed transaction refused: of its changes only its sender's nonce is left.
fn refuse(f: &mut Forger, name: &str, record: Path, rejection: Rejection) {
    let receipt = f.receipt(name);
    receipt.status = Status::Rejected(rejection);
    receipt.changes.retain(|change| change.path == record);
    f.remeet();
}

fn execute(f: &mut Forger, name: &str) {
    f.receipt(name).status = Status::Executed;
}

/// TX-2: a nonce is used once, in its turn, and also by what is refused.
#[test]
fn forged_nonces_are_seen() {
    refuse_all(&[
        Forgery("an entity's nonce", "bob pays the hub", "TX-2", "entity", |f| {
            let path = bob_record(f);
            f.carry("bob pays the hub", path, |bob: &mut EntityRecord| bob.nonce += 1);
        }),
        Forgery("a signer's nonce", "found bob", "TX-2", "signer", |f| {
            let path = bob_signer(f);
            f.carry("found bob", path, |bob: &mut Signer| bob.nonce += 1);
        }),
        Forgery("a transaction's nonce", "bob pays the hub", "TX-2", "DIRECT_PAYMENT", |f| {
            signed(f, "bob pays the hub", |tx, _| tx.nonce += 1);
        }),
        Forgery("not used up by a refusal", "carol finds no route", "TX-2", "nonce", |f| {
            f.receipt("carol finds no route").changes.clear();
            f.remeet();
        }),
        Forgery("a transaction twice", "bob pays alice", "TX-2", "DIRECT_PAYMENT", |f| {
            let twin = f.copy("bob pays the hub");
            f.insert("bob pays alice", twin);
            f.remeet();
        }),
        // What came next now stands in its place.
        Forgery("a transaction left out", "bob pays the hub", "TX-2", "DIRECT_PAYMENT", |f| {
            let _ = f.remove("bob pays the hub");
            f.remeet();
        }),
        Forgery("ahead of its turn", "alice is ahead of her turn", "TX-2", "DIRECT_PAYMENT", |f| {
            execute(f, "alice is ahead of her turn");
        }),
        Forgery("another name", "bob pays the hub", "TX-2", "hash", |f| {
            f.receipt("bob pays the hub").hash = TxHash([1; 32]);
        }),
    ]);
}

/// TX-3, N-5: who signed is who decides for the sender, and is who its key says.
#[test]
fn forged_authority_is_seen() {
    refuse_all(&[
        Forgery("another account", "bob pays the hub", "TX-3", "DIRECT_PAYMENT", |f| {
            let account = f.cast.alice.account;
            signed(f, "bob pays the hub", |_, authority| *authority = Authority::Account { account });
        }),
        Forgery("another account, in the mark too", "bob pays the hub", "TX-3", "DIRECT_PAYMENT", |f| {
            let account = f.cast.alice.account;
            signed(f, "bob pays the hub", |tx, authority| {
                tx.signature.0[17..37].copy_from_slice(&account.0);
                *authority = Authority::Account { account };
            });
        }),
        Forgery("another signer", "carol pays alice", "TX-3", "DIRECT_PAYMENT", |f| {
            let signer = f.cast.alice.signer;
            signed(f, "carol pays alice", |_, authority| *authority = Authority::Signer { signer });
        }),
        Forgery("another key", "carol pays alice", "TX-3", "DIRECT_PAYMENT", |f| {
            let hub = f.cast.hub.entity;
            let (signer, _) = xln_crypto::secp::signer_of_secret(&[0x42; 32]).expect("a valid key");
            signed(f, "carol pays alice", |tx, authority| {
                let hash = xln_crypto::derive::tx_hash(crate::hub::CHAIN, hub, tx);
                tx.signature = sign_tx(&hash, &[0x42; 32]).expect("a valid key");
                *authority = Authority::Signer { signer };
            });
        }),
        Forgery("more than was signed for", "carol pays alice", "TX-3", "DIRECT_PAYMENT", |f| {
            f.body("carol pays alice", |body: &mut DirectPayment| body.amount.0 += 1);
        }),
        Forgery("an unknown scheme", "bob pays the hub", "TX-3", "DIRECT_PAYMENT", |f| {
            signed(f, "bob pays the hub", |tx, _| tx.signature.0[0] = 9);
        }),
        Forgery("no signature", "bob pays the hub", "TX-3", "DIRECT_PAYMENT", |f| {
            signed(f, "bob pays the hub", |tx, _| tx.signature = Blob::default());
        }),
        Forgery("a stranger's word taken", "bob acts for alice", "TX-3", "DIRECT_PAYMENT", |f| {
            execute(f, "bob acts for alice");
        }),
        Forgery("a signer's account", "found bob", "TX-3", "owner", |f| {
            let path = bob_signer(f);
            f.carry("found bob", path, |bob: &mut Signer| bob.owner = Address([9; 20]));
        }),
        Forgery("a signer's custody", "register carol", "TX-3", "hosted", |f| {
            let path = Path::signer(f.cast.carol.signer);
            f.carry("register carol", path, |carol: &mut Signer| carol.hosted = 1);
        }),
        Forgery("a signer's key", "register bob", "N-5", "", |f| {
            f.entry("register bob", |entry| match entry {
                Entry::Command { command: Command::RegisterSigner { public_key, .. } } => public_key.0[7] ^= 1,
                _ => panic!("a registration"),
            });
        }),
        Forgery("a signer registered twice", "register alice again", "N-5", "", |f| execute(f, "register alice again")),
        Forgery("an entity's board", "found bob", "N-5", "board", |f| {
            let path = bob_record(f);
            f.carry("found bob", path, |bob: &mut EntityRecord| bob.board.salt = 4);
        }),
        Forgery("a board of another's", "found bob", "N-5", "CREATE_ENTITY", |f| {
            let carol = f.cast.carol.signer;
            f.body("found bob", |body: &mut CreateEntity| body.members[0].signer = carol);
        }),
        Forgery("a board of another salt", "found bob", "N-5", "CREATE_ENTITY", |f| {
            f.body("found bob", |body: &mut CreateEntity| body.salt = 1);
        }),
    ]);
}

/// TX-5, CH-1, DP-1, DP-5: what is refused changes nothing, and is refused for a reason.
#[test]
fn forged_refusals_are_seen() {
    refuse_all(&[
        Forgery("a refusal that moves", "carol overdraws", "TX-5", "offdelta", |f| {
            let path = f.cast.carol.line(&f.cast.alice, f.cast.eth);
            f.carry("carol overdraws", path, |line: &mut Line| line.offdelta.0 += 1);
        }),
        Forgery("for want of funds", "bob pays the hub", "CH-1", "DIRECT_PAYMENT", |f| {
            let short = Rejection::InsufficientFunds { available: Amount(1), leg: 0 };
            refuse(f, "bob pays the hub", bob_record(f), short);
        }),
        Forgery("for want of a route", "bob pays alice", "CH-14", "DIRECT_PAYMENT", |f| {
            refuse(f, "bob pays alice", bob_record(f), Rejection::NoRoute {});
        }),
        Forgery("for its fee", "alice pays bob usd", "HT-4", "DIRECT_PAYMENT", |f| {
            let record = f.cast.alice.record();
            refuse(f, "alice pays bob usd", record, Rejection::FeeTooLow { expected: Amount(4) });
        }),
        Forgery("for a policy", "alice raises her grant", "DP-2", "SET_CREDIT", |f| {
            let short = Rejection::LimitExceeded { available: Amount(1), leg: 0 };
            refuse(f, "alice raises her grant", f.cast.alice.record(), short);
        }),
        Forgery("for want of reserve", "hub allocates usd", "DP-1", "ALLOCATE", |f| {
            let short = Rejection::InsufficientReserve { available: Amount(1) };
            refuse(f, "hub allocates usd", f.cast.hub.record(), short);
        }),
        Forgery("for want of a share", "alice takes out", "DP-5", "DEALLOCATE", |f| {
            let short = Rejection::InsufficientShare { available: Amount(1) };
            refuse(f, "alice takes out", f.cast.alice.record(), short);
        }),
        Forgery("for a halt that isn't", "alice withdraws", "DP-3", "WITHDRAW", |f| {
            refuse(f, "alice withdraws", f.cast.alice.record(), Rejection::Halted {});
        }),
        Forgery("for a state that isn't", "bob pays the hub", "CH-11", "DIRECT_PAYMENT", |f| {
            refuse(f, "bob pays the hub", bob_record(f), Rejection::ChannelNotOpen { status: 0 });
        }),
        Forgery("as not available", "bob pays the hub", "TX-1", "DIRECT_PAYMENT", |f| {
            refuse(f, "bob pays the hub", bob_record(f), Rejection::NotAvailable {});
        }),
        Forgery("as unknown", "bob pays the hub", "TX-5", "DIRECT_PAYMENT", |f| {
            refuse(f, "bob pays the hub", bob_record(f), Rejection::UnknownEntity {});
        }),
        Forgery("a command that could be done", "register erin", "N-5", "", |f| {
            let receipt = f.receipt("register erin");
            receipt.status = Status::Rejected(Rejection::AlreadyExists {});
            receipt.changes.clear();
        }),
    ]);
}

/// ST-1, N-3, TX-6: changes meet, say something, and once; each input has its one receipt, at its place and time.
#[test]
fn forged_changes_and_orders_are_seen() {
    refuse_all(&[
        Forgery("what was before", "bob pays the hub", "ST-1", "old value", |f| {
            f.change("bob pays the hub", bob_record(f), |change| {
                let mut bob: EntityRecord = xln_types::codec::decode(&change.old.0).expect("a record");
                bob.accepts_free ^= 1;
                change.old = Blob(alloy_rlp::encode(bob));
            });
        }),
        Forgery("there was nothing before", "bob pays the hub", "ST-1", "old value", |f| {
            f.change("bob pays the hub", bob_record(f), |change| change.old = Blob::default());
        }),
        Forgery("there was rubbish before", "bob pays the hub", "ST-1", "old value", |f| {
            f.change("bob pays the hub", bob_record(f), |change| change.old = Blob(vec![1, 2, 3]));
        }),
        Forgery("a record twice", "bob pays the hub", "ST-1", "entity", |f| {
            let path = bob_record(f);
            let changes = &mut f.receipt("bob pays the hub").changes;
            let twin = changes.iter().find(|change| change.path == path).cloned().expect("a change");
            changes.push(twin);
        }),
        Forgery("a record that stayed", "bob pays the hub", "ST-1", "signer", |f| {
            let path = bob_signer(f);
            let founded = f.receipt("found bob").changes.iter().find(|change| change.path == path).cloned();
            let new = founded.expect("a change").new;
            f.receipt("bob pays the hub").changes.push(StateChange { path, old: new.clone(), new });
        }),
        Forgery("bytes that are no record", "bob pays the hub", "N-3", "", |f| {
            f.change("bob pays the hub", bob_record(f), |change| change.new.0.push(0));
        }),
        Forgery("a place where none may lie", "bob pays the hub", "N-3", "", |f| {
            let (old, new) = (Blob::default(), Blob(vec![1]));
            f.receipt("bob pays the hub").changes.push(StateChange { path: Path([7; 117]), old, new });
        }),
        Forgery("a sequence", "bob pays the hub", "TX-6", "sequence", |f| f.receipt("bob pays the hub").sequence += 1),
        Forgery("a time", "bob pays the hub", "TX-6", "executed_at_ms", |f| {
            f.receipt("bob pays the hub").executed_at_ms += 1;
        }),
        Forgery("a receipt left out", "", "TX-6", "block 4", |f| {
            let (block, index) = f.place("carol pays alice");
            let _ = f.receipts(block).remove(index);
        }),
        Forgery("a receipt too many", "", "TX-6", "block 4", |f| {
            let (block, index) = f.place("carol pays alice");
            let twin = f.receipts(block)[index].clone();
            f.receipts(block).push(twin);
        }),
        Forgery("receipts that change places", "bob pays the hub", "TX-2", "hash", |f| {
            let (block, index) = f.place("bob pays the hub");
            f.receipts(block).swap(index, index + 1);
            let [one, other] = &mut f.receipts(block)[index..=index + 1] else { panic!("two receipts") };
            std::mem::swap(&mut one.sequence, &mut other.sequence);
            std::mem::swap(&mut one.executed_at_ms, &mut other.executed_at_ms);
        }),
        Forgery("when it was founded", "found bob", "TX-7", "created_s", |f| {
            let path = bob_record(f);
            f.carry("found bob", path, |bob: &mut EntityRecord| bob.created_s -= 1);
        }),
        Forgery("what it says of itself", "found bob", "TX-7", "metadata", |f| {
            let path = Path::metadata(f.cast.bob.signer, f.cast.bob.entity);
            f.carry("found bob", path, |metadata: &mut Blob| metadata.0.push(b'!'));
        }),
    ]);
}

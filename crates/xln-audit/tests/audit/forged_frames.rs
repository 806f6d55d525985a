//! Forged frames and acknowledgements, each signed anew by who said it, so that the law alone tells (**CH-1** to **CH-3**, **CH-5** to **CH-9**,
//! **CH-11** to **CH-13**, **HT-2**, **HT-6**).

use crate::forger::Forger;
use crate::neighbours::neighbours;
use crate::table::{Forgery, refuse_all_of};
use xln_machine::channel::Line;
use xln_machine::channel::book::Terms;
use xln_machine::channel::replica::ReplicaRecord;
use xln_types::codec::Blob;
use xln_types::frame::CollateralChange;
use xln_types::receipt::Status;
use xln_types::tx::DirectPayment;
use xln_types::{
    Address, Amount, EntityId, Entry, Failure, FrameTx, Hash, HtlcKey, PeerMessage, Rejection, Side, SignerId,
};

/// A frame in which Carol pays, and an acknowledgement by her.
const PAID: &str = "carol has paid: frame at 1";
const TAKEN: &str = "alice has paid: ack at 1";

fn refuse(table: &[Forgery]) {
    refuse_all_of(&neighbours().one, table);
}

/// Alters the only transaction of a frame.
fn tx(f: &mut Forger, name: &str, by_erin: bool, act: fn(&mut FrameTx)) {
    let by = if by_erin { f.cast.erin } else { f.cast.carol };
    f.frame(name, by, |frame, _| act(&mut frame.txs[0]));
}

/// Alters the memory of the frames of Alice's channel with Carol.
fn memory(f: &mut Forger, name: &str, act: fn(&mut ReplicaRecord)) {
    let path = f.cast.alice.frames(&f.cast.carol);
    f.carry(name, path, act);
}

/// Alters the line of Alice's channel with Carol.
fn line(f: &mut Forger, name: &str, act: fn(&mut Line)) {
    let path = f.cast.alice.line(&f.cast.carol, f.cast.eth);
    f.carry(name, path, act);
}

fn pays(amount: u128) -> impl Fn(&mut FrameTx) {
    move |tx| match tx {
        FrameTx::Pay { amount: paid, .. } => *paid = Amount(amount),
        _ => panic!("a payment"),
    }
}

/// CH-6, CH-7, TX-3: a message is its signer's, and its signer the channel's other side.
#[test]
fn forged_signatures_are_seen() {
    refuse(&[
        Forgery("said by another", PAID, "CH-7", "", |f| {
            f.entry(PAID, |entry| match entry {
                Entry::Peer { signer, .. } => *signer = SignerId([9; 20]),
                _ => panic!("a message"),
            });
        }),
        Forgery("signed by another", PAID, "CH-7", "", |f| f.said(PAID, f.cast.dave, |_| ())),
        Forgery("signed and said by another", PAID, "CH-7", "", |f| {
            let dave = f.cast.dave;
            f.said(PAID, dave, |_| ());
            f.entry(PAID, |entry| match entry {
                Entry::Peer { signer, .. } => *signer = dave.signer,
                _ => panic!("a message"),
            });
        }),
        Forgery("over another node", TAKEN, "CH-7", "", |f| {
            f.entry(TAKEN, |entry| match entry {
                Entry::Peer { node, .. } => *node = EntityId([9; 32]),
                _ => panic!("a message"),
            });
        }),
        Forgery("the twin of a signature", TAKEN, "CH-7", "", |f| {
            f.entry(TAKEN, |entry| match entry {
                Entry::Peer { message: PeerMessage::Ack { signature, .. }, .. } => {
                    *signature = Blob(crate::blocks::twin(&signature.0));
                }
                _ => panic!("an acknowledgement"),
            });
        }),
        Forgery("a signature that the chain won't take", TAKEN, "CH-7", "", |f| {
            f.entry(TAKEN, |entry| match entry {
                Entry::Peer { message: PeerMessage::Ack { signature, .. }, .. } => signature.0[64] -= 27,
                _ => panic!("an acknowledgement"),
            });
        }),
        Forgery("a proof of another frame", PAID, "CH-6", "", |f| {
            f.said(PAID, f.cast.carol, |message| match message {
                PeerMessage::Frame { proof, .. } => proof.frame.0[0] ^= 1,
                _ => panic!("a frame"),
            });
        }),
        Forgery("a proof of the other side's", PAID, "CH-6", "", |f| {
            f.frame(PAID, f.cast.carol, |_, proof| proof.by = Side::Left);
        }),
        Forgery("a nonce that was there", PAID, "CH-7", "", |f| {
            f.frame(PAID, f.cast.carol, |_, proof| proof.nonce = 1);
        }),
        Forgery("a nonce too far", PAID, "CH-7", "", |f| {
            f.frame(PAID, f.cast.carol, |_, proof| proof.nonce += 1 << 21);
        }),
        Forgery("of another board", PAID, "CH-7", "", |f| {
            f.frame(PAID, f.cast.carol, |_, proof| proof.board_epoch = 1);
        }),
        Forgery("other offdeltas", PAID, "CH-7", "", |f| {
            f.frame(PAID, f.cast.carol, |_, proof| proof.offdeltas.0[0] ^= 1);
        }),
        Forgery("other htlcs", PAID, "CH-7", "", |f| f.frame(PAID, f.cast.carol, |_, proof| proof.htlcs.0[0] ^= 1)),
        Forgery("another window", PAID, "CH-7", "", |f| {
            f.frame(PAID, f.cast.carol, |_, proof| proof.dispute_window_s += 1);
        }),
        Forgery("an ack's nonce", TAKEN, "CH-7", "", |f| f.ack(TAKEN, f.cast.carol, |proof| proof.nonce += 1)),
        Forgery("an ack's side", TAKEN, "CH-7", "", |f| f.ack(TAKEN, f.cast.carol, |proof| proof.by = Side::Right)),
        Forgery("an ack's board", TAKEN, "CH-7", "", |f| f.ack(TAKEN, f.cast.carol, |proof| proof.board_epoch = 3)),
        Forgery("an ack's offdeltas", TAKEN, "CH-7", "", |f| {
            f.ack(TAKEN, f.cast.carol, |proof| proof.offdeltas = Hash::ZERO);
        }),
        Forgery("an ack's htlcs", TAKEN, "CH-7", "", |f| f.ack(TAKEN, f.cast.carol, |proof| proof.htlcs = Hash::ZERO)),
        Forgery("an ack's window", TAKEN, "CH-7", "", |f| {
            f.ack(TAKEN, f.cast.carol, |proof| proof.dispute_window_s = 60);
        }),
        Forgery("an ack of no frame", TAKEN, "CH-9", "", |f| f.ack(TAKEN, f.cast.carol, |proof| proof.frame.0[0] ^= 1)),
    ]);
}

/// CH-5, CH-6, CH-8, CH-9, CH-11: a frame stands on the head, in its turn, and leads to what it says.
#[test]
fn forged_frames_are_seen() {
    refuse(&[
        Forgery("a height left out", PAID, "CH-9", "", |f| f.frame(PAID, f.cast.carol, |frame, _| frame.height += 1)),
        Forgery("on another frame", PAID, "CH-9", "", |f| {
            f.frame(PAID, f.cast.carol, |frame, _| frame.previous.0[0] ^= 1);
        }),
        Forgery("by the hub's own side", PAID, "CH-5", "", |f| {
            f.frame(PAID, f.cast.carol, |frame, proof| (frame.by, proof.by) = (Side::Left, Side::Left));
        }),
        Forgery("another state", PAID, "CH-6", "", |f| f.frame(PAID, f.cast.carol, |frame, _| frame.state.0[0] ^= 1)),
        Forgery("pays more than it says", PAID, "CH-6", "", |f| {
            f.frame(PAID, f.cast.carol, |frame, _| pays(111)(&mut frame.txs[0]));
        }),
        Forgery("out of the past", PAID, "CH-6", "", |f| f.frame(PAID, f.cast.carol, |frame, _| frame.timestamp_s = 5)),
        Forgery("out of the future", PAID, "CH-6", "", |f| {
            f.frame(PAID, f.cast.carol, |frame, _| frame.timestamp_s += 1_000);
        }),
        Forgery("overdrawn", PAID, "CH-1", "", |f| {
            f.frame(PAID, f.cast.carol, |frame, _| pays(1 << 40)(&mut frame.txs[0]));
        }),
        Forgery("nothing paid", PAID, "CH-1", "", |f| {
            f.frame(PAID, f.cast.carol, |frame, _| pays(0)(&mut frame.txs[0]));
        }),
        Forgery("with what stands alone", PAID, "CH-8", "", |f| {
            let update = FrameTx::Update { dispute_window_s: 0, mailbox: Address([1; 20]) };
            f.frame(PAID, f.cast.carol, |frame, _| frame.txs.push(update));
        }),
        Forgery("opened again", PAID, "CH-11", "", |f| {
            let peer = f.cast.alice.entity;
            let open = FrameTx::Open { peer, dispute_window_s: 60, requested: vec![], grants: vec![] };
            f.frame(PAID, f.cast.carol, |frame, _| frame.txs = vec![open]);
        }),
        Forgery("too many in a frame", PAID, "CH-6", "", |f| {
            f.frame(PAID, f.cast.carol, |frame, _| frame.txs = vec![frame.txs[0].clone(); 257]);
        }),
        Forgery("a refusal taken", PAID, "TX-3", "", |f| {
            f.entry(PAID, |entry| match entry {
                Entry::Peer { message, .. } => {
                    let channel = message.channel();
                    *message = PeerMessage::Refused { channel, frame: Hash::ZERO, reason: Rejection::StaleFrame {} };
                }
                _ => panic!("a message"),
            });
        }),
        Forgery("a second frame on one taken", "carol says something else", "CH-9", "", |f| {
            f.receipt("carol says something else").status = Status::Executed;
        }),
        Forgery("refused though it fits", PAID, "CH-6", "", |f| {
            let receipt = f.receipt(PAID);
            receipt.status = Status::Rejected(Rejection::StateMismatch {});
            receipt.changes.clear();
            f.remeet();
        }),
        Forgery("a turn that doesn't end", "alice has paid: frames at 1", "TX-5", "", |f| {
            f.receipt("alice has paid: frames at 1").status = Status::Rejected(Rejection::Disputed {});
        }),
    ]);
}

/// CH-12, CH-13, DP-5: a frame's facts are those that the chain told, each once and in order.
#[test]
fn forged_facts_in_frames_are_seen() {
    const FIRST: &str = "erin's usd: frame at 1";
    refuse(&[
        Forgery("more than the chain told", FIRST, "CH-12", "", |f| {
            tx(f, FIRST, true, |tx| match tx {
                FrameTx::Fact { change: CollateralChange::Added { amount, .. }, .. } => amount.0 += 1,
                _ => panic!("a fact"),
            });
        }),
        Forgery("of another block", FIRST, "CH-12", "", |f| {
            tx(f, FIRST, true, |tx| match tx {
                FrameTx::Fact { block_hash, .. } => block_hash.0[0] ^= 1,
                _ => panic!("a fact"),
            });
        }),
        Forgery("twice", FIRST, "CH-12", "", |f| {
            f.frame(FIRST, f.cast.erin, |frame, _| frame.txs.push(frame.txs[0].clone()));
        }),
        Forgery("never told", PAID, "CH-12", "", |f| {
            let (asset, side) = (f.cast.eth, Side::Right);
            let change = CollateralChange::Added { side, amount: Amount(5) };
            let fact = FrameTx::Fact { block: 1 << 20, block_hash: Hash([1; 32]), log_index: 0, asset, change };
            f.frame(PAID, f.cast.carol, |frame, _| frame.txs = vec![fact]);
        }),
        Forgery("lapsed before its time", "carol has locked: frame at 1", "CH-12", "", |f| {
            let (asset, change) = (f.cast.eth, CollateralChange::Lapsed { counter: 1 });
            let fact = FrameTx::Fact { block: 1, block_hash: Hash([1; 32]), log_index: u64::MAX, asset, change };
            f.frame("carol has locked: frame at 1", f.cast.carol, |frame, _| frame.txs = vec![fact]);
        }),
        Forgery("collateral without a frame", "carol's eth is there", "DP-1", "collateral", |f| {
            line(f, "carol's eth is there", |line| line.collateral.0 += 7);
        }),
        Forgery("more collateral than the frame says", "hub's eth: ack at 1", "CH-12", "collateral", |f| {
            let path = f.cast.hub.line(&f.cast.erin, f.cast.eth);
            f.carry("hub's eth: ack at 1", path, |line: &mut Line| line.collateral.0 += 7);
        }),
        Forgery("no longer conserved", "", "CH-13", "asset ETH", |f| {
            let path = f.cast.hub.line(&f.cast.erin, f.cast.eth);
            f.carry("hub's eth: ack at 1", path, |line: &mut Line| line.collateral.0 += 7);
        }),
    ]);
}

/// HT-2, HT-6: what is locked, claimed and given back in a frame.
#[test]
fn forged_locks_in_frames_are_seen() {
    const LOCKED: &str = "carol has locked: frame at 1";
    const CLAIMED: &str = "carol has claimed: frame at 1";
    refuse(&[
        Forgery("too far ahead", LOCKED, "HT-6", "", |f| {
            tx(f, LOCKED, false, |tx| match tx {
                FrameTx::HtlcAdd { htlc, .. } => htlc.expires_at_s += 8 * 24 * 3600,
                _ => panic!("a lock"),
            });
        }),
        Forgery("65 of them", LOCKED, "HT-6", "", |f| {
            f.frame(LOCKED, f.cast.carol, |frame, _| {
                let FrameTx::HtlcAdd { id, htlc } = frame.txs[0].clone() else { panic!("a lock") };
                let one =
                    |n| FrameTx::HtlcAdd { id: id + n, htlc: xln_types::Htlc { amount: Amount(1), ..htlc.clone() } };
                frame.txs = (0..65).map(one).collect();
            });
        }),
        Forgery("a number used again", LOCKED, "HT-2", "", |f| {
            f.frame(LOCKED, f.cast.carol, |frame, _| frame.txs.push(frame.txs[0].clone()));
        }),
        Forgery("locked beyond what is there", LOCKED, "CH-1", "", |f| {
            tx(f, LOCKED, false, |tx| match tx {
                FrameTx::HtlcAdd { htlc, .. } => htlc.amount = Amount(1 << 40),
                _ => panic!("a lock"),
            });
        }),
        Forgery("taken back by its payer", LOCKED, "HT-2", "", |f| {
            f.frame(LOCKED, f.cast.carol, |frame, _| {
                let FrameTx::HtlcAdd { id, .. } = frame.txs[0] else { panic!("a lock") };
                let key = HtlcKey { side: Side::Right, id };
                frame.txs.push(FrameTx::HtlcCancel { key, failure: Failure::here(Rejection::NotAuthorized {}) });
            });
        }),
        Forgery("claimed with a guess", CLAIMED, "HT-2", "", |f| {
            tx(f, CLAIMED, false, |tx| match tx {
                FrameTx::HtlcFulfill { preimage, .. } => preimage.0[0] ^= 1,
                _ => panic!("a claim"),
            });
        }),
        Forgery("claimed twice", CLAIMED, "HT-2", "", |f| {
            f.frame(CLAIMED, f.cast.carol, |frame, _| frame.txs.push(frame.txs[0].clone()));
        }),
        Forgery("gone without an end", "alice has locked: ack at 1", "HT-1", "", |f| {
            let receipt = f.receipt("alice has locked: ack at 1");
            let at = receipt.changes.iter().position(|change| change.path.0[52] == 9 && change.path.0[85] != 0);
            receipt.changes.remove(at.expect("an htlc"));
            f.remeet();
        }),
        Forgery("a number to be used again", "alice has locked: ack at 1", "HT-2", "htlc_next", |f| {
            let path = f.cast.alice.terms(&f.cast.carol);
            f.carry("alice has locked: ack at 1", path, |terms: &mut Terms| terms.left.htlc_next -= 1);
        }),
    ]);
}

/// CH-2, CH-3, CH-6, CH-7, CH-9, CH-12: what the records say of a frame, taken, acknowledged, or the hub's own.
#[test]
fn forged_records_of_frames_are_seen() {
    const FRAMES: &str = "alice has paid: frames at 1";
    refuse(&[
        Forgery("moved before any frame", "alice pays carol", "CH-2", "offdelta", |f| {
            line(f, "alice pays carol", |line| line.offdelta.0 -= 300);
        }),
        Forgery("moved less by a frame", PAID, "CH-2", "offdelta", |f| line(f, PAID, |line| line.offdelta.0 -= 1)),
        Forgery("moved more by an ack", TAKEN, "CH-2", "offdelta", |f| line(f, TAKEN, |line| line.offdelta.0 -= 1)),
        Forgery("uncounted", TAKEN, "CH-2", "payments", |f| line(f, TAKEN, |line| line.payments -= 1)),
        Forgery("another's grant", "grants: ack at 1", "CH-3", "granted_by_right", |f| {
            line(f, "grants: ack at 1", |line| line.granted_by_right.0 += 5);
        }),
        Forgery("not drafted", "alice pays carol", "CH-6", "drafted", |f| {
            memory(f, "alice pays carol", |record| record.drafted = record.drafted.saturating_sub(1));
        }),
        Forgery("another newest frame", FRAMES, "CH-6", "newest", |f| {
            memory(f, FRAMES, |record| record.newest.0[0] ^= 1);
        }),
        Forgery("the frame of another payment", FRAMES, "CH-6", "newest", |f| {
            f.body("alice pays carol", |body: &mut DirectPayment| body.amount.0 += 1);
        }),
        Forgery("a frame uncounted", FRAMES, "CH-6", "stacked", |f| memory(f, FRAMES, |record| record.stacked += 1)),
        Forgery("signed and forgotten", FRAMES, "CH-7", "signed_nonce", |f| {
            memory(f, FRAMES, |record| record.signed_nonce -= 1);
        }),
        Forgery("another head", PAID, "CH-6", "frame", |f| memory(f, PAID, |record| record.frame.0[0] ^= 1)),
        Forgery("another height", TAKEN, "CH-9", "height", |f| memory(f, TAKEN, |record| record.height += 1)),
        Forgery("another proposer", TAKEN, "CH-9", "by", |f| memory(f, TAKEN, |record| record.by = Side::Right)),
        Forgery("another nonce", TAKEN, "CH-7", "nonce", |f| memory(f, TAKEN, |record| record.nonce += 1)),
        Forgery("another remote signer", TAKEN, "CH-7", "remote", |f| {
            memory(f, TAKEN, |record| record.remote = SignerId([1; 20]));
        }),
        Forgery("no turn for right", "they cross: frame at 1", "CH-9", "turn", |f| {
            memory(f, "they cross: frame at 1", |record| record.turn ^= 1);
            let path = f.cast.bob.frames(&f.cast.dave);
            f.carry("they cross: frame at 1", path, |record: &mut ReplicaRecord| record.turn ^= 1);
        }),
        Forgery("thawed", TAKEN, "CH-12", "frozen", |f| memory(f, TAKEN, |record| record.frozen = 1)),
        Forgery("overdrawn into a draft", "alice overdraws", "CH-1", "DIRECT_PAYMENT", |f| {
            f.receipt("alice overdraws").status = Status::Executed;
        }),
        Forgery("past another node", "alice has no way", "CH-14", "DIRECT_PAYMENT", |f| {
            f.receipt("alice has no way").status = Status::Executed;
        }),
        Forgery("a mailbox unnamed", "mailboxes: ack at 1", "CH-6", "mailbox", |f| {
            let path = f.cast.alice.terms(&f.cast.carol);
            f.carry("mailboxes: ack at 1", path, |terms: &mut Terms| terms.left.mailbox = Address::ZERO);
        }),
    ]);
}

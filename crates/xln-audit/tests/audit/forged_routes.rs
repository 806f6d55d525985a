//! Forged locks, routes, invoices, introductions, openings and settlements between nodes (**HT-1** to **HT-4**, **HT-6**, **N-5**, **N-6**,
//! **CH-11**, **DP-2**, **DP-5**, **TX-3**).

use crate::forger::Forger;
use crate::hub::Player;
use crate::neighbours::neighbours;
use crate::table::{Forgery, refuse_all_of};
use xln_machine::channel::Line;
use xln_machine::depositary::Operation;
use xln_machine::entity::EntityRecord;
use xln_machine::server::invoices::Invoice;
use xln_machine::server::routes::{Forward, Payment};
use xln_types::codec::Blob;
use xln_types::receipt::Status;
use xln_types::tx::{AcceptChannel, Deallocate, DirectPayment, HtlcCancel, HtlcCreate, HtlcFulfill, OpenChannel};
use xln_types::{Amount, Command, EntityId, Entry, FactKind, FrameTx, Hash, Path, PeerMessage, TxHash};

const ROUTED: &str = "alice pays over the hubs";
const PASSED: &str = "the other way: frame at 1";

fn refuse(table: &[Forgery]) {
    refuse_all_of(&neighbours().one, table);
}

fn command(f: &mut Forger, name: &str, act: fn(&mut Command)) {
    f.entry(name, |entry| match entry {
        Entry::Command { command } => act(command),
        _ => panic!("a command"),
    });
}

/// The path of the first record of a storage type that a receipt changes.
fn changed(f: &mut Forger, name: &str, storage: u8) -> Path {
    let changes = &f.receipt(name).changes;
    changes.iter().find(|change| change.path.0[52] == storage).expect("a record of that type").path
}

/// Alters Alice's payment over the hubs.
fn payment(f: &mut Forger, act: fn(&mut Payment)) {
    let path = changed(f, ROUTED, 12);
    f.carry(ROUTED, path, act);
}

/// Alters the HTLC that the hub passed on for Carol.
fn forward(f: &mut Forger, act: fn(&mut Forward)) {
    let path = changed(f, PASSED, 13);
    f.carry(PASSED, path, act);
}

/// Alters Alice's invoice.
fn invoice(f: &mut Forger, act: fn(&mut Invoice)) {
    let path = changed(f, "alice asks for eth", 14);
    f.carry("alice asks for eth", path, act);
}

fn execute(f: &mut Forger, name: &str) {
    f.receipt(name).status = Status::Executed;
}

/// HT-1, HT-3, HT-4, TX-1: what a payer locks, what the hub passes on, and what each is for.
#[test]
fn forged_routes_are_seen() {
    refuse(&[
        Forgery("a fee that the hops don't get", ROUTED, "TX-1", "DIRECT_PAYMENT", |f| {
            f.entry(ROUTED, |entry| match entry {
                Entry::Transaction { tx, .. } => tx.fee.0 += 1,
                _ => panic!("a payment"),
            });
        }),
        Forgery("a fee for the recipient", ROUTED, "TX-1", "DIRECT_PAYMENT", |f| {
            f.body(ROUTED, |body: &mut DirectPayment| body.route[0].hops[2].fee = Amount(1));
        }),
        Forgery("in a circle", ROUTED, "N-5", "DIRECT_PAYMENT", |f| {
            f.body(ROUTED, |body: &mut DirectPayment| body.route[0].hops[2].entity = body.route[0].hops[0].entity);
        }),
        Forgery("to no first hop", ROUTED, "HT-1", "DIRECT_PAYMENT", |f| {
            f.body(ROUTED, |body: &mut DirectPayment| body.route[0].hops[0].entity = EntityId([1; 32]));
        }),
        Forgery("without a lock", ROUTED, "HT-1", "DIRECT_PAYMENT", |f| {
            f.body(ROUTED, |body: &mut DirectPayment| body.route[0].hashlock = Hash::ZERO);
        }),
        Forgery("too far ahead", ROUTED, "HT-6", "DIRECT_PAYMENT", |f| {
            f.body(ROUTED, |body: &mut DirectPayment| body.route[0].deadline_s = 1 << 40);
        }),
        Forgery("too soon for its hops", ROUTED, "HT-6", "DIRECT_PAYMENT", |f| {
            f.body(ROUTED, |body: &mut DirectPayment| body.route[0].deadline_s = 1_700_000_700);
        }),
        Forgery("of another amount", ROUTED, "HT-4", "amount", |f| payment(f, |payment| payment.amount.0 += 1)),
        Forgery("for another fee", ROUTED, "HT-4", "fee", |f| payment(f, |payment| payment.fee.0 -= 1)),
        Forgery("locked by another hash", ROUTED, "HT-1", "hashlock", |f| {
            payment(f, |payment| payment.hashlock.0[0] ^= 1);
        }),
        Forgery("forgotten", ROUTED, "HT-1", "payment", |f| {
            let path = changed(f, ROUTED, 12);
            f.receipt(ROUTED).changes.retain(|change| change.path != path);
            f.remeet();
        }),
        Forgery("over before it is", "over the hubs: ack at 1", "HT-1", "payment", |f| {
            let path = changed(f, ROUTED, 12);
            let (_, receipt) = f.copy("over the hubs: frame at 1");
            let gone = receipt.changes.into_iter().find(|change| change.path == path).expect("its end");
            f.receipt("over the hubs: ack at 1").changes.push(gone);
            f.remeet();
        }),
        Forgery("passed on elsewhere", PASSED, "HT-3", "channel", |f| forward(f, |forward| forward.channel.0[0] ^= 1)),
        Forgery("passed on as another", PASSED, "HT-3", "key", |f| forward(f, |forward| forward.key.id += 1)),
        Forgery("passed on for nobody", PASSED, "HT-3", "payment", |f| forward(f, |forward| forward.payment.0[0] ^= 1)),
        Forgery("passed on and forgotten", PASSED, "HT-3", "forward", |f| {
            let path = changed(f, PASSED, 13);
            f.receipt(PASSED).changes.retain(|change| change.path != path);
            f.remeet();
        }),
        Forgery("passed on for too little", "too little: frame at 1", "HT-3", "forward", |f| {
            let (_, receipt) = f.copy(PASSED);
            let mut passed = receipt.changes.into_iter().find(|change| change.path.0[52] == 13).expect("a forward");
            passed.path.0[85 + 8] ^= 0x40;
            f.receipt("too little: frame at 1").changes.insert(0, passed);
            f.remeet();
        }),
    ]);
}

/// HT-1, HT-2, HT-6: locked by its payer, claimed with its preimage, given back by its receiver or after a deep block.
#[test]
fn forged_locks_are_seen() {
    refuse(&[
        Forgery("guessed", "alice guesses", "HT-2", "HTLC_FULFILL", |f| execute(f, "alice guesses")),
        Forgery("claimed with another preimage", "alice claims", "HT-2", "HTLC_FULFILL", |f| {
            f.body("alice claims", |body: &mut HtlcFulfill| body.preimage.0[0] ^= 1);
        }),
        Forgery("claimed here with another preimage", "the hub claims", "HT-2", "HTLC_FULFILL", |f| {
            f.body("the hub claims", |body: &mut HtlcFulfill| body.preimage.0[0] ^= 1);
        }),
        Forgery("claimed that isn't there", "the hub claims", "HT-2", "HTLC_FULFILL", |f| {
            f.body("the hub claims", |body: &mut HtlcFulfill| body.id += 7);
        }),
        Forgery("taken back early", "alice can't take it back yet", "HT-2", "HTLC_CANCEL", |f| {
            execute(f, "alice can't take it back yet");
        }),
        Forgery("given back that isn't there", "the hub gives back", "HT-2", "HTLC_CANCEL", |f| {
            f.body("the hub gives back", |body: &mut HtlcCancel| body.id += 7);
        }),
        Forgery("locked too long", "alice locks for carol", "HT-6", "HTLC_CREATE", |f| {
            f.body("alice locks for carol", |body: &mut HtlcCreate| body.expires_at_s += 8 * 24 * 3600);
        }),
        Forgery("locked too long here", "alice locks for the hub", "HT-6", "HTLC_CREATE", |f| {
            f.body("alice locks for the hub", |body: &mut HtlcCreate| body.expires_at_s = 5);
        }),
        Forgery("with a route of its own", "alice locks for the hub", "HT-1", "HTLC_CREATE", |f| {
            f.body("alice locks for the hub", |body: &mut HtlcCreate| body.onion = Blob(vec![1]));
        }),
        Forgery("locked beyond what is there", "alice locks for the hub", "CH-1", "HTLC_CREATE", |f| {
            f.body("alice locks for the hub", |body: &mut HtlcCreate| body.amount = Amount(1 << 40));
        }),
        Forgery("in a stranger's channel", "alice locks for carol", "HT-1", "HTLC_CREATE", |f| {
            let (bob, dave) = (f.cast.bob, f.cast.dave);
            f.body("alice locks for carol", |body: &mut HtlcCreate| body.channel = bob.channel(&dave));
        }),
        Forgery("held for less", "alice locks for the hub", "DP-5", "held", |f| {
            let (alice, hub) = (f.cast.alice, f.cast.hub);
            let path = alice.line(&hub, f.cast.eth);
            let left = alice.is_left_of(&hub);
            let lower: fn(&mut Line) = if left { |line| line.held_left.0 = 1 } else { |line| line.held_right.0 = 1 };
            f.carry("alice locks for the hub", path, lower);
        }),
        Forgery("taken back before a deep block", "", "HT-1", "htlc", |f| {
            f.fact("a deep block is past all", |fact| fact.kind = FactKind::Time { timestamp: 1_700_000_100 });
        }),
    ]);
}

/// HT-2, HT-4, HT-6, TX-3: an invoice is its payee's, paid once and in its exact amount.
#[test]
fn forged_invoices_are_seen() {
    const ASKED: &str = "alice asks for eth";
    refuse(&[
        Forgery("of another amount", ASKED, "HT-4", "amount", |f| invoice(f, |invoice| invoice.amount.0 += 1)),
        Forgery("of another preimage", ASKED, "HT-2", "preimage", |f| invoice(f, |invoice| invoice.preimage.0[0] ^= 1)),
        Forgery("paid by nobody", ASKED, "HT-2", "payment", |f| {
            invoice(f, |invoice| invoice.payment = TxHash([1; 32]));
        }),
        Forgery("by a stranger", ASKED, "TX-3", "", |f| {
            command(f, ASKED, |command| match command {
                Command::Invoice { account, .. } => account.0[0] ^= 1,
                _ => panic!("an invoice"),
            });
        }),
        Forgery("for someone elsewhere", ASKED, "TX-3", "", |f| {
            let carol = f.cast.carol;
            f.entry(ASKED, |entry| match entry {
                Entry::Command { command: Command::Invoice { payee, account, .. } } => {
                    (*payee, *account) = (carol.entity, carol.signer.address());
                }
                _ => panic!("an invoice"),
            });
        }),
        Forgery("for nothing", ASKED, "N-1", "", |f| {
            command(f, ASKED, |command| match command {
                Command::Invoice { amount, .. } => *amount = Amount::ZERO,
                _ => panic!("an invoice"),
            });
        }),
        Forgery("without end", ASKED, "HT-6", "", |f| {
            command(f, ASKED, |command| match command {
                Command::Invoice { expires_at_s, .. } => *expires_at_s = 1 << 40,
                _ => panic!("an invoice"),
            });
        }),
        Forgery("a preimage asked for twice", "hub asks for eth", "HT-2", "", |f| {
            let (entry, receipt) = f.copy(ASKED);
            f.insert("hub asks for eth", (entry, receipt));
            f.remeet();
        }),
        Forgery("paid in another amount", "", "HT-4", "invoice", |f| {
            command(f, ASKED, |command| match command {
                Command::Invoice { amount, .. } => amount.0 += 1,
                _ => panic!("an invoice"),
            });
            invoice(f, |invoice| invoice.amount.0 += 1);
        }),
        Forgery("paid and still open", PASSED, "HT-4", "invoice", |f| {
            let path = changed(f, ASKED, 14);
            f.receipt(PASSED).changes.retain(|change| change.path != path);
            f.remeet();
        }),
    ]);
}

/// An introduction of another board.
fn introduce(f: &mut Forger, name: &str, who: Player, at: EntityId) {
    f.entry(name, |entry| match entry {
        Entry::Command { command } => *command = who.introduction(at),
        _ => panic!("an introduction"),
    });
}

/// N-5, N-6, CH-7, CH-11: who is introduced, and how a channel between nodes begins.
#[test]
fn forged_introductions_and_openings_are_seen() {
    const OFFERED: &str = "dave and bob: frame at 1";
    refuse(&[
        Forgery("moved to another node", "carol moves", "N-5", "", |f| execute(f, "carol moves")),
        Forgery("away from here", "alice goes elsewhere", "N-5", "", |f| execute(f, "alice goes elsewhere")),
        Forgery("refused though it is new", "introduce carol", "N-5", "", |f| {
            let receipt = f.receipt("introduce carol");
            receipt.status = Status::Rejected(xln_types::Rejection::NotHere {});
            receipt.changes.clear();
            f.remeet();
        }),
        Forgery("on this very node", "introduce carol", "N-5", "", |f| {
            let (carol, hub) = (f.cast.carol, f.cast.hub);
            introduce(f, "introduce carol", carol, hub.entity);
        }),
        Forgery("on another node than it says", "introduce carol", "N-5", "node", |f| {
            let carol = f.cast.carol;
            introduce(f, "introduce carol", carol, EntityId([7; 32]));
        }),
        Forgery("with another's key", "introduce carol", "N-5", "", |f| {
            command(f, "introduce carol", |command| match command {
                Command::Introduce { public_key, .. } => public_key.0[5] ^= 1,
                _ => panic!("an introduction"),
            });
        }),
        Forgery("another board", "introduce carol", "N-5", "board", |f| {
            let path = f.cast.carol.record();
            f.carry("introduce carol", path, |record: &mut EntityRecord| record.board.threshold = 2);
        }),
        Forgery("offered by another board", OFFERED, "N-6", "", |f| {
            let dave = f.cast.dave;
            f.said(OFFERED, dave, |message| match message {
                PeerMessage::Frame { intro, .. } => intro[0].salt += 1,
                _ => panic!("a frame"),
            });
        }),
        Forgery("offered without a board", OFFERED, "CH-11", "", |f| {
            let dave = f.cast.dave;
            f.said(OFFERED, dave, |message| match message {
                PeerMessage::Frame { intro, .. } => intro.clear(),
                _ => panic!("a frame"),
            });
        }),
        Forgery("offered to one elsewhere", OFFERED, "CH-11", "", |f| {
            let (dave, carol) = (f.cast.dave, f.cast.carol);
            f.frame(OFFERED, dave, |frame, _| match &mut frame.txs[0] {
                FrameTx::Open { peer, .. } => *peer = carol.entity,
                _ => panic!("an opening"),
            });
        }),
        Forgery("offered with another grant", OFFERED, "CH-6", "", |f| {
            let dave = f.cast.dave;
            f.frame(OFFERED, dave, |frame, _| match &mut frame.txs[0] {
                FrameTx::Open { grants, .. } => grants[0].amount.0 += 1,
                _ => panic!("an opening"),
            });
        }),
        Forgery("accepted again", "bob draws on dave", "CH-11", "ACCEPT_CHANNEL", |f| {
            let channel = f.cast.bob.channel(&f.cast.dave);
            f.entry("bob draws on dave", |entry| match entry {
                Entry::Transaction { tx, .. } => {
                    let body = xln_types::Body::from(AcceptChannel { channel, grants: vec![] });
                    (tx.kind, tx.data) = (body.kind(), body.to_data());
                }
                _ => panic!("a transaction"),
            });
        }),
        Forgery("opened again", "alice draws usd", "N-6", "OPEN_CHANNEL", |f| {
            let peer = f.cast.carol.entity;
            f.entry("alice draws usd", |entry| match entry {
                Entry::Transaction { tx, .. } => {
                    let body = xln_types::Body::from(OpenChannel {
                        peer,
                        collateral: vec![],
                        grants: vec![],
                        requested: vec![],
                        dispute_window_s: 60,
                        valid_until_s: 0,
                        chain_signatures: vec![],
                    });
                    (tx.kind, tx.data) = (body.kind(), body.to_data());
                }
                _ => panic!("a transaction"),
            });
        }),
        Forgery("a sender from elsewhere", "alice draws usd", "TX-3", "", |f| {
            let carol = f.cast.carol;
            f.entry("alice draws usd", |entry| match entry {
                Entry::Transaction { tx, .. } => tx.from = carol.entity.address(),
                _ => panic!("a transaction"),
            });
        }),
    ]);
}

/// DP-2, DP-5, TX-3: settlements between nodes, asked for, signed by both, and what a grant may be.
#[test]
fn forged_settlements_are_seen() {
    const SIGNED: &str = "alice's settlement: for chain at 1";
    fn signed(f: &mut Forger, act: fn(&mut u64, &mut u64, &mut Blob)) {
        let carol = f.cast.carol;
        f.said(SIGNED, carol, |message| match message {
            PeerMessage::ForChain { counter, valid_until_s, signature, .. } => act(counter, valid_until_s, signature),
            _ => panic!("a signature for the chain"),
        });
    }
    refuse(&[
        Forgery("drawn past what is drafted", "alice draws past her policy", "DP-2", "DIRECT_PAYMENT", |f| {
            execute(f, "alice draws past her policy");
        }),
        Forgery("granted past a policy", "alice grants past her policy", "DP-2", "SET_CREDIT", |f| {
            execute(f, "alice grants past her policy");
        }),
        Forgery("more than the share", "alice takes out", "DP-5", "DEALLOCATE", |f| {
            f.body("alice takes out", |body: &mut Deallocate| body.amount = Amount(1 << 40));
        }),
        Forgery("more than was asked for", "alice takes out", "DP-4", "amount", |f| {
            let path = changed(f, "alice takes out", 7);
            f.carry("alice takes out", path, |operation: &mut Operation| operation.amount.0 += 1);
        }),
        Forgery("sent before both have signed", "alice takes out", "DP-4", "status", |f| {
            let path = changed(f, "alice takes out", 7);
            let pending = xln_machine::depositary::OperationStatus::Pending;
            f.change("alice takes out", path, |change| {
                let mut operation: Operation = xln_types::codec::decode(&change.new.0).expect("an operation");
                operation.status = pending;
                change.new = Blob(alloy_rlp::encode(operation));
            });
            f.remeet();
        }),
        Forgery("a signature for another settlement", SIGNED, "DP-5", "", |f| signed(f, |counter, _, _| *counter += 1)),
        Forgery("a signature for another time", SIGNED, "DP-5", "", |f| signed(f, |_, until_s, _| *until_s += 1)),
        Forgery("a short signature", SIGNED, "DP-5", "", |f| signed(f, |_, _, signature| signature.0.truncate(64))),
        Forgery("a signer for what has none", SIGNED, "TX-3", "", |f| {
            let carol = f.cast.carol;
            f.entry(SIGNED, |entry| match entry {
                Entry::Peer { signer, .. } => *signer = carol.signer,
                _ => panic!("a message"),
            });
        }),
        Forgery("not held", "alice's settlement: ack at 1", "DP-5", "held_left", |f| {
            let path = f.cast.alice.line(&f.cast.carol, f.cast.eth);
            f.carry("alice's settlement: ack at 1", path, |line: &mut Line| {
                line.held_left.0 = line.held_left.0.saturating_sub(500);
            });
        }),
        Forgery("a lapse that isn't its own", "they lapse: frame at 1", "CH-12", "", |f| {
            let erin = f.cast.erin;
            f.frame("they lapse: frame at 1", erin, |frame, _| match &mut frame.txs[0] {
                FrameTx::Fact { change: xln_types::frame::CollateralChange::Lapsed { counter }, .. } => *counter += 1,
                _ => panic!("a lapse"),
            });
        }),
    ]);
}

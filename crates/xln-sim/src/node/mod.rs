//! A simulated node: its disk, its keys and its clock outlive it; its lives begin with a recovery and end with a death.
//!
//! What it does is production's: engine, recovery, door, follower, operations. What checks it stands beside it: the [`Ledger`] that foretells
//! each answer and the [`Auditor`] that knows what must be true. Both are told each input in the log's order, once it was spoken of; what a
//! death left unspoken is read from the log.
//!
//! [`life`] is one life, [`world`] what its engine acts upon, [`death`] how it ends and begins again.

pub(crate) mod death;
pub(crate) mod life;
pub(crate) mod world;

use crate::auditor::Auditor;
use crate::chain::SimChain;
use crate::chain::view::View;
use crate::clock::{Clock, NodeClock};
use crate::dice::Dice;
use crate::fault::{Counts, Fault};
use crate::model::{Ledger, compare};
use crate::people::People;
use crate::trace::Trace;
use crate::workload::{Asked, Flaw};
use life::Life;
use std::collections::BTreeMap;
use std::sync::Arc;
use world::{Heard, KeyRing};
use xln_api::backend::{Confirmed, Request, SubmitError, Unavailable};
use xln_crypto::VerifiedTx;
use xln_machine::mempool::Refusal;
use xln_machine::server::Input;
use xln_node::door::{Answer, Door};
use xln_node::engine::Mail;
use xln_storage::MemDisk;
use xln_types::codec::Blob;
use xln_types::tx::DecodedTx;
use xln_types::{Authority, ChainFact, Command, FactKind, Hash, OperationId, Receipt, Transaction};

/// What all nodes write into.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) trace: Trace,
    /// Executed inputs by type.
    pub(crate) accepted: BTreeMap<&'static str, u64>,
    /// Refused ones by reason.
    pub(crate) refused: BTreeMap<&'static str, u64>,
    pub(crate) faults: Counts,
    /// How often a ledger was compared with a whole state.
    pub(crate) compared: u64,
    /// How many entries were found in logs that nobody had been told of.
    pub(crate) unspoken: u64,
}

impl Book {
    pub(crate) fn fired(&mut self, fault: Fault) {
        *self.faults.entry(fault).or_default() += 1;
    }
}

/// Someone waits for an answer.
struct Pending {
    asked: Asked,
    answer: Answer,
}

/// A node.
pub(crate) struct Node {
    pub(crate) number: usize,
    pub(crate) people: People,
    pub(crate) disk: MemDisk,
    pub(crate) clock: NodeClock,
    pub(crate) view: View,
    pub(crate) ledger: Ledger,
    pub(crate) auditor: Auditor,
    pub(crate) life: Option<Life>,
    pub(crate) dice: Dice,
    keys: Arc<KeyRing>,
    pending: Vec<Pending>,
    /// Hosted calls by the number that they were executed under, until their receipt is spoken of.
    hosted: BTreeMap<u64, Input>,
    /// Blocks that were spoken of.
    blocks: Vec<(u64, Hash)>,
    /// What was spoken of since the last block, for whoever comes after a death.
    open: Vec<Receipt>,
    sealed_sequence: u64,
    /// Signed transactions that were sent and not answered when the node died: sent again, as they are.
    pub(crate) unanswered: Vec<Asked>,
    /// What a sync is to meet.
    pub(crate) armed: Option<Fault>,
    /// What the next recovery is to meet.
    pub(crate) at_recovery: Option<Fault>,
    /// By which fault the power was cut last, and how far the state had gone then.
    pub(crate) cut_by: Option<Fault>,
    executed: u64,
    pub(crate) lives: u64,
    pub(crate) skewed: bool,
}

impl Node {
    pub(crate) fn new(number: usize, clock: &Clock, chain: &SimChain, mut dice: Dice) -> Node {
        let people = People::new(number);
        let (ledger, auditor) = (Ledger::new(&people), Auditor::new(people.hub().entity));
        Node {
            number,
            keys: Arc::new(KeyRing::of(&people)),
            ledger,
            auditor,
            people,
            disk: MemDisk::new(),
            clock: NodeClock::new(clock),
            view: View::new(chain, dice.split(1)),
            life: None,
            dice,
            pending: Vec::new(),
            hosted: BTreeMap::new(),
            blocks: Vec::new(),
            open: Vec::new(),
            sealed_sequence: 0,
            unanswered: Vec::new(),
            armed: None,
            at_recovery: None,
            cut_by: None,
            executed: 0,
            lives: 0,
            skewed: false,
        }
    }

    /// Somebody asks; what is refused at the door is answered at once.
    pub(crate) fn ask(&mut self, asked: Asked, book: &mut Book) -> Result<(), String> {
        let Some(life) = &self.life else {
            // Whoever keeps its own keys will try again.
            if matches!(asked.request, Request::Signed(_)) && asked.flaw == Flaw::None {
                self.unanswered.push(asked);
            }
            return Ok(());
        };
        let mail = life.door.mail_of(asked.request.clone());
        match mail.and_then(|mail| life.door.send(mail)) {
            Ok(answer) => self.pending.push(Pending { asked, answer }),
            Err(error) => self.answered(&asked, Err(error), book)?,
        }
        Ok(())
    }

    /// Takes what was answered and spoken, and has it checked.
    pub(crate) fn collect(&mut self, now_ms: u64, book: &mut Book) -> Result<(), String> {
        let Some(life) = &self.life else { return Ok(()) };
        let (Heard { receipts, blocks, operations }, failed) = (life.ear.take(), life.shared.has_failed());
        let mut waiting = Vec::with_capacity(self.pending.len());
        for mut pending in std::mem::take(&mut self.pending) {
            match pending.answer.try_recv() {
                Ok(answer) => self.answered(&pending.asked, answer, book)?,
                Err(_) if failed => {
                    return Err(format!("TX-6: not answered although the log failed: {:?}", pending.asked));
                }
                Err(_) => waiting.push(pending),
            }
        }
        self.pending = waiting;
        for receipt in receipts {
            let noted = self.life.as_ref().and_then(|life| life.door.noted(receipt.hash));
            let input = noted.or_else(|| self.hosted.remove(&receipt.sequence));
            let input = input.ok_or_else(|| format!("TX-6: a receipt of what nobody asked: {receipt:?}"))?;
            self.see(&input, &receipt, now_ms, book)?;
            self.open.push(receipt);
        }
        for operation in operations {
            // TX-6: what is to be carried out was begun by something durable.
            if !self.ledger.operations().contains_key(&operation) && self.auditor.is_unknown(operation) {
                return Err(format!("DP-4: an operation that nothing durable began: {operation}"));
            }
        }
        for (number, hash, last_sequence) in blocks {
            book.trace.note(now_ms, b'B', self.number, &hash.0);
            self.blocks.push((number, hash));
            self.open.retain(|receipt| last_sequence < receipt.sequence);
            self.sealed_sequence = last_sequence;
        }
        Ok(())
    }

    /// An input that is durable, and its receipt: counted, foretold, audited.
    fn see(&mut self, input: &Input, receipt: &Receipt, now_ms: u64, book: &mut Book) -> Result<(), String> {
        let name = match input {
            Input::Transaction(tx) => Some(tx.tx().kind.name()),
            Input::Command(Command::RegisterSigner { .. }) => Some("REGISTER_SIGNER"),
            Input::Command(Command::RegisterAsset { .. }) => Some("REGISTER_ASSET"),
            Input::Command(Command::Introduce { .. }) => Some("INTRODUCE"),
            Input::Command(Command::Invoice { .. }) => Some("INVOICE"),
            Input::Peer(_) => Some("PEER"),
            Input::Frames => Some("FRAMES"),
            Input::Command(Command::Broadcast { .. }) | Input::Fact(_) => None,
        };
        match (receipt.rejection(), name) {
            (None, Some(name)) => *book.accepted.entry(name).or_default() += 1,
            (Some(rejection), _) => *book.refused.entry(rejection.reason()).or_default() += 1,
            (None, None) => {}
        }
        book.trace.note(now_ms, b'R', self.number, &[&receipt.hash.0[..], &receipt.cost.to_be_bytes()].concat());
        self.auditor.see(input, receipt)?;
        self.ledger.play(input, receipt)
    }

    fn answered(
        &mut self,
        asked: &Asked,
        answer: Result<Confirmed, SubmitError>,
        book: &mut Book,
    ) -> Result<(), String> {
        let expected = asked.flaw.reason();
        let reason = match answer {
            Ok(confirmed) => {
                if let Some(expected) = expected {
                    return Err(format!("TX-2, TX-3: {expected} was to be the answer, and it was executed: {asked:?}"));
                }
                return self.confirmed(asked, &confirmed);
            }
            Err(SubmitError::Known(receipt)) => {
                // TX-2: the same bytes, the first receipt.
                return match self.ledger.taken.get(&receipt.hash) {
                    Some(sequence) if *sequence == receipt.sequence => Ok(()),
                    other => Err(format!("TX-2: another receipt than the first, {other:?}: {receipt:?}")),
                };
            }
            Err(SubmitError::Unavailable(Unavailable::Storage)) => return self.again(asked),
            Err(SubmitError::Refused(Refusal::Repeat { .. })) => "repeat",
            Err(SubmitError::Refused(Refusal::TooFar { .. })) => "too_far",
            Err(SubmitError::Rejected(ref rejection)) => rejection.reason(),
            Err(SubmitError::Signature(_)) => "signature",
            Err(SubmitError::MalformedBody) => "malformed_body",
            Err(SubmitError::TimestampOutside { .. }) => "timestamp_outside",
            Err(error) => return Err(format!("answered {error:?} to {asked:?}")),
        };
        *book.refused.entry(reason).or_default() += 1;
        // What is sent again after a death may have had its turn, or have lost it for good.
        if expected == Some(reason) || expected.is_none() && asked.again {
            return Ok(());
        }
        Err(format!("TX-2, TX-3: answered {reason}, should be {expected:?}: {asked:?}"))
    }

    /// Whoever keeps its own keys sends again what it signed.
    fn again(&mut self, asked: &Asked) -> Result<(), String> {
        if matches!(asked.request, Request::Signed(_)) && asked.flaw == Flaw::None {
            self.unanswered.push(Asked { again: true, ..asked.clone() });
        }
        Ok(())
    }

    /// A hosted call's transaction is made by the hub: made again here, from what was asked and what was answered.
    fn confirmed(&mut self, asked: &Asked, confirmed: &Confirmed) -> Result<(), String> {
        let Request::Hosted(call) = &asked.request else { return Ok(()) };
        let Confirmed { receipt, nonce } = confirmed;
        let nonce = nonce.ok_or("TX-2: a hosted call without a nonce")?;
        let tx = Transaction {
            kind: call.body.kind(),
            from: call.from,
            to: call.to,
            nonce,
            data: call.body.to_data(),
            fee: call.fee,
            timestamp: receipt.executed_at_ms / 1000,
            signature: Blob::default(),
        };
        let decoded = DecodedTx { tx, body: call.body.clone(), hash: receipt.hash };
        let input = Input::Transaction(VerifiedTx::from_log(decoded, Authority::Account { account: call.account }));
        self.hosted.insert(receipt.sequence, input);
        Ok(())
    }

    /// Compares the whole state with ledger and auditor; only when nothing is unspoken.
    pub(crate) fn compare(&self, book: &mut Book) -> Result<(), String> {
        let Some(life) = &self.life else { return Ok(()) };
        let server = life.shared.server();
        if server.sequence() != self.ledger.sequence {
            return Ok(());
        }
        book.compared += 1;
        self.auditor.check(&server)?;
        compare::difference(&server, &self.ledger).map_or(Ok(()), Err)
    }

    /// True when nobody waits, nothing is unspoken or on its way to the chain, and no worker works.
    pub(crate) fn is_quiet(&self) -> bool {
        let Some(life) = &self.life else { return false };
        let server = life.shared.server();
        self.pending.is_empty()
            && self.unanswered.is_empty()
            && life.engine.is_quiet()
            && !life.engine.has_open_entries()
            && life.is_resting()
            && server.sequence() == self.ledger.sequence
    }

    /// The chain's last fact is told once more, or an operation is said to have failed that nobody knows: both are refused.
    pub(crate) fn tell_again(&mut self, kind: u64) {
        let Some(life) = &self.life else { return };
        let at = self.ledger.cursor;
        let kind = match kind {
            0 => FactKind::Reverted { operation: OperationId([7; 32]) },
            1 => FactKind::Time { timestamp: 1 },
            _ => FactKind::DeepReorg { depth: 9 },
        };
        // Nobody waits for the answer.
        let _ = life.door.send(|reply| Mail::Fact(ChainFact { at, kind }, reply));
    }

    /// Somebody hosted who may withdraw something now, and in which asset.
    pub(crate) fn richest_hosted(&self) -> Option<(usize, usize)> {
        let all = (0..self.people.list.len()).flat_map(|who| [(who, 0), (who, 1)]);
        let hosted = all.filter(|(who, _)| self.people.list[*who].is_hosted);
        hosted
            .max_by_key(|(who, asset)| self.ledger.removable(*who, *asset))
            .filter(|(who, asset)| 0 < self.ledger.removable(*who, *asset))
    }

    /// The id of the operation that somebody's next transaction begins.
    pub(crate) fn next_operation(&self, who: usize) -> OperationId {
        let person = &self.ledger.people[who];
        xln_crypto::derive::operation_id(self.people.hub().entity, person.id.address(), person.nonce, 0)
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.pending.len() + self.unanswered.len()
    }
}

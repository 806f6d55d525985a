//! One input in, one receipt out (**TX-5**, **TX-7**). A transaction's nonce is used up whether it is executed or rejected
//! (**TX-2**); all else that a rejected input did is undone.

use super::state::{ENDED_OPERATIONS_MAX, Server};
use crate::arena::Handle;
use crate::entity::{self, Entity};
use crate::machine::At;
use crate::signer::{self, Signer};
use xln_crypto::{VerifiedMessage, VerifiedTx, derive};
use xln_types::chain::ChainFact;
use xln_types::entry::{Authority, Command};
use xln_types::receipt::Status;
use xln_types::tx::{Body, SettleDiff, TIMESTAMP_SKEW_S_MAX};
use xln_types::{Address, ChannelId, EntityId, Entry, OperationId, PeerMessage, Receipt, Rejection, SignerId};

/// What the core is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A transaction whose signature was checked (TX-3).
    Transaction(VerifiedTx),
    /// What the chain did, past the confirmations.
    Fact(ChainFact),
    /// An act of operator or API.
    Command(Command),
    /// What another node said, its signature checked (TX-3).
    Peer(VerifiedMessage),
    /// The turn's end: frames close over what was drafted (CH-6).
    Frames,
}

impl Input {
    /// As the log keeps it.
    pub fn to_entry(&self) -> Entry {
        match self {
            Input::Transaction(tx) => Entry::Transaction { tx: tx.tx().clone(), authority: tx.authority() },
            Input::Fact(fact) => Entry::Fact { fact: *fact },
            Input::Command(command) => Entry::Command { command: command.clone() },
            Input::Peer(message) => {
                let (node, signer) = (message.node(), message.signer());
                Entry::Peer { node, signer, message: message.message().clone() }
            }
            Input::Frames => Entry::Frames {},
        }
    }
}

/// What the core wants done in the world. Performed only when the input that caused it is durable; repeating one is harmless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Carry out an operation on the chain.
    Operate {
        /// Whose.
        entity: EntityId,
        /// Which.
        operation: OperationId,
    },
    /// Say this to another node, signed by this signer where it carries a signature (CH-15: what is signed is in the log first).
    Tell {
        /// To whom.
        node: EntityId,
        /// Whose key signs.
        signer: SignerId,
        /// What, with an empty signature.
        message: Box<PeerMessage>,
    },
    /// Sign for the chain what a frame agreed, and send that to the other node (DP-5).
    SignSettlement {
        /// To whom.
        node: EntityId,
        /// Whose key signs.
        signer: SignerId,
        /// In which channel.
        channel: ChannelId,
        /// The settlement's counter.
        counter: u64,
        /// Until when it may be mined, unix seconds.
        valid_until_s: u64,
        /// What each side takes, by asset.
        diffs: Vec<SettleDiff>,
    },
}

/// What an input led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// For the asker, the block and the subscribers.
    pub receipt: Receipt,
    /// For the shell.
    pub effects: Vec<Effect>,
}

/// Cost units of any input.
const COST_BASE: u64 = 100;
/// Cost units of a changed record.
const COST_CHANGE: u64 = 50;
/// Cost units of an encoded byte.
const COST_BYTE: u64 = 1;

/// Who sends a transaction: a signer for itself, or an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sender {
    Signer(Handle<Signer>),
    Entity(Handle<Entity>),
}

impl Server {
    /// Executes one input at `now_ms`, which never goes back.
    ///
    /// # Panics
    /// If a law is broken, which is our own bug and never bad input.
    pub fn apply(&mut self, now_ms: u64, input: &Input) -> Outcome {
        let entry = alloy_rlp::encode(input.to_entry());
        let at = self.block.next(now_ms);
        assert!(self.journal.undos.is_empty(), "the journal of the input before is spent");
        let hash = match input {
            Input::Transaction(tx) => tx.hash(),
            _ => xln_types::TxHash(xln_crypto::keccak256(&entry).0),
        };
        let result = match input {
            Input::Transaction(tx) => self.apply_transaction(at, tx),
            Input::Fact(fact) => self.undoing(|server| server.apply_fact(at, fact)),
            Input::Command(command) => self.undoing(|server| server.apply_command(at, command)),
            Input::Peer(message) => self.undoing(|server| server.apply_peer(at, message)),
            Input::Frames => {
                self.end_patience(at.now_ms);
                self.apply_frames(at);
                Ok(())
            }
        };
        // What follows from it: it can't be refused, so it is never undone.
        self.work_off(at);
        let changes = self.drain_changes();
        self.write_changes(&changes);
        let cost = cost(entry.len(), changes.len());
        let logs = std::mem::take(&mut self.journal.events);
        let effects = std::mem::take(&mut self.journal.effects);
        for operation in self.journal.ended.drain(..) {
            if ENDED_OPERATIONS_MAX <= self.ended_operations.len() {
                let _ = self.ended_operations.pop_front();
            }
            self.ended_operations.push_back(operation);
        }
        let status = result.map_or_else(Status::Rejected, |()| Status::Executed);
        let receipt = Receipt { hash, sequence: at.sequence, executed_at_ms: at.now_ms, status, cost, logs, changes };
        self.block.add(entry, receipt.clone());
        Outcome { receipt, effects }
    }

    /// Runs `act`; a refusal undoes all that it did.
    pub(super) fn undoing(&mut self, act: impl FnOnce(&mut Server) -> Result<(), Rejection>) -> Result<(), Rejection> {
        let mark = self.journal.undos.len();
        let result = act(self);
        if result.is_err() {
            self.undo_to(mark);
        }
        result
    }

    /// Whether this authority may act for the sender at all. Asked at the door too: the hash that names a transaction doesn't cover
    /// its signature (TX-2), so one that a stranger signed must not take the place of the sender's own.
    ///
    /// # Errors
    /// `UnknownSender`, `NotAuthorized`, `NotHosted`, `UnknownSigner`.
    pub fn admits(&self, from: Address, body: &Body, authority: Authority) -> Result<(), Rejection> {
        self.sender(from, body).and_then(|sender| self.authorise(sender, authority))
    }

    pub(super) fn apply_transaction(&mut self, at: At, verified: &VerifiedTx) -> Result<(), Rejection> {
        let (tx, authority) = (verified.tx(), verified.authority());
        let sender = self.sender(tx.from, verified.body())?;
        self.authorise(sender, authority)?;
        match sender {
            Sender::Signer(handle) => self.step_signer(at, handle, &signer::Message::UseNonce { nonce: tx.nonce })?,
            Sender::Entity(handle) => self.step_entity(at, handle, &entity::Message::UseNonce { nonce: tx.nonce })?,
        }
        // From here on the nonce is used up (TX-2).
        self.undoing(|server| {
            if TIMESTAMP_SKEW_S_MAX < tx.timestamp.abs_diff(at.now_s()) {
                return Err(Rejection::TimestampOutside { now_s: at.now_s() });
            }
            match sender {
                Sender::Signer(handle) => server.create_entity(at, handle, verified),
                Sender::Entity(handle) => server.entity_transaction(at, handle, verified),
            }
        })
    }

    fn entity_transaction(&mut self, at: At, from: Handle<Entity>, verified: &VerifiedTx) -> Result<(), Rejection> {
        let tx = verified.tx();
        let is_payment = matches!(verified.body(), Body::DirectPayment(_));
        if tx.fee.0 != 0 && !is_payment {
            return Err(Rejection::FeeNotPayable {});
        }
        match verified.body() {
            Body::UpdateEntity(body) => self.update_entity(at, from, body),
            Body::DeleteEntity(body) => self.delete_entity(at, from, body),
            Body::OpenChannel(body) => self.open_channel(at, from, tx, body),
            Body::AcceptChannel(body) => self.accept_channel(at, from, body),
            Body::SetCredit(body) => self.set_credit(at, from, body),
            Body::DirectPayment(body) => self.pay(at, from, (tx, verified.hash()), body),
            Body::BatchPayment(body) => self.pay_batch(at, from, (tx, verified.hash()), body),
            Body::HtlcCreate(body) => self.htlc_create(at, from, body),
            Body::HtlcFulfill(body) => self.htlc_fulfill(at, from, body),
            Body::HtlcCancel(body) => self.htlc_cancel(at, from, body),
            Body::UpdateChannel(body) => self.update_channel(at, from, body),
            Body::Deposit(body) => self.deposit(at, from, tx, body),
            Body::Withdraw(body) => self.withdraw(at, from, tx, body),
            Body::Allocate(body) => self.allocate(at, from, tx, body),
            Body::Deallocate(body) => self.deallocate(at, from, tx, body),
            Body::CreateEntity(_)
            | Body::GrantSession(_)
            | Body::RevokeSession(_)
            | Body::CloseChannel(_)
            | Body::Settle(_)
            | Body::Dispute(_)
            | Body::ListAsset(_)
            | Body::CollateralFact(_)
            | Body::Resume(_)
            | Body::CreateProposal(_)
            | Body::VoteProposal(_)
            | Body::ExecuteProposal(_) => Err(Rejection::NotAvailable {}),
        }
    }

    fn sender(&self, from: Address, body: &Body) -> Result<Sender, Rejection> {
        if matches!(body, Body::CreateEntity(_)) {
            let handle = self.signer_index.get(&SignerId::from(from));
            return handle.map(Sender::Signer).ok_or(Rejection::UnknownSender {});
        }
        let handle = self.entity_index.get(&from).filter(|handle| !self.entities.at(*handle).deleted);
        let handle = handle.ok_or(Rejection::UnknownSender {})?;
        if self.is_remote(handle) { Err(Rejection::NotHere {}) } else { Ok(Sender::Entity(handle)) }
    }

    /// EN-1: a board of one is asked like any board. An API account acts for the hosted signers that it owns.
    fn authorise(&self, sender: Sender, authority: Authority) -> Result<(), Rejection> {
        let acting = match (sender, authority) {
            (_, Authority::Signer { signer }) => signer,
            (Sender::Signer(handle), Authority::Account { .. }) => self.signers.at(handle).id,
            (Sender::Entity(handle), Authority::Account { .. }) => {
                self.entities.at(handle).record.acting_signer(authority).ok_or(Rejection::NotAuthorized {})?
            }
        };
        let may_act = match sender {
            Sender::Signer(handle) => self.signers.at(handle).id == acting,
            Sender::Entity(handle) => self.entities.at(handle).decides_alone(acting),
        };
        if !may_act {
            return Err(Rejection::NotAuthorized {});
        }
        match authority {
            Authority::Signer { .. } => Ok(()),
            Authority::Account { account } => self.owns(account, acting),
        }
    }

    /// Whether an API account acts for an entity that is hosted here.
    pub(super) fn authorise_account(&self, entity: Handle<Entity>, account: Address) -> Result<(), Rejection> {
        if self.is_remote(entity) {
            return Err(Rejection::NotHere {});
        }
        self.authorise(Sender::Entity(entity), Authority::Account { account })
    }

    fn owns(&self, account: Address, signer: SignerId) -> Result<(), Rejection> {
        let handle = self.signer_index.get(&signer).ok_or(Rejection::UnknownSigner {})?;
        let signer = self.signers.at(handle);
        if signer.owner != account {
            return Err(Rejection::NotAuthorized {});
        }
        if signer.hosted == 1 { Ok(()) } else { Err(Rejection::NotHosted {}) }
    }

    /// The nonce that the next transaction of this sender must carry (TX-2). `None` when no signer or entity has the address.
    pub fn next_nonce(&self, from: Address) -> Option<u64> {
        let entity = self.entity_index.get(&from).map(|handle| self.entities.at(handle).record.nonce);
        let signer = || self.signer_index.get(&SignerId::from(from)).map(|handle| self.signers.at(handle).nonce);
        entity.or_else(signer)
    }

    /// Names a transaction as this hub does (TX-2), and reads its body.
    ///
    /// # Errors
    /// When the data isn't the canonical RLP of its type (N-3).
    pub fn decode(&self, tx: xln_types::Transaction) -> Result<xln_types::tx::DecodedTx, xln_types::codec::RlpError> {
        derive::decoded(self.genesis.chain_id, self.hub_id(), tx)
    }
}

/// Deterministic cost units (the PRD's `gasUsed`): a base, the encoded bytes, and the records changed.
fn cost(entry_bytes: usize, changes: usize) -> u64 {
    let bytes = u64::try_from(entry_bytes).unwrap_or(u64::MAX).saturating_mul(COST_BYTE);
    let changes = u64::try_from(changes).unwrap_or(u64::MAX).saturating_mul(COST_CHANGE);
    COST_BASE.saturating_add(bytes).saturating_add(changes)
}

//! Reserves move: deposits and withdrawals of hosted and self-custody entities, allocation into channels and back (**DP-1**,
//! **DP-2**, **DP-4**, **DP-5**).

use super::outcomes::Todo;
use super::state::Server;
use crate::arena::Handle;
use crate::channel::{self, Action, ChannelStatus};
use crate::depositary::{self, Operation, OperationKind, OperationStatus};
use crate::entity::Entity;
use crate::machine::At;
use xln_crypto::derive;
use xln_types::codec::Blob;
use xln_types::tx::{Allocate, Deallocate, Deposit, Transaction, Withdraw};
use xln_types::{Address, Amount, AssetId, ChannelId, FrameTx, Rejection, Side};

/// Soonest that an operation may end its validity, from now.
pub const VALIDITY_S_MIN: u64 = 60;
/// Latest that an operation may end its validity, from now.
pub const VALIDITY_S_MAX: u64 = 7 * 24 * 3600;

impl Server {
    pub(super) fn check_validity(&self, at: At, valid_until_s: u64) -> Result<(), Rejection> {
        let from_s = at.now_s().saturating_add(VALIDITY_S_MIN);
        let until_s = at.now_s().saturating_add(VALIDITY_S_MAX);
        if (from_s..=until_s).contains(&valid_until_s) {
            Ok(())
        } else {
            Err(Rejection::ValidityOutside { from_s, until_s })
        }
    }

    fn known_asset(&self, asset: AssetId) -> Result<(), Rejection> {
        if self.assets.contains_key(&asset) { Ok(()) } else { Err(Rejection::UnknownAsset {}) }
    }

    /// An operation of `from` that this transaction starts, not yet begun.
    fn started(&self, at: At, from: Handle<Entity>, tx: &Transaction, kind: OperationKind) -> Operation {
        Operation {
            id: derive::operation_id(self.hub_id(), tx.from, tx.nonce, 0),
            kind,
            status: OperationStatus::Pending,
            entity: self.entities.at(from).record.id,
            asset: AssetId::ZERO,
            amount: Amount::ZERO,
            channel: ChannelId::ZERO,
            side: Side::Left,
            recipient: Address::ZERO,
            counter: 0,
            valid_until_s: u64::MAX,
            chain_signature: Blob::default(),
            raw: Vec::new(),
            opening: 0,
            created_s: at.now_s(),
        }
    }

    pub(super) fn begin(&mut self, at: At, from: Handle<Entity>, operation: Operation) -> Result<(), Rejection> {
        let policy = self.entities.at(from).policy(operation.asset);
        self.step_depositary(at, from, &depositary::Message::Begin { operation, policy })
    }

    /// The hosted signer's own coins or tokens go to the depositary; the reserve grows by the chain's fact alone (DP-3).
    pub(super) fn deposit(
        &mut self,
        at: At,
        from: Handle<Entity>,
        tx: &Transaction,
        body: &Deposit,
    ) -> Result<(), Rejection> {
        self.known_asset(body.asset)?;
        if !self.is_hosted(from) {
            return Err(Rejection::NotHosted {});
        }
        if !body.amount.in_range() {
            return Err(Rejection::OutOfRange {});
        }
        if self.is_unique(body.asset) && Amount(1) < body.amount {
            return Err(Rejection::NotForUniqueAsset {});
        }
        let operation = self.started(at, from, tx, OperationKind::Deposit);
        self.begin(at, from, Operation { asset: body.asset, amount: body.amount, ..operation })
    }

    /// DP-4: debits before it is broadcast.
    pub(super) fn withdraw(
        &mut self,
        at: At,
        from: Handle<Entity>,
        tx: &Transaction,
        body: &Withdraw,
    ) -> Result<(), Rejection> {
        self.known_asset(body.asset)?;
        if self.record.halted == 1 {
            return Err(Rejection::Halted {});
        }
        // The contract refuses both, for good.
        if body.recipient == Address::ZERO || body.recipient == self.genesis.depositary {
            return Err(Rejection::MalformedBody {});
        }
        self.check_validity(at, body.valid_until_s)?;
        self.check_chain_signature(from, &body.chain_signature)?;
        let operation = Operation {
            asset: body.asset,
            amount: body.amount,
            recipient: body.recipient,
            valid_until_s: body.valid_until_s,
            chain_signature: body.chain_signature.clone(),
            ..self.started(at, from, tx, OperationKind::Withdraw)
        };
        self.begin(at, from, operation)
    }

    /// DP-1: free becomes collateral once the chain has recorded it; free is debited at once.
    pub(super) fn allocate(
        &mut self,
        at: At,
        from: Handle<Entity>,
        tx: &Transaction,
        body: &Allocate,
    ) -> Result<(), Rejection> {
        self.known_asset(body.asset)?;
        let (channel, side) = self.own_channel(from, body.channel)?;
        let head = self.channels.at(channel).head;
        if head.status != ChannelStatus::Open {
            return Err(Rejection::ChannelNotOpen { status: head.status.number() });
        }
        self.check_validity(at, body.valid_until_s)?;
        self.check_chain_signature(from, &body.chain_signature)?;
        let asset = body.asset;
        let remote = self.own_side(channel).is_some();
        if remote {
            // CH-12: collateral counts once both sides have listed its asset; that waits for a frame.
            self.may_list(at, channel, asset)?;
        } else {
            self.step_channel(at, channel, &channel::Message { by: side, action: Action::List { asset } })?;
        }
        let operation = Operation {
            asset,
            amount: body.amount,
            channel: body.channel,
            side,
            valid_until_s: body.valid_until_s,
            chain_signature: body.chain_signature.clone(),
            ..self.started(at, from, tx, OperationKind::Allocate)
        };
        self.begin(at, from, operation)?;
        if remote && self.channels.at(channel).tip().listed_line(asset).is_err() {
            self.draft(at, channel, FrameTx::List { asset })?;
        }
        Ok(())
    }

    /// Whether an asset can be listed in a channel with another node.
    fn may_list(&self, at: At, handle: Handle<channel::Channel>, asset: AssetId) -> Result<(), Rejection> {
        let channel = self.channels.at(handle);
        if channel.tip().listed_line(asset).is_ok() {
            return Ok(());
        }
        let replica = channel.replica.as_deref().ok_or(Rejection::NotAPeer {})?;
        replica.would_draft(&channel.book, &self.judge(at.now_ms), &FrameTx::List { asset })
    }

    /// DP-5: a settlement back to the caller's own reserve. What it takes out is held from here on, before anyone signs for the
    /// chain. Both sides sign, so the hub must hold both keys.
    pub(super) fn deallocate(
        &mut self,
        at: At,
        from: Handle<Entity>,
        tx: &Transaction,
        body: &Deallocate,
    ) -> Result<(), Rejection> {
        let (channel, side) = self.own_channel(from, body.channel)?;
        self.check_validity(at, body.valid_until_s)?;
        if self.own_side(channel).is_some() {
            let operation = Operation {
                asset: body.asset,
                amount: body.amount,
                channel: body.channel,
                side,
                valid_until_s: body.valid_until_s,
                ..self.started(at, from, tx, OperationKind::Settle)
            };
            return self.deallocate_remote(at, from, (channel, side), operation, body);
        }
        let peer = self.known_entity(self.channels.at(channel).head.entity(side.other()))?;
        if !self.is_hosted(from) || !self.is_hosted(peer) {
            return Err(Rejection::ChainSignatureNeeded {});
        }
        let action = Action::Hold { asset: body.asset, amount: body.amount };
        self.step_channel(at, channel, &channel::Message { by: side, action })?;
        let counter = self.channels.at(channel).head.settle_counter;
        let operation = Operation {
            asset: body.asset,
            amount: body.amount,
            channel: body.channel,
            side,
            counter,
            valid_until_s: body.valid_until_s,
            ..self.started(at, from, tx, OperationKind::Settle)
        };
        self.begin(at, from, operation)
    }

    /// DP-4: an operation that has certainly failed gives back what it took, once: it leaves the state with this.
    pub(super) fn fail_operation(
        &mut self,
        at: At,
        owner: Handle<Entity>,
        operation: &Operation,
    ) -> Result<(), Rejection> {
        self.step_depositary(at, owner, &depositary::Message::Fail { operation: operation.id })?;
        let channel = self.channel_index.get(&operation.channel);
        match (operation.kind, channel) {
            (OperationKind::Settle, Some(channel)) if self.own_side(channel).is_some() => {
                self.todo.push_back(Todo::Lapses(channel));
                Ok(())
            }
            (OperationKind::Settle, Some(channel)) => {
                let action = Action::Release { asset: operation.asset, amount: operation.amount };
                self.step_channel(at, channel, &channel::Message { by: operation.side, action })
            }
            (OperationKind::Allocate, Some(channel)) if operation.opening == 1 => {
                self.step_channel(at, channel, &channel::Message { by: operation.side, action: Action::Arrived })
            }
            _ => Ok(()),
        }
    }
}

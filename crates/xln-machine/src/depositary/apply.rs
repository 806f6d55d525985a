//! What an entity's depositary is told, and what it does. One `match`; the arithmetic stands in [`Reserve`].

use super::operation::{Operation, OperationKind, OperationStatus};
use super::reserve::Reserve;
use crate::machine::{At, Machine, MachineKind};
use std::collections::BTreeMap;
use xln_types::codec::Blob;
use xln_types::tx::AssetPolicy;
use xln_types::{Amount, AssetId, Balance, EntityId, Hash, OperationId, Path, Rejection, SignerId};

/// An entity's reserves and what it has under way on the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Depositary {
    /// Whose.
    pub entity: EntityId,
    /// The entity's place in the tree (ST-3).
    pub signer: SignerId,
    /// By asset.
    pub reserves: BTreeMap<AssetId, Reserve>,
    /// Those under way.
    pub operations: BTreeMap<OperationId, Operation>,
    /// DP-2: what it would owe more if all that is locked, stacked and drafted in its channels came to pass, by asset. Follows from
    /// the channels; no record of its own.
    pub exposed: BTreeMap<AssetId, Amount>,
    /// What it would grant more, likewise.
    pub granting: BTreeMap<AssetId, Amount>,
}

/// What a depositary is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Something arrived on the chain (DP-3).
    Deposited {
        /// Which asset.
        asset: AssetId,
        /// How much.
        amount: Amount,
    },
    /// Begins an operation; free is debited at once where it needs reserve (DP-1, DP-4).
    Begin {
        /// The operation.
        operation: Operation,
        /// The entity's policy for its asset.
        policy: AssetPolicy,
    },
    /// The shell may send it, or has signed it and is about to.
    Advance {
        /// Which.
        operation: OperationId,
        /// How far it is now.
        status: OperationStatus,
        /// Raw chain transactions to send again after a crash.
        raw: Vec<Blob>,
    },
    /// The chain has recorded it, deep.
    Finish {
        /// Which.
        operation: OperationId,
    },
    /// It has certainly failed: what it debited is restored, once.
    Fail {
        /// Which.
        operation: OperationId,
    },
    /// The other node has signed a settlement for the chain too (DP-5): it may be sent.
    Countersigned {
        /// Which.
        operation: OperationId,
        /// 65 bytes r ‖ s ‖ v.
        signature: Blob,
    },
    /// The chain took reserve without the hub's asking.
    Taken {
        /// Which asset.
        asset: AssetId,
        /// How much.
        amount: Amount,
        /// True when it went into a channel.
        into_channel: bool,
    },
    /// A settlement moved reserve (DP-5).
    Settled {
        /// Which asset.
        asset: AssetId,
        /// What the reserve gained.
        gained: Balance,
    },
}

/// The reserve and the operation that change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// The new reserve.
    pub reserve: Option<(AssetId, Reserve)>,
    /// The operation as it is now; `Done` and `Failed` ones leave the state.
    pub operation: Option<Operation>,
}

impl Depositary {
    /// Nothing there yet.
    pub fn new(signer: SignerId, entity: EntityId) -> Depositary {
        let (reserves, operations) = (BTreeMap::new(), BTreeMap::new());
        Depositary { entity, signer, reserves, operations, exposed: BTreeMap::new(), granting: BTreeMap::new() }
    }

    /// The reserve of an asset.
    pub fn reserve(&self, asset: AssetId) -> Reserve {
        self.reserves.get(&asset).copied().unwrap_or_default()
    }

    /// The reserve of an asset as if all that was promised in channels had come to pass (DP-2): what policies are asked about.
    pub fn promised(&self, asset: AssetId) -> Reserve {
        let more = |promised: &BTreeMap<AssetId, Amount>| promised.get(&asset).copied().unwrap_or_default();
        let reserve = self.reserve(asset);
        let owed = reserve.owed.0.saturating_add(more(&self.exposed).0);
        let granted = reserve.granted.0.saturating_add(more(&self.granting).0);
        Reserve { owed: Amount(owed), granted: Amount(granted), ..reserve }
    }

    /// DP-2: free without this much, if the minimum reserve stays whatever becomes of what was promised.
    fn debited(&self, asset: AssetId, amount: Amount, policy: &AssetPolicy) -> Result<Reserve, Rejection> {
        let Reserve { free, .. } = self.promised(asset).debit(amount, policy)?;
        Ok(Reserve { free, ..self.reserve(asset) })
    }

    /// EN-5: true when nothing is there, under way or owed.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty() && self.reserves.values().all(Reserve::is_empty)
    }

    fn known(&self, operation: &OperationId) -> Result<&Operation, Rejection> {
        self.operations.get(operation).ok_or(Rejection::UnknownOperation {})
    }

    fn begin(&self, operation: &Operation, policy: &AssetPolicy) -> Result<Reserve, Rejection> {
        if self.operations.contains_key(&operation.id) {
            return Err(Rejection::AlreadyExists {});
        }
        let reserve = self.reserve(operation.asset);
        match operation.kind {
            OperationKind::Deposit | OperationKind::Settle if operation.amount == Amount::ZERO => {
                Err(Rejection::AmountNotPositive {})
            }
            OperationKind::Deposit | OperationKind::Settle => Ok(reserve),
            OperationKind::Withdraw => {
                let debited = self.debited(operation.asset, operation.amount, policy)?;
                let withdrawing = debited.withdrawing.plus(operation.amount).ok_or(Rejection::OutOfRange {})?;
                Ok(Reserve { withdrawing, ..debited })
            }
            OperationKind::Allocate => {
                let debited = self.debited(operation.asset, operation.amount, policy)?;
                let allocating = debited.allocating.plus(operation.amount).ok_or(Rejection::OutOfRange {})?;
                Ok(Reserve { allocating, ..debited })
            }
        }
    }

    /// What was under way is no more: it arrived, or it is free again.
    fn end(&self, operation: &Operation, arrived: bool) -> Result<Reserve, Rejection> {
        let reserve = self.reserve(operation.asset);
        let out = Rejection::OutOfRange {};
        let amount = operation.amount;
        let free = if arrived { Some(reserve.free) } else { reserve.free.plus(amount) };
        match operation.kind {
            OperationKind::Deposit | OperationKind::Settle => Ok(reserve),
            OperationKind::Withdraw => {
                let withdrawing = reserve.withdrawing.minus(amount).ok_or(out.clone())?;
                Ok(Reserve { withdrawing, free: free.ok_or(out)?, ..reserve })
            }
            OperationKind::Allocate => {
                let allocating = reserve.allocating.minus(amount).ok_or(out.clone())?;
                let allocated = if arrived { reserve.allocated.plus(amount) } else { Some(reserve.allocated) };
                let (allocated, free) = (allocated.ok_or(out.clone())?, free.ok_or(out)?);
                Ok(Reserve { allocating, allocated, free, ..reserve })
            }
        }
    }

    fn ended(&self, id: &OperationId, status: OperationStatus) -> Result<Transition, Rejection> {
        let operation = self.known(id)?;
        let reserve = self.end(operation, status == OperationStatus::Done)?;
        let asset = operation.asset;
        let operation = Some(Operation { status, ..operation.clone() });
        Ok(Transition { reserve: Some((asset, reserve)), operation })
    }

    fn taken(&self, asset: AssetId, amount: Amount, into_channel: bool) -> Result<Reserve, Rejection> {
        let reserve = self.reserve(asset).taken(amount)?;
        if !into_channel {
            return Ok(reserve);
        }
        let allocated = reserve.allocated.plus(amount).ok_or(Rejection::OutOfRange {})?;
        Ok(Reserve { allocated, ..reserve })
    }
}

impl Machine for Depositary {
    const KIND: MachineKind = MachineKind::Depositary;
    type Message = Message;
    type Transition = Transition;

    fn id(&self) -> Hash {
        Hash(self.entity.0)
    }

    fn prefix(&self) -> Vec<u8> {
        Path::entity_prefix(self.signer, self.entity)
    }

    fn process(&self, _at: At, message: &Message) -> Result<Transition, Rejection> {
        let only =
            |asset: AssetId, reserve: Reserve| Ok(Transition { reserve: Some((asset, reserve)), operation: None });
        match message {
            Message::Deposited { asset, amount } => only(*asset, self.reserve(*asset).deposited(*amount)?),
            Message::Begin { operation, policy } => {
                let reserve = self.begin(operation, policy)?;
                Ok(Transition { reserve: Some((operation.asset, reserve)), operation: Some(operation.clone()) })
            }
            Message::Advance { operation, status, raw } => {
                let known = self.known(operation)?;
                let operation = Operation { status: *status, raw: raw.clone(), ..known.clone() };
                Ok(Transition { reserve: None, operation: Some(operation) })
            }
            Message::Countersigned { operation, signature } => {
                let known = self.known(operation)?;
                let (status, chain_signature) = (OperationStatus::Pending, signature.clone());
                let operation = Operation { status, chain_signature, ..known.clone() };
                Ok(Transition { reserve: None, operation: Some(operation) })
            }
            Message::Finish { operation } => self.ended(operation, OperationStatus::Done),
            Message::Fail { operation } => self.ended(operation, OperationStatus::Failed),
            Message::Taken { asset, amount, into_channel } => only(*asset, self.taken(*asset, *amount, *into_channel)?),
            Message::Settled { asset, gained } => only(*asset, self.reserve(*asset).settled(*gained)?),
        }
    }

    fn commit(&mut self, transition: Transition) {
        if let Some((asset, reserve)) = transition.reserve {
            self.reserves.insert(asset, reserve);
        }
        if let Some(operation) = transition.operation {
            match operation.status {
                OperationStatus::Done | OperationStatus::Failed => {
                    self.operations.remove(&operation.id);
                }
                _ => {
                    self.operations.insert(operation.id, operation);
                }
            }
        }
    }
}

//! EIP-712 digests of what a board decides on chain: the 32 bytes that each of its members signs as they stand.
//!
//! Pure. Domain: name `XLN`, version `1`, chain id, depositary (DP-5, CH-7). The contract computes the same; a test compares
//! the type hashes and the flows prove the digests.

use crate::bindings;
use alloy_primitives::{U256, keccak256};
use alloy_sol_types::{Eip712Domain, SolStruct, SolValue};
use std::borrow::Cow;
use xln_types::{Address, Amount, AssetId, Balance, ChannelId, EntityId, OperationId};

/// Most assets a settlement may move; the contract's `DIFFS_MAX` is the same.
pub const DIFFS_MAX: usize = 128;

/// Which depositary on which chain a signature is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Domain {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The contract that checks the signature.
    pub depositary: Address,
}

/// A payment out of an entity's reserve; `operation` counts once per entity (DP-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Withdrawal {
    /// Whose reserve pays.
    pub entity: EntityId,
    /// Which asset.
    pub asset: AssetId,
    /// Base units.
    pub amount: Amount,
    /// Who is paid.
    pub to: Address,
    /// Used once per entity.
    pub operation: OperationId,
    /// Last block time at which it counts, unix seconds.
    pub valid_until_s: u64,
}

/// Collateral for a channel out of an entity's reserve (DP-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// Which channel, with its epoch (N-6).
    pub channel: ChannelId,
    /// Whose reserve pays.
    pub entity: EntityId,
    /// Which asset.
    pub asset: AssetId,
    /// Base units.
    pub amount: Amount,
    /// Used once per entity.
    pub operation: OperationId,
    /// Last block time at which it counts, unix seconds.
    pub valid_until_s: u64,
}

/// What a settlement does in one asset: above zero that side's reserve gains, below zero it pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Diff {
    /// Which asset.
    pub asset: AssetId,
    /// For left's reserve.
    pub left: Balance,
    /// For right's reserve.
    pub right: Balance,
}

/// A settlement, signed by both boards (DP-5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Which channel.
    pub channel: ChannelId,
    /// At most [`DIFFS_MAX`].
    pub diffs: Vec<Diff>,
    /// Strictly rises per channel.
    pub counter: u64,
    /// Last block time at which it counts, unix seconds.
    pub valid_until_s: u64,
}

/// What a member of the entity's board signs for a withdrawal.
pub fn withdrawal(domain: &Domain, withdrawal: &Withdrawal) -> [u8; 32] {
    digest(domain, &bindings::Withdrawal::from(withdrawal))
}

/// What a member of the entity's board signs for an allocation.
pub fn allocation(domain: &Domain, allocation: &Allocation) -> [u8; 32] {
    digest(domain, &bindings::Allocation::from(allocation))
}

/// What members of both boards sign for a settlement.
pub fn settlement(domain: &Domain, settlement: &Settlement) -> [u8; 32] {
    digest(domain, &bindings::Settlement::from(settlement))
}

fn digest(domain: &Domain, signed: &impl SolStruct) -> [u8; 32] {
    signed.eip712_signing_hash(&eip712(domain)).0
}

fn eip712(domain: &Domain) -> Eip712Domain {
    Eip712Domain {
        name: Some(Cow::Borrowed("XLN")),
        version: Some(Cow::Borrowed("1")),
        chain_id: Some(U256::from(domain.chain_id)),
        verifying_contract: Some(domain.depositary.0.into()),
        salt: None,
    }
}

/// The asset id of N-4 for this chain.
pub fn asset_id(chain_id: u64, asset: &xln_types::Asset) -> AssetId {
    let token = alloy_primitives::Address::from(asset.contract.0);
    let preimage = (U256::from(chain_id), U256::from(asset.kind.number()), token, U256::from_be_bytes(asset.token_id));
    AssetId(keccak256(preimage.abi_encode()).0)
}

impl From<&Withdrawal> for bindings::Withdrawal {
    fn from(from: &Withdrawal) -> Self {
        bindings::Withdrawal {
            entity: from.entity.0.into(),
            asset: from.asset.0.into(),
            amount: U256::from(from.amount.0),
            to: from.to.0.into(),
            operation: from.operation.0.into(),
            validUntil: from.valid_until_s,
        }
    }
}

impl From<&Allocation> for bindings::Allocation {
    fn from(from: &Allocation) -> Self {
        bindings::Allocation {
            channel: from.channel.0.into(),
            entity: from.entity.0.into(),
            asset: from.asset.0.into(),
            amount: U256::from(from.amount.0),
            operation: from.operation.0.into(),
            validUntil: from.valid_until_s,
        }
    }
}

impl From<&Settlement> for bindings::Settlement {
    fn from(from: &Settlement) -> Self {
        let diff = |diff: &Diff| bindings::Diff {
            asset: diff.asset.0.into(),
            left: int256(diff.left),
            right: int256(diff.right),
        };
        bindings::Settlement {
            channel: from.channel.0.into(),
            diffs: from.diffs.iter().map(diff).collect(),
            counter: from.counter,
            validUntil: from.valid_until_s,
        }
    }
}

fn int256(balance: Balance) -> alloy_primitives::I256 {
    alloy_primitives::I256::unchecked_from(balance.0)
}

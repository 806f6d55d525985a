//! What the chain is asked to do: the calldata of each call, ready for a transaction or a simulation.

use crate::bindings::{self, IDepositary, IErc20};
use crate::digest::{Allocation, Settlement, Withdrawal};
use alloy_primitives::U256;
use alloy_sol_types::SolCall;
use xln_types::{Address, Amount, Asset, Board, EntityId};

/// One side's authority over a settlement.
#[derive(Clone, Debug)]
pub struct Authority<'a> {
    /// The entity.
    pub entity: EntityId,
    /// Its founding board.
    pub board: &'a Board,
    /// Packed 65-byte signatures, in ascending order of the signers.
    pub signatures: &'a [u8],
}

/// Puts `amount` of `asset` in the reserve of `entity`; the native coin travels as the transaction's value.
pub fn deposit(entity: EntityId, asset: &Asset, amount: Amount) -> Vec<u8> {
    IDepositary::depositCall { entity: entity.0.into(), asset: asset.into(), amount: U256::from(amount.0) }.abi_encode()
}

/// Lets `spender` take `amount` of the token that is called.
pub fn approve(spender: Address, amount: Amount) -> Vec<u8> {
    IErc20::approveCall { spender: spender.0.into(), amount: U256::from(amount.0) }.abi_encode()
}

/// Sends `amount` of the token that is called.
pub fn transfer(to: Address, amount: Amount) -> Vec<u8> {
    IErc20::transferCall { to: to.0.into(), amount: U256::from(amount.0) }.abi_encode()
}

/// Pays out of a reserve; `signatures` are packed 65 bytes each, in ascending order of the signers.
pub fn withdraw(withdrawal: &Withdrawal, board: &Board, signatures: &[u8]) -> Vec<u8> {
    IDepositary::withdrawCall { w: withdrawal.into(), board: board.into(), signatures: signatures.to_vec().into() }
        .abi_encode()
}

/// Turns reserve into collateral of the channel with `counterparty` (DP-1).
pub fn allocate(allocation: &Allocation, counterparty: EntityId, board: &Board, signatures: &[u8]) -> Vec<u8> {
    IDepositary::allocateCall {
        a: allocation.into(),
        counterparty: counterparty.0.into(),
        board: board.into(),
        signatures: signatures.to_vec().into(),
    }
    .abi_encode()
}

/// Moves between reserves and collateral by agreement of both sides (DP-5).
pub fn settle(settlement: &Settlement, left: &Authority<'_>, right: &Authority<'_>) -> Vec<u8> {
    IDepositary::settleCall {
        s: settlement.into(),
        left: left.entity.0.into(),
        right: right.entity.0.into(),
        leftBoard: bindings::Board::from(left.board),
        leftSignatures: left.signatures.to_vec().into(),
        rightBoard: bindings::Board::from(right.board),
        rightSignatures: right.signatures.to_vec().into(),
    }
    .abi_encode()
}

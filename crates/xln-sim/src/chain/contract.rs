//! The depositary as `contracts/src/Depositary.sol` behaves, and as much of tokens as it needs. Clauses stand in the contract's order.

use super::{CHAIN_ID, DEPOSITARY, Ledger, Slot, chain_address};
use alloy_primitives::{I256, Log, U256};
use alloy_sol_types::{SolCall, SolEvent};
use xln_chain::bindings::{IDepositary, IErc20};
use xln_chain::digest::{self, Allocation, Diff, Domain, Settlement, Withdrawal};
use xln_types::board::Member;
use xln_types::{AMOUNT_MAX, Address, Amount, Asset, AssetId, Balance, Board, ChannelId, EntityId, Hash, OperationId};

/// Which depositary signatures are for.
pub(crate) const DOMAIN: Domain = Domain { chain_id: CHAIN_ID, depositary: DEPOSITARY };

/// What a transaction does.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    /// Calls a contract with calldata and value.
    Contract { to: Address, value: i128, data: Vec<u8> },
    /// Someone of the simulator's people deposits, without going through a node.
    Deposit { entity: EntityId, asset: Asset, amount: i128 },
    /// Someone takes reserve out past its hub.
    Taken { entity: EntityId, asset: AssetId, amount: i128, operation: OperationId, to: Address },
}

/// Why it did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Revert(pub(crate) &'static str);

type Ran = Result<Vec<Log>, Revert>;

/// Runs a call in a block of this time.
pub(crate) fn run(ledger: &mut Ledger, from: Address, call: &Call, time_s: u64) -> Ran {
    match call {
        Call::Deposit { entity, asset, amount } => deposit(ledger, from, *entity, asset, *amount, *amount),
        Call::Taken { entity, asset, amount, operation, to } => {
            use_operation(ledger, *entity, *operation)?;
            pay_out(ledger, *entity, *asset, *amount, *operation, *to)
        }
        Call::Contract { to, value, data } if *to == DEPOSITARY => depositary(ledger, from, *value, data, time_s),
        Call::Contract { to, data, .. } => token(ledger, from, *to, data),
    }
}

fn token(ledger: &mut Ledger, from: Address, to: Address, data: &[u8]) -> Ran {
    let approve = IErc20::approveCall::abi_decode(data).map_err(|_| Revert("no such function"))?;
    let amount = number(approve.amount)?;
    ledger.set(Slot::Approved(from, xln_crypto::derive::asset_id(CHAIN_ID, &Asset::erc20(to))), amount);
    Ok(Vec::new())
}

fn depositary(ledger: &mut Ledger, from: Address, value: i128, data: &[u8], time_s: u64) -> Ran {
    if let Ok(call) = IDepositary::depositCall::abi_decode(data) {
        let asset = match (call.asset.kind, Address(call.asset.token.0.0)) {
            (0, Address::ZERO) => Asset::NATIVE,
            (1, token) => Asset::erc20(token),
            _ => return Err(Revert("UnsupportedKind")),
        };
        return deposit(ledger, from, EntityId(call.entity.0), &asset, number(call.amount)?, value);
    }
    if value != 0 {
        return Err(Revert("not payable"));
    }
    if let Ok(call) = IDepositary::withdrawCall::abi_decode(data) {
        return withdraw(ledger, &call, time_s);
    }
    if let Ok(call) = IDepositary::allocateCall::abi_decode(data) {
        return allocate(ledger, &call, time_s);
    }
    match IDepositary::settleCall::abi_decode(data) {
        Ok(call) => settle(ledger, &call, time_s),
        Err(_) => Err(Revert("no such function")),
    }
}

/// DP-3.
fn deposit(ledger: &mut Ledger, from: Address, entity: EntityId, asset: &Asset, amount: i128, value: i128) -> Ran {
    let id = xln_crypto::derive::asset_id(CHAIN_ID, asset);
    let is_native = *asset == Asset::NATIVE;
    if amount == 0 {
        return Err(Revert("ZeroAmount"));
    }
    if is_native && value != amount {
        return Err(Revert("WrongValue"));
    }
    if !is_native && from != Address::ZERO && value == 0 {
        let left = ledger.get(Slot::Approved(from, id)) - amount;
        if left < 0 {
            return Err(Revert("allowance"));
        }
        ledger.set(Slot::Approved(from, id), left);
    }
    move_held(ledger, id, from, DEPOSITARY, amount)?;
    let mut logs = Vec::new();
    if ledger.get(Slot::Registered(id)) == 0 {
        ledger.set(Slot::Registered(id), 1);
        let (kind, token) = (asset.kind.number(), chain_address(asset.contract));
        logs.push(log(&IDepositary::AssetRegistered { asset: id.0.into(), kind, token, tokenId: U256::ZERO }));
    }
    add_reserve(ledger, entity, id, amount)?;
    let from = chain_address(from);
    logs.push(log(&IDepositary::Deposited { entity: entity.0.into(), asset: id.0.into(), amount: word(amount), from }));
    Ok(logs)
}

fn withdraw(ledger: &mut Ledger, call: &IDepositary::withdrawCall, time_s: u64) -> Ran {
    let w = &call.w;
    let (entity, asset, amount) = (EntityId(w.entity.0), AssetId(w.asset.0), number(w.amount)?);
    let (to, operation) = (Address(w.to.0.0), OperationId(w.operation.0));
    if to == Address::ZERO || to == DEPOSITARY {
        return Err(Revert("InvalidRecipient"));
    }
    live(w.validUntil, time_s)?;
    let signed = Withdrawal {
        entity,
        asset,
        amount: Amount(amount.cast_unsigned()),
        to,
        operation,
        valid_until_s: w.validUntil,
    };
    authorised(ledger, entity, &call.board, digest::withdrawal(&DOMAIN, &signed), &call.signatures)?;
    use_operation(ledger, entity, operation)?;
    pay_out(ledger, entity, asset, amount, operation, to)
}

fn pay_out(
    ledger: &mut Ledger,
    entity: EntityId,
    asset: AssetId,
    amount: i128,
    operation: OperationId,
    to: Address,
) -> Ran {
    take_reserve(ledger, entity, asset, amount)?;
    move_held(ledger, asset, DEPOSITARY, to, amount)?;
    Ok(vec![log(&IDepositary::Withdrawn {
        entity: entity.0.into(),
        asset: asset.0.into(),
        operation: operation.0.into(),
        amount: word(amount),
        to: chain_address(to),
    })])
}

/// DP-1.
fn allocate(ledger: &mut Ledger, call: &IDepositary::allocateCall, time_s: u64) -> Ran {
    let a = &call.a;
    let (entity, peer, asset) = (EntityId(a.entity.0), EntityId(call.counterparty.0), AssetId(a.asset.0));
    let (channel, operation, amount) = (ChannelId(a.channel.0), OperationId(a.operation.0), number(a.amount)?);
    let is_left = entity < peer;
    its_channel(channel, entity.min(peer), entity.max(peer))?;
    live(a.validUntil, time_s)?;
    let valid_until_s = a.validUntil;
    let signed =
        Allocation { channel, entity, asset, amount: Amount(amount.cast_unsigned()), operation, valid_until_s };
    authorised(ledger, entity, &call.board, digest::allocation(&DOMAIN, &signed), &call.signatures)?;
    use_operation(ledger, entity, operation)?;
    take_reserve(ledger, entity, asset, amount)?;
    let held = in_range(ledger.get(Slot::Collateral(channel, asset)) + amount)?;
    ledger.set(Slot::Collateral(channel, asset), held);
    if is_left {
        let ondelta = in_range(ledger.get(Slot::Ondelta(channel, asset)) + amount)?;
        ledger.set(Slot::Ondelta(channel, asset), ondelta);
    }
    Ok(vec![log(&IDepositary::CollateralAdded {
        channel: channel.0.into(),
        asset: asset.0.into(),
        operation: operation.0.into(),
        entity: entity.0.into(),
        left: is_left,
        amount: word(amount),
    })])
}

/// DP-5.
fn settle(ledger: &mut Ledger, call: &IDepositary::settleCall, time_s: u64) -> Ran {
    let s = &call.s;
    let (channel, left, right) = (ChannelId(s.channel.0), EntityId(call.left.0), EntityId(call.right.0));
    its_channel(channel, left, right)?;
    live(s.validUntil, time_s)?;
    let counter = i128::from(s.counter);
    if counter <= ledger.get(Slot::Counter(channel)) {
        return Err(Revert("StaleCounter"));
    }
    let diff = |diff: &xln_chain::bindings::Diff| -> Result<Diff, Revert> {
        let gained = |number: I256| number.try_into().map(Balance).map_err(|_| Revert("OutOfRange"));
        Ok(Diff { asset: AssetId(diff.asset.0), left: gained(diff.left)?, right: gained(diff.right)? })
    };
    let diffs = s.diffs.iter().map(diff).collect::<Result<Vec<Diff>, Revert>>()?;
    if diffs.is_empty() || digest::DIFFS_MAX < diffs.len() {
        return Err(Revert("DiffCount"));
    }
    let signed = Settlement { channel, diffs, counter: s.counter, valid_until_s: s.validUntil };
    let digest = digest::settlement(&DOMAIN, &signed);
    authorised(ledger, left, &call.leftBoard, digest, &call.leftSignatures)?;
    authorised(ledger, right, &call.rightBoard, digest, &call.rightSignatures)?;
    ledger.set(Slot::Counter(channel), counter);
    let mut logs = Vec::new();
    for Diff { asset, left: to_left, right: to_right } in signed.diffs {
        let held = ledger.get(Slot::Collateral(channel, asset)) - to_left.0 - to_right.0;
        if held < 0 {
            return Err(Revert("InsufficientCollateral"));
        }
        ledger.set(Slot::Collateral(channel, asset), in_range(held)?);
        let ondelta = in_range(ledger.get(Slot::Ondelta(channel, asset)) - to_left.0)?;
        ledger.set(Slot::Ondelta(channel, asset), ondelta);
        for (side, gained) in [(left, to_left.0), (right, to_right.0)] {
            match gained {
                0 => {}
                1.. => add_reserve(ledger, side, asset, gained)?,
                _ => take_reserve(ledger, side, asset, -gained)?,
            }
        }
        logs.push(log(&IDepositary::Settled {
            channel: channel.0.into(),
            asset: asset.0.into(),
            counter: s.counter,
            leftDiff: I256::unchecked_from(to_left.0),
            rightDiff: I256::unchecked_from(to_right.0),
        }));
    }
    Ok(logs)
}

fn its_channel(channel: ChannelId, left: EntityId, right: EntityId) -> Result<(), Revert> {
    let expected = xln_crypto::derive::channel_id(CHAIN_ID, DEPOSITARY, left, right, 0);
    if left < right && channel == expected { Ok(()) } else { Err(Revert("WrongChannel")) }
}

fn live(valid_until_s: u64, time_s: u64) -> Result<(), Revert> {
    if time_s <= valid_until_s { Ok(()) } else { Err(Revert("Expired")) }
}

/// EN-6, for a board of one: its sole member signed.
fn authorised(
    ledger: &mut Ledger,
    entity: EntityId,
    board: &xln_chain::bindings::Board,
    digest: [u8; 32],
    signatures: &[u8],
) -> Result<(), Revert> {
    let unauthorised = Revert("Unauthorized");
    let ([member], [weight]) = (board.members.as_slice(), board.weights.as_slice()) else { return Err(unauthorised) };
    let member = Member { signer: Address(member.0.0).into(), weight: *weight };
    let named = Board { threshold: board.threshold, members: vec![member], salt: board.salt };
    if xln_crypto::derive::entity_id(&named) != entity {
        return Err(unauthorised);
    }
    // Seen before: a simulation, then the block.
    let seen = xln_crypto::keccak256([&digest[..], signatures, &member.signer.0].concat());
    if ledger.signed.contains(&seen) {
        return Ok(());
    }
    match xln_crypto::secp::recover(&Hash(digest), signatures) {
        Ok(signer) if signer == member.signer => {
            ledger.signed.insert(seen);
            Ok(())
        }
        _ => Err(unauthorised),
    }
}

/// DP-4: once per entity.
fn use_operation(ledger: &mut Ledger, entity: EntityId, operation: OperationId) -> Result<(), Revert> {
    if ledger.get(Slot::Used(entity, operation)) != 0 {
        return Err(Revert("OperationAlreadyUsed"));
    }
    ledger.set(Slot::Used(entity, operation), 1);
    Ok(())
}

fn add_reserve(ledger: &mut Ledger, entity: EntityId, asset: AssetId, amount: i128) -> Result<(), Revert> {
    let after = in_range(ledger.get(Slot::Reserve(entity, asset)) + amount)?;
    ledger.set(Slot::Reserve(entity, asset), after);
    Ok(())
}

fn take_reserve(ledger: &mut Ledger, entity: EntityId, asset: AssetId, amount: i128) -> Result<(), Revert> {
    let after = ledger.get(Slot::Reserve(entity, asset)) - amount;
    if amount == 0 || after < 0 {
        return Err(Revert("InsufficientReserve"));
    }
    ledger.set(Slot::Reserve(entity, asset), after);
    Ok(())
}

fn move_held(ledger: &mut Ledger, asset: AssetId, from: Address, to: Address, amount: i128) -> Result<(), Revert> {
    let after = ledger.get(Slot::Held(from, asset)) - amount;
    if after < 0 {
        return Err(Revert("insufficient balance"));
    }
    ledger.set(Slot::Held(from, asset), after);
    let after = ledger.get(Slot::Held(to, asset)) + amount;
    ledger.set(Slot::Held(to, asset), after);
    Ok(())
}

fn in_range(number: i128) -> Result<i128, Revert> {
    if number.unsigned_abs() <= AMOUNT_MAX { Ok(number) } else { Err(Revert("OutOfRange")) }
}

fn number(number: U256) -> Result<i128, Revert> {
    let number: u128 = number.try_into().map_err(|_| Revert("OutOfRange"))?;
    if number <= AMOUNT_MAX { Ok(number.cast_signed()) } else { Err(Revert("OutOfRange")) }
}

fn word(amount: i128) -> U256 {
    U256::from(amount.unsigned_abs())
}

fn log(event: &impl SolEvent) -> Log {
    Log { address: chain_address(DEPOSITARY), data: event.encode_log_data() }
}

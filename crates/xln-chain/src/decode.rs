//! From a log of the depositary to a fact. Unknown events are no facts; known ones that make no sense are errors, since
//! passing over one would lose money (DP-3).

use crate::bindings::IDepositary;
use crate::client::LogRecord;
use crate::error::ChainError;
use alloy_primitives::{B256, I256, U256};
use alloy_sol_types::SolEvent;
use xln_types::asset::AssetKind;
use xln_types::{
    Address, Amount, Asset, AssetId, Balance, ChainFact, ChannelId, EntityId, FactKind, FactPosition, OperationId, Side,
};

/// The fact that a log of the depositary states, if it states one.
pub(crate) fn fact(log: &LogRecord) -> Result<Option<ChainFact>, ChainError> {
    let topics: Vec<B256> = log.topics.iter().map(|topic| topic.0.into()).collect();
    let Some(kind) = kind(&topics, &log.data)? else { return Ok(None) };
    let at =
        FactPosition { block: log.block, log_index: log.log_index, block_hash: log.block_hash, chain_tx: log.chain_tx };
    Ok(Some(ChainFact { at, kind }))
}

fn kind(topics: &[B256], data: &[u8]) -> Result<Option<FactKind>, ChainError> {
    let Some(signature) = topics.first() else { return Ok(None) };
    let kind = match *signature {
        IDepositary::AssetRegistered::SIGNATURE_HASH => asset_registered(topics, data)?,
        IDepositary::Deposited::SIGNATURE_HASH => deposited(topics, data)?,
        IDepositary::Withdrawn::SIGNATURE_HASH => withdrawn(topics, data)?,
        IDepositary::CollateralAdded::SIGNATURE_HASH => collateral_added(topics, data)?,
        IDepositary::Settled::SIGNATURE_HASH => settled(topics, data)?,
        _ => return Ok(None),
    };
    Ok(Some(kind))
}

fn asset_registered(topics: &[B256], data: &[u8]) -> Result<FactKind, ChainError> {
    let event: IDepositary::AssetRegistered = decoded(topics, data)?;
    let kind = match event.kind {
        0 => AssetKind::Native,
        1 => AssetKind::Erc20,
        2 => AssetKind::Erc721,
        3 => AssetKind::Erc1155,
        _ => return Err(malformed("asset kind is 0 to 3")),
    };
    let asset = Asset { kind, contract: Address(event.token.0.0), token_id: event.tokenId.to_be_bytes() };
    Ok(FactKind::AssetRegistered { id: AssetId(event.asset.0), asset })
}

fn deposited(topics: &[B256], data: &[u8]) -> Result<FactKind, ChainError> {
    let event: IDepositary::Deposited = decoded(topics, data)?;
    Ok(FactKind::Deposited {
        entity: EntityId(event.entity.0),
        asset: AssetId(event.asset.0),
        amount: amount(event.amount)?,
        sender: Address(event.from.0.0),
    })
}

fn withdrawn(topics: &[B256], data: &[u8]) -> Result<FactKind, ChainError> {
    let event: IDepositary::Withdrawn = decoded(topics, data)?;
    Ok(FactKind::Withdrawn {
        entity: EntityId(event.entity.0),
        asset: AssetId(event.asset.0),
        amount: amount(event.amount)?,
        recipient: Address(event.to.0.0),
        operation: OperationId(event.operation.0),
    })
}

fn collateral_added(topics: &[B256], data: &[u8]) -> Result<FactKind, ChainError> {
    let event: IDepositary::CollateralAdded = decoded(topics, data)?;
    Ok(FactKind::CollateralAdded {
        channel: ChannelId(event.channel.0),
        entity: EntityId(event.entity.0),
        side: if event.left { Side::Left } else { Side::Right },
        asset: AssetId(event.asset.0),
        amount: amount(event.amount)?,
        operation: OperationId(event.operation.0),
    })
}

fn settled(topics: &[B256], data: &[u8]) -> Result<FactKind, ChainError> {
    let event: IDepositary::Settled = decoded(topics, data)?;
    Ok(FactKind::Settled {
        channel: ChannelId(event.channel.0),
        asset: AssetId(event.asset.0),
        counter: event.counter,
        left: balance(event.leftDiff)?,
        right: balance(event.rightDiff)?,
    })
}

/// Decodes strictly: what is read must be what the contract would have written.
fn decoded<E: SolEvent>(topics: &[B256], data: &[u8]) -> Result<E, ChainError> {
    E::decode_raw_log_validate(topics.iter().copied(), data).map_err(|_| malformed(E::SIGNATURE))
}

/// N-1: nothing on chain passes 2^120.
fn amount(number: U256) -> Result<Amount, ChainError> {
    let amount = number.try_into().map(Amount).ok().filter(|amount| amount.in_range());
    amount.ok_or_else(|| malformed("amount past 2^120"))
}

fn balance(number: I256) -> Result<Balance, ChainError> {
    let balance = number.try_into().map(Balance).ok().filter(|balance| balance.in_range());
    balance.ok_or_else(|| malformed("balance past 2^120"))
}

fn malformed(what: &str) -> ChainError {
    ChainError::malformed("eth_getLogs", what)
}

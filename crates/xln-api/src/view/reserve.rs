//! Reserves and operations on the chain.

use crate::text::AsText;
use crate::view::asset;
use schemars::JsonSchema;
use serde::Serialize;
use xln_machine::Server;
use xln_machine::depositary::{Operation, Reserve};
use xln_types::tx::AssetPolicy;
use xln_types::{Address, Amount, AssetId, Balance, ChannelId, EntityId, OperationId};

/// An entity's reserve of one asset.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ReserveView {
    /// The asset's id.
    id: AsText<AssetId>,
    /// Its symbol.
    symbol: String,
    /// On chain, less what is on its way out.
    free: AsText<Balance>,
    /// On its way into channels.
    allocating: AsText<Amount>,
    /// In channels' collateral.
    allocated: AsText<Amount>,
    /// On its way out.
    withdrawing: AsText<Amount>,
    /// Owed beyond collateral, over all channels.
    owed: AsText<Amount>,
    /// Granted to others, over all channels.
    granted: AsText<Amount>,
    /// What must stay free (DP-2).
    minimum: AsText<Amount>,
    /// What may leave now.
    available: AsText<Amount>,
}

impl ReserveView {
    /// A reserve as it is now.
    pub(crate) fn new(server: &Server, id: AssetId, reserve: &Reserve, policy: &AssetPolicy) -> ReserveView {
        ReserveView {
            id: AsText(id),
            symbol: asset::name(server, id),
            free: AsText(reserve.free),
            allocating: AsText(reserve.allocating),
            allocated: AsText(reserve.allocated),
            withdrawing: AsText(reserve.withdrawing),
            owed: AsText(reserve.owed),
            granted: AsText(reserve.granted),
            minimum: AsText(reserve.minimum(policy)),
            available: AsText(reserve.available(policy)),
        }
    }
}

/// An operation on the chain.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OperationView {
    /// Used once per entity on the chain.
    operation_id: AsText<OperationId>,
    /// `deposit`, `withdraw`, `allocate` or `settle`.
    kind: &'static str,
    /// `waiting`, `pending`, `sent`, `done` or `failed`.
    status: &'static str,
    entity_id: AsText<EntityId>,
    /// The asset's id.
    asset: AsText<AssetId>,
    /// Its symbol.
    symbol: String,
    amount: AsText<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel_id: Option<AsText<ChannelId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient: Option<AsText<Address>>,
    /// Until when it may be mined, unix seconds; absent where nothing ends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_until: Option<u64>,
    /// Unix seconds.
    created: u64,
}

impl OperationView {
    /// An operation as it is now.
    pub(crate) fn new(server: &Server, operation: &Operation) -> OperationView {
        OperationView {
            operation_id: AsText(operation.id),
            kind: operation.kind.name(),
            status: operation.status.name(),
            entity_id: AsText(operation.entity),
            asset: AsText(operation.asset),
            symbol: asset::name(server, operation.asset),
            amount: AsText(operation.amount),
            channel_id: (operation.channel != ChannelId::ZERO).then_some(AsText(operation.channel)),
            recipient: (operation.recipient != Address::ZERO).then_some(AsText(operation.recipient)),
            valid_until: (operation.valid_until_s != u64::MAX).then_some(operation.valid_until_s),
            created: operation.created_s,
        }
    }
}

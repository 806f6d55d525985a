//! Reserves: what an entity has on the chain, and its way into channels and back (DP-1, DP-5).

use super::VALIDITY_S;
use crate::access::Access;
use crate::call::Call;
use crate::error::ApiError;
use crate::method::{Method, get, post};
use crate::text::{AsText, AssetName};
use crate::view::reserve::ReserveView;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use xln_types::codec::Blob;
use xln_types::tx::{Allocate, Deallocate};
use xln_types::{Address, Amount, AssetId, Body, ChannelId, EntityId, Event, OperationId, Receipt, Rejection, TxHash};

pub(super) fn table() -> Vec<Method> {
    vec![
        Method::new(
            "reserve.get",
            52,
            Access::User,
            get("/entities/{entityId}/reserves"),
            "An entity's reserves by asset: free, on the way, in channels, owed.",
            reserves,
        ),
        Method::new(
            "reserve.allocate",
            53,
            Access::User,
            post("/entities/{entityId}/reserves/allocate"),
            "Moves free reserve into a channel's collateral. Debits at once; the collateral rises once the chain has \
             recorded it.",
            allocate,
        ),
        Method::new(
            "reserve.deallocate",
            54,
            Access::User,
            post("/entities/{entityId}/reserves/deallocate"),
            "Moves collateral back to the entity's reserve, with both sides' consent.",
            deallocate,
        ),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GetReserves {
    entity_id: AsText<EntityId>,
    /// Only this asset's.
    asset: Option<AsText<AssetName>>,
}

/// An entity's reserves.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Reserves {
    entity_id: AsText<EntityId>,
    /// By asset.
    reserves: BTreeMap<String, ReserveView>,
}

async fn reserves(call: Call, params: GetReserves) -> Result<Reserves, ApiError> {
    let id = params.entity_id.0;
    call.visible_entity(id).await.map_err(|error| error.with("field", "entityId"))?;
    let only = match &params.asset {
        Some(name) => Some(call.asset(&name.0, "asset").await?),
        None => None,
    };
    let found = call.read(move |server| {
        let (entity, depositary) = (server.entity(id)?, server.depositary_of(id)?);
        let view = |asset: AssetId| ReserveView::new(server, asset, &depositary.reserve(asset), &entity.policy(asset));
        let named = |asset: AssetId| (crate::view::asset::name(server, asset), view(asset));
        Some(match only {
            Some(asset) if server.asset(asset).is_none() => return Some(Err(Rejection::UnknownAsset {})),
            Some(asset) => Ok(BTreeMap::from([named(asset)])),
            None => Ok(depositary.reserves.keys().map(|asset| named(*asset)).collect()),
        })
    });
    match found.await? {
        Some(Ok(reserves)) => Ok(Reserves { entity_id: AsText(id), reserves }),
        Some(Err(rejection)) => Err(ApiError::from(&rejection).with("field", "asset")),
        None => Err(ApiError::from(&Rejection::UnknownEntity {}).with("field", "entityId")),
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Move {
    entity_id: AsText<EntityId>,
    channel_id: AsText<ChannelId>,
    asset: AsText<AssetName>,
    amount: AsText<Amount>,
}

/// An operation on the chain that was begun.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Begun {
    /// Ask `depositary.status` how far it is.
    operation_id: AsText<OperationId>,
    /// `pending`: the chain hasn't recorded it yet.
    status: &'static str,
    /// The transaction.
    hash: AsText<TxHash>,
}

impl Begun {
    /// The operation that a receipt tells of.
    pub(super) fn of(receipt: &Receipt) -> Result<Begun, ApiError> {
        let operation = receipt.logs.iter().find_map(|log| match log {
            Event::Operation { operation, .. } => Some(*operation),
            _ => None,
        });
        let missing = || ApiError::new(crate::Code::Internal, "receipt", "the receipt names no operation");
        let operation_id = AsText(operation.ok_or_else(missing)?);
        Ok(Begun { operation_id, status: "pending", hash: AsText(receipt.hash) })
    }
}

async fn allocate(call: Call, params: Move) -> Result<Begun, ApiError> {
    let acting = call.acting(params.entity_id.0).await.map_err(|error| error.with("field", "entityId"))?;
    let asset = call.asset(&params.asset.0, "asset").await?;
    let (channel, amount) = (params.channel_id.0, params.amount.0);
    let valid_until_s = call.api.now_s().saturating_add(VALIDITY_S);
    let body = Allocate { channel, asset, amount, valid_until_s, chain_signature: Blob::default() };
    Begun::of(&call.hosted(acting, Address::ZERO, Body::from(body), Amount::ZERO).await?)
}

async fn deallocate(call: Call, params: Move) -> Result<Begun, ApiError> {
    let acting = call.acting(params.entity_id.0).await.map_err(|error| error.with("field", "entityId"))?;
    let asset = call.asset(&params.asset.0, "asset").await?;
    let (channel, amount) = (params.channel_id.0, params.amount.0);
    let valid_until_s = call.api.now_s().saturating_add(VALIDITY_S);
    let body = Deallocate { channel, asset, amount, valid_until_s };
    Begun::of(&call.hosted(acting, Address::ZERO, Body::from(body), Amount::ZERO).await?)
}

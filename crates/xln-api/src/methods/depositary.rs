//! Money in and out, on the chain (DP-3, DP-4).

use super::VALIDITY_S;
use super::reserve::Begun;
use crate::access::Access;
use crate::call::Call;
use crate::error::ApiError;
use crate::method::{Method, post};
use crate::text::{AsText, AssetName};
use crate::view::reserve::OperationView;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use xln_types::codec::Blob;
use xln_types::tx::{Deposit, Withdraw};
use xln_types::{Address, Amount, Body, EntityId, OperationId, Rejection};

/// Most operations of one answer: those under way, and the newest that ended.
const OPERATIONS_MAX: usize = 100;

pub(super) fn table() -> Vec<Method> {
    vec![
        Method::new(
            "depositary.deposit",
            96,
            Access::User,
            post("/depositary/deposit"),
            "Sends a hosted signer's own coins or tokens to the depositary. The reserve grows once the chain has recorded \
             it, deep.",
            deposit,
        ),
        Method::new(
            "depositary.withdraw",
            97,
            Access::User,
            post("/depositary/withdraw"),
            "Takes free reserve out, on chain, to recipient. Debits at once; what certainly failed is restored.",
            withdraw,
        ),
        Method::new(
            "depositary.status",
            98,
            Access::User,
            post("/depositary/status"),
            "How far an operation is; or an entity's operations under way, and its newest that ended.",
            status,
        )
        .reading(),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DepositParams {
    entity_id: AsText<EntityId>,
    asset: AsText<AssetName>,
    amount: AsText<Amount>,
}

async fn deposit(call: Call, params: DepositParams) -> Result<Begun, ApiError> {
    let acting = call.acting(params.entity_id.0).await.map_err(|error| error.with("field", "entityId"))?;
    let asset = call.asset(&params.asset.0, "asset").await?;
    let body = Body::from(Deposit { asset, amount: params.amount.0 });
    Begun::of(&call.hosted(acting, Address::ZERO, body, Amount::ZERO).await?)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WithdrawParams {
    entity_id: AsText<EntityId>,
    asset: AsText<AssetName>,
    amount: AsText<Amount>,
    /// Who gets it on the chain.
    recipient: AsText<Address>,
}

async fn withdraw(call: Call, params: WithdrawParams) -> Result<Begun, ApiError> {
    if params.recipient.0 == Address::ZERO {
        let error = ApiError::invalid("recipient", "invalid_value", "nobody has the zero address");
        return Err(error.with("expected", "an address other than zero"));
    }
    let acting = call.acting(params.entity_id.0).await.map_err(|error| error.with("field", "entityId"))?;
    let asset = call.asset(&params.asset.0, "asset").await?;
    let (amount, recipient) = (params.amount.0, params.recipient.0);
    let valid_until_s = call.api.now_s().saturating_add(VALIDITY_S);
    let body = Withdraw { asset, amount, recipient, valid_until_s, chain_signature: Blob::default() };
    Begun::of(&call.hosted(acting, Address::ZERO, Body::from(body), Amount::ZERO).await?)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StatusParams {
    /// One operation.
    operation_id: Option<AsText<OperationId>>,
    /// Or all of one entity.
    entity_id: Option<AsText<EntityId>>,
}

/// Operations on the chain.
#[derive(Serialize, JsonSchema)]
struct Operations {
    operations: Vec<OperationView>,
}

async fn status(call: Call, params: StatusParams) -> Result<Operations, ApiError> {
    match (params.operation_id, params.entity_id) {
        (Some(id), None) => one(&call, id.0).await,
        (None, Some(entity)) => of_entity(&call, entity.0).await,
        _ => {
            let error = ApiError::invalid("operationId", "exclusive", "name an operation or an entity");
            Err(error.with("expected", "one of operationId and entityId"))
        }
    }
}

async fn one(call: &Call, id: OperationId) -> Result<Operations, ApiError> {
    let unknown = || ApiError::from(&Rejection::UnknownOperation {}).with("field", "operationId");
    let found = call.read(move |server| {
        server.operation(id).map(|operation| (operation.entity, OperationView::new(server, operation)))
    });
    let (entity, view) = found.await?.ok_or_else(unknown)?;
    call.visible_entity(entity).await.map_err(|_| unknown())?;
    Ok(Operations { operations: vec![view] })
}

async fn of_entity(call: &Call, entity: EntityId) -> Result<Operations, ApiError> {
    call.visible_entity(entity).await.map_err(|error| error.with("field", "entityId"))?;
    let operations = call.read(move |server| {
        let running = server.depositary_of(entity).map(|depositary| depositary.operations.values());
        let ended = server.ended_operations().filter(|operation| operation.entity == entity);
        let newest: Vec<_> = ended.collect();
        let newest = newest.into_iter().rev();
        let all = running.into_iter().flatten().chain(newest).take(OPERATIONS_MAX);
        all.map(|operation| OperationView::new(server, operation)).collect()
    });
    Ok(Operations { operations: operations.await? })
}

//! Entities: those who own, owe and decide (EN-1, EN-5).

use super::metadata_bytes;
use crate::access::Access;
use crate::call::Call;
use crate::error::{ApiError, Code};
use crate::method::{Method, get, post};
use crate::strict::{Object, RawObject};
use crate::text::{AsText, AssetName};
use crate::view::entity::{EntityItem, EntityView, StateView};
use crate::view::page::{PageOf, Pager, Pagination};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use xln_machine::Server;
use xln_machine::entity::Entity;
use xln_types::board::Member;
use xln_types::tx::{AssetPolicy, CreateEntity, DeleteEntity, UpdateEntity};
use xln_types::{Address, Amount, Body, EntityId, Event, Rejection, SignerId};

pub(super) fn table() -> Vec<Method> {
    vec![
        Method::new(
            "entity.create",
            32,
            Access::User,
            post("/entities"),
            "An entity of one of the caller's hosted signers. Boards of several (type multi) come later.",
            create,
        ),
        Method::new(
            "entity.list",
            33,
            Access::User,
            get("/entities"),
            "The caller's entities, oldest first; by signer if asked.",
            list,
        ),
        Method::new("entity.get", 34, Access::User, get("/entities/{entityId}"), "An entity.", one),
        Method::new(
            "entity.state",
            35,
            Access::User,
            get("/entities/{entityId}/state"),
            "What an entity has: balances over all channels, reserves, and how many channels.",
            state,
        ),
        Method::new(
            "entity.update",
            36,
            Access::User,
            post("/entities/{entityId}/update"),
            "New metadata, policies by asset (each replaces the asset's; an absent limit is unlimited), or whether \
             openings that cost nothing are accepted for it.",
            update,
        ),
        Method::new(
            "entity.delete",
            37,
            Access::User,
            post("/entities/{entityId}/delete"),
            "Ends an entity that has no channel, reserve, debt or hold left.",
            delete,
        ),
    ]
}

/// Of one signer, or of a board.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum EntityType {
    Single,
    Multi,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewEntity {
    signer_id: AsText<SignerId>,
    r#type: EntityType,
    /// The board's members, for type multi.
    validators: Option<Vec<AsText<Address>>>,
    /// The weight that carries a decision, for type multi.
    threshold: Option<u64>,
    /// Free, at most 4 KiB as JSON.
    metadata: Option<RawObject>,
}

/// A new entity.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct EntityCreated {
    entity_id: AsText<EntityId>,
    /// The last 20 bytes of the id.
    address: AsText<Address>,
}

async fn create(call: Call, params: NewEntity) -> Result<EntityCreated, ApiError> {
    if let EntityType::Multi = params.r#type {
        return Err(ApiError::not_available("an entity of type multi")
            .with("field", "type")
            .with("expected", "single"));
    }
    if params.validators.is_some() || params.threshold.is_some() {
        let field = if params.validators.is_some() { "validators" } else { "threshold" };
        return Err(ApiError::invalid(field, "not_for_single", "only a board of type multi names members"));
    }
    let signer = params.signer_id.0;
    let acting = call.acting_signer(signer).await.map_err(|error| error.with("field", "signerId"))?;
    let metadata = metadata_bytes(params.metadata.as_ref());
    // The salt is the creator's next free number: creations of one signer take turns.
    let lane = call.api.clone();
    let _turn = match lane.founding_lane(signer) {
        Some(lane) => Some(lane.lock().await),
        None => None,
    };
    let salt = call.read(move |server| server.signer(signer).map(|signer| signer.next_salt)).await?;
    let salt = salt.ok_or_else(|| ApiError::from(&Rejection::UnknownSigner {}))?;
    let body = CreateEntity { threshold: 1, members: vec![Member { signer, weight: 1 }], salt, metadata };
    let receipt = call.hosted(acting, Address::ZERO, Body::from(body), Amount::ZERO).await?;
    let created = receipt.logs.iter().find_map(|log| match log {
        Event::EntityCreated { entity } => Some(*entity),
        _ => None,
    });
    let entity = created.ok_or_else(|| ApiError::new(Code::Internal, "receipt", "the receipt names no entity"))?;
    Ok(EntityCreated { entity_id: AsText(entity), address: AsText(entity.address()) })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListEntities {
    /// Only this signer's.
    signer: Option<AsText<SignerId>>,
    /// From 1.
    page: Option<u64>,
    /// At most 1,000; 100 if absent.
    limit: Option<u64>,
    /// `pagination.next` of the page before, instead of `page`.
    cursor: Option<AsText<u64>>,
}

/// A page of entities.
#[derive(Serialize, JsonSchema)]
struct EntityList {
    entities: Vec<EntityItem>,
    pagination: Pagination,
}

/// Whether an account owns an entity.
fn owns(server: &Server, account: Address, entity: &Entity) -> bool {
    server.signer(entity.record.signer).is_some_and(|signer| signer.owner == account)
}

async fn list(call: Call, params: ListEntities) -> Result<EntityList, ApiError> {
    let of = PageOf::new(params.page, params.limit, params.cursor)?;
    let (caller, signer) = (call.caller()?, params.signer.map(|signer| signer.0));
    call.read(move |server| {
        let mut pager = Pager::new(of);
        for entity in server.entities() {
            let wanted = signer.is_none_or(|signer| signer == entity.record.signer);
            if wanted && (caller.role.sees_all() || owns(server, caller.account, entity)) {
                let number = server.entity_handle(entity.record.id).map_or(0, |handle| u64::from(handle.number()));
                pager.offer(number, || EntityItem::from(entity));
            }
        }
        let (entities, pagination) = pager.finish();
        EntityList { entities, pagination }
    })
    .await
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OneEntity {
    entity_id: AsText<EntityId>,
}

/// Asks about an entity that the caller may see.
async fn ask<T: Send + 'static>(
    call: &Call,
    id: EntityId,
    question: impl FnOnce(&Server, &Entity) -> T + Send,
) -> Result<T, ApiError> {
    call.visible_entity(id).await.map_err(|error| error.with("field", "entityId"))?;
    let found = call.read(move |server| server.entity(id).map(|entity| question(server, entity))).await?;
    found.ok_or_else(|| ApiError::from(&Rejection::UnknownEntity {}).with("field", "entityId"))
}

async fn one(call: Call, params: OneEntity) -> Result<EntityView, ApiError> {
    ask(&call, params.entity_id.0, EntityView::new).await
}

async fn state(call: Call, params: OneEntity) -> Result<StateView, ApiError> {
    ask(&call, params.entity_id.0, StateView::new).await
}

/// What an entity allows itself in one asset.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PolicyParams {
    /// Most credit granted to one counterparty.
    grant_max: Option<AsText<Amount>>,
    /// Most credit granted in all.
    grant_total_max: Option<AsText<Amount>>,
    /// Most owed beyond collateral.
    owed_max: Option<AsText<Amount>>,
    /// Millionths of what is owed that free reserve must cover.
    #[serde(default)]
    reserve_ppm: u64,
    /// Fee for a hop, fixed part.
    fee_base: Option<AsText<Amount>>,
    /// Fee for a hop, millionths of the amount.
    #[serde(default)]
    fee_ppm: u64,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UpdateParams {
    entity_id: AsText<EntityId>,
    /// Replaces the metadata; absent leaves it.
    metadata: Option<RawObject>,
    /// By asset.
    #[serde(default)]
    policies: BTreeMap<AsText<AssetName>, Object<PolicyParams>>,
    /// Whether openings that cost it nothing are accepted for it; absent leaves it.
    accepts_free: Option<bool>,
}

/// What the change was.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct EntityDone {
    entity_id: AsText<EntityId>,
    /// `updated` or `deleted`.
    status: &'static str,
    /// The transaction.
    hash: AsText<xln_types::TxHash>,
}

async fn update(call: Call, params: UpdateParams) -> Result<EntityDone, ApiError> {
    let entity_id = params.entity_id;
    let acting = call.acting(entity_id.0).await.map_err(|error| error.with("field", "entityId"))?;
    let mut policies = Vec::new();
    for (name, Object(policy)) in &params.policies {
        let asset = call.asset(&name.0, "policies").await?;
        let none = AssetPolicy::unlimited(asset);
        let limit = |given: Option<AsText<Amount>>, none: Amount| given.map_or(none, |given| given.0);
        policies.push(AssetPolicy {
            asset,
            grant_max: limit(policy.grant_max, none.grant_max),
            grant_total_max: limit(policy.grant_total_max, none.grant_total_max),
            owed_max: limit(policy.owed_max, none.owed_max),
            reserve_ppm: policy.reserve_ppm,
            fee_base: limit(policy.fee_base, none.fee_base),
            fee_ppm: policy.fee_ppm,
        });
    }
    let metadata = metadata_bytes(params.metadata.as_ref());
    let accepts_free = params.accepts_free.map_or(2, u8::from);
    let body = UpdateEntity { metadata, policies, accepts_free };
    let receipt = call.hosted(acting, Address::ZERO, Body::from(body), Amount::ZERO).await?;
    Ok(EntityDone { entity_id, status: "updated", hash: AsText(receipt.hash) })
}

async fn delete(call: Call, params: OneEntity) -> Result<EntityDone, ApiError> {
    let entity_id = params.entity_id;
    let acting = call.acting(entity_id.0).await.map_err(|error| error.with("field", "entityId"))?;
    let body = Body::from(DeleteEntity { entity: entity_id.0 });
    let receipt = call.hosted(acting, Address::ZERO, body, Amount::ZERO).await?;
    Ok(EntityDone { entity_id, status: "deleted", hash: AsText(receipt.hash) })
}

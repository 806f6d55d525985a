//! Signers and entities.

use crate::text::{AsText, hex};
use crate::view::{asset, free_bytes};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use xln_machine::Server;
use xln_machine::depositary::Reserve;
use xln_machine::entity::Entity;
use xln_machine::signer::Signer;
use xln_types::tx::AssetPolicy;
use xln_types::{Address, Amount, AssetId, Balance, EntityId, SignerId};

/// A signer.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SignerView {
    /// The address of its key.
    id: AsText<SignerId>,
    /// 33 bytes compressed; empty for the hub's own.
    public_key: String,
    /// The account that may act with it.
    owner: AsText<Address>,
    /// Whether the hub holds its key.
    hosted: bool,
    /// The nonce of its next transaction.
    nonce: AsText<u64>,
    /// The salt of its next entity.
    next_salt: AsText<u64>,
    /// How many entities it has.
    entities: u64,
    /// Unix seconds.
    created: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Value>")]
    metadata: Option<Box<RawValue>>,
}

impl From<&Signer> for SignerView {
    fn from(signer: &Signer) -> SignerView {
        SignerView {
            id: AsText(signer.id),
            public_key: hex(&signer.public_key.0),
            owner: AsText(signer.owner),
            hosted: signer.hosted == 1,
            nonce: AsText(signer.nonce),
            next_salt: AsText(signer.next_salt),
            entities: signer.entities,
            created: signer.created_s,
            metadata: free_bytes(&signer.metadata.0),
        }
    }
}

/// An entity in lists.
#[derive(Serialize, JsonSchema)]
pub(crate) struct EntityItem {
    id: AsText<EntityId>,
    /// The last 20 bytes of the id.
    address: AsText<Address>,
    /// `single` or `multi`.
    r#type: &'static str,
    /// Unix seconds.
    created: u64,
    /// How many channels it has that aren't over.
    channels: u64,
    /// The signer that created it.
    signer: AsText<SignerId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Value>")]
    metadata: Option<Box<RawValue>>,
}

impl From<&Entity> for EntityItem {
    fn from(entity: &Entity) -> EntityItem {
        let record = &entity.record;
        EntityItem {
            id: AsText(record.id),
            address: AsText(record.id.address()),
            r#type: if record.board.sole_member().is_some() { "single" } else { "multi" },
            created: record.created_s,
            channels: record.channels,
            signer: AsText(record.signer),
            metadata: free_bytes(&entity.metadata.0),
        }
    }
}

/// What an entity allows itself in one asset (DP-2).
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PolicyView {
    /// Most credit granted to one counterparty; absent is unlimited.
    #[serde(skip_serializing_if = "Option::is_none")]
    grant_max: Option<AsText<Amount>>,
    /// Most credit granted in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    grant_total_max: Option<AsText<Amount>>,
    /// Most owed beyond collateral.
    #[serde(skip_serializing_if = "Option::is_none")]
    owed_max: Option<AsText<Amount>>,
    /// Millionths of what is owed that free reserve must cover.
    reserve_ppm: u64,
    /// Fee for a hop, fixed part.
    fee_base: AsText<Amount>,
    /// Fee for a hop, millionths of the amount.
    fee_ppm: u64,
}

impl From<&AssetPolicy> for PolicyView {
    fn from(policy: &AssetPolicy) -> PolicyView {
        let limit = |amount: Amount| (amount != Amount(u128::MAX)).then_some(AsText(amount));
        PolicyView {
            grant_max: limit(policy.grant_max),
            grant_total_max: limit(policy.grant_total_max),
            owed_max: limit(policy.owed_max),
            reserve_ppm: policy.reserve_ppm,
            fee_base: AsText(policy.fee_base),
            fee_ppm: policy.fee_ppm,
        }
    }
}

/// An entity.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EntityView {
    #[serde(flatten)]
    item: EntityItem,
    /// The nonce of its next transaction.
    nonce: AsText<u64>,
    /// Whether openings that cost it nothing are accepted for it.
    accepts_free: bool,
    /// Whether the hub holds the key that acts for it.
    hosted: bool,
    /// The weight that carries a decision.
    threshold: u64,
    /// The founding board's members.
    validators: Vec<AsText<SignerId>>,
    /// Its policies, by asset.
    policies: BTreeMap<String, PolicyView>,
}

impl EntityView {
    /// An entity as it is now.
    pub(crate) fn new(server: &Server, entity: &Entity) -> EntityView {
        let record = &entity.record;
        let named = |policy: &AssetPolicy| (asset::name(server, policy.asset), PolicyView::from(policy));
        EntityView {
            item: EntityItem::from(entity),
            nonce: AsText(record.nonce),
            accepts_free: record.accepts_free == 1,
            hosted: server.hosts(record.id),
            threshold: record.board.threshold,
            validators: record.board.members.iter().map(|member| AsText(member.signer)).collect(),
            policies: entity.policies.iter().map(named).collect(),
        }
    }
}

/// How many channels an entity has.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ChannelCounts {
    /// Open ones.
    active: u64,
    /// All that aren't over.
    total: u64,
}

/// What an entity has (PRD 7.2.2).
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StateView {
    entity_id: AsText<EntityId>,
    /// Net owned over all channels, by asset.
    balances: BTreeMap<String, AsText<Balance>>,
    channels: ChannelCounts,
    /// Free and allocated, by asset.
    reserves: BTreeMap<String, AsText<Balance>>,
}

/// DP-1: reserve = free + allocated, what is on its way into channels included.
fn whole(reserve: &Reserve) -> Balance {
    let allocated = reserve.allocating.plus(reserve.allocated).and_then(Amount::owned);
    allocated.and_then(|allocated| reserve.free.sum(allocated)).unwrap_or(reserve.free)
}

impl StateView {
    /// An entity's state as it is now.
    pub(crate) fn new(server: &Server, entity: &Entity) -> StateView {
        let record = &entity.record;
        let none = BTreeMap::<AssetId, Reserve>::new();
        let reserves = server.depositary_of(record.id).map_or(&none, |depositary| &depositary.reserves);
        let by_asset = |of: fn(&Reserve) -> Balance| {
            reserves.iter().map(|(id, reserve)| (asset::name(server, *id), AsText(of(reserve)))).collect()
        };
        StateView {
            entity_id: AsText(record.id),
            balances: by_asset(|reserve| reserve.net),
            channels: ChannelCounts { active: record.channels_open, total: record.channels },
            reserves: by_asset(whole),
        }
    }
}

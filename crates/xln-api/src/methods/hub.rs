//! `hub.info`: who this hub is, open to all.

use crate::access::Access;
use crate::call::Call;
use crate::error::ApiError;
use crate::method::{Method, get};
use crate::text::AsText;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use xln_types::{Address, EntityId, Hash};

pub(super) fn table() -> Vec<Method> {
    vec![Method::new(
        "hub.info",
        1,
        Access::Open,
        get("/hub"),
        "Who this hub is, which chain and depositary it stands on, and its configuration without secrets. \
         The login message is `XLN login\\n<hubId>\\n<address>\\n<timestamp>`, signed as EIP-191 text.",
        info,
    )]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Who this hub is.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Info {
    /// The hub's entity: part of every login message and transaction hash.
    hub_id: AsText<EntityId>,
    /// Its entity's address.
    entity_address: AsText<Address>,
    /// Its signer: what receipts and blocks are signed by.
    hub_address: AsText<Address>,
    chain_id: u64,
    depositary: AsText<Address>,
    /// The chain's RPC, without credentials.
    rpc: String,
    /// How many blocks deep a fact must lie.
    confirmations: u64,
    /// The hub's clock, unix seconds.
    time: u64,
    /// The last block that was sealed.
    block: AsText<u64>,
    /// The state root of that block.
    state_root: AsText<Hash>,
    /// Unix seconds.
    created: u64,
    /// The program's version.
    version: &'static str,
    /// What is in force, secrets left out.
    configuration: BTreeMap<String, String>,
}

async fn info(call: Call, _: Nothing) -> Result<Info, ApiError> {
    let info = call.api.0.backend.info();
    let time = call.api.now_s();
    call.read(move |server| {
        let (genesis, hub) = (server.genesis(), server.hub_id());
        Info {
            hub_id: AsText(hub),
            entity_address: AsText(hub.address()),
            hub_address: AsText(genesis.hub_signer.address()),
            chain_id: genesis.chain_id,
            depositary: AsText(genesis.depositary),
            rpc: info.rpc,
            confirmations: info.confirmations,
            time,
            block: AsText(server.sealed_number()),
            state_root: AsText(Hash(server.tree().root())),
            created: genesis.created,
            version: info.version,
            configuration: info.configuration.into_iter().collect(),
        }
    })
    .await
}

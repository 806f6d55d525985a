//! A person who keeps its own key: signs transactions itself (TX-2) and hands them to the hub as bytes.

use super::people::{login, text};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};
use xln_client::{Client, ClientError, Key, key::hex};
use xln_crypto::derive;
use xln_types::board::Member;
use xln_types::codec::Blob;
use xln_types::tx::{AssetAmount, CreateEntity, DISPUTE_WINDOW_S_DEFAULT, DirectPayment, OpenChannel};
use xln_types::{Address, Amount, Asset, AssetId, Board, Body, ChannelId, EntityId, SignerId, Transaction};

/// What each side grants the other in ETH.
const GRANT: u128 = 1_000_000_000;

/// The person, with an entity and an open channel with the hub, in ETH, credit both ways.
pub(crate) struct Custody {
    pub(crate) client: Client,
    pub(crate) entity: EntityId,
    pub(crate) channel: ChannelId,
    /// The nonce of its entity's next transaction.
    pub(crate) nonce: u64,
    key: Key,
    chain_id: u64,
    hub: EntityId,
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

impl Custody {
    /// Enters a hub: signer, entity, channel; the hub's operator grants it credit.
    pub(crate) async fn enter(api: &str, account: usize, secret: [u8; 32]) -> Custody {
        let (client, operator) = (login(api, account).await, login(api, 0).await);
        let info = client.get("/hub").await.expect("info");
        let (chain_id, hub) = (info["chainId"].as_u64().expect("a number"), text(&info, "hubId"));
        let (hub, depositary): (EntityId, Address) =
            (hub.parse().expect("an id"), text(&info, "depositary").parse().expect("an address"));
        let key = Key::new(secret).expect("a key");
        let public = json!({ "publicKey": hex(&key.public_key()) });
        let _ = client.post("/signers", &public).await.expect("a signer");
        let signer = SignerId::from(key.address());
        let entity = derive::entity_id(&Board::single(signer, 0));
        let channel = derive::channel_id(chain_id, depositary, entity.min(hub), entity.max(hub), 0);
        let mut person = Custody { client, entity, channel, nonce: 0, key, chain_id, hub };
        let members = vec![Member { signer, weight: 1 }];
        let create = CreateEntity { threshold: 1, members, salt: 0, metadata: Blob::default() };
        let created = person.signed_from(signer.address(), 0, Address::ZERO, &Body::from(create));
        let _ = person.submit(&created).await.expect("an entity");
        let open = OpenChannel {
            peer: hub,
            collateral: vec![],
            grants: vec![AssetAmount { asset: person.eth(), amount: Amount(GRANT) }],
            requested: vec![],
            dispute_window_s: DISPUTE_WINDOW_S_DEFAULT,
            valid_until_s: now_s() + 3600,
            chain_signatures: vec![],
        };
        let opened = person.signed(0, hub, &Body::from(open));
        let _ = person.submit(&opened).await.expect("a channel");
        person.nonce = 1;
        let grant = json!({ "entityId": hub.to_string(), "asset": "ETH", "amount": GRANT.to_string() });
        let path = format!("/channels/{channel}/credit");
        let _ = operator.post(&path, &grant).await.expect("credit");
        person
    }

    fn eth(&self) -> AssetId {
        derive::asset_id(self.chain_id, &Asset::NATIVE)
    }

    /// The bytes of a payment of its entity with this nonce.
    pub(crate) fn payment(&self, nonce: u64, to: EntityId, amount: u128, memo: &str) -> String {
        let (asset, amount, memo) = (self.eth(), Amount(amount), Blob(memo.as_bytes().to_vec()));
        self.signed(nonce, to, &Body::from(DirectPayment { asset, amount, memo, route: Vec::new() }))
    }

    fn signed(&self, nonce: u64, to: EntityId, body: &Body) -> String {
        self.signed_from(self.entity.address(), nonce, to.address(), body)
    }

    fn signed_from(&self, from: Address, nonce: u64, to: Address, body: &Body) -> String {
        let (kind, data, fee, timestamp) = (body.kind(), body.to_data(), Amount::ZERO, now_s());
        let mut tx = Transaction { kind, from, to, nonce, data, fee, timestamp, signature: Blob::default() };
        self.key.sign_transaction(self.chain_id, self.hub, &mut tx).expect("signed");
        hex(&alloy_rlp::encode(tx))
    }

    /// Hands bytes over; its receipt.
    pub(crate) async fn submit(&self, bytes: &str) -> Result<Value, ClientError> {
        self.client.post("/transactions", &json!({ "transaction": bytes })).await
    }
}

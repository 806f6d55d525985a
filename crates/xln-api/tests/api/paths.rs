//! Which paths of the state tree a user may have proven: its own, and its channels'. A proof of absence shows another key.

use crate::client::{ALICE, BOB, Client, Hub, pair, toward};
use serde_json::{Value, json};
use xln_types::path::PATH_BYTES;
use xln_types::{AssetId, ChannelId, EntityId, OperationId, Path, SignerId};

async fn ids(client: &Client<'_>, entity: &str) -> (SignerId, EntityId) {
    let signer = client.get(&format!("/entities/{entity}")).await["signer"].as_str().expect("an id").to_owned();
    (signer.parse().expect("an id"), entity.parse().expect("an id"))
}

async fn refused(client: &Client<'_>, path: Path) -> (u64, String) {
    let (code, details) = client.refused("GET", &format!("/proofs/{path}"), json!({})).await;
    (code, details["reason"].as_str().expect("a reason").to_owned())
}

/// The other key that a proof of absence ends with, before its value's hash.
fn neighbour(file: &Value) -> Option<String> {
    let proof = file["evidence"]["state"]["proof"].as_str().expect("hex");
    let key = proof.len().saturating_sub(2 * (32 + PATH_BYTES));
    proof.starts_with("0x02").then(|| format!("0x{}", &proof[key..key + 2 * PATH_BYTES]))
}

/// ST-3: signer and entity in a path are the caller's word; only its own and its channels' real ones are proven.
#[tokio::test]
async fn a_channels_id_opens_no_other_path() {
    let hub = Hub::start().await;
    let (alice, bob) = (hub.login(ALICE).await, hub.login(BOB).await);
    let (a, b, channel) = pair(&alice, &bob, "100").await;
    let stranger = hub.login(21).await;
    let foreign = stranger.entity().await;
    hub.node.seal();
    let channel: ChannelId = channel.parse().expect("an id");
    let (a_ids, b_ids) = (ids(&alice, &a).await, ids(&bob, &b).await);
    let foreign = ids(&stranger, &foreign).await;
    let (left, right) = if toward(&a, &b) == "right" { (a_ids, b_ids) } else { (b_ids, a_ids) };
    let eth = crate::double::native();
    for (client, own, other) in [(&alice, a_ids, b_ids), (&bob, b_ids, a_ids)] {
        for open in [
            Path::channel(left.0, left.1, channel),
            Path::channel(right.0, right.1, channel),
            Path::line(left.0, left.1, channel, eth),
            Path::line(left.0, left.1, channel, AssetId([5; 32])),
            Path::asset(eth),
            Path::asset(AssetId([5; 32])),
            Path::SERVER,
            Path::signer(own.0),
            Path::reserve(own.0, own.1, AssetId([5; 32])),
        ] {
            let file = client.get(&format!("/proofs/{open}")).await;
            if let Some(shown) = neighbour(&file) {
                let prefix = |text: &str| text[..2 + 2 * 20].to_owned();
                assert_eq!(prefix(&shown), prefix(&open.to_string()), "a neighbour of the same signer");
            }
        }
        let mut beside = Path::channel(left.0, left.1, channel);
        beside.0[PATH_BYTES - 1] = 1;
        let mut closed = vec![
            Path::signer(other.0),
            Path::entity(other.0, other.1),
            Path::reserve(other.0, other.1, eth),
            Path::operation(other.0, other.1, OperationId(channel.0)),
            Path::channel(foreign.0, foreign.1, channel),
            Path::line(foreign.0, foreign.1, channel, eth),
            Path::channel(SignerId([7; 20]), left.1, channel),
            Path::channel(SignerId::ZERO, left.1, channel),
        ];
        if own.0 != left.0 {
            closed.push(Path::channel(left.0, right.1, channel));
        } else {
            closed.push(Path::channel(right.0, left.1, channel));
            closed.push(Path::line(right.0, right.1, channel, eth));
        }
        for path in closed {
            assert_eq!(refused(client, path).await, (4004, "unknown_record".to_owned()), "{path}");
        }
        assert_eq!(stranger.refused("GET", &format!("/proofs/{beside}"), json!({})).await.0, 4004);
    }
}

/// ST-2: a proof of absence ends at another key. While nothing of the caller's is in the block, that would be a stranger's.
#[tokio::test]
async fn what_is_not_sealed_yet_shows_no_neighbour() {
    let hub = Hub::start().await;
    let (alice, bob) = (hub.login(ALICE).await, hub.login(BOB).await);
    for _ in 0..8 {
        bob.entity().await;
    }
    hub.node.seal();
    let a = alice.entity().await;
    let (signer, entity) = ids(&alice, &a).await;
    let absent = Path::reserve(signer, entity, AssetId([5; 32]));
    assert_eq!(refused(&alice, absent).await, (4004, "not_sealed".to_owned()));
    let unsealed = pair(&alice, &bob, "1").await;
    let (left, owner) =
        if toward(&unsealed.0, &unsealed.1) == "right" { (&unsealed.0, &alice) } else { (&unsealed.1, &bob) };
    let other = if std::ptr::eq(owner, &alice) { &bob } else { &alice };
    let (left_signer, left_id) = ids(owner, left).await;
    let line = Path::channel(left_signer, left_id, unsealed.2.parse().expect("an id"));
    assert_eq!(refused(other, line).await, (4004, "not_sealed".to_owned()));
    hub.node.seal();
    let file = alice.get(&format!("/proofs/{absent}")).await;
    assert!(neighbour(&file).is_some_and(|shown| shown.starts_with(&signer.to_string())), "{file}");
    other.get(&format!("/proofs/{line}")).await;
}

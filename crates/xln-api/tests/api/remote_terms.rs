//! What two nodes agree on besides payments, and what proves it: dispute window, mailboxes, settlements, evidence.

use crate::client::{ALICE, BOB, Hub, OPERATOR, across, pair, toward};
use crate::double::native;
use serde_json::{Value, json};
use xln_api::evidence::OfflineProof;
use xln_types::chain::FactKind;
use xln_types::{Address, Balance, EntityId, Evidence};

const MAILBOX: &str = "0x00000000000000000000000000000000000000aa";

fn verified(file: &Value, signer: &Value) -> Evidence {
    let signer: Address =
        signer.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no address: {signer}"));
    match OfflineProof::read(format!("{file:#}").as_bytes()).expect("a file") {
        OfflineProof::Channel(file) => file.verify(signer).expect("proven"),
        OfflineProof::Block(_) => panic!("another kind"),
    }
}

/// CH-7: the newest state that the other side has signed proves itself with nothing but that side's address.
#[tokio::test]
async fn the_other_sides_signature_proves_the_channel() {
    let (home, away) = (Hub::start().await, Hub::start_other().await);
    let (alice, operator) = (home.login(ALICE).await, away.login(OPERATOR).await);
    let (a, channel) = across((&home, &away), (&alice, &operator)).await;
    let (hub, path) = (away.node.hub().to_string(), format!("/channels/{channel}"));
    let pay = json!({ "direction": toward(&a, &hub), "asset": "ETH", "amount": "30" });
    let sign = if toward(&a, &hub) == "right" { -1 } else { 1 };
    alice.post(&format!("{path}/pay"), pay).await;
    let lock = json!({ "channelId": channel, "asset": "ETH", "amount": "7", "hashlock": format!("0x{}", "0e".repeat(32)),
        "expiresAt": 1_800_003_600 });
    alice.post("/htlcs", lock).await;
    home.node.exchange(&away.node);
    for (client, signer, other) in [(&alice, &hub, &a), (&operator, &a, &hub)] {
        let shown = client.get(&path).await;
        let file = client.post(&format!("{path}/proof"), json!({})).await;
        let evidence = verified(&file, &shown["peer"]["signer"]);
        let (found, counterparty) = (evidence.signer_entity.to_string(), evidence.counterparty.to_string());
        assert_eq!((&found, &counterparty), (signer, other));
        assert_eq!(evidence.proof.nonce.to_string(), shown["frames"]["nonce"].as_str().expect("a nonce"));
        assert_eq!(evidence.offdeltas.iter().map(|entry| entry.offdelta).collect::<Vec<_>>(), [Balance(30 * sign)]);
        assert_eq!(evidence.htlcs.len(), 1);
    }
    // What is drafted isn't in it: nobody there has signed it.
    alice.post(&format!("{path}/pay"), json!({ "direction": toward(&a, &hub), "asset": "ETH", "amount": "1" })).await;
    let file = alice.post(&format!("{path}/proof"), json!({})).await;
    assert_eq!(file["offdeltas"][0]["offdelta"], (30 * sign).to_string());
    assert_eq!(home.login(21).await.refused("POST", &format!("{path}/proof"), json!({})).await.0, 4004);
}

#[tokio::test]
async fn a_channel_without_the_others_signature_says_why_it_has_no_proof() {
    let (home, away) = (Hub::start().await, Hub::start_other().await);
    let (alice, bob) = (home.login(ALICE).await, home.login(BOB).await);
    let (a, _, channel) = pair(&alice, &bob, "10").await;
    let (code, details) = alice.refused("POST", &format!("/channels/{channel}/proof"), json!({})).await;
    assert_eq!((code, &details["reason"], &details["field"]), (4009, &json!("no_frames"), &json!("channelId")));
    assert!(details["expected"].as_str().is_some_and(|text| text.contains("proof.get")), "{details}");
    home.node.meet(&away.node);
    let opened = alice.post("/channels", json!({ "entityA": a, "entityB": away.node.hub().to_string() })).await;
    let path = format!("/channels/{}/proof", opened["channelId"].as_str().expect("an id"));
    let (code, details) = alice.refused("POST", &path, json!({})).await;
    assert_eq!((code, &details["reason"]), (4201, &json!("nothing_signed")));
    let (code, details) = alice.refused("POST", &path, json!({ "nonce": "1" })).await;
    assert_eq!((code, &details["reason"]), (4000, &json!("unknown_field")));
}

/// CH-16: a mailbox is its side's own; a window takes effect once both have asked for the same.
#[tokio::test]
async fn a_window_takes_effect_once_both_ask_for_it() {
    let (home, away) = (Hub::start().await, Hub::start_other().await);
    let (alice, operator) = (home.login(ALICE).await, away.login(OPERATOR).await);
    let (a, channel) = across((&home, &away), (&alice, &operator)).await;
    let side = toward(&away.node.hub().to_string(), &a);
    let path = format!("/channels/{channel}/update");
    let done = alice.post(&path, json!({ "mailbox": MAILBOX })).await;
    assert_eq!((&done["status"], &done["side"], &done["mailbox"]), (&json!("pending"), &json!(side), &json!(MAILBOX)));
    home.node.exchange(&away.node);
    let asked = alice.post(&path, json!({ "disputeWindow": 3600 })).await;
    assert_eq!(
        (&asked["disputeWindow"], &asked["disputeWindowAsked"], &asked["mailbox"]),
        (&json!(86_400), &json!(3600), &json!(MAILBOX))
    );
    home.node.exchange(&away.node);
    let shown = operator.get(&format!("/channels/{channel}")).await;
    assert_eq!(shown["terms"][side], json!({ "mailbox": MAILBOX, "disputeWindowAsked": 3600 }));
    operator.post(&path, json!({ "disputeWindow": 3600 })).await;
    away.node.exchange(&home.node);
    for client in [&alice, &operator] {
        let shown = client.get(&format!("/channels/{channel}")).await;
        assert_eq!((&shown["disputeWindow"], &shown["terms"][side]), (&json!(3600), &json!({ "mailbox": MAILBOX })));
    }
    let none = alice.post(&path, json!({ "mailbox": "0x0000000000000000000000000000000000000000" })).await;
    assert!(none.get("mailbox").is_none(), "{none}");
    for (body, code, reason, field) in [
        (json!({}), 4100, "nothing_asked", "disputeWindow"),
        (json!({ "disputeWindow": 0 }), 4100, "window_outside", "disputeWindow"),
        (json!({ "disputeWindow": 59 }), 4100, "window_outside", "disputeWindow"),
        (json!({ "mailbox": "0x1" }), 4100, "invalid_value", "mailbox"),
        (json!({ "window": 60 }), 4000, "unknown_field", "window"),
    ] {
        let (found, details) = alice.refused("POST", &path, body.clone()).await;
        assert_eq!((found, &details["reason"], &details["field"]), (code, &json!(reason), &json!(field)), "{body}");
    }
    assert_eq!(home.login(21).await.refused("POST", &path, json!({ "mailbox": MAILBOX })).await.0, 4004);
}

/// Where both sides are here, what both ask for takes effect at once.
#[tokio::test]
async fn two_sides_of_one_node_agree_at_once() {
    let hub = Hub::start().await;
    let (alice, bob) = (hub.login(ALICE).await, hub.login(BOB).await);
    let (_, _, channel) = pair(&alice, &bob, "10").await;
    let path = format!("/channels/{channel}/update");
    let asked = alice.post(&path, json!({ "disputeWindow": 3600 })).await;
    assert_eq!((&asked["status"], &asked["disputeWindow"]), (&json!("completed"), &json!(86_400)));
    let done = bob.post(&path, json!({ "disputeWindow": 3600 })).await;
    assert_eq!((&done["disputeWindow"], done.get("disputeWindowAsked")), (&json!(3600), None));
    let shown = alice.get(&format!("/channels/{channel}")).await;
    assert!(shown.get("peer").is_none() && shown.get("frames").is_none(), "{shown}");
}

/// DP-5: back to the caller's own reserve, and no more than its share.
#[tokio::test]
async fn a_settlement_takes_no_more_than_ones_share() {
    let hub = Hub::start().await;
    let (alice, bob) = (hub.login(ALICE).await, hub.login(BOB).await);
    let (a, _, channel) = pair(&alice, &bob, "0").await;
    let entity: EntityId = a.parse().expect("an id");
    hub.node.deposit(entity, 100);
    let move_in = json!({ "channelId": channel, "asset": "ETH", "amount": "60" });
    let begun = alice.post(&format!("/entities/{a}/reserves/allocate"), move_in).await;
    let side = if alice.get(&format!("/channels/{channel}")).await["left"] == a.as_str() {
        xln_types::Side::Left
    } else {
        xln_types::Side::Right
    };
    hub.node.fact(FactKind::CollateralAdded {
        channel: channel.parse().expect("an id"),
        entity,
        side,
        asset: native(),
        amount: xln_types::Amount(60),
        operation: begun["operationId"].as_str().and_then(|id| id.parse().ok()).expect("an id"),
    });
    let path = format!("/channels/{channel}/settle");
    let (code, details) = alice.refused("POST", &path, json!({ "asset": "ETH", "amount": "61" })).await;
    assert_eq!((code, &details["reason"], &details["available"]), (4200, &json!("insufficient_share"), &json!("60")));
    let settled = alice.post(&path, json!({ "asset": "ETH", "amount": "20" })).await;
    assert_eq!(settled["status"], "pending");
    let status = json!({ "operationId": settled["operationId"] });
    assert_eq!(alice.post("/depositary/status", status).await["operations"][0]["amount"], "20");
    assert_eq!(alice.get(&format!("/channels/{channel}")).await["assets"]["ETH"]["held"][side.to_string()], "20");
    assert_eq!(
        bob.refused("POST", &path, json!({ "asset": "ETH", "amount": "1" })).await.0,
        4200,
        "it owns none of it"
    );
    assert_eq!(hub.login(21).await.refused("POST", &path, json!({ "asset": "ETH", "amount": "1" })).await.0, 4004);
    for verb in ["close", "dispute"] {
        assert_eq!(alice.refused("POST", &format!("/channels/{channel}/{verb}"), json!({})).await.0, 4010);
    }
}

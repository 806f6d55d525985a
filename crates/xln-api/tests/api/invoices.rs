//! Invoices: asked for, shown to their payee alone, and their preimage to nobody before they are paid.

use crate::client::{ALICE, AUDITOR, BOB, Hub};
use crate::double::native;
use serde_json::{Value, json};
use xln_crypto::frames::hashlock;
use xln_types::chain::FactKind;
use xln_types::{EntityId, Hash, Path, SignerId};

const NOW_S: u64 = 1_800_000_000;

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("no {field}: {value}"))
}

#[tokio::test]
async fn an_invoice_is_asked_for_and_shown_to_its_payee() {
    let hub = Hub::start().await;
    let (alice, bob, auditor) = (hub.login(ALICE).await, hub.login(BOB).await, hub.login(AUDITOR).await);
    let b = bob.entity().await;
    let wish = json!({ "entityId": b, "asset": "ETH", "amount": "30", "memo": "tea" });
    let made = bob.post("/invoices", wish).await;
    assert_eq!(made["invoiceId"], made["hashlock"]);
    assert_eq!(
        (&made["payee"], &made["node"], &made["amount"], &made["symbol"], &made["memo"], &made["status"]),
        (&json!(b), &json!(hub.node.hub().to_string()), &json!("30"), &json!("ETH"), &json!("tea"), &json!("open"))
    );
    assert_eq!(
        (&made["asset"], &made["expiresAt"], &made["created"]),
        (&json!(native().to_string()), &json!(NOW_S + 3600), &json!(NOW_S))
    );
    assert!(text(&made, "invoice").starts_with("xln1") && made.get("preimage").is_none(), "{made}");
    let path = format!("/invoices/{}", text(&made, "invoiceId"));
    for client in [&bob, &auditor] {
        assert_eq!(client.get(&path).await, made);
        assert_eq!(client.get(&format!("/invoices?entity={b}&status=open")).await["invoices"], json!([made]));
    }
    let later = bob.post("/invoices", json!({ "entityId": b, "asset": "ETH", "amount": "1", "expiresIn": 60 })).await;
    assert_eq!(later["expiresAt"], NOW_S + 60);
    let given =
        bob.post("/invoices", json!({ "entityId": b, "asset": "ETH", "amount": "1", "expiresAt": NOW_S + 9 })).await;
    assert_eq!(given["expiresAt"], NOW_S + 9);
    let page = bob.get("/invoices?limit=2").await;
    assert_eq!((&page["pagination"]["total"], page["invoices"].as_array().map(Vec::len)), (&json!(3), Some(2)));
    let rest = bob.get(&format!("/invoices?limit=2&cursor={}", text(&page["pagination"], "next"))).await;
    assert_eq!(rest["invoices"].as_array().map(Vec::len), Some(1));
    assert_eq!(alice.get("/invoices").await["pagination"]["total"], 0);
    assert_eq!(alice.get(&format!("/invoices?entity={b}")).await["pagination"]["total"], 0);
    for (client, path) in [(&alice, path.clone()), (&bob, format!("/invoices/0x{}", "99".repeat(32)))] {
        let (code, details) = client.refused("GET", &path, json!({})).await;
        assert_eq!(
            (code, &details["reason"], &details["field"]),
            (4004, &json!("unknown_invoice"), &json!("invoiceId"))
        );
    }
    let fresh = hub.restarted().await;
    let again = fresh.login(BOB).await;
    assert_eq!(again.get(&path).await, made);
}

/// Nobody who could claim on the way reads what an open invoice is claimed with: not in receipts, not in proofs.
#[tokio::test]
async fn the_preimage_is_shown_to_nobody_before_it_is_paid() {
    let hub = Hub::start().await;
    let (bob, auditor) = (hub.login(BOB).await, hub.login(AUDITOR).await);
    let b = bob.entity().await;
    let made = bob.post("/invoices", json!({ "entityId": b, "asset": "ETH", "amount": "30" })).await;
    let hash = text(&made, "hashlock");
    let receipts = hub.node.receipts();
    let receipt = receipts.last().expect("one");
    // The double's randomness is no secret.
    let preimage =
        (0..=255_u8).map(|byte| Hash([byte; 32])).find(|it| hashlock(it).to_string() == hash).expect("found");
    let secret = preimage.to_string();
    let signer: SignerId = text(&bob.get(&format!("/entities/{b}")).await, "signer").parse().expect("an id");
    let record = Path::invoice(signer, b.parse::<EntityId>().expect("an id"), hash.parse().expect("a hash"));
    hub.node.seal();
    for client in [&bob, &auditor] {
        let shown = client.get(&format!("/transactions/{}", receipt.hash)).await;
        assert_eq!(shown["logs"][0]["type"], "invoice_created");
        assert!(!shown.to_string().contains(&secret[2..]), "{shown}");
        assert_eq!(client.refused("GET", &format!("/proofs/{}", receipt.hash), json!({})).await.0, 4003);
        assert_eq!(client.refused("GET", &format!("/proofs/{record}"), json!({})).await.0, 4004);
    }
}

#[tokio::test]
async fn an_invoice_that_cannot_be_is_refused() {
    let hub = Hub::start().await;
    let (alice, bob) = (hub.login(ALICE).await, hub.login(BOB).await);
    let b = bob.entity().await;
    let with = |field: &str, value: Value| {
        let mut body = json!({ "entityId": b, "asset": "ETH", "amount": "30" });
        body[field] = value;
        body
    };
    for (body, code, reason, field) in [
        (with("amount", json!("0")), 4100, "amount_not_positive", "amount"),
        (with("amount", json!(3)), 4100, "invalid_value", "amount"),
        (with("asset", json!("DOGE")), 4004, "unknown_asset", "asset"),
        (with("expiresAt", json!(NOW_S)), 4100, "expiry_outside", "expiresAt"),
        (with("expiresIn", json!(0)), 4100, "expiry_outside", "expiresIn"),
        (with("expiresIn", json!(31 * 24 * 3600)), 4100, "expiry_outside", "expiresIn"),
        (with("memo", json!("x".repeat(257))), 4013, "too_large", "memo"),
        (with("preimage", json!("0x00")), 4000, "unknown_field", "preimage"),
    ] {
        let (found, details) = bob.refused("POST", "/invoices", body.clone()).await;
        assert_eq!((found, &details["reason"], &details["field"]), (code, &json!(reason), &json!(field)), "{body}");
    }
    let mut both = with("expiresAt", json!(NOW_S + 5));
    both["expiresIn"] = json!(5);
    assert_eq!(bob.refused("POST", "/invoices", both).await.1["reason"], "exclusive");
    let (code, details) = alice.refused("POST", "/invoices", with("memo", json!("mine"))).await;
    assert_eq!((code, &details["reason"], &details["field"]), (4004, &json!("unknown_entity"), &json!("entityId")));
    // Once asked for by the same request id, it is asked for once.
    let bearer = format!("Bearer {}", bob.token);
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", "one-invoice-only")];
    let body = with("memo", json!("once")).to_string();
    let send = async || hub.http("POST", "/api/v1/invoices", &headers, &body).await.json();
    assert_eq!(send().await, send().await);
    assert_eq!(bob.get("/invoices").await["pagination"]["total"], 1);
}

/// An invoice ends by the time that the chain tells.
#[tokio::test]
async fn an_invoice_expires() {
    let hub = Hub::start().await;
    let bob = hub.login(BOB).await;
    let b = bob.entity().await;
    let made = bob.post("/invoices", json!({ "entityId": b, "asset": "ETH", "amount": "1", "expiresIn": 60 })).await;
    hub.node.advance_s(61);
    let path = format!("/invoices/{}", text(&made, "invoiceId"));
    assert_eq!(bob.get(&path).await["status"], "expired");
    hub.node.fact(FactKind::Time { timestamp: NOW_S + 62 });
    let shown = bob.get(&path).await;
    assert_eq!((&shown["status"], shown.get("preimage")), (&json!("expired"), None));
    assert_eq!(bob.get("/invoices?status=expired").await["invoices"], json!([shown]));
    assert_eq!(bob.get("/invoices?status=open").await["pagination"]["total"], 0);
}

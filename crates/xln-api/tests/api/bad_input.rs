//! What bad input gets: a typed error that says what would have worked, the state unchanged, the connection alive.

use crate::client::{ALICE, BOB, Hub, pair, toward};
use crate::double::CHAIN_ID;
use crate::events::{founding, own_signer};
use serde_json::{Value, json};
use xln_crypto::{derive, verify};
use xln_types::codec::Blob;
use xln_types::{EntityId, Transaction};

/// N-2 and the list of issue 2, by REST: code, reason, field.
#[tokio::test]
async fn bad_requests_change_nothing_and_explain() {
    let hub = Hub::start().await;
    let (alice, bob) = (hub.login(ALICE).await, hub.login(BOB).await);
    let (a, b, channel) = pair(&alice, &bob, "100").await;
    let signer = alice.get("/signers").await["signers"][0]["id"].clone();
    let none = format!("0x{}", "0".repeat(64));
    let direction = toward(&a, &b);
    let pay = |amount: Value| json!({ "direction": direction, "asset": "ETH", "amount": amount }).to_string();
    let pay_path = format!("/channels/{channel}/pay");
    let mut cases: Vec<(&str, String, String, u64, &str, Value)> = Vec::new();
    for text in ["-1", "+1", "1e3", "0x1", " 1", "1 ", "", "01", "1.0", "١", &format!("1{}", "0".repeat(40))] {
        cases.push(("POST", pay_path.clone(), pay(json!(text)), 4100, "invalid_value", json!("amount")));
    }
    cases.extend([
        ("POST", pay_path.clone(), pay(json!(1)), 4100, "invalid_value", json!("amount")),
        (
            "POST",
            pay_path.clone(),
            pay(json!((1_u128 << 120).to_string() + "0")),
            4100,
            "invalid_value",
            json!("amount"),
        ),
        ("POST", pay_path.clone(), pay(json!("0")), 4100, "amount_not_positive", Value::Null),
        ("POST", pay_path.clone(), pay(json!("101")), 4200, "insufficient_funds", Value::Null),
        ("POST", pay_path.clone(), "{".to_owned(), 4000, "malformed", Value::Null),
        ("POST", pay_path.clone(), "[]".to_owned(), 4000, "malformed", Value::Null),
        ("POST", pay_path.clone(), "nonsense".to_owned(), 4000, "malformed", Value::Null),
        ("POST", pay_path.clone(), "{}".to_owned(), 4000, "missing_field", json!("direction")),
        (
            "POST",
            pay_path.clone(),
            json!({ "direction": direction, "asset": "ETH", "amount": "1", "x": 1 }).to_string(),
            4000,
            "unknown_field",
            json!("x"),
        ),
        (
            "POST",
            pay_path.clone(),
            json!({ "channelId": channel, "direction": direction, "asset": "ETH", "amount": "1" }).to_string(),
            4000,
            "duplicate_field",
            json!("channelId"),
        ),
        (
            "POST",
            pay_path.clone(),
            json!({ "direction": "up", "asset": "ETH", "amount": "1" }).to_string(),
            4100,
            "invalid_value",
            json!("direction"),
        ),
        (
            "POST",
            pay_path.clone(),
            json!({ "direction": direction, "asset": "NONE", "amount": "1" }).to_string(),
            4004,
            "unknown_asset",
            json!("asset"),
        ),
        (
            "POST",
            pay_path.clone(),
            json!({ "direction": direction, "asset": none, "amount": "1" }).to_string(),
            4004,
            "unknown_asset",
            json!("asset"),
        ),
        (
            "POST",
            pay_path.clone(),
            json!({ "direction": direction, "asset": "a b", "amount": "1" }).to_string(),
            4100,
            "invalid_value",
            json!("asset"),
        ),
        (
            "POST",
            pay_path,
            json!({ "direction": direction, "asset": "ETH", "amount": "1", "memo": "x".repeat(257) }).to_string(),
            4013,
            "too_large",
            Value::Null,
        ),
        ("POST", format!("/channels/{none}/pay"), pay(json!("1")), 4004, "unknown_channel", json!("channelId")),
        ("POST", "/channels/0x12/pay".to_owned(), pay(json!("1")), 4100, "invalid_value", json!("channelId")),
        ("GET", format!("/entities/{none}"), String::new(), 4004, "unknown_entity", json!("entityId")),
        ("GET", "/entities/xyz".to_owned(), String::new(), 4100, "invalid_value", json!("entityId")),
        ("GET", "/entities?page=0".to_owned(), String::new(), 4100, "out_of_range", json!("page")),
        ("GET", "/entities?page=-1".to_owned(), String::new(), 4100, "invalid_value", json!("page")),
        ("GET", "/entities?limit=1001".to_owned(), String::new(), 4100, "out_of_range", json!("limit")),
        ("GET", "/entities?nothing=1".to_owned(), String::new(), 4000, "unknown_field", json!("nothing")),
        ("GET", "/channels?status=new".to_owned(), String::new(), 4100, "invalid_value", json!("status")),
        ("GET", "/blocks/01".to_owned(), String::new(), 4100, "invalid_value", json!("block")),
        ("GET", "/blocks/77".to_owned(), String::new(), 4004, "unknown_block", json!("block")),
        ("GET", format!("/transactions/{none}"), String::new(), 4004, "unknown_transaction", json!("hash")),
        (
            "POST",
            "/entities".to_owned(),
            json!({ "signerId": signer, "type": "multi" }).to_string(),
            4010,
            "not_available",
            json!("type"),
        ),
        (
            "POST",
            "/entities".to_owned(),
            json!({ "signerId": signer, "type": "both" }).to_string(),
            4100,
            "invalid_value",
            json!("type"),
        ),
        (
            "POST",
            "/signers".to_owned(),
            json!({ "privateKey": none }).to_string(),
            4100,
            "malformed_secret_key",
            json!("privateKey"),
        ),
        (
            "POST",
            "/signers".to_owned(),
            json!({ "publicKey": "0x02" }).to_string(),
            4100,
            "malformed_public_key",
            json!("publicKey"),
        ),
        (
            "POST",
            "/channels".to_owned(),
            json!({ "entityA": a, "entityB": a }).to_string(),
            4100,
            "same_entity",
            Value::Null,
        ),
        (
            "POST",
            "/channels".to_owned(),
            json!({ "entityA": a, "entityB": b }).to_string(),
            4009,
            "already_exists",
            Value::Null,
        ),
        (
            "POST",
            "/payments/send".to_owned(),
            json!({ "from": a, "to": none, "asset": "ETH", "amount": "1" }).to_string(),
            4004,
            "unknown_entity",
            Value::Null,
        ),
        (
            "POST",
            "/payments/send".to_owned(),
            json!({ "from": a, "to": b, "asset": "ETH", "amount": "1", "fee": "1" }).to_string(),
            4100,
            "fee_not_payable",
            Value::Null,
        ),
        ("POST", format!("/entities/{a}/delete"), "{}".to_owned(), 4100, "not_empty", Value::Null),
        (
            "POST",
            "/depositary/withdraw".to_owned(),
            json!({ "entityId": a, "asset": "ETH", "amount": "1", "recipient": format!("0x{}", "1".repeat(40)) })
                .to_string(),
            4200,
            "insufficient_reserve",
            Value::Null,
        ),
    ]);
    let state =
        async || (alice.get(&format!("/entities/{a}/state")).await, bob.get(&format!("/channels/{channel}")).await);
    let before = state().await;
    for (verb, path, body, code, reason, field) in cases {
        let answer = alice.send(verb, &path, &body).await;
        let json = answer.json();
        let error = &json["error"];
        let seen = (error["code"].as_u64(), error["details"]["reason"].as_str());
        assert_eq!(seen, (Some(code), Some(reason)), "{verb} {path} {body}: {json}");
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()));
        if !field.is_null() {
            assert_eq!(error["details"]["field"], field, "{verb} {path} {body}: {json}");
        }
    }
    assert_eq!(state().await, before, "nothing moved");
}

/// TX-2, TX-3: signed transactions that are of another chain, hub, key, time or nonce.
#[tokio::test]
async fn bad_transactions_are_refused_by_reason() {
    let hub = Hub::start().await;
    let alice = hub.login(ALICE).await;
    own_signer(&alice).await;
    let good = founding(&hub, 0).0;
    let resigned = |tx: Transaction, chain: u64, of: EntityId, secret: u8| {
        let hash = derive::tx_hash(chain, of, &tx);
        Transaction { signature: verify::sign_tx(&hash, &[secret; 32]).expect("a key"), ..tx }
    };
    let hub_id = hub.node.hub();
    let own = |tx: Transaction| resigned(tx, CHAIN_ID, hub_id, 31);
    let mut cut = good.clone();
    cut.signature.0.truncate(65);
    let mut scheme = good.clone();
    scheme.signature.0[0] = 2;
    let mut high = good.clone();
    high_s(&mut high.signature.0);
    let cases = [
        (cut, 4100, "signature_length"),
        (scheme, 4100, "unsupported_scheme"),
        (high, 4100, "high_s_signature"),
        (Transaction { signature: Blob::default(), ..good.clone() }, 4100, "signature_length"),
        (resigned(good.clone(), CHAIN_ID + 1, hub_id, 31), 4003, "not_authorized"),
        (resigned(good.clone(), CHAIN_ID, EntityId([9; 32]), 31), 4003, "not_authorized"),
        (resigned(good.clone(), CHAIN_ID, hub_id, 32), 4003, "not_authorized"),
        (own(Transaction { nonce: 5, ..good.clone() }), 4009, "wrong_nonce"),
        (own(Transaction { timestamp: good.timestamp + 301, ..good.clone() }), 4100, "timestamp_outside"),
        (own(Transaction { timestamp: good.timestamp - 301, ..good.clone() }), 4100, "timestamp_outside"),
        (own(Transaction { data: Blob(vec![0xc1, 0x80, 0x80]), ..good.clone() }), 4000, "malformed_body"),
        (own(Transaction { from: xln_types::Address([77; 20]), ..good.clone() }), 4004, "unknown_sender"),
    ];
    for (tx, code, reason) in cases {
        let bytes: String = alloy_rlp::encode(&tx).iter().map(|byte| format!("{byte:02x}")).collect();
        let body = json!({ "transaction": format!("0x{bytes}") });
        let (found, details) = alice.refused("POST", "/transactions", body).await;
        assert_eq!((found, details["reason"].as_str()), (code, Some(reason)), "{details}");
    }
    for (text, code, reason) in [
        ("0x", 4000, "malformed_rlp"),
        ("0xc0", 4000, "malformed_rlp"),
        ("0xff", 4000, "malformed_rlp"),
        ("0x0", 4100, "invalid_value"),
        ("zz", 4100, "invalid_value"),
        (&format!("0x{}", "00".repeat(64 * 1024 + 1)), 4013, "too_large"),
    ] {
        let (found, details) = alice.refused("POST", "/transactions", json!({ "transaction": text })).await;
        assert_eq!(
            (found, details["reason"].as_str(), details["field"].as_str()),
            (code, Some(reason), Some("transaction"))
        );
    }
    assert_eq!(alice.get("/entities").await["pagination"]["total"], 0);
    let bytes: String = alloy_rlp::encode(&good).iter().map(|byte| format!("{byte:02x}")).collect();
    let receipt = alice.post("/transactions", json!({ "transaction": format!("0x{bytes}") })).await;
    assert_eq!((&receipt["status"], &receipt["logs"][0]["type"]), (&json!("executed"), &json!("entity_created")));
    assert_eq!(alice.post("/transactions", json!({ "transaction": format!("0x{bytes}") })).await, receipt);
}

/// Replaces s by its other form, n − s, and turns v.
fn high_s(signature: &mut [u8]) {
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xba, 0xae,
        0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
    ];
    let mut borrow = 0;
    for index in (0..32).rev() {
        let difference = i16::from(ORDER[index]) - i16::from(signature[33 + index]) - borrow;
        borrow = i16::from(difference < 0);
        signature[33 + index] = u8::try_from(difference.rem_euclid(256)).expect("a byte");
    }
    signature[65] = 55 - signature[65];
}

/// By WebSocket: the session lives on.
#[tokio::test]
async fn a_session_survives_bad_frames() {
    let hub = Hub::start().await;
    let alice = hub.login(ALICE).await;
    let mut socket = hub.socket().await;
    socket.call("authenticate", json!({ "token": alice.token })).await;
    for (frame, code, reason) in [
        ("", 4000, "malformed"),
        ("{", 4000, "malformed"),
        ("null", 4000, "malformed"),
        (r#"[7,"ping",{}]"#, 4000, "malformed"),
        (r#"{"id":1}"#, 4000, "missing_field"),
        (r#"{"id":1,"method":"ping","extra":1}"#, 4000, "unknown_field"),
        (r#"{"id":1,"method":"no.such"}"#, 4000, "unknown_method"),
        (r#"{"id":1,"method":"ping","params":{"x":1}}"#, 4000, "unknown_field"),
        (r#"{"id":1,"method":"entity.get","params":{}}"#, 4000, "missing_field"),
        (r#"{"id":1,"method":"entity.get","params":[1]}"#, 4000, "malformed"),
        (r#"{"id":1,"method":"subscribe","params":{"channels":["block"],"from":0}}"#, 4100, "invalid_value"),
        (r#"{"id":1,"method":"subscribe","params":{"channels":["block"],"from":"then"}}"#, 4100, "invalid_value"),
        (r#"{"id":1,"method":"channel.dispute","params":{}}"#, 4010, "not_available"),
    ] {
        socket.send(frame).await;
        let answer = socket.receive().await;
        let seen = (answer["error"]["code"].as_u64(), answer["error"]["details"]["reason"].as_str());
        assert_eq!(seen, (Some(code), Some(reason)), "{frame}: {answer}");
    }
    assert!(socket.call("ping", json!({})).await.get("result").is_some());
}

//! JSON is read strictly and given back as it came; errors repeat little of what the caller wrote.

use crate::client::{ALICE, BOB, Hub, OPERATOR, account};
use serde_json::json;

/// N-2: of two fields with one name neither wins, however deep, by either way in.
#[tokio::test]
async fn a_field_given_twice_is_refused_at_any_depth() {
    let hub = Hub::start().await;
    let (alice, bob) = (hub.login(ALICE).await, hub.login(BOB).await);
    let (a, b) = (alice.entity().await, bob.entity().await);
    let mut socket = hub.socket().await;
    socket.call("authenticate", json!({ "token": alice.token })).await;
    let entities = format!(r#""entityA":"{a}","entityB":"{b}""#);
    for (body, field) in [
        (format!(r#"{{{entities},"entityA":"{a}"}}"#), "entityA"),
        (format!(r#"{{{entities},"collateral":{{"ETH":"1","ETH":"9"}}}}"#), "collateral.ETH"),
        (format!(r#"{{{entities},"creditLimits":{{"fromA":{{"ETH":"1","ETH":"9"}}}}}}"#), "creditLimits.fromA.ETH"),
        (format!(r#"{{{entities},"creditLimits":{{"fromA":"1","\u0066romA":"9"}}}}"#), "creditLimits.fromA"),
    ] {
        let error = alice.send("POST", "/channels", &body).await.json()["error"].clone();
        socket.send(&format!(r#"{{"id":1,"method":"channel.open","params":{body}}}"#)).await;
        for error in [error, socket.receive().await["error"].clone()] {
            let details = &error["details"];
            assert_eq!((&error["code"], &details["reason"]), (&json!(4000), &json!("malformed")), "{body}: {error}");
            assert_eq!(details["field"], field, "{body}: {error}");
        }
    }
    let (code, details) = alice.refused("POST", &format!("/entities/{a}/update"), json!({ "metadata": [] })).await;
    assert_eq!((code, &details["field"]), (4100, &json!("metadata")));
    let deep = format!(r#"{{"metadata":{{"a":{}{}}}}}"#, "[".repeat(40), "]".repeat(40));
    assert_eq!(alice.send("POST", &format!("/entities/{a}/update"), &deep).await.json()["error"]["code"], 4000);
    let twice = r#"{"metadata":{"a":{"b":1,"b":2}}}"#;
    let error = alice.send("POST", &format!("/entities/{a}/update"), twice).await.json()["error"].clone();
    assert_eq!(error["details"]["field"], "metadata.a.b");
    assert_eq!(alice.get("/channels").await["pagination"]["total"], 0, "nothing was opened");
}

/// N-2: a list is not an object whose names were left out.
#[tokio::test]
async fn lists_do_not_stand_for_objects() {
    let hub = Hub::start().await;
    let (alice, bob) = (hub.login(ALICE).await, hub.login(BOB).await);
    let (a, b) = (alice.entity().await, bob.entity().await);
    let policy = json!(["1", "2", "3", 0, "4", 0]);
    for (path, body, field) in [
        ("/channels".to_owned(), json!({ "entityA": a, "entityB": b, "creditLimits": ["1", "2"] }), "creditLimits"),
        (format!("/entities/{a}/update"), json!({ "policies": { "ETH": policy } }), "policies.ETH"),
    ] {
        let (code, details) = alice.refused("POST", &path, body).await;
        assert_eq!((code, &details["field"]), (4100, &json!(field)), "{details}");
    }
}

/// N-2: metadata is the caller's text: no digit of it is rounded.
#[tokio::test]
async fn metadata_comes_back_digit_for_digit() {
    let hub = Hub::start().await;
    let alice = hub.login(ALICE).await;
    let sent = r#"{"z":123456789012345678901234567890,"a":[1.10, 0.1e-3],"e":"\u0001"}"#;
    let kept = sent.replace(' ', "");
    let made = alice.send("POST", "/signers", &format!(r#"{{"metadata":{sent}}}"#)).await.json();
    let signer = made["signerId"].as_str().expect("an id");
    let new = format!(r#"{{"signerId":"{signer}","type":"single","metadata":{sent}}}"#);
    let made = alice.send("POST", "/entities", &new).await.json();
    let entity = made["entityId"].as_str().unwrap_or_else(|| panic!("{made}"));
    for path in [format!("/signers/{signer}"), format!("/entities/{entity}"), "/entities".to_owned()] {
        let text = alice.send("GET", &path, "").await.text;
        assert!(text.contains(&format!("\"metadata\":{kept}")), "{path}: {text}");
    }
    let update = format!(r#"{{"metadata":{{"n":{}}}}}"#, u128::MAX);
    assert_eq!(alice.send("POST", &format!("/entities/{entity}/update"), &update).await.status, 200);
    let text = alice.send("GET", &format!("/entities/{entity}"), "").await.text;
    assert!(text.contains(&u128::MAX.to_string()), "{text}");
}

/// An error is short whatever was sent: it is no mirror for what others write.
#[tokio::test]
async fn errors_repeat_only_the_beginning() {
    let hub = Hub::start().await;
    let alice = hub.login(ALICE).await;
    let entity = alice.entity().await;
    let mut socket = hub.socket().await;
    socket.call("authenticate", json!({ "token": alice.token })).await;
    for long in
        ["x".repeat(4000), format!("expected {}", "x".repeat(4000)), format!(" at line {}", "`x, \"x".repeat(800))]
    {
        let mut answers = Vec::new();
        for body in [
            json!({ "signerId": long, "type": "single" }),
            json!({ "signerId": entity, "type": long }),
            json!({ long.clone(): 1 }),
            json!({ "signerId": entity, "type": "single", "threshold": long }),
        ] {
            answers.push(alice.send("POST", "/entities", &body.to_string()).await.json()["error"].clone());
        }
        let twice = json!({ "metadata": { long.clone(): 1 } }).to_string();
        let twice = twice.replacen("{\"metadata\":{", &format!("{{\"metadata\":{{{}:2,", json!(long)), 1);
        answers.push(alice.send("POST", "/signers", &twice).await.json()["error"].clone());
        let policies = json!({ "policies": { long.clone(): {} } }).to_string();
        answers
            .push(alice.send("POST", &format!("/entities/{entity}/update"), &policies).await.json()["error"].clone());
        for (method, params) in [
            ("subscribe", json!({ "channels": [long] })),
            ("resume", json!({ "topics": { long.clone(): 1 } })),
            ("ack", json!({ "topic": long, "seq": 1 })),
            (long.as_str(), json!({})),
        ] {
            answers.push(socket.call(method, params).await["error"].clone());
        }
        socket.send(&json!({ "id": 1, "method": "ping", long.clone(): 1 }).to_string()).await;
        answers.push(socket.receive().await["error"].clone());
        let query = format!("/entities?{}=1", "y".repeat(4000));
        answers.push(alice.send("GET", &query, "").await.json()["error"].clone());
        answers.push(alice.send("GET", &format!("/blocks/{}", "y".repeat(4000)), "").await.json()["error"].clone());
        for error in answers {
            assert!(error["code"].is_u64(), "{error}");
            assert!(error.to_string().len() < 900, "{} bytes: {error}", error.to_string().len());
            assert!(!error.to_string().contains(&"x".repeat(80)), "{error}");
        }
    }
}

/// N-4: a symbol is checked where the caller can see which field is wrong; DP-4: nobody withdraws to nowhere.
#[tokio::test]
async fn values_that_cannot_be_name_their_field() {
    let hub = Hub::start().await;
    let (alice, operator) = (hub.login(ALICE).await, hub.login(OPERATOR).await);
    let entity = alice.entity().await;
    hub.node.deposit(entity.parse().expect("an id"), 100);
    for symbol in ["", " ", "A B", "É", &"A".repeat(33)] {
        let token = json!({ "kind": "erc20", "contract": account(99).to_string(), "symbol": symbol, "decimals": 6 });
        let (code, details) = operator.refused("POST", "/assets/register", token).await;
        assert_eq!((code, &details["field"]), (4100, &json!("symbol")), "{symbol}");
        assert!(details["expected"].as_str().is_some_and(|text| text.contains("32 letters")), "{details}");
    }
    let take = |recipient: String| json!({ "entityId": entity, "asset": "ETH", "amount": "1", "recipient": recipient });
    let nobody = format!("0x{}", "0".repeat(40));
    let (code, details) = alice.refused("POST", "/depositary/withdraw", take(nobody)).await;
    assert_eq!((code, &details["field"]), (4100, &json!("recipient")));
    let unknown = format!("0x{}", "5".repeat(64));
    let open =
        json!({ "entityA": entity, "entityB": hub.node.hub().to_string(), "collateral": { unknown.clone(): "1" } });
    let recipient = account(99).to_string();
    for (path, body, field) in [
        ("/channels".to_owned(), open, "collateral"),
        ("/depositary/deposit".to_owned(), json!({ "entityId": entity, "asset": unknown, "amount": "1" }), "asset"),
        (
            "/depositary/withdraw".to_owned(),
            json!({ "entityId": entity, "asset": unknown, "amount": "1", "recipient": recipient }),
            "asset",
        ),
        (
            "/payments/send".to_owned(),
            json!({ "from": entity, "to": hub.node.hub().to_string(), "asset": unknown, "amount": "1" }),
            "asset",
        ),
        (format!("/entities/{entity}/update"), json!({ "policies": { unknown.clone(): {} } }), "policies"),
    ] {
        let (code, details) = alice.refused("POST", &path, body).await;
        assert_eq!(
            (code, &details["reason"], &details["field"]),
            (4004, &json!("unknown_asset"), &json!(field)),
            "{path}"
        );
    }
}

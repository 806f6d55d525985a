//! WebSocket frames that are wrong, and subscriptions that can't be: each told why, under its id.

use crate::client::{ALICE, Hub};
use serde_json::{Value, json};

#[tokio::test]
async fn a_wrong_frame_is_answered_under_its_id() {
    let hub = Hub::start().await;
    let mut socket = hub.socket().await;
    for (frame, id, reason, field) in [
        (r#"{"id":7,"method":"ping","extra":1}"#, json!(7), "unknown_field", json!("extra")),
        (r#"{"extra":1,"method":"ping","id":"x"}"#, json!("x"), "unknown_field", json!("extra")),
        (r#"{"id":7}"#, json!(7), "missing_field", json!("method")),
        (r#"{"id":7,"method":7}"#, json!(7), "malformed", json!("method")),
        (r#"{"id":7,"method":"ping","method":"ping"}"#, json!(7), "malformed", json!("method")),
        (r#"{"id":7,"method":"ping","params":{},"params":{}}"#, json!(7), "malformed", json!("params")),
        (r#"{"id":7,"id":8,"method":"ping"}"#, Value::Null, "malformed", json!("id")),
        (r#"{"id":7,"method":"ping""#, Value::Null, "malformed", Value::Null),
        (r#"[7,"ping",{}]"#, Value::Null, "malformed", Value::Null),
        (r#"{"id":7,"method":"ping","params":{"a":1,"a":2}}"#, json!(7), "malformed", json!("a")),
        (r#"{"id":7,"method":"ping","params":[]}"#, json!(7), "malformed", Value::Null),
    ] {
        socket.send(frame).await;
        let answer = socket.receive().await;
        let details = &answer["error"]["details"];
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&id, &json!(4000)), "{frame}: {answer}");
        assert_eq!((&details["reason"], &details["field"]), (&json!(reason), &field), "{frame}: {answer}");
        assert!(!answer.to_string().contains("struct"), "our names are none of the caller's: {answer}");
    }
    let many: String = (0..100).map(|number| format!("\"f{number}\":0,")).collect();
    socket.send(&format!("{{{many}\"id\":7,\"method\":\"ping\"}}")).await;
    assert_eq!(socket.receive().await["error"]["details"]["reason"], "malformed");
    assert!(socket.call("ping", json!({})).await.get("result").is_some());
}

#[tokio::test]
async fn a_subscription_past_the_end_says_where_the_end_is() {
    let hub = Hub::start().await;
    let alice = hub.login(ALICE).await;
    let mut socket = hub.socket().await;
    socket.call("authenticate", json!({ "token": alice.token })).await;
    hub.node.seal();
    hub.node.seal();
    for (method, params) in [
        ("subscribe", json!({ "channels": ["block"], "from": 4 })),
        ("subscribe", json!({ "channels": ["block"], "from": u64::MAX })),
        ("resume", json!({ "topics": { "block": 3 } })),
    ] {
        let error = socket.call(method, params).await["error"].clone();
        let details = &error["details"];
        assert_eq!((&error["code"], &details["reason"]), (&json!(4100), &json!("ahead")), "{error}");
        assert_eq!((&details["expected"], &details["topic"]), (&json!(3), &json!("block")));
    }
    let answer = socket.call("subscribe", json!({ "channels": ["block"], "from": 3 })).await;
    assert_eq!(answer["result"]["topics"]["block"], 3, "the next one is not ahead");
}

#[tokio::test]
async fn only_what_is_subscribed_to_is_acknowledged() {
    let hub = Hub::start().await;
    let alice = hub.login(ALICE).await;
    let mut socket = hub.socket().await;
    socket.call("authenticate", json!({ "token": alice.token })).await;
    hub.node.seal();
    let ack = json!({ "topic": "block", "seq": 1 });
    let refused = async |socket: &mut crate::client::Socket| {
        let error = socket.call("ack", ack.clone()).await["error"].clone();
        (error["code"].clone(), error["details"]["reason"].clone(), error["details"]["field"].clone())
    };
    let expected = (json!(4100), json!("not_subscribed"), json!("topic"));
    assert_eq!(refused(&mut socket).await, expected);
    socket.call("subscribe", json!({ "channels": ["block"] })).await;
    assert_eq!(socket.call("ack", ack.clone()).await["result"]["seq"], 1);
    socket.call("unsubscribe", json!({ "channels": ["block"] })).await;
    assert_eq!(refused(&mut socket).await, expected);
}

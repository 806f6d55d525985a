//! Other nodes: connecting, and what the world answers.

use crate::client::{ALICE, AUDITOR, Hub, OPERATOR};
use serde_json::json;
use xln_api::backend::{PeerError, PeerInfo};

fn session(hub: &Hub) -> PeerInfo {
    PeerInfo {
        node: Some(hub.node.hub()),
        address: "away.example:9000".to_owned(),
        state: "connected",
        dialed: true,
        since_s: Some(1_800_000_000),
        last_error: None,
        bytes_in: 5,
        bytes_out: 7,
        session: Some(3),
    }
}

#[tokio::test]
async fn an_operator_connects_nodes() {
    let (home, away) = (Hub::start().await, Hub::start_other().await);
    let (operator, auditor) = (home.login(OPERATOR).await, home.login(AUDITOR).await);
    home.node.meet(&away.node);
    home.node.part();
    home.node.at_address("away.example:9000", Ok(session(&away)));
    let node = away.node.hub().to_string();
    let shown = json!({ "node": node, "address": "away.example:9000", "state": "connected", "dialed": true,
        "since": 1_800_000_000, "bytesIn": 5, "bytesOut": 7, "session": 3 });
    let wish = json!({ "address": "away.example:9000", "node": node });
    assert_eq!(operator.post("/peers/connect", wish).await, shown);
    for client in [&operator, &auditor] {
        assert_eq!(client.get("/peers").await, json!({ "peers": [shown] }));
    }
    let alice = home.login(ALICE).await;
    assert_eq!(alice.refused("GET", "/peers", json!({})).await.0, 4003);
    for client in [&alice, &auditor] {
        let (code, details) = client.refused("POST", "/peers/connect", json!({ "address": "a:1" })).await;
        assert_eq!((code, &details["expected"]), (4003, &json!("operator")));
    }
}

/// TX-5: each failure says what would have worked.
#[tokio::test]
async fn what_the_world_answers_is_told() {
    let (home, away) = (Hub::start().await, Hub::start_other().await);
    let operator = home.login(OPERATOR).await;
    home.node.at_address("away:1", Ok(session(&away)));
    home.node.at_address("off:1", Err(PeerError::Off));
    home.node.at_address("many:1", Err(PeerError::TooMany { limit: 1024 }));
    let own = home.node.hub().to_string();
    for (wish, code, reason, field) in [
        (json!({}), 4000, "missing_field", json!("address")),
        (json!({ "address": "a:1", "port": 1 }), 4000, "unknown_field", json!("port")),
        (json!({ "address": "away" }), 4100, "invalid_value", json!("address")),
        (json!({ "address": "http://away:1" }), 4100, "invalid_value", json!("address")),
        (json!({ "address": "away:1", "node": "0x1" }), 4100, "invalid_value", json!("node")),
        (json!({ "address": "away:1", "node": own }), 4100, "own_node", json!("node")),
        (json!({ "address": "away:1", "node": format!("0x{}", "77".repeat(32)) }), 4009, "peer_refused", json!("node")),
        (json!({ "address": "nobody:1" }), 5003, "peer_unreachable", json!("address")),
        (json!({ "address": "off:1" }), 4010, "peers_off", json!(null)),
        (json!({ "address": "many:1" }), 4013, "too_many_peers", json!(null)),
    ] {
        let (found, details) = operator.refused("POST", "/peers/connect", wish.clone()).await;
        assert_eq!((found, &details["reason"], &details["field"]), (code, &json!(reason), &field), "{wish}");
        assert!(details.get("expected").is_some() || code == 4000, "{wish}: {details}");
    }
    // Nobody was there, and nothing ran: the same request id is tried again.
    let bearer = format!("Bearer {}", operator.token);
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", "connect-once-more")];
    let connect = async || {
        let body = json!({ "address": "late:1" }).to_string();
        home.http("POST", "/api/v1/peers/connect", &headers, &body).await
    };
    let answer = connect().await;
    assert!(answer.status == 503 && answer.head.contains("retry-after: 1"), "{}", answer.head);
    home.node.meet(&away.node);
    home.node.at_address("late:1", Ok(session(&away)));
    assert_eq!(connect().await.json()["node"], away.node.hub().to_string());
}

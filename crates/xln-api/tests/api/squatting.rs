//! **N-5**: a public key is no secret, so whoever registered somebody else's first gains nothing by it.

use crate::client::{ALICE, BOB, Hub};
use serde_json::json;
use xln_crypto::secp;

/// N-5: the account that logs in with a key takes over the signer that another registered with it, and all that it founded.
#[tokio::test]
async fn a_squatted_key_goes_back_to_its_owner() {
    let hub = Hub::start().await;
    let (alice, bob) = (hub.login(ALICE).await, hub.login(BOB).await);
    let (_, key) = secp::signer_of_secret(&[BOB; 32]).expect("a key");
    let digits: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let public = json!({ "publicKey": format!("0x{digits}") });
    let squatted = alice.post("/signers", public.clone()).await;
    let path = format!("/signers/{}", squatted["signerId"].as_str().expect("an id"));
    assert_eq!(alice.get(&path).await["owner"], crate::client::account(ALICE).to_string());
    assert_eq!(bob.refused("GET", &path, json!({})).await.0, 4004);
    assert_eq!(bob.post("/signers", public.clone()).await["signerId"], squatted["signerId"]);
    assert_eq!(bob.get(&path).await["owner"], crate::client::account(BOB).to_string());
    assert_eq!(alice.refused("GET", &path, json!({})).await.0, 4004);
    let (code, details) = alice.refused("POST", "/signers", public).await;
    assert_eq!((code, &details["reason"]), (4009, &json!("already_exists")));
}

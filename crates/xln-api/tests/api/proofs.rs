//! Proof files: checked offline, refused when anything in them is another.

use crate::client::{ALICE, AUDITOR, BOB, Hub, pair, toward};
use crate::double::{HUB_SECRET, signer_of};
use serde_json::{Value, json};
use xln_api::proof::{ProofFile, Subject};
use xln_types::{Address, AssetId, EntityId, Path, SignerId};

fn verify(file: &Value, hub: Address) -> Result<Subject, String> {
    let file: ProofFile = serde_json::from_value(file.clone()).map_err(|error| error.to_string())?;
    file.verify(hub).map(|proven| proven.subject).map_err(|error| error.to_string())
}

/// Every string of a proof file in turn, with one digit changed.
fn altered(file: &Value) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    let mut open = vec![String::new()];
    while let Some(pointer) = open.pop() {
        match file.pointer(&pointer).expect("there") {
            Value::Object(fields) => open.extend(fields.keys().map(|key| format!("{pointer}/{key}"))),
            Value::Array(items) => open.extend((0..items.len()).map(|index| format!("{pointer}/{index}"))),
            Value::String(text) => {
                let middle = text.len() / 2;
                let digit = if text.as_bytes()[middle] == b'0' { "1" } else { "0" };
                let mut changed = text.clone();
                changed.replace_range(middle..=middle, digit);
                let mut copy = file.clone();
                *copy.pointer_mut(&pointer).expect("there") = changed.into();
                found.push((pointer, copy));
            }
            Value::Number(number) => {
                let mut copy = file.clone();
                *copy.pointer_mut(&pointer).expect("there") = (number.as_u64().expect("a count") + 1).into();
                found.push((pointer, copy));
            }
            _ => {}
        }
    }
    found
}

/// TX-6: a receipt is proven with nothing but the hub's address; any other signer, byte or place is refused.
#[tokio::test]
async fn a_receipt_is_proven_offline() {
    let hub = Hub::start().await;
    let (alice, bob) = (hub.login(ALICE).await, hub.login(BOB).await);
    let (a, b, channel) = pair(&alice, &bob, "100").await;
    let pay = json!({ "direction": toward(&a, &b), "asset": "ETH", "amount": "3" });
    let paid = alice.post(&format!("/channels/{channel}/pay"), pay).await;
    let path = format!("/proofs/{}", paid["paymentId"].as_str().expect("an id"));
    let (code, details) = alice.refused("GET", &path, json!({})).await;
    assert_eq!((code, &details["reason"]), (4004, &json!("not_sealed")));
    hub.node.seal();
    let file = alice.get(&path).await;
    let signer = signer_of(&HUB_SECRET).address();
    let Ok(Subject::Receipt { receipt, .. }) = verify(&file, signer) else { panic!("not proven: {file}") };
    assert_eq!(receipt.hash.to_string(), paid["paymentId"]);
    assert!(verify(&file, Address([7; 20])).is_err_and(|error| error.starts_with("wrong signer")));
    let all = altered(&file);
    assert!(all.len() > 6, "{}", all.len());
    for (pointer, copy) in all {
        assert!(verify(&copy, signer).is_err(), "{pointer}");
    }
    let (code, details) = bob.refused("GET", &path, json!({})).await;
    assert_eq!((code, &details["reason"]), (4003, &json!("senders_receipt")), "it shows Alice's reserve");
    assert!(hub.login(AUDITOR).await.get(&path).await == file, "who sees all gets it");
}

/// ST-2: a change of any byte makes the proof fail, also where Ethereum would read both the same (v of a signature).
#[tokio::test]
async fn every_byte_of_a_proof_counts() {
    let hub = Hub::start().await;
    let alice = hub.login(ALICE).await;
    let signer = alice.post("/signers", json!({})).await["signerId"].as_str().expect("an id").to_owned();
    hub.node.seal();
    let file = alice.get(&format!("/proofs/{}", Path::signer(signer.parse().expect("an id")))).await;
    let hub_signer = signer_of(&HUB_SECRET).address();
    assert!(verify(&file, hub_signer).is_ok());
    let mut tried = 0;
    for part in ["/header", "/seal", "/signature", "/depositary", "/evidence/state/key", "/evidence/state/value"] {
        let text = file.pointer(part).and_then(Value::as_str).expect("hex").to_owned();
        for at in (2..text.len()).step_by(2) {
            let byte = u8::from_str_radix(&text[at..at + 2], 16).expect("hex");
            for other in [byte ^ 1, byte ^ 0x80, byte.wrapping_sub(27), byte.wrapping_add(27)] {
                let mut copy = file.clone();
                let changed = format!("{}{other:02x}{}", &text[..at], &text[at + 2..]);
                *copy.pointer_mut(part).expect("there") = changed.into();
                assert!(verify(&copy, hub_signer).is_err(), "{part} byte {at}: {byte:02x} as {other:02x}");
                tried += 1;
            }
        }
    }
    assert!(1000 < tried, "{tried}");
}

/// ST-2: a record of the last block, or that there is none.
#[tokio::test]
async fn a_record_is_proven_present_or_absent() {
    let hub = Hub::start().await;
    let (alice, bob) = (hub.login(ALICE).await, hub.login(BOB).await);
    let (a, _, channel) = pair(&alice, &bob, "100").await;
    hub.node.seal();
    let (entity, signer): (EntityId, SignerId) = (
        a.parse().expect("an id"),
        alice.get(&format!("/entities/{a}")).await["signer"].as_str().expect("an id").parse().expect("an id"),
    );
    let hub_signer = signer_of(&HUB_SECRET).address();
    let prove = async |path: Path| alice.get(&format!("/proofs/{path}")).await;
    let present = prove(Path::entity(signer, entity)).await;
    assert!(matches!(verify(&present, hub_signer), Ok(Subject::Record { value: Some(_), .. })));
    let absent = prove(Path::reserve(signer, entity, AssetId([5; 32]))).await;
    assert!(matches!(verify(&absent, hub_signer), Ok(Subject::Record { value: None, .. })), "{absent}");
    for (pointer, copy) in altered(&present) {
        assert!(verify(&copy, hub_signer).is_err(), "{pointer}");
    }
    let path = Path::entity(signer, entity);
    assert_eq!(bob.refused("GET", &format!("/proofs/{path}"), json!({})).await.0, 4004, "another's");
    let shown = bob.get(&format!("/channels/{channel}")).await;
    let left: EntityId = shown["left"].as_str().expect("an id").parse().expect("an id");
    let owner = if left == entity { &alice } else { &bob };
    let left_signer = owner.get(&format!("/entities/{left}")).await["signer"].as_str().expect("an id").to_owned();
    let path = Path::channel(left_signer.parse().expect("an id"), left, channel.parse().expect("an id"));
    for client in [&alice, &bob] {
        let file = client.get(&format!("/proofs/{path}")).await;
        assert!(matches!(verify(&file, hub_signer), Ok(Subject::Record { value: Some(_), .. })), "both sides see it");
    }
}

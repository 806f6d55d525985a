//! The committed OpenAPI document is the code's. `UPDATE_OPENAPI=1` writes it anew.

use serde_json::Value;
use std::path::Path;

/// Every method of API.md.
const METHODS: &str = "hub.info authenticate subscribe unsubscribe resume ack ping signer.create signer.list signer.get \
    signer.rotate session.grant session.revoke entity.create entity.list entity.get entity.state entity.update \
    entity.delete entity.propose entity.vote entity.execute asset.list asset.register reserve.get reserve.allocate \
    reserve.deallocate channel.open channel.accept channel.list channel.get channel.credit channel.update channel.pay \
    channel.settle channel.close channel.dispute channel.proof htlc.create htlc.fulfill htlc.cancel htlc.list \
    payment.send payment.get payment.list invoice.create invoice.get invoice.list depositary.deposit \
    depositary.withdraw depositary.status tx.submit tx.receipt block.get proof.get peer.connect peer.list audit.list \
    apikey.create apikey.list apikey.revoke";

#[test]
fn the_committed_document_is_the_codes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let text = xln_api::openapi_json();
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, &text).expect("writes docs/openapi.json");
    }
    let committed = std::fs::read_to_string(&path).expect("docs/openapi.json");
    assert!(committed == text, "docs/openapi.json is old: run with UPDATE_OPENAPI=1");
}

#[test]
fn every_method_has_one_name_and_number() {
    let document: Value = serde_json::from_str(&xln_api::openapi_json()).expect("JSON");
    assert_eq!(document["openapi"], "3.1.0");
    let listed = document["x-xln-methods"].as_array().expect("a list");
    let names: Vec<&str> = listed.iter().filter_map(|method| method["method"].as_str()).collect();
    for name in METHODS.split_whitespace() {
        assert_eq!(names.iter().filter(|other| **other == name).count(), 1, "{name}");
    }
    assert_eq!(names.len(), METHODS.split_whitespace().count(), "nothing beyond API.md");
    let mut numbers: Vec<u64> = listed.iter().filter_map(|method| method["number"].as_u64()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), names.len());
}

#[test]
fn every_reference_has_its_definition() {
    let document: Value = serde_json::from_str(&xln_api::openapi_json()).expect("JSON");
    let mut open = vec![&document];
    let mut seen = 0;
    while let Some(value) = open.pop() {
        match value {
            Value::Object(fields) => {
                if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                    let pointer = reference.strip_prefix('#').expect("a local reference");
                    assert!(document.pointer(pointer).is_some(), "{reference}");
                    seen += 1;
                }
                open.extend(fields.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    assert!(seen > 50, "{seen}");
}

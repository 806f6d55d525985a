//! The bindings say what the committed artifacts say.

use alloy_primitives::{B256, hex, keccak256};
use alloy_sol_types::{SolCall, SolEvent, SolStruct};
use serde_json::Value;
use std::collections::BTreeSet;
use xln_chain::bindings::{Allocation, IDepositary, IEntityProvider, IErc20, Settlement, Withdrawal};

const DEPOSITARY: &str = include_str!("../../../../contracts/artifacts/Depositary.json");
const ENTITY_PROVIDER: &str = include_str!("../../../../contracts/artifacts/EntityProvider.json");
const DEV_TOKEN: &str = include_str!("../../../../contracts/artifacts/DevToken.json");

/// `name(type,…)` of every function or event in an artifact.
fn signatures(artifact: &str, kind: &str) -> BTreeSet<String> {
    let json: Value = serde_json::from_str(artifact).expect("JSON");
    let abi = json["abi"].as_array().expect("abi");
    let of_kind = abi.iter().filter(|item| item["type"] == kind);
    of_kind.map(|item| format!("{}({})", item["name"].as_str().expect("name"), types(&item["inputs"]))).collect()
}

fn types(inputs: &Value) -> String {
    let one = |input: &Value| {
        let kind = input["type"].as_str().expect("type");
        match kind.strip_prefix("tuple") {
            Some(rest) => format!("({}){rest}", types(&input["components"])),
            None => kind.to_owned(),
        }
    };
    inputs.as_array().expect("inputs").iter().map(one).collect::<Vec<_>>().join(",")
}

fn has_function<C: SolCall>(artifact: &str) {
    assert!(signatures(artifact, "function").contains(C::SIGNATURE), "{}", C::SIGNATURE);
    assert_eq!(C::SELECTOR, keccak256(C::SIGNATURE)[..4]);
}

#[test]
fn functions_are_those_of_the_artifacts() {
    has_function::<IDepositary::depositCall>(DEPOSITARY);
    has_function::<IDepositary::withdrawCall>(DEPOSITARY);
    has_function::<IDepositary::allocateCall>(DEPOSITARY);
    has_function::<IDepositary::settleCall>(DEPOSITARY);
    has_function::<IDepositary::entitiesCall>(DEPOSITARY);
    has_function::<IDepositary::assetIdCall>(DEPOSITARY);
    has_function::<IDepositary::assetOfCall>(DEPOSITARY);
    has_function::<IDepositary::reserveCall>(DEPOSITARY);
    has_function::<IDepositary::channelIdCall>(DEPOSITARY);
    has_function::<IDepositary::epochCall>(DEPOSITARY);
    has_function::<IDepositary::collateralCall>(DEPOSITARY);
    has_function::<IDepositary::settleCounterCall>(DEPOSITARY);
    has_function::<IDepositary::operationUsedCall>(DEPOSITARY);
    has_function::<IEntityProvider::entityIdCall>(ENTITY_PROVIDER);
    has_function::<IErc20::approveCall>(DEV_TOKEN);
    has_function::<IErc20::transferCall>(DEV_TOKEN);
    has_function::<IErc20::balanceOfCall>(DEV_TOKEN);
}

/// Every event of ours is known, so that none is passed over as foreign.
#[test]
fn events_are_those_of_the_artifacts() {
    let mut found = signatures(DEPOSITARY, "event");
    found.remove("EIP712DomainChanged()");
    let bound = [
        IDepositary::AssetRegistered::SIGNATURE,
        IDepositary::Deposited::SIGNATURE,
        IDepositary::Withdrawn::SIGNATURE,
        IDepositary::CollateralAdded::SIGNATURE,
        IDepositary::Settled::SIGNATURE,
    ];
    assert_eq!(found, bound.iter().map(|signature| (*signature).to_owned()).collect());
    let json: Value = serde_json::from_str(DEPOSITARY).expect("JSON");
    for event in json["abi"].as_array().expect("abi").iter().filter(|item| item["type"] == "event") {
        let indexed = event["inputs"].as_array().expect("inputs").iter().filter(|input| input["indexed"] == true);
        let expected = match event["name"].as_str().expect("name") {
            "AssetRegistered" => 1,
            "Deposited" | "Settled" => 2,
            "Withdrawn" | "CollateralAdded" => 3,
            _ => 0,
        };
        assert_eq!(indexed.count(), expected, "{}", event["name"]);
    }
}

/// The contract's type hashes are constants in its code.
#[test]
fn eip712_type_hashes_stand_in_the_bytecode() {
    let json: Value = serde_json::from_str(DEPOSITARY).expect("JSON");
    let code = hex::decode(json["deployedBytecode"].as_str().expect("code")).expect("hex");
    let holds = |hash: B256| code.windows(32).any(|window| window == hash.as_slice());
    for encoded in
        [Withdrawal::eip712_encode_type(), Allocation::eip712_encode_type(), Settlement::eip712_encode_type()]
    {
        assert!(holds(keccak256(encoded.as_bytes())), "{encoded}");
    }
}

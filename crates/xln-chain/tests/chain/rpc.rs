//! JSON-RPC from outside: what tools ask, and what nobody should.

use crate::dev::{client, open};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::OnceLock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use xln_chain::dev::accounts;
use xln_chain::{ChainError, DevChain};

const METHODS: [&str; 29] = [
    "eth_chainId",
    "eth_blockNumber",
    "eth_getBalance",
    "eth_getTransactionCount",
    "eth_getCode",
    "eth_getStorageAt",
    "eth_call",
    "eth_estimateGas",
    "eth_gasPrice",
    "eth_maxPriorityFeePerGas",
    "eth_feeHistory",
    "eth_sendRawTransaction",
    "eth_sendTransaction",
    "eth_getTransactionByHash",
    "eth_getTransactionReceipt",
    "eth_getBlockByNumber",
    "eth_getBlockByHash",
    "eth_getBlockTransactionCountByNumber",
    "eth_getLogs",
    "eth_accounts",
    "eth_syncing",
    "net_version",
    "net_listening",
    "web3_clientVersion",
    "web3_sha3",
    "evm_mine",
    "evm_increaseTime",
    "evm_setNextBlockTimestamp",
    "eth_requestAccounts",
];

fn ask(chain: &DevChain, body: &str) -> Option<Value> {
    chain.answer(body.as_bytes()).map(|answer| serde_json::from_slice(&answer).expect("answers are JSON"))
}

#[expect(clippy::needless_pass_by_value, reason = "so that cases read as a call")]
fn call(chain: &DevChain, method: &str, params: Value) -> Value {
    let body = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
    let answer = ask(chain, &body.to_string()).expect("an answer");
    assert_eq!(answer["id"], 7);
    answer
}

fn code(chain: &DevChain, body: &str) -> i64 {
    ask(chain, body).expect("an answer")["error"]["code"].as_i64().expect("an error")
}

#[test]
fn malformed_requests_get_json_rpc_errors() {
    let dir = tempfile::tempdir().expect("folder");
    let chain = open(dir.path());
    for (body, expected) in [
        ("", -32_700),
        ("{", -32_700),
        ("\u{0}", -32_700),
        ("[]", -32_600),
        ("1", -32_600),
        ("{}", -32_600),
        (r#"{"id":1,"method":1}"#, -32_600),
        (r#"{"id":{},"method":"eth_chainId"}"#, -32_600),
        (r#"{"jsonrpc":"1.0","id":1,"method":"eth_chainId"}"#, -32_600),
        (r#"{"id":1,"method":"eth_nope"}"#, -32_601),
        (r#"{"id":1,"method":"eth_getBalance"}"#, -32_602),
        (r#"{"id":1,"method":"eth_getBalance","params":{}}"#, -32_602),
        (r#"{"id":1,"method":"eth_getBalance","params":["0x1"]}"#, -32_602),
        (
            r#"{"id":1,"method":"eth_getBalance","params":["0x0000000000000000000000000000000000000000","0x0"]}"#,
            -32_000,
        ),
        (
            r#"{"id":1,"method":"eth_getBalance","params":["0x0000000000000000000000000000000000000000","soon"]}"#,
            -32_602,
        ),
        (r#"{"id":1,"method":"eth_call","params":[{},"latest",{"0x":{}}]}"#, -32_602),
        (r#"{"id":1,"method":"eth_call","params":[{"data":"0x01","input":"0x02"}]}"#, -32_602),
        (r#"{"id":1,"method":"eth_getLogs","params":[{"topics":[[],[],[],[],[]]}]}"#, -32_602),
        (r#"{"id":1,"method":"eth_getLogs","params":[{"blockHash":"0x1"}]}"#, -32_602),
        (r#"{"id":1,"method":"eth_sendRawTransaction","params":["0x"]}"#, -32_000),
        (r#"{"id":1,"method":"eth_sendRawTransaction","params":["0x02c0"]}"#, -32_000),
        (
            r#"{"id":1,"method":"eth_sendTransaction","params":[{"from":"0x0000000000000000000000000000000000000000"}]}"#,
            -32_000,
        ),
        (r#"{"id":1,"method":"evm_increaseTime","params":[99999999999]}"#, -32_602),
    ] {
        assert_eq!(code(&chain, body), expected, "{body}");
    }
    let many = vec![json!({ "id": 1, "method": "eth_chainId" }); 1_001];
    assert_eq!(code(&chain, &Value::Array(many).to_string()), -32_005);
    let wide = json!({ "id": 1, "method": "eth_getLogs", "params": [{ "fromBlock": "0x0", "toBlock": "0xffffff" }] });
    assert!(ask(&chain, &wide.to_string()).expect("an answer").get("result").is_some(), "it ends at the newest block");
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(code(&chain, &deep), -32_700);
}

#[test]
fn batches_are_answered_in_order_and_notifications_not_at_all() {
    let dir = tempfile::tempdir().expect("folder");
    let chain = open(dir.path());
    let batch = r#"[{"id":"a","method":"eth_chainId"},{"method":"eth_chainId"},5,{"id":null,"method":"nope"}]"#;
    let answers = ask(&chain, batch).expect("answers");
    let answers = answers.as_array().expect("a list");
    assert_eq!(answers.len(), 3);
    assert_eq!((&answers[0]["id"], &answers[0]["result"]), (&json!("a"), &json!("0x7a69")));
    assert_eq!(answers[1]["error"]["code"], -32_600);
    assert_eq!(answers[2]["error"]["code"], -32_601);
    assert_eq!(ask(&chain, r#"{"method":"eth_chainId"}"#), None);
    assert_eq!(ask(&chain, r#"[{"method":"eth_chainId"}]"#), None);
}

#[test]
fn an_unlocked_account_sends_and_all_views_of_it_agree() {
    let dir = tempfile::tempdir().expect("folder");
    let chain = open(dir.path());
    let from = accounts::all()[3].address.to_string();
    let to = "0x00000000000000000000000000000000000000aa";
    for fees in
        [json!({}), json!({ "gasPrice": "0x77359400" }), json!({ "maxFeePerGas": "0x77359400", "gas": "0x5208" })]
    {
        let mut transaction = json!({ "from": from, "to": to, "value": "0x5" });
        transaction.as_object_mut().expect("object").extend(fees.as_object().expect("object").clone());
        let hash = call(&chain, "eth_sendTransaction", json!([transaction]))["result"].clone();
        let seen = call(&chain, "eth_getTransactionByHash", json!([hash]))["result"].clone();
        let receipt = call(&chain, "eth_getTransactionReceipt", json!([hash]))["result"].clone();
        let block = call(&chain, "eth_getBlockByNumber", json!([seen["blockNumber"], true]))["result"].clone();
        assert_eq!((&seen["from"], &seen["to"], &seen["value"]), (&json!(from), &json!(to), &json!("0x5")));
        assert_eq!((&receipt["status"], &receipt["gasUsed"]), (&json!("0x1"), &json!("0x5208")));
        assert_eq!(block["transactions"], json!([seen]));
        assert_eq!(block["hash"], receipt["blockHash"]);
        let again = call(&chain, "eth_getBlockByHash", json!([block["hash"], false]))["result"].clone();
        assert_eq!(again["transactions"], json!([hash]));
    }
    assert_eq!(call(&chain, "eth_getBalance", json!([to, "latest"]))["result"], "0xf");
    assert_eq!(call(&chain, "eth_getTransactionCount", json!([from, "pending"]))["result"], "0x3");
}

#[test]
fn logs_are_filtered_by_address_topic_and_block() {
    let dir = tempfile::tempdir().expect("folder");
    let chain = open(dir.path());
    let [usdc, dai] = chain.deployment().tokens.map(|token| token.contract.to_string());
    let count = |filter: Value| call(&chain, "eth_getLogs", json!([filter]))["result"].as_array().map(Vec::len);
    let all = "0x0";
    assert_eq!(count(json!({ "fromBlock": all })), Some(20));
    assert_eq!(count(json!({ "fromBlock": all, "address": usdc })), Some(10));
    assert_eq!(count(json!({ "fromBlock": all, "address": [usdc, dai] })), Some(20));
    let transfer = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";
    let from_zero = format!("0x{}", "0".repeat(64));
    assert_eq!(count(json!({ "fromBlock": all, "topics": [transfer] })), Some(20));
    assert_eq!(count(json!({ "fromBlock": all, "topics": [[transfer, from_zero], from_zero] })), Some(2));
    assert_eq!(count(json!({ "fromBlock": all, "topics": [null, null, null, null] })), Some(0));
    assert_eq!(count(json!({ "fromBlock": "0x3", "toBlock": "0x4" })), Some(2));
    assert_eq!(count(json!({ "fromBlock": "0xffff" })), Some(0));
    let block = call(&chain, "eth_getBlockByNumber", json!(["0x3", false]))["result"]["hash"].clone();
    assert_eq!(count(json!({ "blockHash": block, "address": usdc })), Some(1));
    let history = call(&chain, "eth_feeHistory", json!(["0x4", "latest", [10, 90]]))["result"].clone();
    assert_eq!(history["baseFeePerGas"].as_array().map(Vec::len), Some(5));
    assert_eq!(history["reward"].as_array().map(Vec::len), Some(4));
}

/// A revert says why, and an estimate is the least that suffices.
#[tokio::test]
async fn reverts_carry_their_reason_and_estimates_suffice() {
    let dir = tempfile::tempdir().expect("folder");
    let chain = open(dir.path());
    let token = chain.deployment().tokens[0].contract;
    let data = format!("0xa9059cbb{:0>64}{:0>64}", "aa", "f".repeat(40));
    let transfer = json!([{ "from": accounts::all()[1].address.to_string(), "to": token.to_string(), "data": data }]);
    let refused = client(&chain).request("eth_estimateGas", transfer).await;
    assert!(
        matches!(&refused, Err(ChainError::Reverted { data, .. }) if data.starts_with("0xe450d38c")),
        "{refused:?}"
    );
    let data = format!("0xa9059cbb{:0>64}{:0>64}", "aa", "5");
    let from = accounts::all()[1].address.to_string();
    let at = |gas: u64| json!([{ "from": from, "to": token.to_string(), "data": data, "gas": format!("{gas:#x}") }]);
    let needed = call(&chain, "eth_estimateGas", at(1_000_000))["result"].clone();
    let needed = u64::from_str_radix(needed.as_str().expect("a number").trim_start_matches("0x"), 16).expect("hex");
    assert!(call(&chain, "eth_call", at(needed)).get("result").is_some());
    assert!(call(&chain, "eth_call", at(needed - 1)).get("error").is_some());
}

/// Only JSON, only POST, only so long.
#[tokio::test(flavor = "multi_thread")]
async fn the_socket_takes_json_posts_of_bounded_length() {
    let dir = tempfile::tempdir().expect("folder");
    let chain = open(dir.path());
    let server = chain.serve(TcpListener::bind("127.0.0.1:0").await.expect("binds")).expect("serves");
    let body = r#"{"id":1,"method":"eth_chainId"}"#;
    let good = format!(
        "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let long = "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 9999999\r\n\r\n".to_owned();
    for (request, status) in [
        (good.clone(), "200"),
        (good.replace("application/json", "text/plain"), "415"),
        (good.replace("POST", "GET"), "405"),
        (long, "413"),
        ("\u{0}\u{1}nonsense\r\n\r\n".to_owned(), "400"),
    ] {
        let mut socket = TcpStream::connect(server.local_addr()).await.expect("connects");
        socket.write_all(request.as_bytes()).await.expect("writes");
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).await.expect("reads");
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{status}: {answer}");
    }
    server.shutdown().await;
}

/// One chain for all the nonsense: what it is asked must not hurt it either.
fn shared() -> &'static (tempfile::TempDir, DevChain) {
    static SHARED: OnceLock<(tempfile::TempDir, DevChain)> = OnceLock::new();
    SHARED.get_or_init(|| {
        let dir = tempfile::tempdir().expect("folder");
        let chain = open(dir.path());
        (dir, chain)
    })
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "(0x)?[0-9a-fA-F]{0,70}".prop_map(Value::from),
        "0x[0-9a-f]{40}".prop_map(Value::from),
        "0x[0-9a-f]{64}".prop_map(Value::from),
        "0x0?[1-3f][0-9a-f]{0,400}".prop_map(Value::from),
        Just(json!(accounts::all()[1].address.to_string())),
        Just(json!(DevChain::deployment(&shared().1).depositary.to_string())),
        prop_oneof![Just("latest"), Just("earliest"), Just("pending"), Just("é")].prop_map(Value::from),
    ];
    let key = prop_oneof![
        Just("from"),
        Just("to"),
        Just("data"),
        Just("input"),
        Just("value"),
        Just("gas"),
        Just("nonce"),
        Just("gasPrice"),
        Just("maxFeePerGas"),
        Just("address"),
        Just("topics"),
        Just("fromBlock"),
        Just("toBlock"),
        Just("blockHash"),
        Just("blockNumber"),
    ];
    leaf.prop_recursive(3, 24, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|fields| fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever the parameters, there is an answer: a result or an error, never both, never a panic.
    #[test]
    fn any_parameters_are_answered(method in prop::sample::select(&METHODS[..]), params in prop::collection::vec(any_value(), 0..4)) {
        let answer = call(&shared().1, method, Value::Array(params));
        prop_assert!(answer.get("result").is_some() != answer.get("error").is_some(), "{}", answer);
    }

    /// Whatever the bytes, too.
    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Some(answer) = shared().1.answer(&bytes) {
            prop_assert!(serde_json::from_slice::<Value>(&answer).is_ok());
        }
    }

    /// A signed transaction with any byte changed is refused or is another's; none panics.
    #[test]
    fn a_garbled_transaction_is_answered(at in 0_usize..110, with in any::<u8>()) {
        let fees = xln_chain::Fees { max_fee_per_gas: 3_000_000_000, max_priority_fee_per_gas: 1 };
        let to = Some(accounts::all()[2].address);
        let value = xln_types::Amount(1);
        let envelope = xln_chain::Envelope { chain_id: 31_337, nonce: 50, to, value, data: vec![], gas_limit: 30_000, fees };
        let mut raw = xln_chain::sign_for(&accounts::all()[9].secret, &envelope).expect("signs").raw;
        let at = at % raw.len();
        raw[at] = with;
        let hex: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
        let answer = call(&shared().1, "eth_sendRawTransaction", json!([format!("0x{hex}")]));
        prop_assert!(answer.get("error").is_some(), "{}", answer);
    }
}

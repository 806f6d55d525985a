//! Channel-evidence files: checked with nothing but the signer's address, refused when anything in them is another.

use serde_json::{Map, Value, json};
use xln_api::evidence::{EvidenceFile, OfflineProof};
use xln_types::codec::decode;
use xln_types::{Address, Evidence};

/// The golden evidence, direct and sealed, with lists and without, and who signed it.
fn golden() -> Vec<(Evidence, Address)> {
    let vectors: Value = serde_json::from_str(include_str!("../../../../vectors/evidence.json")).expect("JSON");
    let case = |case: &Value| {
        let digits = &case["rlp"].as_str().expect("hex").as_bytes()[2..];
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("text"), 16).expect("hex");
        let rlp: Vec<u8> = digits.chunks(2).map(byte).collect();
        (decode(&rlp).expect("evidence"), case["signer"].as_str().expect("text").parse().expect("an address"))
    };
    let cases: Vec<_> = vectors["cases"].as_array().expect("a list").iter().map(case).collect();
    assert_eq!(cases.len(), 4);
    cases
}

fn verify(text: &str, signer: Address) -> Result<Evidence, String> {
    match OfflineProof::read(text.as_bytes()).map_err(|error| error.to_string())? {
        OfflineProof::Channel(file) => file.verify(signer).map_err(|error| error.to_string()),
        OfflineProof::Block(_) => Err("another kind".to_owned()),
    }
}

fn file(evidence: &Evidence) -> Value {
    serde_json::to_value(EvidenceFile::new(evidence)).expect("JSON")
}

/// Every place of a file, from the outside in.
fn places(file: &Value) -> Vec<String> {
    let (mut found, mut open) = (Vec::new(), vec![String::new()]);
    while let Some(pointer) = open.pop() {
        match file.pointer(&pointer).expect("there") {
            Value::Object(fields) => open.extend(fields.keys().map(|key| format!("{pointer}/{key}"))),
            Value::Array(items) => open.extend((0..items.len()).map(|index| format!("{pointer}/{index}"))),
            _ => {}
        }
        found.push(pointer);
    }
    found
}

fn with(file: &Value, pointer: &str, value: impl Into<Value>) -> Value {
    let mut copy = file.clone();
    *copy.pointer_mut(pointer).expect("there") = value.into();
    copy
}

/// What could stand at a place instead: another digit anywhere, another number, a field more or fewer, null, a list for an object.
fn others(value: &Value) -> Vec<Value> {
    let mut others = vec![Value::Null];
    match value {
        Value::String(text) => {
            others.push(Value::String(String::new()));
            for at in 0..text.len() {
                for digit in ["0", "1", "7", "c"].into_iter().filter(|digit| *digit != &text[at..=at]) {
                    let mut changed = text.clone();
                    changed.replace_range(at..=at, digit);
                    others.push(changed.into());
                }
            }
        }
        Value::Number(number) => {
            let number = number.as_u64().expect("a count");
            others.extend([
                json!(number + 1),
                json!(number ^ (1 << 40)),
                json!(number.to_string()),
                json!(-1),
                json!(0.5),
            ]);
        }
        Value::Object(fields) => {
            for key in fields.keys() {
                let rest: Map<String, Value> = fields.clone().into_iter().filter(|(other, _)| other != key).collect();
                others.push(rest.into());
            }
            let mut more = fields.clone();
            more.insert("more".to_owned(), json!("0"));
            others.push(more.into());
            others.push(fields.values().cloned().collect());
        }
        Value::Array(items) => {
            others.extend(items.split_last().map(|(_, rest)| Value::from(rest)));
            others
                .extend(items.last().map(|last| Value::from([items.as_slice(), std::slice::from_ref(last)].concat())));
            others.extend((1 < items.len()).then(|| items.iter().rev().cloned().collect()));
            others.push(json!({}));
        }
        _ => {}
    }
    others
}

/// CH-7: a channel's state is proven with nothing but the signer's address.
#[test]
fn a_channels_state_is_proven_offline() {
    for (evidence, signer) in golden() {
        let text = file(&evidence).to_string();
        assert_eq!(verify(&text, signer), Ok(evidence));
        let refused = verify(&text, Address([7; 20])).expect_err("another signer");
        assert!(refused.starts_with("wrong signer: expected=0x0707"), "{refused}");
    }
}

/// CH-7, ST-2: no digit, no number and no field of it can be another.
#[test]
fn nothing_in_a_file_can_be_another() {
    for (evidence, signer) in golden() {
        let file = file(&evidence);
        let mut tried = 0;
        for pointer in places(&file) {
            for other in others(file.pointer(&pointer).expect("there")) {
                let shown = other.to_string();
                assert!(verify(&with(&file, &pointer, other).to_string(), signer).is_err(), "{pointer}: {shown}");
                tried += 1;
            }
        }
        assert!(2000 < tried, "{tried}");
    }
}

/// CH-7: one way of signing, said once; what is no such file is named as that.
#[test]
fn a_file_says_one_thing_in_one_way() {
    let all = golden();
    let (direct, mut both) = (file(&all[0].0), file(&all[2].0));
    both["direct"] = direct["direct"].clone();
    let refusal = |text: &str| verify(text, all[0].1).expect_err("refused");
    assert_eq!(refusal(&both.to_string()), "malformed: expected one of direct and sealed");
    let text = direct.to_string();
    let twice = text.replacen("\"epoch\":0", "\"epoch\":0,\"epoch\":0", 1);
    assert!(refusal(&twice).starts_with("duplicate field `epoch`"), "{}", refusal(&twice));
    for other in
        ["", "null", "[]", "{\"kind\":\"receipt\"}", "{\"kind\":\"channel\"}", &text[1..], &format!("{text}{text}")]
    {
        let refused = refusal(other);
        assert!(!refused.contains("struct") && refused != "another kind", "{other}: {refused}");
    }
    assert!(OfflineProof::read(b"{\"kind\":\"\xff\"}").is_err_and(|error| error.to_string() == "not UTF-8"));
}

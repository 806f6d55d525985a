//! CH-7: secp256k1 signatures as the chain takes them, and what is none.

use crate::{Spoilt, document, hash, hex, secret, sign, signer};
use serde_json::{Value, json};
use xln_crypto::secp;
use xln_types::Hash;

/// The order of secp256k1.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xba, 0xae, 0xdc,
    0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
];

/// `signatures.json`.
pub(crate) fn file() -> Value {
    let about = "CH-7: 65 bytes r, s, v (27 or 28) over a 32-byte digest, deterministic (RFC 6979), low-s; a signer is its key's address";
    let digests = [hash("pay"), hash("settle"), Hash([0; 32]), Hash([0xff; 32])];
    let cases = digests.iter().flat_map(|digest| [case(1, digest), case(2, digest), case(3, digest)]).collect();
    let mut refused = Vec::new();
    for (reason, change) in REFUSED {
        let mut bytes = sign(1, &digests[0]).to_vec();
        change(&mut bytes);
        assert!(secp::recover(&digests[0], &bytes).is_err(), "{reason}");
        refused.push(json!({ "reason": reason, "digest": digests[0].to_string(), "signature": hex(&bytes) }));
    }
    document(about, cases, refused)
}

const REFUSED: [Spoilt<Vec<u8>>; 9] = [
    ("a high s: the twin of a good one", |bytes| make_high(bytes)),
    ("s is the order", |bytes| bytes[32..64].copy_from_slice(&ORDER)),
    ("r is the order", |bytes| bytes[..32].copy_from_slice(&ORDER)),
    ("r is 0", |bytes| bytes[..32].fill(0)),
    ("s is 0", |bytes| bytes[32..64].fill(0)),
    ("v is 29", |bytes| bytes[64] = 29),
    ("64 bytes", |bytes| bytes.truncate(64)),
    ("66 bytes", |bytes| bytes.push(0)),
    ("nothing", Vec::clear),
];

/// The order less s, and the other v.
fn make_high(bytes: &mut [u8]) {
    let mut borrow = 0_i32;
    for index in (0..32).rev() {
        let value = i32::from(ORDER[index]) - i32::from(bytes[32 + index]) - borrow;
        borrow = i32::from(value < 0);
        bytes[32 + index] = u8::try_from(value + 256 * borrow).expect("a byte");
    }
    bytes[64] = 55 - bytes[64];
}

fn case(number: u8, digest: &Hash) -> Value {
    let signature = sign(number, digest);
    assert_eq!(secp::recover(digest, &signature).map(|found| found.address()), Ok(signer(number)));
    json!({
        "secret": hex(&secret(number)),
        "publicKey": hex(&secp::signer_of_secret(&secret(number)).expect("a key").1),
        "digest": digest.to_string(),
        "signature": hex(&signature),
        "signer": signer(number).to_string(),
    })
}

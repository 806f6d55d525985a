//! The golden vectors in `vectors/` at the repository's root: what this code says, committed, so that another implementation, the
//! contracts' tests and a later version of this code say the same. `UPDATE_VECTORS=1` writes them anew; a difference is a change of
//! an encoding, and wants a reason (**N-3**).
//!
//! One module a file, one function a module, one line in [`FILES`]. What is refused is tried here before it is written down. What the
//! chain needs is replayed in `contracts/test/Vectors.t.sol` too.

mod capacity;
mod codec;
mod evidence;
mod frames;
mod htlcs;
mod offdeltas;
mod paths;
mod proofs;
mod seals;
mod signatures;

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use xln_crypto::{keccak256, secp};
use xln_types::{Address, Hash};

/// A file's name, and what makes it.
type File = (&'static str, fn() -> Value);

/// Each file.
const FILES: [File; 10] = [
    ("capacity.json", capacity::file),
    ("codec.json", codec::file),
    ("evidence.json", evidence::file),
    ("frames.json", frames::file),
    ("htlcs.json", htlcs::file),
    ("offdeltas.json", offdeltas::file),
    ("paths.json", paths::file),
    ("proofs.json", proofs::file),
    ("seals.json", seals::file),
    ("signatures.json", signatures::file),
];

/// What is refused: the reason, and what makes it so of something good.
type Spoilt<T> = (&'static str, fn(&mut T));

const CHAIN_ID: u64 = 31337;

/// N-3, CH-7: the committed vectors are what the code says, and there are no others.
#[test]
fn the_committed_vectors_are_the_codes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors");
    let mut old = Vec::new();
    for (name, file) in FILES {
        let (path, file) = (folder.join(name), file());
        if std::env::var_os("UPDATE_VECTORS").is_some() {
            std::fs::write(&path, format!("{file:#}\n")).expect("writes");
        }
        let committed = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
        if committed != Some(file) {
            old.push(name);
        }
    }
    assert_eq!(old, [""; 0], "differ from the code: look why, then run with UPDATE_VECTORS=1");
    let found = std::fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let json = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "json");
    assert_eq!(found.filter(json).count(), FILES.len(), "a file that nothing makes");
}

/// A file: what it is about, what has to come out, and what has to be refused.
fn document(about: &str, cases: Vec<Value>, refused: Vec<Value>) -> Value {
    let (cases, refused) = (Value::from(cases), Value::from(refused));
    json!({ "about": about, "cases": cases, "refused": refused })
}

fn hex(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("0x{digits}")
}

/// 32 bytes that stand for something.
fn hash(name: &str) -> Hash {
    keccak256(name)
}

fn depositary() -> Address {
    Address([0xde; 20])
}

/// The test's keys, by number.
fn secret(number: u8) -> [u8; 32] {
    keccak256([b"XLN vectors, secret ".as_slice(), &[number]].concat()).0
}

fn signer(number: u8) -> Address {
    secp::signer_of_secret(&secret(number)).expect("a key").0.address()
}

fn sign(number: u8, digest: &Hash) -> [u8; 65] {
    secp::sign(&secret(number), digest).expect("a key")
}

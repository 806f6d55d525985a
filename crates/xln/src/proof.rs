//! `xln proof`: fetches what proves a receipt or a record, and checks it offline, with nothing but the file and the hub's address
//! (**TX-6**, **ST-2**).

use crate::failure::Failure;
use crate::show;
use crate::verbs::caller::CallerArgs;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::io::Read;
use std::path::{Path, PathBuf};
use xln_api::proof::{ProofFile, Proven, Subject};
use xln_types::Address;

/// Longest proof file that is read.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// The verbs of `xln proof`.
#[derive(Subcommand)]
pub(crate) enum Proof {
    /// Fetches the proof of a sealed transaction by its hash, or of a state record by its path.
    Get(Get),
    /// Checks a proof file. Needs no network.
    Verify(Verify),
}

/// The options of `xln proof get`.
#[derive(Args)]
pub(crate) struct Get {
    /// A transaction's hash (a payment's id), or a record's 117-byte path.
    id: String,
    /// Where to put the file; stdout if absent.
    #[arg(long)]
    out: Option<PathBuf>,
    #[command(flatten)]
    caller: CallerArgs,
}

/// The options of `xln proof verify`.
#[derive(Args)]
pub(crate) struct Verify {
    /// The file that `xln proof get` wrote.
    file: PathBuf,
    /// The address of the hub's signer, from a source that you trust.
    #[arg(long)]
    hub: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs one of them.
pub(crate) async fn run(proof: Proof) -> Result<(), Failure> {
    match proof {
        Proof::Get(get) => fetch(get).await,
        Proof::Verify(verify) => check(&verify),
    }
}

async fn fetch(get: Get) -> Result<(), Failure> {
    let ask = get.caller.ask().await?;
    let answer = ask.get(&format!("/proofs/{}", get.id)).await?;
    match &get.out {
        None => println!("{answer:#}"),
        Some(path) => {
            std::fs::write(path, format!("{answer:#}\n"))
                .map_err(|error| Failure::World(format!("{}: {error}", path.display())))?;
            if !get.caller.json {
                println!("Check it with: xln proof verify {} --hub <address of the hub's signer>", path.display());
            }
        }
    }
    Ok(())
}

fn check(verify: &Verify) -> Result<(), Failure> {
    let hub: Address = verify.hub.parse().map_err(|error| Failure::Usage(format!("--hub {}: {error}", verify.hub)))?;
    let outcome = read(&verify.file)?;
    let outcome = outcome.and_then(|file| file.verify(hub).map_err(|error| error.to_string()));
    match outcome {
        Ok(proven) => {
            let answer = shown(&proven);
            if verify.json {
                println!("{answer}");
            } else {
                print!("{}", show::value(&answer));
                println!("Proven: the hub of {hub} signed this.");
            }
            Ok(())
        }
        Err(reason) => {
            if verify.json {
                println!("{}", json!({ "ok": false, "reason": reason }));
            }
            Err(Failure::Check(format!("not proven: {reason}")))
        }
    }
}

/// A file that can't be read is the world's fault; one that isn't a proof proves nothing.
fn read(path: &Path) -> Result<Result<ProofFile, String>, Failure> {
    let failed = |error: std::io::Error| Failure::World(format!("{}: {error}", path.display()));
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    // A device or a pipe says nothing of its length, or never ends.
    file.take(FILE_BYTES_MAX.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if FILE_BYTES_MAX < bytes.len() as u64 {
        return Ok(Err(format!("malformed: at most {FILE_BYTES_MAX} bytes are read")));
    }
    Ok(serde_json::from_slice(&bytes).map_err(|error| format!("malformed: {error}")))
}

fn shown(proven: &Proven) -> Value {
    let header = &proven.header;
    let mut answer = json!({
        "ok": true, "block": header.number.to_string(), "timestamp": header.timestamp_ms / 1000,
        "state_root": header.state_root.to_string(),
    });
    let subject = match &proven.subject {
        Subject::Receipt { receipt, index } => json!({
            "kind": "receipt", "hash": receipt.hash.to_string(), "index": index, "seq": receipt.sequence,
            "status": if receipt.is_executed() { "executed" } else { "rejected" },
            "reason": receipt.rejection().map(|rejection| rejection.reason()),
            "changes": receipt.changes.len(),
        }),
        Subject::Record { path, value } => json!({
            "kind": "record", "path": path.to_string(), "present": value.is_some(),
            "value": value.as_deref().map(xln_client::key::hex),
        }),
    };
    if let (Some(all), Some(more)) = (answer.as_object_mut(), subject.as_object()) {
        all.extend(more.clone());
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(path: &Path) -> String {
        let read = read(path).expect("readable");
        read.err().unwrap_or_else(|| panic!("{} is no proof", path.display()))
    }

    /// ST-2: what isn't a proof proves nothing, and a file without an end is not read to its end.
    #[test]
    fn what_is_no_proof_is_refused_in_bounded_memory() {
        assert_eq!(refusal(Path::new("/dev/zero")), format!("malformed: at most {FILE_BYTES_MAX} bytes are read"));
        assert!(refusal(Path::new("/dev/null")).starts_with("malformed: "));
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("proof.json");
        for text in ["[]", "7", "{}", "{\"chainId\":1}", "{\"evidence\":[]}", "{\"evidence\":{\"state\":[]}}"] {
            std::fs::write(&file, text).expect("writes");
            let refusal = refusal(&file);
            assert!(refusal.starts_with("malformed: ") && !refusal.contains("struct"), "{text}: {refusal}");
        }
        assert!(matches!(read(&folder.path().join("none")), Err(Failure::World(_))));
    }
}

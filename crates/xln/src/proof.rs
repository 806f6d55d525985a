//! `xln proof`: fetches what proves a receipt or a record, and checks it offline, with nothing but the file and the hub's address
//! (**TX-6**, **ST-2**); checks the evidence of a channel's state against its signer's (**CH-7**).

use crate::failure::Failure;
use crate::show;
use crate::verbs::caller::CallerArgs;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::io::Read;
use std::path::{Path, PathBuf};
use xln_api::evidence::OfflineProof;
use xln_api::proof::{Proven, Subject};
use xln_types::{Address, Evidence, EvidenceAuthority};

/// Longest proof file that is read.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// The verbs of `xln proof`.
#[derive(Subcommand)]
pub(crate) enum Proof {
    /// Fetches the proof of a sealed transaction by its hash, or of a state record by its path.
    Get(Get),
    /// Checks a proof file, or the evidence of a channel's state. Needs no network.
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
    /// The file that `xln proof get` wrote, or that `channel.proof` answered.
    file: PathBuf,
    /// The address of the hub's signer, or of whoever signed the channel's state, from a source that you trust.
    #[arg(long, visible_alias = "signer")]
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
    match outcome.and_then(|file| answer(&file, hub)) {
        Ok((answer, who)) => {
            if verify.json {
                println!("{answer}");
            } else {
                print!("{}", show::value(&answer));
                println!("Proven: {who} signed this.");
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

/// What a file proves, and whose word that is.
fn answer(file: &OfflineProof, signer: Address) -> Result<(Value, String), String> {
    match file {
        OfflineProof::Block(file) => {
            let proven = file.verify(signer).map_err(|error| error.to_string())?;
            Ok((shown(&proven), format!("the hub of {signer}")))
        }
        OfflineProof::Channel(file) => {
            let evidence = file.verify(signer).map_err(|error| error.to_string())?;
            Ok((state(&evidence), signer.to_string()))
        }
    }
}

/// A file that can't be read is the world's fault; one that isn't a proof proves nothing.
fn read(path: &Path) -> Result<Result<OfflineProof, String>, Failure> {
    let failed = |error: std::io::Error| Failure::World(format!("{}: {error}", path.display()));
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    // A device or a pipe says nothing of its length, or never ends.
    file.take(FILE_BYTES_MAX.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if FILE_BYTES_MAX < bytes.len() as u64 {
        return Ok(Err(format!("malformed: at most {FILE_BYTES_MAX} bytes are read")));
    }
    Ok(OfflineProof::read(&bytes).map_err(|error| format!("malformed: {error}")))
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

/// CH-7: the state that was signed.
fn state(evidence: &Evidence) -> Value {
    let (proof, htlcs) = (&evidence.proof, &evidence.htlcs);
    let offdeltas = evidence.offdeltas.iter();
    json!({
        "ok": true, "kind": "channel", "chain_id": evidence.chain_id, "depositary": evidence.depositary.to_string(),
        "channel": proof.channel.to_string(), "signer_entity": evidence.signer_entity.to_string(),
        "counterparty": evidence.counterparty.to_string(), "epoch": evidence.epoch,
        "nonce": proof.nonce.to_string(), "by": proof.by.to_string(), "board_epoch": proof.board_epoch,
        "dispute_window": proof.dispute_window_s, "frame": proof.frame.to_string(),
        "seal": match &evidence.authority {
            EvidenceAuthority::Direct { .. } => None,
            EvidenceAuthority::Sealed { seal, .. } => Some(seal.number.to_string()),
        },
        "offdeltas": offdeltas.map(|entry| json!({
            "asset": entry.asset.to_string(), "offdelta": entry.offdelta.to_string(),
        })).collect::<Vec<_>>(),
        "htlcs": htlcs.iter().map(|htlc| json!({
            "side": htlc.side.to_string(), "id": htlc.id.to_string(), "asset": htlc.asset.to_string(),
            "amount": htlc.amount.to_string(), "hashlock": htlc.hashlock.to_string(), "expires_at": htlc.expires_at_s,
        })).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use xln_api::evidence::EvidenceFile;
    use xln_types::codec::decode;

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

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        proof: Proof,
    }

    fn verify(line: &[&str]) -> Result<(), Failure> {
        let Ok(Line { proof: Proof::Verify(verify) }) = Line::try_parse_from(line) else { panic!("{line:?}") };
        check(&verify)
    }

    /// CH-7: a channel's evidence is checked like a receipt's, under either name of the option; what isn't proven is a failed check.
    #[test]
    fn a_channels_evidence_is_checked_offline() {
        let vectors: Value =
            serde_json::from_str(include_str!("../../../vectors/evidence.json")).expect("the golden vectors");
        let folder = tempfile::tempdir().expect("a folder");
        for case in vectors["cases"].as_array().expect("a list") {
            let rlp: xln_api::text::AsText<xln_api::text::Bytes> =
                serde_json::from_value(case["rlp"].clone()).expect("hex");
            let evidence: Evidence = decode(&rlp.0.0).expect("evidence");
            let path = folder.path().join("evidence.json");
            let write = |file: &Value| std::fs::write(&path, format!("{file:#}")).expect("writes");
            let mut file = serde_json::to_value(EvidenceFile::new(&evidence)).expect("JSON");
            write(&file);
            let (path, signer) = (path.display().to_string(), case["signer"].as_str().expect("text"));
            for option in ["--hub", "--signer"] {
                verify(&["xln", "verify", &path, option, signer]).expect("proven");
                verify(&["xln", "verify", &path, option, signer, "--json"]).expect("proven");
            }
            let other = Address([7; 20]).to_string();
            let refused = verify(&["xln", "verify", &path, "--signer", &other]);
            assert!(matches!(refused, Err(Failure::Check(text)) if text.starts_with("not proven: wrong signer")));
            assert!(matches!(verify(&["xln", "verify", &path, "--signer", "me"]), Err(Failure::Usage(_))));
            let shown = state(&evidence);
            assert_eq!(shown["nonce"], "17");
            assert_eq!(shown["seal"].as_str(), file["sealed"]["seal"]["number"].as_str());
            assert_eq!(shown["htlcs"].as_array().map(Vec::len), Some(evidence.htlcs.len()));
            file["proof"]["nonce"] = "18".into();
            write(&file);
            assert!(matches!(verify(&["xln", "verify", &path, "--signer", signer]), Err(Failure::Check(_))));
        }
    }
}

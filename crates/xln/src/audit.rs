//! `xln audit DIR`: two opinions on a hub's log. First `xln-audit`, which shares no code with the core; then the core itself, replayed,
//! each block compared with the logged one (**TX-7**). With `--rpc` also what the depositary holds on the chain (**CH-13**).
//!
//! Opens read-only, beside a live hub too. Start at [`report`].

use crate::failure::Failure;
use crate::show;
use clap::Args;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use xln_audit::{AuditError, Report, Violation, audit_store, compare_block};
use xln_chain::{Chain, ChainClient};
use xln_machine::Server;
use xln_machine::server::SealedBlock;
use xln_node::recovery::{LOG_NAME, Replay, Witness};
use xln_node::{CHAIN_FOLDER, IDENTITY_FILE, KEYS_FOLDER, LOG_FOLDER};
use xln_storage::sealed_file::{self, SealedError};
use xln_storage::{LogError, LogReader, RealDisk};
use xln_types::codec::decode;
use xln_types::{Address, Amount, Asset, AssetId, Receipt, Record};

/// How long to wait for a later block: several of them.
const LATER_BLOCK: Duration = Duration::from_millis(1000);

/// The options of `xln audit`.
#[derive(Args)]
pub(crate) struct Audit {
    /// The hub's data folder.
    dir: PathBuf,
    /// Also ask this chain what the depositary holds.
    #[arg(long)]
    rpc: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What only the core can tell: what replay found, and what the chain must be asked about.
#[derive(Default)]
struct Second {
    violations: Vec<Violation>,
    assets: BTreeMap<AssetId, Asset>,
    depositary: Address,
}

/// Prints the report; status 1 when a law is broken.
pub(crate) async fn run(audit: Audit) -> Result<(), Failure> {
    let (mut report, mut second) = read(&audit).await?;
    let mut held = BTreeMap::new();
    if let Some(rpc) = &audit.rpc {
        let sound = report.violations_total;
        held = on_chain(rpc, &second, &mut report).await?;
        if sound == 0 && report.violations_total != 0 {
            // Beside a live hub the books are those of the last block, and the chain may be ahead of it: looked at again when there is a later
            // one, what was only on its way is in both.
            tokio::time::sleep(LATER_BLOCK).await;
            (report, second) = read(&audit).await?;
            held = on_chain(rpc, &second, &mut report).await?;
        }
    }
    report.ok = report.violations_total == 0;
    print(&report, &held, audit.json);
    if report.ok { Ok(()) } else { Err(Failure::Said(1)) }
}

async fn read(audit: &Audit) -> Result<(Report, Second), Failure> {
    let (dir, as_json) = (audit.dir.clone(), audit.json);
    tokio::task::spawn_blocking(move || report(&dir, as_json)).await.map_err(Failure::world)?
}

/// Both opinions, and the integrity of every file beside the log.
fn report(dir: &Path, as_json: bool) -> Result<(Report, Second), Failure> {
    if !dir.is_dir() {
        return Err(Failure::Usage(format!("no such folder: path={}", dir.display())));
    }
    let log = dir.join(LOG_FOLDER);
    let bar = show::progress("auditing bytes", 0, as_json);
    let audited = audit_store(&log, LOG_NAME, &[], &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let mut report = audited.map_err(|error| match error {
        AuditError::Missing { .. } => Failure::Usage(format!("no hub's log: path={}", log.display())),
        error => Failure::world(error),
    })?;
    let mut found = check_files(dir)?;
    let second = if report.violations_total == 0 { replay(&log, as_json)? } else { Second::default() };
    found.extend(second.violations.iter().cloned());
    for violation in found {
        report.violations_total += 1;
        if report.violations.len() < xln_audit::VIOLATIONS_MAX {
            report.violations.push(violation);
        }
    }
    Ok((report, second))
}

/// ST-4: the files that aren't the hub's log hold what was written to them.
fn check_files(dir: &Path) -> Result<Vec<Violation>, Failure> {
    let mut violations = Vec::new();
    let mut damaged = |at: String, found: String| {
        violations.push(Violation { law: "ST-4", at, expected: "bytes as they were written".to_owned(), found });
    };
    let disk = RealDisk::open_read_only(dir);
    match sealed_file::read(&disk, IDENTITY_FILE) {
        Ok(_) => {}
        Err(SealedError::Disk(error)) if !matches!(error, xln_storage::DiskError::NotFound { .. }) => {
            return Err(Failure::world(error));
        }
        Err(error) => damaged(format!("file {IDENTITY_FILE}"), error.to_string()),
    }
    for (folder, name) in [(KEYS_FOLDER, xln_node::keystore::KEYS_NAME), (CHAIN_FOLDER, CHAIN_FOLDER)] {
        let path = dir.join(folder);
        if !path.is_dir() {
            continue;
        }
        let disk = RealDisk::open_read_only(&path);
        match read_through(&disk, name) {
            Ok(0) | Err(LogError::Missing { .. }) => {}
            Ok(slots) => damaged(format!("folder {folder}, durable mark"), format!("{slots} damaged slots")),
            Err(error @ LogError::Damage { .. }) => damaged(format!("folder {folder}"), error.to_string()),
            Err(error) => return Err(Failure::world(error)),
        }
    }
    Ok(violations)
}

/// Reads a log to its end; answers how many slots of its mark can't be read. The mark is looked at again: beside a live hub the first
/// look may have met it half written.
fn read_through(disk: &RealDisk, name: &str) -> Result<u32, LogError> {
    let mut reader = LogReader::open(disk, name)?;
    while reader.next_record()?.is_some() {}
    match reader.summary().mark_slots_damaged {
        0 => Ok(0),
        _ => Ok(LogReader::open(disk, name)?.summary().mark_slots_damaged),
    }
}

/// Keeps the block that replay came to.
#[derive(Default)]
struct Last(Option<SealedBlock>);

impl Witness for Last {
    fn executed(&mut self, _: &Receipt) {}
    fn sealed(&mut self, block: &SealedBlock) {
        self.0 = Some(block.clone());
    }
}

/// The core's own opinion: the log replayed, each block compared with the logged one, up to the first that differs.
fn replay(log: &Path, as_json: bool) -> Result<Second, Failure> {
    let disk = RealDisk::open_read_only(log);
    let mut second = Second::default();
    let mut reader = LogReader::open(&disk, LOG_NAME).map_err(Failure::world)?;
    let mut replay = Replay::new(0, false);
    let bar = show::progress("replaying blocks", 0, as_json);
    while second.violations.is_empty() {
        let Some((sequence, bytes)) = reader.next_record().map_err(Failure::world)? else { break };
        let mut last = Last::default();
        if let Err(error) = replay.record(sequence, bytes, &mut last) {
            let (at, expected) = (format!("log record {sequence}"), "what replay can follow".to_owned());
            second.violations.push(Violation { law: "TX-7", at, expected, found: error.to_string() });
            break;
        }
        if let (Some(made), Ok(Record::Block { header, receipts, .. })) = (last.0, decode::<Record>(bytes)) {
            second.violations.extend(compare_block(&made.header, &made.receipts, &header, &receipts));
            bar.set_position(header.number);
        }
    }
    bar.finish_and_clear();
    if let Some((server, _)) = replay.finish() {
        learn(&server, &mut second);
    }
    Ok(second)
}

fn learn(server: &Server, second: &mut Second) {
    second.depositary = server.genesis().depositary;
    second.assets = server.assets().map(|info| (info.id, info.asset)).collect();
}

/// CH-13: what the chain says the depositary holds is at least what the hub accounts for. What is on its way out may have left
/// already, so it isn't asked for.
async fn on_chain(rpc: &str, second: &Second, report: &mut Report) -> Result<BTreeMap<AssetId, Amount>, Failure> {
    let chain = ChainClient::http(rpc).map_err(|error| Failure::Usage(error.to_string()))?;
    let mut held = BTreeMap::new();
    for sum in &report.assets {
        let Some(asset) = second.assets.get(&sum.asset) else { continue };
        let balance = chain.asset_balance(asset, second.depositary).await.map_err(Failure::world)?;
        let owed = sum.reserves.saturating_add(sum.collateral);
        if i128::try_from(balance.0).is_ok_and(|balance| balance < owed) {
            report.violations_total += 1;
            report.violations.push(Violation {
                law: "CH-13",
                at: format!("depositary {} on the chain, {}", second.depositary, sum.symbol),
                expected: format!("at least {owed}"),
                found: balance.to_string(),
            });
        }
        held.insert(sum.asset, balance);
    }
    Ok(held)
}

fn print(report: &Report, held: &BTreeMap<AssetId, Amount>, as_json: bool) {
    let violations: Vec<Value> = report
        .violations
        .iter()
        .map(|found| json!({"law": found.law, "where": found.at, "expected": found.expected, "found": found.found}))
        .collect();
    let assets: Vec<Value> = report
        .assets
        .iter()
        .map(|sum| {
            let depositary = held.get(&sum.asset).map_or_else(|| sum.depositary.to_string(), Amount::to_string);
            json!({
                "asset": sum.asset.to_string(), "symbol": sum.symbol, "reserves": sum.reserves.to_string(),
                "collateral": sum.collateral.to_string(), "pending": sum.pending.to_string(),
                "depositary": depositary, "elsewhere": sum.elsewhere.to_string(),
            })
        })
        .collect();
    let answer = json!({
        "ok": report.ok, "blocks": report.blocks, "transactions": report.transactions,
        "unsealed": report.unsealed, "root": report.root.to_string(), "torn_tail_bytes": report.torn_tail_bytes,
        "violations": violations, "violations_total": report.violations_total, "assets": assets,
    });
    if as_json {
        println!("{answer}");
    } else {
        print!("{}", show::value(&answer));
        println!("{}", if report.ok { "Every law holds." } else { "LAWS ARE BROKEN: see violations." });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xln_storage::{Log, LogOptions};

    /// ST-4: a mark has two slots; one that can't be read any more is damage, though the log still reads.
    #[test]
    fn a_flipped_bit_in_a_mark_is_seen() {
        for (folder, name) in [(KEYS_FOLDER, xln_node::keystore::KEYS_NAME), (CHAIN_FOLDER, CHAIN_FOLDER)] {
            for slot in ["a", "b"] {
                let data = tempfile::tempdir().expect("a folder");
                let path = data.path().join(folder);
                std::fs::create_dir(&path).expect("a folder");
                let disk = RealDisk::open(&path).expect("a disk");
                let opened =
                    Log::open(disk, name, LogOptions::new([7; 16]), |_, _| std::ops::ControlFlow::Continue(()));
                let (mut log, _) = opened.expect("a log");
                log.append(b"record").expect("room");
                log.sync().expect("synced");
                log.close().expect("closed");
                let marks = || {
                    let found = check_files(data.path()).expect("readable");
                    found.into_iter().filter(|one| one.at.starts_with("folder")).map(|one| one.at).collect::<Vec<_>>()
                };
                assert_eq!(marks(), [""; 0], "{folder}");
                let mark = path.join(format!("{name}-{slot}.mark"));
                let mut bytes = std::fs::read(&mark).expect("a mark");
                bytes[9] ^= 1;
                std::fs::write(&mark, bytes).expect("writes");
                assert_eq!(marks(), [format!("folder {folder}, durable mark")], "slot {slot}");
            }
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let Err(Failure::Usage(reason)) = report(Path::new("/nope"), true) else { panic!("usage") };
        assert_eq!(reason, "no such folder: path=/nope");
    }
}

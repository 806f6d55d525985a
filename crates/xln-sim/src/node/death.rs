//! How a life ends and the next begins: process deaths and power cuts, recoveries that are cut off or meet a disk that can't be read, rot. After
//! each recovery what was spoken must be there, and what was there unspoken is told to ledger and auditor (**TX-6**, **TX-7**, **ST-4**, **ST-6**).

use super::life::Life;
use super::{Book, Node};
use crate::fault::Fault;
use std::collections::VecDeque;
use xln_api::backend::BlockId;
use xln_machine::server::{Input, SealedBlock};
use xln_node::engine::input_of;
use xln_node::recovery::{LOG_NAME, Recovered, RecoveryError, Witness, recover};
use xln_storage::{Disk, Kept, LogError, LogOptions, LogReader, MemDisk};
use xln_types::codec::decode;
use xln_types::{Entry, Receipt, Record};

/// Whether `xln-audit` can read the records of channels with other nodes. Until then logs of nodes with such channels aren't audited.
const AUDIT_KNOWS_PEERS: bool = false;
/// How many of the log's last batches may be unspoken when a node dies.
const BATCHES_UNSPOKEN_MAX: usize = 256;
/// A recovery that is cut off is tried again, at most so often.
const ATTEMPTS_MAX: usize = 8;

/// Segments and commits so small that a life has many.
fn options() -> LogOptions {
    LogOptions { segment_bytes_max: 256 << 10, commit_bytes_max: 32 << 10, ..LogOptions::new([7; 16]) }
}

/// Keeps the receipts past a number.
struct Passed {
    from: u64,
    receipts: Vec<Receipt>,
}

impl Witness for Passed {
    fn executed(&mut self, receipt: &Receipt) {
        if self.from < receipt.sequence {
            self.receipts.push(receipt.clone());
        }
    }
    fn sealed(&mut self, _: &SealedBlock) {}
}

impl Node {
    fn replay(&self) -> Result<(Recovered<MemDisk>, Vec<Receipt>), RecoveryError> {
        let mut passed = Passed { from: self.sealed_sequence.min(self.ledger.sequence), receipts: Vec::new() };
        let created_s = crate::clock::START_MS / 1000;
        let genesis = || self.people.genesis(created_s);
        let recovered = recover(self.disk.clone(), options(), 11, &mut passed, genesis)?;
        Ok((recovered, passed.receipts))
    }

    /// The process ends. What it had not written is gone; what the disk had not synced goes with the power, if that is cut too.
    pub(crate) fn die(&mut self, power: Option<Kept>) {
        self.executed = self.life.as_ref().map_or(0, |life| life.shared.server().sequence());
        // The engine goes before its disk is touched.
        self.life = None;
        self.hosted.clear();
        self.to_say.clear();
        for pending in std::mem::take(&mut self.pending) {
            let _ = self.again(&pending.asked);
        }
        if let Some(kept) = power {
            self.disk.crash_keeping(kept, self.dice.throw());
        }
        self.disk.set_capacity(None);
    }

    /// A bit of what is durable flips; the node must refuse to start, and say where. Then the bit is put right again.
    pub(crate) fn rot(&mut self, book: &mut Book) -> Result<(), String> {
        let names = self.disk.list().map_err(|error| error.to_string())?;
        let segments: Vec<String> = names.into_iter().filter(|name| name.ends_with(".log")).collect();
        let name = segments[self.dice.index(segments.len())].clone();
        let bytes = self.disk.len(&name).map_err(|error| error.to_string())?;
        let bit = usize::try_from(self.dice.below(bytes * 8)).unwrap_or(0);
        self.disk.flip_bit(&name, bit);
        let found = self.replay();
        self.disk.flip_bit(&name, bit);
        match found {
            Err(RecoveryError::Log(LogError::Damage { .. })) => {
                book.fired(Fault::DiskBitRot);
                Ok(())
            }
            Err(error) => Err(format!("ST-4: rot at bit {bit} of {name} was taken for something else: {error}")),
            Ok(_) => Err(format!("ST-4: rot at bit {bit} of {name} went unnoticed")),
        }
    }

    /// Begins the next life. Some recoveries are cut off, or can't read.
    pub(crate) fn start(&mut self, faults: &[Fault], book: &mut Book) -> Result<(), String> {
        for _ in 0..ATTEMPTS_MAX {
            let fault = self.recovery_fault(faults);
            let Some(fault) = fault else { break };
            match fault {
                Fault::DiskReadError => self.disk.fail_reads(&format!("{LOG_NAME}-00000001.log")),
                _ => self.disk.cut_power_after(self.dice.below(24)),
            }
            match self.replay() {
                // It was done before the power went.
                Ok(_) => {}
                Err(RecoveryError::Log(LogError::Disk(_))) => book.fired(fault),
                Err(error) => return Err(format!("ST-6: a recovery that was cut off found {error}")),
            }
            self.disk.crash(self.dice.throw());
        }
        let (recovered, receipts) = match self.replay() {
            // A sync that was still to fail: once more.
            Err(RecoveryError::Log(LogError::Disk(_))) => self.replay(),
            other => other,
        }
        .map_err(|error| format!("ST-6: recovery: {error}"))?;
        match self.cut_by.take() {
            Some(fault @ Fault::DiskTornWrite) if 0 < recovered.summary.torn_tail_bytes => book.fired(fault),
            Some(fault @ Fault::DiskLostUnsynced) if recovered.server.sequence() < self.executed => book.fired(fault),
            _ => {}
        }
        self.check_spoken(&recovered, &receipts)?;
        self.catch_up(&recovered, &receipts, book)?;
        self.life = Some(Life::over(recovered, &self.people, &self.keys, &self.view, &self.clock)?);
        self.lives += 1;
        self.check_said()?;
        self.compare(book)
    }

    fn recovery_fault(&mut self, faults: &[Fault]) -> Option<Fault> {
        if let Some(fault) = self.at_recovery.take().filter(|fault| faults.contains(fault)) {
            return Some(fault);
        }
        let can = [Fault::CrashInRecovery, Fault::DiskReadError];
        let can: Vec<Fault> = can.into_iter().filter(|fault| faults.contains(fault)).collect();
        (!can.is_empty() && 0 < self.lives && self.dice.once_in(3)).then(|| self.dice.pick(&can))
    }

    /// TX-6: what was spoken is there, and is what was spoken.
    fn check_spoken(&self, recovered: &Recovered<MemDisk>, receipts: &[Receipt]) -> Result<(), String> {
        let there = recovered.server.sequence();
        if there < self.ledger.sequence {
            return Err(format!("TX-6: {} inputs were spoken of, {there} are there", self.ledger.sequence));
        }
        for spoken in &self.open {
            if receipts.iter().find(|receipt| receipt.sequence == spoken.sequence) != Some(spoken) {
                return Err(format!("TX-6: spoken and lost: {spoken:?}"));
            }
        }
        for (number, hash) in &self.blocks {
            if recovered.history.block(BlockId::Number(*number)).is_none_or(|block| block.hash != *hash) {
                return Err(format!("TX-6: block {number} was spoken of and is lost: {hash}"));
            }
        }
        Ok(())
    }

    /// Tells ledger and auditor of what the log has and nobody was told of.
    fn catch_up(
        &mut self,
        recovered: &Recovered<MemDisk>,
        receipts: &[Receipt],
        book: &mut Book,
    ) -> Result<(), String> {
        let server = &recovered.server;
        let missing = usize::try_from(server.sequence() - self.ledger.sequence).unwrap_or(usize::MAX);
        if missing == 0 {
            return Ok(());
        }
        let unseen = self.last_entries(missing)?.into_iter().zip(&receipts[receipts.len() - missing..]);
        for (entry, receipt) in unseen {
            let input: Option<Input> = input_of(server, entry).map_err(|error| error.to_string())?;
            let input = input.ok_or("TX-7: a genesis within the log")?;
            self.see(&input, receipt, crate::clock::START_MS, book)?;
            self.open.push(receipt.clone());
            book.unspoken += 1;
        }
        Ok(())
    }

    fn last_entries(&self, count: usize) -> Result<Vec<Entry>, String> {
        let mut reader = LogReader::open(&self.disk, LOG_NAME).map_err(|error| error.to_string())?;
        let mut last: VecDeque<Vec<u8>> = VecDeque::new();
        while let Some((_, payload)) = reader.next_record().map_err(|error| error.to_string())? {
            if Record::block_head(payload).map_err(|error| error.to_string())?.is_some() {
                continue;
            }
            last.push_back(payload.to_vec());
            if 2 * BATCHES_UNSPOKEN_MAX < last.len() {
                last.pop_front();
            }
        }
        let mut entries = Vec::new();
        for payload in last {
            if let Record::Batch { entries: batch, .. } = decode(&payload).map_err(|error| error.to_string())? {
                entries.extend(batch);
            }
        }
        let from = entries.len().checked_sub(count).ok_or("TX-6: more was unspoken than should be")?;
        Ok(entries.split_off(from))
    }

    /// At the end: the log is closed, replays to the state that lived, and is clean by the audit's own reading.
    pub(crate) fn end(&mut self) -> Result<(), String> {
        let Some(life) = self.life.take() else { return Err("liveness: a node is down at the end".to_owned()) };
        let root = life.shared.server().tree().root();
        let (sequence, number) = (life.shared.server().sequence(), life.shared.server().sealed_number());
        life.engine.close().map_err(|error| format!("ST-4: closing: {error}"))?;
        let (recovered, _) = self.replay().map_err(|error| format!("TX-7: the last replay: {error}"))?;
        let server = &recovered.server;
        if (server.tree().root(), server.sequence(), server.sealed_number()) != (root, sequence, number) {
            return Err("TX-7: the log replays to another state than the one that lived".to_owned());
        }
        if let Some(difference) = crate::model::compare::difference(server, &self.ledger) {
            return Err(format!("TX-7: replayed: {difference}"));
        }
        drop(recovered);
        if !AUDIT_KNOWS_PEERS && !self.abroad.ties.is_empty() {
            return Ok(());
        }
        let report = xln_audit::audit_disk(&self.disk, LOG_NAME, &[], &mut |_, _| {});
        let report = report.map_err(|error| format!("audit: {error}"))?;
        match report.violations.first() {
            None => Ok(()),
            Some(found) => {
                Err(format!("audit: {} at {}: expected {}, found {}", found.law, found.at, found.expected, found.found))
            }
        }
    }
}

//! Audits a folder: the log of a hub, beside the live hub too, and the small files that its caller names. Opens read-only.
//!
//! **ST-4**: damage is a violation, not an error; an error is the world failing to give the bytes.

use crate::audit::Audit;
use crate::report::{Report, Violation};
use std::path::Path;
use xln_storage::sealed_file::{self, SealedError};
use xln_storage::{Disk, DiskError, LogError, LogReader, RealDisk};
use xln_types::Record;
use xln_types::codec::decode;

/// Bytes of a record's header and, on average, of its padding: for progress only.
const RECORD_OVERHEAD_BYTES: u64 = 52;

/// Why a store couldn't be read at all.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// No log of this name in the folder.
    #[error("no log to audit: name={name}")]
    Missing {
        /// The log's name.
        name: String,
    },
    /// The log can't be read for a reason other than damage.
    #[error("audit: {0}")]
    Log(LogError),
    /// The disk failed.
    #[error("audit: {0}")]
    Disk(#[from] DiskError),
}

/// Audits the log `log` in the folder `dir`, and the integrity of the sealed files named. `progress` is told bytes done and bytes
/// in all.
///
/// # Errors
/// [`AuditError`] when there is no such log or the disk fails; what is wrong with the log's content is in the report.
pub fn audit_store(
    dir: &Path,
    log: &str,
    sealed: &[&str],
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Report, AuditError> {
    audit_disk(&RealDisk::open_read_only(dir), log, sealed, progress)
}

/// The same on any disk.
///
/// # Errors
/// As [`audit_store`].
pub fn audit_disk<D: Disk>(
    disk: &D,
    log: &str,
    sealed: &[&str],
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Report, AuditError> {
    let mut audit = Audit::new();
    let total = log_bytes(disk, log)?;
    progress(0, total);
    let torn_tail_bytes = match read_log(disk, log, &mut audit, &mut |done| progress(done.min(total), total)) {
        Ok(bytes) => bytes,
        Err(error) => {
            let (file, offset, expected) = match &error {
                LogError::Damage { file, offset, .. } => (file.clone(), *offset, "bytes as they were written"),
                LogError::Missing { name } => return Err(AuditError::Missing { name: name.clone() }),
                _ => return Err(AuditError::Log(error)),
            };
            let (at, expected) = (format!("file {file}, offset {offset}"), expected.to_owned());
            audit.note(Violation { law: "ST-4", at, expected, found: error.to_string() });
            0
        }
    };
    for name in sealed {
        check_sealed(disk, name, &mut audit)?;
    }
    progress(total, total);
    Ok(Report { torn_tail_bytes, ..audit.finish() })
}

fn log_bytes<D: Disk>(disk: &D, log: &str) -> Result<u64, AuditError> {
    let mut bytes = 0_u64;
    for name in disk.list()? {
        let rest = name.strip_prefix(log).and_then(|rest| rest.strip_prefix('-'));
        if rest.is_some_and(|rest| rest.ends_with(".log")) {
            bytes = bytes.saturating_add(disk.len(&name)?);
        }
    }
    Ok(bytes)
}

/// Reads the log to its end; answers the bytes of its torn tail.
fn read_log<D: Disk>(disk: &D, log: &str, audit: &mut Audit, progress: &mut dyn FnMut(u64)) -> Result<u64, LogError> {
    let mut reader = LogReader::open(disk, log)?;
    let mut done = 0_u64;
    while let Some((sequence, payload)) = reader.next_record()? {
        match decode::<Record>(payload) {
            Ok(record) => audit.record(&record),
            Err(error) => audit.note(Violation {
                law: "N-3",
                at: format!("log record {sequence}"),
                expected: "the canonical RLP of a record".to_owned(),
                found: error.to_string(),
            }),
        }
        done = done.saturating_add(payload.len() as u64).saturating_add(RECORD_OVERHEAD_BYTES);
        progress(done);
    }
    let torn = reader.summary().torn_tail_bytes;
    // The mark is looked at again: beside a live hub the first look may have met it half written.
    let damaged = reader.summary().mark_slots_damaged;
    if damaged != 0 && LogReader::open(disk, log)?.summary().mark_slots_damaged != 0 {
        audit.note(Violation {
            law: "ST-4",
            at: format!("log {log}, durable mark"),
            expected: "two readable slots".to_owned(),
            found: format!("{damaged} damaged"),
        });
    }
    Ok(torn)
}

fn check_sealed<D: Disk>(disk: &D, name: &str, audit: &mut Audit) -> Result<(), AuditError> {
    let found = match sealed_file::read(disk, name) {
        Ok(_) => return Ok(()),
        Err(error @ (SealedError::Damaged { .. } | SealedError::Oversized { .. })) => error.to_string(),
        Err(SealedError::Disk(error @ DiskError::NotFound { .. })) => error.to_string(),
        Err(SealedError::Disk(error)) => return Err(AuditError::Disk(error)),
    };
    let (at, expected) = (format!("file {name}"), "the file as it was written".to_owned());
    audit.note(Violation { law: "ST-4", at, expected, found });
    Ok(())
}

//! The audit beside a live hub: read-only, without the writer's lock, while the log goes on growing (**CH-13** on a live store,
//! **ST-4**).

use crate::forger::Forger;
use crate::hub::{LOG, append, open};
use crate::story::story;
use std::collections::BTreeMap;
use std::path::Path;
use xln_audit::{AuditError, Report, audit_store};
use xln_storage::RealDisk;
use xln_types::Record;

fn audited(folder: &Path) -> Report {
    audit_store(folder, LOG, &[], &mut |_, _| ()).expect("a log that can be read")
}

/// Names, lengths and bytes of a folder's files.
fn content(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = std::fs::read_dir(folder).expect("a folder").map(|file| file.expect("a file"));
    files
        .map(|file| (file.file_name().to_string_lossy().into_owned(), std::fs::read(file.path()).expect("readable")))
        .collect()
}

/// CH-13, ST-4: between any two commits of a hub that goes on working its store passes, and the audit changes no byte of it.
#[test]
fn a_store_is_audited_beside_its_writer() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut log = open(RealDisk::open(folder.path()).expect("a folder to write"));
    let mut blocks = 0;
    for part in story().records.chunks(6) {
        append(&mut log, part);
        let before = content(folder.path());
        let report = audited(folder.path());
        assert_eq!(content(folder.path()), before, "read-only");
        blocks += part.iter().filter(|record| matches!(record, Record::Block { .. })).count() as u64;
        assert_eq!((report.violations, report.torn_tail_bytes, report.blocks), (vec![], 0, blocks));
    }
    assert_eq!(blocks, story().blocks());
    drop(log.close().expect("a disk without faults"));
    assert_eq!(audited(folder.path()).root, story().root);
}

/// ST-4: the same while a commit is being written at this very moment: what is half there is no damage.
#[test]
fn a_commit_half_written_is_no_damage() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut log = open(RealDisk::open(folder.path()).expect("a folder to write"));
    let (first, rest) = story().records.split_at(1);
    append(&mut log, first);
    let writer = std::thread::spawn(move || {
        append(&mut log, rest);
        drop(log.close());
    });
    let (mut blocks, mut rounds) = (0, 0);
    while !writer.is_finished() || rounds == 0 {
        let report = audited(folder.path());
        assert_eq!(report.violations, []);
        assert!(blocks <= report.blocks, "what was there is there");
        (blocks, rounds) = (report.blocks, rounds + 1);
    }
    writer.join().expect("the writer ended well");
    assert_eq!(audited(folder.path()).blocks, story().blocks());
}

/// ST-1: a live store that was forged is refused as it stands, and nothing that is appended honestly makes it pass again.
#[test]
fn a_forged_live_store_stays_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut forger = Forger::new(story());
    forger.on_header = |header| header.state_root.0[5] ^= u8::from(header.number == 2);
    let records = forger.records();
    let mut log = open(RealDisk::open(folder.path()).expect("a folder to write"));
    for part in records.chunks(records.len() / 2) {
        append(&mut log, part);
        let laws: Vec<&str> = audited(folder.path()).violations.iter().map(|violation| violation.law).collect();
        assert_eq!(laws, ["ST-1"]);
    }
}

/// ST-4: where there is no log there is nothing to call whole.
#[test]
fn a_folder_without_a_log_is_an_error() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let missing = audit_store(folder.path(), LOG, &[], &mut |_, _| ());
    assert!(matches!(missing, Err(AuditError::Missing { name }) if name == LOG));
}

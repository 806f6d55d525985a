//! What a log does when nothing goes wrong, at its edges.

use crate::shop::{NAME, SALT, bytes_of, commit, expected, open, payload, read, small};
use std::ops::ControlFlow;
use xln_storage::log::format::PAYLOAD_BYTES_MAX;
use xln_storage::{Disk, Log, LogError, LogOptions, MemDisk, Recovery};

#[test]
fn an_empty_log_opens_again_and_again() {
    let disk = MemDisk::new();
    assert!(matches!(read(&disk), Err(LogError::Missing { .. })));
    for _ in 0..3 {
        let (log, records, found) = open(disk.clone()).unwrap();
        assert_eq!((records.len(), found), (0, Recovery::default()));
        assert_eq!((log.durable(), log.next_sequence()), (0, 1));
        log.close().unwrap();
        assert_eq!(read(&disk).unwrap(), (Vec::new(), Recovery::default()));
    }
}

#[test]
fn records_come_back_in_order_over_many_segments() {
    let disk = MemDisk::new();
    let (mut log, ..) = open(disk.clone()).unwrap();
    for first in (1..60).step_by(3) {
        commit(&mut log, first..=first + 2);
    }
    assert_eq!(log.sync().unwrap(), 60, "nothing to sync is no commit");
    log.close().unwrap();
    let segments = disk.list().unwrap().iter().filter(|name| name.ends_with(".log")).count();
    assert!(segments > 4, "only {segments} segments");
    let (mut log, records, found) = open(disk.clone()).unwrap();
    assert_eq!(records, expected(60));
    let whole = Recovery { records: 60, last_sequence: 60, durable_mark: 60, ..Recovery::default() };
    assert_eq!(found, whole);
    commit(&mut log, 61..=61);
    assert_eq!(read(&disk).unwrap().0, expected(61));
}

#[test]
fn a_segment_is_filled_to_its_last_byte_and_not_beyond() {
    // A header of 56 bytes, and records of 48 + 16.
    for (segment_bytes_max, in_first) in [(56 + 3 * 64, 3), (56 + 3 * 64 - 1, 2), (56 + 64, 1), (10, 1)] {
        let disk = MemDisk::new();
        let options = LogOptions { segment_bytes_max, ..LogOptions::new(SALT) };
        let (mut log, _) = Log::open(disk.clone(), NAME, options, |_, _| ControlFlow::Continue(())).unwrap();
        for _ in 0..4 {
            log.append(&[1; 16]).unwrap();
            log.sync().unwrap();
        }
        let bytes = disk.len("main-00000001.log").unwrap();
        assert_eq!(bytes, 56 + 64 * in_first, "segment_bytes_max={segment_bytes_max}");
        assert_eq!(read(&disk).unwrap().0.len(), 4);
    }
}

#[test]
fn bounds_are_refused_and_the_log_stays_as_it_was() {
    let (mut log, ..) = open(MemDisk::new()).unwrap();
    let long = vec![0; PAYLOAD_BYTES_MAX + 1];
    assert!(matches!(log.append(&long), Err(LogError::Oversized { bytes, .. }) if bytes == long.len()));
    assert_eq!((log.buffered_bytes(), log.next_sequence()), (0, 1));
    assert_eq!(log.append(&[1; 300]).unwrap(), 1);
    assert_eq!(log.buffered_bytes(), 48 + 304);
    assert!(matches!(log.append(&[1]), Err(LogError::CommitFull { buffered_bytes: 352, bytes_max: 400 })));
    assert_eq!(log.durable(), 0, "gathered isn't durable");
    assert_eq!(log.sync().unwrap(), 1);
    assert_eq!(log.append(&long[1..]).unwrap(), 2, "one long payload is a commit to itself");
    assert_eq!(log.sync().unwrap(), 2);
    let (_, records, _) = open(log.close().unwrap()).unwrap();
    assert_eq!(records[1].1.len(), PAYLOAD_BYTES_MAX);
}

#[test]
fn names_that_are_no_names_are_refused() {
    for name in ["", "a-b", "A", "../x", "a.b", &"a".repeat(65)] {
        let opened = Log::open(MemDisk::new(), name, small(), |_, _| ControlFlow::Continue(()));
        assert!(matches!(opened, Err(LogError::Name { .. })), "{name}");
    }
}

#[test]
fn two_logs_share_a_folder_and_strange_files_are_left_alone() {
    let mut disk = MemDisk::new();
    disk.create("main-notes.log").unwrap();
    disk.create("main-1.log").unwrap();
    let (mut log, ..) = open(disk.clone()).unwrap();
    commit(&mut log, 1..=2);
    let (mut other, _) = Log::open(disk.clone(), "other", small(), |_, _| ControlFlow::Continue(())).unwrap();
    other.append(b"x").unwrap();
    other.sync().unwrap();
    assert_eq!(read(&disk).unwrap().0, expected(2));
    assert_eq!(disk.len("main-1.log").unwrap(), 0);
}

#[test]
fn a_callback_stops_recovery_and_nothing_changes() {
    let disk = MemDisk::new();
    let (mut log, ..) = open(disk.clone()).unwrap();
    commit(&mut log, 1..=3);
    let before = crate::shop::content(&disk);
    let stop = |sequence, _: &[u8]| if sequence == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let stopped = Log::open(disk.clone(), NAME, small(), stop);
    assert!(matches!(stopped, Err(LogError::Stopped { sequence: 2 })));
    assert_eq!(crate::shop::content(&disk), before);
}

#[test]
fn a_reader_beside_a_live_writer_sees_each_commit() {
    let disk = MemDisk::new();
    let (mut log, ..) = open(disk.clone()).unwrap();
    for sequence in 1..=30 {
        commit(&mut log, sequence..=sequence);
        let (records, found) = read(&disk).unwrap();
        assert_eq!((records, found.durable_mark), (expected(sequence), sequence));
    }
    // What is gathered and not written is nobody's business yet.
    log.append(b"later").unwrap();
    assert_eq!(read(&disk).unwrap().0.len(), 30);
    // A pass under way keeps to what it found.
    let mut reader = xln_storage::LogReader::open(&disk, NAME).unwrap();
    log.sync().unwrap();
    let mut count = 0;
    while reader.next_record().unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, 30);
    assert!(reader.next_record().unwrap().is_none(), "the end stays the end");
}

/// The format changes only on purpose: then these digests and `docs/spec/log.md` change with it.
#[test]
fn the_bytes_of_a_log_are_frozen() {
    let disk = MemDisk::new();
    let (mut log, ..) = open(disk.clone()).unwrap();
    commit(&mut log, 1..=3);
    log.append(&payload(4, 0)).unwrap();
    log.close().unwrap();
    let digest = |name| blake3::hash(&bytes_of(&disk, name)).to_hex()[..16].to_owned();
    assert_eq!(digest("main-00000001.log"), "694a9bc2f9111ff5");
    assert_eq!(digest("main-a.mark"), "e0c157a0b5ac7f9d");
    assert_eq!(digest("main-b.mark"), digest("main-a.mark"));
}

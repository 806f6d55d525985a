//! Rot, cuts and mixtures: what was durable and can't be read is reported, never cut away; what wasn't is dropped.

use crate::shop::{NAME, bytes_of, commit, content, expected, open, put, read, small};
use std::ops::ControlFlow;
use xln_storage::{Disk, Fault, Log, LogError, LogOptions, MemDisk};

const FIRST: &str = "main-00000001.log";

/// A closed log of several segments.
fn closed() -> MemDisk {
    let disk = MemDisk::new();
    let (mut log, ..) = open(disk.clone()).unwrap();
    for first in (1..16).step_by(3) {
        commit(&mut log, first..=first + 2);
    }
    log.close().unwrap();
    disk
}

/// What opening and reading say; they must agree, and opening must not have changed a byte.
fn damage(disk: &MemDisk) -> (String, u64, u64, Fault) {
    let before = content(disk);
    let read = read(disk).map(drop).unwrap_err().to_string();
    let Err(LogError::Damage { file, offset, sequence, fault }) = open(disk.clone()).map(drop) else {
        panic!("expected damage, as in: {read}")
    };
    let opened = LogError::Damage { file: file.clone(), offset, sequence, fault };
    assert_eq!(read, opened.to_string());
    assert_eq!(content(disk), before);
    (file, offset, sequence, fault)
}

/// ST-4: every bit of every file of a closed log counts.
#[test]
fn one_flipped_bit_anywhere_is_seen() {
    let whole = closed();
    let files = content(&whole);
    assert!(files.len() >= 4, "two segments and two marks at least");
    for (name, bytes) in files {
        for bit in 0..bytes.len() * 8 {
            let disk = whole.copy();
            disk.flip_bit(&name, bit);
            if name.ends_with(".mark") {
                let (records, found) = read(&disk).unwrap();
                assert_eq!((records, found.mark_slots_damaged), (expected(15), 1), "{name} bit={bit}");
                assert_eq!(found.durable_mark, 15, "the other slot says as much");
                let (_, records, found) = open(disk.clone()).unwrap();
                assert_eq!((records, found.mark_slots_damaged), (expected(15), 1));
                assert_eq!(read(&disk).unwrap().1.mark_slots_damaged, 0, "recovery writes it anew");
            } else {
                let (file, offset, ..) = damage(&disk);
                assert_eq!(file, name, "bit={bit}");
                assert!(offset <= (bit / 8) as u64, "bit={bit} offset={offset}");
            }
        }
    }
}

/// ST-4: a cut at every length. What the mark covers is damage, what it doesn't is a torn tail.
#[test]
fn tails_torn_at_every_length() {
    let disk = MemDisk::new();
    let (mut log, ..) = open(disk.clone()).unwrap();
    commit(&mut log, 1..=2);
    let marked = disk.len(FIRST).unwrap();
    log.sync_mark().unwrap();
    let marks = [bytes_of(&disk, "main-a.mark"), bytes_of(&disk, "main-b.mark")];
    commit(&mut log, 3..=4);
    let whole = disk.len(FIRST).unwrap();
    drop(log);
    for len in 0..=whole {
        let mut torn = disk.copy();
        put(&mut torn, "main-a.mark", &marks[0]);
        put(&mut torn, "main-b.mark", &marks[1]);
        torn.truncate(FIRST, len).unwrap();
        torn.sync(FIRST).unwrap();
        if len < marked {
            let (file, offset, sequence, _) = damage(&torn);
            assert!(file == FIRST && offset <= len && sequence <= 2, "len={len}");
            continue;
        }
        let (read_records, seen) = read(&torn).unwrap();
        let (mut log, records, found) = open(torn.clone()).unwrap();
        assert_eq!((&read_records, seen), (&records, found), "len={len}");
        assert_eq!(records, expected(found.last_sequence));
        assert!(len < whole || found.last_sequence == 4);
        let kept = torn.len(FIRST).unwrap();
        assert_eq!((kept + found.torn_tail_bytes, kept >= marked), (len, true));
        // The log goes on where it was cut.
        let next = found.last_sequence + 1;
        commit(&mut log, next..=next);
        assert_eq!(read(&torn).unwrap().0, expected(next));
    }
}

/// ST-4: a commit may reach the disk in pieces. A torn record with a valid one behind it *in the same commit* is a torn tail;
/// with one of a *later* commit it is damage, even if both marks are old.
#[test]
fn a_later_commit_proves_an_earlier_one_and_a_neighbour_does_not() {
    let disk = MemDisk::new();
    let (mut log, ..) = open(disk.clone()).unwrap();
    commit(&mut log, 1..=1);
    let (second_at, marks) =
        (disk.len(FIRST).unwrap(), [bytes_of(&disk, "main-a.mark"), bytes_of(&disk, "main-b.mark")]);
    commit(&mut log, 2..=3);
    let third_commit_at = disk.len(FIRST).unwrap();
    commit(&mut log, 4..=4);
    drop(log);
    let mut old = disk.copy();
    put(&mut old, "main-a.mark", &marks[0]);
    put(&mut old, "main-b.mark", &marks[1]);
    let bit = usize::try_from(second_at + 48).unwrap() * 8;

    let damaged = old.copy();
    damaged.flip_bit(FIRST, bit);
    assert_eq!(damage(&damaged), (FIRST.to_owned(), second_at, 2, Fault::Record));

    let mut torn = old.copy();
    torn.truncate(FIRST, third_commit_at).unwrap();
    torn.flip_bit(FIRST, bit);
    let (_, records, found) = open(torn).unwrap();
    assert_eq!((records, found.torn_tail_bytes), (expected(1), third_commit_at - second_at));
}

/// A payload that holds a whole record of another log, claiming a later sync, proves nothing: checksums are keyed.
#[test]
fn a_payload_cannot_pass_for_a_record() {
    let forged = MemDisk::new();
    let options = LogOptions::new([8; 16]);
    let (mut log, _) = Log::open(forged.clone(), NAME, options, |_, _| ControlFlow::Continue(())).unwrap();
    for _ in 0..4 {
        log.append(b"").unwrap();
        log.sync().unwrap();
    }
    let bait = bytes_of(&forged, FIRST)[56 + 48..].to_vec();

    let mut disk = MemDisk::new();
    let (mut log, ..) = open(disk.clone()).unwrap();
    commit(&mut log, 1..=1);
    let at = disk.len(FIRST).unwrap();
    let marks = [bytes_of(&disk, "main-a.mark"), bytes_of(&disk, "main-b.mark")];
    log.append(&bait).unwrap();
    log.sync().unwrap();
    drop(log);
    put(&mut disk, "main-a.mark", &marks[0]);
    put(&mut disk, "main-b.mark", &marks[1]);
    disk.flip_bit(FIRST, usize::try_from(at).unwrap() * 8);
    let (_, records, _) = open(disk).unwrap();
    assert_eq!(records, expected(1));
}

/// ST-4: files that are gone, swapped or of another log.
#[test]
fn missing_and_foreign_files_are_damage() {
    let whole = closed();
    let last = whole.list().unwrap().into_iter().rfind(|name| name.ends_with(".log")).unwrap();
    let without = |names: &[&str]| {
        let mut disk = whole.copy();
        names.iter().for_each(|name| disk.remove(name).unwrap());
        damage(&disk)
    };
    assert_eq!(without(&[FIRST]), (FIRST.to_owned(), 0, 1, Fault::Missing));
    let (file, offset, sequence, fault) = without(&["main-00000002.log"]);
    assert_eq!((file.as_str(), offset, fault), ("main-00000002.log", 0, Fault::Missing));
    assert!(sequence > 1, "the first segment was read");
    assert_eq!(without(&[&last]).3, Fault::Missing);
    assert_eq!(without(&["main-a.mark", "main-b.mark"]).3, Fault::Marks);
    let logs: Vec<String> = whole.list().unwrap().into_iter().filter(|name| name.ends_with(".log")).collect();
    let all: Vec<&str> = logs.iter().map(String::as_str).collect();
    assert_eq!(without(&all), (FIRST.to_owned(), 0, 1, Fault::Missing));

    let mut swapped = whole.copy();
    swapped.rename("main-00000002.log", FIRST).unwrap();
    assert_eq!(damage(&swapped).3, Fault::SegmentHeader);

    let other = MemDisk::new();
    Log::open(other.clone(), NAME, LogOptions::new([8; 16]), |_, _| ControlFlow::Continue(())).unwrap();
    for name in [FIRST, "main-a.mark"] {
        let mut mixed = whole.copy();
        put(&mut mixed, name, &bytes_of(&other, name));
        assert_eq!(damage(&mixed).3, Fault::Foreign, "{name}");
    }
}

/// Bytes behind the end of a file count too.
#[test]
fn added_bytes_are_seen() {
    let whole = closed();
    for (name, bytes) in content(&whole) {
        let mut disk = whole.copy();
        disk.write_at(&name, bytes.len() as u64, &[0; 8]).unwrap();
        let seen = read(&disk).map(|(records, found)| {
            assert_eq!(records, expected(15));
            (found.torn_tail_bytes, found.mark_slots_damaged)
        });
        match seen {
            Ok(seen) => assert!(seen == (8, 0) || seen == (0, 1), "{name}: {seen:?}"),
            Err(e) => assert!(matches!(e, LogError::Damage { fault: Fault::Record, .. }), "{name}: {e}"),
        }
    }
}

/// A newer format is told from damage: its header is whole, its version isn't ours.
#[test]
fn a_newer_format_is_refused_by_name() {
    let mut disk = closed();
    let mut header = bytes_of(&disk, FIRST)[..56].to_vec();
    header[8] = 2;
    let checksum = blake3::hash(&header[..40]);
    header[40..].copy_from_slice(&checksum.as_bytes()[..16]);
    disk.write_at(FIRST, 0, &header).unwrap();
    let opened = Log::open(disk, NAME, small(), |_, _| ControlFlow::Continue(()));
    assert!(matches!(opened, Err(LogError::Version { version: 2, .. })));
}

#[test]
fn a_read_error_is_reported_as_such() {
    let disk = closed();
    for name in [FIRST, "main-a.mark"] {
        disk.fail_reads(name);
        assert!(matches!(read(&disk), Err(LogError::Disk(_))), "{name}");
        assert!(matches!(open(disk.clone()), Err(LogError::Disk(_))), "{name}");
        disk.crash(0);
    }
    assert_eq!(open(disk).unwrap().1, expected(15));
}

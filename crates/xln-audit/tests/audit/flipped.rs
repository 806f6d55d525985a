//! One flipped bit anywhere is seen (**ST-4**): in a segment's or record's header, in a payload, in the padding, in either mark, in a
//! small file beside the log. What a crash may have torn off behind the durable mark is called that, and nothing else is.

use crate::hub::{LOG, append, open, write};
use crate::story::story;
use xln_audit::{Report, audit_disk};
use xln_storage::{Disk, MemDisk, sealed_file};
use xln_types::Record;

/// The small file beside the log.
const IDENTITY: &str = "identity.seal";
/// How many places of the payloads are flipped, in each of their bits.
const SAMPLED_BYTES: u64 = 160;
/// Bytes of a segment's and of a record's header (`docs/spec/log.md`).
const SEGMENT_HEADER: usize = 56;
const RECORD_HEADER: usize = 48;

/// The story's first two blocks.
fn beginning() -> &'static [Record] {
    let records = &story().records;
    let end = records.iter().position(|record| matches!(record, Record::Signature { number: 2, .. }));
    &records[..=end.expect("a second block")]
}

fn bytes_of(disk: &MemDisk, name: &str) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(disk.len(name).expect("a file")).expect("small")];
    let _ = disk.read_at(name, 0, &mut bytes).expect("a disk without faults");
    bytes
}

fn report(disk: &MemDisk) -> Report {
    audit_disk(disk, LOG, &[IDENTITY], &mut |_, _| ()).expect("a disk without faults")
}

/// A closed store: the log, both marks, and a small file.
fn closed() -> MemDisk {
    let mut disk = write(MemDisk::new(), beginning());
    sealed_file::write(&mut disk, IDENTITY, b"who this node is").expect("a disk without faults");
    disk
}

/// Where each record of a segment begins, and where the last ends.
fn record_starts(segment: &[u8]) -> Vec<usize> {
    let mut starts = vec![SEGMENT_HEADER];
    while let Some(at) = starts.last().copied().filter(|at| *at < segment.len()) {
        let length = u32::from_le_bytes(segment[at + 16..at + 20].try_into().expect("four bytes"));
        starts.push(at + RECORD_HEADER + (length as usize).next_multiple_of(8));
    }
    starts
}

/// Flips a bit of a copy; the damage must be found, by ST-4.
fn is_seen(whole: &MemDisk, name: &str, bit: usize) {
    let disk = whole.copy();
    disk.flip_bit(name, bit);
    let report = report(&disk);
    let seen = report.violations.iter().any(|violation| violation.law == "ST-4");
    assert!(!report.ok && seen, "{name} bit {bit}: {:?}", report.violations);
}

/// ST-4: of the closed store, one bit of every byte of every header, of both marks, of the small file and of the last record; and each
/// bit of a seeded sample of 160 bytes over everything between. (That every bit is covered is `xln-storage`'s own test; here it is that
/// the audit says so.)
#[test]
fn one_flipped_bit_anywhere_is_seen() {
    let whole = closed();
    assert_eq!(report(&whole).violations, []);
    let mut dice = 0x5eed_u64;
    for name in whole.list().expect("a disk without faults") {
        let bytes = bytes_of(&whole, &name);
        if !name.ends_with(".log") {
            (0..bytes.len()).for_each(|at| is_seen(&whole, &name, at * 8 + at % 8));
            continue;
        }
        let starts = record_starts(&bytes);
        assert_eq!(starts.last(), Some(&bytes.len()));
        let last = starts[starts.len() - 2];
        let headers = starts.iter().take(starts.len() - 1).flat_map(|start| *start..start + RECORD_HEADER);
        for at in (0..SEGMENT_HEADER).chain(headers).chain(last..bytes.len()) {
            is_seen(&whole, &name, at * 8 + at % 8);
        }
        for _ in 0..SAMPLED_BYTES / 2 {
            // Knuth's multiplier: a sequence that a seed reproduces, spread over the file.
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = usize::try_from(dice >> 33).expect("31 bits") % bytes.len();
            (0..8).for_each(|bit| is_seen(&whole, &name, at * 8 + bit));
        }
    }
}

/// ST-4: a file that is missing, cut or longer than it was is seen too.
#[test]
fn missing_cut_and_grown_files_are_seen() {
    let whole = closed();
    for name in whole.list().expect("a disk without faults") {
        let length = whole.len(&name).expect("a file");
        let mut missing = whole.copy();
        missing.remove(&name).expect("a disk without faults");
        let mut cut = whole.copy();
        cut.truncate(&name, length - 1).expect("a disk without faults");
        for (what, disk) in [("missing", missing), ("cut", cut)] {
            let found = report(&disk).violations;
            assert!(found.iter().any(|violation| violation.law == "ST-4"), "{what} {name}: {found:?}");
        }
        let mut grown = whole.copy();
        grown.write_at(&name, length, &[1]).expect("a disk without faults");
        let report = report(&grown);
        // What lies behind the last segment's last record is a torn tail, and said to be.
        let is_tail = report.ok && report.torn_tail_bytes == 1 && name.ends_with(".log");
        assert!(is_tail || report.violations.iter().any(|violation| violation.law == "ST-4"), "grown {name}");
    }
}

/// ST-4: of a store whose last commit was written and not yet called durable anywhere, a flip in that commit is a torn tail, as after a
/// crash: the audit says how long it is and judges what stands before. A flip in any byte before it is damage.
#[test]
fn only_the_last_commit_can_be_torn() {
    let (last, before) = beginning().split_last().expect("records");
    let disk = MemDisk::new();
    let mut log = open(disk.clone());
    append(&mut log, before);
    let marks: Vec<(String, Vec<u8>)> =
        ["hub-a.mark", "hub-b.mark"].map(|name| (name.to_owned(), bytes_of(&disk, name))).to_vec();
    let names = disk.list().expect("a disk without faults");
    let segment = names.iter().rfind(|name| name.ends_with(".log")).expect("a segment");
    let durable = usize::try_from(disk.len(segment).expect("a file")).expect("small");
    append(&mut log, std::slice::from_ref(last));
    drop(log);
    let mut whole = disk.copy();
    for (name, bytes) in &marks {
        whole.write_at(name, 0, bytes).expect("a disk without faults");
    }
    sealed_file::write(&mut whole, IDENTITY, b"who this node is").expect("a disk without faults");
    let honest = report(&whole);
    assert_eq!((honest.violations, honest.torn_tail_bytes), (vec![], 0));
    let bytes = bytes_of(&whole, segment);
    for at in durable..bytes.len() {
        let torn = whole.copy();
        torn.flip_bit(segment, at * 8 + at % 8);
        let report = report(&torn);
        assert_eq!((report.violations, report.torn_tail_bytes), (vec![], (bytes.len() - durable) as u64), "byte {at}");
        assert_eq!((report.blocks, report.root), (honest.blocks, honest.root), "byte {at}");
    }
    (0..durable).step_by(37).for_each(|at| is_seen(&whole, segment, at * 8 + at % 8));
}

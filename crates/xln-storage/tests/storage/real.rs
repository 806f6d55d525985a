//! A real folder: the same log, the lock, names, and a reader beside the writer.

use crate::shop::{commit, content, expected, open, read};
use tempfile::tempdir;
use xln_storage::{Disk, DiskError, LogError, RealDisk, sealed_file};

#[test]
fn a_log_lives_in_a_folder() {
    let root = tempdir().unwrap();
    let folder = root.path().join("made/on/demand");
    let (mut log, ..) = open(RealDisk::open(&folder).unwrap()).unwrap();
    for first in (1..30).step_by(3) {
        commit(&mut log, first..=first + 2);
        log.sync_mark().unwrap();
        assert_eq!(read(&RealDisk::open_read_only(&folder)).unwrap().0, expected(first + 2));
    }
    log.close().unwrap();
    let (log, records, found) = open(RealDisk::open(&folder).unwrap()).unwrap();
    assert_eq!((records, found.durable_mark), (expected(30), 30));
    drop(log);
    // A torn tail, cut for good.
    let last = RealDisk::open_read_only(&folder).list().unwrap();
    let last = last.iter().rfind(|name| name.ends_with(".log")).unwrap();
    let mut disk = RealDisk::open(&folder).unwrap();
    let len = disk.len(last).unwrap();
    disk.write_at(last, len, b"torn").unwrap();
    let (_, records, found) = open(disk).unwrap();
    assert_eq!((records, found.torn_tail_bytes), (expected(30), 4));
}

#[test]
fn a_second_writer_is_refused_until_the_first_is_gone() {
    let root = tempdir().unwrap();
    let (log, ..) = open(RealDisk::open(root.path()).unwrap()).unwrap();
    let second = RealDisk::open(root.path());
    assert!(matches!(second, Err(DiskError::Locked { path }) if path == root.path().display().to_string()));
    drop(log);
    open(RealDisk::open(root.path()).unwrap()).unwrap();
}

#[test]
fn a_read_only_disk_refuses_every_change() {
    let root = tempdir().unwrap();
    sealed_file::write(&mut RealDisk::open(root.path()).unwrap(), "id", b"x").unwrap();
    let mut disk = RealDisk::open_read_only(root.path());
    let before = content(&disk);
    let refused = [
        disk.create("new"),
        disk.write_at("id", 0, b"y"),
        disk.truncate("id", 0),
        disk.sync("id"),
        disk.rename("id", "other"),
        disk.remove("id"),
        disk.sync_dir(),
    ];
    assert!(refused.iter().all(|result| matches!(result, Err(DiskError::ReadOnly { .. }))), "{refused:?}");
    assert_eq!(content(&disk), before);
    assert!(matches!(open(disk), Err(LogError::Disk(DiskError::ReadOnly { .. }))));
}

#[test]
fn names_stay_in_the_folder_and_missing_files_are_named() {
    let root = tempdir().unwrap();
    let mut disk = RealDisk::open(root.path()).unwrap();
    for name in ["", "..", "../x", "a/b", ".hidden", "lock", "UPPER", &"a".repeat(129)] {
        assert!(matches!(disk.create(name), Err(DiskError::Name { .. })), "{name}");
        assert!(matches!(disk.len(name), Err(DiskError::Name { .. })), "{name}");
    }
    assert!(disk.list().unwrap().is_empty(), "the lock isn't a file of the disk");
    let missing = [
        disk.len("none").map(drop),
        disk.read_at("none", 0, &mut [0]).map(drop),
        disk.write_at("none", 0, b"x"),
        disk.rename("none", "other"),
        disk.remove("none"),
    ];
    assert!(missing.iter().all(|result| matches!(result, Err(DiskError::NotFound { .. }))), "{missing:?}");
}

#[test]
fn a_folder_that_cannot_be_is_an_error() {
    let root = tempdir().unwrap();
    std::fs::write(root.path().join("file"), b"").unwrap();
    assert!(matches!(RealDisk::open(&root.path().join("file/below")), Err(DiskError::Io { .. })));
    assert!(matches!(RealDisk::open_read_only(&root.path().join("none")).list(), Err(DiskError::NotFound { .. })));
    std::fs::create_dir(root.path().join("dir")).unwrap();
    assert!(matches!(RealDisk::open(root.path()).unwrap().create("dir"), Err(DiskError::Io { .. })));
    std::fs::create_dir(root.path().join("held")).unwrap();
    std::fs::create_dir(root.path().join("held/lock")).unwrap();
    assert!(matches!(RealDisk::open(&root.path().join("held")), Err(DiskError::Io { .. })));
}

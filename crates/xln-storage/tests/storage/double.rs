//! The disk double itself: it must be as bad as it claims, or the other tests prove nothing.

use crate::shop::bytes_of;
use std::collections::BTreeSet;
use xln_storage::{Disk, DiskError, MemDisk};

fn with_unsynced() -> MemDisk {
    let mut disk = MemDisk::new();
    disk.create("f").unwrap();
    disk.write_at("f", 0, &[1; 100]).unwrap();
    disk.sync("f").unwrap();
    disk.sync_dir().unwrap();
    disk.write_at("f", 100, &[2; 2_000]).unwrap();
    disk
}

#[test]
fn a_crash_keeps_the_synced_and_tears_the_rest_by_its_seed() {
    let mut outcomes = BTreeSet::new();
    for seed in 0..200 {
        let (disk, twin) = (with_unsynced(), with_unsynced());
        disk.crash(seed);
        twin.crash(seed);
        let bytes = bytes_of(&disk, "f");
        assert_eq!(bytes, bytes_of(&twin, "f"), "same seed, same disk");
        assert_eq!(bytes[..100], [1; 100]);
        outcomes.insert(bytes);
    }
    let lens: BTreeSet<usize> = outcomes.iter().map(Vec::len).collect();
    assert!(lens.contains(&100) && lens.contains(&2_100) && lens.len() > 20);
    let torn = |bytes: &&Vec<u8>| bytes[100..].contains(&0) && bytes.last() == Some(&2);
    assert!(outcomes.iter().any(|bytes| torn(&bytes)), "a later piece without an earlier one");
    assert!(outcomes.iter().any(|bytes| bytes.iter().any(|b| 2 < *b)), "rubbish");
}

#[test]
fn a_name_is_durable_only_after_its_folder_is_synced() {
    let mut fates = BTreeSet::new();
    for seed in 0..50 {
        let mut disk = with_unsynced();
        disk.create("g").unwrap();
        disk.sync("g").unwrap();
        disk.rename("g", "h").unwrap();
        disk.remove("f").unwrap();
        disk.crash(seed);
        fates.insert(disk.list().unwrap());
    }
    let fate = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(fates, BTreeSet::from([fate(&["f"]), fate(&["f", "g"]), fate(&["f", "h"]), fate(&["h"])]));
}

#[test]
fn a_failed_sync_loses_its_bytes_for_good_though_they_stay_readable() {
    for seed in 0..50 {
        let mut disk = with_unsynced();
        disk.fail_next_sync();
        assert!(matches!(disk.sync("f"), Err(DiskError::Io { .. })));
        disk.sync("f").unwrap();
        assert_eq!(disk.len("f").unwrap(), 2_100);
        disk.crash(seed);
        assert_eq!(disk.len("f").unwrap(), 100);
        disk.fail_next_sync();
        assert!(disk.sync_dir().is_err());
    }
}

#[test]
fn truncation_is_pending_like_any_change() {
    let mut lens = BTreeSet::new();
    for seed in 0..50 {
        let mut disk = with_unsynced();
        disk.truncate("f", 10).unwrap();
        disk.create("f").unwrap();
        disk.crash(seed);
        lens.insert(disk.len("f").unwrap());
    }
    assert!(lens.contains(&0) && lens.contains(&100));
}

#[test]
fn faults_are_counted_and_end() {
    let mut disk = with_unsynced();
    disk.fail_after(1);
    assert!(disk.len("f").is_ok() && disk.len("f").is_err() && disk.len("f").is_ok());
    disk.cut_power_after(1);
    assert!(disk.len("f").is_ok() && disk.len("f").is_err() && disk.sync("f").is_err());
    disk.crash(0);
    assert!(disk.len("f").is_ok());
    disk.flip_bit("none", 0);
    disk.flip_bit("f", usize::MAX);
    assert!(matches!(disk.remove("none"), Err(DiskError::NotFound { .. })));
}

//! ST-6: creation, commits, rotation, close and recovery, cut off at each disk operation and done again.

use crate::shop::{Records, commit, expected, open};
use xln_storage::{LogError, MemDisk};

/// A disk on which recovery has work: an unsynced commit that a crash tore, a torn mark, a half-made segment.
fn wreck(seed: u64) -> MemDisk {
    let disk = MemDisk::new();
    let (mut log, ..) = open(disk.clone()).unwrap();
    commit(&mut log, 1..=3);
    log.sync_mark().unwrap();
    commit(&mut log, 4..=6);
    for sequence in 7..=9 {
        log.append(&crate::shop::payload(sequence, 0)).unwrap();
    }
    // The write of the commit is done, its sync isn't.
    disk.cut_power_after(1 + seed % 6);
    assert!(log.sync().is_err() || seed % 6 > 1);
    drop(log);
    disk.crash(seed);
    disk
}

fn records(disk: &MemDisk) -> Result<Records, LogError> {
    open(disk.clone()).map(|(_, records, _)| records)
}

/// ST-6: recovery cut off at any operation, then again, finds what an undisturbed one finds.
#[test]
fn recovery_can_be_interrupted_at_every_operation() {
    for seed in 0..40 {
        let wreck = wreck(seed);
        let undisturbed = wreck.copy();
        let found = records(&undisturbed).unwrap();
        assert_eq!(found, expected(found.len() as u64));
        assert!(found.len() >= 6, "seed={seed}");
        let operations = undisturbed.operations();
        for cut in 0..operations {
            let disk = wreck.copy();
            disk.cut_power_after(cut);
            assert!(matches!(records(&disk), Err(LogError::Disk(_))), "seed={seed} cut={cut}");
            disk.crash(seed ^ cut);
            assert_eq!(records(&disk).unwrap(), found, "seed={seed} cut={cut}");

            let disk = wreck.copy();
            disk.fail_after(cut);
            assert!(records(&disk).is_err(), "seed={seed} cut={cut}");
            assert_eq!(records(&disk).unwrap(), found, "seed={seed} cut={cut}");
            disk.crash(seed ^ cut);
            assert_eq!(records(&disk).unwrap(), found, "seed={seed} cut={cut}");
        }
    }
}

/// ST-6: the whole life of a log, cut off at any operation; what was acknowledged by then is there.
#[test]
fn a_life_can_be_interrupted_at_every_operation() {
    fn live(disk: &MemDisk) -> (u64, bool) {
        let Ok((mut log, ..)) = open(disk.clone()) else { return (0, false) };
        for sequence in 1..=12 {
            log.append(&crate::shop::payload(sequence, 0)).unwrap();
            if sequence % 2 == 0 && log.sync().is_err() {
                return (log.durable(), false);
            }
            if sequence % 6 == 0 && log.sync_mark().is_err() {
                return (log.durable(), false);
            }
        }
        let durable = log.durable();
        (durable, log.close().is_ok())
    }
    let undisturbed = MemDisk::new();
    assert_eq!(live(&undisturbed), (12, true));
    for cut in 0..undisturbed.operations() {
        for seed in 0..8 {
            let disk = MemDisk::new();
            disk.cut_power_after(cut);
            let (durable, whole) = live(&disk);
            assert!(!whole);
            disk.crash(seed);
            let found = records(&disk).unwrap();
            assert_eq!(found, expected(found.len() as u64), "cut={cut} seed={seed}");
            assert!(durable <= found.len() as u64, "cut={cut} seed={seed} durable={durable}");
            assert!(!disk_has_temps(&disk), "recovery clears what was half made");
        }
    }
}

/// ST-6: a process dies with one slot of the mark written and not synced, and the power goes during the recovery that follows:
/// the other slot must not be torn as well.
#[test]
fn recovery_after_a_kill_never_leaves_both_marks_torn() {
    for seed in 0..300 {
        let mut whole = false;
        for cut in 0.. {
            if whole {
                assert!(cut > 10, "recovery has many operations");
                break;
            }
            let disk = MemDisk::new();
            let (mut log, ..) = open(disk.clone()).unwrap();
            commit(&mut log, 1..=1);
            if seed % 2 == 0 {
                log.sync_mark().unwrap();
            }
            commit(&mut log, 2..=2);
            drop(log);
            disk.cut_power_after(cut);
            whole = records(&disk).is_ok();
            disk.crash(seed);
            assert_eq!(records(&disk).unwrap(), expected(2), "seed={seed} cut={cut}");
        }
    }
}

fn disk_has_temps(disk: &MemDisk) -> bool {
    xln_storage::Disk::list(disk).unwrap().iter().any(|name| name.ends_with(".tmp"))
}

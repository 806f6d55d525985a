//! Seeded rounds of append, sync, crash, kill and recover against a model: what was acknowledged is there, in order, and
//! nothing that was never appended.

use crate::shop::{Dice, open, payload};
use xln_storage::{Log, LogError, MemDisk};

/// How many seeds; each runs [`STEPS`] steps.
const SEEDS: u64 = 2_500;
const STEPS: u64 = 40;

/// What must be on the disk.
struct Model {
    /// All that was appended and may still be there; the sequence is the index plus one.
    appended: Vec<Vec<u8>>,
    /// All up to here was called durable.
    acknowledged: u64,
}

impl Model {
    fn check(&mut self, found: &[(u64, Vec<u8>)]) -> Result<(), String> {
        let count = found.len() as u64;
        if count < self.acknowledged {
            return Err(format!("lost: acknowledged={} found={count}", self.acknowledged));
        }
        for (at, (sequence, payload)) in (1..).zip(found) {
            if *sequence != at || self.appended.get(index(at)) != Some(payload) {
                return Err(format!("never appended: sequence={sequence} at={at}"));
            }
        }
        // What recovery hands out it has made durable.
        self.acknowledged = count;
        self.appended.truncate(found.len());
        Ok(())
    }
}

/// Runs one seed; says what law broke.
fn run(disk: &MemDisk, seed: u64) -> Result<(), String> {
    let mut dice = Dice(seed);
    let mut model = Model { appended: Vec::new(), acknowledged: 0 };
    let mut log = reopen(disk, &mut model)?;
    for step in 0..STEPS {
        let alive = match dice.below(16) {
            0..6 => append(&mut log, &mut model, seed ^ step),
            6..11 => log.sync().map(|durable| model.acknowledged = durable),
            11 => log.sync_mark(),
            12 => {
                disk.fail_next_sync();
                log.sync().map(|durable| model.acknowledged = durable)
            }
            13 => {
                disk.fail_after(dice.below(4));
                log.sync().map(|durable| model.acknowledged = durable)
            }
            14 => {
                drop(log);
                disk.crash(dice.below(u64::MAX));
                log = reopen(disk, &mut model)?;
                Ok(())
            }
            _ => Err(LogError::Poisoned),
        };
        if alive.is_err() {
            assert!(!matches!(alive, Err(LogError::Damage { .. })));
            drop(log);
            // A process that died, or a machine that did; the injected fault is over either way.
            if dice.below(2) == 0 {
                disk.crash(dice.below(u64::MAX));
            }
            disk.fail_after(u64::MAX / 2);
            log = match reopen(disk, &mut model) {
                // A fault that was still due hit recovery: once more.
                Err(e) if e.contains("injected") => reopen(disk, &mut model)?,
                other => other?,
            };
        }
    }
    drop(log);
    disk.crash(seed);
    reopen(disk, &mut model).map(drop)
}

fn append(log: &mut Log<MemDisk>, model: &mut Model, flavour: u64) -> Result<(), LogError> {
    let bytes = payload(log.next_sequence(), flavour);
    match log.append(&bytes) {
        Ok(sequence) => {
            model.appended.truncate(index(sequence));
            model.appended.push(bytes);
            Ok(())
        }
        Err(LogError::CommitFull { .. }) => log.sync().map(|durable| model.acknowledged = durable),
        Err(e) => Err(e),
    }
}

/// Where the model keeps a sequence.
fn index(sequence: u64) -> usize {
    usize::try_from(sequence - 1).unwrap()
}

fn reopen(disk: &MemDisk, model: &mut Model) -> Result<Log<MemDisk>, String> {
    let (log, records, found) = open(disk.clone()).map_err(|e| e.to_string())?;
    assert_eq!(found.records, found.last_sequence);
    model.check(&records)?;
    Ok(log)
}

/// ST-4, ST-6: through thousands of crashes and failures.
#[test]
fn no_acknowledged_record_is_ever_lost_or_altered() {
    for seed in 0..SEEDS {
        let disk = MemDisk::new();
        if let Err(broken) = run(&disk, seed) {
            panic!("seed={seed}: {broken}");
        }
    }
}

/// ST-4: the rounds above would notice a log that forgets its fsync: on a disk that does, they break.
#[test]
fn without_the_fsync_acknowledged_records_are_lost() {
    let broken = (0..200).filter(|seed| {
        let disk = MemDisk::new();
        disk.forget_syncs();
        run(&disk, *seed).is_err()
    });
    assert!(broken.count() > 150);
}

/// ST-4: after a failed sync the system shows bytes that it will never write; recovery must write them anew before it calls
/// them durable.
#[test]
fn what_recovery_hands_out_after_a_failed_sync_is_durable() {
    for seed in 0..200 {
        let disk = MemDisk::new();
        let (mut log, ..) = open(disk.clone()).unwrap();
        log.append(b"first").unwrap();
        log.sync().unwrap();
        log.append(b"second").unwrap();
        disk.fail_next_sync();
        assert!(matches!(log.sync(), Err(LogError::Disk(_))));
        drop(log);
        let (log, records, _) = open(disk.clone()).unwrap();
        assert_eq!((records.len(), log.durable()), (2, 2));
        drop(log);
        disk.crash(seed);
        assert_eq!(open(disk).unwrap().1, records, "seed={seed}");
    }
}

/// A failed sync is never tried again, and nothing else is either.
#[test]
fn a_failed_sync_poisons_for_good() {
    let disk = MemDisk::new();
    let (mut log, ..) = open(disk.clone()).unwrap();
    log.append(b"x").unwrap();
    disk.fail_next_sync();
    assert!(matches!(log.sync(), Err(LogError::Disk(_))));
    let operations = disk.operations();
    assert!(matches!(log.append(b"y"), Err(LogError::Poisoned)));
    assert!(matches!(log.sync(), Err(LogError::Poisoned)));
    assert!(matches!(log.sync_mark(), Err(LogError::Poisoned)));
    assert_eq!(log.durable(), 0);
    assert!(matches!(log.close(), Err(LogError::Poisoned)));
    assert_eq!(disk.operations(), operations, "the disk is not touched again");
}

#[test]
fn a_full_disk_loses_nothing_and_works_again_after_a_reopen() {
    for room in 0..200 {
        let disk = MemDisk::new();
        let (mut log, ..) = open(disk.clone()).unwrap();
        log.append(b"kept").unwrap();
        log.sync().unwrap();
        let used: usize = crate::shop::content(&disk).iter().map(|(_, bytes)| bytes.len()).sum();
        disk.set_capacity(Some((used + room) as u64));
        log.append(&[9; 150]).unwrap();
        let full = log.sync();
        // 48 bytes of header, 150 of payload, 2 of padding.
        assert!(matches!(full, Err(LogError::Disk(xln_storage::DiskError::Full { .. }))), "room={room}");
        assert!(matches!(log.append(b"more"), Err(LogError::Poisoned)));
        drop(log);
        disk.set_capacity(None);
        disk.crash(room as u64);
        let (mut log, records, _) = open(disk.clone()).unwrap();
        assert_eq!(records, [(1, b"kept".to_vec())], "room={room}");
        log.append(b"again").unwrap();
        assert_eq!(log.sync().unwrap(), 2);
    }
}

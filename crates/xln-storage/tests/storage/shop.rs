//! What the tests share: payloads that name their sequence, small limits, and reading a log whole.

use std::ops::ControlFlow;
use xln_storage::{Disk, Log, LogError, LogOptions, LogReader, Recovery};

pub(crate) const NAME: &str = "main";
pub(crate) const SALT: [u8; 16] = [7; 16];

pub(crate) type Records = Vec<(u64, Vec<u8>)>;

/// Limits so small that a few records fill a commit and a few commits a segment.
pub(crate) fn small() -> LogOptions {
    LogOptions { segment_bytes_max: 600, commit_bytes_max: 400, queue_bytes_max: 1_000, ..LogOptions::new(SALT) }
}

/// A payload of 0 to 79 bytes that depends on its sequence and a flavour.
pub(crate) fn payload(sequence: u64, flavour: u64) -> Vec<u8> {
    let mut dice = Dice(sequence ^ flavour.rotate_left(32));
    (0..dice.below(80)).map(|_| dice.byte()).collect()
}

/// Opens a log and collects its records.
pub(crate) fn open<D: Disk>(disk: D) -> Result<(Log<D>, Records, Recovery), LogError> {
    let mut records = Records::new();
    let (log, found) = Log::open(disk, NAME, small(), |sequence, payload| {
        records.push((sequence, payload.to_vec()));
        ControlFlow::Continue(())
    })?;
    Ok((log, records, found))
}

/// Reads a log beside whoever writes it.
pub(crate) fn read(disk: &impl Disk) -> Result<(Records, Recovery), LogError> {
    let mut reader = LogReader::open(disk, NAME)?;
    let mut records = Records::new();
    while let Some((sequence, payload)) = reader.next_record()? {
        records.push((sequence, payload.to_vec()));
    }
    Ok((records, reader.summary()))
}

/// Appends and syncs the payloads of these sequences as one commit.
pub(crate) fn commit<D: Disk>(log: &mut Log<D>, sequences: std::ops::RangeInclusive<u64>) {
    for sequence in sequences {
        assert_eq!(log.append(&payload(sequence, 0)).unwrap(), sequence);
    }
    log.sync().unwrap();
}

/// The records with these sequences, as [`commit`] writes them.
pub(crate) fn expected(last: u64) -> Records {
    (1..=last).map(|sequence| (sequence, payload(sequence, 0))).collect()
}

/// All bytes of a file.
pub(crate) fn bytes_of(disk: &impl Disk, name: &str) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(disk.len(name).unwrap()).unwrap()];
    assert_eq!(disk.read_at(name, 0, &mut bytes).unwrap(), bytes.len());
    bytes
}

/// All files and their bytes.
pub(crate) fn content(disk: &impl Disk) -> Vec<(String, Vec<u8>)> {
    let names = disk.list().unwrap();
    names.into_iter().map(|name| (name.clone(), bytes_of(disk, &name))).collect()
}

/// Overwrites a file, durably, behind the log's back.
pub(crate) fn put(disk: &mut impl Disk, name: &str, bytes: &[u8]) {
    disk.create(name).unwrap();
    disk.write_at(name, 0, bytes).unwrap();
    disk.sync(name).unwrap();
    disk.sync_dir().unwrap();
}

/// SplitMix64.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.below(256).to_le_bytes()[0]
    }
}

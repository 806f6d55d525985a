//! An append-only log: [`Log::append`] gathers, [`Log::sync`] makes durable with one write and one fsync, and whatever the
//! disk does between, [`Log::open`] finds every record that was called durable, in order, or says what is damaged.
//!
//! Laws (the argument stands in [`reader`] and in `docs/spec/log.md`):
//! - **ST-4** length, sequence and checksum with each record; the durable mark in two slots *and* in every later record; a
//!   torn tail past it is dropped, damage before it is reported and nothing is changed.
//! - **ST-6** recovery changes only what lies past the mark, and each of its steps can be cut off and done again.
//!
//! After a failed write or sync every call answers [`LogError::Poisoned`]: the system may have dropped the bytes and
//! would call the next sync a success. Read [`Log::open`], then [`Log::sync`].

pub mod error;
mod files;
pub mod format;
mod mark;
pub mod reader;
mod window;

use crate::disk::{Disk, DiskError, replace};
use error::{Fault, LogError};
use files::Files;
use format::{Key, PAYLOAD_BYTES_MAX, RecordHeader, SegmentHeader, VERSION, record_bytes};
use mark::{Found, Marks};
use reader::LogReader;
use std::ops::ControlFlow;

/// How large a segment grows before the next begins, in bytes, unless configured otherwise.
pub const SEGMENT_BYTES_MAX: u64 = 256 << 20;
/// How much one commit gathers, in bytes: larger writes make the sync of the usual disk much slower.
pub const COMMIT_BYTES_MAX: usize = 2 << 20;
/// How much a writer's queue holds, in bytes.
pub const QUEUE_BYTES_MAX: usize = 64 << 20;
/// The longest name of a log, in bytes.
pub const LOG_NAME_BYTES_MAX: usize = 64;
/// How much recovery rewrites at once, in bytes.
const REWRITE_BYTES_MAX: usize = 1 << 20;

/// How a log is kept.
#[derive(Clone, Copy, Debug)]
pub struct LogOptions {
    /// Sets a new log's checksums apart from every other log's: random in production, from the seed in the simulator.
    /// A log that exists keeps its own.
    pub salt: [u8; 16],
    /// A segment is closed before it would exceed this; one commit that alone exceeds it has a segment to itself.
    pub segment_bytes_max: u64,
    /// A commit is closed before it would exceed this; one record that alone exceeds it is a commit to itself.
    pub commit_bytes_max: usize,
    /// What a [`LogWriter`](crate::LogWriter) queues at most.
    pub queue_bytes_max: usize,
}

impl LogOptions {
    /// The usual limits.
    #[must_use]
    pub fn new(salt: [u8; 16]) -> LogOptions {
        LogOptions {
            salt,
            segment_bytes_max: SEGMENT_BYTES_MAX,
            commit_bytes_max: COMMIT_BYTES_MAX,
            queue_bytes_max: QUEUE_BYTES_MAX,
        }
    }
}

/// What a pass over a log found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Valid records.
    pub records: u64,
    /// The last valid one; 0 if there is none. The first record has sequence 1.
    pub last_sequence: u64,
    /// What is proven to have been synced, by mark or by a later record. Records past it may never have been confirmed.
    pub durable_mark: u64,
    /// Bytes of a torn tail: recovery drops them, a reader passes over them.
    pub torn_tail_bytes: u64,
    /// Slots of the mark that were missing or unreadable, 0 or 1: a power loss may tear one. Recovery writes it anew.
    pub mark_slots_damaged: u32,
}

/// The one writer of a log.
#[derive(Debug)]
pub struct Log<D: Disk> {
    disk: D,
    name: String,
    options: LogOptions,
    salt: [u8; 16],
    key: Key,
    marks: Marks,
    segment: u32,
    segment_name: String,
    segment_bytes: u64,
    buffer: Vec<u8>,
    /// The sequence of the next record.
    next: u64,
    durable: u64,
    poisoned: bool,
}

impl<D: Disk> Log<D> {
    /// Opens a log, made if it is missing, and hands every record to `each` in order, in bounded memory.
    ///
    /// `each` sees records before it is known whether the log is whole: on an error drop what they built. When this
    /// returns, all records handed out are durable, including those that a crash had left written but not synced.
    ///
    /// # Errors
    /// [`LogError::Damage`] (ST-4), [`LogError::Stopped`] if `each` breaks: in both nothing was changed. Else what the
    /// disk answered; then open again (ST-6).
    pub fn open(
        mut disk: D,
        name: &str,
        options: LogOptions,
        mut each: impl FnMut(u64, &[u8]) -> ControlFlow<()>,
    ) -> Result<(Log<D>, Recovery), LogError> {
        check_log_name(name)?;
        if Files::list(&disk, name)?.segments.is_empty() {
            create(&mut disk, name, options.salt)?;
        }
        let mut reader = LogReader::open(&disk, name)?;
        while let Some((sequence, payload)) = reader.next_record()? {
            if each(sequence, payload).is_break() {
                return Err(LogError::Stopped { sequence });
            }
        }
        let (found, salt, end) = (reader.summary(), reader.salt(), reader.end().clone());
        let files = Files::list(&disk, name)?;
        // Beside a lock nobody else makes segments, and the reader saw one at least.
        let segment = files.segments.last().copied().unwrap_or(1);
        let segment_name = Files::segment(name, segment);
        if found.torn_tail_bytes > 0 || found.durable_mark < found.last_sequence {
            mend(&mut disk, &segment_name, &end)?;
        }
        for temp in files.temps {
            disk.remove(&temp)?;
        }
        let marks = Marks::replace(&mut disk, name, salt, found.last_sequence)?;
        let log = Log {
            disk,
            name: name.to_owned(),
            options,
            salt,
            key: Key::new(&salt),
            marks,
            segment,
            segment_name,
            segment_bytes: end.offset,
            buffer: Vec::new(),
            next: found.last_sequence + 1,
            durable: found.last_sequence,
            poisoned: false,
        };
        Ok((log, found))
    }

    /// Takes a record into the commit being gathered and answers its sequence. Nothing is durable yet.
    ///
    /// # Errors
    /// [`LogError::Oversized`], [`LogError::CommitFull`] (sync first), [`LogError::Poisoned`]; the log is as it was.
    pub fn append(&mut self, payload: &[u8]) -> Result<u64, LogError> {
        self.check_alive()?;
        check_payload(payload)?;
        if !self.has_room(payload.len()) {
            let bytes_max = self.options.commit_bytes_max;
            return Err(LogError::CommitFull { buffered_bytes: self.buffer.len(), bytes_max });
        }
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let header = RecordHeader { sequence: self.next, durable: self.durable, length };
        self.key.encode(&header, payload, &mut self.buffer);
        self.next += 1;
        Ok(header.sequence)
    }

    /// Whether a payload of `length` bytes fits the commit being gathered.
    #[must_use]
    pub fn has_room(&self, length: usize) -> bool {
        self.buffer.is_empty() || self.buffer.len() + record_bytes(length) <= self.options.commit_bytes_max
    }

    /// What was appended and isn't durable yet, in bytes as written.
    #[must_use]
    pub fn buffered_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// The last durable sequence.
    #[must_use]
    pub fn durable(&self) -> u64 {
        self.durable
    }

    /// The sequence that the next record will get.
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        self.next
    }

    /// How this log is kept.
    #[must_use]
    pub fn options(&self) -> &LogOptions {
        &self.options
    }

    /// Makes all that was appended durable, by one write and one fsync, and answers the last durable sequence.
    ///
    /// # Errors
    /// What the disk answered; from then on [`LogError::Poisoned`].
    pub fn sync(&mut self) -> Result<u64, LogError> {
        self.check_alive()?;
        if self.buffer.is_empty() {
            return Ok(self.durable);
        }
        self.or_poison(Log::write_commit)?;
        Ok(self.durable)
    }

    /// Makes the durable mark itself durable: damage to anything up to it can then be told from a torn tail even after
    /// a power loss. Costs an fsync if there was a commit since the last; the loop calls it at each block.
    ///
    /// # Errors
    /// As [`Log::sync`].
    pub fn sync_mark(&mut self) -> Result<(), LogError> {
        self.check_alive()?;
        self.or_poison(|log| log.marks.sync(&mut log.disk))
    }

    /// Syncs all, and the final mark in both slots, so that not one of them has to be trusted. Gives the disk back.
    ///
    /// # Errors
    /// As [`Log::sync`].
    pub fn close(mut self) -> Result<D, LogError> {
        self.sync()?;
        self.sync_mark()?;
        self.or_poison(|log| {
            log.marks.write(&mut log.disk, log.durable)?;
            log.marks.sync(&mut log.disk)
        })?;
        Ok(self.disk)
    }

    fn write_commit(&mut self) -> Result<(), DiskError> {
        let filled = self.segment_bytes + self.buffer.len() as u64;
        let has_records = format::SEGMENT_HEADER_BYTES as u64 != self.segment_bytes;
        if has_records && self.options.segment_bytes_max < filled {
            self.rotate()?;
        }
        self.disk.write_at(&self.segment_name, self.segment_bytes, &self.buffer)?;
        self.disk.sync(&self.segment_name)?;
        self.segment_bytes += self.buffer.len() as u64;
        self.durable = self.next - 1;
        self.buffer.clear();
        self.marks.write(&mut self.disk, self.durable)
    }

    /// Begins the next segment. All of this one is synced, since every commit is; that the next exists proves it, so the
    /// mark needs no sync here.
    fn rotate(&mut self) -> Result<(), DiskError> {
        self.segment += 1;
        self.segment_name = Files::segment(&self.name, self.segment);
        let first = self.durable + 1;
        self.segment_bytes = make_segment(&mut self.disk, &self.name, self.segment, first, self.salt)?;
        Ok(())
    }

    fn check_alive(&self) -> Result<(), LogError> {
        if self.poisoned { Err(LogError::Poisoned) } else { Ok(()) }
    }

    fn or_poison(&mut self, act: impl FnOnce(&mut Log<D>) -> Result<(), DiskError>) -> Result<(), LogError> {
        act(self).map_err(|e| {
            self.poisoned = true;
            LogError::Disk(e)
        })
    }
}

/// Makes an empty log: the marks first, so that a log with a segment always has both.
fn create(disk: &mut impl Disk, name: &str, salt: [u8; 16]) -> Result<(), LogError> {
    if Found::read(disk, name)?.newest().is_some_and(|mark| mark.sequence != 0) {
        let (file, fault) = (Files::segment(name, 1), Fault::Missing);
        return Err(LogError::Damage { file, offset: 0, sequence: 1, fault });
    }
    Marks::replace(disk, name, salt, 0)?;
    make_segment(disk, name, 1, 1, salt)?;
    Ok(())
}

/// Makes an empty segment, whole and durable or not at all; answers its length.
fn make_segment(
    disk: &mut impl Disk,
    log: &str,
    number: u32,
    first_sequence: u64,
    salt: [u8; 16],
) -> Result<u64, DiskError> {
    let header = SegmentHeader { version: VERSION, number, first_sequence, salt }.encode();
    replace(disk, &Files::segment(log, number), &header)?;
    Ok(header.len() as u64)
}

/// Drops a torn tail and makes the last commit durable.
///
/// The commit is written again where it stands: after a sync that failed the system shows its bytes without ever writing
/// them, and only bytes that are written anew are sure to be synced. The bytes are the same, so a crash here tears nothing.
fn mend(disk: &mut impl Disk, segment: &str, end: &reader::End) -> Result<(), LogError> {
    if end.tail_bytes > 0 {
        disk.truncate(segment, end.offset)?;
    }
    let mut at = end.commit_offset;
    while at < end.offset {
        let count = usize::try_from(end.offset - at).unwrap_or(usize::MAX).min(REWRITE_BYTES_MAX);
        let mut bytes = vec![0; count];
        let filled = disk.read_at(segment, at, &mut bytes)?;
        if filled != count {
            return Err(DiskError::ReadBack { name: segment.to_owned() }.into());
        }
        disk.write_at(segment, at, &bytes)?;
        at += count as u64;
    }
    Ok(disk.sync(segment)?)
}

pub(crate) fn check_payload(payload: &[u8]) -> Result<(), LogError> {
    let (bytes, bytes_max) = (payload.len(), PAYLOAD_BYTES_MAX);
    if bytes <= bytes_max { Ok(()) } else { Err(LogError::Oversized { bytes, bytes_max }) }
}

pub(crate) fn check_log_name(name: &str) -> Result<(), LogError> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    let good = !name.is_empty() && name.len() <= LOG_NAME_BYTES_MAX && name.bytes().all(plain);
    if good { Ok(()) } else { Err(LogError::Name { name: name.to_owned() }) }
}

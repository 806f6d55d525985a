//! Reads a log from its first record to its end, beside a live writer too, and tells a torn tail from damage (ST-4).
//!
//! The argument. A record is written only after everything up to its `durable` field was synced. So whatever is at or below
//! a durable mark, or below the `durable` of *any* valid header, was once on the disk: if it can't be read now it is
//! damage, and reading stops there. What no mark and no header covers is the last commit, which nobody needs to have
//! been told of: if it breaks off, it is a torn tail.
//!
//! A reader looks at the mark first, then at the names, then at the lengths: since each only grows, all that a mark
//! covers is within those lengths, however the writer goes on meanwhile.

use super::error::{Fault, LogError};
use super::format::{
    Key, RECORD_ALIGN_BYTES, RECORD_HEADER_BYTES, RecordHeader, SEGMENT_HEADER_BYTES, SegmentHeader, VERSION,
    body_bytes, peek,
};
use super::mark::Found;
use super::window::Window;
use super::{Recovery, files::Files, mark::slot_name};
use crate::disk::Disk;

/// A pass over a log, in order, in bounded memory (about one payload and a read-ahead).
pub struct LogReader<'d, D: Disk> {
    disk: &'d D,
    log: String,
    /// Name and length of each segment, in order, as found at the start.
    segments: Vec<(String, u64)>,
    /// The segment that isn't there, though a later one is.
    gap: Option<String>,
    current: usize,
    window: Window,
    salt: [u8; 16],
    key: Key,
    mark: u64,
    end: End,
    finished: bool,
    summary: Recovery,
}

/// Where the valid records end, for recovery to go on from.
#[derive(Clone, Debug, Default)]
pub(crate) struct End {
    /// Behind the last valid record of the last segment.
    pub(crate) offset: u64,
    /// Where the last commit of the last segment begins.
    pub(crate) commit_offset: u64,
    /// The `durable` of that commit's records.
    commit_durable: Option<u64>,
    /// Bytes behind `offset`.
    pub(crate) tail_bytes: u64,
}

impl<'d, D: Disk> LogReader<'d, D> {
    /// Opens a log for reading. Takes no lock, changes nothing.
    ///
    /// # Errors
    /// [`LogError::Missing`] if there is no log; [`LogError::Damage`] if a segment is missing or both marks are unreadable.
    pub fn open(disk: &'d D, log: &str) -> Result<LogReader<'d, D>, LogError> {
        super::check_log_name(log)?;
        let marks = Found::read(disk, log)?;
        let numbers = Files::list(disk, log)?.segments;
        if numbers.is_empty() && marks.newest().is_none_or(|mark| mark.sequence == 0) {
            return Err(LogError::Missing { name: log.to_owned() });
        }
        let Some(mark) = marks.newest() else {
            let fault = Fault::Marks;
            return Err(LogError::Damage { file: slot_name(log, 0), offset: 0, sequence: 1, fault });
        };
        let (mut segments, mut gap) = (Vec::new(), None);
        for (number, expected) in numbers.iter().zip(1..) {
            let name = Files::segment(log, expected);
            if *number != expected {
                gap = Some(name);
                break;
            }
            let length = disk.len(&name)?;
            segments.push((name, length));
        }
        let Some((first, length)) = segments.first() else {
            let (file, fault) = (Files::segment(log, 1), Fault::Missing);
            return Err(LogError::Damage { file, offset: 0, sequence: 1, fault });
        };
        let mut reader = LogReader {
            disk,
            log: log.to_owned(),
            window: Window::new(first, *length),
            segments,
            gap,
            current: 0,
            salt: mark.salt,
            key: Key::new(&mark.salt),
            mark: mark.sequence,
            end: End::default(),
            finished: false,
            summary: Recovery {
                durable_mark: mark.sequence,
                mark_slots_damaged: marks.damaged(),
                ..Recovery::default()
            },
        };
        if let Some(slot) = marks.slots.iter().position(|slot| slot.is_some_and(|other| other.salt != mark.salt)) {
            return Err(reader.damage_in(slot_name(&reader.log, slot), 0, Fault::Foreign));
        }
        reader.enter_segment()?;
        Ok(reader)
    }

    /// The next record: its sequence and payload; `None` at the end.
    ///
    /// # Errors
    /// [`LogError::Damage`] at the first record that was durable and can't be read (ST-4); what the disk answered.
    pub fn next_record(&mut self) -> Result<Option<(u64, &[u8])>, LogError> {
        while !self.finished {
            let Some(header) = self.read_header()? else {
                self.finish_segment()?;
                continue;
            };
            if self.end.commit_durable != Some(header.durable) {
                self.end.commit_durable = Some(header.durable);
                self.end.commit_offset = self.end.offset;
            }
            let body_at = self.end.offset + RECORD_HEADER_BYTES as u64;
            let length = header.length as usize;
            self.end.offset = body_at + body_bytes(length) as u64;
            self.summary.records += 1;
            self.summary.last_sequence = header.sequence;
            self.summary.durable_mark = self.summary.durable_mark.max(header.durable);
            let body = self.window.bytes(self.disk, body_at, length)?.unwrap_or_default();
            return Ok(Some((header.sequence, body)));
        }
        Ok(None)
    }

    /// What was read so far; complete once [`LogReader::next_record`] has answered `None`.
    #[must_use]
    pub fn summary(&self) -> Recovery {
        self.summary
    }

    pub(crate) fn salt(&self) -> [u8; 16] {
        self.salt
    }

    pub(crate) fn end(&self) -> &End {
        &self.end
    }

    /// The header of the record at the current offset, if the whole record is valid and the one expected.
    fn read_header(&mut self) -> Result<Option<RecordHeader>, LogError> {
        let at = self.end.offset;
        let Some(bytes) = self.window.bytes(self.disk, at, RECORD_HEADER_BYTES)? else { return Ok(None) };
        let Some(head) = bytes.first_chunk().copied() else { return Ok(None) };
        let Some(header) = self.key.decode_header(&head) else { return Ok(None) };
        if header.sequence != self.expected() {
            return Ok(None);
        }
        let body_at = at + RECORD_HEADER_BYTES as u64;
        let body = self.window.bytes(self.disk, body_at, body_bytes(header.length as usize))?;
        Ok(body.is_some_and(|body| self.key.verify(&head, header.length, body)).then_some(header))
    }

    /// No valid record at the current offset: the end of a segment, of the log, a torn tail, or damage.
    fn finish_segment(&mut self) -> Result<(), LogError> {
        self.end.tail_bytes = self.window.len().saturating_sub(self.end.offset);
        let last = self.current + 1 == self.segments.len() && self.gap.is_none();
        if !last {
            // The next segment is made only after all of this one was synced.
            if self.end.tail_bytes > 0 {
                return Err(self.damage(Fault::Record));
            }
            self.current += 1;
            let Some((name, length)) = self.segments.get(self.current) else {
                let file = self.gap.clone().unwrap_or_default();
                return Err(self.damage_in(file, 0, Fault::Missing));
            };
            self.window = Window::new(name, *length);
            return self.enter_segment();
        }
        if self.expected() <= self.mark || self.later_header_proves()? {
            return Err(self.damage(if self.end.tail_bytes == 0 { Fault::Missing } else { Fault::Record }));
        }
        self.summary.torn_tail_bytes = self.end.tail_bytes;
        self.finished = true;
        Ok(())
    }

    /// Whether a valid header in the tail says that the record expected here had been synced.
    ///
    /// Headers are keyed, so a payload can't imitate one; and only plausible ones are hashed, so a hostile tail costs
    /// one short hash for each 8 bytes at most.
    fn later_header_proves(&mut self) -> Result<bool, LogError> {
        let expected = self.expected();
        let furthest = expected.saturating_add(self.end.tail_bytes / RECORD_HEADER_BYTES as u64);
        let mut at = self.end.offset;
        while let Some(bytes) = self.window.bytes(self.disk, at, RECORD_HEADER_BYTES)? {
            let Some(head) = bytes.first_chunk() else { break };
            let seen = peek(head);
            let plausible = expected <= seen.durable && seen.durable < seen.sequence && seen.sequence <= furthest;
            if plausible && self.key.decode_header(head).is_some() {
                return Ok(true);
            }
            at += RECORD_ALIGN_BYTES as u64;
        }
        Ok(false)
    }

    /// Checks the header of the segment just entered. It was renamed into place whole, so it can't be torn.
    fn enter_segment(&mut self) -> Result<(), LogError> {
        self.end = End::default();
        let bytes = self.window.bytes(self.disk, 0, SEGMENT_HEADER_BYTES)?;
        let Some(header) = bytes.and_then(<[u8]>::first_chunk).and_then(SegmentHeader::decode) else {
            return Err(self.damage(Fault::SegmentHeader));
        };
        if header.version != VERSION {
            let file = self.window.name().to_owned();
            return Err(LogError::Version { file, version: header.version });
        }
        if header.salt != self.salt {
            return Err(self.damage(Fault::Foreign));
        }
        if header.number as usize != self.current + 1 || header.first_sequence != self.expected() {
            return Err(self.damage(Fault::SegmentHeader));
        }
        let start = SEGMENT_HEADER_BYTES as u64;
        self.end = End { offset: start, commit_offset: start, ..End::default() };
        Ok(())
    }

    fn expected(&self) -> u64 {
        self.summary.last_sequence + 1
    }

    fn damage(&self, fault: Fault) -> LogError {
        self.damage_in(self.window.name().to_owned(), self.end.offset, fault)
    }

    fn damage_in(&self, file: String, offset: u64, fault: Fault) -> LogError {
        LogError::Damage { file, offset, sequence: self.expected(), fault }
    }
}

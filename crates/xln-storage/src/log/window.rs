//! A window on a file: reads ahead in large pieces and lends small ones, in bounded memory.

use super::format::{PAYLOAD_BYTES_MAX, RECORD_ALIGN_BYTES};
use crate::disk::{Disk, DiskError};

/// How much is read at once, in bytes, unless one piece needs more.
const READ_AHEAD_BYTES: usize = 1 << 20;

/// A file of a fixed length, and the part of it that is in memory.
#[derive(Debug)]
pub(crate) struct Window {
    name: String,
    len: u64,
    start: u64,
    buffer: Vec<u8>,
}

impl Window {
    pub(crate) fn new(name: &str, len: u64) -> Window {
        Window { name: name.to_owned(), len, start: 0, buffer: Vec::new() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// `count` bytes at `offset`, or `None` if the file doesn't reach so far.
    pub(crate) fn bytes(&mut self, disk: &impl Disk, offset: u64, count: usize) -> Result<Option<&[u8]>, DiskError> {
        debug_assert!(count <= PAYLOAD_BYTES_MAX + RECORD_ALIGN_BYTES);
        if self.len < offset.saturating_add(count as u64) {
            return Ok(None);
        }
        if self.place(offset, count).is_none() {
            let rest = usize::try_from(self.len - offset).unwrap_or(usize::MAX);
            self.buffer.resize(rest.min(count.max(READ_AHEAD_BYTES)), 0);
            let filled = disk.read_at(&self.name, offset, &mut self.buffer)?;
            self.buffer.truncate(filled);
            self.start = offset;
        }
        // Shorter than its length: a writer's recovery cut the tail meanwhile.
        Ok(self.place(offset, count).and_then(|place| self.buffer.get(place)))
    }

    fn place(&self, offset: u64, count: usize) -> Option<std::ops::Range<usize>> {
        let from = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        let to = from.checked_add(count)?;
        (to <= self.buffer.len()).then_some(from..to)
    }
}

//! The durable mark: the last synced sequence, in two slots of which one is always synced and left alone.
//!
//! After every commit the *scratch* slot is overwritten without a sync of its own, so a commit costs one fsync. When the
//! mark is synced the two change places. A power loss can therefore tear only the scratch slot: two unreadable slots are
//! damage, one is not. Creation and recovery replace the slots whole, one after the other, which tears neither.

use super::format::{MARK_BYTES, Mark};
use crate::disk::{Disk, DiskError, replace};

/// How often a slot is read before it counts as unreadable: a live writer may be writing into it just then.
const MARK_READS_MAX: usize = 3;

/// The two slots as found; `None` is a slot that is missing or unreadable.
pub(crate) struct Found {
    pub(crate) slots: [Option<Mark>; 2],
}

impl Found {
    /// Reads both slots.
    pub(crate) fn read(disk: &(impl Disk + ?Sized), log: &str) -> Result<Found, DiskError> {
        Ok(Found { slots: [read_slot(disk, &slot_name(log, 0))?, read_slot(disk, &slot_name(log, 1))?] })
    }

    /// The newer of the readable slots.
    pub(crate) fn newest(&self) -> Option<Mark> {
        self.slots.iter().flatten().copied().max_by_key(|mark| mark.sequence)
    }

    /// How many slots are missing or unreadable.
    pub(crate) fn damaged(&self) -> u32 {
        self.slots.iter().map(|slot| u32::from(slot.is_none())).sum()
    }
}

fn read_slot(disk: &(impl Disk + ?Sized), name: &str) -> Result<Option<Mark>, DiskError> {
    for _ in 0..MARK_READS_MAX {
        // One byte more than a mark, so that a longer file is seen too.
        let mut bytes = [0; MARK_BYTES + 1];
        match disk.read_at(name, 0, &mut bytes) {
            Err(DiskError::NotFound { .. }) => return Ok(None),
            Err(e) => return Err(e),
            Ok(MARK_BYTES) => {
                let mark = bytes.first_chunk().and_then(Mark::decode);
                if mark.is_some() {
                    return Ok(mark);
                }
            }
            Ok(_) => {}
        }
    }
    Ok(None)
}

/// The file of a slot.
pub(crate) fn slot_name(log: &str, slot: usize) -> String {
    format!("{log}-{}.mark", ["a", "b"][slot & 1])
}

/// The slots as their one writer keeps them.
#[derive(Debug)]
pub(crate) struct Marks {
    names: [String; 2],
    salt: [u8; 16],
    scratch: usize,
    /// Whether the scratch slot holds something that isn't synced.
    dirty: bool,
}

impl Marks {
    /// Writes both slots anew, durably, each whole.
    pub(crate) fn replace(disk: &mut impl Disk, log: &str, salt: [u8; 16], sequence: u64) -> Result<Marks, DiskError> {
        let names = [slot_name(log, 0), slot_name(log, 1)];
        for name in &names {
            replace(disk, name, &Mark { salt, sequence }.encode())?;
        }
        Ok(Marks { names, salt, scratch: 0, dirty: false })
    }

    /// Notes a synced sequence in the scratch slot. Not durable yet.
    pub(crate) fn write(&mut self, disk: &mut impl Disk, sequence: u64) -> Result<(), DiskError> {
        self.dirty = true;
        disk.write_at(&self.names[self.scratch], 0, &Mark { salt: self.salt, sequence }.encode())
    }

    /// Makes the last written mark durable; from then on the other slot is the scratch.
    pub(crate) fn sync(&mut self, disk: &mut impl Disk) -> Result<(), DiskError> {
        if self.dirty {
            disk.sync(&self.names[self.scratch])?;
            self.scratch ^= 1;
            self.dirty = false;
        }
        Ok(())
    }
}

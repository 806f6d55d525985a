//! What was changed on a disk in memory and isn't synced, and what a power cut leaves of it.

use std::collections::BTreeMap;

/// What a power cut leaves of a file's unsynced bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Nothing.
    Nothing,
    /// Everything.
    All,
    /// The first of them.
    Prefix,
    /// Torn pieces, with zeros or rubbish between.
    Pieces,
}

/// The largest piece in which a torn write reaches the disk, in bytes.
const PIECE_BYTES_MAX: u64 = 512;

#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) live: Vec<u8>,
    pub(super) synced: Vec<u8>,
    pub(super) pending: Vec<Change>,
}

#[derive(Clone, Debug)]
pub(super) enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Truncate { len: usize },
}

#[derive(Clone, Debug)]
pub(super) enum NameChange {
    Link { name: String, file: u64 },
    Unlink { name: String },
    Rename { from: String, to: String },
}

impl Content {
    pub(super) fn change(&mut self, change: Change) {
        change.apply(&mut self.live);
        self.pending.push(change);
    }

    pub(super) fn crash(&mut self, kept: Option<Kept>, dice: &mut Dice) {
        let pending = std::mem::take(&mut self.pending);
        let by_chance = [Kept::Nothing, Kept::All, Kept::Prefix, Kept::Pieces];
        match kept.unwrap_or_else(|| by_chance[to_index(dice.below(4))]) {
            Kept::Nothing => {}
            Kept::All => pending.iter().for_each(|change| change.apply(&mut self.synced)),
            Kept::Prefix => self.keep_prefix(&pending, dice),
            Kept::Pieces => self.keep_pieces(&pending, dice),
        }
        self.live = self.synced.clone();
    }

    fn keep_prefix(&mut self, pending: &[Change], dice: &mut Dice) {
        let whole = to_index(dice.below(pending.len() as u64 + 1));
        pending[..whole].iter().for_each(|change| change.apply(&mut self.synced));
        if let Some(Change::Write { offset, bytes }) = pending.get(whole) {
            let cut = to_index(dice.below(bytes.len() as u64 + 1));
            Change::Write { offset: *offset, bytes: bytes[..cut].to_vec() }.apply(&mut self.synced);
        }
    }

    fn keep_pieces(&mut self, pending: &[Change], dice: &mut Dice) {
        for change in pending {
            match change {
                Change::Truncate { .. } if dice.below(2) == 0 => {}
                Change::Truncate { .. } => change.apply(&mut self.synced),
                Change::Write { offset, bytes } => self.tear(*offset, bytes, dice),
            }
        }
    }

    fn tear(&mut self, mut offset: usize, mut bytes: &[u8], dice: &mut Dice) {
        while !bytes.is_empty() {
            let size = to_index(1 + dice.below(PIECE_BYTES_MAX)).min(bytes.len());
            let (piece, rest) = bytes.split_at(size);
            match dice.below(8) {
                0..4 => Change::Write { offset, bytes: piece.to_vec() }.apply(&mut self.synced),
                // An overwritten sector holds the old or the new; only a fresh one may hold rubbish.
                4 if self.synced.len() <= offset => {
                    let rubbish = piece.iter().map(|_| dice.next().to_le_bytes()[0]).collect();
                    Change::Write { offset, bytes: rubbish }.apply(&mut self.synced);
                }
                _ => {}
            }
            (offset, bytes) = (offset + size, rest);
        }
    }
}

impl Change {
    pub(super) fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Change::Truncate { len } => to.resize(*len, 0),
            Change::Write { offset, bytes } => {
                let end = offset + bytes.len();
                if to.len() < end && !bytes.is_empty() {
                    to.resize(end, 0);
                }
                if let Some(place) = to.get_mut(*offset..end) {
                    place.copy_from_slice(bytes);
                }
            }
        }
    }
}

impl NameChange {
    pub(super) fn apply(&self, names: &mut BTreeMap<String, u64>) {
        match self {
            NameChange::Link { name, file } => {
                names.insert(name.clone(), *file);
            }
            NameChange::Unlink { name } => {
                names.remove(name);
            }
            NameChange::Rename { from, to } => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
        }
    }
}

/// SplitMix64: small, and the same everywhere.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

pub(super) fn to_index(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

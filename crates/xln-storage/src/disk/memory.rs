//! A disk in memory that can lose power, fail, fill up and rot: the double of tests and simulator.
//!
//! It keeps what is *live* (what a read shows) apart from what is *synced* (what outlives a crash), for bytes and for names:
//! syncing a file doesn't make its name durable. It is as bad as the worst real disk allowed by [`Disk`], and exactly the
//! same for the same seed. A clone is another handle on the same disk, so a test can "restart" on it.
//!
//! Read [`MemDisk::crash`] first.

mod changes;

pub use changes::Kept;

use super::{Disk, DiskError, check_name};
use changes::{Change, Content, Dice, NameChange, to_index};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A handle on a disk in memory.
#[derive(Clone, Debug, Default)]
pub struct MemDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<u64, Content>,
    next_file: u64,
    names: BTreeMap<String, u64>,
    names_synced: BTreeMap<String, u64>,
    names_pending: Vec<NameChange>,
    faults: Faults,
    operations: u64,
}

#[derive(Debug, Default)]
struct Faults {
    sync_fails: bool,
    syncs_forgotten: bool,
    unreadable: Option<String>,
    capacity_bytes: Option<u64>,
    power_off_at: Option<u64>,
    fails_at: Option<u64>,
}

impl MemDisk {
    /// An empty disk without faults.
    #[must_use]
    pub fn new() -> MemDisk {
        MemDisk::default()
    }

    /// Cuts the power and restores it. Synced bytes and names stay. Of the unsynced bytes of each file, by `seed`: nothing, all,
    /// a prefix, or torn pieces with zeros or rubbish between; of the unsynced names a prefix. Injected faults end,
    /// except the capacity and forgotten syncs, which are properties of the disk.
    pub fn crash(&self, seed: u64) {
        self.cut_power(None, seed);
    }

    /// As [`MemDisk::crash`], but each file keeps of its unsynced bytes what `kept` says.
    pub fn crash_keeping(&self, kept: Kept, seed: u64) {
        self.cut_power(Some(kept), seed);
    }

    fn cut_power(&self, kept: Option<Kept>, seed: u64) {
        let mut state = self.lock();
        let mut dice = Dice(seed);
        for content in state.files.values_mut() {
            content.crash(kept, &mut dice);
        }
        let kept = dice.below(state.names_pending.len() as u64 + 1);
        let pending = std::mem::take(&mut state.names_pending);
        for (_, change) in (0..kept).zip(&pending) {
            change.apply(&mut state.names_synced);
        }
        state.names = state.names_synced.clone();
        let State { files, names, .. } = &mut *state;
        files.retain(|file, _| names.values().any(|kept| kept == file));
        state.faults.sync_fails = false;
        state.faults.unreadable = None;
        state.faults.power_off_at = None;
        state.faults.fails_at = None;
    }

    /// The next sync, of a file or of the names, fails; as on Linux its bytes stay readable, are not durable, and no later
    /// sync will write them.
    pub fn fail_next_sync(&self) {
        self.lock().faults.sync_fails = true;
    }

    /// From now on syncs succeed and do nothing: what a program without its fsync would get.
    pub fn forget_syncs(&self) {
        self.lock().faults.syncs_forgotten = true;
    }

    /// Reading this file fails until the next crash.
    pub fn fail_reads(&self, name: &str) {
        self.lock().faults.unreadable = Some(name.to_owned());
    }

    /// All files together hold at most so many bytes; `None`: no limit.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.lock().faults.capacity_bytes = bytes;
    }

    /// After so many more operations (reads count) every one fails, until [`MemDisk::crash`].
    pub fn cut_power_after(&self, operations: u64) {
        let mut state = self.lock();
        state.faults.power_off_at = Some(state.operations + operations);
    }

    /// After so many more operations one fails, and those behind it work again.
    pub fn fail_after(&self, operations: u64) {
        let mut state = self.lock();
        state.faults.fails_at = Some(state.operations + operations);
    }

    /// How many operations were asked of this disk so far.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.lock().operations
    }

    /// Rot: flips bit `bit % 8` of byte `bit / 8`, in what is live and in what is synced. A missing file or byte stays missing.
    pub fn flip_bit(&self, name: &str, bit: usize) {
        let mut state = self.lock();
        let Some(file) = state.names.get(name).copied() else { return };
        if let Some(content) = state.files.get_mut(&file) {
            for bytes in [&mut content.live, &mut content.synced] {
                if let Some(byte) = bytes.get_mut(bit / 8) {
                    *byte ^= 1 << (bit % 8);
                }
            }
        }
    }

    /// Another disk with the same content, all of it synced, without faults.
    #[must_use]
    pub fn copy(&self) -> MemDisk {
        let state = self.lock();
        let mut copy = State { next_file: state.next_file, ..State::default() };
        for (name, file) in &state.names {
            let live = state.files[file].live.clone();
            copy.files.insert(*file, Content { synced: live.clone(), live, pending: Vec::new() });
            copy.names.insert(name.clone(), *file);
        }
        copy.names_synced = copy.names.clone();
        MemDisk { state: Arc::new(Mutex::new(copy)) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A test that panicked elsewhere must not hide behind a poisoned lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an operation and answers the state, or the fault that is due.
    fn begin(&self, operation: &'static str, name: &str) -> Result<MutexGuard<'_, State>, DiskError> {
        check_name(name)?;
        let mut state = self.lock();
        let now = state.operations;
        state.operations += 1;
        let off = state.faults.power_off_at.is_some_and(|at| at <= now);
        if off || state.faults.fails_at == Some(now) {
            // A sync that fails loses its bytes, however the failure was asked for.
            if operation == "sync" && !off {
                state.forsake(name);
            }
            return Err(injected(operation, name));
        }
        Ok(state)
    }
}

impl Disk for MemDisk {
    fn list(&self) -> Result<Vec<String>, DiskError> {
        Ok(self.begin("list", "folder")?.names.keys().cloned().collect())
    }

    fn len(&self, name: &str) -> Result<u64, DiskError> {
        Ok(self.begin("length", name)?.content(name)?.live.len() as u64)
    }

    fn read_at(&self, name: &str, offset: u64, into: &mut [u8]) -> Result<usize, DiskError> {
        let mut state = self.begin("read", name)?;
        if state.faults.unreadable.as_deref() == Some(name) {
            return Err(injected("read", name));
        }
        let live = &state.content(name)?.live;
        let found = live.get(to_index(offset)..).unwrap_or_default();
        let count = found.len().min(into.len());
        into[..count].copy_from_slice(&found[..count]);
        Ok(count)
    }

    fn create(&mut self, name: &str) -> Result<(), DiskError> {
        let mut state = self.begin("create", name)?;
        if let Ok(content) = state.content(name) {
            content.change(Change::Truncate { len: 0 });
            return Ok(());
        }
        let file = state.next_file;
        state.next_file += 1;
        state.files.insert(file, Content::default());
        state.rename_with(NameChange::Link { name: name.to_owned(), file });
        Ok(())
    }

    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        let mut state = self.begin("write", name)?;
        let used: usize = state.files.values().map(|content| content.live.len()).sum();
        let capacity = state.faults.capacity_bytes;
        let content = state.content(name)?;
        let offset = to_index(offset);
        let end_max = capacity.map_or(usize::MAX, |c| to_index(c).saturating_sub(used) + content.live.len());
        let fits = bytes.len().min(end_max.saturating_sub(offset));
        content.change(Change::Write { offset, bytes: bytes[..fits].to_vec() });
        if fits < bytes.len() { Err(DiskError::Full { name: name.to_owned() }) } else { Ok(()) }
    }

    fn truncate(&mut self, name: &str, len: u64) -> Result<(), DiskError> {
        self.begin("truncate", name)?.content(name)?.change(Change::Truncate { len: to_index(len) });
        Ok(())
    }

    fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        let mut state = self.begin("sync", name)?;
        if std::mem::take(&mut state.faults.sync_fails) {
            state.forsake(name);
            return Err(injected("sync", name));
        }
        let forgotten = state.faults.syncs_forgotten;
        let content = state.content(name)?;
        if !forgotten {
            for change in std::mem::take(&mut content.pending) {
                change.apply(&mut content.synced);
            }
        }
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        check_name(to)?;
        let mut state = self.begin("rename", from)?;
        state.content(from)?;
        state.rename_with(NameChange::Rename { from: from.to_owned(), to: to.to_owned() });
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        let mut state = self.begin("remove", name)?;
        state.content(name)?;
        state.rename_with(NameChange::Unlink { name: name.to_owned() });
        Ok(())
    }

    fn sync_dir(&mut self) -> Result<(), DiskError> {
        let mut state = self.begin("sync folder", "folder")?;
        if std::mem::take(&mut state.faults.sync_fails) {
            return Err(injected("sync folder", "folder"));
        }
        if !state.faults.syncs_forgotten {
            let pending = std::mem::take(&mut state.names_pending);
            pending.iter().for_each(|change| change.apply(&mut state.names_synced));
        }
        Ok(())
    }
}

impl State {
    fn content(&mut self, name: &str) -> Result<&mut Content, DiskError> {
        let missing = || DiskError::NotFound { name: name.to_owned() };
        let file = self.names.get(name).ok_or_else(missing)?;
        self.files.get_mut(file).ok_or_else(missing)
    }

    fn rename_with(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.names_pending.push(change);
    }

    /// The bytes stay in the cache, marked clean: readable, and never to be written.
    fn forsake(&mut self, name: &str) {
        if let Ok(content) = self.content(name) {
            content.pending.clear();
        }
    }
}

fn injected(operation: &'static str, name: &str) -> DiskError {
    DiskError::Io { operation, name: name.to_owned(), source: io::Error::other("injected fault") }
}

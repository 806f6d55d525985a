//! What storage needs of a disk, and the one way to replace a whole file.
//!
//! A disk is one folder of flat names. Bytes are durable only after [`Disk::sync`] of their file succeeded, and names
//! (created, renamed, removed) only after [`Disk::sync_dir`]; between the two anything may survive a power loss. A sync
//! that failed is never tried again: the system may have dropped the bytes and call the next attempt a success.

pub mod memory;
pub mod real;

use std::io;

/// The longest name of a file, in bytes.
pub const NAME_BYTES_MAX: usize = 128;

/// What a half-written replacement is called: the name it will get, and this.
pub(crate) const TEMP_SUFFIX: &str = ".tmp";

/// Why a disk refused.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// No file of this name.
    #[error("no such file: name={name}")]
    NotFound {
        /// The file asked for.
        name: String,
    },
    /// No space left; part of the bytes may have been written.
    #[error("disk full: name={name}")]
    Full {
        /// The file that was to grow.
        name: String,
    },
    /// The folder belongs to another writer that is alive.
    #[error("folder in use by another writer: path={path}")]
    Locked {
        /// The folder.
        path: String,
    },
    /// The disk was opened for reading only.
    #[error("disk opened read-only: name={name}")]
    ReadOnly {
        /// The file that was to change.
        name: String,
    },
    /// Not a name of a file here: 1 to [`NAME_BYTES_MAX`] of `a-z 0-9 . _ -`, no leading dot, not `lock`.
    #[error("not a file name: name={name}")]
    Name {
        /// The name as given.
        name: String,
    },
    /// Bytes read back differ from those just written.
    #[error("read back other bytes than were written: name={name}")]
    ReadBack {
        /// The file.
        name: String,
    },
    /// Anything else the system answered.
    #[error("disk failed: operation={operation} name={name} cause={source}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On which file.
        name: String,
        /// What the system said.
        source: io::Error,
    },
}

/// One folder of flat names. After any error of a write or a sync the state of that file is unknown until it is recovered.
pub trait Disk: Send {
    /// All names, sorted.
    fn list(&self) -> Result<Vec<String>, DiskError>;
    /// The length of a file in bytes.
    fn len(&self, name: &str) -> Result<u64, DiskError>;
    /// Reads from `offset` until `into` is full or the file ends; answers how many bytes were read.
    fn read_at(&self, name: &str, offset: u64, into: &mut [u8]) -> Result<usize, DiskError>;
    /// Makes an empty file, or empties the one that is there.
    fn create(&mut self, name: &str) -> Result<(), DiskError>;
    /// Writes all of `bytes` at `offset` of an existing file, which grows as needed.
    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), DiskError>;
    /// Cuts a file to `len` bytes.
    fn truncate(&mut self, name: &str, len: u64) -> Result<(), DiskError>;
    /// Makes the bytes and the length of a file durable.
    fn sync(&mut self, name: &str) -> Result<(), DiskError>;
    /// Renames a file, replacing any of the new name at once.
    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError>;
    /// Removes a file.
    fn remove(&mut self, name: &str) -> Result<(), DiskError>;
    /// Makes names durable: all that were created, renamed or removed.
    fn sync_dir(&mut self) -> Result<(), DiskError>;
}

/// Refuses names that could leave the folder or collide with the lock.
pub(crate) fn check_name(name: &str) -> Result<(), DiskError> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
    let good = !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && name.bytes().all(plain)
        && !name.starts_with('.')
        && name != real::LOCK_NAME;
    if good { Ok(()) } else { Err(DiskError::Name { name: name.to_owned() }) }
}

/// Puts `bytes` in the file `name` so that, whatever happens, a reader finds either the old file or the whole new one.
///
/// The bytes are read back before the rename: a disk that garbles them is told from one that works while the old file lives.
pub(crate) fn replace(disk: &mut (impl Disk + ?Sized), name: &str, bytes: &[u8]) -> Result<(), DiskError> {
    let temp = format!("{name}{TEMP_SUFFIX}");
    disk.create(&temp)?;
    disk.write_at(&temp, 0, bytes)?;
    disk.sync(&temp)?;
    // One byte more than written, so that a longer file is seen too.
    let mut found = vec![0; bytes.len() + 1];
    let count = disk.read_at(&temp, 0, &mut found)?;
    if found.get(..count) != Some(bytes) {
        return Err(DiskError::ReadBack { name: temp });
    }
    disk.rename(&temp, name)?;
    disk.sync_dir()
}

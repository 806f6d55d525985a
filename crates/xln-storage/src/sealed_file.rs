//! A small file that is replaced whole, with magic, length and checksum: a node's identity, a keystore's header.
//!
//! A reader finds the old content or the new, never a mixture, and never a byte that was altered. Layout: `xln-seal`, the
//! payload's length (u64, little-endian), 32 bytes of BLAKE3 over these two and the payload, the payload; nothing behind.

use crate::disk::{Disk, DiskError, replace};

/// The longest content, in bytes.
pub const SEALED_BYTES_MAX: usize = 16 << 20;

const MAGIC: [u8; 8] = *b"xln-seal";
const HEADER_BYTES: usize = 48;

/// Why a sealed file could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum SealedError {
    /// The disk failed, or there is no such file.
    #[error("sealed file: {0}")]
    Disk(#[from] DiskError),
    /// The file isn't what was written.
    #[error("sealed file damaged: name={name}")]
    Damaged {
        /// The file.
        name: String,
    },
    /// More than [`SEALED_BYTES_MAX`].
    #[error("sealed file too long: name={name} bytes={bytes} bytes_max={SEALED_BYTES_MAX}")]
    Oversized {
        /// The file.
        name: String,
        /// Its length in bytes.
        bytes: u64,
    },
}

/// Writes a file whole, reads it back, and makes it durable before it returns.
///
/// # Errors
/// [`SealedError`]; then the file is as it was before, or wholly new.
pub fn write(disk: &mut (impl Disk + ?Sized), name: &str, content: &[u8]) -> Result<(), SealedError> {
    if SEALED_BYTES_MAX < content.len() {
        return Err(SealedError::Oversized { name: name.to_owned(), bytes: content.len() as u64 });
    }
    let mut bytes = Vec::with_capacity(HEADER_BYTES + content.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&(content.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&checksum(content));
    bytes.extend_from_slice(content);
    Ok(replace(disk, name, &bytes)?)
}

/// Reads a file and verifies all of it.
///
/// # Errors
/// [`SealedError::Disk`] with [`DiskError::NotFound`] if there is none; [`SealedError::Damaged`] if any bit is not as written.
pub fn read(disk: &(impl Disk + ?Sized), name: &str) -> Result<Vec<u8>, SealedError> {
    let len = disk.len(name)?;
    let damaged = || SealedError::Damaged { name: name.to_owned() };
    let content_bytes = len.checked_sub(HEADER_BYTES as u64).ok_or_else(damaged)?;
    let size = usize::try_from(content_bytes).unwrap_or(usize::MAX);
    if SEALED_BYTES_MAX < size {
        return Err(SealedError::Oversized { name: name.to_owned(), bytes: content_bytes });
    }
    let mut bytes = vec![0; HEADER_BYTES + size];
    let filled = disk.read_at(name, 0, &mut bytes)?;
    let content = bytes.split_off(HEADER_BYTES);
    let whole = filled == HEADER_BYTES + size
        && bytes[..8] == MAGIC
        && bytes[8..16] == content_bytes.to_le_bytes()
        && bytes[16..] == checksum(&content);
    if whole { Ok(content) } else { Err(damaged()) }
}

fn checksum(content: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&MAGIC).update(&(content.len() as u64).to_le_bytes()).update(content);
    *hasher.finalize().as_bytes()
}

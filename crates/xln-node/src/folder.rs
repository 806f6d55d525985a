//! The data folder: whose it is, and what lies where in it.

use crate::node::NodeError;
use crate::recovery::LOG_NAME;
use std::path::Path;
use xln_storage::{Disk, DiskError, RealDisk, sealed_file};

/// The folder of the log within the data folder.
pub const LOG_FOLDER: &str = "log";
/// The folder of the keystore within the data folder.
pub const KEYS_FOLDER: &str = "keys";
/// The folder of a development chain within the data folder: it may be there first.
pub const CHAIN_FOLDER: &str = "chain";
/// The file that marks a data folder as a node's own.
pub const IDENTITY_FILE: &str = "identity";
/// Makes the data folder the node's own, or checks that it is. Whoever puts something of its own in there first asks this.
///
/// # Errors
/// [`NodeError::Foreign`] when it holds something else, [`NodeError::Folder`] when it can't be used.
pub fn claim_folder(path: &Path) -> Result<(), NodeError> {
    let unusable = |reason: String| NodeError::Folder { path: path.to_owned(), reason };
    std::fs::create_dir_all(path).map_err(|error| unusable(error.to_string()))?;
    let mut entries = std::fs::read_dir(path).map_err(|error| unusable(error.to_string()))?;
    let has_identity = path.join(IDENTITY_FILE).exists();
    let foreign = entries.any(|entry| entry.is_ok_and(|entry| entry.file_name() != CHAIN_FOLDER));
    if has_identity {
        return Ok(());
    }
    if foreign {
        return Err(NodeError::Foreign { path: path.to_owned() });
    }
    let mut disk = RealDisk::open(path).map_err(|error| unusable(error.to_string()))?;
    sealed_file::write(&mut disk, IDENTITY_FILE, b"xln node 1").map_err(|error| unusable(error.to_string()))
}

pub(crate) fn open_folder(data: &Path, name: &str) -> Result<RealDisk, NodeError> {
    let path = data.join(name);
    RealDisk::open(&path).map_err(|error: DiskError| NodeError::Folder { path, reason: error.to_string() })
}

/// True when no log was ever written here.
pub(crate) fn is_empty(disk: &RealDisk) -> Result<bool, NodeError> {
    let names =
        disk.list().map_err(|error| NodeError::Folder { path: LOG_FOLDER.into(), reason: error.to_string() })?;
    Ok(!names.iter().any(|name| name.starts_with(LOG_NAME)))
}

//! A folder of the system as a [`Disk`]: one writer, held by a lock that the system drops with the process.
//!
//! A file is synced through the very handle that wrote it, because that is the handle to which the system reports a failed
//! write-back. Readers take no lock and open files anew.

use super::{Disk, DiskError, check_name};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The file whose lock makes a folder one writer's own.
pub(crate) const LOCK_NAME: &str = "lock";

/// Files are their owner's alone: some of them hold wrapped keys.
const FILE_MODE: u32 = 0o600;

/// A folder of the system.
#[derive(Debug)]
pub struct RealDisk {
    folder: PathBuf,
    /// Held for as long as this value lives; `None` for a reader.
    lock: Option<File>,
    /// Handles that have written, by name.
    written: BTreeMap<String, File>,
}

impl RealDisk {
    /// Opens a folder for writing, made if it is missing, and takes its lock.
    ///
    /// # Errors
    /// [`DiskError::Locked`] while another writer lives; else what the system answered.
    pub fn open(folder: &Path) -> Result<RealDisk, DiskError> {
        make_folder(folder).map_err(|e| failed("make folder", &folder.display().to_string(), e))?;
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(FILE_MODE)
            .open(folder.join(LOCK_NAME))
            .map_err(|e| failed("open lock", LOCK_NAME, e))?;
        match lock.try_lock() {
            Ok(()) => Ok(RealDisk { folder: folder.to_owned(), lock: Some(lock), written: BTreeMap::new() }),
            Err(TryLockError::WouldBlock) => Err(DiskError::Locked { path: folder.display().to_string() }),
            Err(TryLockError::Error(e)) => Err(failed("lock", LOCK_NAME, e)),
        }
    }

    /// Opens a folder for reading, beside a writer or without one. Takes no lock; every change is refused.
    #[must_use]
    pub fn open_read_only(folder: &Path) -> RealDisk {
        RealDisk { folder: folder.to_owned(), lock: None, written: BTreeMap::new() }
    }

    fn path(&self, name: &str) -> Result<PathBuf, DiskError> {
        check_name(name)?;
        Ok(self.folder.join(name))
    }

    fn path_to_change(&self, name: &str) -> Result<PathBuf, DiskError> {
        match self.lock {
            Some(_) => self.path(name),
            None => Err(DiskError::ReadOnly { name: name.to_owned() }),
        }
    }

    /// The handle that writes a file, opened at its first use.
    fn handle(&mut self, name: &str) -> Result<&File, DiskError> {
        let path = self.path_to_change(name)?;
        if !self.written.contains_key(name) {
            let file = OpenOptions::new().write(true).open(path).map_err(|e| failed("open", name, e))?;
            self.written.insert(name.to_owned(), file);
        }
        Ok(&self.written[name])
    }
}

impl Disk for RealDisk {
    fn list(&self) -> Result<Vec<String>, DiskError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(|e| failed("list", "", e))? {
            let entry = entry.map_err(|e| failed("list", "", e))?;
            names.extend(entry.file_name().into_string().ok().filter(|name| check_name(name).is_ok()));
        }
        names.sort_unstable();
        Ok(names)
    }

    fn len(&self, name: &str) -> Result<u64, DiskError> {
        Ok(fs::metadata(self.path(name)?).map_err(|e| failed("length", name, e))?.len())
    }

    fn read_at(&self, name: &str, offset: u64, into: &mut [u8]) -> Result<usize, DiskError> {
        let file = File::open(self.path(name)?).map_err(|e| failed("open", name, e))?;
        let mut filled = 0;
        while filled < into.len() {
            match file.read_at(&mut into[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(failed("read", name, e)),
            }
        }
        Ok(filled)
    }

    fn create(&mut self, name: &str) -> Result<(), DiskError> {
        let path = self.path_to_change(name)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(FILE_MODE);
        let file = options.open(path).map_err(|e| failed("create", name, e))?;
        self.written.insert(name.to_owned(), file);
        Ok(())
    }

    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.handle(name)?.write_all_at(bytes, offset).map_err(|e| failed("write", name, e))
    }

    fn truncate(&mut self, name: &str, len: u64) -> Result<(), DiskError> {
        self.handle(name)?.set_len(len).map_err(|e| failed("truncate", name, e))
    }

    fn sync(&mut self, name: &str) -> Result<(), DiskError> {
        self.handle(name)?.sync_data().map_err(|e| failed("sync", name, e))
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        let (old, new) = (self.path_to_change(from)?, self.path_to_change(to)?);
        fs::rename(old, new).map_err(|e| failed("rename", from, e))?;
        self.written.remove(to);
        if let Some(file) = self.written.remove(from) {
            self.written.insert(to.to_owned(), file);
        }
        Ok(())
    }

    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        let path = self.path_to_change(name)?;
        self.written.remove(name);
        fs::remove_file(path).map_err(|e| failed("remove", name, e))
    }

    fn sync_dir(&mut self) -> Result<(), DiskError> {
        if self.lock.is_none() {
            return Err(DiskError::ReadOnly { name: String::new() });
        }
        sync_folder(&self.folder).map_err(|e| failed("sync folder", "", e))
    }
}

/// Makes a folder and those above it, each made durable in its parent: a log in a folder that vanishes is lost too.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_folder(parent)?;
    match fs::create_dir(folder) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists || !folder.is_dir() => Err(e),
        _ => sync_folder(parent),
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn failed(operation: &'static str, name: &str, source: io::Error) -> DiskError {
    let name = name.to_owned();
    match source.kind() {
        ErrorKind::NotFound => DiskError::NotFound { name },
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => DiskError::Full { name },
        _ => DiskError::Io { operation, name, source },
    }
}

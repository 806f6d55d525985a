//! Why the log refused, and what damage looks like.

use crate::disk::DiskError;
use std::io;

/// Why a log could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The disk failed. If a writer was at work it is [`LogError::Poisoned`] from now on.
    #[error("log: {0}")]
    Disk(#[from] DiskError),
    /// ST-4: bytes that were durable aren't what was written. Recovery stops and changes nothing.
    #[error("log damaged: file={file} offset={offset} sequence={sequence} fault={fault}")]
    Damage {
        /// The file that is damaged.
        file: String,
        /// Where in it the damaged unit begins, in bytes.
        offset: u64,
        /// The first sequence that can't be read.
        sequence: u64,
        /// What is wrong.
        fault: Fault,
    },
    /// No log of this name; or its creation was interrupted before it held anything.
    #[error("no such log: name={name}")]
    Missing {
        /// The log's name.
        name: String,
    },
    /// A log's name is 1 to 64 of `a-z 0-9 _`.
    #[error("not a name of a log: name={name}")]
    Name {
        /// The name as given.
        name: String,
    },
    /// The files are of a format this program doesn't know.
    #[error("unknown log format: file={file} version={version}")]
    Version {
        /// The file.
        file: String,
        /// The version it names.
        version: u32,
    },
    /// A payload over [`PAYLOAD_BYTES_MAX`](super::format::PAYLOAD_BYTES_MAX). The log is as it was.
    #[error("payload too long: bytes={bytes} bytes_max={bytes_max}")]
    Oversized {
        /// Its length.
        bytes: usize,
        /// The most there can be.
        bytes_max: usize,
    },
    /// The commit being gathered has no room for this payload: sync, then append again. The log is as it was.
    #[error("commit full: buffered_bytes={buffered_bytes} bytes_max={bytes_max}")]
    CommitFull {
        /// What is buffered.
        buffered_bytes: usize,
        /// The most one commit gathers.
        bytes_max: usize,
    },
    /// The writer's queue has no room: shed load, or wait for what is queued to become durable.
    #[error("log queue full: queued_bytes={queued_bytes} bytes_max={bytes_max}")]
    QueueFull {
        /// What is queued.
        queued_bytes: usize,
        /// The most the queue holds.
        bytes_max: usize,
    },
    /// A write or a sync failed before: what is on the disk is unknown until the log is opened again.
    #[error("log poisoned by an earlier failure: reopen it to recover")]
    Poisoned,
    /// The caller's callback asked recovery to stop. Nothing was changed.
    #[error("recovery stopped by its caller: sequence={sequence}")]
    Stopped {
        /// The record at which it stopped.
        sequence: u64,
    },
    /// The system gave no thread.
    #[error("no thread for the log: cause={0}")]
    Thread(io::Error),
}

/// What is wrong with a damaged file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The segment's header doesn't match its checksum, its number or the sequence expected.
    #[error("segment header")]
    SegmentHeader,
    /// The header belongs to another log than the durable mark does.
    #[error("file of another log")]
    Foreign,
    /// A record doesn't match its checksums, its sequence or its zero padding.
    #[error("record")]
    Record,
    /// Records or a whole segment that were durable are gone.
    #[error("missing")]
    Missing,
    /// Both slots of the durable mark are unreadable.
    #[error("both durable marks")]
    Marks,
}

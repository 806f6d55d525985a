//! What a node keeps on disk: an append-only log, and small files that are replaced whole.
//!
//! Everything stands on [`Disk`], a folder of flat names. [`RealDisk`] is a folder of the system; [`MemDisk`] is the double
//! of tests and simulator, which keeps synced and unsynced bytes apart and forgets the latter when it crashes.
//!
//! Laws (`docs/spec/log.md` has layout, recovery and argument):
//! - **ST-4** records carry length, sequence and checksum; the durable mark is stored redundantly; a torn tail past it is
//!   dropped; damage before it is reported and recovery stops.
//! - **ST-6** recovery is idempotent and can itself be interrupted.
//! - *Persist, then speak*: a sequence is called durable only after the sync that covers it has succeeded, and after a sync
//!   has failed nothing is called durable again until the log was reopened and recovered.
//!
//! Payloads are opaque bytes. It is not a database: no keys, no deletes, one writer. Read [`Log`] first, then [`LogReader`],
//! then [`LogWriter`], which runs a log on a thread of its own or, step by step, in the simulator.

pub mod disk;
pub mod log;
pub mod sealed_file;
pub mod writer;

pub use disk::memory::{Kept, MemDisk};
pub use disk::real::RealDisk;
pub use disk::{Disk, DiskError};
pub use log::error::{Fault, LogError};
pub use log::reader::LogReader;
pub use log::{Log, LogOptions, Recovery};
pub use writer::LogWriter;

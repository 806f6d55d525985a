//! Recovery (**ST-6**, **TX-7**): the state is what the log's inputs make it. Replay runs the same `apply` and compares every block's
//! header and receipts with what was logged; a difference stops it, for then either the log or the program is wrong.

use crate::engine::input_of;
use crate::history::History;
use std::ops::ControlFlow;
use std::sync::Arc;
use xln_machine::server::{GenesisError, SealedBlock};
use xln_machine::{Outcome, Server};
use xln_storage::{Disk, Log, LogError, LogOptions, Recovery};
use xln_types::codec::{RlpError, decode};
use xln_types::entry::Genesis;
use xln_types::{BlockHeader, Entry, Receipt, Record, Seal};

/// The log's name in the data folder.
pub const LOG_NAME: &str = "hub";

/// Why a log can't be taken up.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// The log is damaged, or the disk failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A record isn't canonical RLP.
    #[error("record is not canonical: sequence={sequence} reason={reason}")]
    Record {
        /// The record's number.
        sequence: u64,
        /// What is wrong with it.
        reason: RlpError,
    },
    /// The first entry isn't a genesis, or a later one is.
    #[error("genesis missing or misplaced: sequence={sequence}")]
    Genesis {
        /// The record's number.
        sequence: u64,
    },
    /// The genesis contradicts itself.
    #[error(transparent)]
    Contradiction(#[from] GenesisError),
    /// Replay came to another block than the one logged (TX-7).
    #[error("replay differs from the log: block={number} part={part}")]
    Diverged {
        /// The block's number.
        number: u64,
        /// `header` or `seal`.
        part: &'static str,
    },
    /// A batch's time lies before the last one's.
    #[error("time goes back in the log: sequence={sequence}")]
    Time {
        /// The record's number.
        sequence: u64,
    },
}

/// Hears what replay passes, in order: the API counts events by it, progress bars move by it, the audit compares by it.
pub trait Witness {
    /// An input was executed again.
    fn executed(&mut self, receipt: &Receipt);
    /// A block was sealed again: what replay came to.
    fn sealed(&mut self, block: &SealedBlock);
}

/// Pays no attention.
impl Witness for () {
    fn executed(&mut self, _: &Receipt) {}
    fn sealed(&mut self, _: &SealedBlock) {}
}

/// Replays records one by one.
pub struct Replay {
    server: Option<Server>,
    history: History,
    open: Vec<Receipt>,
    index_seed: u64,
    /// Compare with what was logged, and stop at the first difference; the audit takes differences down instead.
    strict: bool,
}

impl Replay {
    /// Nothing replayed yet.
    pub fn new(index_seed: u64, strict: bool) -> Replay {
        Replay { server: None, history: History::default(), open: Vec::new(), index_seed, strict }
    }

    /// Takes one record.
    ///
    /// # Errors
    /// [`RecoveryError`] when it can't follow the ones before.
    pub fn record(&mut self, sequence: u64, bytes: &[u8], witness: &mut impl Witness) -> Result<(), RecoveryError> {
        let canonical = |reason| RecoveryError::Record { sequence, reason };
        if let Some((header, seal)) = Record::block_head(bytes).map_err(canonical)? {
            return self.block(sequence, &header, &seal, witness);
        }
        match decode::<Record>(bytes).map_err(canonical)? {
            Record::Batch { at_ms, entries } => self.batch(sequence, at_ms, entries, witness),
            Record::Block { header, seal, receipts: _ } => self.block(sequence, &header, &seal, witness),
            Record::Signature { number, signature } => {
                if let Ok(signature) = <[u8; 65]>::try_from(signature.0.as_slice()) {
                    self.history.sign(number, signature);
                }
                Ok(())
            }
        }
    }

    fn batch(
        &mut self,
        sequence: u64,
        at_ms: u64,
        entries: Vec<Entry>,
        witness: &mut impl Witness,
    ) -> Result<(), RecoveryError> {
        for entry in entries {
            match (&mut self.server, entry) {
                (empty @ None, Entry::Genesis { genesis }) => *empty = Some(Server::new(&genesis, self.index_seed)?),
                (None, _) | (Some(_), Entry::Genesis { .. }) => return Err(RecoveryError::Genesis { sequence }),
                (Some(server), entry) => {
                    if at_ms < server.now_ms() {
                        return Err(RecoveryError::Time { sequence });
                    }
                    let input = input_of(server, entry).map_err(|reason| RecoveryError::Record { sequence, reason })?;
                    let Some(input) = input else { return Err(RecoveryError::Genesis { sequence }) };
                    let Outcome { receipt, .. } = server.apply(at_ms, &input);
                    witness.executed(&receipt);
                    self.open.push(receipt);
                }
            }
        }
        Ok(())
    }

    fn block(
        &mut self,
        sequence: u64,
        header: &BlockHeader,
        seal: &Seal,
        witness: &mut impl Witness,
    ) -> Result<(), RecoveryError> {
        let server = self.server.as_mut().ok_or(RecoveryError::Genesis { sequence })?;
        if header.timestamp_ms < server.now_ms() {
            return Err(RecoveryError::Time { sequence });
        }
        let block = server.seal(header.timestamp_ms);
        self.open.clear();
        if self.strict {
            // The header binds state, entries and receipts by their roots.
            let number = header.number;
            if block.header != *header {
                return Err(RecoveryError::Diverged { number, part: "header" });
            }
            if block.seal != *seal {
                return Err(RecoveryError::Diverged { number, part: "seal" });
            }
        }
        witness.sealed(&block);
        self.history.seal(History::stored(&block, None), Arc::new(block.receipts));
        Ok(())
    }

    /// What replay came to: state, past, and receipts not yet sealed. `None` when there was no genesis.
    pub fn finish(mut self) -> Option<(Server, History)> {
        self.history.confirm(&self.open);
        self.server.map(|server| (server, self.history))
    }
}

/// A recovered node.
pub struct Recovered<D: Disk> {
    /// The state.
    pub server: Server,
    /// What is at hand of the past.
    pub history: History,
    /// The log, ready to be written.
    pub log: Log<D>,
    /// What recovery found.
    pub summary: Recovery,
}

/// Opens the log and replays it; an empty one begins with `genesis()`.
///
/// # Errors
/// [`RecoveryError`]; nothing was changed that a next attempt would miss (ST-6).
pub fn recover<D: Disk>(
    disk: D,
    options: LogOptions,
    index_seed: u64,
    witness: &mut impl Witness,
    genesis: impl FnOnce() -> Genesis,
) -> Result<Recovered<D>, RecoveryError> {
    let mut replay = Replay::new(index_seed, true);
    let mut failure = None;
    let opened = Log::open(disk, LOG_NAME, options, |sequence, bytes| match replay.record(sequence, bytes, witness) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            failure = Some(error);
            ControlFlow::Break(())
        }
    });
    let (mut log, summary) = match (opened, failure) {
        (_, Some(error)) => return Err(error),
        (opened, None) => opened?,
    };
    let (server, history) = match replay.finish() {
        Some(recovered) => recovered,
        None => {
            let genesis = genesis();
            let server = Server::new(&genesis, index_seed)?;
            let at_ms = genesis.created.saturating_mul(1000);
            let record = Record::Batch { at_ms, entries: vec![Entry::Genesis { genesis }] };
            let _ = log.append(&alloy_rlp::encode(record))?;
            let _ = log.sync()?;
            (server, History::default())
        }
    };
    Ok(Recovered { server, history, log, summary })
}

//! What the development chain keeps on disk: a log of its genesis and its mined blocks, from which all else follows.
//!
//! A block is durable before anyone can see it. Each record names the hash that its block had, so that a replay that comes
//! out different is noticed at the block where it does.

use crate::dev::error::DevError;
use alloy_primitives::{Address, B256, Bytes};
use alloy_rlp::{Decodable, RlpDecodable, RlpEncodable};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::ops::ControlFlow;
use std::path::Path;
use xln_storage::{Log, LogOptions, RealDisk};

const LOG_NAME: &str = "chain";
/// The version of the records below.
const FORMAT: u64 = 1;

/// The first record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct GenesisRecord {
    format: u64,
    /// EIP-155 chain id.
    pub(crate) chain_id: u64,
    /// Unix seconds.
    pub(crate) timestamp_s: u64,
}

impl GenesisRecord {
    pub(crate) fn new(chain_id: u64, timestamp_s: u64) -> GenesisRecord {
        GenesisRecord { format: FORMAT, chain_id, timestamp_s }
    }
}

/// Every other record: one block.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct BlockRecord {
    /// Unix seconds.
    pub(crate) timestamp_s: u64,
    /// How far the chain's clock is from the machine's, in seconds, as two's complement.
    pub(crate) clock_offset_s: u64,
    /// The hash that the block has.
    pub(crate) hash: B256,
    /// Its transaction as it was signed; empty if it has none.
    pub(crate) raw: Bytes,
    /// Who signed it, so that replay needn't recover it; zero if there is none.
    pub(crate) sender: Address,
}

/// The log, open for writing.
pub(crate) struct Store {
    log: Log<RealDisk>,
}

impl Store {
    /// Opens the log under `dir`, made if missing, and hands its records to `genesis` and then `block`.
    pub(crate) fn open(
        dir: &Path,
        mut genesis: impl FnMut(GenesisRecord) -> Result<(), DevError>,
        mut block: impl FnMut(BlockRecord) -> Result<(), DevError>,
    ) -> Result<(Store, bool), DevError> {
        let mut failed = None;
        let each = |sequence: u64, payload: &[u8]| {
            let taken = match sequence {
                1 => decode::<GenesisRecord>(sequence, payload)
                    .and_then(|record| check_format(sequence, record))
                    .and_then(&mut genesis),
                _ => decode::<BlockRecord>(sequence, payload).and_then(&mut block),
            };
            match taken {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        };
        let opened = Log::open(RealDisk::open(dir)?, LOG_NAME, LogOptions::new(random_salt()), each);
        if let Some(error) = failed {
            return Err(error);
        }
        let (log, recovery) = opened?;
        Ok((Store { log }, recovery.last_sequence == 0))
    }

    pub(crate) fn append_genesis(&mut self, record: GenesisRecord) -> Result<(), DevError> {
        self.append(&alloy_rlp::encode(record))
    }

    /// Takes a block; it isn't durable before [`Store::sync`].
    pub(crate) fn append_block(&mut self, record: &BlockRecord) -> Result<(), DevError> {
        self.append(&alloy_rlp::encode(record))
    }

    fn append(&mut self, payload: &[u8]) -> Result<(), DevError> {
        if !self.log.has_room(payload.len()) {
            self.log.sync()?;
        }
        self.log.append(payload)?;
        Ok(())
    }

    pub(crate) fn sync(&mut self) -> Result<(), DevError> {
        self.log.sync()?;
        Ok(())
    }
}

fn decode<T: Decodable>(sequence: u64, mut payload: &[u8]) -> Result<T, DevError> {
    let record = T::decode(&mut payload).map_err(|_| DevError::Record { sequence })?;
    if payload.is_empty() { Ok(record) } else { Err(DevError::Record { sequence }) }
}

fn check_format(sequence: u64, record: GenesisRecord) -> Result<GenesisRecord, DevError> {
    if record.format == FORMAT { Ok(record) } else { Err(DevError::Record { sequence }) }
}

/// Only tells one log's checksums from another's; the standard library seeds its hashers from the system.
fn random_salt() -> [u8; 16] {
    let mut salt = [0; 16];
    for half in salt.chunks_exact_mut(8) {
        half.copy_from_slice(&RandomState::new().build_hasher().finish().to_le_bytes());
    }
    salt
}

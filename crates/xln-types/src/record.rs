//! What one record of the hub's log holds (**TX-6**, **TX-7**): batches of inputs with the time at which they were executed, the
//! blocks that seal them, and the signatures over those blocks, which come after the block is durable.

use crate::block::{BlockHeader, Seal};
use crate::codec::{Blob, Decodable, RlpError};
use crate::entry::Entry;
use crate::receipt::Receipt;
use alloy_rlp::Header;

/// The number of [`Record::Block`] on disk.
const BLOCK_TAG: u64 = 1;

/// One record of the log. Records are made and written one at a time, so the largest variant costs nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// Inputs executed at one moment, in order.
    Batch {
        /// Unix milliseconds of the hub's clock.
        at_ms: u64,
        /// The inputs.
        entries: Vec<Entry>,
    },
    /// A block: it seals every entry since the last one.
    Block {
        /// Its header.
        header: BlockHeader,
        /// What the hub is about to sign.
        seal: Seal,
        /// The receipts of its entries, in order.
        receipts: Vec<Receipt>,
    },
    /// The hub's signature over a block's seal: 65 bytes r ‖ s ‖ v.
    Signature {
        /// The block's number.
        number: u64,
        /// The signature.
        signature: Blob,
    },
}

crate::rlp_enum!(Record {
    0 => Batch { at_ms, entries },
    1 => Block { header, seal, receipts },
    2 => Signature { number, signature },
});

impl Record {
    /// Header and seal of a block's record, its receipts passed over; `None` for any other record. Whoever replays makes the receipts
    /// anew, and the header binds them: reading them too would be half of a recovery's work.
    ///
    /// # Errors
    /// When the record isn't canonical, as far as it is read.
    pub fn block_head(bytes: &[u8]) -> Result<Option<(BlockHeader, Seal)>, RlpError> {
        let mut rest = bytes;
        let mut payload = Header::decode_bytes(&mut rest, true)?;
        if !rest.is_empty() {
            return Err(RlpError::UnexpectedLength);
        }
        if u64::decode(&mut payload)? != BLOCK_TAG {
            return Ok(None);
        }
        let (header, seal) = (BlockHeader::decode(&mut payload)?, Seal::decode(&mut payload)?);
        let _receipts = Header::decode_bytes(&mut payload, true)?;
        if payload.is_empty() { Ok(Some((header, seal))) } else { Err(RlpError::UnexpectedLength) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::decode;
    use crate::id::{EntityId, Hash, SignerId};
    use crate::receipt::Status;

    /// N-3: a block's head reads as the whole record does, and what isn't canonical is refused by both.
    #[test]
    fn a_blocks_head_reads_as_the_whole_record() {
        let header = BlockHeader {
            number: 7,
            previous_hash: Hash([1; 32]),
            timestamp_ms: 2,
            state_root: Hash([3; 32]),
            transaction_root: Hash([4; 32]),
            receipt_root: Hash([5; 32]),
            entries: 1,
            last_sequence: 6,
            proposer: SignerId([7; 20]),
        };
        let seal = Seal {
            hub: EntityId([8; 32]),
            board_epoch: 0,
            number: 7,
            previous_seal: Hash::ZERO,
            block_hash: Hash([9; 32]),
            proofs_root: Hash::ZERO,
            time_ms: 2,
        };
        let hash = crate::id::TxHash([1; 32]);
        let (status, logs, changes) = (Status::Executed, vec![], vec![]);
        let receipt = Receipt { hash, sequence: 6, executed_at_ms: 2, status, cost: 3, logs, changes };
        let bytes = alloy_rlp::encode(Record::Block { header: header.clone(), seal, receipts: vec![receipt] });
        assert_eq!(Record::block_head(&bytes), Ok(Some((header, seal))));
        for cut in 0..bytes.len() {
            assert!(Record::block_head(&bytes[..cut]).is_err() && decode::<Record>(&bytes[..cut]).is_err(), "{cut}");
        }
        assert!(Record::block_head(&[bytes.as_slice(), &[0]].concat()).is_err());
        let other = alloy_rlp::encode(Record::Signature { number: 1, signature: Blob(vec![1; 65]) });
        assert_eq!(Record::block_head(&other), Ok(None));
    }
}

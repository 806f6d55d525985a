//! What one record of the hub's log holds (**TX-6**, **TX-7**): batches of inputs with the time at which they were executed, the
//! blocks that seal them, and the signatures over those blocks, which come after the block is durable.

use crate::block::{BlockHeader, Seal};
use crate::codec::Blob;
use crate::entry::Entry;
use crate::receipt::Receipt;

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

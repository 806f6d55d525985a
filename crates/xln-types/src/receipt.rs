//! Receipts: what became of an entry (PRD 8.2, **TX-5**, **TX-6**).

use crate::codec::{Blob, Decodable, Encodable, RlpDecodable, RlpEncodable, RlpError};
use crate::event::Event;
use crate::id::TxHash;
use crate::path::Path;
use crate::rejection::Rejection;

/// One record of the state tree before and after; empty bytes where there was or is none.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct StateChange {
    /// Where (ST-3).
    pub path: Path,
    /// RLP of the record before.
    pub old: Blob,
    /// RLP of the record after.
    pub new: Blob,
}

/// Executed, or refused and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// It took effect.
    Executed,
    /// It changed nothing but the sender's nonce.
    Rejected(Rejection),
}

/// What became of one entry.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Receipt {
    /// The transaction's hash (TX-2), or the hash of the entry's encoding where it is none.
    pub hash: TxHash,
    /// Its number in the log's order, from 1.
    pub sequence: u64,
    /// Unix milliseconds of the hub's clock when it was executed.
    pub executed_at_ms: u64,
    /// Executed or rejected.
    pub status: Status,
    /// Deterministic cost units (the PRD's `gasUsed`; `docs/spec/transactions.md`).
    pub cost: u64,
    /// What happened.
    pub logs: Vec<Event>,
    /// Which records changed.
    pub changes: Vec<StateChange>,
}

impl Receipt {
    /// True when it took effect.
    pub fn is_executed(&self) -> bool {
        self.status == Status::Executed
    }

    /// Why it was refused, if it was.
    pub fn rejection(&self) -> Option<&Rejection> {
        match &self.status {
            Status::Executed => None,
            Status::Rejected(rejection) => Some(rejection),
        }
    }
}

/// `[]` when executed, `[rejection]` when refused.
impl Encodable for Status {
    fn encode(&self, out: &mut dyn alloy_rlp::BufMut) {
        match self {
            Status::Executed => Vec::<Rejection>::new().encode(out),
            Status::Rejected(rejection) => {
                alloy_rlp::Header { list: true, payload_length: rejection.length() }.encode(out);
                rejection.encode(out);
            }
        }
    }
    fn length(&self) -> usize {
        match self {
            Status::Executed => 1,
            Status::Rejected(rejection) => {
                let payload = rejection.length();
                payload.saturating_add(alloy_rlp::length_of_length(payload))
            }
        }
    }
}

impl Decodable for Status {
    fn decode(buf: &mut &[u8]) -> Result<Self, RlpError> {
        let mut payload = alloy_rlp::Header::decode_bytes(buf, true)?;
        if payload.is_empty() {
            return Ok(Status::Executed);
        }
        let rejection = Rejection::decode(&mut payload)?;
        if payload.is_empty() { Ok(Status::Rejected(rejection)) } else { Err(RlpError::UnexpectedLength) }
    }
}

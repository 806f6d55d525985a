//! The trace: everything that happened, hashed as it happens. Two runs with the same digest did the same.

use xln_types::Hash;

/// How much is gathered before it is hashed, in bytes.
const CHUNK_BYTES: usize = 16 << 10;

/// A running hash of what happened.
#[derive(Debug, Default)]
pub struct Trace {
    digest: [u8; 32],
    chunk: Vec<u8>,
    /// How many things happened.
    pub(crate) steps: u64,
}

impl Trace {
    /// Notes that something of this kind happened, with what tells it from others.
    pub(crate) fn note(&mut self, at_ms: u64, kind: u8, node: usize, what: &[u8]) {
        self.steps += 1;
        self.chunk.extend_from_slice(&at_ms.to_be_bytes());
        self.chunk.extend_from_slice(&[kind, u8::try_from(node).unwrap_or(u8::MAX)]);
        self.chunk.extend_from_slice(&(what.len() as u64).to_be_bytes());
        self.chunk.extend_from_slice(what);
        if CHUNK_BYTES <= self.chunk.len() {
            self.fold();
        }
    }

    fn fold(&mut self) {
        self.digest = xln_crypto::keccak256([&self.digest[..], &self.chunk].concat()).0;
        self.chunk.clear();
    }

    /// The digest of all so far.
    pub fn digest(&mut self) -> Hash {
        self.fold();
        Hash(self.digest)
    }
}

//! The bytes of segments, records and marks: `docs/spec/log.md` has them as tables. All integers little-endian.
//!
//! A record's checksums are keyed with the log's salt, so neither a payload nor a file of another log can pass for a
//! record of this one. The header has a check of its own: recovery can trust what a header says while its payload is torn.

/// The longest payload, in bytes.
pub const PAYLOAD_BYTES_MAX: usize = 16 << 20;
/// A segment's header, in bytes.
pub const SEGMENT_HEADER_BYTES: usize = 56;
/// A record's header, in bytes.
pub const RECORD_HEADER_BYTES: usize = 48;
/// Every record begins at a multiple of this, in bytes.
pub const RECORD_ALIGN_BYTES: usize = 8;
/// A durable mark, in bytes.
pub const MARK_BYTES: usize = 48;
/// The format written here.
pub const VERSION: u32 = 1;

const SEGMENT_MAGIC: [u8; 8] = *b"xln-log\0";
const MARK_MAGIC: [u8; 8] = *b"xln-mark";
const KEY_CONTEXT: &str = "xln 2026 log record checksum v1";

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) version: u32,
    pub(crate) number: u32,
    pub(crate) first_sequence: u64,
    pub(crate) salt: [u8; 16],
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut out = [0; SEGMENT_HEADER_BYTES];
        out[..8].copy_from_slice(&SEGMENT_MAGIC);
        out[8..12].copy_from_slice(&self.version.to_le_bytes());
        out[12..16].copy_from_slice(&self.number.to_le_bytes());
        out[16..24].copy_from_slice(&self.first_sequence.to_le_bytes());
        out[24..40].copy_from_slice(&self.salt);
        let checksum = short_hash(&out[..40]);
        out[40..].copy_from_slice(&checksum);
        out
    }

    pub(crate) fn decode(bytes: &[u8; SEGMENT_HEADER_BYTES]) -> Option<SegmentHeader> {
        if bytes[..8] != SEGMENT_MAGIC || bytes[40..] != short_hash(&bytes[..40]) {
            return None;
        }
        Some(SegmentHeader {
            version: u32::from_le_bytes(cut(bytes, 8)),
            number: u32::from_le_bytes(cut(bytes, 12)),
            first_sequence: u64::from_le_bytes(cut(bytes, 16)),
            salt: cut(bytes, 24),
        })
    }
}

/// The last sequence known to be synced when it was written. It only grows, so it is its own generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) salt: [u8; 16],
    pub(crate) sequence: u64,
}

impl Mark {
    pub(crate) fn encode(&self) -> [u8; MARK_BYTES] {
        let mut out = [0; MARK_BYTES];
        out[..8].copy_from_slice(&MARK_MAGIC);
        out[8..24].copy_from_slice(&self.salt);
        out[24..32].copy_from_slice(&self.sequence.to_le_bytes());
        let checksum = short_hash(&out[..32]);
        out[32..].copy_from_slice(&checksum);
        out
    }

    pub(crate) fn decode(bytes: &[u8; MARK_BYTES]) -> Option<Mark> {
        if bytes[..8] != MARK_MAGIC || bytes[32..] != short_hash(&bytes[..32]) {
            return None;
        }
        Some(Mark { salt: cut(bytes, 8), sequence: u64::from_le_bytes(cut(bytes, 24)) })
    }
}

/// What a record says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    pub(crate) sequence: u64,
    /// The last sequence that was synced when this record was written: proof that all up to it were on the disk.
    pub(crate) durable: u64,
    pub(crate) length: u32,
}

/// The key of a log's record checksums.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key([u8; 32]);

impl Key {
    pub(crate) fn new(salt: &[u8; 16]) -> Key {
        Key(blake3::derive_key(KEY_CONTEXT, salt))
    }

    /// Appends one whole record. `header.length` is the payload's length.
    pub(crate) fn encode(&self, header: &RecordHeader, payload: &[u8], out: &mut Vec<u8>) {
        debug_assert_eq!(header.length as usize, payload.len());
        let mut head = [0; RECORD_HEADER_BYTES];
        head[..8].copy_from_slice(&header.sequence.to_le_bytes());
        head[8..16].copy_from_slice(&header.durable.to_le_bytes());
        head[16..20].copy_from_slice(&header.length.to_le_bytes());
        let check = self.header_check(&head[..20]);
        head[20..32].copy_from_slice(&check);
        let checksum = self.checksum(&head[..32], payload);
        head[32..].copy_from_slice(&checksum);
        out.extend_from_slice(&head);
        out.extend_from_slice(payload);
        out.resize(out.len().next_multiple_of(RECORD_ALIGN_BYTES), 0);
    }

    /// The header, if its own check holds. The payload may still be torn.
    pub(crate) fn decode_header(&self, head: &[u8; RECORD_HEADER_BYTES]) -> Option<RecordHeader> {
        let header = peek(head);
        let good = header.length as usize <= PAYLOAD_BYTES_MAX
            && header.durable < header.sequence
            && head[20..32] == self.header_check(&head[..20]);
        good.then_some(header)
    }

    /// Whether payload and padding (all that follows the header) are what was written.
    pub(crate) fn verify(&self, head: &[u8; RECORD_HEADER_BYTES], length: u32, body: &[u8]) -> bool {
        let Some((payload, padding)) = body.split_at_checked(length as usize) else { return false };
        head[32..] == self.checksum(&head[..32], payload) && padding.iter().all(|byte| *byte == 0)
    }

    fn header_check(&self, fields: &[u8]) -> [u8; 12] {
        cut(blake3::keyed_hash(&self.0, fields).as_bytes(), 0)
    }

    fn checksum(&self, head: &[u8], payload: &[u8]) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(head).update(payload);
        cut(hasher.finalize().as_bytes(), 0)
    }
}

/// A header's fields, unchecked: to sieve candidates before hashing.
pub(crate) fn peek(head: &[u8; RECORD_HEADER_BYTES]) -> RecordHeader {
    RecordHeader {
        sequence: u64::from_le_bytes(cut(head, 0)),
        durable: u64::from_le_bytes(cut(head, 8)),
        length: u32::from_le_bytes(cut(head, 16)),
    }
}

/// What a payload takes on the disk after its header: itself and its padding, in bytes.
pub(crate) fn body_bytes(length: usize) -> usize {
    length.next_multiple_of(RECORD_ALIGN_BYTES)
}

/// What a whole record takes on the disk, in bytes.
pub(crate) fn record_bytes(length: usize) -> usize {
    RECORD_HEADER_BYTES + body_bytes(length)
}

/// The `N` bytes at `at`; the caller's arrays are long enough by their type.
fn cut<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

fn short_hash(bytes: &[u8]) -> [u8; 16] {
    cut(blake3::hash(bytes).as_bytes(), 0)
}

const _: () = assert!(SEGMENT_HEADER_BYTES.is_multiple_of(RECORD_ALIGN_BYTES));
const _: () = assert!(RECORD_HEADER_BYTES.is_multiple_of(RECORD_ALIGN_BYTES));

//! The two sides of a channel. **N-5**: left is the entity with the smaller id.

use crate::codec::{Decodable, Encodable, RlpError};
use std::fmt;

/// A side of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The entity with the smaller id.
    Left,
    /// The entity with the larger id.
    Right,
}

impl Side {
    /// The other side.
    pub fn other(self) -> Side {
        match self {
            Side::Left => Side::Right,
            Side::Right => Side::Left,
        }
    }

    /// `left` for the left side, `right` for the right.
    pub fn pick<T>(self, left: T, right: T) -> T {
        match self {
            Side::Left => left,
            Side::Right => right,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.pick("left", "right"))
    }
}

impl Encodable for Side {
    fn encode(&self, out: &mut dyn alloy_rlp::BufMut) {
        self.pick(0_u8, 1).encode(out);
    }
    fn length(&self) -> usize {
        1
    }
}

impl Decodable for Side {
    fn decode(buf: &mut &[u8]) -> Result<Self, RlpError> {
        match u8::decode(buf)? {
            0 => Ok(Side::Left),
            1 => Ok(Side::Right),
            _ => Err(RlpError::Custom("side is 0 (left) or 1 (right)")),
        }
    }
}

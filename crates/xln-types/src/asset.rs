//! Assets (**N-4**): what they are on the chain, and the symbol and decimals that people read.

use crate::codec::{Decodable, Encodable, RlpDecodable, RlpEncodable, RlpError};
use crate::id::{Address, AssetId};

/// Longest symbol, in bytes.
pub const SYMBOL_BYTES_MAX: usize = 32;
/// Most decimals an asset may show.
pub const DECIMALS_MAX: u8 = 38;

/// The kind of an asset on the chain, numbered as in N-4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum AssetKind {
    /// The chain's own coin.
    Native = 0,
    /// A fungible token.
    Erc20 = 1,
    /// A unique token: amounts are 0 or 1, and it takes no credit.
    Erc721 = 2,
    /// One id of a multi-token.
    Erc1155 = 3,
}

impl AssetKind {
    /// The number that N-4 hashes.
    pub fn number(self) -> u8 {
        match self {
            AssetKind::Native => 0,
            AssetKind::Erc20 => 1,
            AssetKind::Erc721 => 2,
            AssetKind::Erc1155 => 3,
        }
    }
}

impl Encodable for AssetKind {
    fn encode(&self, out: &mut dyn alloy_rlp::BufMut) {
        self.number().encode(out);
    }
    fn length(&self) -> usize {
        1
    }
}

impl Decodable for AssetKind {
    fn decode(buf: &mut &[u8]) -> Result<Self, RlpError> {
        match u8::decode(buf)? {
            0 => Ok(AssetKind::Native),
            1 => Ok(AssetKind::Erc20),
            2 => Ok(AssetKind::Erc721),
            3 => Ok(AssetKind::Erc1155),
            _ => Err(RlpError::Custom("asset kind is 0 to 3")),
        }
    }
}

/// What names an asset on its chain. Its id hashes this together with the chain id (N-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Asset {
    /// Native coin or which token standard.
    pub kind: AssetKind,
    /// The token's contract; zero for the native coin.
    pub contract: Address,
    /// The token id, big-endian; zero for native and ERC-20.
    pub token_id: [u8; 32],
}

impl Asset {
    /// The chain's own coin.
    pub const NATIVE: Asset = Asset { kind: AssetKind::Native, contract: Address::ZERO, token_id: [0; 32] };

    /// The ERC-20 token at `contract`.
    pub fn erc20(contract: Address) -> Asset {
        Asset { kind: AssetKind::Erc20, contract, token_id: [0; 32] }
    }
}

/// A registered asset: the id, what it names, and what people read.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct AssetInfo {
    /// N-4.
    pub id: AssetId,
    /// What it names on the chain.
    pub asset: Asset,
    /// For people only, unique in this hub.
    pub symbol: String,
    /// For people only: how many digits stand after the point.
    pub decimals: u8,
}

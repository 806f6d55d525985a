//! An operation under way on the chain (DP-1, DP-4, DP-5): from the debit until the chain has recorded it or it has certainly
//! failed. Its id is used once per entity on the chain, so sending it twice does it once.

use xln_types::codec::{Blob, Decodable, Encodable, RlpDecodable, RlpEncodable, RlpError};
use xln_types::{Address, Amount, AssetId, ChannelId, EntityId, OperationId, Side};

/// What it does on the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum OperationKind {
    /// A hosted signer's own coins or tokens go to the depositary.
    Deposit = 0,
    /// Reserve leaves.
    Withdraw = 1,
    /// Reserve becomes collateral.
    Allocate = 2,
    /// Collateral becomes reserve, by both sides' consent.
    Settle = 3,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum OperationStatus {
    /// Waits for the other side's consent to the opening.
    Waiting = 0,
    /// For the shell to send.
    Pending = 1,
    /// Signed and sent; the raw transactions are kept.
    Sent = 2,
    /// The chain has recorded it, deep.
    Done = 3,
    /// It has certainly failed, and what it held is restored.
    Failed = 4,
}

macro_rules! numbered {
    ($type:ident, $all:expr, $what:literal) => {
        impl $type {
            /// Its number in records and events.
            pub fn number(self) -> u8 {
                self as u8
            }
            /// The one with this number.
            pub fn from_number(number: u8) -> Option<Self> {
                $all.get(usize::from(number)).copied()
            }
        }
        impl Encodable for $type {
            fn encode(&self, out: &mut dyn alloy_rlp::BufMut) {
                self.number().encode(out);
            }
            fn length(&self) -> usize {
                1
            }
        }
        impl Decodable for $type {
            fn decode(buf: &mut &[u8]) -> Result<Self, RlpError> {
                Self::from_number(u8::decode(buf)?).ok_or(RlpError::Custom($what))
            }
        }
    };
}

numbered!(OperationKind, [Self::Deposit, Self::Withdraw, Self::Allocate, Self::Settle], "operation kind is 0 to 3");
numbered!(
    OperationStatus,
    [Self::Waiting, Self::Pending, Self::Sent, Self::Done, Self::Failed],
    "operation status is 0 to 4"
);

impl OperationKind {
    /// Its name in API answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deposit => "deposit",
            Self::Withdraw => "withdraw",
            Self::Allocate => "allocate",
            Self::Settle => "settle",
        }
    }
}

impl OperationStatus {
    /// Its name in API answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Pending => "pending",
            Self::Sent => "sent",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// An operation.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Operation {
    /// Used once per entity on the chain.
    pub id: OperationId,
    /// What it does.
    pub kind: OperationKind,
    /// How far it is.
    pub status: OperationStatus,
    /// Whose reserve it concerns.
    pub entity: EntityId,
    /// Which asset.
    pub asset: AssetId,
    /// How much.
    pub amount: Amount,
    /// Which channel; zero where there is none.
    pub channel: ChannelId,
    /// On which side of it the entity stands (left where there is none).
    pub side: Side,
    /// Who gets it on the chain; zero where nobody does.
    pub recipient: Address,
    /// The settlement's counter; 0 where there is none.
    pub counter: u64,
    /// Until when it may be mined, unix seconds.
    pub valid_until_s: u64,
    /// A self-custody entity's signature for the chain; empty where the hub signs with the hosted key.
    pub chain_signature: Blob,
    /// Raw chain transactions, sent again byte for byte after a crash; empty where the chain itself refuses a repeat.
    pub raw: Vec<Blob>,
    /// 1 when it belongs to a channel's opening.
    pub opening: u8,
    /// Unix seconds.
    pub created_s: u64,
}

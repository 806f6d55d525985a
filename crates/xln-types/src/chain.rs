//! What the chain did, as inputs of the core (**DP-3**, **DP-4**, CH-12). The shell reads them past the configured
//! confirmations; each is keyed by its position, so that the same log seen twice counts once.

use crate::amount::{Amount, Balance};
use crate::asset::Asset;
use crate::codec::{RlpDecodable, RlpEncodable};
use crate::id::{Address, AssetId, ChannelId, EntityId, Hash, OperationId};
use crate::side::Side;

/// Where on the chain a fact stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, RlpEncodable, RlpDecodable)]
pub struct FactPosition {
    /// Block number.
    pub block: u64,
    /// Index of the log in its block.
    pub log_index: u64,
    /// Block hash.
    pub block_hash: Hash,
    /// Hash of the chain's transaction.
    pub chain_tx: Hash,
}

/// What a log says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactKind {
    /// An asset was seen by the depositary for the first time.
    AssetRegistered {
        /// Its id.
        id: AssetId,
        /// What it names.
        asset: Asset,
    },
    /// Coins or tokens arrived for an entity: the amount is what arrived, measured (DP-3).
    Deposited {
        /// Whose reserve grows.
        entity: EntityId,
        /// Which asset.
        asset: AssetId,
        /// How much arrived.
        amount: Amount,
        /// Who sent it.
        sender: Address,
    },
    /// Reserve left the depositary.
    Withdrawn {
        /// Whose reserve shrank.
        entity: EntityId,
        /// Which asset.
        asset: AssetId,
        /// How much.
        amount: Amount,
        /// Who got it.
        recipient: Address,
        /// The operation that it carried out.
        operation: OperationId,
    },
    /// Reserve became collateral (DP-1).
    CollateralAdded {
        /// Which channel.
        channel: ChannelId,
        /// Whose reserve it came from.
        entity: EntityId,
        /// On which side of the channel that entity stands.
        side: Side,
        /// Which asset.
        asset: AssetId,
        /// How much.
        amount: Amount,
        /// The operation that it carried out.
        operation: OperationId,
    },
    /// Collateral became reserve by agreement; one fact for each asset of the settlement (DP-5).
    Settled {
        /// Which channel.
        channel: ChannelId,
        /// Which asset.
        asset: AssetId,
        /// The settlement's counter.
        counter: u64,
        /// What left's reserve gained.
        left: Balance,
        /// What right's reserve gained.
        right: Balance,
    },
    /// A deep block's time: what was valid until before it and isn't recorded has certainly failed (DP-4).
    Time {
        /// The block's timestamp, unix seconds.
        timestamp: u64,
    },
    /// A chain transaction that an operation had sent was mined and reverted: it has certainly failed (DP-4).
    Reverted {
        /// The operation.
        operation: OperationId,
    },
    /// A reorganisation went deeper than the confirmations: withdrawals halt and an alarm stands (DP-3).
    DeepReorg {
        /// How many blocks deep.
        depth: u64,
    },
}

crate::rlp_enum!(FactKind {
    0 => AssetRegistered { id, asset },
    1 => Deposited { entity, asset, amount, sender },
    2 => Withdrawn { entity, asset, amount, recipient, operation },
    3 => CollateralAdded { channel, entity, side, asset, amount, operation },
    4 => Settled { channel, asset, counter, left, right },
    5 => Time { timestamp },
    6 => Reverted { operation },
    7 => DeepReorg { depth },
});

/// A fact and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct ChainFact {
    /// Where on the chain.
    pub at: FactPosition,
    /// What it says.
    pub kind: FactKind,
}

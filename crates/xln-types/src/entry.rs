//! What the log holds, in order: every input of the core and nothing else (**TX-7**: the state is a function of these).
//!
//! An entry is a genesis, a transaction, a chain fact, or a command: something that the hub's operator or its API does and
//! that rules depend on (a signer registered, an asset listed). Blocks seal entries; `Seal` records stand between them.

use crate::amount::Amount;
use crate::asset::AssetInfo;
use crate::board::Board;
use crate::chain::ChainFact;
use crate::codec::{Blob, RlpDecodable, RlpEncodable};
use crate::frame::PeerMessage;
use crate::id::{Address, AssetId, EntityId, Hash, OperationId, SignerId};
use crate::tx::{AssetPolicy, Transaction};

/// What the rules of one hub depend on from its first moment; the log's first entry.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Genesis {
    /// The chain that this hub stands on.
    pub chain_id: u64,
    /// The depositary on it.
    pub depositary: Address,
    /// The hub's own signer; its entity is the board of that signer alone, salt 0.
    pub hub_signer: SignerId,
    /// Unix seconds.
    pub created: u64,
    /// Assets known from the start.
    pub assets: Vec<AssetInfo>,
    /// The hub entity's policies.
    pub policies: Vec<AssetPolicy>,
    /// Bit width of the state tree.
    pub tree_width: u8,
    /// Leaf threshold of the state tree.
    pub tree_threshold: u16,
}

/// An act of the operator or the API that the rules depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// A signer becomes known; `owner` is the account that may act with it.
    RegisterSigner {
        /// Its address.
        signer: SignerId,
        /// Its 33-byte compressed public key.
        public_key: Blob,
        /// The API account that created it.
        owner: Address,
        /// 1: the hub holds the key; 0: self-custody.
        hosted: u8,
        /// Free bytes, at most 4 KiB.
        metadata: Blob,
    },
    /// An asset becomes known.
    RegisterAsset {
        /// Its id, what it names, and what people read.
        info: AssetInfo,
    },
    /// The chain transactions of an operation, signed and about to be sent: sent again byte for byte after a crash (DP-4).
    Broadcast {
        /// The operation.
        operation: OperationId,
        /// The raw chain transactions, in order.
        raw: Vec<Blob>,
    },
    /// An entity that acts on another node becomes known: it said so itself over an authenticated session.
    Introduce {
        /// The node's hub.
        node: EntityId,
        /// The entity's founding board, of which its id is the hash (N-5).
        board: Board,
        /// The compressed public key of the board's only member; empty where it isn't known.
        public_key: Blob,
    },
    /// A payment is asked for, to be claimed by a preimage that the hub keeps.
    Invoice {
        /// Who is to be paid.
        payee: EntityId,
        /// The account that asks for it.
        account: Address,
        /// In which asset.
        asset: AssetId,
        /// How much, exactly.
        amount: Amount,
        /// What the payment is claimed with.
        preimage: Hash,
        /// Until when it can be paid, unix seconds.
        expires_at_s: u64,
        /// Free bytes.
        memo: Blob,
    },
}

crate::rlp_enum!(Command {
    0 => RegisterSigner { signer, public_key, owner, hosted, metadata },
    1 => RegisterAsset { info },
    2 => Broadcast { operation, raw },
    3 => Introduce { node, board, public_key },
    4 => Invoice { payee, account, asset, amount, preimage, expires_at_s, memo },
});

/// Who authorised a transaction, as verification found it (TX-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authority {
    /// This signer's own secp256k1 signature.
    Signer {
        /// Recovered from the signature.
        signer: SignerId,
    },
    /// An API account, for the hosted signers that it owns (scheme `token`).
    Account {
        /// The account's address.
        account: Address,
    },
}

crate::rlp_enum!(Authority {
    0 => Signer { signer },
    1 => Account { account },
});

/// One input of the core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The first entry of a log.
    Genesis {
        /// What the rules depend on.
        genesis: Genesis,
    },
    /// A verified transaction, with who was found to have authorised it (TX-3), so that replay needs no curve.
    Transaction {
        /// As signed.
        tx: Transaction,
        /// Who authorised it.
        authority: Authority,
    },
    /// A fact of the chain.
    Fact {
        /// The fact and its position.
        fact: ChainFact,
    },
    /// An act of operator or API.
    Command {
        /// The act.
        command: Command,
    },
    /// What another node said, with who was found to have signed it (TX-3).
    Peer {
        /// The node that the session was with.
        node: EntityId,
        /// Who signed; zero for what carries no signature.
        signer: SignerId,
        /// What was said.
        message: PeerMessage,
    },
    /// The turn's end: frames close over what channels with other nodes have drafted (CH-6).
    Frames {},
}

crate::rlp_enum!(Entry {
    0 => Genesis { genesis },
    1 => Transaction { tx, authority },
    2 => Fact { fact },
    3 => Command { command },
    4 => Peer { node, signer, message },
    5 => Frames {},
});

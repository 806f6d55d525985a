//! The channel-evidence file (**CH-7**): a state of a channel, signed by one of its sides, checked with nothing but the signer's
//! address. It is [`xln_types::Evidence`] in JSON, and says the same in one way only: what is unknown, given twice, given as a list
//! or left out is refused.
//!
//! Start at [`OfflineProof`], which reads either file that `xln proof verify` takes.

use crate::proof::ProofFile;
use crate::strict::{self, Object};
use crate::text::{AsText, Bytes};
use schemars::JsonSchema;
use serde::de::{Error, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize};
use xln_crypto::{EvidenceError, verify_evidence};
use xln_types::codec::Blob;
use xln_types::{
    Address, Amount, AssetId, Balance, ChannelId, ChannelProof, EntityId, Evidence, EvidenceAuthority, Hash, HtlcEntry,
    OffdeltaEntry, Seal, Side,
};

/// A file that proves itself offline.
pub enum OfflineProof {
    /// A receipt or a record of a block.
    Block(Box<ProofFile>),
    /// A channel's state: a file with a `kind`.
    Channel(Box<EvidenceFile>),
}

#[derive(Deserialize)]
struct Probe {
    kind: Option<IgnoredAny>,
}

impl OfflineProof {
    /// Reads one.
    ///
    /// # Errors
    /// Not the JSON of either.
    pub fn read(bytes: &[u8]) -> Result<OfflineProof, serde_json::Error> {
        let text = std::str::from_utf8(bytes).map_err(|_| serde_json::Error::custom("not UTF-8"))?;
        strict::check(text)?;
        let Object(Probe { kind }) = serde_json::from_str(text)?;
        if kind.is_some() {
            return serde_json::from_str(text).map(|Object(file)| OfflineProof::Channel(Box::new(file)));
        }
        serde_json::from_str(text).map(|Object(file)| OfflineProof::Block(Box::new(file)))
    }
}

/// All that proves a channel's state offline.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a channel's evidence")]
pub struct EvidenceFile {
    kind: Kind,
    /// The chain: part of what is signed.
    chain_id: u64,
    /// The depositary: part of what is signed.
    depositary: AsText<Address>,
    /// Who signed: one side of the channel.
    signer_entity: AsText<EntityId>,
    /// The other side.
    counterparty: AsText<EntityId>,
    /// The channel's epoch; with the sides it makes the channel's id.
    epoch: u64,
    /// What was signed.
    proof: Object<ProofFields>,
    /// The offdeltas that the proof names, ascending by asset, none of 0.
    offdeltas: Vec<Object<OffdeltaFields>>,
    /// The pending HTLCs that the proof names, left's first, ascending by id.
    htlcs: Vec<Object<HtlcFields>>,
    /// Signed itself; or `sealed`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    direct: Option<Object<DirectFields>>,
    /// Signed beneath a hub's seal; or `direct`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    sealed: Option<Object<SealedFields>>,
}

#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase", expecting = "channel")]
enum Kind {
    Channel,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a channel proof")]
struct ProofFields {
    channel: AsText<ChannelId>,
    nonce: AsText<u64>,
    /// Who proposed the frame.
    by: AsText<Side>,
    /// Epoch of the signer's board.
    board_epoch: u64,
    /// Hash of the offdeltas.
    offdeltas: AsText<Hash>,
    /// Hash of the HTLCs.
    htlcs: AsText<Hash>,
    /// In seconds.
    dispute_window: u64,
    /// Hash of the frame.
    frame: AsText<Hash>,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an offdelta")]
struct OffdeltaFields {
    asset: AsText<AssetId>,
    offdelta: AsText<Balance>,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an htlc")]
struct HtlcFields {
    /// Who pays.
    side: AsText<Side>,
    id: AsText<u64>,
    asset: AsText<AssetId>,
    amount: AsText<Amount>,
    /// SHA-256 of the preimage.
    hashlock: AsText<Hash>,
    /// Unix seconds.
    expires_at: u64,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a direct signature")]
struct DirectFields {
    /// 65 bytes r ‖ s ‖ v over the proof's EIP-712 digest.
    signature: AsText<Bytes>,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a place beneath a seal")]
struct SealedFields {
    seal: Object<SealFields>,
    /// 65 bytes r ‖ s ‖ v over the seal's EIP-712 digest.
    signature: AsText<Bytes>,
    /// The proof's place among those beneath the seal, from 0.
    index: u64,
    /// How many there are.
    count: u64,
    /// The hashes beside the way up to the seal's root.
    path: Vec<AsText<Hash>>,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a seal")]
struct SealFields {
    hub: AsText<EntityId>,
    board_epoch: u64,
    number: AsText<u64>,
    previous_seal: AsText<Hash>,
    block_hash: AsText<Hash>,
    proofs_root: AsText<Hash>,
    /// Unix milliseconds.
    time_ms: u64,
}

/// A field that may be left out, and isn't null.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Why a channel-evidence file proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceFileError {
    /// Both of `direct` and `sealed`, or neither.
    #[error("malformed: expected one of direct and sealed")]
    Authority,
    /// What it says isn't so.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
}

impl EvidenceFile {
    /// As a file.
    pub fn new(evidence: &Evidence) -> EvidenceFile {
        let (direct, sealed) = match &evidence.authority {
            EvidenceAuthority::Direct { signature } => {
                (Some(Object(DirectFields { signature: AsText(Bytes(signature.0.clone())) })), None)
            }
            EvidenceAuthority::Sealed { seal, signature, index, count, path } => {
                let (seal, signature) = (Object(SealFields::new(seal)), AsText(Bytes(signature.0.clone())));
                let path = path.iter().copied().map(AsText).collect();
                (None, Some(Object(SealedFields { seal, signature, index: *index, count: *count, path })))
            }
        };
        EvidenceFile {
            kind: Kind::Channel,
            chain_id: evidence.chain_id,
            depositary: AsText(evidence.depositary),
            signer_entity: AsText(evidence.signer_entity),
            counterparty: AsText(evidence.counterparty),
            epoch: evidence.epoch,
            proof: Object(ProofFields::new(&evidence.proof)),
            offdeltas: evidence.offdeltas.iter().map(|entry| Object(OffdeltaFields::new(entry))).collect(),
            htlcs: evidence.htlcs.iter().map(|entry| Object(HtlcFields::new(entry))).collect(),
            direct,
            sealed,
        }
    }

    /// What it says, unchecked.
    ///
    /// # Errors
    /// [`EvidenceFileError::Authority`].
    pub fn evidence(&self) -> Result<Evidence, EvidenceFileError> {
        let authority = match (&self.direct, &self.sealed) {
            (Some(Object(direct)), None) => EvidenceAuthority::Direct { signature: Blob(direct.signature.0.0.clone()) },
            (None, Some(Object(sealed))) => EvidenceAuthority::Sealed {
                seal: sealed.seal.0.seal(),
                signature: Blob(sealed.signature.0.0.clone()),
                index: sealed.index,
                count: sealed.count,
                path: sealed.path.iter().map(|hash| hash.0).collect(),
            },
            _ => return Err(EvidenceFileError::Authority),
        };
        Ok(Evidence {
            chain_id: self.chain_id,
            depositary: self.depositary.0,
            signer_entity: self.signer_entity.0,
            counterparty: self.counterparty.0,
            epoch: self.epoch,
            proof: self.proof.0.proof(),
            offdeltas: self.offdeltas.iter().map(|Object(entry)| entry.entry()).collect(),
            htlcs: self.htlcs.iter().map(|Object(entry)| entry.entry()).collect(),
            authority,
        })
    }

    /// CH-7: checks the whole file against the signer's address, and answers what it says. Needs no network.
    ///
    /// # Errors
    /// [`EvidenceFileError`]: the first step that fails.
    pub fn verify(&self, signer: Address) -> Result<Evidence, EvidenceFileError> {
        let evidence = self.evidence()?;
        verify_evidence(&evidence, signer)?;
        Ok(evidence)
    }
}

impl ProofFields {
    fn new(proof: &ChannelProof) -> ProofFields {
        ProofFields {
            channel: AsText(proof.channel),
            nonce: AsText(proof.nonce),
            by: AsText(proof.by),
            board_epoch: proof.board_epoch,
            offdeltas: AsText(proof.offdeltas),
            htlcs: AsText(proof.htlcs),
            dispute_window: proof.dispute_window_s,
            frame: AsText(proof.frame),
        }
    }

    fn proof(&self) -> ChannelProof {
        ChannelProof {
            channel: self.channel.0,
            nonce: self.nonce.0,
            by: self.by.0,
            board_epoch: self.board_epoch,
            offdeltas: self.offdeltas.0,
            htlcs: self.htlcs.0,
            dispute_window_s: self.dispute_window,
            frame: self.frame.0,
        }
    }
}

impl OffdeltaFields {
    fn new(entry: &OffdeltaEntry) -> OffdeltaFields {
        OffdeltaFields { asset: AsText(entry.asset), offdelta: AsText(entry.offdelta) }
    }

    fn entry(&self) -> OffdeltaEntry {
        OffdeltaEntry { asset: self.asset.0, offdelta: self.offdelta.0 }
    }
}

impl HtlcFields {
    fn new(entry: &HtlcEntry) -> HtlcFields {
        HtlcFields {
            side: AsText(entry.side),
            id: AsText(entry.id),
            asset: AsText(entry.asset),
            amount: AsText(entry.amount),
            hashlock: AsText(entry.hashlock),
            expires_at: entry.expires_at_s,
        }
    }

    fn entry(&self) -> HtlcEntry {
        HtlcEntry {
            side: self.side.0,
            id: self.id.0,
            asset: self.asset.0,
            amount: self.amount.0,
            hashlock: self.hashlock.0,
            expires_at_s: self.expires_at,
        }
    }
}

impl SealFields {
    fn new(seal: &Seal) -> SealFields {
        SealFields {
            hub: AsText(seal.hub),
            board_epoch: seal.board_epoch,
            number: AsText(seal.number),
            previous_seal: AsText(seal.previous_seal),
            block_hash: AsText(seal.block_hash),
            proofs_root: AsText(seal.proofs_root),
            time_ms: seal.time_ms,
        }
    }

    fn seal(&self) -> Seal {
        Seal {
            hub: self.hub.0,
            board_epoch: self.board_epoch,
            number: self.number.0,
            previous_seal: self.previous_seal.0,
            block_hash: self.block_hash.0,
            proofs_root: self.proofs_root.0,
            time_ms: self.time_ms,
        }
    }
}

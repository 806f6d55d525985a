//! The proof file (**TX-6**, **ST-2**): a receipt or a record of the state, its path to a block's root, the block's header, and the
//! hub's signature over the seal. It is checked with nothing but the hub's address: see [`ProofFile::verify`].

use crate::text::{AsText, Bytes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use xln_crypto::{SignatureError, derive, seal, secp};
use xln_merkle::list::{self, ListProof};
use xln_merkle::{HashFunction, Proof};
use xln_types::codec::decode;
use xln_types::path::PATH_BYTES;
use xln_types::{Address, BlockHeader, Hash, Path, Receipt, Seal};

/// All that proves a receipt or a record offline.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "a proof file")]
pub struct ProofFile {
    /// The chain that the hub stands on: part of what it signed.
    chain_id: u64,
    /// The depositary: part of what it signed.
    depositary: AsText<Address>,
    /// RLP of the block's header.
    header: AsText<Bytes>,
    /// RLP of the seal.
    seal: AsText<Bytes>,
    /// 65 bytes r ‖ s ‖ v over the seal's EIP-712 digest.
    signature: AsText<Bytes>,
    /// What is proven.
    evidence: Evidence,
}

/// What is proven.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase", expecting = "evidence: {receipt} or {state}")]
pub enum Evidence {
    /// What became of an input.
    Receipt(ReceiptEvidence),
    /// A record of the state tree after the block, or that there is none.
    State(StateEvidence),
}

/// A receipt in a block.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a receipt's evidence")]
pub struct ReceiptEvidence {
    /// RLP of the receipt.
    receipt: AsText<Bytes>,
    /// Its place in the block, from 0.
    index: u64,
    /// The hashes beside the way up to the header's receipt root.
    path: Vec<AsText<Hash>>,
}

/// A record of the state tree.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a record's evidence")]
pub struct StateEvidence {
    /// Its 117-byte path.
    key: AsText<Bytes>,
    /// RLP of the record; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<AsText<Bytes>>,
    /// The tree's proof of it, or of its absence.
    proof: AsText<Bytes>,
}

/// What a proof file shows, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// The block's header.
    pub header: BlockHeader,
    /// What stands in it.
    pub subject: Subject,
}

/// What was proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A receipt at this place of the block.
    Receipt {
        /// The receipt.
        receipt: Box<Receipt>,
        /// Its place, from 0.
        index: u64,
    },
    /// A record of the state after the block; `None`: it is absent.
    Record {
        /// Where.
        path: Path,
        /// RLP of the record.
        value: Option<Vec<u8>>,
    },
}

/// Why a proof file proves nothing. Declared in checking order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofFileError {
    /// A part isn't what it should be.
    #[error("malformed: part={part}")]
    Malformed {
        /// Which part.
        part: &'static str,
    },
    /// The signature isn't one.
    #[error("signature: {0}")]
    Signature(SignatureError),
    /// Another signed it.
    #[error("wrong signer: expected={expected} found={found}")]
    WrongSigner {
        /// The hub's address, as it was given.
        expected: Address,
        /// Who signed.
        found: Address,
    },
    /// The seal is of another block.
    #[error("the seal is of another block")]
    OtherBlock,
    /// The path doesn't lead to the block's root.
    #[error("path: {0}")]
    Path(String),
}

impl ReceiptEvidence {
    pub(crate) fn new(receipt: &Receipt, index: u64, path: &ListProof) -> ReceiptEvidence {
        let path = path.siblings.iter().map(|sibling| AsText(Hash(*sibling))).collect();
        ReceiptEvidence { receipt: rlp(receipt), index, path }
    }
}

impl StateEvidence {
    pub(crate) fn new(path: Path, value: Option<Vec<u8>>, proof: &[u8]) -> StateEvidence {
        let value = value.map(|value| AsText(Bytes(value)));
        StateEvidence { key: AsText(Bytes(path.0.to_vec())), value, proof: AsText(Bytes(proof.to_vec())) }
    }
}

fn rlp(value: &impl xln_types::codec::Encodable) -> AsText<Bytes> {
    AsText(Bytes(alloy_rlp::encode(value)))
}

impl ProofFile {
    pub(crate) fn new(
        (chain_id, depositary): (u64, Address),
        evidence: Evidence,
        header: &BlockHeader,
        seal: &Seal,
        signature: &[u8; 65],
    ) -> ProofFile {
        let signature = AsText(Bytes(signature.to_vec()));
        ProofFile {
            chain_id,
            depositary: AsText(depositary),
            header: rlp(header),
            seal: rlp(seal),
            signature,
            evidence,
        }
    }

    /// Checks the whole file against the hub's signer address. Needs no network.
    ///
    /// # Errors
    /// [`ProofFileError`]: the first step that fails.
    pub fn verify(&self, hub: Address) -> Result<Proven, ProofFileError> {
        let malformed = |part| move |_| ProofFileError::Malformed { part };
        let header: BlockHeader = decode(&self.header.0.0).map_err(malformed("header"))?;
        let sealed: Seal = decode(&self.seal.0.0).map_err(malformed("seal"))?;
        let digest = seal::seal_digest(self.chain_id, self.depositary.0, &sealed);
        let signature = &self.signature.0.0;
        // ST-2: v has another spelling elsewhere (0 and 1); here a changed byte proves nothing.
        if !matches!(signature.last(), Some(27 | 28)) {
            return Err(ProofFileError::Malformed { part: "signature" });
        }
        let signer = secp::recover(&digest, signature).map_err(ProofFileError::Signature)?;
        if signer.address() != hub {
            return Err(ProofFileError::WrongSigner { expected: hub, found: signer.address() });
        }
        if sealed.block_hash != derive::block_hash(&header) || sealed.number != header.number {
            return Err(ProofFileError::OtherBlock);
        }
        let subject = match &self.evidence {
            Evidence::Receipt(evidence) => evidence.verify(&header)?,
            Evidence::State(evidence) => evidence.verify(&header)?,
        };
        Ok(Proven { header, subject })
    }
}

impl ReceiptEvidence {
    fn verify(&self, header: &BlockHeader) -> Result<Subject, ProofFileError> {
        let leaf = &self.receipt.0.0;
        let proof = ListProof { siblings: self.path.iter().map(|sibling| sibling.0.0).collect() };
        let root = &header.receipt_root.0;
        list::verify(list::HASH, root, self.index, header.entries, leaf, &proof)
            .map_err(|error| ProofFileError::Path(error.to_string()))?;
        let receipt = decode(leaf).map_err(|_| ProofFileError::Malformed { part: "receipt" })?;
        Ok(Subject::Receipt { receipt: Box::new(receipt), index: self.index })
    }
}

impl StateEvidence {
    fn verify(&self, header: &BlockHeader) -> Result<Subject, ProofFileError> {
        let key: [u8; PATH_BYTES] =
            self.key.0.0.as_slice().try_into().map_err(|_| ProofFileError::Malformed { part: "key" })?;
        let proof = Proof::from_bytes(&self.proof.0.0).map_err(|_| ProofFileError::Malformed { part: "proof" })?;
        let value = self.value.as_ref().map(|value| value.0.0.clone());
        // The state tree's hash, as the server makes it.
        xln_merkle::verify(HashFunction::Blake3, &header.state_root.0, &key, value.as_deref(), &proof)
            .map_err(|error| ProofFileError::Path(error.to_string()))?;
        Ok(Subject::Record { path: Path(key), value })
    }
}

//! The chain of blocks (**TX-6**): numbers, hashes, times and roots follow each other, each seal names the one before, and the hub's
//! own key signed them in order (**CH-7**).

use crate::report::{Findings, Violation};
use std::collections::VecDeque;
use xln_crypto::{SignatureError, derive, seal, secp};
use xln_merkle::{HashFunction, list};
use xln_types::entry::Genesis;
use xln_types::{BlockHeader, EntityId, Hash, Receipt, Seal};

/// How many blocks a signature may lag behind: it is made after the block is durable.
pub(crate) const SIGNATURE_LAG_BLOCKS_MAX: usize = 1024;

/// A sealed block that still may get its signature.
#[derive(Debug)]
struct Sealed {
    number: u64,
    digest: Hash,
    signed: bool,
}

/// Where the chain of blocks stands.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) number: u64,
    previous_hash: Hash,
    previous_seal: Hash,
    /// Unix milliseconds of the last batch or block.
    time_ms: u64,
    /// Number of the last entry that has a receipt.
    pub(crate) sequence: u64,
    seals: VecDeque<Sealed>,
}

/// A list root as headers carry it.
fn list_root(items: &[Vec<u8>]) -> Hash {
    Hash(list::root(HashFunction::Keccak256, items))
}

/// What a block holds beside its header.
pub(crate) struct Content<'a> {
    /// The encoded entries that it seals.
    pub(crate) entries: &'a [Vec<u8>],
    pub(crate) receipts: &'a [Receipt],
    /// The state root as rebuilt after them.
    pub(crate) state_root: Hash,
}

impl Chain {
    pub(crate) fn new(genesis: &Genesis) -> Chain {
        Chain {
            number: 0,
            previous_hash: Hash::ZERO,
            previous_seal: Hash::ZERO,
            time_ms: genesis.created.saturating_mul(1000),
            sequence: 0,
            seals: VecDeque::new(),
        }
    }

    /// TX-6: time never goes back.
    pub(crate) fn tick(&mut self, at_ms: u64, what: &str, findings: &mut Findings) {
        if at_ms < self.time_ms {
            findings.add(Violation {
                law: "TX-6",
                at: format!("after block {}, {what}", self.number),
                expected: format!("a time from {} ms on", self.time_ms),
                found: format!("{at_ms} ms"),
            });
        }
        self.time_ms = self.time_ms.max(at_ms);
    }

    /// Takes up a block whose receipts were checked.
    pub(crate) fn block(
        &mut self,
        genesis: &Genesis,
        hub: EntityId,
        header: &BlockHeader,
        sealed: &Seal,
        content: &Content<'_>,
        findings: &mut Findings,
    ) {
        let number = header.number;
        let at = |field: &str| format!("block {number}, {field}");
        findings.expect("TX-6", || at("number"), &self.number.saturating_add(1), &number);
        findings.expect("TX-6", || at("previous_hash"), &self.previous_hash, &header.previous_hash);
        self.tick(header.timestamp_ms, &at("timestamp_ms"), findings);
        let encoded: Vec<Vec<u8>> = content.receipts.iter().map(alloy_rlp::encode).collect();
        let expected = BlockHeader {
            state_root: content.state_root,
            transaction_root: list_root(content.entries),
            receipt_root: list_root(&encoded),
            entries: content.entries.len() as u64,
            last_sequence: self.sequence,
            proposer: genesis.hub_signer,
            ..header.clone()
        };
        findings.expect("ST-1", || at("state_root"), &expected.state_root, &header.state_root);
        findings.expect("TX-6", || at("transaction_root"), &expected.transaction_root, &header.transaction_root);
        findings.expect("TX-6", || at("receipt_root"), &expected.receipt_root, &header.receipt_root);
        findings.expect("TX-6", || at("entries"), &expected.entries, &header.entries);
        findings.expect("TX-6", || at("last_sequence"), &expected.last_sequence, &header.last_sequence);
        findings.expect("TX-6", || at("proposer"), &expected.proposer, &header.proposer);
        let block_hash = derive::block_hash(header);
        let expected = Seal {
            hub,
            board_epoch: 0,
            number,
            previous_seal: self.previous_seal,
            block_hash,
            // No channel proof changes yet: the root of the empty list.
            proofs_root: list_root(&[]),
            time_ms: header.timestamp_ms,
        };
        findings.expect("TX-6", || at("seal"), &expected, sealed);
        self.number = number;
        self.previous_hash = block_hash;
        self.previous_seal = seal::seal_hash(sealed);
        let digest = seal::seal_digest(genesis.chain_id, genesis.depositary, sealed);
        self.seals.push_back(Sealed { number, digest, signed: false });
        while SIGNATURE_LAG_BLOCKS_MAX < self.seals.len() {
            if let Some(oldest) = self.seals.pop_front()
                && !oldest.signed
            {
                findings.add(unsigned(oldest.number));
            }
        }
    }

    /// A signature over a block's seal. The same one twice is harmless (CH-10).
    pub(crate) fn signature(&mut self, genesis: &Genesis, number: u64, bytes: &[u8], findings: &mut Findings) {
        let at = || format!("block {number}, signature");
        let Some(sealed) = self.seals.iter_mut().find(|sealed| sealed.number == number) else {
            let expected = "a signature of one of the last blocks".to_owned();
            findings.add(Violation { law: "TX-6", at: at(), expected, found: format!("of block {number}") });
            return;
        };
        sealed.signed = true;
        match secp::recover(&sealed.digest, bytes) {
            Ok(signer) => findings.expect("TX-6", at, &genesis.hub_signer, &signer),
            Err(error) => {
                let law = if matches!(error, SignatureError::HighS) { "CH-7" } else { "TX-6" };
                let expected = "a signature of the hub".to_owned();
                findings.add(Violation { law, at: at(), expected, found: error.to_string() });
            }
        }
    }

    /// At the end the last blocks may lack theirs, but none before one that has it.
    pub(crate) fn finish(&self, findings: &mut Findings) {
        let last_signed = self.seals.iter().rposition(|sealed| sealed.signed).unwrap_or(0);
        for sealed in self.seals.iter().take(last_signed).filter(|sealed| !sealed.signed) {
            findings.add(unsigned(sealed.number));
        }
    }
}

fn unsigned(number: u64) -> Violation {
    let at = format!("block {number}, signature");
    Violation { law: "TX-6", at, expected: "the hub's signature".to_owned(), found: "none".to_owned() }
}

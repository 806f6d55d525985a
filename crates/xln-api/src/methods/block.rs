//! Blocks and proofs (TX-6, ST-2): what the hub signed, and how to check it offline.

use crate::access::Access;
use crate::backend::BlockId;
use crate::call::Call;
use crate::error::ApiError;
use crate::method::{Method, get};
use crate::proof::{Evidence, ProofFile, ReceiptEvidence, StateEvidence};
use crate::text::{AsText, Text};
use crate::view::block::BlockView;
use schemars::JsonSchema;
use serde::Deserialize;
use xln_types::path::{PATH_BYTES, StorageType};
use xln_types::{ChannelId, Path, SignerId, TxHash};

pub(super) fn table() -> Vec<Method> {
    vec![
        Method::new(
            "block.get",
            108,
            Access::User,
            get("/blocks/{block}"),
            "A block by number or hash, or `latest`.",
            block,
        ),
        Method::new(
            "proof.get",
            112,
            Access::User,
            get("/proofs/{id}"),
            "All that proves a sealed transaction's receipt offline, by its hash; or a record of the state tree in the \
             last block, or its absence, by its 117-byte path. The answer is the file that `xln proof verify` reads.",
            proof,
        ),
    ]
}

impl Text for BlockId {
    const EXPECTED: &'static str = "a block: its number, its hash, or latest";
    const PATTERN: &'static str = "^(latest|0|[1-9][0-9]*|0x[0-9a-fA-F]{64})$";
    fn read(text: &str) -> Option<Self> {
        if text == "latest" {
            return Some(BlockId::Latest);
        }
        let hash = text.parse().ok().map(BlockId::Hash);
        hash.or_else(|| u64::read(text).map(BlockId::Number))
    }
    fn write(&self) -> String {
        match self {
            BlockId::Latest => "latest".to_owned(),
            BlockId::Hash(hash) => hash.to_string(),
            BlockId::Number(number) => number.to_string(),
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GetBlock {
    block: AsText<BlockId>,
}

async fn block(call: Call, params: GetBlock) -> Result<BlockView, ApiError> {
    let found = call.api.0.backend.block(params.block.0);
    found.as_ref().map(BlockView::from).ok_or_else(|| ApiError::unknown("block").with("field", "block"))
}

/// What is to be proven.
#[derive(Clone, Copy)]
enum Subject {
    Receipt(TxHash),
    Record(Path),
}

impl Text for Subject {
    const EXPECTED: &'static str = "a transaction hash, or a 117-byte path of the state tree: 0x and hex digits";
    const PATTERN: &'static str = "^0x([0-9a-fA-F]{64}|[0-9a-fA-F]{234})$";
    fn read(text: &str) -> Option<Self> {
        if let Ok(hash) = text.parse() {
            return Some(Subject::Receipt(hash));
        }
        xln_types::id::parse_hex::<PATH_BYTES>(text).ok().map(|bytes| Subject::Record(Path(bytes)))
    }
    fn write(&self) -> String {
        match self {
            Subject::Receipt(hash) => hash.to_string(),
            Subject::Record(path) => path.to_string(),
        }
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GetProof {
    id: AsText<Subject>,
}

async fn proof(call: Call, params: GetProof) -> Result<ProofFile, ApiError> {
    match params.id.0 {
        Subject::Receipt(hash) => receipt_proof(&call, hash).await,
        Subject::Record(path) => record_proof(&call, path).await,
    }
}

async fn receipt_proof(call: &Call, hash: TxHash) -> Result<ProofFile, ApiError> {
    let unknown = || ApiError::unknown("transaction").with("field", "id");
    let stored = call.api.0.backend.receipt(hash).ok_or_else(unknown)?;
    if !call.may_see(&stored.receipt).await? {
        return Err(unknown());
    }
    let place = place(call).await?;
    let proof = call.api.0.backend.receipt_proof(hash).ok_or_else(not_sealed)?;
    let evidence = Evidence::Receipt(ReceiptEvidence::new(&proof.receipt, proof.index, &proof.path));
    Ok(ProofFile::new(place, evidence, &proof.header, &proof.seal, &proof.signature))
}

fn not_sealed() -> ApiError {
    ApiError::new(crate::Code::NotFound, "not_sealed", "no signed block has it yet, or it is no longer at hand")
}

async fn place(call: &Call) -> Result<(u64, xln_types::Address), ApiError> {
    call.read(|server| (server.genesis().chain_id, server.genesis().depositary)).await
}

/// A record's proof against the last block. What is open in the tree lies under the owner's signer; a channel also shows itself to
/// its right side.
async fn record_proof(call: &Call, path: Path) -> Result<ProofFile, ApiError> {
    let unknown = || ApiError::unknown("record").with("field", "id");
    let caller = call.caller()?;
    let (signer, _, storage, first, _) = path.parts();
    let signer = SignerId::from(signer);
    let mut visible = caller.role.sees_all() || signer == SignerId::ZERO;
    visible = visible || call.owner(signer).await? == Some(caller.account);
    if !visible && storage == StorageType::Channels as u8 {
        visible = call.visible_channel(ChannelId(first.0)).await.is_ok();
    }
    if !visible {
        return Err(unknown());
    }
    let (number, value, proof) = call
        .read(move |server| {
            let tree = server.tree();
            (server.sealed_number(), tree.get(&path.0).map(<[u8]>::to_vec), tree.prove(&path.0).to_bytes())
        })
        .await?;
    let place = place(call).await?;
    let block = call.api.0.backend.block(BlockId::Number(number)).ok_or_else(not_sealed)?;
    let signature = block.signature.ok_or_else(not_sealed)?;
    let evidence = Evidence::State(StateEvidence::new(path, value, &proof));
    Ok(ProofFile::new(place, evidence, &block.header, &block.seal, &signature))
}

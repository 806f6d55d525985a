//! Blocks and proofs (TX-6, ST-2): what the hub signed, and how to check it offline.

use crate::access::Access;
use crate::backend::BlockId;
use crate::call::Call;
use crate::directory::EntityFact;
use crate::error::ApiError;
use crate::method::{Method, get};
use crate::proof::{Evidence, ProofFile, ReceiptEvidence, StateEvidence};
use crate::text::{AsText, Text};
use crate::view::block::BlockView;
use schemars::JsonSchema;
use serde::Deserialize;
use xln_types::path::{PATH_BYTES, StorageType};
use xln_types::{AssetId, ChannelId, Hash, Path, Side, SignerId, TxHash};

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
            "All that proves a sealed transaction's receipt offline, by its hash, to its sender; or a record of the state \
             tree in the last block, or its absence, by its 117-byte path, where that lies below one of the caller's signers \
             or is of a channel in which the caller stands. The answer is the file that `xln proof verify` reads.",
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
    let sight = call.sight(&stored.receipt).await?;
    if !sight.sees_any() {
        return Err(unknown());
    }
    if !call.sees_whole(&stored.receipt, &sight).await? {
        let message = "a receipt shows its sender's records: prove your own instead, by their paths";
        let error = ApiError::new(crate::Code::Forbidden, "senders_receipt", message).with("field", "id");
        return Err(error.with("expected", "the path of a record below your own signer, or of your channel"));
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

/// Bytes of a path that name the signer, the signer's entity, and a channel of that.
const SIGNER_BYTES: usize = 20;
const ENTITY_BYTES: usize = SIGNER_BYTES + 32;
const CHANNEL_BYTES: usize = ENTITY_BYTES + 1 + 32;

/// Whether the caller may have this path proven; if so, how many of its first bytes are the caller's to see. The server's own records
/// are open, what lies below a signer is its owner's, and a channel's records are both sides'.
async fn scope(call: &Call, path: &Path) -> Result<Option<usize>, ApiError> {
    let caller = call.caller()?;
    let (signer, entity, storage, first, second) = path.parts();
    let signer = SignerId::from(signer);
    if caller.role.sees_all() {
        return Ok(Some(0));
    }
    if signer == SignerId::ZERO {
        return Ok((entity == Hash([0; 32])).then_some(ENTITY_BYTES));
    }
    if call.owner(signer).await? == Some(caller.account) {
        return Ok(Some(SIGNER_BYTES));
    }
    let channel = ChannelId(first.0);
    if storage != StorageType::Channels as u8 {
        return Ok(None);
    }
    let Ok(fact) = call.visible_channel(channel).await else { return Ok(None) };
    for side in [Side::Left, Side::Right] {
        let id = fact.entity(side);
        let Ok(EntityFact { signer, .. }) = call.entity(id).await else { continue };
        let line = Path::line(signer, id, channel, AssetId(second.0));
        if *path == Path::channel(signer, id, channel) || (side == Side::Left && *path == line) {
            return Ok(Some(CHANNEL_BYTES));
        }
    }
    Ok(None)
}

/// The other key that a proof of absence shows (docs/spec/tree.md, *Proof*: kind 2 ends with it and its value's hash).
fn neighbour(proof: &[u8]) -> Option<&[u8]> {
    const OTHER: u8 = 2;
    let (key, _) = proof.split_last_chunk::<32>()?;
    (proof.first() == Some(&OTHER)).then(|| key.last_chunk::<PATH_BYTES>().map(|key| &key[..])).flatten()
}

/// ST-2: a record's proof against the last block. What is new may have no neighbour of its own there yet: then the proof would show
/// another's path, and isn't given.
async fn record_proof(call: &Call, path: Path) -> Result<ProofFile, ApiError> {
    let unknown = || ApiError::unknown("record").with("field", "id");
    // What an open invoice is claimed with is for nobody's eyes.
    if crate::sight::is_invoice(&path) {
        return Err(unknown());
    }
    let own_bytes = scope(call, &path).await?.ok_or_else(unknown)?;
    let (number, value, proof) = call
        .read(move |server| {
            let tree = server.tree();
            (server.sealed_number(), tree.get(&path.0).map(<[u8]>::to_vec), tree.prove(&path.0).to_bytes())
        })
        .await?;
    if neighbour(&proof).is_some_and(|other| other.get(..own_bytes) != path.0.get(..own_bytes)) {
        return Err(not_sealed());
    }
    let place = place(call).await?;
    let block = call.api.0.backend.block(BlockId::Number(number)).ok_or_else(not_sealed)?;
    let signature = block.signature.ok_or_else(not_sealed)?;
    let evidence = Evidence::State(StateEvidence::new(path, value, &proof));
    Ok(ProofFile::new(place, evidence, &block.header, &block.seal, &signature))
}

//! Assets that this hub knows (N-4).

use crate::access::Access;
use crate::backend::Request;
use crate::call::Call;
use crate::error::ApiError;
use crate::method::{Method, get, post};
use crate::text::{AsText, AssetName, Text};
use crate::view::asset::AssetView;
use crate::view::page::{PageOf, Pager, Pagination};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use xln_types::asset::AssetKind;
use xln_types::entry::Command;
use xln_types::{Address, Asset, AssetId, AssetInfo, Hash};

pub(super) fn table() -> Vec<Method> {
    vec![
        Method::new("asset.list", 48, Access::User, get("/assets"), "The assets that this hub knows, by id.", list),
        Method::new(
            "asset.register",
            49,
            Access::Operator,
            post("/assets/register"),
            "Makes an asset known, by what it is on the chain; its id follows from that.",
            register,
        ),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListAssets {
    /// From 1.
    page: Option<u64>,
    /// At most 1,000; 100 if absent.
    limit: Option<u64>,
    /// `pagination.next` of the page before, instead of `page`: an id, so what is registered meanwhile moves nothing.
    cursor: Option<AsText<AssetId>>,
}

/// A page of assets.
#[derive(Serialize, JsonSchema)]
struct AssetList {
    assets: Vec<AssetView>,
    pagination: Pagination,
}

async fn list(call: Call, params: ListAssets) -> Result<AssetList, ApiError> {
    let of = PageOf::new(params.page, params.limit, params.cursor)?;
    call.read(move |server| {
        let mut pager = Pager::new(of);
        for info in server.assets() {
            pager.offer(info.id, || AssetView::from(info));
        }
        let (assets, pagination) = pager.finish();
        AssetList { assets, pagination }
    })
    .await
}

/// What an asset is on the chain.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Native,
    Erc20,
    Erc721,
    Erc1155,
}

/// A token id: 32 bytes as hex, or a decimal number.
#[derive(Clone, Copy)]
struct TokenId([u8; 32]);

impl Text for TokenId {
    const EXPECTED: &'static str = "a token id: a plain decimal below 2^128, or 0x and 64 hex digits";
    const PATTERN: &'static str = "^(0|[1-9][0-9]*|0x[0-9a-fA-F]{64})$";
    fn read(text: &str) -> Option<Self> {
        if let Ok(hash) = text.parse::<Hash>() {
            return Some(TokenId(hash.0));
        }
        let number = xln_types::amount::parse_decimal(text).ok()?;
        let mut word = [0; 32];
        let low = word.last_chunk_mut::<16>()?;
        *low = number.to_be_bytes();
        Some(TokenId(word))
    }
    fn write(&self) -> String {
        crate::text::hex(&self.0)
    }
}

/// An asset's symbol.
struct Symbol(String);

impl Text for Symbol {
    const EXPECTED: &'static str = "a symbol: 1 to 32 letters, digits, `.`, `_` or `-`";
    const PATTERN: &'static str = "^[0-9A-Za-z._-]{1,32}$";
    fn read(text: &str) -> Option<Self> {
        match AssetName::read(text)? {
            AssetName::Symbol(symbol) => Some(Symbol(symbol)),
            AssetName::Id(_) => None,
        }
    }
    fn write(&self) -> String {
        self.0.clone()
    }
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RegisterAsset {
    kind: Kind,
    /// The token's contract; none for the native coin.
    contract: Option<AsText<Address>>,
    /// The token's id; none for native and ERC-20.
    token_id: Option<AsText<TokenId>>,
    /// For people only, unique in this hub: letters, digits, `.`, `_`, `-`, at most 32.
    symbol: AsText<Symbol>,
    /// For people only, at most 38.
    decimals: u8,
}

impl RegisterAsset {
    /// What it names on the chain.
    fn asset(&self) -> Result<Asset, ApiError> {
        let (kind, wants_contract, wants_id) = match self.kind {
            Kind::Native => (AssetKind::Native, false, false),
            Kind::Erc20 => (AssetKind::Erc20, true, false),
            Kind::Erc721 => (AssetKind::Erc721, true, true),
            Kind::Erc1155 => (AssetKind::Erc1155, true, true),
        };
        for (field, given, wanted) in
            [("contract", self.contract.is_some(), wants_contract), ("tokenId", self.token_id.is_some(), wants_id)]
        {
            if given != wanted {
                let message = if wanted { "this kind of asset needs it" } else { "this kind of asset has none" };
                return Err(ApiError::invalid(field, "wrong_for_kind", message));
            }
        }
        let contract = self.contract.map_or(Address::ZERO, |contract| contract.0);
        Ok(Asset { kind, contract, token_id: self.token_id.map_or([0; 32], |id| id.0.0) })
    }
}

async fn register(call: Call, params: RegisterAsset) -> Result<AssetView, ApiError> {
    let asset = params.asset()?;
    let chain_id = call.read(|server| server.genesis().chain_id).await?;
    let id = xln_crypto::derive::asset_id(chain_id, &asset);
    let info = AssetInfo { id, asset, symbol: params.symbol.0.0, decimals: params.decimals };
    let command = Command::RegisterAsset { info: info.clone() };
    let confirmed = call.api.0.backend.submit(Request::Command(command)).await?;
    match ApiError::from_receipt(&confirmed.receipt) {
        Some(error) => Err(error),
        None => Ok(AssetView::from(&info)),
    }
}

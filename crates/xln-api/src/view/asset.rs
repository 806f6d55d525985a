//! Assets (N-4).

use crate::text::AsText;
use schemars::JsonSchema;
use serde::Serialize;
use xln_machine::Server;
use xln_types::asset::AssetKind;
use xln_types::{Address, AssetId, AssetInfo};

/// A registered asset.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AssetView {
    /// N-4.
    id: AsText<AssetId>,
    /// For people only, unique in this hub.
    symbol: String,
    /// For people only.
    decimals: u8,
    /// `native`, `erc20`, `erc721` or `erc1155`.
    kind: &'static str,
    /// Its contract; absent for the native coin.
    #[serde(skip_serializing_if = "Option::is_none")]
    contract: Option<AsText<Address>>,
    /// Its token id, decimal-free hex word; absent for native and ERC-20.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_id: Option<String>,
}

/// The kind's name in answers.
pub(crate) fn kind_name(kind: AssetKind) -> &'static str {
    match kind {
        AssetKind::Native => "native",
        AssetKind::Erc20 => "erc20",
        AssetKind::Erc721 => "erc721",
        AssetKind::Erc1155 => "erc1155",
    }
}

impl From<&AssetInfo> for AssetView {
    fn from(info: &AssetInfo) -> AssetView {
        let asset = info.asset;
        let unique = matches!(asset.kind, AssetKind::Erc721 | AssetKind::Erc1155);
        AssetView {
            id: AsText(info.id),
            symbol: info.symbol.clone(),
            decimals: info.decimals,
            kind: kind_name(asset.kind),
            contract: (asset.kind != AssetKind::Native).then_some(AsText(asset.contract)),
            token_id: unique.then(|| crate::text::hex(&asset.token_id)),
        }
    }
}

/// Under which name an asset stands in answers: its symbol, or its id where it has none.
pub(crate) fn name(server: &Server, id: AssetId) -> String {
    server.asset(id).map_or_else(|| id.to_string(), |info| info.symbol.clone())
}

//! Signers: keys, hosted or the caller's own (DESIGN 4). A key never comes back.

use super::metadata_bytes;
use crate::access::Access;
use crate::backend::{NewKey, NewSigner, NewSignerError};
use crate::call::Call;
use crate::error::ApiError;
use crate::method::{Method, get, post};
use crate::strict::RawObject;
use crate::text::{AsText, Bytes, hex};
use crate::view::entity::SignerView;
use crate::view::page::{PageOf, Pager, Pagination};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use xln_types::{Hash, Rejection, SignerId};

pub(super) fn table() -> Vec<Method> {
    vec![
        Method::new(
            "signer.create",
            16,
            Access::User,
            post("/signers"),
            "A signer of the caller's account: with a key that the hub makes, with one handed over, or with the public key \
             of one that the caller keeps. Keys lie encrypted and are never given back.",
            create,
        ),
        Method::new("signer.list", 17, Access::User, get("/signers"), "The caller's signers, oldest first.", list),
        Method::new("signer.get", 18, Access::User, get("/signers/{signerId}"), "A signer.", one),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateSigner {
    /// A key to hand over to the hub's keystore: 32 bytes.
    private_key: Option<AsText<Hash>>,
    /// The public key of one that the caller keeps: 33 bytes compressed, or 65.
    public_key: Option<AsText<Bytes>>,
    /// Free, at most 4 KiB as JSON.
    metadata: Option<RawObject>,
}

/// A new signer.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct SignerCreated {
    signer_id: AsText<SignerId>,
    /// 33 bytes compressed.
    public_key: String,
}

async fn create(call: Call, params: CreateSigner) -> Result<SignerCreated, ApiError> {
    let (key, field) = match (params.private_key, params.public_key) {
        (Some(_), Some(_)) => {
            let error = ApiError::invalid("publicKey", "exclusive", "privateKey and publicKey exclude each other");
            return Err(error.with("expected", "one of privateKey and publicKey"));
        }
        (Some(secret), None) => (NewKey::Imported(secret.0.0), "privateKey"),
        (None, Some(public)) => (NewKey::SelfCustody(public.0.0), "publicKey"),
        (None, None) => (NewKey::Generated, "privateKey"),
    };
    let metadata = metadata_bytes(params.metadata.as_ref());
    if xln_types::tx::METADATA_BYTES_MAX < metadata.0.len() {
        let limit = xln_types::tx::METADATA_BYTES_MAX as u64;
        return Err(ApiError::from(&Rejection::TooLarge { limit }).with("field", "metadata"));
    }
    let owner = call.caller()?.account;
    let new = NewSigner { owner, key, metadata };
    let (signer, public_key) = call.api.0.backend.create_signer(new).await.map_err(|error| match error {
        NewSignerError::Key(error) => ApiError::from(error).with("field", field),
        NewSignerError::Exists(_) => ApiError::from(&Rejection::AlreadyExists {}).with("field", field),
        NewSignerError::Submit(error) => ApiError::from(error),
    })?;
    // N-5: a signer that was known has changed hands, with all that it founded.
    let had_entities =
        call.read(move |server| server.signer(signer).is_some_and(|signer| signer.entities != 0)).await?;
    call.api.0.directory.put_owner(signer, owner);
    if had_entities {
        call.api.0.directory.forget_owners();
    }
    Ok(SignerCreated { signer_id: AsText(signer), public_key: hex(&public_key) })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListSigners {
    /// From 1.
    page: Option<u64>,
    /// At most 1,000; 100 if absent.
    limit: Option<u64>,
    /// `pagination.next` of the page before, instead of `page`.
    cursor: Option<AsText<u64>>,
}

/// A page of signers.
#[derive(Serialize, JsonSchema)]
struct SignerList {
    signers: Vec<SignerView>,
    pagination: Pagination,
}

async fn list(call: Call, params: ListSigners) -> Result<SignerList, ApiError> {
    let of = PageOf::new(params.page, params.limit, params.cursor)?;
    let caller = call.caller()?;
    call.read(move |server| {
        let mut pager = Pager::new(of);
        for (number, signer) in (0..).zip(server.signers()) {
            if caller.role.sees_all() || signer.owner == caller.account {
                pager.offer(number, || SignerView::from(signer));
            }
        }
        let (signers, pagination) = pager.finish();
        SignerList { signers, pagination }
    })
    .await
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OneSigner {
    signer_id: AsText<SignerId>,
}

async fn one(call: Call, params: OneSigner) -> Result<SignerView, ApiError> {
    let caller = call.caller()?;
    let id = params.signer_id.0;
    let found = call.read(move |server| {
        let signer = server.signer(id).filter(|signer| caller.role.sees_all() || signer.owner == caller.account);
        signer.map(SignerView::from)
    });
    found.await?.ok_or_else(|| ApiError::from(&Rejection::UnknownSigner {}).with("field", "signerId"))
}

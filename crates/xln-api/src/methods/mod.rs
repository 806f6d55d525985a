//! The methods of API.md, a file by subject. Each is defined once; [`table`] is all there is.

mod asset;
mod block;
mod channel;
mod channel_terms;
mod channel_view;
mod depositary;
mod entity;
mod htlc;
mod hub;
mod invoice;
mod later;
mod payment;
mod peer;
mod reserve;
mod route;
pub(crate) mod session;
mod signer;
mod tx;

pub(crate) use tx::{BATCH_TXS_MAX, SUBMIT_NAME, execute};

use crate::method::Method;
use crate::strict::RawObject;
use xln_types::codec::Blob;

/// How long an operation on the chain may wait to be mined, seconds.
const VALIDITY_S: u64 = 3600;

/// All methods.
pub(crate) fn table() -> Vec<Method> {
    [
        hub::table(),
        session::table(),
        signer::table(),
        entity::table(),
        asset::table(),
        reserve::table(),
        channel::table(),
        channel_view::table(),
        channel_terms::table(),
        htlc::table(),
        payment::table(),
        invoice::table(),
        depositary::table(),
        tx::table(),
        block::table(),
        peer::table(),
        later::table(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Metadata as the core keeps it: the JSON object's text, without blanks; the core bounds it.
fn metadata_bytes(metadata: Option<&RawObject>) -> Blob {
    metadata.map_or_else(Blob::default, |metadata| Blob(crate::strict::minified(metadata.text()).into_bytes()))
}

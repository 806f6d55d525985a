//! How the state's records look in answers: exact fields of PRD 7 and API.md.

pub(crate) mod asset;
pub(crate) mod block;
pub(crate) mod channel;
pub(crate) mod entity;
pub(crate) mod event;
pub(crate) mod htlc;
pub(crate) mod invoice;
pub(crate) mod page;
pub(crate) mod payment;
pub(crate) mod peer;
pub(crate) mod receipt;
pub(crate) mod reserve;

use serde_json::value::RawValue;

/// Free bytes as people gave them: JSON as it came where it is JSON, text where it is text, else hex. `None` where there are none.
pub(crate) fn free_bytes(bytes: &[u8]) -> Option<Box<RawValue>> {
    if bytes.is_empty() {
        return None;
    }
    let text = std::str::from_utf8(bytes).map_or_else(|_| crate::text::hex(bytes), str::to_owned);
    // Self-custody senders write what they like: what a strict reader would refuse isn't handed on as JSON.
    if crate::strict::check(&text).is_ok()
        && let Ok(json) = RawValue::from_string(text.clone())
    {
        return Some(json);
    }
    serde_json::value::to_raw_value(&text).ok()
}

//! How the state's records look in answers: exact fields of PRD 7 and API.md.

pub(crate) mod asset;
pub(crate) mod block;
pub(crate) mod channel;
pub(crate) mod entity;
pub(crate) mod event;
pub(crate) mod page;
pub(crate) mod payment;
pub(crate) mod receipt;
pub(crate) mod reserve;

/// Free bytes as people gave them: JSON where it is JSON, text where it is text, else hex. `None` where there are none.
pub(crate) fn free_bytes(bytes: &[u8]) -> Option<serde_json::Value> {
    if bytes.is_empty() {
        return None;
    }
    if let Ok(json) = serde_json::from_slice(bytes) {
        return Some(json);
    }
    Some(std::str::from_utf8(bytes).map_or_else(|_| crate::text::hex(bytes), str::to_owned).into())
}

//! A text frame, read by hand: an object of `id`, `method` and `params`, each once. What is wrong with it is answered under its id,
//! where that can be read.

use super::ID_BYTES_MAX;
use crate::error::{ApiError, Code, clip};
use crate::params;
use crate::strict::Name;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Most fields that are looked at: three are known.
const FIELDS_MAX: usize = 16;
/// Fewest characters of a string `id` that is a request id, like REST's `Idempotency-Key`.
const REQUEST_ID_CHARS_MIN: usize = 16;

/// A request as it came.
pub(super) struct Request<'a> {
    pub(super) method: Cow<'a, str>,
    pub(super) params: &'a str,
    /// The id, where it makes the request repeatable.
    pub(super) request_id: Option<String>,
}

struct Parts<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

struct PartsVisitor;

impl<'de> Visitor<'de> for PartsVisitor {
    type Value = Parts<'de>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a request {id?, method, params?}")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Parts<'de>, A::Error> {
        let mut found = Vec::new();
        while let Some((Name(name), value)) = fields.next_entry::<Name<'de>, &'de RawValue>()? {
            if FIELDS_MAX <= found.len() {
                return Err(de::Error::custom("too many fields, expected a request {id?, method, params?}"));
            }
            found.push((name, value));
        }
        Ok(Parts(found))
    }
}

impl<'de> Deserialize<'de> for Parts<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PartsVisitor)
    }
}

/// The frame's id, as it is to come back, and the request.
pub(super) fn read(frame: &str) -> (Option<String>, Result<Request<'_>, ApiError>) {
    let Parts(fields) = match serde_json::from_str(frame) {
        Ok(parts) => parts,
        Err(error) => return (None, Err(params::explain(&error, None))),
    };
    let mut ids = fields.iter().filter(|(name, _)| name == "id");
    let id = match (ids.next(), ids.next()) {
        (Some((_, id)), None) if id.get() != "null" => Some(id.get()),
        _ => None,
    };
    if id.is_some_and(|id| ID_BYTES_MAX < id.len()) {
        let error = ApiError::new(Code::TooLarge, "too_large", "the id is too long").with("field", "id");
        return (None, Err(error.with("expected", ID_BYTES_MAX)));
    }
    (id.map(str::to_owned), request(&fields, id))
}

fn request<'a>(fields: &[(Cow<'a, str>, &'a RawValue)], id: Option<&str>) -> Result<Request<'a>, ApiError> {
    let refused = |reason: &str, message: &str, field: &str| {
        let error = ApiError::new(Code::InvalidRequest, reason, message).with("field", clip(field));
        error.with("expected", "id, method and params, each once")
    };
    for (index, (name, _)) in fields.iter().enumerate() {
        if !["id", "method", "params"].contains(&name.as_ref()) {
            return Err(refused("unknown_field", "no such field in a request", name));
        }
        if fields.iter().take(index).any(|(before, _)| before == name) {
            return Err(refused("malformed", "given twice", name));
        }
    }
    let field = |wanted: &str| fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.get());
    let method = field("method").ok_or_else(|| refused("missing_field", "which method?", "method"))?;
    let Name(method) = serde_json::from_str(method).map_err(|_| {
        let error = ApiError::new(Code::InvalidRequest, "malformed", "a method's name is a string");
        error.with("field", "method").with("expected", "a method's name")
    })?;
    let params = field("params").filter(|params| *params != "null").unwrap_or("{}");
    Ok(Request { method, params, request_id: id.and_then(request_id) })
}

/// A string of at least [`REQUEST_ID_CHARS_MIN`] characters; anything else only tells answers apart.
fn request_id(id: &str) -> Option<String> {
    let text: String = serde_json::from_str(id).ok()?;
    text.chars().nth(REQUEST_ID_CHARS_MIN - 1).map(|_| text)
}

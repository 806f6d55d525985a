//! Why a call gave no result: the hub said no, or the world failed.

use serde_json::{Map, Value};
use std::fmt;

/// The hub's typed no (PRD 7.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code, 4000 and above.
    pub code: u64,
    /// For people.
    pub message: String,
    /// `{reason, field?, expected?, available?, …}`.
    pub details: Map<String, Value>,
}

impl Refusal {
    /// Reads `{"code", "message", "details"}`.
    pub(crate) fn read(error: &Value) -> Option<Refusal> {
        Some(Refusal {
            code: error["code"].as_u64()?,
            message: error["message"].as_str()?.to_owned(),
            details: error["details"].as_object().cloned().unwrap_or_default(),
        })
    }

    /// The reason in snake case; empty where the hub gave none.
    pub fn reason(&self) -> &str {
        self.details.get("reason").and_then(Value::as_str).unwrap_or_default()
    }

    /// As the hub sent it.
    pub fn to_json(&self) -> Value {
        serde_json::json!({ "code": self.code, "message": self.message, "details": self.details })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)?;
        for (name, value) in self.details.iter().filter(|(name, _)| *name != "reason") {
            match value {
                Value::String(text) => write!(f, " {name}={text}")?,
                other => write!(f, " {name}={other}")?,
            }
        }
        Ok(())
    }
}

/// Why a call gave no result.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address isn't one that this client talks to.
    #[error("not a hub's address: url={url} (expected http://127.0.0.1:PORT)")]
    Endpoint {
        /// As given.
        url: String,
    },
    /// The key isn't one of secp256k1.
    #[error("not a secret key: expected 32 bytes as hex")]
    Key,
    /// Nobody answers there, or not in time.
    #[error("the hub can't be reached: {cause}")]
    Unreachable {
        /// Why.
        cause: String,
    },
    /// An answer that isn't one.
    #[error("the hub's answer is malformed: {what}")]
    Malformed {
        /// What is wrong with it.
        what: String,
    },
    /// The hub said no.
    #[error("{0}")]
    Refused(Refusal),
}

impl ClientError {
    pub(crate) fn unreachable(cause: impl fmt::Display) -> ClientError {
        ClientError::Unreachable { cause: cause.to_string() }
    }

    pub(crate) fn malformed(what: impl fmt::Display) -> ClientError {
        ClientError::Malformed { what: what.to_string() }
    }

    /// The hub's no, where it is one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            ClientError::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }
}

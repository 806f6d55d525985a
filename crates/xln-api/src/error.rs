//! What the API answers when it can't do what was asked: a code (PRD 7.3, API.md), a sentence, and details that say what would
//! have worked (**TX-5**). The core's typed rejections are mapped here and nowhere else.

use crate::backend::{PeerError, SubmitError, Unavailable};
use serde_json::{Map, Value, json};
use xln_crypto::SignatureError;
use xln_machine::mempool::Refusal;
use xln_types::{Receipt, Rejection};

/// Most characters of a caller's own text that an error gives back.
pub(crate) const ECHO_CHARS_MAX: usize = 64;

/// A caller's text as errors may repeat it: its beginning.
pub(crate) fn clip(text: &str) -> String {
    match text.char_indices().nth(ECHO_CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// After how many seconds an overloaded hub asks to be tried again.
pub const RETRY_AFTER_S: u64 = 1;

macro_rules! codes {
    ($($(#[$doc:meta])* $number:literal $name:ident $konst:literal $http:literal)+) => {
        /// The error codes of PRD 7.3 and API.md.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code { $($(#[$doc])* $name),+ }

        impl Code {
            /// Every code, in the order of their numbers.
            pub const ALL: &'static [Code] = &[$(Code::$name),+];

            /// The number in answers.
            pub fn number(self) -> u16 {
                match self { $(Code::$name => $number),+ }
            }

            /// The PRD's name, as in `INVALID_PARAMS`.
            pub fn name(self) -> &'static str {
                match self { $(Code::$name => $konst),+ }
            }

            /// The HTTP status that goes with it.
            pub fn http_status(self) -> u16 {
                match self { $(Code::$name => $http),+ }
            }
        }
    };
}

codes! {
    /// Malformed, or an unknown method or field.
    4000 InvalidRequest "INVALID_REQUEST" 400
    /// No token, or one that doesn't count (any more).
    4001 Unauthorized "UNAUTHORIZED" 401
    /// The account may not do that.
    4003 Forbidden "FORBIDDEN" 403
    /// No such thing, or none that this account may see.
    4004 NotFound "NOT_FOUND" 404
    /// A nonce, or a request id reused with other parameters.
    4009 Conflict "CONFLICT" 409
    /// Its machine comes later.
    4010 NotAvailable "NOT_AVAILABLE" 501
    /// Past a bound.
    4013 TooLarge "TOO_LARGE" 413
    /// Too many requests.
    4029 RateLimited "RATE_LIMITED" 429
    /// A parameter's value can't be.
    4100 InvalidParams "INVALID_PARAMS" 400
    /// The channel or reserve can't bear that.
    4200 InsufficientFunds "INSUFFICIENT_FUNDS" 409
    /// The channel isn't open.
    4201 ChannelNotOpen "CHANNEL_NOT_OPEN" 409
    /// A policy forbids what the channel could bear.
    4202 LimitExceeded "LIMIT_EXCEEDED" 409
    /// Our own bug.
    5000 Internal "INTERNAL_ERROR" 500
    /// Consensus failed.
    5001 Consensus "CONSENSUS_FAILURE" 500
    /// The log can't be written.
    5002 Storage "STORAGE_ERROR" 503
    /// The chain or a peer can't be reached, or the time is over.
    5003 Network "NETWORK_ERROR" 503
    /// A queue is full: try again later.
    5004 Overloaded "OVERLOADED" 503
}

/// An answer that isn't the one hoped for.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiError {
    /// Which kind.
    pub code: Code,
    /// For people.
    pub message: String,
    /// `{reason, field?, expected?, available?, leg?, …}`.
    pub details: Map<String, Value>,
    /// When to try again, where that may help.
    pub retry_after_s: Option<u64>,
}

impl ApiError {
    /// An error with a snake-case reason and a sentence for people.
    pub fn new(code: Code, reason: &str, message: impl Into<String>) -> ApiError {
        let retry_after_s = matches!(code, Code::RateLimited | Code::Overloaded).then_some(RETRY_AFTER_S);
        let details = Map::from_iter([("reason".to_owned(), Value::from(reason))]);
        ApiError { code, message: message.into(), details, retry_after_s }
    }

    /// Adds a detail.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> ApiError {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// The reason, in snake case.
    pub fn reason(&self) -> &str {
        self.details.get("reason").and_then(Value::as_str).unwrap_or_default()
    }

    /// Something that doesn't exist, or that this account may not know of.
    pub fn unknown(what: &str) -> ApiError {
        ApiError::new(Code::NotFound, &format!("unknown_{what}"), format!("no such {what}"))
    }

    /// A parameter whose value can't be.
    pub fn invalid(field: &str, reason: &str, message: impl Into<String>) -> ApiError {
        ApiError::new(Code::InvalidParams, reason, message).with("field", field)
    }

    /// True where the core took the request in, or may have: it was refused by a receipt, or its end isn't known. What was turned
    /// away before may be tried again, and so may what says when to.
    pub(crate) fn may_have_run(&self) -> bool {
        let unknown_end = matches!(self.code, Code::Internal | Code::Consensus | Code::Storage | Code::Network);
        (unknown_end && self.retry_after_s.is_none()) || self.details.contains_key(RECEIPT_HASH)
    }

    /// Something that comes later.
    pub fn not_available(what: &str) -> ApiError {
        ApiError::new(Code::NotAvailable, "not_available", format!("{what} is not available yet"))
    }

    /// `{"code", "message", "details"}`.
    pub fn to_json(&self) -> Value {
        json!({ "code": self.code.number(), "message": self.message, "details": self.details })
    }

    /// TX-5: what the core refused, by the receipt that says so.
    pub fn from_receipt(receipt: &Receipt) -> Option<ApiError> {
        let rejection = receipt.rejection()?;
        Some(ApiError::from(rejection).with(RECEIPT_HASH, receipt.hash.to_string()))
    }
}

/// The detail that names the receipt of a refusal.
const RECEIPT_HASH: &str = "hash";

/// The code that a rejection gets.
fn code_of(rejection: &Rejection) -> Code {
    match rejection {
        Rejection::InsufficientFunds { .. }
        | Rejection::InsufficientReserve { .. }
        | Rejection::InsufficientShare { .. } => Code::InsufficientFunds,
        Rejection::LimitExceeded { .. } => Code::LimitExceeded,
        Rejection::ChannelNotOpen { .. } | Rejection::Disputed {} => Code::ChannelNotOpen,
        Rejection::UnknownSender {}
        | Rejection::UnknownSigner {}
        | Rejection::UnknownEntity {}
        | Rejection::UnknownChannel {}
        | Rejection::UnknownAsset {}
        | Rejection::UnknownHtlc {}
        | Rejection::UnknownOperation {} => Code::NotFound,
        Rejection::NotAuthorized {}
        | Rejection::HubOnly {}
        | Rejection::NotYoursToAccept {}
        | Rejection::NotHere {} => Code::Forbidden,
        Rejection::WrongNonce { .. }
        | Rejection::AlreadyExists {}
        | Rejection::WrongSalt { .. }
        | Rejection::HtlcUsed { .. }
        | Rejection::HtlcExpired { .. }
        | Rejection::HtlcNotExpired { .. }
        | Rejection::TooManyHtlcs { .. }
        | Rejection::SettlementPending {}
        | Rejection::NeedsAgreement {}
        | Rejection::InvoiceUnpayable {}
        | Rejection::DeadlinePassed {} => Code::Conflict,
        Rejection::StackFull { .. } => Code::Overloaded,
        Rejection::NotAvailable {} => Code::NotAvailable,
        Rejection::MalformedBody {} => Code::InvalidRequest,
        Rejection::TooLarge { .. } => Code::TooLarge,
        _ => Code::InvalidParams,
    }
}

impl From<&Rejection> for ApiError {
    fn from(rejection: &Rejection) -> ApiError {
        let reason = rejection.reason();
        let error = ApiError::new(code_of(rejection), reason, reason.replace('_', " "));
        match rejection {
            Rejection::InsufficientFunds { available, leg } | Rejection::LimitExceeded { available, leg } => {
                error.with("available", available.to_string()).with("leg", *leg)
            }
            Rejection::InsufficientReserve { available } | Rejection::InsufficientShare { available } => {
                error.with("available", available.to_string())
            }
            Rejection::WrongNonce { expected }
            | Rejection::WrongSalt { expected }
            | Rejection::HtlcUsed { expected } => error.with("expected", expected.to_string()),
            Rejection::FeeTooLow { expected } => error.with("expected", expected.to_string()).with("field", "fee"),
            Rejection::TooLarge { limit }
            | Rejection::TooManyAssets { limit }
            | Rejection::TooManyHtlcs { limit }
            | Rejection::StackFull { limit } => error.with("expected", *limit),
            Rejection::TimestampOutside { now_s } => error.with("expected", *now_s).with("field", "timestamp"),
            Rejection::WindowOutside { min_s, max_s } => error.with("expected", json!({ "min": min_s, "max": max_s })),
            Rejection::ValidityOutside { from_s, until_s } | Rejection::ExpiryOutside { from_s, until_s } => {
                error.with("expected", json!({ "min": from_s, "max": until_s }))
            }
            Rejection::HtlcNotExpired { expires_at_s } => error.with("expected", *expires_at_s),
            Rejection::HtlcExpired { now_s } => error.with("time", *now_s),
            Rejection::Disputed {} => error.with("status", "disputed").with("expected", "open"),
            Rejection::ChannelNotOpen { status } => {
                let name = xln_machine::channel::ChannelStatus::from_number(*status).map(|status| status.name());
                error.with("status", name).with("expected", "open")
            }
            _ => error,
        }
    }
}

/// A signature or key that isn't one: the reason names the way in which.
impl From<SignatureError> for ApiError {
    fn from(error: SignatureError) -> ApiError {
        let (reason, expected) = match error {
            SignatureError::Length { expected } => ("signature_length", Some(expected)),
            SignatureError::Malformed => ("malformed_signature", None),
            SignatureError::HighS => ("high_s_signature", None),
            SignatureError::PublicKey => ("malformed_public_key", None),
            SignatureError::SecretKey => ("malformed_secret_key", None),
            SignatureError::Token => ("wrong_token_hash", None),
            SignatureError::Scheme { .. } => ("unsupported_scheme", None),
        };
        let answer = ApiError::new(Code::InvalidParams, reason, error.to_string());
        match expected {
            Some(bytes) => answer.with("expected", bytes),
            None => answer,
        }
    }
}

impl From<Unavailable> for ApiError {
    fn from(unavailable: Unavailable) -> ApiError {
        let reason = match unavailable {
            Unavailable::Storage => "storage_failed",
            Unavailable::Stopping => "stopping",
            Unavailable::Entropy => "no_randomness",
        };
        ApiError::new(Code::Storage, reason, unavailable.to_string())
    }
}

/// No session with another node: what is wrong with the wish is the caller's to mend, the world's state may change by itself.
impl From<PeerError> for ApiError {
    fn from(error: PeerError) -> ApiError {
        let message = error.to_string();
        match error {
            PeerError::Off => {
                let answer = ApiError::new(Code::NotAvailable, "peers_off", message);
                answer.with("expected", "a hub that listens for other nodes")
            }
            PeerError::Ourselves => {
                ApiError::invalid("node", "own_node", message).with("expected", "the id of another node's hub")
            }
            PeerError::Refused { .. } => {
                let answer = ApiError::new(Code::Conflict, "peer_refused", message).with("field", "node");
                answer.with("expected", "the hub that is at the address, on the same chain and depositary")
            }
            PeerError::Unreachable { .. } => {
                let answer = ApiError::new(Code::Network, "peer_unreachable", message).with("field", "address");
                let answer = answer.with("expected", "the address at which a node listens for others");
                ApiError { retry_after_s: Some(RETRY_AFTER_S), ..answer }
            }
            PeerError::TooMany { limit } => {
                ApiError::new(Code::TooLarge, "too_many_peers", message).with("expected", limit)
            }
        }
    }
}

impl From<SubmitError> for ApiError {
    fn from(error: SubmitError) -> ApiError {
        let nonce = |expected: u64| ApiError::from(&Rejection::WrongNonce { expected });
        match error {
            SubmitError::Refused(Refusal::Repeat { expected } | Refusal::TooFar { expected }) => nonce(expected),
            SubmitError::Refused(Refusal::Full) | SubmitError::Overloaded => {
                ApiError::new(Code::Overloaded, "queue_full", "a queue is full: try again later")
            }
            SubmitError::Known(_) => ApiError::new(Code::Conflict, "executed_before", "executed before"),
            SubmitError::Rejected(rejection) => ApiError::from(&rejection),
            SubmitError::Signature(error) => ApiError::from(error).with("field", "signature"),
            SubmitError::MalformedBody => ApiError::from(&Rejection::MalformedBody {}),
            SubmitError::TimestampOutside { now_s } => ApiError::from(&Rejection::TimestampOutside { now_s }),
            SubmitError::Unavailable(unavailable) => ApiError::from(unavailable),
        }
    }
}

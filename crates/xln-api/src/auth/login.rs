//! Login by signature: EIP-191 over `XLN login\n<hub id>\n<address>\n<timestamp>`, ± 60 s, each signature once (DESIGN 8).

use crate::error::{ApiError, Code};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Mutex;
use xln_crypto::login::{LOGIN_SKEW_S_MAX, verify_login};
use xln_types::{Address, EntityId};

use crate::lock;
use crate::text::{AsText, Bytes};

/// Most signatures remembered at once: each is for two minutes.
const LOGINS_KEPT_MAX: usize = 1 << 17;

/// What a login says.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoginParams {
    /// The account.
    address: AsText<Address>,
    /// 65 bytes r ‖ s ‖ v over the login message.
    signature: AsText<Bytes>,
    /// Unix seconds, within a minute of the hub's clock.
    timestamp: u64,
}

/// A token.
#[derive(Serialize, JsonSchema)]
pub(crate) struct LoginAnswer {
    /// The JWT.
    pub(crate) token: String,
    /// Until when it counts, unix seconds.
    pub(crate) expires: u64,
}

/// The signatures that were used, by timestamp: what is too old to be taken needn't be remembered.
#[derive(Default)]
pub(crate) struct Logins {
    used: Mutex<BTreeSet<(u64, [u8; 64])>>,
}

impl Logins {
    /// The account that logs in.
    pub(crate) fn check(&self, hub: EntityId, login: &LoginParams, now_s: u64) -> Result<Address, ApiError> {
        let LoginParams { address, signature, timestamp } = login;
        let (address, timestamp) = (address.0, *timestamp);
        if LOGIN_SKEW_S_MAX < timestamp.abs_diff(now_s) {
            let error = ApiError::new(Code::Unauthorized, "timestamp_outside", "the timestamp is not the hub's time");
            return Err(error.with("field", "timestamp").with("expected", now_s));
        }
        let signature = &signature.0.0;
        let own = verify_login(hub, address, timestamp, signature).map_err(|error| {
            let explained = ApiError::from(error).with("field", "signature");
            ApiError { code: Code::Unauthorized, ..explained }
        })?;
        if !own {
            let error = ApiError::new(Code::Unauthorized, "wrong_signer", "the signature is not of this address");
            return Err(error.with("field", "signature"));
        }
        // r and s alone: v has two spellings.
        let once = signature.first_chunk::<64>().copied().unwrap_or([0; 64]);
        self.remember(timestamp, once, now_s)?;
        Ok(address)
    }

    fn remember(&self, timestamp: u64, signature: [u8; 64], now_s: u64) -> Result<(), ApiError> {
        let mut used = lock(&self.used);
        while used.first().is_some_and(|(at, _)| at.saturating_add(LOGIN_SKEW_S_MAX) < now_s) {
            used.pop_first();
        }
        if LOGINS_KEPT_MAX <= used.len() {
            return Err(ApiError::new(Code::Overloaded, "logins_full", "too many logins: try again later"));
        }
        if used.insert((timestamp, signature)) {
            Ok(())
        } else {
            let error = ApiError::new(Code::Unauthorized, "signature_used", "each login signature counts once");
            Err(error.with("field", "signature"))
        }
    }
}

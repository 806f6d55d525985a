//! The tokens: JWT with HS256 pinned, so that `alg: none` and every other algorithm is refused. Its id marks hosted calls (TX-2).

use crate::access::{Caller, Roles};
use crate::error::{ApiError, Code};
use chrono::DateTime;
use jwt_compact::alg::{Hs256, Hs256Key};
use jwt_compact::{AlgorithmExt, Claims, Header, UntrustedToken};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};
use xln_crypto::hash::keyed_hash;
use xln_crypto::verify::TOKEN_ID_BYTES;
use xln_types::Address;
use xln_types::id::parse_hex;

/// How long a token counts: 15 minutes (DESIGN 8).
pub(crate) const TOKEN_LIFETIME_S_MAX: u64 = 15 * 60;
/// Longest token that is looked at.
const TOKEN_CHARS_MAX: usize = 1024;

#[derive(Serialize, Deserialize)]
struct Content {
    sub: String,
    jti: String,
}

/// Makes and checks tokens.
pub(crate) struct Tokens {
    key: Hs256Key,
    secret: [u8; 32],
    made: AtomicU64,
}

impl Tokens {
    pub(crate) fn new(secret: [u8; 32]) -> Tokens {
        Tokens { key: Hs256Key::new(secret), secret, made: AtomicU64::new(0) }
    }

    /// A token for an account, and when it ends, unix seconds.
    pub(crate) fn make(&self, account: Address, now_s: u64) -> Result<(String, u64), ApiError> {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let parts: [&[u8]; 4] = [b"XLN token", &account.0, &now_s.to_be_bytes(), &number.to_be_bytes()];
        let random = keyed_hash(&self.secret, &parts);
        let expires_s = now_s.saturating_add(TOKEN_LIFETIME_S_MAX);
        let jti = crate::text::hex(random.get(..TOKEN_ID_BYTES).unwrap_or_default());
        let mut claims = Claims::new(Content { sub: account.to_string(), jti });
        claims.expiration = i64::try_from(expires_s).ok().and_then(|at| DateTime::from_timestamp(at, 0));
        let header: Header = Header::empty().with_token_type("JWT");
        let token = Hs256.token(&header, &claims, &self.key);
        let token = token.map_err(|error| ApiError::new(Code::Internal, "token", error.to_string()))?;
        Ok((token, expires_s))
    }

    /// Who a token stands for.
    pub(crate) fn check(&self, token: &str, roles: &Roles, now_s: u64) -> Result<Caller, ApiError> {
        let invalid = || ApiError::new(Code::Unauthorized, "token_invalid", "the token is not one of this hub");
        if TOKEN_CHARS_MAX < token.len() {
            return Err(invalid());
        }
        let token: UntrustedToken<'_> = UntrustedToken::new(token).map_err(|_| invalid())?;
        let token = Hs256.validator::<Content>(&self.key).validate(&token).map_err(|_| invalid())?;
        let claims = token.claims();
        let account: Address = claims.custom.sub.parse().map_err(|_| invalid())?;
        let id = parse_hex(&claims.custom.jti).map_err(|_| invalid())?;
        let expires_s = claims.expiration.and_then(|at| u64::try_from(at.timestamp()).ok()).ok_or_else(invalid)?;
        if expires_s <= now_s {
            return Err(ApiError::new(Code::Unauthorized, "token_expired", "the token expired: log in again"));
        }
        Ok(Caller { account, token: id, expires_s, role: roles.of(account) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Role;

    fn reason(result: &Result<Caller, ApiError>) -> &str {
        result.as_ref().err().map_or("", ApiError::reason)
    }

    #[test]
    fn only_a_fresh_token_of_this_process_counts() {
        let (tokens, roles) = (Tokens::new([1; 32]), Roles::default());
        let account = Address([7; 20]);
        let (token, expires_s) = tokens.make(account, 1000).expect("token");
        assert_eq!(expires_s, 1000 + TOKEN_LIFETIME_S_MAX);
        let caller = tokens.check(&token, &roles, 1001).expect("valid");
        assert_eq!((caller.account, caller.role), (account, Role::User));
        assert_eq!(reason(&tokens.check(&token, &roles, expires_s)), "token_expired");
        assert_eq!(reason(&Tokens::new([2; 32]).check(&token, &roles, 1001)), "token_invalid");
        let (another, _) = tokens.make(account, 1000).expect("token");
        assert_ne!(tokens.check(&another, &roles, 1001).expect("valid").token, caller.token, "ids are distinct");
        // {"alg":"none","typ":"JWT"}, the same claims, no signature.
        let claims = token.split('.').nth(1).expect("claims");
        for forged in [
            format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{claims}."),
            format!("eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9.{claims}.AAAA"),
            format!("{token}A"),
            String::new(),
            "a.b.c".to_owned(),
            "x".repeat(TOKEN_CHARS_MAX + 1),
        ] {
            assert_eq!(reason(&tokens.check(&forged, &roles, 1001)), "token_invalid", "{forged}");
        }
    }
}

//! The login message (DESIGN 8): EIP-191 over `XLN login\n<hub id>\n<address>\n<timestamp>`, as wallets sign text.

use crate::hash::keccak256_parts;
use crate::secp::{SignatureError, recover};
use xln_types::{Address, EntityId, Hash};

/// How long a login signature counts: 60 s either way of the hub's clock (DESIGN 8).
pub const LOGIN_SKEW_S_MAX: u64 = 60;

/// The text that is signed: lower-case hex, decimal seconds, no final newline.
pub fn login_message(hub: EntityId, address: Address, timestamp_s: u64) -> String {
    format!("XLN login\n{hub}\n{address}\n{timestamp_s}")
}

/// EIP-191's digest of a text.
pub fn text_digest(text: &str) -> Hash {
    let prefix = format!("\x19Ethereum Signed Message:\n{}", text.len());
    keccak256_parts(&[prefix.as_bytes(), text.as_bytes()])
}

/// True when `signature` over the login message is `address`'s own.
///
/// # Errors
/// [`SignatureError`] when the signature itself is malformed.
pub fn verify_login(
    hub: EntityId,
    address: Address,
    timestamp_s: u64,
    signature: &[u8],
) -> Result<bool, SignatureError> {
    let digest = text_digest(&login_message(hub, address, timestamp_s));
    Ok(recover(&digest, signature)?.address() == address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secp::{sign, signer_of_secret};

    #[test]
    fn a_login_is_bound_to_hub_address_and_time() {
        let secret = [7; 32];
        let (signer, _) = signer_of_secret(&secret).expect("key");
        let (hub, address) = (EntityId([1; 32]), signer.address());
        let signature = sign(&secret, &text_digest(&login_message(hub, address, 1000))).expect("key");
        assert_eq!(verify_login(hub, address, 1000, &signature), Ok(true));
        assert_eq!(verify_login(EntityId([2; 32]), address, 1000, &signature), Ok(false));
        assert_eq!(verify_login(hub, Address([3; 20]), 1000, &signature), Ok(false));
        assert_eq!(verify_login(hub, address, 1001, &signature), Ok(false));
        assert!(verify_login(hub, address, 1000, &signature[1..]).is_err());
        assert_eq!(
            text_digest("hello").to_string(),
            "0x50b2c43fd39106bafbba0da34fc430e1f91e3c96ea2acee2bc34119f92b37750"
        );
    }
}

//! A signer: a secp256k1 key that someone holds, and the entities it created. The key itself is never here: a hosted one lies in
//! the shell's keystore, a self-custody one with its owner (DESIGN 4).
//!
//! Laws: **TX-2** nonces are per sender and gapless. **N-5** an entity's salt is its creator's next free number.

pub mod apply;
pub mod state;
#[cfg(test)]
mod tests;

pub use apply::Message;
pub use state::Signer;

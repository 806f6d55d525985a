//! The chain from outside: the flows of money, restarts, reorganisations, and input that makes no sense.
//!
//! [`story`] runs on any chain: on the development chain here, on a real anvil with the feature `anvil`.

#[cfg(feature = "anvil")]
mod anvil;
mod artifacts;
mod dev;
mod follow;
mod fork;
mod identity;
mod rpc;
mod story;
mod submit;

//! The node as a library: the loop of DESIGN 3 and all that stands around it.
//!
//! Start reading at [`engine`] (the loop itself, pure of clocks and threads), then [`driver`] (its thread), [`recovery`] (replay of
//! the log), [`start`] and [`node`] (everything wired together). [`keystore`] holds hosted keys, [`chain`] carries out operations on the chain
//! and brings its facts in, [`config`] is the one typed configuration.
//!
//! It is not where rules about money live: those are `xln-machine`'s.

#![forbid(unsafe_code)]

pub mod chain;
pub mod config;
pub mod door;
pub mod driver;
pub mod engine;
pub mod folder;
pub mod history;
pub mod keystore;
pub mod metrics;
pub mod node;
pub mod peers;
pub mod recovery;
pub mod shared;
pub mod start;

pub use config::{Config, ConfigError};
pub use folder::{CHAIN_FOLDER, IDENTITY_FILE, KEYS_FOLDER, LOG_FOLDER, claim_folder};
pub use node::{Node, NodeError, Running};
pub use start::HubKey;

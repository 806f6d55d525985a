//! A hub's client: login by signature, REST calls, WebSocket requests and events, transactions signed by their senders.
//!
//! Knows no method by heart: it carries names and JSON, so that a new method needs no new client. It trusts no answer: shapes
//! and lengths are checked, and nothing that a hub says can panic it. Plain HTTP goes to loopback alone; TLS comes with the hub's.
//!
//! Read [`client`] (REST) and [`socket`] (WebSocket); [`key`] is who asks.

#![forbid(unsafe_code)]

pub mod client;
pub mod error;
pub mod key;
pub mod socket;

pub use client::{Client, Endpoint};
pub use error::{ClientError, Refusal};
pub use key::Key;
pub use socket::{Incoming, Receiver, Sender, Socket};

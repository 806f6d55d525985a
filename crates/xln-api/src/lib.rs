//! REST and WebSocket methods: the only crate that knows the API's JSON and codes.
//!
//! Each method is defined once, in `methods`: name, number, access, route, words, parameters, answer and what it does. From
//! that table come the dispatcher, the REST routes, the OpenAPI document and the page at `/docs`; the two ways in are thin.
//! No rule about money lives here: the core refuses with typed rejections, and [`error`] says what code each gets.
//!
//! Laws: **N-2** numbers in JSON ([`text`], `params`); **TX-5** rejections keep their numbers ([`error`]); **TX-6** receipts can be
//! proven offline ([`proof`]), and so can the state of a channel (**CH-7**, [`evidence`]).
//!
//! Binary frames carry `[id, method number, params]` as RLP, see [`ws`].
//!
//! Read [`backend`] (what the API needs), `method`, one file of `methods`, then [`rest`] and [`ws`].

pub mod access;
mod api;
mod auth;
pub mod backend;
mod call;
mod directory;
pub mod error;
pub mod events;
pub mod evidence;
mod idempotency;
pub mod invoice;
pub mod limits;
mod method;
mod methods;
mod metrics;
mod openapi;
mod page;
mod params;
mod payments;
pub mod proof;
pub mod rest;
mod sight;
mod strict;
pub mod text;
mod view;
pub mod ws;

pub use api::{Api, ApiOptions};
pub use error::{ApiError, Code};
pub use events::ApiEvent;
pub use openapi::openapi_json;
pub use rest::router;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks; a panic elsewhere left the value as whole as any single assignment does.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

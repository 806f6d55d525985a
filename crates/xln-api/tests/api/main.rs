//! The API end to end over loopback: HTTP and WebSocket against a real core without disk or chain.

mod bad_input;
mod client;
mod double;
mod events;
mod flow;
mod lists;
mod openapi;
mod proofs;
mod requests;
mod roles;

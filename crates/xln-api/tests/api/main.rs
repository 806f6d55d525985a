//! The API end to end over loopback: HTTP and WebSocket against a real core without disk or chain.

mod bad_input;
mod client;
mod double;
mod events;
mod evidence;
mod flow;
mod frames;
mod lists;
mod openapi;
mod paths;
mod proofs;
mod receipts;
mod request_ids;
mod requests;
mod roles;
mod squatting;
mod strictness;

//! The API end to end over loopback: HTTP and WebSocket against a real core without disk or chain.

mod bad_input;
mod client;
mod double;
mod events;
mod evidence;
mod flow;
mod frames;
mod htlcs;
mod invoices;
mod lists;
mod openapi;
mod paths;
mod peers;
mod proofs;
mod receipts;
mod remote;
mod remote_terms;
mod request_ids;
mod requests;
mod roles;
mod routes;
mod squatting;
mod strictness;

//! Logging in: a signature for a token (DESIGN 8), and a token for every call after that.
//!
//! [`login`] checks the signature (± 60 s, each once); [`token`] makes and checks the JWT (HS256 alone, at most 15 minutes).

pub(crate) mod login;
pub(crate) mod token;

//! An entity: a person, company or DAO that owns, owes and decides. Its board says who may act for it; a board of one takes the
//! same path as a board of many (**EN-1**). Ends only when nothing is left (**EN-5**). Its nonces are gapless (**TX-2**).

pub mod apply;
pub mod state;
#[cfg(test)]
mod tests;

pub use apply::Message;
pub use state::{Entity, EntityRecord};

//! The laws of the authenticated map, from outside: ST-1 in `history`, `shapes` and `golden`, ST-2 in `proofs` and
//! `forgery`; readers, bounds and lists beside them. `model` is the simple map and commitment they are held against.

mod bounds;
mod forgery;
mod golden;
mod history;
mod lists;
mod model;
mod proofs;
mod readers;
mod shapes;

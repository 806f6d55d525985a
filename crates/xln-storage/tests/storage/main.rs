//! Tests of the log over the disk double and a real folder. Each module holds one question; [`shop`] what they share.

mod basics;
mod crashes;
mod damage;
mod double;
mod interrupted;
mod real;
mod sealed;
mod shop;
mod writer;

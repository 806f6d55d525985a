//! The audit against honest stores and forged ones. [`hub`] is a hub that keeps its log as the node does, [`story`] what happens
//! in it, [`forger`] alters the records and re-hashes everything, so that nothing but the laws can tell. Read [`honest`] first.
//!
//! Laws: **CH-13** conservation, and every other that the audit can name; **ST-4** damage; **TX-5**, **TX-7** replay.

mod blocks;
mod bounds;
mod flipped;
mod forged_channels;
mod forged_frames;
mod forged_receipts;
mod forged_reserves;
mod forged_routes;
mod forger;
mod honest;
mod hub;
mod live;
mod neighbours;
mod pair;
mod replayed;
mod story;
mod swept;
mod table;
mod walked;

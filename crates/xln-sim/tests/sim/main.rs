//! The simulator over a slice of seeds: it comes to the same each time, each fault fires, no law breaks, and bugs planted on purpose are found.

mod links;
#[cfg(feature = "planted")]
mod planted;
mod slice;

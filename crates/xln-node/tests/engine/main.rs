//! The real engine and recovery over a disk that forgets, tears, fills up and fails: single-threaded, driven from a seed, without a clock.
//!
//! Read [`rig`] first (the engine with all that it acts upon), then [`crashes`] (random lives and deaths against [`model`]). [`laws`],
//! [`bounds`] and [`failures`] are small stories of one law each.

mod bounds;
mod crashes;
mod failures;
mod laws;
mod model;
mod people;
mod rig;

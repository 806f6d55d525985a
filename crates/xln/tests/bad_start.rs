//! Bad beginnings and good ends: whatever is wrong at the start is told with the status that API.md gives it and with what to look at, and
//! nothing is touched that isn't the hub's; whoever is told to end ends well.
//!
//! Status 2: usage or configuration. Status 3: the world (port, disk, RPC).
//!
//! Laws: **ST-4** damage is never passed over; **TX-6** an end loses nothing that was answered; **DP-3**, **DP-4** nor does a chain that
//! is away for a while.

#[path = "bad_start/chain_away.rs"]
mod chain_away;
#[path = "bad_start/configuration.rs"]
mod configuration;
#[path = "bad_start/damage.rs"]
mod damage;
#[path = "bad_start/ends.rs"]
mod ends;
#[path = "bad_start/folders.rs"]
mod folders;
mod hub;

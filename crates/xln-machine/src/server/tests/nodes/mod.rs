//! Several servers and the lines between them: channels with other nodes, routes across hubs, facts in frames.
//!
//! Laws: **CH-3** to **CH-12** across nodes, **DP-2**, **DP-5**, **HT-1** to **HT-6**, **TX-7** (each node's log replays to its roots).
//!
//! Read [`script`] first: a test is a script, a line a step. [`net`] carries messages as the engine does, [`checks`] compares
//! everything with everything after each input, [`answers`] reads the state. [`walk`] plays at random.

mod answers;
mod bodies;
mod checks;
mod credit;
mod failures;
mod hostile;
mod htlcs;
mod introduce;
mod losses;
mod net;
mod openings;
mod payments;
mod people;
mod routes;
mod script;
mod settlements;
mod terms;
mod walk;

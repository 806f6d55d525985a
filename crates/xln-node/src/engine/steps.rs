//! How a loop without threads drives the engine's log: step by step, as the simulator does.

use super::{Engine, World};

impl<W: World> Engine<W> {
    /// Lets a stepped log (the simulator's) do its work; a threaded one does it by itself.
    pub fn step_log(&mut self) {
        self.log.step();
    }

    /// As [`Engine::step_log`], but one commit only; `true` while there is more to do.
    pub fn step_log_commit(&mut self) -> bool {
        self.log.step_commit()
    }

    /// What was executed and isn't in a commit yet, in bytes.
    pub fn log_queued_bytes(&self) -> usize {
        self.log.queued_bytes()
    }
}

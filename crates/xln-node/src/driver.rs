//! Drives the engine in production: one thread that waits for mail or the next block's time, whichever comes first.

use crate::config::BLOCK_INTERVAL_MS;
use crate::engine::{Engine, Mail, World};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use xln_storage::LogError;

/// Most mail taken in one turn before the engine executes.
pub const TURN_MAIL_MAX: usize = 4096;
/// Every how many blocks transactions that waited too long are looked for.
const STALE_BLOCKS: u64 = 50;

/// Where time comes from.
pub trait Clock: Send + 'static {
    /// Unix milliseconds.
    fn now_ms(&self) -> u64;
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

/// Runs the loop until told to stop, then seals what is open, waits until all is durable and spoken, and closes the log.
///
/// # Errors
/// What the disk answered at the end.
pub fn run<W: World>(mut engine: Engine<W>, mail: &Receiver<Mail>, clock: &impl Clock) -> Result<(), LogError> {
    let interval = Duration::from_millis(BLOCK_INTERVAL_MS);
    let mut next_block = Instant::now() + interval;
    let mut blocks = 0_u64;
    loop {
        let stop = take_mail(&mut engine, mail, next_block);
        engine.execute(clock.now_ms());
        let now = Instant::now();
        if next_block <= now {
            engine.seal(clock.now_ms());
            blocks += 1;
            if blocks.is_multiple_of(STALE_BLOCKS) {
                engine.forget_stale(clock.now_ms());
            }
            // A missed beat is not made up for: the grid stays, and no two blocks come in a burst.
            while next_block <= now {
                next_block += interval;
            }
        }
        if stop {
            break;
        }
    }
    while engine.has_work() {
        engine.execute(clock.now_ms());
    }
    engine.seal(clock.now_ms());
    while !engine.is_quiet() {
        match mail.recv_timeout(Duration::from_secs(10)) {
            Ok(mail) => engine.take(mail),
            Err(_) => break,
        }
    }
    engine.close()
}

/// Waits for the first piece of mail unless there is work at hand, then takes what is there; true when told to stop.
fn take_mail<W: World>(engine: &mut Engine<W>, mail: &Receiver<Mail>, until: Instant) -> bool {
    let patience = if engine.has_work() { Duration::ZERO } else { until.saturating_duration_since(Instant::now()) };
    let mut next = match mail.recv_timeout(patience) {
        Ok(mail) => Some(mail),
        Err(RecvTimeoutError::Timeout) => None,
        Err(RecvTimeoutError::Disconnected) => return true,
    };
    let mut taken = 0;
    while let Some(mail_piece) = next {
        if matches!(mail_piece, Mail::Stop) {
            return true;
        }
        engine.take(mail_piece);
        taken += 1;
        next = if taken < TURN_MAIL_MAX { mail.try_recv().ok() } else { None };
    }
    false
}

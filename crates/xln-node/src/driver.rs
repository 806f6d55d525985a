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
/// Every how many blocks what other nodes haven't acknowledged is looked for.
const REMIND_BLOCKS: u64 = 10;

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

/// A piece of mail, and when it was put into the box.
pub struct Letter {
    /// When.
    pub at: Instant,
    /// What.
    pub mail: Mail,
}

impl Letter {
    /// Put into the box now.
    pub fn now(mail: Mail) -> Letter {
        Letter { at: Instant::now(), mail }
    }
}

/// The inputs that wait to be applied: how many, and since when the first.
#[derive(Default)]
struct Unapplied {
    since: Option<Instant>,
    count: u64,
}

/// Runs the loop until told to stop, then seals what is open, waits until all is durable and spoken, and closes the log.
///
/// # Errors
/// What the disk answered at the end.
pub fn run<W: World>(mut engine: Engine<W>, mail: &Receiver<Letter>, clock: &impl Clock) -> Result<(), LogError> {
    let mut unapplied = Unapplied::default();
    let interval = Duration::from_millis(BLOCK_INTERVAL_MS);
    let mut next_block = Instant::now() + interval;
    let mut blocks = 0_u64;
    loop {
        let stop = take_mail(&mut engine, mail, next_block, &mut unapplied);
        engine.execute(clock.now_ms());
        let now = Instant::now();
        if !engine.has_work()
            && let Some(since) = unapplied.since.take()
        {
            engine.note_processed(now.saturating_duration_since(since), std::mem::take(&mut unapplied.count));
        }
        if next_block <= now || engine.is_block_full() {
            engine.seal(clock.now_ms());
            blocks += 1;
            if blocks.is_multiple_of(REMIND_BLOCKS) {
                engine.remind();
            }
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
    finish(&mut engine, clock);
    while !engine.is_quiet() {
        match mail.recv_timeout(Duration::from_secs(10)) {
            Ok(letter) => engine.take(letter.mail),
            Err(_) => break,
        }
        // What a lagging log had held up goes on.
        finish(&mut engine, clock);
    }
    engine.close()
}

/// Executes all that is ready, and seals it.
fn finish<W: World>(engine: &mut Engine<W>, clock: &impl Clock) {
    loop {
        while engine.has_work() {
            engine.execute(clock.now_ms());
        }
        if !engine.has_open_entries() {
            break;
        }
        engine.seal(clock.now_ms());
    }
}

/// Waits for the first piece of mail unless there is work at hand, then takes what is there; true when told to stop.
fn take_mail<W: World>(
    engine: &mut Engine<W>,
    mail: &Receiver<Letter>,
    until: Instant,
    unapplied: &mut Unapplied,
) -> bool {
    let patience = if engine.has_work() { Duration::ZERO } else { until.saturating_duration_since(Instant::now()) };
    let mut next = match mail.recv_timeout(patience) {
        Ok(letter) => Some(letter),
        Err(RecvTimeoutError::Timeout) => None,
        Err(RecvTimeoutError::Disconnected) => return true,
    };
    let mut taken = 0;
    while let Some(letter) = next {
        match letter.mail {
            Mail::Stop => return true,
            Mail::Durable(_) => {}
            _ => {
                unapplied.since = unapplied.since.or(Some(letter.at));
                unapplied.count += 1;
            }
        }
        engine.take(letter.mail);
        taken += 1;
        // Speaking of what became durable may take long: the block's time is looked at after each piece.
        let in_time = Instant::now() < until;
        next = if in_time && taken < TURN_MAIL_MAX { mail.try_recv().ok() } else { None };
    }
    false
}

//! A log with a queue in front: submit from anywhere, and hear what became durable, in order.
//!
//! One commit gathers all that queued while the one before it was being synced: the busier, the larger, and never more than
//! the log's limit. The same code runs on a thread of its own ([`LogWriter::threaded`]) and, in the simulator, only when
//! told to ([`LogWriter::stepped`]): a loop calls [`LogWriter::step`] in either mode.
//!
//! *Persist, then speak*: `on_durable` hears a sequence only after its sync. It hears a failure once, and then nothing:
//! from then on every submission is refused with [`LogError::Poisoned`].

use crate::disk::Disk;
use crate::log::error::LogError;
use crate::log::format::record_bytes;
use crate::log::{Log, check_payload};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// What hears of commits: the last durable sequence, or the failure that ended the writer.
pub type OnDurable = Box<dyn FnMut(Result<u64, LogError>) + Send>;

/// A log, its queue and, in the threaded mode, its thread.
///
/// Dropping it without [`LogWriter::close`] is like a crash: what is queued is not written.
pub struct LogWriter<D: Disk + 'static> {
    queue: Arc<Queue>,
    run: Run<D>,
}

enum Run<D: Disk> {
    Stepped(Option<Box<Committer<D>>>),
    Threaded(Option<JoinHandle<Result<(), LogError>>>),
}

struct Queue {
    state: Mutex<State>,
    woken: Condvar,
}

#[derive(Default)]
struct State {
    payloads: VecDeque<Vec<u8>>,
    bytes: usize,
    bytes_max: usize,
    /// The sequence of the next submission.
    next: u64,
    /// Sync the mark once this sequence is durable.
    mark_wanted: Option<u64>,
    ending: Ending,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Ending {
    #[default]
    Open,
    /// Write what is queued, then end.
    Drain,
    /// End at once.
    Abandon,
    /// Ended by a failure.
    Failed,
}

struct Committer<D: Disk> {
    log: Log<D>,
    queue: Arc<Queue>,
    on_durable: OnDurable,
}

impl<D: Disk + 'static> LogWriter<D> {
    /// A writer with a thread of its own, on which `on_durable` is called.
    ///
    /// # Errors
    /// [`LogError::Thread`] if the system gives none.
    pub fn threaded(
        log: Log<D>,
        on_durable: impl FnMut(Result<u64, LogError>) + Send + 'static,
    ) -> Result<LogWriter<D>, LogError> {
        let committer = Committer::new(log, Box::new(on_durable));
        let queue = Arc::clone(&committer.queue);
        let named = thread::Builder::new().name("xln-log".to_owned());
        let thread = named.spawn(move || committer.run()).map_err(LogError::Thread)?;
        Ok(LogWriter { queue, run: Run::Threaded(Some(thread)) })
    }

    /// A writer that works only within [`LogWriter::step`], in which `on_durable` is called.
    pub fn stepped(log: Log<D>, on_durable: impl FnMut(Result<u64, LogError>) + Send + 'static) -> LogWriter<D> {
        let committer = Committer::new(log, Box::new(on_durable));
        LogWriter { queue: Arc::clone(&committer.queue), run: Run::Stepped(Some(Box::new(committer))) }
    }

    /// Queues a record and answers its sequence; `on_durable` will hear of it or of one behind it.
    ///
    /// # Errors
    /// [`LogError::Oversized`], [`LogError::QueueFull`], [`LogError::Poisoned`]: then it was not queued.
    pub fn submit(&self, payload: Vec<u8>) -> Result<u64, LogError> {
        check_payload(&payload)?;
        let mut state = self.queue.lock();
        if state.ending != Ending::Open {
            return Err(LogError::Poisoned);
        }
        // A lone payload is always taken, so that none is too long for every moment.
        if state.bytes_max < state.bytes + payload.len() && !state.payloads.is_empty() {
            return Err(LogError::QueueFull { queued_bytes: state.bytes, bytes_max: state.bytes_max });
        }
        let sequence = state.next;
        state.next += 1;
        state.bytes += payload.len();
        state.payloads.push_back(payload);
        drop(state);
        self.queue.woken.notify_one();
        Ok(sequence)
    }

    /// Asks for the durable mark to be synced once all that was submitted so far is durable: for each block.
    pub fn request_mark(&self) {
        let mut state = self.queue.lock();
        state.mark_wanted = Some(state.next - 1);
        drop(state);
        self.queue.woken.notify_one();
    }

    /// What is queued and not yet taken into a commit, in bytes of payload.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.queue.lock().bytes
    }

    /// Commits all that is queued, if this writer is stepped; a threaded one does so by itself.
    pub fn step(&mut self) {
        if let Run::Stepped(Some(committer)) = &mut self.run {
            committer.drain();
        }
    }

    /// Makes one commit of what is queued, if this writer is stepped; `true` while there is more to do.
    pub fn step_commit(&mut self) -> bool {
        match &mut self.run {
            Run::Stepped(Some(committer)) if committer.has_work() => {
                committer.commit_next();
                committer.has_work()
            }
            _ => false,
        }
    }

    /// Writes what is queued, closes the log and ends the thread.
    ///
    /// # Errors
    /// What closing the log answered, or [`LogError::Poisoned`] if the writer had failed (`on_durable` heard why).
    pub fn close(mut self) -> Result<(), LogError> {
        self.queue.end(Ending::Drain);
        match &mut self.run {
            Run::Stepped(committer) => committer.take().map_or(Err(LogError::Poisoned), |it| it.run()),
            Run::Threaded(thread) => {
                let ended = thread.take().map(JoinHandle::join);
                ended.and_then(Result::ok).unwrap_or(Err(LogError::Poisoned))
            }
        }
    }
}

impl<D: Disk + 'static> Drop for LogWriter<D> {
    fn drop(&mut self) {
        self.queue.end(Ending::Abandon);
        if let Run::Threaded(thread) = &mut self.run {
            // The disk's lock must be free when this returns; how the thread ended was told to `on_durable`.
            let _ = thread.take().map(JoinHandle::join);
        }
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code of ours panics under this lock; the state is whole in any case.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first ending counts, except that a failure overrides all.
    fn end(&self, ending: Ending) {
        let mut state = self.lock();
        if state.ending == Ending::Open || ending == Ending::Failed {
            state.ending = ending;
        }
        drop(state);
        self.woken.notify_one();
    }
}

impl<D: Disk> Committer<D> {
    fn new(log: Log<D>, on_durable: OnDurable) -> Committer<D> {
        let state = State { bytes_max: log.options().queue_bytes_max, next: log.next_sequence(), ..State::default() };
        let queue = Arc::new(Queue { state: Mutex::new(state), woken: Condvar::new() });
        Committer { log, queue, on_durable }
    }

    /// Works until the queue ends; then closes the log, unless it failed or was abandoned.
    fn run(mut self) -> Result<(), LogError> {
        let _guard = FailOnPanic(Arc::clone(&self.queue));
        loop {
            let state = self.queue.lock();
            let idle = |state: &mut State| state.ending == Ending::Open && !state.has_work(self.log.durable());
            let state = self.queue.woken.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
            let (ending, has_work) = (state.ending, state.has_work(self.log.durable()));
            drop(state);
            match ending {
                Ending::Failed | Ending::Abandon => return Err(LogError::Poisoned),
                Ending::Drain if !has_work => return self.log.close().map(drop),
                Ending::Drain | Ending::Open => self.commit_next(),
            }
        }
    }

    fn drain(&mut self) {
        while self.has_work() {
            self.commit_next();
        }
    }

    fn has_work(&self) -> bool {
        self.queue.lock().has_work(self.log.durable())
    }

    /// One commit, and the mark if it is due.
    fn commit_next(&mut self) {
        if let Err(e) = self.try_commit_next() {
            let mut state = self.queue.lock();
            state.payloads.clear();
            state.bytes = 0;
            state.mark_wanted = None;
            drop(state);
            self.queue.end(Ending::Failed);
            (self.on_durable)(Err(e));
        }
    }

    fn try_commit_next(&mut self) -> Result<(), LogError> {
        let batch = self.queue.lock().take_batch(self.log.options().commit_bytes_max);
        for payload in &batch {
            self.log.append(payload)?;
        }
        if !batch.is_empty() {
            let durable = self.log.sync()?;
            // Before the mark's own sync: nobody waits for that.
            (self.on_durable)(Ok(durable));
        }
        if self.queue.lock().take_mark(self.log.durable()) {
            self.log.sync_mark()?;
        }
        Ok(())
    }
}

impl State {
    fn has_work(&self, durable: u64) -> bool {
        !self.payloads.is_empty() || self.mark_wanted.is_some_and(|wanted| wanted <= durable)
    }

    /// What goes into one commit: at least one payload, if there is any, and then as many as fit.
    fn take_batch(&mut self, commit_bytes_max: usize) -> Vec<Vec<u8>> {
        let (mut batch, mut filled) = (Vec::new(), 0);
        while let Some(payload) = self.payloads.front() {
            filled += record_bytes(payload.len());
            if !batch.is_empty() && commit_bytes_max < filled {
                break;
            }
            self.bytes -= payload.len();
            batch.extend(self.payloads.pop_front());
        }
        batch
    }

    fn take_mark(&mut self, durable: u64) -> bool {
        self.mark_wanted.take_if(|wanted| *wanted <= durable).is_some()
    }
}

/// A callback that panics ends the writer; those who submit must hear of it.
struct FailOnPanic(Arc<Queue>);

impl Drop for FailOnPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.end(Ending::Failed);
        }
    }
}

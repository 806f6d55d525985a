//! Request ids (REST: `Idempotency-Key`; WebSocket: a long string as `id`): the same id and parameters get the first answer, other
//! parameters 4009; by account, for 24 hours. Kept by the process: a restart forgets them.
//!
//! Only what may have been executed is kept ([`ApiError::may_have_run`]); what was turned away before the core may be tried again.
//!
//! Memory is bounded in bytes, by account and in all:
//! - An account at its bound loses its oldest *answers*, but no ids: a repeat is still not run, and told so (4009). Ids alone past the
//!   bound are refused, to that account (4029).
//! - At the bound in all, room is made by the account that holds the most: its oldest answers, then its oldest ids; a newcomer is
//!   refused only if it would itself be that account. So who holds less than an equal part never loses anything to others.

use crate::error::{ApiError, Code};
use crate::lock;
use crate::method::Answer;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use tokio::sync::watch;
use xln_crypto::hash::keccak256;
use xln_types::{Address, Hash};

/// How long an id counts.
const KEPT_MS: u64 = 24 * 3600 * 1000;
/// Longest id.
pub(crate) const KEY_CHARS_MAX: usize = 128;
/// What an id costs without its answer: its places in the maps below, amply.
const ID_BYTES: usize = 256;

/// How many bytes may be kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// For one account: 16,384 ids without their answers.
    pub(crate) account_bytes_max: usize,
    /// In all.
    pub(crate) bytes_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds { account_bytes_max: 4 << 20, bytes_max: 256 << 20 }
    }
}

/// A request that has an id.
#[derive(Clone, Copy)]
pub(crate) struct Named<'a> {
    pub(crate) account: Address,
    pub(crate) id: &'a str,
    /// Where the id stood, for errors.
    pub(crate) field: &'static str,
    /// Hash of method and parameters: the parameters themselves may hold a private key.
    pub(crate) request: Hash,
}

/// What became of an id's first request.
enum State {
    Running(watch::Receiver<Option<Answer>>),
    Answered(Answer),
    /// Its answer gave way to newer ones.
    Dropped,
}

struct Entry {
    number: u64,
    request: Hash,
    state: State,
    bytes: usize,
}

#[derive(Default)]
struct Account {
    bytes: usize,
    /// By hash of the id.
    entries: HashMap<Hash, Entry>,
    /// By number, oldest first: all, and those that hold their answers.
    ages: BTreeMap<u64, Hash>,
    answers: BTreeSet<u64>,
}

#[derive(Default)]
struct Kept {
    bounds: Bounds,
    bytes: usize,
    last_number: u64,
    accounts: HashMap<Address, Account>,
    by_bytes: BTreeSet<(usize, Address)>,
    /// By number, oldest first: since when, whose.
    order: BTreeMap<u64, (u64, Address)>,
}

/// The ids in use. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Idempotency(Arc<Mutex<Kept>>);

/// What a request with an id comes to.
pub(crate) enum Turn {
    /// It is to be run.
    First(First),
    /// It was, or is being run.
    Later(Later),
}

/// The right to run a request once.
pub(crate) struct First {
    ids: Idempotency,
    account: Address,
    key: Hash,
    number: u64,
    sender: watch::Sender<Option<Answer>>,
}

/// The answer to the first request.
pub(crate) enum Later {
    Now(Answer),
    Soon(watch::Receiver<Option<Answer>>),
}

impl Idempotency {
    /// No ids yet.
    #[cfg(test)]
    pub(crate) fn new(bounds: Bounds) -> Idempotency {
        Idempotency(Arc::new(Mutex::new(Kept { bounds, ..Kept::default() })))
    }

    /// Whether this request is the first of its id.
    ///
    /// # Errors
    /// The id is too long, used with other parameters, or there is no room for it.
    pub(crate) fn turn(&self, named: Named<'_>, now_ms: u64) -> Result<Turn, ApiError> {
        if named.id.is_empty() || KEY_CHARS_MAX < named.id.len() {
            let error = ApiError::new(Code::TooLarge, "too_large", "a request id has 1 to 128 characters");
            return Err(error.with("field", named.field).with("expected", KEY_CHARS_MAX));
        }
        let key = keccak256(named.id.as_bytes());
        let mut kept = lock(&self.0);
        kept.drop_old(now_ms);
        if let Some(entry) = kept.accounts.get(&named.account).and_then(|account| account.entries.get(&key)) {
            return entry.again(named).map(Turn::Later);
        }
        kept.make_room(named)?;
        let (sender, answer) = watch::channel(None);
        let number = kept.add(named, key, State::Running(answer), now_ms);
        Ok(Turn::First(First { ids: self.clone(), account: named.account, key, number, sender }))
    }
}

impl First {
    /// Runs the request to its end, even when its asker goes away. The first poll happens here: what is submitted keeps its order.
    pub(crate) async fn run(self, run: impl Future<Output = Answer> + Send + 'static) -> Answer {
        let mut answer = self.sender.subscribe();
        let mut running = Box::pin(async move {
            let answer = run.await;
            lock(&self.ids.0).settle(self.account, self.key, self.number, &answer);
            self.sender.send_replace(Some(answer));
        });
        if poll_fn(|cx| Poll::Ready(running.as_mut().poll(cx).is_pending())).await {
            tokio::spawn(running);
        }
        first(&mut answer).await
    }
}

impl Later {
    pub(crate) async fn answer(self) -> Answer {
        match self {
            Later::Now(answer) => answer,
            Later::Soon(mut answer) => first(&mut answer).await,
        }
    }
}

async fn first(answer: &mut watch::Receiver<Option<Answer>>) -> Answer {
    let found = answer.wait_for(Option::is_some).await.ok().and_then(|found| found.clone());
    found.unwrap_or_else(|| Err(ApiError::new(Code::Internal, "lost", "the first answer was lost")))
}

impl Entry {
    fn again(&self, named: Named<'_>) -> Result<Later, ApiError> {
        let conflict = |reason, message| Err(ApiError::new(Code::Conflict, reason, message).with("field", named.field));
        if self.request != named.request {
            return conflict("request_id_reused", "this request id was used with other parameters");
        }
        match &self.state {
            State::Running(answer) => Ok(Later::Soon(answer.clone())),
            State::Answered(answer) => Ok(Later::Now(answer.clone())),
            State::Dropped => conflict("answered_before", "executed before; its answer is no longer kept"),
        }
    }
}

fn bytes_of(answer: &Answer) -> usize {
    match answer {
        Ok(text) => text.len(),
        Err(error) => error.to_json().to_string().len(),
    }
}

impl Kept {
    /// Changes an account, and keeps the sums.
    fn with<T>(&mut self, address: Address, change: impl FnOnce(&mut Account) -> T) -> T {
        let account = self.accounts.entry(address).or_default();
        let before = account.bytes;
        let given = change(account);
        let after = account.bytes;
        if account.entries.is_empty() {
            self.accounts.remove(&address);
        }
        self.bytes = self.bytes.saturating_sub(before).saturating_add(after);
        self.by_bytes.remove(&(before, address));
        if after != 0 {
            self.by_bytes.insert((after, address));
        }
        given
    }

    fn add(&mut self, named: Named<'_>, key: Hash, state: State, now_ms: u64) -> u64 {
        self.last_number = self.last_number.saturating_add(1);
        let number = self.last_number;
        self.order.insert(number, (now_ms, named.account));
        self.with(named.account, |account| {
            account.ages.insert(number, key);
            account.entries.insert(key, Entry { number, request: named.request, state, bytes: ID_BYTES });
            account.bytes = account.bytes.saturating_add(ID_BYTES);
        });
        number
    }

    fn remove(&mut self, address: Address, number: u64) {
        self.order.remove(&number);
        self.with(address, |account| account.remove(number));
    }

    fn drop_old(&mut self, now_ms: u64) {
        while let Some((number, (at_ms, address))) = self.order.first_key_value() {
            if now_ms <= at_ms.saturating_add(KEPT_MS) {
                return;
            }
            let (number, address) = (*number, *address);
            self.remove(address, number);
        }
    }

    /// Room for one more id.
    fn make_room(&mut self, named: Named<'_>) -> Result<(), ApiError> {
        let full = || ApiError::new(Code::RateLimited, "request_ids_full", "too many request ids in 24 hours");
        let Bounds { account_bytes_max, bytes_max } = self.bounds;
        let of_account = self.with(named.account, |account| {
            while account_bytes_max < account.bytes.saturating_add(ID_BYTES) && account.drop_answer() {}
            account.bytes.saturating_add(ID_BYTES)
        });
        if account_bytes_max < of_account {
            return Err(full());
        }
        while bytes_max < self.bytes.saturating_add(ID_BYTES) {
            let Some((most, largest)) = self.by_bytes.last().copied() else { return Err(full()) };
            if most <= of_account || !self.shed(largest) {
                return Err(full());
            }
        }
        Ok(())
    }

    /// Takes an account's oldest answer, else its oldest id that isn't running. False where there is none.
    fn shed(&mut self, address: Address) -> bool {
        if self.with(address, Account::drop_answer) {
            return true;
        }
        let oldest = self.accounts.get(&address).and_then(Account::oldest_done);
        oldest.inspect(|number| self.remove(address, *number)).is_some()
    }

    /// A request came to its end: its answer is kept where it may have been executed, else its id is free again.
    fn settle(&mut self, address: Address, key: Hash, number: u64, answer: &Answer) {
        let entry = self.accounts.get_mut(&address).and_then(|account| account.entries.get_mut(&key));
        // After 24 hours another request may have the id.
        let Some(entry) = entry.filter(|entry| entry.number == number) else { return };
        if answer.as_ref().is_err_and(|error| !error.may_have_run()) {
            return self.remove(address, number);
        }
        let bytes = bytes_of(answer);
        entry.state = State::Answered(answer.clone());
        entry.bytes = entry.bytes.saturating_add(bytes);
        let Bounds { account_bytes_max, bytes_max } = self.bounds;
        self.with(address, |account| {
            account.bytes = account.bytes.saturating_add(bytes);
            account.answers.insert(number);
            while account_bytes_max < account.bytes && account.drop_answer() {}
        });
        while bytes_max < self.bytes {
            let Some((_, largest)) = self.by_bytes.last().copied() else { return };
            if !self.shed(largest) {
                return;
            }
        }
    }
}

impl Account {
    /// Forgets the oldest answer, not its id. False where there is none.
    fn drop_answer(&mut self) -> bool {
        let Some(number) = self.answers.pop_first() else { return false };
        let entry = self.ages.get(&number).and_then(|key| self.entries.get_mut(key));
        if let Some(entry) = entry {
            self.bytes = self.bytes.saturating_sub(entry.bytes.saturating_sub(ID_BYTES));
            (entry.state, entry.bytes) = (State::Dropped, ID_BYTES);
        }
        true
    }

    fn oldest_done(&self) -> Option<u64> {
        let done = |key: &Hash| self.entries.get(key).is_some_and(|entry| !matches!(entry.state, State::Running(_)));
        self.ages.iter().find(|(_, key)| done(key)).map(|(number, _)| *number)
    }

    fn remove(&mut self, number: u64) {
        self.answers.remove(&number);
        if let Some(entry) = self.ages.remove(&number).and_then(|key| self.entries.remove(&key)) {
            self.bytes = self.bytes.saturating_sub(entry.bytes);
        }
    }
}

#[cfg(test)]
mod tests;

//! Request ids (REST: `Idempotency-Key`): the same key and parameters get the first answer, other parameters 4009; by account, for
//! 24 hours, in bounded memory. Kept by the process: a restart forgets them.

use crate::error::{ApiError, Code};
use crate::lock;
use crate::method::Answer;
use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::Mutex;
use tokio::sync::watch;
use xln_types::{Address, Hash};

/// How long a key counts.
const KEPT_MS: u64 = 24 * 3600 * 1000;
/// Most keys of one account.
pub(crate) const ACCOUNT_KEYS_MAX: usize = 16_384;
/// Most keys in all.
const KEYS_MAX: usize = 262_144;
/// Longest key.
pub(crate) const KEY_CHARS_MAX: usize = 128;

type Key = (Address, String);

struct Entry {
    at_ms: u64,
    /// keccak256 of method and parameters: the parameters themselves may hold a private key.
    request: Hash,
    answer: watch::Receiver<Option<Answer>>,
}

#[derive(Default)]
struct Kept {
    entries: HashMap<Key, Entry>,
    by_account: HashMap<Address, usize>,
    order: VecDeque<(u64, Key)>,
}

/// The keys in use.
#[derive(Default)]
pub(crate) struct Idempotency(Mutex<Kept>);

enum Turn {
    First(watch::Sender<Option<Answer>>),
    Later(watch::Receiver<Option<Answer>>),
}

impl Idempotency {
    /// The first answer to this key, or what `run` gives now. The run isn't cut short when its asker goes away.
    pub(crate) async fn once<F>(&self, account: Address, key: &str, request: Hash, now_ms: u64, run: F) -> Answer
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        if key.is_empty() || KEY_CHARS_MAX < key.len() {
            let error = ApiError::new(Code::TooLarge, "too_large", "an idempotency key has 1 to 128 characters");
            return Err(error.with("field", "Idempotency-Key").with("expected", KEY_CHARS_MAX));
        }
        let mut answer = match self.turn((account, key.to_owned()), request, now_ms)? {
            Turn::Later(answer) => answer,
            Turn::First(sender) => {
                let answer = sender.subscribe();
                tokio::spawn(async move {
                    sender.send_replace(Some(run.await));
                });
                answer
            }
        };
        let found = answer.wait_for(Option::is_some).await.ok().and_then(|found| found.clone());
        let found = found.unwrap_or_else(|| Err(ApiError::new(Code::Internal, "lost", "the first answer was lost")));
        if found.as_ref().is_err_and(|error| !settled(error.code)) {
            self.forget(&(account, key.to_owned()));
        }
        found
    }

    fn turn(&self, key: Key, request: Hash, now_ms: u64) -> Result<Turn, ApiError> {
        let mut kept = lock(&self.0);
        kept.drop_old(now_ms);
        if let Some(entry) = kept.entries.get(&key) {
            if entry.request == request {
                return Ok(Turn::Later(entry.answer.clone()));
            }
            let error = ApiError::new(Code::Conflict, "request_id_reused", "this key was used with other parameters");
            return Err(error.with("field", "Idempotency-Key"));
        }
        let of_account = kept.by_account.get(&key.0).copied().unwrap_or(0);
        if ACCOUNT_KEYS_MAX <= of_account || KEYS_MAX <= kept.order.len() {
            return Err(ApiError::new(Code::RateLimited, "request_ids_full", "too many request ids in 24 hours"));
        }
        let (sender, answer) = watch::channel(None);
        *kept.by_account.entry(key.0).or_default() += 1;
        kept.order.push_back((now_ms, key.clone()));
        kept.entries.insert(key, Entry { at_ms: now_ms, request, answer });
        Ok(Turn::First(sender))
    }

    fn forget(&self, key: &Key) {
        lock(&self.0).remove(key);
    }
}

impl Kept {
    fn drop_old(&mut self, now_ms: u64) {
        while self.order.front().is_some_and(|(at_ms, _)| at_ms.saturating_add(KEPT_MS) < now_ms) {
            let Some((at_ms, key)) = self.order.pop_front() else { break };
            if self.entries.get(&key).is_some_and(|entry| entry.at_ms == at_ms) {
                self.remove(&key);
            }
        }
    }

    fn remove(&mut self, key: &Key) {
        if self.entries.remove(key).is_none() {
            return;
        }
        if let Some(count) = self.by_account.get_mut(&key.0) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.by_account.remove(&key.0);
            }
        }
    }
}

/// False for answers to what was never executed and may be tried again.
fn settled(code: Code) -> bool {
    !matches!(code, Code::RateLimited | Code::Overloaded | Code::Internal)
}

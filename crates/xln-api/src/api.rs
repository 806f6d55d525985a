//! The API over one node: its table of methods, and what all calls share.

use crate::access::{self, Caller, Roles};
use crate::auth::login::{LoginAnswer, LoginParams, Logins};
use crate::auth::token::Tokens;
use crate::backend::{Backend, read};
use crate::call::Call;
use crate::directory::Directory;
use crate::error::{ApiError, Code};
use crate::events::ApiEvent;
use crate::idempotency::{Idempotency, Named, Turn};
use crate::limits::{Limiter, Rates};
use crate::method::{Action, Answer, Method};
use crate::metrics::Metrics;
use crate::payments::Payments;
use crate::strict;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use xln_crypto::hash::keccak256_parts;
use xln_net::{SessionLimits, Topics};
use xln_types::EntityId;

/// Longest request body and WebSocket message, in bytes.
pub(crate) const BODY_BYTES_MAX: usize = 1 << 20;
/// How many creations of distinct senders may run at once: a sender's own take turns (an entity needs the next salt, a drafted HTLC is
/// told by its number).
const FOUNDING_LANES: usize = 64;

/// What the node decides about the API.
#[derive(Clone)]
pub struct ApiOptions {
    /// 32 random bytes, made anew by each process: its tokens end with it.
    pub token_secret: [u8; 32],
    /// How fast callers may ask.
    pub rates: Rates,
    /// How long one request may take, body included.
    pub request_timeout_ms: u64,
    /// Bounds of a WebSocket session.
    pub session: SessionLimits,
    /// Undelivered events of one session.
    pub mailbox_events_max: usize,
    /// Appended to `/metrics`: the node's own, as Prometheus text.
    pub more_metrics: Option<Arc<dyn Fn() -> String + Send + Sync>>,
}

impl ApiOptions {
    /// The defaults, with a secret.
    pub fn new(token_secret: [u8; 32]) -> ApiOptions {
        ApiOptions {
            token_secret,
            rates: Rates::default(),
            request_timeout_ms: 30_000,
            session: SessionLimits { frame_bytes_max: BODY_BYTES_MAX, ..SessionLimits::default() },
            mailbox_events_max: 4096,
            more_metrics: None,
        }
    }
}

/// The API over a node. Cheap to clone.
pub struct Api(pub(crate) Arc<Shared>);

impl Clone for Api {
    fn clone(&self) -> Self {
        Api(Arc::clone(&self.0))
    }
}

/// What all calls share.
pub(crate) struct Shared {
    pub(crate) backend: Box<dyn Backend>,
    pub(crate) topics: Topics<ApiEvent>,
    pub(crate) options: ApiOptions,
    pub(crate) methods: Vec<Method>,
    by_name: HashMap<&'static str, usize>,
    by_number: HashMap<u64, usize>,
    pub(crate) roles: Roles,
    pub(crate) tokens: Tokens,
    pub(crate) logins: Logins,
    pub(crate) limiter: Limiter,
    pub(crate) idempotency: Idempotency,
    pub(crate) directory: Arc<Directory>,
    pub(crate) payments: Payments,
    pub(crate) metrics: Metrics,
    founding: Vec<tokio::sync::Mutex<()>>,
    identity: OnceLock<(u64, EntityId)>,
}

impl Api {
    /// The API over `backend`, publishing to `topics`.
    pub fn new(backend: impl Backend, topics: Topics<ApiEvent>, options: ApiOptions) -> Api {
        let methods = crate::methods::table();
        let info = backend.info();
        let roles = Roles {
            admins: info.admins.into_iter().collect(),
            operators: info.operators.into_iter().collect(),
            auditors: info.auditors.into_iter().collect(),
        };
        Api(Arc::new(Shared {
            by_name: methods.iter().enumerate().map(|(index, method)| (method.name, index)).collect(),
            by_number: methods.iter().enumerate().map(|(index, method)| (method.number, index)).collect(),
            metrics: Metrics::new(methods.iter().map(|method| method.name)),
            tokens: Tokens::new(options.token_secret),
            limiter: Limiter::new(options.rates),
            logins: Logins::default(),
            idempotency: Idempotency::default(),
            directory: Arc::new(Directory::new()),
            payments: Payments::default(),
            founding: std::iter::repeat_with(tokio::sync::Mutex::default).take(FOUNDING_LANES).collect(),
            identity: OnceLock::new(),
            backend: Box::new(backend),
            topics,
            options,
            methods,
            roles,
        }))
    }

    /// The hub's clock, unix seconds.
    pub(crate) fn now_s(&self) -> u64 {
        self.0.backend.now_ms() / 1000
    }

    /// The place of a method in the table.
    pub(crate) fn method_named(&self, name: &str) -> Result<usize, ApiError> {
        let unknown =
            || ApiError::new(Code::InvalidRequest, "unknown_method", "no such method").with("field", "method");
        self.0.by_name.get(name).copied().ok_or_else(unknown)
    }

    /// The place of the method with this number.
    pub(crate) fn method_numbered(&self, number: u64) -> Result<usize, ApiError> {
        let unknown =
            || ApiError::new(Code::InvalidRequest, "unknown_method", "no such method").with("field", "method");
        self.0.by_number.get(&number).copied().ok_or_else(unknown)
    }

    /// The definition at a place of the table.
    pub(crate) fn method(&self, index: usize) -> Option<&Method> {
        self.0.methods.get(index)
    }

    /// Who a token stands for.
    pub(crate) fn caller(&self, token: &str) -> Result<Caller, ApiError> {
        self.0.tokens.check(token, &self.0.roles, self.now_s())
    }

    /// May this caller use the method now? Roles and rates, without running it.
    pub(crate) fn admit(&self, index: usize, caller: Option<&Caller>) -> Result<(), ApiError> {
        let Some(method) = self.method(index) else { return Err(ApiError::unknown("method")) };
        access::check(method.access, caller, self.now_s())?;
        match caller {
            Some(caller) => self.0.limiter.account(caller.account, self.0.backend.now_ms()),
            None => Ok(()),
        }
    }

    /// Runs a method, whichever way it was asked for. Up to the first wait this runs when first polled, so that what is
    /// submitted keeps its order.
    pub(crate) async fn call(&self, index: usize, caller: Option<Caller>, params: &str) -> Answer {
        let answer = self.run(index, caller, params).await;
        self.0.metrics.count(index, answer.as_ref().err().map(|error| error.code));
        answer
    }

    /// Runs a method under a request id: once, however often and by whichever way it is asked for. `field` is where the id stood.
    pub(crate) async fn call_once(
        &self,
        index: usize,
        caller: Caller,
        (id, field): (&str, &'static str),
        params: String,
    ) -> Answer {
        if self.method(index).is_none_or(|method| method.reads) {
            return self.call(index, Some(caller), &params).await;
        }
        let request = keccak256_parts(&[&index.to_be_bytes(), strict::minified(&params).as_bytes()]);
        let named = Named { account: caller.account, id, field, request };
        let now_ms = self.0.backend.now_ms();
        let own = self.clone();
        match self.0.idempotency.turn(named, now_ms)? {
            Turn::First(first) => first.run(async move { own.call(index, Some(caller), &params).await }).await,
            Turn::Later(later) => {
                self.admit(index, Some(&caller))?;
                later.answer().await
            }
        }
    }

    async fn run(&self, index: usize, caller: Option<Caller>, params: &str) -> Answer {
        self.admit(index, caller.as_ref())?;
        let Some(method) = self.method(index) else { return Err(ApiError::unknown("method")) };
        let running = match &method.action {
            Action::Call(handler) => handler(Call { api: self.clone(), caller }, params),
            Action::Session => {
                let error = ApiError::new(Code::InvalidRequest, "session_only", "only within a WebSocket session");
                return Err(error.with("field", "method"));
            }
            Action::Later => return Err(ApiError::not_available(method.name)),
        };
        let limit = Duration::from_millis(self.0.options.request_timeout_ms);
        tokio::time::timeout(limit, running).await.unwrap_or_else(|_| Err(timed_out()))
    }

    /// A token for a login signature.
    pub(crate) async fn login(&self, params: &LoginParams, from: IpAddr) -> Result<LoginAnswer, ApiError> {
        self.0.limiter.login(from, self.0.backend.now_ms())?;
        let (_, hub) = self.identity().await?;
        let now_s = self.now_s();
        let account = self.0.logins.check(hub, params, now_s)?;
        let (token, expires) = self.0.tokens.make(account, now_s)?;
        Ok(LoginAnswer { token, expires })
    }

    /// The chain id and the hub's entity, which every transaction's hash covers (TX-2).
    pub(crate) async fn identity(&self) -> Result<(u64, EntityId), ApiError> {
        if let Some(identity) = self.0.identity.get() {
            return Ok(*identity);
        }
        let identity = read(&*self.0.backend, |server| (server.genesis().chain_id, server.hub_id())).await?;
        Ok(*self.0.identity.get_or_init(|| identity))
    }

    /// The lane in which a sender's creations take turns, where an answer depends on what was made before.
    pub(crate) fn founding_lane(&self, signer: xln_types::SignerId) -> Option<&tokio::sync::Mutex<()>> {
        let lane = signer.0.iter().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
        self.0.founding.get(lane % FOUNDING_LANES)
    }
}

/// The answer when the time is over: what was submitted may still be executed.
pub(crate) fn timed_out() -> ApiError {
    ApiError::new(Code::Network, "timeout", "not answered in time: it may still be executed")
}

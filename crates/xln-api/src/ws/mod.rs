//! The WebSocket at `/v1/ws`: requests `{"id"?, "method", "params"}`, answers `{"id", "result"}` or `{"id", "error"}`, events
//! `{"event": topic, "seq", "data"}`.
//!
//! **Request ids.** A *string* `id` of at least 16 characters makes a request repeatable, exactly as REST's `Idempotency-Key` does and in
//! the same store: for 24 hours the account gets the first answer for the same method and parameters, and 4009 for others. It counts
//! only for methods that don't just read. A shorter or a numeric id, and a binary frame's, only matches the answer to its request.
//!
//! **Binary frames** carry RLP `[id, method number, params]`, `id` a byte string of at most [`ID_BYTES_MAX`]:
//! - `tx.submit`: params is a list of signed transactions; answered `[id, [[hash, code], …]]` in their order, code 0 executed, else
//!   an error code.
//! - any other method: params is a byte string, the JSON parameters; answered `[id, JSON as a byte string]`.
//! - a frame that fails as a whole is answered `[id, code, reason]`.
//!
//! A request is submitted when its future is first polled, in the order of the frames ([`xln_net::Session`]).

mod binary;
mod frame;
mod topics;

use crate::access::Caller;
use crate::api::Api;
use crate::call::Call;
use crate::error::{ApiError, Code};
use crate::events::ApiEvent;
use crate::method::{Action, Answer, to_text};
use crate::methods::session::{Ack, Authenticate, Authenticated, Ping, Pong, Resume, Subscribe, Topics};
use crate::{params, rest};
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts, Request};
use axum::response::Response;
use std::borrow::Cow;
use std::future::Future;
use std::net::IpAddr;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use xln_net::{Mail, Mailbox, Session, mailbox};

/// Longest request id, in bytes.
pub const ID_BYTES_MAX: usize = 128;

/// Turns a request into a session.
pub(crate) async fn upgrade(api: Api, stop: watch::Receiver<bool>, request: Request) -> Response {
    let from = rest::peer(&request);
    let (mut parts, _) = request.into_parts();
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade,
        Err(error) => return rest::refused(ApiError::new(Code::InvalidRequest, "not_a_websocket", error.to_string())),
    };
    let limits = api.0.options.session.clone();
    xln_net::configure(upgrade, &limits).on_upgrade(async move |socket| {
        let (mailbox, mail) = mailbox(api.0.options.mailbox_events_max);
        let session = ApiSession::new(api, mailbox, from);
        xln_net::run(socket, session, mail, &limits, stop).await;
    })
}

/// One connection.
struct ApiSession {
    api: Api,
    mailbox: Mailbox<ApiEvent>,
    from: IpAddr,
    caller: Option<(Caller, Instant)>,
    listening: topics::Listening,
}

/// What a request leads to.
enum Work {
    /// Answered at once.
    Done(Answer),
    /// A method of the table, and its request id where it has one.
    Call(usize, String, Option<String>),
    Subscribe(Subscribe),
    Unsubscribe(Topics),
    Resume(Resume),
    Acknowledge(Ack),
}

impl ApiSession {
    fn new(api: Api, mailbox: Mailbox<ApiEvent>, from: IpAddr) -> Self {
        api.0.metrics.session_opened();
        ApiSession { api, mailbox, from, caller: None, listening: topics::Listening::default() }
    }

    fn caller(&self) -> Option<Caller> {
        self.caller.map(|(caller, _)| caller)
    }

    /// Decides what a request is; what must take effect before the next frame (a login) happens here.
    fn begin(&mut self, index: usize, params: &str, request_id: Option<String>) -> Result<Work, ApiError> {
        let Some(method) = self.api.method(index) else { return Err(ApiError::unknown("method")) };
        if self.caller.is_none() {
            self.api.0.limiter.address(self.from, self.api.0.backend.now_ms())?;
        }
        if !matches!(method.action, Action::Session) {
            return Ok(Work::Call(index, params.to_owned(), request_id));
        }
        let name = method.name;
        let begun = self.api.admit(index, self.caller().as_ref()).and_then(|()| self.begin_session(name, params));
        self.api.0.metrics.count(index, begun.as_ref().err().map(|error| error.code));
        begun
    }

    fn begin_session(&mut self, name: &str, params: &str) -> Result<Work, ApiError> {
        match name {
            "authenticate" => {
                let login: Authenticate = params::parse(params)?;
                Ok(Work::Done(to_text(&self.authenticate(&login)?)))
            }
            "subscribe" => params::parse(params).map(Work::Subscribe),
            "unsubscribe" => params::parse(params).map(Work::Unsubscribe),
            "resume" => params::parse(params).map(Work::Resume),
            "ack" => params::parse(params).map(Work::Acknowledge),
            _ => {
                let Ping {} = params::parse(params)?;
                Ok(Work::Done(to_text(&Pong { time: self.api.0.backend.now_ms() })))
            }
        }
    }

    /// The session stays one account's: its subscriptions are.
    fn authenticate(&mut self, login: &Authenticate) -> Result<Authenticated, ApiError> {
        let caller = self.api.caller(&login.token)?;
        if self.caller().is_some_and(|before| before.account != caller.account) {
            let message = "this session is another account's: open a new one";
            return Err(ApiError::new(Code::Forbidden, "other_account", message).with("field", "token"));
        }
        let left_s = caller.expires_s.saturating_sub(self.api.now_s());
        self.caller = Some((caller, Instant::now() + Duration::from_secs(left_s)));
        let account = caller.account.to_string();
        Ok(Authenticated { account, role: caller.role.name(), expires: caller.expires_s })
    }

    /// Carries on: borrows nothing of the session.
    fn work(&self, work: Result<Work, ApiError>) -> impl Future<Output = Answer> + Send + 'static {
        let (api, mailbox, caller) = (self.api.clone(), self.mailbox.clone(), self.caller());
        let listening = self.listening.clone();
        async move {
            let call = Call { api: api.clone(), caller };
            let ears = topics::Ears { mailbox: &mailbox, listening: &listening };
            match work? {
                Work::Done(answer) => answer,
                Work::Call(index, params, request_id) => match (caller, request_id, params::fields(&params)) {
                    (Some(caller), Some(id), Ok(fields)) => {
                        let params = fields.text().map_err(|error| params::explain(&error, None))?;
                        api.call_once(index, caller, (&id, "id"), params).await
                    }
                    _ => api.call(index, caller, &params).await,
                },
                Work::Subscribe(wish) => to_text(&topics::subscribe(&call, ears, &wish).await?),
                Work::Unsubscribe(wish) => to_text(&topics::unsubscribe(&call, ears, &wish)?),
                Work::Resume(wish) => to_text(&topics::resume(&call, ears, &wish).await?),
                Work::Acknowledge(ack) => to_text(&topics::acknowledge(&call, ears, ack)?),
            }
        }
    }

    /// Reads a text frame: its id, and what it leads to.
    fn read(&mut self, frame: &str) -> (Option<String>, Result<Work, ApiError>) {
        let (id, request) = frame::read(frame);
        let work = request.and_then(|frame::Request { method, params, request_id }| {
            self.api.method_named(&method).and_then(|index| self.begin(index, params, request_id))
        });
        (id, work)
    }
}

impl Drop for ApiSession {
    fn drop(&mut self) {
        self.api.0.metrics.session_closed();
    }
}

impl Session for ApiSession {
    type Event = ApiEvent;

    fn text(&mut self, frame: String) -> impl Future<Output = Option<String>> + Send + 'static {
        let (id, work) = self.read(&frame);
        let working = self.work(work);
        async move { Some(envelope(id.as_deref(), &working.await)) }
    }

    fn binary(&mut self, frame: Vec<u8>) -> impl Future<Output = Option<Vec<u8>>> + Send + 'static {
        let (id, begun) = self.read_binary(&frame);
        let working = self.work_binary(begun);
        async move { Some(binary::envelope(id, working.await)) }
    }

    fn event(&mut self, mail: Mail<ApiEvent>) -> Option<String> {
        match mail {
            Mail::Event(delivery) => {
                let (topic, seq) = (delivery.topic, delivery.seq);
                let data = delivery.event.data(&self.api.0.directory, &self.listening.sight(topic));
                Some(format!("{{\"event\":\"{topic}\",\"seq\":{seq},\"data\":{data}}}"))
            }
            Mail::Lagged => {
                let message = "events came faster than they were read: connect again and resume";
                Some(envelope(None, &Err(ApiError::new(Code::Overloaded, "lagged", message))))
            }
        }
    }

    fn closes_after(&self) -> Option<Instant> {
        self.caller.map(|(_, ends)| ends)
    }
}

/// `{"id", "result"}` or `{"id", "error"}`.
fn envelope(id: Option<&str>, answer: &Answer) -> String {
    let (name, value) = match answer {
        Ok(text) => ("result", Cow::Borrowed(text.as_str())),
        Err(error) => ("error", Cow::Owned(error.to_json().to_string())),
    };
    match id {
        Some(id) => format!("{{\"id\":{id},\"{name}\":{value}}}"),
        None => format!("{{\"{name}\":{value}}}"),
    }
}

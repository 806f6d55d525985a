//! The loop of one session: one task, no locks, every queue bounded.
//!
//! A *turn* polls what may be ready, in this order: the stop signal, unfinished requests, the socket's next frames, the mailbox, the
//! socket's write side, the deadlines. Answers and events gather in the outbox; the socket is flushed once a turn, when all that
//! was ready has been fed to it. While the outbox or the unfinished requests are at their bounds, reading pauses.
//!
//! A session that ends for the hub's reasons goes through [`Phase::Draining`] (no new requests, answers still go out) and
//! [`Phase::Farewell`] (the close frame is out, the peer's is awaited), each bounded by the write timeout.

use std::collections::VecDeque;
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::stream::FuturesUnordered;
use futures_util::{SinkExt, StreamExt};
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::mailbox::{Mail, MailboxReceiver};
use crate::session::{Ended, Session, SessionLimits};

/// Frames read in one turn, before answers are written and other tasks get their chance.
const FRAMES_PER_TURN_MAX: usize = 256;
/// Messages in the outbox beyond which events stay in the mailbox.
const OUTBOX_EVENTS_MAX: usize = 64;

/// The longest timeout that counts: thirty days.
const TIMEOUT_MS_MAX: u64 = 30 * 24 * 3_600_000;

/// A finished request: the bytes of its frame, and its answer.
type Done = (usize, Option<Message>);
type Request = Pin<Box<dyn Future<Output = Done> + Send>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    Draining { why: Ended, until: Instant },
    Farewell { why: Ended, until: Instant },
}

pub(crate) struct Pump<'a, S: Session> {
    socket: WebSocket,
    session: S,
    mail: MailboxReceiver<S::Event>,
    limits: &'a SessionLimits,
    phase: Phase,
    /// Requests that have been polled at least once.
    unfinished: FuturesUnordered<Request>,
    unfinished_bytes: usize,
    outbox: VecDeque<Message>,
    outbox_bytes: usize,
    /// The socket's buffer holds bytes that must go out.
    unflushed: bool,
    /// The socket has nothing more to read.
    read_over: bool,
    /// The mailbox has nothing more to give.
    mail_over: bool,
    /// Reading stopped this turn for want of room, or because the turn was long enough.
    read_paused: bool,
    /// Events were left in the mailbox this turn for want of room.
    mail_paused: bool,
    /// Since when writing waits for the peer.
    blocked: Option<Instant>,
    /// The socket took no further message when last asked.
    socket_full: bool,
    heard_at: Instant,
    /// When the ping went out that nothing has followed yet.
    pinged_at: Option<Instant>,
    timer: Pin<Box<Sleep>>,
}

impl<'a, S: Session> Pump<'a, S> {
    pub(crate) fn new(
        socket: WebSocket,
        session: S,
        mail: MailboxReceiver<S::Event>,
        limits: &'a SessionLimits,
    ) -> Self {
        let now = Instant::now();
        Pump {
            socket,
            session,
            mail,
            limits,
            phase: Phase::Open,
            unfinished: FuturesUnordered::new(),
            unfinished_bytes: 0,
            outbox: VecDeque::new(),
            outbox_bytes: 0,
            unflushed: false,
            read_over: false,
            mail_over: false,
            read_paused: false,
            mail_paused: false,
            blocked: None,
            socket_full: false,
            heard_at: now,
            pinged_at: None,
            timer: Box::pin(sleep_until(now)),
        }
    }

    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) -> Ended {
        let mut stopped = pin!(async move {
            if stop.wait_for(|stop| *stop).await.is_err() {
                pending::<()>().await;
            }
        });
        poll_fn(|cx| {
            if self.phase == Phase::Open && stopped.as_mut().poll(cx).is_ready() {
                self.close(Ended::Stopped);
            }
            self.turn(cx)
        })
        .await
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        loop {
            (self.read_paused, self.mail_paused) = (false, false);
            self.poll_unfinished(cx);
            if let Some(lost) = self.poll_read(cx) {
                return Poll::Ready(lost);
            }
            self.poll_mail(cx);
            self.say_farewell();
            if self.poll_write(cx).is_err() {
                return Poll::Ready(self.reason().unwrap_or(Ended::Lost));
            }
            if let Phase::Farewell { why, .. } = self.phase
                && self.read_over
                && self.outbox.is_empty()
                && !self.unflushed
            {
                return Poll::Ready(why);
            }
            match self.poll_deadlines(cx) {
                Deadlines::Ended(why) => return Poll::Ready(why),
                Deadlines::Acted => {}
                Deadlines::Ahead => {
                    let reads = self.read_paused && self.may_read();
                    if reads || (self.mail_paused && self.outbox.len() < OUTBOX_EVENTS_MAX) {
                        // A source was left and there is room: come back, after other tasks.
                        cx.waker().wake_by_ref();
                    }
                    return Poll::Pending;
                }
            }
        }
    }

    fn reason(&self) -> Option<Ended> {
        match self.phase {
            Phase::Open => None,
            Phase::Draining { why, .. } | Phase::Farewell { why, .. } => Some(why),
        }
    }

    /// Whether there is room for another request; at the end, frames are only dropped.
    fn may_read(&self) -> bool {
        match self.phase {
            Phase::Open => {
                self.unfinished.len() + self.outbox.len() < self.limits.inflight_max.max(1)
                    && self.unfinished_bytes + self.outbox_bytes <= self.limits.inflight_bytes_max
            }
            Phase::Draining { .. } => false,
            Phase::Farewell { .. } => !self.read_over,
        }
    }

    fn queue(&mut self, message: Message) {
        self.outbox_bytes += bytes_of(&message);
        self.outbox.push_back(message);
    }

    fn poll_unfinished(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready(Some((bytes, answer))) = self.unfinished.poll_next_unpin(cx) {
            self.unfinished_bytes -= bytes;
            if let Some(answer) = answer {
                self.queue(answer);
            }
        }
    }

    /// Reads frames and submits requests. Some when the connection broke.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Option<Ended> {
        for _ in 0..FRAMES_PER_TURN_MAX {
            if !self.may_read() {
                break;
            }
            match self.socket.poll_next_unpin(cx) {
                Poll::Pending => return None,
                Poll::Ready(Some(Ok(message))) => {
                    self.heard_at = Instant::now();
                    self.pinged_at = None;
                    self.take(message, cx);
                }
                Poll::Ready(None) => {
                    self.read_over = true;
                    return self.reason().is_none().then_some(Ended::Lost);
                }
                Poll::Ready(Some(Err(error))) => {
                    self.read_over = true;
                    match (self.reason(), fault(error)) {
                        (Some(why), Ended::Lost) => return Some(why),
                        (None, Ended::Lost) => return Some(Ended::Lost),
                        (None, why) => self.close(why),
                        (Some(_), _) => {}
                    }
                    return None;
                }
            }
        }
        // What the peer sent meanwhile, perhaps a pong, was left unread by us: no silence of its own. Our ping alone is no such pause.
        (self.heard_at, self.read_paused) = (Instant::now(), true);
        self.pinged_at = self.pinged_at.filter(|_| self.blocked.is_none() && self.unfinished.is_empty());
        None
    }

    fn take(&mut self, message: Message, cx: &mut Context<'_>) {
        let open = self.phase == Phase::Open;
        match message {
            Message::Text(text) if open => {
                let answer = self.session.text(text.as_str().to_owned());
                self.submit(text.len(), async move { answer.await.map(Message::from) }, cx);
            }
            Message::Binary(bytes) if open => {
                let length = bytes.len();
                let answer = self.session.binary(bytes.into());
                self.submit(length, async move { answer.await.map(Message::from) }, cx);
            }
            // The library has queued the pong.
            Message::Ping(_) => self.unflushed = true,
            // The library has queued the reply; nothing else may follow it.
            Message::Close(_) if open => {
                self.unfinished.clear();
                self.unfinished_bytes = 0;
                self.outbox.clear();
                self.outbox_bytes = 0;
                self.unflushed = true;
                self.phase = Phase::Farewell { why: Ended::Closed, until: self.write_deadline() };
            }
            Message::Text(_) | Message::Binary(_) | Message::Pong(_) | Message::Close(_) => {}
        }
    }

    /// Polls a request for the first time, before the next frame is looked at; this is what keeps submissions in order.
    fn submit(
        &mut self,
        bytes: usize,
        answer: impl Future<Output = Option<Message>> + Send + 'static,
        cx: &mut Context<'_>,
    ) {
        let mut request: Request = Box::pin(async move { (bytes, answer.await) });
        match request.as_mut().poll(cx) {
            Poll::Ready((_, Some(answer))) => self.queue(answer),
            Poll::Ready((_, None)) => {}
            Poll::Pending => {
                self.unfinished_bytes += bytes;
                self.unfinished.push(request);
            }
        }
    }

    fn poll_mail(&mut self, cx: &mut Context<'_>) {
        while self.phase == Phase::Open && !self.mail_over {
            if OUTBOX_EVENTS_MAX <= self.outbox.len() {
                self.mail_paused = true;
                return;
            }
            match self.mail.poll_recv(cx) {
                Poll::Pending => return,
                Poll::Ready(None) => self.mail_over = true,
                Poll::Ready(Some(mail)) => {
                    let lagged = matches!(mail, Mail::Lagged);
                    if let Some(text) = self.session.event(mail) {
                        self.queue(Message::from(text));
                    }
                    if lagged {
                        self.close(Ended::Lagging);
                    }
                }
            }
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Result<(), axum::Error> {
        while !self.outbox.is_empty() {
            match self.socket.poll_ready_unpin(cx)? {
                Poll::Ready(()) if std::mem::take(&mut self.socket_full) => self.blocked = None,
                Poll::Ready(()) => {}
                Poll::Pending => {
                    self.socket_full = true;
                    self.blocked.get_or_insert_with(Instant::now);
                    return Ok(());
                }
            }
            let Some(message) = self.outbox.pop_front() else { break };
            self.outbox_bytes -= bytes_of(&message);
            self.socket.start_send_unpin(message)?;
            self.unflushed = true;
        }
        if self.unflushed {
            match self.socket.poll_flush_unpin(cx)? {
                Poll::Ready(()) => {
                    self.unflushed = false;
                    self.blocked = None;
                }
                Poll::Pending => {
                    self.blocked.get_or_insert_with(Instant::now);
                }
            }
        }
        Ok(())
    }

    /// Starts to end the session for a reason of the hub's; an earlier reason stays.
    fn close(&mut self, why: Ended) {
        if self.phase == Phase::Open {
            self.phase = Phase::Draining { why, until: self.write_deadline() };
        }
    }

    fn write_deadline(&self) -> Instant {
        after_ms(Instant::now(), self.limits.write_timeout_ms)
    }

    /// Queues the close frame once the last answer has been written, or when they took too long.
    fn say_farewell(&mut self) {
        let Phase::Draining { why, until } = self.phase else { return };
        if !self.unfinished.is_empty() && Instant::now() < until {
            return;
        }
        self.unfinished.clear();
        self.unfinished_bytes = 0;
        self.phase = Phase::Farewell { why, until: self.write_deadline() };
        self.queue(Message::Close(Some(goodbye(why))));
    }

    fn poll_deadlines(&mut self, cx: &mut Context<'_>) -> Deadlines {
        let now = Instant::now();
        let next = match self.due(now) {
            Ok(next) => next,
            Err(reached) => return reached,
        };
        // An earlier timer only costs a turn; re-arming it for every frame would cost more.
        if next < self.timer.deadline() || self.timer.is_elapsed() {
            self.timer.as_mut().reset(next);
        }
        match self.timer.as_mut().poll(cx) {
            Poll::Ready(()) => Deadlines::Acted,
            Poll::Pending => Deadlines::Ahead,
        }
    }

    /// The next deadline; or, as `Err`, what came of one that was reached.
    fn due(&mut self, now: Instant) -> Result<Instant, Deadlines> {
        let mut next = after_ms(now, self.limits.idle_timeout_ms);
        if let Some(since) = self.blocked {
            next = after_ms(since, self.limits.write_timeout_ms);
            if next <= now {
                return Err(Deadlines::Ended(self.reason().unwrap_or(Ended::Blocked)));
            }
        }
        match self.phase {
            Phase::Farewell { why, until } if until <= now => return Err(Deadlines::Ended(why)),
            Phase::Draining { until, .. } if until <= now => return Err(Deadlines::Acted),
            Phase::Farewell { until, .. } | Phase::Draining { until, .. } => return Ok(next.min(until)),
            Phase::Open => {}
        }
        if let Some(at) = self.session.closes_after().map(Instant::from_std) {
            if at <= now {
                self.close(Ended::Expired);
                return Err(Deadlines::Acted);
            }
            next = next.min(at);
        }
        // Half the time passes before a ping, half after it: however late we run, nobody is closed unasked.
        let silent_at = after_ms(self.pinged_at.unwrap_or(self.heard_at), self.limits.idle_timeout_ms / 2);
        if now < silent_at {
            return Ok(next.min(silent_at));
        }
        if self.pinged_at.is_some() {
            self.close(Ended::Idle);
        } else {
            self.pinged_at = Some(now);
            self.queue(Message::Ping(Vec::new().into()));
        }
        Err(Deadlines::Acted)
    }
}

enum Deadlines {
    /// The session is over.
    Ended(Ended),
    /// One was reached and changed something: take another turn.
    Acted,
    /// None is reached; the timer is set.
    Ahead,
}

fn after_ms(at: Instant, timeout_ms: u64) -> Instant {
    at + Duration::from_millis(timeout_ms.min(TIMEOUT_MS_MAX))
}

/// Payload bytes of a message.
fn bytes_of(message: &Message) -> usize {
    match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) | Message::Ping(bytes) | Message::Pong(bytes) => bytes.len(),
        Message::Close(frame) => frame.as_ref().map_or(0, |frame| frame.reason.len()),
    }
}

/// What a read error means.
fn fault(error: axum::Error) -> Ended {
    use tungstenite::error::{Error, ProtocolError};
    match error.into_inner().downcast_ref::<Error>() {
        Some(Error::Capacity(_)) => Ended::TooLarge,
        Some(Error::Utf8(_)) => Ended::NotUtf8,
        Some(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => Ended::Lost,
        Some(Error::Protocol(_)) => Ended::Malformed,
        _ => Ended::Lost,
    }
}

/// The close frame for a reason of the hub's.
fn goodbye(why: Ended) -> CloseFrame {
    let (code, reason) = match why {
        Ended::TooLarge => (1009, "message too large"),
        Ended::NotUtf8 => (1007, "text is not UTF-8"),
        Ended::Malformed => (1002, "protocol broken"),
        Ended::Idle => (1001, "idle"),
        Ended::Stopped => (1001, "hub stops"),
        Ended::Lagging => (1013, "too slow for the events; resume"),
        Ended::Expired => (1008, "session expired"),
        Ended::Closed | Ended::Lost | Ended::Blocked => (1000, ""),
    };
    CloseFrame { code, reason: reason.into() }
}

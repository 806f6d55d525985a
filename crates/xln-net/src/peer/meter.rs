//! A peer's TCP stream, metered beneath TLS: every byte that it sends counts, be it a record without content, an empty fragment or a ping,
//! before anything is done with it.
//!
//! Before authentication there is a fixed allowance for all of the handshake. After it, a bucket: who is over its rate isn't read for
//! a while, and who stays over it is cut off.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use crate::peer::bucket::{Bucket, Verdict};
use crate::peer::limits::{HANDSHAKE_BYTES_MAX, PeerLimits, micros_since};

/// Read from the socket at a time: TLS asks for 4 KiB, which would cost a system call each.
const READ_BYTES: usize = 32 << 10;

/// Counters of one session, for people.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) bytes_in: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
    pub(crate) messages_in: AtomicU64,
    pub(crate) slowed: AtomicU64,
}

pub(crate) fn count(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

/// The peer sent more than it may; inside an [`io::Error`].
#[derive(Debug, thiserror::Error)]
#[error("more bytes than allowed")]
pub(crate) struct TooMuch;

impl TooMuch {
    pub(crate) fn is_in(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|inner| inner.is::<TooMuch>())
    }
}

#[derive(Debug)]
enum Allowed {
    /// So many bytes more.
    Handshake(usize),
    Session(Bucket),
}

/// The stream.
#[derive(Debug)]
pub(crate) struct Metered {
    tcp: TcpStream,
    started: Instant,
    allowed: Allowed,
    pause: Option<Pin<Box<Sleep>>>,
    counters: Arc<Counters>,
    /// Bytes read from the socket that nobody has asked for yet.
    ahead: Vec<u8>,
    taken: usize,
}

impl Metered {
    pub(crate) fn new(tcp: TcpStream) -> Metered {
        Metered {
            tcp,
            started: Instant::now(),
            allowed: Allowed::Handshake(HANDSHAKE_BYTES_MAX),
            pause: None,
            counters: Arc::default(),
            ahead: Vec::new(),
            taken: 0,
        }
    }

    /// The peer has authenticated: from here on its rate is bounded instead of its sum.
    pub(crate) fn authenticated(&mut self, limits: &PeerLimits) -> Arc<Counters> {
        let now_us = micros_since(self.started);
        self.allowed = Allowed::Session(Bucket::new(limits.bytes, limits.flood_ms_max, now_us));
        Arc::clone(&self.counters)
    }

    /// Counts what was just read.
    fn charge(&mut self, bytes: usize) -> io::Result<()> {
        let now_us = micros_since(self.started);
        count(&self.counters.bytes_in, bytes as u64);
        match &mut self.allowed {
            Allowed::Handshake(left) => {
                *left = left.checked_sub(bytes).ok_or_else(|| io::Error::other(TooMuch))?;
            }
            Allowed::Session(bucket) => match bucket.take(now_us, bytes as u64) {
                Verdict::Go => {}
                Verdict::Pause(pause) => {
                    count(&self.counters.slowed, 1);
                    self.pause = Some(Box::pin(sleep(pause.max(Duration::from_millis(1)))));
                }
                Verdict::Flood => return Err(io::Error::other(TooMuch)),
            },
        }
        Ok(())
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        self.ahead.resize(READ_BYTES, 0);
        let mut buffer = ReadBuf::new(&mut self.ahead);
        let read = Pin::new(&mut self.tcp).poll_read(cx, &mut buffer);
        let filled = buffer.filled().len();
        self.taken = 0;
        if !matches!(read, Poll::Ready(Ok(()))) || filled == 0 {
            // An idle session keeps no buffer.
            self.ahead = Vec::new();
            return read;
        }
        self.ahead.truncate(filled);
        Poll::Ready(self.charge(filled))
    }
}

impl AsyncRead for Metered {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.taken == self.ahead.len() {
            ready!(self.poll_fill(cx))?;
        }
        let ahead = &self.ahead[self.taken..];
        let bytes = ahead.len().min(buffer.remaining());
        buffer.put_slice(&ahead[..bytes]);
        self.taken += bytes;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Metered {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.tcp).poll_write(cx, bytes))?;
        count(&self.counters.bytes_out, written as u64);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.tcp).poll_write_vectored(cx, slices))?;
        count(&self.counters.bytes_out, written as u64);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

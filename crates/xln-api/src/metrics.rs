//! Counters for `/metrics`, as plain Prometheus text: requests by method and code, sessions open and ever opened.

use crate::error::Code;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

/// One counter for each code, the first for success.
struct ByCode(Vec<AtomicU64>);

/// The API's own counters.
pub(crate) struct Metrics {
    by_method: Vec<(&'static str, ByCode)>,
    sessions_open: AtomicU64,
    sessions_total: AtomicU64,
}

impl Metrics {
    pub(crate) fn new(methods: impl Iterator<Item = &'static str>) -> Metrics {
        let zeros = || ByCode(std::iter::repeat_with(AtomicU64::default).take(Code::ALL.len() + 1).collect());
        let by_method = methods.map(|name| (name, zeros())).collect();
        Metrics { by_method, sessions_open: AtomicU64::default(), sessions_total: AtomicU64::default() }
    }

    /// Counts an answer of the method at `index` of the table.
    pub(crate) fn count(&self, index: usize, code: Option<Code>) {
        let slot = code.and_then(|code| Code::ALL.iter().position(|other| *other == code)).map_or(0, |slot| slot + 1);
        if let Some(counter) = self.by_method.get(index).and_then(|(_, codes)| codes.0.get(slot)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn session_opened(&self) {
        self.sessions_open.fetch_add(1, Ordering::Relaxed);
        self.sessions_total.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn session_closed(&self) {
        self.sessions_open.fetch_sub(1, Ordering::Relaxed);
    }

    /// The text exposition.
    pub(crate) fn render(&self) -> String {
        let mut text = String::from("# HELP xln_api_requests_total Answers by method and code (0: success).\n");
        text.push_str("# TYPE xln_api_requests_total counter\n");
        for (name, codes) in &self.by_method {
            for (slot, counter) in codes.0.iter().enumerate() {
                let count = counter.load(Ordering::Relaxed);
                let code = slot.checked_sub(1).and_then(|slot| Code::ALL.get(slot)).map_or(0, |code| code.number());
                if count != 0 {
                    let _ = writeln!(text, "xln_api_requests_total{{method=\"{name}\",code=\"{code}\"}} {count}");
                }
            }
        }
        let (open, total) = (self.sessions_open.load(Ordering::Relaxed), self.sessions_total.load(Ordering::Relaxed));
        text.push_str("# HELP xln_api_sessions WebSocket sessions open now.\n# TYPE xln_api_sessions gauge\n");
        let _ = writeln!(text, "xln_api_sessions {open}");
        text.push_str("# HELP xln_api_sessions_total WebSocket sessions ever opened.\n");
        text.push_str("# TYPE xln_api_sessions_total counter\n");
        let _ = writeln!(text, "xln_api_sessions_total {total}");
        text
    }
}

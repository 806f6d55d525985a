//! Bugs planted on purpose, so that simulator and audit can be seen to find them. Without the feature `planted`, which no release has,
//! [`planted`] is `false` at compile time and the bug isn't in the program.

/// True when the bug of this name is planted on this thread.
#[cfg(feature = "planted")]
pub fn planted(name: &str) -> bool {
    BUG.with(|bug| bug.get() == Some(name))
}

/// Without the feature there are no planted bugs.
#[cfg(not(feature = "planted"))]
#[inline(always)]
pub const fn planted(_: &str) -> bool {
    false
}

#[cfg(feature = "planted")]
thread_local! {
    static BUG: std::cell::Cell<Option<&'static str>> = const { std::cell::Cell::new(None) };
}

/// Plants a bug on this thread, or takes it out.
#[cfg(feature = "planted")]
pub fn plant(name: Option<&'static str>) {
    BUG.with(|bug| bug.set(name));
}

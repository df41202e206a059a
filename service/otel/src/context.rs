//! The trace that a thread is in, spans of its own, and W3C's `traceparent`.

use std::cell::Cell;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::str::FromStr;
use std::time::Instant;

use crate::pipeline::{self, Kind, Pipeline, Record};

/// A span, as its children name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanRef {
    /// The number of the trace; not 0.
    pub trace: u128,
    /// The number of the span; not 0.
    pub span: u64,
    /// Whether another process made it.
    pub is_remote: bool,
}

impl SpanRef {
    /// A new span of a trace.
    pub(crate) fn new(trace: u128) -> Self {
        SpanRef { trace, span: random(), is_remote: false }
    }
}

/// The trace that a thread is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Current {
    /// None: the next message decides.
    Nothing,
    /// One that is not sampled.
    NotSampled,
    /// One that is sampled; its last span.
    Sampled(SpanRef),
}

thread_local! {
    static CURRENT: Cell<Current> = const { Cell::new(Current::Nothing) };
    static RANDOM: Cell<u64> = Cell::new(RandomState::new().build_hasher().finish() | 1);
}

pub(crate) fn current() -> Current {
    CURRENT.try_with(Cell::get).unwrap_or(Current::NotSampled)
}

pub(crate) fn set(current: Current) {
    // A thread that is ending sends nothing more.
    let _ = CURRENT.try_with(|own| own.set(current));
}

/// A random number that is not 0.
pub(crate) fn random() -> u64 {
    let drawn = RANDOM.try_with(|random| {
        // xorshift64* (S. Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled", 2016): never 0.
        let mut state = random.get();
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        random.set(state);
        state.wrapping_mul(0x2545_F491_4F6C_DD1D)
    });
    drawn.unwrap_or(1)
}

/// A random number of a trace.
fn random_trace() -> u128 {
    u128::from(random()) << 64 | u128::from(random())
}

/// A span of the calling thread that begins now, and its parent; `None` when it is not sampled. A thread that is in no trace
/// decides now whether it begins one.
#[inline]
pub(crate) fn begin(pipeline: &Pipeline) -> Option<(SpanRef, Option<SpanRef>)> {
    let parent = match current() {
        Current::NotSampled => return None,
        Current::Sampled(parent) => Some(parent),
        Current::Nothing if pipeline.samples() => None,
        Current::Nothing => return None,
    };
    Some((SpanRef::new(parent.map_or_else(random_trace, |parent| parent.trace)), parent))
}

/// W3C's `traceparent` of version 00 (Trace Context, level 1, section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// The number of the trace.
    pub trace: u128,
    /// The number of the parent span.
    pub span: u64,
    /// Whether the caller records the trace.
    pub sampled: bool,
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, u8::from(self.sampled))
    }
}

impl FromStr for TraceParent {
    type Err = NoTraceParent;

    fn from_str(text: &str) -> Result<Self, NoTraceParent> {
        let hex = |text: &str, digits: usize| {
            let is_hex = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            (text.len() == digits && is_hex).then(|| u128::from_str_radix(text, 16).ok()).flatten()
        };
        let read = || {
            let mut parts = text.split('-');
            let version = hex(parts.next()?, 2)?;
            let (trace, span) = (hex(parts.next()?, 32)?, hex(parts.next()?, 16)?);
            let flags = hex(parts.next()?, 2)?;
            // A later version may have more parts; this one may not.
            let is_valid =
                version != 0xff && (version != 0 || parts.next().is_none()) && trace != 0 && span != 0;
            is_valid.then_some(TraceParent { trace, span: span as u64, sampled: flags & 1 == 1 })
        };
        read().ok_or(NoTraceParent)
    }
}

/// A text is no `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no traceparent: expected 00-TRACE-SPAN-FLAGS, with 32, 16 and 2 hexadecimal digits")]
pub struct NoTraceParent;

/// Enters the trace of a `traceparent`, such as the header of a message. Without a header the thread is in no trace.
///
/// # Errors
///
/// [`NoTraceParent`]; the thread is then in no trace, as the standard wants it.
pub fn adopt(header: Option<&str>) -> Result<(), NoTraceParent> {
    set(Current::Nothing);
    let Some(header) = header else { return Ok(()) };
    let TraceParent { trace, span, sampled } = header.parse()?;
    set(match sampled {
        true => Current::Sampled(SpanRef { trace, span, is_remote: true }),
        false => Current::NotSampled,
    });
    Ok(())
}

/// Leaves the trace that the thread is in.
pub fn leave() {
    set(Current::Nothing);
}

/// The `traceparent` for a message to another process; `None` when the thread is in no trace.
pub fn traceparent() -> Option<String> {
    let parent = match current() {
        Current::Nothing => return None,
        // The decision has to travel, and this trace is never recorded.
        Current::NotSampled => TraceParent { trace: random_trace(), span: random(), sampled: false },
        Current::Sampled(SpanRef { trace, span, .. }) => TraceParent { trace, span, sampled: true },
    };
    Some(parent.to_string())
}

/// A span of the calling thread, until this is dropped.
#[derive(Debug)]
#[must_use = "the span ends when this is dropped"]
pub struct Span {
    /// `None` when it is not recorded.
    open: Option<Open>,
    before: Current,
    /// It belongs to this thread.
    _not_send: std::marker::PhantomData<*const ()>,
}

#[derive(Debug)]
struct Open {
    name: &'static str,
    own: SpanRef,
    parent: Option<SpanRef>,
    began: Instant,
}

/// Begins a span in the trace that the thread is in; a thread that is in none decides now whether it begins one.
pub fn span(name: &'static str) -> Span {
    let before = current();
    let mut open = None;
    if before != Current::NotSampled
        && let Some(pipeline) = pipeline::current()
    {
        open = begin(&pipeline).map(|(own, parent)| Open { name, own, parent, began: Instant::now() });
        set(open.as_ref().map_or(Current::NotSampled, |open| Current::Sampled(open.own)));
    }
    Span { open, before, _not_send: std::marker::PhantomData }
}

impl Drop for Span {
    fn drop(&mut self) {
        set(self.before);
        if let (Some(Open { name, own, parent, began }), Some(pipeline)) =
            (self.open.take(), pipeline::current())
        {
            let ended = Instant::now();
            pipeline.record(Record { kind: Kind::Work(name), own, parent, began, ended, depth: None });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_read_as_the_standard_says() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let parent: TraceParent = text.parse().expect("the standard's example");
        assert_eq!((parent.span, parent.sampled), (0x00f0_67aa_0ba9_02b7, true));
        assert_eq!(parent.to_string(), text);
        let later = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-more";
        assert_eq!(later.parse::<TraceParent>().map(|parent| parent.sampled), Ok(false));
        for wrong in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(wrong.parse::<TraceParent>(), Err(NoTraceParent), "{wrong}");
        }
    }

    #[test]
    fn what_is_not_sampled_stays_so_in_the_next_process() {
        adopt(Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")).expect("a traceparent");
        assert_eq!(current(), Current::NotSampled);
        let header = traceparent().expect("it travels");
        assert!(header.ends_with("-00"), "{header}");
        adopt(Some("nonsense")).expect_err("no traceparent");
        assert_eq!((current(), traceparent()), (Current::Nothing, None));
    }
}

//! What is recorded of a send and of a receive.
//!
//! A send is a span of the trace that the sender is in, and a receive is its child. The receiver then is in the trace of what
//! it received last, until it receives again: its own spans and what it sends belong to it. So a trace follows a message
//! across threads and stages.

use std::sync::Arc;
use std::time::{Duration, Instant};

use contract::channel::Info;
use service_trace::recorder::{Ending, Operation, Recorder};

use crate::context::{self, Current, SpanRef};
use crate::pipeline::{self, Kind, Pipeline, Record};

/// The recorder of one channel. A channel that is opened while no [`Tracing`](crate::Tracing) is started is not traced.
#[derive(Clone, Debug)]
pub struct Spans {
    pipeline: Option<Arc<Pipeline>>,
    channel: &'static str,
}

/// What travels with a message that is sampled.
#[derive(Debug)]
pub struct Travelling {
    parent: SpanRef,
    sent: Instant,
}

/// An operation that has begun.
#[derive(Debug)]
pub struct Begun {
    /// `None` of a receive that has not waited: its time is too short to be worth a clock.
    at: Option<Instant>,
    waited: bool,
    /// The span of a send.
    send: Option<(SpanRef, Option<SpanRef>)>,
}

impl Recorder for Spans {
    type Context = Option<Box<Travelling>>;
    type Begun = Begun;

    fn opened(channel: &'static Info) -> Self {
        Spans { pipeline: pipeline::current(), channel: channel.name }
    }

    #[inline]
    fn begin_send(&self) -> (Self::Context, Option<Begun>) {
        let Some(pipeline) = &self.pipeline else { return (None, None) };
        let Some((own, parent)) = context::begin(pipeline) else { return (None, None) };
        let now = Instant::now();
        let begun = Begun { at: Some(now), waited: false, send: Some((own, parent)) };
        (Some(Box::new(Travelling { parent: own, sent: now })), Some(begun))
    }

    #[inline]
    fn begin_receive(&self) -> Begun {
        Begun { at: None, waited: false, send: None }
    }

    #[inline]
    fn waits(&self, begun: &mut Begun) {
        begun.waited = true;
        // The clock is read while it waits in any case.
        begun.at.get_or_insert_with(Instant::now);
    }

    #[inline]
    fn end_send(&self, begun: Begun, ending: Ending) {
        let (Some(pipeline), Some((own, parent)), Some(began)) = (&self.pipeline, begun.send, begun.at)
        else {
            return;
        };
        let passed = ending == Ending::Passed;
        let kind = Kind::Send { channel: self.channel, waited: begun.waited, passed };
        pipeline.record(Record { kind, own, parent, began, ended: Instant::now(), depth: None });
    }

    #[inline]
    fn end_receive(
        &self,
        begun: Begun,
        operation: Operation,
        context: Option<&Self::Context>,
        depth: impl FnOnce() -> Option<usize>,
    ) {
        let Some(pipeline) = &self.pipeline else { return };
        let travelling = match context {
            // A disconnect or a timeout: the thread goes on with nothing in hand.
            None => return context::set(Current::Nothing),
            Some(None) => return context::set(Current::NotSampled),
            Some(Some(travelling)) => travelling,
        };
        let ended = Instant::now();
        let own = SpanRef::new(travelling.parent.trace);
        let is_select = operation == Operation::Select;
        let since_send: Duration = ended.saturating_duration_since(travelling.sent);
        let kind = Kind::Receive { channel: self.channel, waited: begun.waited, is_select, since_send };
        let began = begun.at.unwrap_or(ended);
        let parent = Some(travelling.parent);
        pipeline.record(Record { kind, own, parent, began, ended, depth: depth() });
        context::set(Current::Sampled(own));
    }
}

//! OpenTelemetry spans around the operations of a channel, exported by OTLP.
//!
//! ```text
//! let tracing = Tracing::start(&Settings::to("http://127.0.0.1:4318"))?;      // from here on, channels are traced
//! let (sender, receiver) = Traced::<MyChannel, Spans>::open(capacity)?;
//! adopt(message.header("traceparent"));                                       // a trace that another process began
//! sender.send(job)?;                                                          // a span: its time blocked is the back-pressure
//! let report = tracing.close(Duration::from_secs(5));                         // recorded = sent + refused + lost
//! ```
//!
//! - [`recorder`]: what is recorded of a send and of a receive, and how a trace goes on across threads and processes.
//! - [`context`]: the trace that a thread is in, and W3C's `traceparent`.
//! - [`pipeline`]: the bounded queue, the thread that exports, and the account of what became of every span.
//!
//! # What is decided when
//!
//! A thread that is in no trace decides for each message that it sends whether it begins one, before a span is made. A
//! message that begins none costs a random number, and travels with a null pointer. The decision travels: what follows
//! from a message that is not sampled is not sampled either.
//!
//! # Why not the SDK's tracer
//!
//! Its processor drops a span without an account when its queue is full, and its exporter only logs how many spans a
//! collector refused. Here the queue and the account are our own, and the exporter is OpenTelemetry's. It runs on a thread
//! of its own that blocks, without a runtime, so a shutdown cannot wait for a worker that waits for the shutdown.

// Without the feature the crate is empty, and the links above lead nowhere.
#![cfg_attr(not(feature = "otel"), allow(rustdoc::broken_intra_doc_links))]
#![cfg(feature = "otel")]

mod client;
pub mod context;
mod export;
pub mod pipeline;
pub mod recorder;

pub use self::context::{adopt, leave, span, traceparent};
pub use self::pipeline::{NotStarted, Report, Settings, Tracing};
pub use self::recorder::Spans;

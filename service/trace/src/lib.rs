//! What passes through channels, recorded without a change of the code that uses them.
//!
//! - [`traced`]: `Traced<C, R>` is the channel `C`, which reports its operations to the recorder `R`. A context travels with
//!   every message.
//! - [`recorder`]: what a recorder has to do.
//! - [`timeline`]: the recorder of a timeline. It keeps the operations of each thread, up to a bound.
//! - [`chrome`]: a timeline in Chrome's trace event format, which [Perfetto](https://ui.perfetto.dev) shows.
//!
//! # How a full or an empty channel is told from a quick one
//!
//! A wrapped `send` first tries to send without waiting, and waits only when there is no room. So "blocked in send" says
//! what the channel said, and is no guess from the time. `recv` does the same. A select cannot try, so it is told as a
//! select.

pub mod chrome;
pub mod recorder;
pub mod timeline;
pub mod traced;

//! chanlab's own runner, and what it measures besides the rounds themselves.
//!
//! [`serve`] answers the requests of the protocol that `PROTOCOL.md` defines; [`meters`] are those of the
//! process and of the machine; [`machine`] is the fingerprint that every measurement carries. `go/` has the
//! runner of Go's channels.

pub mod machine;
pub mod meters;
mod serve;

pub use self::serve::{LOG_VARIABLE, serve};

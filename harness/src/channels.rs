//! The baseline channel. All others are adapters of published crates, in the package `adapters`.

pub mod mutex_deque;

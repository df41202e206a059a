//! Numbers, dates and model reports in words, the same everywhere: on the page, on the terminal, in the output of models. The
//! writers of the [`terminal`] and the widths of its [`columns`] are here too.

pub mod columns;
pub mod models;
pub mod numbers;
pub mod terminal;

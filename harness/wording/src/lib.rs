//! Numbers, dates and model reports in words, the same everywhere: on the page, on the terminal, in the output of models.

pub mod models;
pub mod numbers;

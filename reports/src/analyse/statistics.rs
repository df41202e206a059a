//! Pure statistics: from numbers to estimates, intervals and p-values, independent of cells, records and
//! pages.
//!
//! The unit of independence is the epoch, not the round: the rounds of one process share its luck, so a
//! thousand of them can amount to one observation. [`signed_rank`] and [`rank_sum`] therefore take one number
//! per epoch, and [`bootstrap`] draws whole epochs.

pub(crate) mod bootstrap;
mod density;
pub(crate) mod holm;
pub(crate) mod modes;
mod quantiles;
pub(crate) mod rank_sum;
#[cfg(test)]
mod reference;
mod selection;
pub(crate) mod signed_rank;

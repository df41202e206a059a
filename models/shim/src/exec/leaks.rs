//! Leaks: memory that an execution allocated and did not free, if it holds a primitive or was published to
//! others.

use std::cell::RefCell;

use super::trace::CallSite;
use super::{lifecycle, quarantine};

thread_local! {
    /// The addresses that were stored in atomic pointers, and where.
    static PUBLISHED: RefCell<Vec<(usize, CallSite)>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn begin() {
    PUBLISHED.with_borrow_mut(Vec::clear);
}

/// Notes that an address was stored in an atomic pointer, where other threads find it.
pub(crate) fn published(address: Option<usize>, site: CallSite) {
    if let Some(address) = address {
        quarantine::unwatched(|| PUBLISHED.with_borrow_mut(|published| published.push((address, site))));
    }
}

/// Where memory that this execution leaked was first used, by a primitive in it, or else published.
pub(crate) fn first() -> Option<CallSite> {
    let blocks = quarantine::live_blocks();
    lifecycle::first_live_in(&blocks).or_else(|| {
        PUBLISHED.with_borrow(|published| {
            published.iter().find(|&&(address, _)| blocks.contain(address)).map(|&(_, site)| site)
        })
    })
}

//! The methods that verify a channel on its own code, harder than the rounds of a benchmark do.
//!
//! A method looks at numbered cases, made of the task's seed and their number alone ([`harness::verify`]). [`rounds`], [`conformance`],
//! [`properties`] and [`linearizability`] are here; loom and shuttle are in `models/`. The program `chanlab-verify` looks at the cases of
//! one method over one channel, in a process of its own, since a channel under verification may hang, abort or write where it must
//! not; `chanlab verify` builds it when it is asked for the first time, and tells of what it finds.

pub mod conformance;
mod erased;
pub mod linearizability;
pub mod properties;
pub mod rounds;

use harness::channel::{Channel, Info, Visitor};
use harness::registry::Registry;
use harness::verify::{Method, Verify};

/// The methods over the channel `C`.
pub fn methods<C: Channel>() -> [(Method, Verify); 4] {
    [
        (Method::Rounds, rounds::verify::<C>),
        (Method::Conformance, conformance::verify::<C>),
        (Method::Properties, properties::verify::<C>),
        (Method::Linearizability, linearizability::verify::<C>),
    ]
}

/// A channel, and the methods over it.
#[derive(Clone, Copy, Debug)]
pub struct Verified {
    /// What it says of itself.
    pub info: &'static Info,
    methods: [(Method, Verify); 4],
}

impl Verified {
    /// The method over this channel; `None` for one that does not look at a channel's own code.
    pub fn by(&self, method: Method) -> Option<Verify> {
        self.methods.iter().find(|(own, _)| *own == method).map(|(_, verify)| *verify)
    }
}

/// Every registered channel, in the order in which everything shows them.
pub fn channels() -> Vec<Verified> {
    struct All(Vec<Verified>);
    impl Visitor for All {
        fn visit<C: Channel>(&mut self) {
            self.0.push(Verified { info: const { &C::INFO }, methods: methods::<C>() });
        }
    }
    let mut all = All(Vec::new());
    each(&mut all);
    all.0
}

/// The registered channels with their versions, and the workloads.
pub fn registry() -> Registry {
    #[cfg(feature = "adapters")]
    return adapters::registry();
    #[cfg(not(feature = "adapters"))]
    Registry::baseline()
}

fn each(visitor: &mut impl Visitor) {
    #[cfg(feature = "adapters")]
    adapters::each(visitor);
    #[cfg(not(feature = "adapters"))]
    visitor.visit::<harness::channels::mutex_deque::MutexDeque>();
}

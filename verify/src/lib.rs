//! The methods that verify a channel on its own code, harder than the rounds of a benchmark do.
//!
//! A method runs numbered cases, each made from the task's seed and its number alone ([`records::verify`]).
//! This crate has [`rounds`], [`conformance`], [`properties`] and [`linearizability`]; loom and shuttle are
//! in `models/`. The program `chanlab-verify` runs the cases of one method over one channel in a separate
//! process, because a channel under verification may hang, abort or corrupt memory. `chanlab verify` builds
//! and starts that program and reports its findings.

pub mod conformance;
mod dyn_channel;
pub mod linearizability;
mod messages;
pub mod properties;
pub mod rounds;
mod violation;
pub mod worker;

use contract::channel::{Channel, Info, Visitor};
use records::verify::Method;
use workloads::registry::Registry;

pub use self::dyn_channel::DynChannel;
use self::worker::Verify;

/// The methods over the channel `C`.
pub fn methods<C: Channel>() -> [(Method, Verify); 4] {
    [
        (Method::Rounds, rounds::verify::<C>),
        (Method::Conformance, conformance::verify::<C>),
        (Method::Properties, properties::verify::<C>),
        (Method::Linearizability, linearizability::verify::<C>),
    ]
}

/// A channel and the methods over it.
#[derive(Clone, Copy, Debug)]
pub struct ChannelMethods {
    /// The channel's own declarations.
    pub info: &'static Info,
    methods: [(Method, Verify); 4],
}

impl ChannelMethods {
    /// The given method over this channel; `None` for loom and shuttle, which explore models instead.
    pub fn method(&self, method: Method) -> Option<Verify> {
        self.methods.iter().find(|(own, _)| *own == method).map(|(_, verify)| *verify)
    }
}

/// Every registered channel, in the order in which tables show them.
pub fn channels() -> Vec<ChannelMethods> {
    struct All(Vec<ChannelMethods>);
    impl Visitor for All {
        fn visit<C: Channel>(&mut self) {
            self.0.push(ChannelMethods { info: const { &C::INFO }, methods: methods::<C>() });
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
    visitor.visit::<baseline::MutexDeque>();
}

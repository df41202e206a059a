//! The requirements of a scenario on the system under test.

use contract::channel::{Capability, Capacity, Channel};
use records::model_report::ModelVerdict;
use sut::Adapter;

/// The requirements of a scenario on the system under test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// The capacity that the scenario opens it with; `None` when the scenario opens the baseline instead.
    pub capacity: Option<Capacity>,
    /// The capabilities.
    pub capabilities: Vec<Capability>,
}

impl Needs {
    /// Nothing: the scenario opens the baseline.
    pub const NOTHING: Needs = Needs { capacity: None, capabilities: Vec::new() };

    /// Whether the scenario waits with a deadline.
    pub fn has_timeouts(&self) -> bool {
        let timed = |need: &Capability| matches!(need, Capability::SendTimeout | Capability::RecvTimeout);
        self.capabilities.iter().any(timed)
    }

    /// The verdict on a scenario whose requirements the system under test does not meet.
    pub(crate) fn lacking(&self) -> Option<ModelVerdict> {
        let asked = self.capacity?;
        let of_capacity = match asked {
            Capacity::Rendezvous => Some(Capability::Rendezvous),
            Capacity::Bounded(_) => None,
            Capacity::Unbounded => Some(Capability::Unbounded),
        };
        let mut all = of_capacity.iter().chain(&self.capabilities);
        if let Some(lack) = all.find_map(|need| Adapter::INFO.require(*need).err()) {
            let (what, reason) = (lack.capability.to_string(), lack.reason.to_owned());
            return Some(ModelVerdict::Unsupported { what, reason });
        }
        let real = Adapter::effective_capacity(asked);
        (real != asked).then(|| ModelVerdict::Unsupported {
            what: format!("capacity {asked}"),
            reason: format!("the channel makes it {real}"),
        })
    }
}

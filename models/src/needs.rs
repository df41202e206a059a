//! What a model needs of the channel that it explores.

use harness::channel::{Capability, Capacity, Channel};
use sut::Adapter;

/// Why a model at this capacity, which needs what is named, is not of the subject; `None` when it is.
pub fn lacking(capacity: Capacity, needs: &[Capability]) -> Option<String> {
    let of_capacity = match capacity {
        Capacity::Rendezvous => Some(Capability::Rendezvous),
        Capacity::Bounded(_) => None,
        Capacity::Unbounded => Some(Capability::Unbounded),
    };
    if let Some(unsupported) =
        of_capacity.iter().chain(needs).find_map(|need| Adapter::INFO.require(*need).err())
    {
        return Some(unsupported.to_string());
    }
    let real = Adapter::effective_capacity(capacity);
    (real != capacity).then(|| format!("unsupported: capacity {capacity}, which is {real}"))
}

//! The channels, one file each. To add one: write its file and name it here (`CONTRIBUTING.md` tells how).

#[cfg(feature = "crossbeam")]
pub mod crossbeam;
#[cfg(feature = "crossfire")]
pub mod crossfire;
#[cfg(feature = "flume")]
pub mod flume;
#[cfg(feature = "kanal")]
pub mod kanal;
pub mod mutex_deque;
pub mod std;

use crate::channel::Channel;

/// Does something with every channel.
pub trait Visitor {
    /// Called once for each.
    fn visit<C: Channel>(&mut self);
}

/// The registry of channels, in the order in which everything shows them.
pub fn each(visitor: &mut impl Visitor) {
    visitor.visit::<mutex_deque::MutexDeque>();
    visitor.visit::<std::Std>();
    #[cfg(feature = "crossbeam")]
    visitor.visit::<crossbeam::Crossbeam>();
    #[cfg(feature = "crossfire")]
    visitor.visit::<crossfire::Crossfire>();
    #[cfg(feature = "flume")]
    visitor.visit::<flume::Flume>();
    #[cfg(feature = "kanal")]
    visitor.visit::<kanal::Kanal>();
}

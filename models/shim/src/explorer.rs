//! What the shim asks of the program that explores: its threads, which of them goes on at a step, and what an atomic shows to whom.
//!
//! Locks, waits, parkers and the clock are written once, on plain memory: all threads of a model run on one thread of the system, and only
//! one goes on at a time. `random.rs` is shuttle, which chooses a thread at each step whatever the step is of. `exhaustive.rs` is loom, which
//! has to know which steps depend on each other: each is one of an [`Object`], or of what threads have in [`Common`].

#[cfg(loom)]
mod exhaustive;
#[cfg(shuttle)]
mod random;

#[cfg(all(loom, shuttle))]
compile_error!("a build explores with loom or with shuttle: give one of --cfg loom and --cfg shuttle");

#[cfg(loom)]
pub use self::exhaustive::*;
#[cfg(shuttle)]
pub use self::random::*;

/// What threads meet at beside the primitives of the crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Common {
    /// The model's clock.
    Clock,
    /// The parker of the thread of this number.
    Parker(usize),
    /// The wait of the thread of this number, and what ends it.
    Wait(usize),
}

/// How an operation changes an atomic, where the explorer has an operation for that: the other operand, as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Native {
    Add(u64),
    And(u64),
    Or(u64),
    Xor(u64),
    /// It has none.
    Other,
}

/// What an atomic holds.
pub trait Value: Copy {
    /// Whether it has 64 bits, so that a sum of bits is the bits of the sum.
    const IS_WIDE: bool = false;

    /// Its bits; those of a negative number are that of 64 bits.
    fn bits(self) -> u64;

    /// The value of such bits.
    fn of_bits(bits: u64) -> Self;

    /// The address that it points to.
    fn target(self) -> Option<usize> {
        None
    }
}

impl Value for bool {
    fn bits(self) -> u64 {
        self.into()
    }

    fn of_bits(bits: u64) -> Self {
        bits != 0
    }
}

impl<T> Value for *mut T {
    fn bits(self) -> u64 {
        self.expose_provenance() as u64
    }

    fn of_bits(bits: u64) -> Self {
        std::ptr::with_exposed_provenance_mut(bits as usize)
    }

    fn target(self) -> Option<usize> {
        (!self.is_null()).then(|| self.addr())
    }
}

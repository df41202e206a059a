//! The operations of an explorer, in terms that both know.

/// A location that is shared by threads and belongs to no primitive of the crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Common {
    /// The model's clock.
    Clock,
    /// The parker of the thread of this number.
    Parker(usize),
    /// The wait of the thread of this number, and its end.
    Wait(usize),
}

/// A change of an atomic for which an explorer may have an operation; the other operand is given as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Native {
    Add(u64),
    And(u64),
    Or(u64),
    Xor(u64),
    /// No explorer has one.
    Other,
}

/// A value that an atomic can hold.
pub trait Value: Copy {
    /// Whether it has 64 bits, so that adding bits is adding values.
    const IS_WIDE: bool = false;

    /// The value as 64 bits; a negative number is sign-extended.
    fn bits(self) -> u64;

    /// The value with these bits.
    fn from_bits(bits: u64) -> Self;

    /// The address that the value points to, if it is a pointer and not null.
    fn target(self) -> Option<usize> {
        None
    }
}

impl Value for bool {
    fn bits(self) -> u64 {
        self.into()
    }

    fn from_bits(bits: u64) -> Self {
        bits != 0
    }
}

impl<T> Value for *mut T {
    fn bits(self) -> u64 {
        self.expose_provenance() as u64
    }

    fn from_bits(bits: u64) -> Self {
        std::ptr::with_exposed_provenance_mut(bits as usize)
    }

    fn target(self) -> Option<usize> {
        (!self.is_null()).then(|| self.addr())
    }
}

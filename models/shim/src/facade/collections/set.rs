//! `std::collections::HashSet`.

use std::collections::HashSet as Std;
use std::collections::hash_set::{Difference, Intersection, IntoIter, Iter, SymmetricDifference, Union};
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::ops::{BitAnd, BitOr, BitXor, Deref, DerefMut, Sub};

use crate::facade::hash::RandomState;

/// As std's.
#[derive(Clone)]
pub struct HashSet<T, S = RandomState>(Std<T, S>);

impl<T> HashSet<T> {
    /// As std's.
    pub fn new() -> Self {
        HashSet::default()
    }

    /// As std's.
    pub fn with_capacity(capacity: usize) -> Self {
        HashSet::with_capacity_and_hasher(capacity, RandomState::new())
    }
}

impl<T, S> HashSet<T, S> {
    /// As std's.
    pub const fn with_hasher(hasher: S) -> Self {
        HashSet(Std::with_hasher(hasher))
    }

    /// As std's.
    pub fn with_capacity_and_hasher(capacity: usize, hasher: S) -> Self {
        HashSet(Std::with_capacity_and_hasher(capacity, hasher))
    }
}

/// The methods with another set of the same type, which std's would want to be std's own.
impl<T: Eq + Hash, S: BuildHasher> HashSet<T, S> {
    /// As std's.
    pub fn union<'a>(&'a self, other: &'a Self) -> Union<'a, T, S> {
        self.0.union(&other.0)
    }

    /// As std's.
    pub fn intersection<'a>(&'a self, other: &'a Self) -> Intersection<'a, T, S> {
        self.0.intersection(&other.0)
    }

    /// As std's.
    pub fn difference<'a>(&'a self, other: &'a Self) -> Difference<'a, T, S> {
        self.0.difference(&other.0)
    }

    /// As std's.
    pub fn symmetric_difference<'a>(&'a self, other: &'a Self) -> SymmetricDifference<'a, T, S> {
        self.0.symmetric_difference(&other.0)
    }
}

impl<T, S> Deref for HashSet<T, S> {
    type Target = Std<T, S>;

    fn deref(&self) -> &Std<T, S> {
        &self.0
    }
}

impl<T, S> DerefMut for HashSet<T, S> {
    fn deref_mut(&mut self) -> &mut Std<T, S> {
        &mut self.0
    }
}

impl<T, S: Default> Default for HashSet<T, S> {
    fn default() -> Self {
        HashSet::with_hasher(S::default())
    }
}

impl<T: Eq + Hash, S: BuildHasher> PartialEq for HashSet<T, S> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T: Eq + Hash, S: BuildHasher> Eq for HashSet<T, S> {}

impl<T: fmt::Debug, S> fmt::Debug for HashSet<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: Eq + Hash, const N: usize> From<[T; N]> for HashSet<T> {
    fn from(values: [T; N]) -> Self {
        HashSet::from_iter(values)
    }
}

impl<T: Eq + Hash, S: BuildHasher + Default> FromIterator<T> for HashSet<T, S> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        HashSet(Std::from_iter(values))
    }
}

impl<T: Eq + Hash, S: BuildHasher> Extend<T> for HashSet<T, S> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        self.0.extend(values);
    }
}

impl<'a, T: Eq + Hash + Copy + 'a, S: BuildHasher> Extend<&'a T> for HashSet<T, S> {
    fn extend<I: IntoIterator<Item = &'a T>>(&mut self, values: I) {
        self.0.extend(values);
    }
}

impl<T, S> IntoIterator for HashSet<T, S> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        self.0.into_iter()
    }
}

impl<'a, T, S> IntoIterator for &'a HashSet<T, S> {
    type Item = &'a T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.0.iter()
    }
}

macro_rules! operators {
    ($($operator:ident $method:ident),*) => {$(
        impl<T: Eq + Hash + Clone, S: BuildHasher + Default> $operator<&HashSet<T, S>> for &HashSet<T, S> {
            type Output = HashSet<T, S>;

            fn $method(self, other: &HashSet<T, S>) -> HashSet<T, S> {
                HashSet($operator::$method(&self.0, &other.0))
            }
        }
    )*};
}

operators!(BitAnd bitand, BitOr bitor, BitXor bitxor, Sub sub);

//! Where the threads of a round are put: wherever the system likes, on one processor, or spread over cores that are cores of their
//! own and not one core's hyper-threads.

use std::fmt;
use std::fs;
use std::str::FromStr;

use core_affinity::CoreId;

/// Where the threads of a round are put.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// Wherever the system puts them, which may move them while they run.
    #[default]
    Any,
    /// All on one processor.
    SameCore,
    /// Over all cores that this program may use, one after the other: neighbours are never on the same core.
    TwoCores,
}

impl Placement {
    /// Every placement.
    pub const ALL: [Placement; 3] = [Placement::Any, Placement::SameCore, Placement::TwoCores];

    /// The word that params and the runner protocol use.
    pub const fn name(self) -> &'static str {
        match self {
            Placement::Any => "any",
            Placement::SameCore => "same-core",
            Placement::TwoCores => "two-cores",
        }
    }

    /// The processors that threads are put on, one after the other and again from the first; empty when the system chooses.
    ///
    /// # Errors
    ///
    /// What this machine lacks, in words.
    pub(crate) fn places(self) -> Result<Vec<Core>, String> {
        match self {
            Placement::Any => Ok(Vec::new()),
            _ => self.pick(&core_affinity::get_core_ids().unwrap_or_default(), core_of),
        }
    }

    fn pick(
        self,
        processors: &[Core],
        core_of: impl Fn(Core) -> Option<PhysicalCore>,
    ) -> Result<Vec<Core>, String> {
        let Some(&first) = processors.first() else {
            return Err("this system does not let threads be pinned".to_owned());
        };
        if self == Placement::SameCore {
            return Ok(vec![first]);
        }
        let mut places: Vec<Core> = Vec::new();
        for &processor in processors {
            // A processor of which the system tells nothing is taken to be a core.
            let own = core_of(processor);
            if own.is_none() || places.iter().all(|&other| core_of(other) != own) {
                places.push(processor);
            }
        }
        if places.len() < 2 {
            return Err(format!(
                "placement={self} needs two cores, and the {} logical processor(s) that this program may use are one",
                processors.len()
            ));
        }
        Ok(places)
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Placement {
    type Err = UnknownPlacement;

    fn from_str(text: &str) -> Result<Self, UnknownPlacement> {
        let found = Placement::ALL.into_iter().find(|placement| placement.name() == text);
        found.ok_or_else(|| UnknownPlacement(text.to_owned()))
    }
}

/// The placement that was asked for does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("placement={0}: expected any, same-core or two-cores")]
pub struct UnknownPlacement(String);

/// A processor that a thread may be pinned to.
pub(crate) type Core = CoreId;

/// A core: its package, and its number in it. Logical processors of the same core share its caches and its pipeline.
type PhysicalCore = (u32, u32);

/// What Linux tells of a processor (`Documentation/admin-guide/cputopology.rst` of its source).
fn core_of(processor: CoreId) -> Option<PhysicalCore> {
    let number = |name: &str| {
        let path = format!("/sys/devices/system/cpu/cpu{}/topology/{name}", processor.id);
        fs::read_to_string(path).ok()?.trim().parse().ok()
    };
    Some((number("physical_package_id")?, number("core_id")?))
}

/// Pins the calling thread; false when the system refuses.
pub(crate) fn pin(place: Core) -> bool {
    core_affinity::set_for_current(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(placement: Placement, cores: &[Option<PhysicalCore>]) -> Result<Vec<usize>, String> {
        let processors: Vec<_> = (0..cores.len()).map(|id| CoreId { id }).collect();
        let places = placement.pick(&processors, |processor| cores[processor.id])?;
        Ok(places.into_iter().map(|place| place.id).collect())
    }

    #[test]
    fn the_words_are_read_back() {
        for placement in Placement::ALL {
            assert_eq!(placement.to_string().parse(), Ok(placement));
        }
        let error = "one-core".parse::<Placement>().expect_err("no such word");
        assert_eq!(error.to_string(), "placement=one-core: expected any, same-core or two-cores");
    }

    #[test]
    fn two_cores_are_never_the_threads_of_one() {
        let siblings_first = [Some((0, 0)), Some((0, 0)), Some((0, 1)), Some((0, 1))];
        assert_eq!(picked(Placement::TwoCores, &siblings_first), Ok(vec![0, 2]));
        let siblings_apart = [Some((0, 0)), Some((0, 1)), Some((0, 2)), Some((0, 0)), Some((0, 1))];
        assert_eq!(picked(Placement::TwoCores, &siblings_apart), Ok(vec![0, 1, 2]));
        let two_packages = [Some((0, 0)), Some((1, 0))];
        assert_eq!(picked(Placement::TwoCores, &two_packages), Ok(vec![0, 1]));
        assert_eq!(picked(Placement::TwoCores, &[None, None]), Ok(vec![0, 1]));
        let one_core = picked(Placement::TwoCores, &siblings_first[..2]).expect_err("one core");
        assert!(one_core.ends_with("the 2 logical processor(s) that this program may use are one"));
    }

    #[test]
    fn the_same_core_is_one_processor() {
        assert_eq!(picked(Placement::SameCore, &[Some((0, 0)), Some((0, 1))]), Ok(vec![0]));
        assert!(picked(Placement::SameCore, &[]).is_err());
    }
}

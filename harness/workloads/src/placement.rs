//! The placement of a round's threads: left to the system, all on one logical processor, or spread over
//! physical cores.

use std::fmt;
use std::fs;
use std::str::FromStr;

use core_affinity::CoreId;

/// The placement of a round's threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// Left to the system, which may move threads while they run.
    #[default]
    Any,
    /// All threads on one logical processor.
    SameCore,
    /// Spread in turn over all physical cores that this program may use, so that neighbours never share a
    /// core.
    TwoCores,
}

impl Placement {
    /// Every placement.
    pub const ALL: [Placement; 3] = [Placement::Any, Placement::SameCore, Placement::TwoCores];

    /// The name in params and in the runner protocol.
    pub const fn name(self) -> &'static str {
        match self {
            Placement::Any => "any",
            Placement::SameCore => "same-core",
            Placement::TwoCores => "two-cores",
        }
    }

    /// The logical processors to pin the threads to, in turn; empty when the placement is left to the system.
    ///
    /// # Errors
    ///
    /// [`CannotPlace`] where this machine cannot do it.
    pub(crate) fn cores(self) -> Result<Vec<Core>, CannotPlace> {
        match self {
            Placement::Any => Ok(Vec::new()),
            _ => self.pick(&core_affinity::get_core_ids().unwrap_or_default(), physical_core),
        }
    }

    fn pick(
        self,
        processors: &[Core],
        physical_core: impl Fn(Core) -> Option<PhysicalCore>,
    ) -> Result<Vec<Core>, CannotPlace> {
        let Some(&first) = processors.first() else {
            return Err(CannotPlace::NoPinning);
        };
        if self == Placement::SameCore {
            return Ok(vec![first]);
        }
        let mut picked: Vec<Core> = Vec::new();
        for &processor in processors {
            // A processor whose topology is unknown counts as a physical core.
            let own = physical_core(processor);
            if own.is_none() || picked.iter().all(|&other| physical_core(other) != own) {
                picked.push(processor);
            }
        }
        if picked.len() < 2 {
            return Err(CannotPlace::OneCore { placement: self, processors: processors.len() });
        }
        Ok(picked)
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

/// The requested placement does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("placement={0}: expected any, same-core or two-cores")]
pub struct UnknownPlacement(String);

/// This machine cannot place threads as requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CannotPlace {
    /// The system has no way to pin threads.
    #[error("this system does not pin threads")]
    NoPinning,
    /// There is only one physical core.
    #[error(
        "placement={placement} needs two cores: the {processors} logical processor(s) that this program may use are one core"
    )]
    OneCore {
        /// The placement.
        placement: Placement,
        /// The number of logical processors.
        processors: usize,
    },
}

/// A logical processor that a thread can be pinned to.
pub(crate) type Core = CoreId;

/// A physical core: its package, and its number in that package. The logical processors of one core share its
/// caches and its pipeline.
type PhysicalCore = (u32, u32);

/// The physical core of a logical processor, from Linux's `Documentation/admin-guide/cputopology.rst`.
fn physical_core(processor: CoreId) -> Option<PhysicalCore> {
    let number = |name: &str| {
        let path = format!("/sys/devices/system/cpu/cpu{}/topology/{name}", processor.id);
        fs::read_to_string(path).ok()?.trim().parse().ok()
    };
    Some((number("physical_package_id")?, number("core_id")?))
}

/// Pins the calling thread. Returns false if the system refuses.
pub(crate) fn pin(core: Core) -> bool {
    core_affinity::set_for_current(core)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(placement: Placement, cores: &[Option<PhysicalCore>]) -> Result<Vec<usize>, CannotPlace> {
        let processors: Vec<_> = (0..cores.len()).map(|id| CoreId { id }).collect();
        let picked = placement.pick(&processors, |processor| cores[processor.id])?;
        Ok(picked.into_iter().map(|core| core.id).collect())
    }

    #[test]
    fn every_name_parses_back() {
        for placement in Placement::ALL {
            assert_eq!(placement.to_string().parse(), Ok(placement));
        }
        let error = "one-core".parse::<Placement>().expect_err("no such word");
        assert_eq!(error.to_string(), "placement=one-core: expected any, same-core or two-cores");
    }

    #[test]
    fn two_cores_are_distinct_physical_cores() {
        let siblings_first = [Some((0, 0)), Some((0, 0)), Some((0, 1)), Some((0, 1))];
        assert_eq!(picked(Placement::TwoCores, &siblings_first), Ok(vec![0, 2]));
        let siblings_apart = [Some((0, 0)), Some((0, 1)), Some((0, 2)), Some((0, 0)), Some((0, 1))];
        assert_eq!(picked(Placement::TwoCores, &siblings_apart), Ok(vec![0, 1, 2]));
        let two_packages = [Some((0, 0)), Some((1, 0))];
        assert_eq!(picked(Placement::TwoCores, &two_packages), Ok(vec![0, 1]));
        assert_eq!(picked(Placement::TwoCores, &[None, None]), Ok(vec![0, 1]));
        let one_core = picked(Placement::TwoCores, &siblings_first[..2]).expect_err("one core");
        assert!(
            one_core
                .to_string()
                .ends_with("the 2 logical processor(s) that this program may use are one core")
        );
    }

    #[test]
    fn same_core_is_one_logical_processor() {
        assert_eq!(picked(Placement::SameCore, &[Some((0, 0)), Some((0, 1))]), Ok(vec![0]));
        assert!(picked(Placement::SameCore, &[]).is_err());
    }
}

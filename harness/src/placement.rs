//! Where threads are put: on the same processor, or on two that are two cores and not one core's hyper-threads.

use std::fs;

use core_affinity::CoreId;

/// A processor that threads may be pinned to; `None` leaves it to the system.
pub(crate) type Place = Option<CoreId>;

/// A core: its package, and its number in it. Logical processors of the same core share its caches and its pipeline.
type Core = (u32, u32);

/// Two places, by the words that params use: `any`, `same-core`, `two-cores`.
///
/// # Errors
///
/// What this machine lacks, in words.
pub(crate) fn pair(word: &str) -> Result<[Place; 2], String> {
    match word {
        "any" => Ok([None, None]),
        _ => pick(word, &core_affinity::get_core_ids().unwrap_or_default(), core_of),
    }
}

fn pick(
    word: &str,
    processors: &[CoreId],
    core_of: impl Fn(CoreId) -> Option<Core>,
) -> Result<[Place; 2], String> {
    let Some((&first, others)) = processors.split_first() else {
        return Err("this system does not let threads be pinned".to_owned());
    };
    if word == "same-core" {
        return Ok([Some(first), Some(first)]);
    }
    // A system that tells nothing of its cores is taken to have no hyper-threads.
    let own = core_of(first);
    let other = others.iter().find(|&&other| own.is_none() || core_of(other) != own);
    match other {
        Some(&second) => Ok([Some(first), Some(second)]),
        None => Err(format!(
            "placement={word} needs two cores, and the {} logical processor(s) that this program may use are one",
            processors.len()
        )),
    }
}

/// What Linux tells of a processor (`Documentation/admin-guide/cputopology.rst` of its source).
fn core_of(processor: CoreId) -> Option<Core> {
    let number = |name: &str| {
        let path = format!("/sys/devices/system/cpu/cpu{}/topology/{name}", processor.id);
        fs::read_to_string(path).ok()?.trim().parse().ok()
    };
    Some((number("physical_package_id")?, number("core_id")?))
}

/// Pins the calling thread; false when the system refuses.
pub(crate) fn pin(place: Place) -> bool {
    place.is_none_or(core_affinity::set_for_current)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(word: &str, cores: &[Option<Core>]) -> Result<[usize; 2], String> {
        let processors: Vec<_> = (0..cores.len()).map(|id| CoreId { id }).collect();
        let places = pick(word, &processors, |processor| cores[processor.id])?;
        Ok(places.map(|place| place.expect("a place").id))
    }

    #[test]
    fn two_cores_are_never_the_threads_of_one() {
        let siblings_first = [Some((0, 0)), Some((0, 0)), Some((0, 1)), Some((0, 1))];
        assert_eq!(picked("two-cores", &siblings_first), Ok([0, 2]));
        let two_packages = [Some((0, 0)), Some((1, 0))];
        assert_eq!(picked("two-cores", &two_packages), Ok([0, 1]));
        assert_eq!(picked("two-cores", &[None, None]), Ok([0, 1]));
        let one_core = picked("two-cores", &siblings_first[..2]).expect_err("one core");
        assert!(one_core.ends_with("the 2 logical processor(s) that this program may use are one"));
    }

    #[test]
    fn the_same_core_is_one_processor() {
        assert_eq!(picked("same-core", &[Some((0, 0)), Some((0, 1))]), Ok([0, 0]));
        assert!(picked("same-core", &[]).is_err());
    }
}

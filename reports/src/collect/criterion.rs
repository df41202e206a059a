//! The files of criterion: each benchmark has a folder `new` with `benchmark.json`, `estimates.json` and
//! `sample.json` (criterion 0.8, `analysis/mod.rs` and `estimate.rs`). Benchmarks are matched by the ids
//! inside `benchmark.json`, never by the names of folders, which criterion truncates and alters.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use records::files::read_at_most;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use walkdir::WalkDir;

use super::problem::{Problem, Trouble};
use super::records::Records;

/// The folder of a benchmark's newest measurement.
const NEWEST: &str = "new";

/// The file that names a benchmark.
const BENCHMARK: &str = "benchmark.json";

/// The file of its medians.
const ESTIMATES: &str = "estimates.json";

/// The file of its samples.
const SAMPLE: &str = "sample.json";

/// The length in bytes at which criterion truncates the folder name of a group or a function.
const MAX_FOLDER_LEN: usize = 64;

/// The maximum depth of the search. Criterion nests less deeply (`group/function/value/new/benchmark.json`);
/// the limit ends a cycle of links.
const MAX_DEPTH: usize = 8;

/// The longest file of criterion that is read, in bytes: a sample of a million rounds is shorter.
const MAX_LEN: u64 = 64 << 20;

/// The times of a message that make sense, in nanoseconds: from a thousandth of the shortest step of a clock to 30 years.
pub const PLAUSIBLE_NS: RangeInclusive<f64> = 1e-3..=1e18;

/// The part by which a number may differ from itself after it was divided: criterion divides in another order.
const ROUNDING: f64 = 1e-9;

/// Everything that `cargo bench` left behind.
#[derive(Clone, Debug)]
pub struct CriterionData {
    /// Criterion's directory.
    pub folder: PathBuf,
    /// Our record of the benchmarks.
    pub records: Records,
    /// Criterion's own files.
    pub estimates: Estimates,
}

/// The time of a benchmark, per delivered message.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// The median of the samples, in ns/op. A round that the scheduler delays does not move it.
    pub median: f64,
    /// The bounds of its confidence interval, in ns/op.
    pub interval: [f64; 2],
    /// The level of that interval: 0.95 by default.
    pub level: f64,
}

/// What is wrong with criterion's files of a benchmark. [`crate::render::problems`] words it.
#[derive(Clone, Debug, PartialEq)]
pub enum BadEstimate {
    /// Another folder has the same benchmark: its `benchmark.json`.
    Twice(PathBuf),
    /// The rounds have no number of messages.
    NoMessages,
    /// The rounds have another number of messages than the record says.
    OtherMessages {
        /// The number in criterion's file.
        found: u64,
        /// The number in the record.
        recorded: u64,
    },
    /// A time is outside of [`PLAUSIBLE_NS`].
    Implausible(f64),
    /// The median is not in its interval.
    Outside {
        /// The median.
        median: f64,
        /// The interval.
        interval: [f64; 2],
    },
    /// The level of the interval is not between 0 and 1.
    Level(f64),
    /// The samples have another number of times than of rounds, or there are none.
    Samples {
        /// The numbers of rounds.
        rounds: usize,
        /// The times.
        times: usize,
    },
    /// The median lies outside of all samples: it belongs to another measurement.
    OtherSamples {
        /// The median.
        median: f64,
        /// The shortest and the longest sample.
        samples: [f64; 2],
    },
}

/// A benchmark among criterion's files.
#[derive(Clone, Debug)]
struct Found {
    /// The folder `new`.
    folder: PathBuf,
    /// The messages of a round.
    messages: Option<u64>,
    /// Another folder with the same benchmark.
    again: Option<PathBuf>,
}

/// The benchmarks of a criterion directory.
#[derive(Clone, Debug)]
pub struct Estimates {
    root: PathBuf,
    /// By group and function.
    found: HashMap<(String, String), Found>,
    /// Files that should name a benchmark but cannot be read, and benchmarks that two folders have.
    pub problems: Vec<Problem>,
}

impl Estimates {
    /// Finds the benchmarks under `root`. Their times are read on request.
    pub fn find(root: &Path) -> Self {
        let mut estimates = Estimates { root: root.to_owned(), found: HashMap::new(), problems: Vec::new() };
        for entry in WalkDir::new(root).max_depth(MAX_DEPTH).sort_by_file_name() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    let what = Trouble::File(format!("cannot be listed ({error})"));
                    let file = error.path().unwrap_or(root);
                    estimates.problems.push(Problem::of_file(file, what));
                    continue;
                }
            };
            let path = entry.path();
            if path.ends_with(Path::new(NEWEST).join(BENCHMARK)) {
                estimates.add(path, path.parent().unwrap_or(root));
            }
        }
        estimates
    }

    fn add(&mut self, path: &Path, folder: &Path) {
        let file = read_bytes(path)
            .and_then(|text| parsed::<BenchmarkFile>(&text).map_err(|what| Problem::of_file(path, what)));
        let (key, throughput) = match file {
            Ok(BenchmarkFile { group_id, function_id: Some(function), throughput }) => {
                ((group_id, function), throughput)
            }
            // Every benchmark of chanlab has a function.
            Ok(_) => return,
            Err(problem) => return self.problems.push(problem),
        };
        let messages = throughput.and_then(|throughput| throughput.elements);
        if let Some(known) = self.found.get_mut(&key) {
            let what = BadEstimate::Twice(known.folder.join(BENCHMARK));
            known.again = Some(path.to_owned());
            let subject = Some(format!("{} over {}", key.0, key.1));
            self.problems.push(Problem { subject, ..Problem::of_file(path, what.into()) });
        } else {
            self.found.insert(key, Found { folder: folder.to_owned(), messages, again: None });
        }
    }

    /// The time of a benchmark whose rounds delivered `messages` messages.
    ///
    /// # Errors
    ///
    /// [`Problem`] with the file that is missing, damaged, makes no sense, or is from rounds of another size.
    pub fn estimate(&self, group: &str, function: &str, messages: u64) -> Result<Estimate, Problem> {
        let key = (group.to_owned(), function.to_owned());
        let Some(Found { folder, messages: elements, again }) = self.found.get(&key) else {
            return Err(self.missing(group, function));
        };
        let problem = |file: &str, what: BadEstimate| {
            let subject = Some(format!("{group} over {function}"));
            Problem { subject, ..Problem::of_file(folder.join(file), what.into()) }
        };
        if let Some(again) = again {
            return Err(problem(BENCHMARK, BadEstimate::Twice(again.clone())));
        }
        match *elements {
            None | Some(0) => return Err(problem(BENCHMARK, BadEstimate::NoMessages)),
            Some(found) if found != messages => {
                let what = BadEstimate::OtherMessages { found, recorded: messages };
                return Err(problem(BENCHMARK, what));
            }
            Some(_) => {}
        }
        let [estimates, sample] = [ESTIMATES, SAMPLE].map(|file| read_bytes(&folder.join(file)));
        from_bytes(&estimates?, &sample?, messages).map_err(|(file, what)| match what {
            Trouble::Benchmark(bad) => problem(file, bad),
            what => Problem::of_file(folder.join(file), what),
        })
    }

    /// The problem of a benchmark without files: names the file that should be there.
    fn missing(&self, group: &str, function: &str) -> Problem {
        let file =
            self.root.join(folder_name(group)).join(folder_name(function)).join(NEWEST).join(BENCHMARK);
        let damaged = self.problems.iter().find(|problem| problem.file == file);
        damaged.cloned().unwrap_or_else(|| {
            Problem::of_file(file, Trouble::File("is missing or belongs to another benchmark".to_owned()))
        })
    }
}

/// The time of a benchmark from the bytes of its `estimates.json` and its `sample.json`, whose rounds delivered `messages`
/// messages.
///
/// # Errors
///
/// The file that is damaged or makes no sense, and why.
pub fn from_bytes(
    estimates: &[u8],
    sample: &[u8],
    messages: u64,
) -> Result<Estimate, (&'static str, Trouble)> {
    let estimates: EstimatesFile = parsed(estimates).map_err(|what| (ESTIMATES, what))?;
    let sample: SampleFile = parsed(sample).map_err(|what| (SAMPLE, what))?;
    let estimate = estimates.sound(messages).map_err(|what| (ESTIMATES, what.into()))?;
    sample.sound(messages, estimate.median).map_err(|what| (SAMPLE, what.into()))?;
    Ok(estimate)
}

/// The time of a message in a round of `messages` messages.
fn per_message(round: f64, messages: u64) -> Result<f64, BadEstimate> {
    let time = round / messages as f64;
    if PLAUSIBLE_NS.contains(&time) { Ok(time) } else { Err(BadEstimate::Implausible(time)) }
}

impl EstimatesFile {
    /// The time of a message, if the numbers make sense.
    fn sound(&self, messages: u64) -> Result<Estimate, BadEstimate> {
        let ConfidenceInterval { confidence_level: level, lower_bound, upper_bound } =
            self.median.confidence_interval;
        let median = per_message(self.median.point_estimate, messages)?;
        let interval = [per_message(lower_bound, messages)?, per_message(upper_bound, messages)?];
        if !(interval[0] <= median && median <= interval[1]) {
            return Err(BadEstimate::Outside { median, interval });
        }
        if !(level > 0.0 && level < 1.0) {
            return Err(BadEstimate::Level(level));
        }
        Ok(Estimate { median, interval, level })
    }
}

impl SampleFile {
    /// Whether the numbers make sense, and `median` can be theirs.
    fn sound(&self, messages: u64, median: f64) -> Result<(), BadEstimate> {
        let (rounds, times) = (self.iters.len(), self.times.len());
        if rounds != times || rounds == 0 {
            return Err(BadEstimate::Samples { rounds, times });
        }
        let mut samples = [f64::INFINITY, 0.0_f64];
        for (rounds, time) in self.iters.iter().zip(&self.times) {
            if !(rounds.is_finite() && *rounds >= 1.0) {
                return Err(BadEstimate::Implausible(*rounds));
            }
            let time = per_message(time / rounds, messages)?;
            samples = [samples[0].min(time), samples[1].max(time)];
        }
        let [shortest, longest] = samples;
        match median >= shortest * (1.0 - ROUNDING) && median <= longest * (1.0 + ROUNDING) {
            true => Ok(()),
            false => Err(BadEstimate::OtherSamples { median, samples }),
        }
    }
}

/// The folder name that criterion derives from a group or a function (its `make_filename_safe`).
fn folder_name(id: &str) -> String {
    let mut name = id.replace(['?', '"', '/', '\\', '*', '<', '>', ':', '|', '^'], "_");
    while name.len() > MAX_FOLDER_LEN {
        name.pop();
    }
    name
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, Problem> {
    read_at_most(path, MAX_LEN).map_err(|error| {
        let what = match error.kind() {
            std::io::ErrorKind::NotFound => "is missing".to_owned(),
            _ => format!("cannot be read ({error})"),
        };
        Problem::of_file(path, Trouble::File(what))
    })
}

fn parsed<T: DeserializeOwned>(text: &[u8]) -> Result<T, Trouble> {
    serde_json::from_slice(text).map_err(|error| Trouble::File(format!("is damaged ({error})")))
}

#[derive(Deserialize)]
struct BenchmarkFile {
    group_id: String,
    function_id: Option<String>,
    throughput: Option<Throughput>,
}

/// Criterion's enum. Its other variants leave the field empty.
#[derive(Deserialize)]
struct Throughput {
    #[serde(rename = "Elements")]
    elements: Option<u64>,
}

/// Of the estimates only the median is used.
#[derive(Deserialize)]
struct EstimatesFile {
    median: MedianFile,
}

#[derive(Deserialize)]
struct MedianFile {
    confidence_interval: ConfidenceInterval,
    point_estimate: f64,
}

#[derive(Clone, Copy, Deserialize)]
struct ConfidenceInterval {
    confidence_level: f64,
    lower_bound: f64,
    upper_bound: f64,
}

/// The total nanoseconds and the number of rounds of each sample.
#[derive(Deserialize)]
struct SampleFile {
    iters: Vec<f64>,
    times: Vec<f64>,
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::collection::vec;
    use proptest::num::f64::ANY;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn folders_are_named_as_criterion_names_them() {
        assert_eq!(folder_name("producer_consumer/capacity=64"), "producer_consumer_capacity=64");
        assert_eq!(folder_name(&"ä".repeat(40)).len(), MAX_FOLDER_LEN);
    }

    #[test]
    fn bytes_are_no_number_of_messages() {
        let parse = |text| serde_json::from_str::<BenchmarkFile>(text).expect("criterion's form");
        let file =
            parse(r#"{"group_id":"g","function_id":"f","value_str":null,"throughput":{"Elements":7}}"#);
        assert_eq!(file.throughput.and_then(|throughput| throughput.elements), Some(7));
        let file = parse(r#"{"group_id":"g","function_id":"f","throughput":{"Bytes":7}}"#);
        assert_eq!(file.throughput.and_then(|throughput| throughput.elements), None);
    }

    /// A benchmark of rounds of one message in a folder of this name: its median, its interval and its samples.
    fn write(root: &Path, folder: &str, median: [f64; 3], level: f64, times: &[f64]) {
        let new = root.join(folder).join(NEWEST);
        fs::create_dir_all(&new).expect("made");
        let write = |file: &str, value: serde_json::Value| {
            fs::write(new.join(file), value.to_string()).expect("written");
        };
        write(BENCHMARK, json!({"group_id": "g", "function_id": "f", "throughput": {"Elements": 1}}));
        let bounds = json!({"confidence_level": level, "lower_bound": median[0], "upper_bound": median[2]});
        write(ESTIMATES, json!({"median": {"confidence_interval": bounds, "point_estimate": median[1]}}));
        write(SAMPLE, json!({"iters": vec![1.0; times.len()], "times": times}));
    }

    #[test]
    fn numbers_that_make_no_sense_are_problems_and_no_times() {
        let of = |median, level, times: &[f64]| {
            let folder = tempfile::tempdir().expect("a folder");
            write(folder.path(), "f", median, level, times);
            match Estimates::find(folder.path()).estimate("g", "f", 1) {
                Ok(estimate) => Ok(estimate.median),
                Err(Problem { what: Trouble::Benchmark(bad), .. }) => Err(bad),
                Err(problem) => panic!("{problem:?}"),
            }
        };
        let samples: &[f64] = &[90.0, 100.0, 110.0];
        assert_eq!(of([90.0, 100.0, 110.0], 0.95, samples), Ok(100.0));
        let outside = BadEstimate::Outside { median: 100.0, interval: [200.0, 300.0] };
        assert_eq!(of([200.0, 100.0, 300.0], 0.95, samples), Err(outside));
        for level in [95.0, -1.0, 0.0, 1.0] {
            assert_eq!(of([90.0, 100.0, 110.0], level, samples), Err(BadEstimate::Level(level)));
        }
        for time in [5e-324, 1e-4, 0.0, -3.0, 1e19, 1e308] {
            assert_eq!(of([time; 3], 0.95, &[time]), Err(BadEstimate::Implausible(time)));
            assert_eq!(of([100.0; 3], 0.95, &[100.0, time]), Err(BadEstimate::Implausible(time)));
        }
        let other = BadEstimate::OtherSamples { median: 100.0, samples: [1.0, 2.0] };
        assert_eq!(of([100.0; 3], 0.95, &[1.0, 2.0]), Err(other));
        assert_eq!(of([100.0; 3], 0.95, &[]), Err(BadEstimate::Samples { rounds: 0, times: 0 }));
    }

    #[test]
    fn a_benchmark_of_two_folders_has_no_time_and_a_problem_that_names_both() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["one", "zz-copy"] {
            write(folder.path(), name, [90.0, 100.0, 110.0], 0.95, &[90.0, 100.0, 110.0]);
        }
        let found = Estimates::find(folder.path());
        let [one, copy] =
            ["one", "zz-copy"].map(|name| folder.path().join(name).join(NEWEST).join(BENCHMARK));
        assert_eq!(found.problems.len(), 1);
        assert_eq!(found.problems[0].file, copy);
        assert_eq!(found.problems[0].what, Trouble::Benchmark(BadEstimate::Twice(one)));
        let problem = found.estimate("g", "f", 1).expect_err("which of them?");
        assert_eq!(problem.what, Trouble::Benchmark(BadEstimate::Twice(copy)));
    }

    proptest! {
        /// Whatever numbers the files hold, the result is a valid time or a problem.
        #[test]
        fn an_estimate_has_valid_times(
            numbers in prop_oneof![Just([900.0, 1_000.0, 1_100.0]), [ANY, ANY, ANY]],
            iters in vec(prop_oneof![ANY, 1.0..1e3], 0..4),
            times in vec(prop_oneof![ANY, 1.0..1e9], 0..4),
            messages in 0..3_u64,
            level in prop_oneof![Just(0.95), ANY],
        ) {
            let folder = tempfile::tempdir().expect("a folder");
            let new = folder.path().join("g").join("f").join(NEWEST);
            fs::create_dir_all(&new).expect("made");
            let [low, middle, high] = numbers;
            let write = |file: &str, value: serde_json::Value| {
                fs::write(new.join(file), value.to_string()).expect("written");
            };
            write("benchmark.json", json!({"group_id": "g", "function_id": "f", "throughput": {"Elements": messages}}));
            let bounds = json!({"confidence_level": level, "lower_bound": low, "upper_bound": high});
            write("estimates.json", json!({"median": {"confidence_interval": bounds, "point_estimate": middle}}));
            write("sample.json", json!({"iters": iters, "times": times}));
            if let Ok(read) = Estimates::find(folder.path()).estimate("g", "f", messages) {
                prop_assert!(read.interval[0] <= read.median && read.median <= read.interval[1]);
                for time in [read.interval[0], read.median, read.interval[1]] {
                    prop_assert!(PLAUSIBLE_NS.contains(&time), "{}", time);
                }
                prop_assert!(read.level > 0.0 && read.level < 1.0);
            }
        }

        #[test]
        fn a_file_of_arbitrary_bytes_is_a_problem(bytes in vec(any::<u8>(), 0..40)) {
            let folder = tempfile::tempdir().expect("a folder");
            let new = folder.path().join("g").join("f").join(NEWEST);
            fs::create_dir_all(&new).expect("made");
            fs::write(new.join("benchmark.json"), &bytes).expect("written");
            let found = Estimates::find(folder.path());
            prop_assert_eq!(found.problems.len(), 1);
            let problem = found.estimate("g", "f", 1).expect_err("it cannot be read");
            let Trouble::File(what) = problem.what else { panic!("{problem:?}") };
            prop_assert!(what.starts_with("is damaged"), "{}", what);
        }
    }
}

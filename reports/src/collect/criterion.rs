//! What criterion leaves behind: for each benchmark a folder `new` with `benchmark.json`, `estimates.json` and
//! `sample.json` (criterion 0.8, `analysis/mod.rs` and `estimate.rs`). Benchmarks are matched by the ids inside
//! `benchmark.json` and never by folder names, which criterion cuts and alters.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use walkdir::WalkDir;

use super::Problem;

/// The folder of a benchmark's newest measurement.
const NEWEST: &str = "new";

/// Criterion cuts the folder name of a group or a function to this many bytes.
const LONGEST_FOLDER: usize = 64;

/// Deeper than criterion nests (`group/function/value/new/benchmark.json`), so that a stray link is no endless walk.
const DEEPEST: usize = 8;

/// The times of a cell, for each message delivered: criterion's, or those of a run's rounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// The median of the samples, in ns/op.
    pub median: f64,
    /// The bounds of its confidence interval, in ns/op.
    pub interval: [f64; 2],
    /// The level of that interval: 0.95 unless criterion was told otherwise.
    pub level: f64,
    /// Every sample, in ns/op, in the order of measurement.
    pub samples: Vec<f64>,
    /// The most rounds that a sample is the mean of.
    pub rounds_per_sample: u64,
    /// Messages delivered in each round.
    pub messages: u64,
    /// The epochs that the samples come from; `None` for criterion, which measures in one process.
    pub epochs: Option<usize>,
}

/// Every benchmark of a criterion directory.
#[derive(Clone, Debug)]
pub struct Benchmarks {
    root: PathBuf,
    /// The folder `new` and the messages of a round, by group and function.
    found: HashMap<(String, String), (PathBuf, Option<u64>)>,
    /// Files that name a benchmark, and could not be read.
    pub problems: Vec<Problem>,
}

impl Benchmarks {
    /// Finds the benchmarks under `root`; their measurements are read when asked for.
    pub fn find(root: &Path) -> Self {
        let mut benchmarks =
            Benchmarks { root: root.to_owned(), found: HashMap::new(), problems: Vec::new() };
        for entry in WalkDir::new(root).max_depth(DEEPEST).sort_by_file_name() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    let file = error.path().unwrap_or(root).to_owned();
                    let what = format!("cannot be listed ({error})");
                    benchmarks.problems.push(Problem { file, line: None, what });
                    continue;
                }
            };
            let path = entry.path();
            if !path.ends_with(Path::new(NEWEST).join("benchmark.json")) {
                continue;
            }
            match read_json::<BenchmarkFile>(path) {
                Ok(BenchmarkFile { group_id, function_id: Some(function), throughput }) => {
                    let messages = throughput.and_then(|throughput| throughput.elements);
                    let folder = path.parent().unwrap_or(root).to_owned();
                    benchmarks.found.insert((group_id, function), (folder, messages));
                }
                // A benchmark without a function is none of chanlab's.
                Ok(_) => {}
                Err(problem) => benchmarks.problems.push(problem),
            }
        }
        benchmarks
    }

    /// The measurement of a benchmark whose rounds delivered `messages` messages.
    ///
    /// # Errors
    ///
    /// [`Problem`] with the file that is missing, damaged or of another size of round.
    pub fn measurement(&self, group: &str, function: &str, messages: u64) -> Result<Measurement, Problem> {
        let key = (group.to_owned(), function.to_owned());
        let Some((folder, elements)) = self.found.get(&key) else {
            return Err(self.missing(group, function));
        };
        if *elements != Some(messages) {
            let what = match elements {
                Some(elements) => format!(
                    "is of rounds of {elements} messages, where the record says {messages}: of another run"
                ),
                None => "does not say how many messages a round delivered".to_owned(),
            };
            return Err(Problem { file: folder.join("benchmark.json"), line: None, what });
        }
        if messages == 0 {
            let what = "is of rounds that delivered nothing".to_owned();
            return Err(Problem { file: folder.join("benchmark.json"), line: None, what });
        }

        let estimates_path = folder.join("estimates.json");
        let estimates: EstimatesFile = read_json(&estimates_path)?;
        let sample_path = folder.join("sample.json");
        let sample: SampleFile = read_json(&sample_path)?;

        // Checked after the division: of what is next to nothing, nothing may be left.
        let per_message = |round: f64| round / messages as f64;
        let positive = |numbers: &[f64]| numbers.iter().all(|number| number.is_finite() && *number > 0.0);
        let bounds = estimates.median.confidence_interval;
        let [low, median, high] =
            [bounds.lower_bound, estimates.median.point_estimate, bounds.upper_bound].map(per_message);
        if !positive(&[low, median, high]) || low > high {
            return Err(Problem {
                file: estimates_path,
                line: None,
                what: "holds a time that is none".to_owned(),
            });
        }
        let rounds = sample.iters.iter().zip(&sample.times);
        let samples: Vec<f64> = rounds.map(|(rounds, time)| per_message(time / rounds)).collect();
        if sample.iters.is_empty()
            || sample.iters.len() != sample.times.len()
            || !positive(&sample.iters)
            || !positive(&samples)
        {
            return Err(Problem {
                file: sample_path,
                line: None,
                what: "holds samples that are none".to_owned(),
            });
        }

        Ok(Measurement {
            median,
            interval: [low, high],
            level: bounds.confidence_level,
            samples,
            rounds_per_sample: sample.iters.iter().copied().fold(1.0, f64::max) as u64,
            messages,
            epochs: None,
        })
    }

    /// No benchmark has these ids: names the file that would have them.
    fn missing(&self, group: &str, function: &str) -> Problem {
        let file = self
            .root
            .join(folder_name(group))
            .join(folder_name(function))
            .join(NEWEST)
            .join("benchmark.json");
        let damaged = self.problems.iter().find(|problem| problem.file == file);
        damaged.cloned().unwrap_or_else(|| Problem {
            file,
            line: None,
            what: "is missing, or is of another benchmark".to_owned(),
        })
    }
}

/// The folder that criterion makes of a group or a function (its `make_filename_safe`).
fn folder_name(id: &str) -> String {
    let mut name = id.replace(['?', '"', '/', '\\', '*', '<', '>', ':', '|', '^'], "_");
    while name.len() > LONGEST_FOLDER {
        name.pop();
    }
    name
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, Problem> {
    let problem = |what: String| Problem { file: path.to_owned(), line: None, what };
    let text = fs::read(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => problem("is missing".to_owned()),
        _ => problem(format!("cannot be read ({error})")),
    })?;
    serde_json::from_slice(&text).map_err(|error| problem(format!("is damaged ({error})")))
}

#[derive(Deserialize)]
struct BenchmarkFile {
    group_id: String,
    function_id: Option<String>,
    throughput: Option<Throughput>,
}

/// Criterion's enum; the variants that chanlab does not use leave the field empty.
#[derive(Deserialize)]
struct Throughput {
    #[serde(rename = "Elements")]
    elements: Option<u64>,
}

/// Of the estimates only the median is used: a round that the scheduler held up does not move it.
#[derive(Deserialize)]
struct EstimatesFile {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    confidence_interval: ConfidenceInterval,
    point_estimate: f64,
}

#[derive(Deserialize)]
struct ConfidenceInterval {
    confidence_level: f64,
    lower_bound: f64,
    upper_bound: f64,
}

/// Total nanoseconds of each sample, and its rounds.
#[derive(Deserialize)]
struct SampleFile {
    iters: Vec<f64>,
    times: Vec<f64>,
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::num::f64::ANY;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn folders_are_named_as_criterion_names_them() {
        assert_eq!(folder_name("producer_consumer/capacity=64"), "producer_consumer_capacity=64");
        assert_eq!(folder_name(&"ä".repeat(40)).len(), LONGEST_FOLDER);
    }

    #[test]
    fn throughput_of_another_kind_is_no_number_of_messages() {
        let parse = |text| serde_json::from_str::<BenchmarkFile>(text).expect("criterion's form");
        let file =
            parse(r#"{"group_id":"g","function_id":"f","value_str":null,"throughput":{"Elements":7}}"#);
        assert_eq!(file.throughput.and_then(|throughput| throughput.elements), Some(7));
        let file = parse(r#"{"group_id":"g","function_id":"f","throughput":{"Bytes":7}}"#);
        assert_eq!(file.throughput.and_then(|throughput| throughput.elements), None);
    }

    proptest! {
        /// Whatever numbers the files hold: a measurement has times, or there is a problem.
        #[test]
        fn what_is_read_are_times(
            numbers in prop_oneof![Just([900.0, 1_000.0, 1_100.0]), [ANY, ANY, ANY]],
            iters in vec(prop_oneof![ANY, 1.0..1e3], 0..4),
            times in vec(prop_oneof![ANY, 1.0..1e9], 0..4),
            messages in 0..3_u64,
        ) {
            let folder = tempfile::tempdir().expect("a folder");
            let new = folder.path().join("g").join("f").join(NEWEST);
            fs::create_dir_all(&new).expect("made");
            let [low, middle, high] = numbers;
            let write = |file: &str, value: serde_json::Value| {
                fs::write(new.join(file), value.to_string()).expect("written");
            };
            write("benchmark.json", json!({"group_id": "g", "function_id": "f", "throughput": {"Elements": messages}}));
            let bounds = json!({"confidence_level": 0.95, "lower_bound": low, "upper_bound": high});
            write("estimates.json", json!({"median": {"confidence_interval": bounds, "point_estimate": middle}}));
            write("sample.json", json!({"iters": iters, "times": times}));
            if let Ok(read) = Benchmarks::find(folder.path()).measurement("g", "f", messages) {
                prop_assert!(read.interval[0] <= read.interval[1]);
                let all = read.samples.into_iter().chain(read.interval).chain([read.median]);
                for time in all {
                    prop_assert!(time > 0.0 && time.is_finite(), "{}", time);
                }
            }
        }

        #[test]
        fn files_of_any_bytes_are_a_problem(bytes in vec(any::<u8>(), 0..40)) {
            let folder = tempfile::tempdir().expect("a folder");
            let new = folder.path().join("g").join("f").join(NEWEST);
            fs::create_dir_all(&new).expect("made");
            fs::write(new.join("benchmark.json"), &bytes).expect("written");
            let found = Benchmarks::find(folder.path());
            prop_assert_eq!(found.problems.len(), 1);
            let problem = found.measurement("g", "f", 1).expect_err("it cannot be read");
            prop_assert!(problem.what.starts_with("is damaged"), "{}", problem);
        }
    }
}

//! The files of criterion: each benchmark has a folder `new` with `benchmark.json`, `estimates.json` and
//! `sample.json` (criterion 0.8, `analysis/mod.rs` and `estimate.rs`). Benchmarks are matched by the ids
//! inside `benchmark.json`, never by the names of folders, which criterion truncates and alters.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use walkdir::WalkDir;

use super::Problem;
use super::records::Records;

/// The folder of a benchmark's newest measurement.
const NEWEST: &str = "new";

/// The length in bytes at which criterion truncates the folder name of a group or a function.
const MAX_FOLDER_LEN: usize = 64;

/// The maximum depth of the search. Criterion nests less deeply (`group/function/value/new/benchmark.json`);
/// the limit ends a cycle of links.
const MAX_DEPTH: usize = 8;

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

/// The benchmarks of a criterion directory.
#[derive(Clone, Debug)]
pub struct Estimates {
    root: PathBuf,
    /// The folder `new` and the messages of a round, by group and function.
    found: HashMap<(String, String), (PathBuf, Option<u64>)>,
    /// Files that should name a benchmark but cannot be read.
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
                    let file = error.path().unwrap_or(root).to_owned();
                    let what = format!("cannot be listed ({error})");
                    estimates.problems.push(Problem { file, line: None, what });
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
                    estimates.found.insert((group_id, function), (folder, messages));
                }
                // Every benchmark of chanlab has a function.
                Ok(_) => {}
                Err(problem) => estimates.problems.push(problem),
            }
        }
        estimates
    }

    /// The time of a benchmark whose rounds delivered `messages` messages.
    ///
    /// # Errors
    ///
    /// [`Problem`] with the file that is missing, damaged, or from rounds of another size.
    pub fn estimate(&self, group: &str, function: &str, messages: u64) -> Result<Estimate, Problem> {
        let key = (group.to_owned(), function.to_owned());
        let Some((folder, elements)) = self.found.get(&key) else {
            return Err(self.missing(group, function));
        };
        let problem =
            |file: &str, what: &str| Problem { file: folder.join(file), line: None, what: what.to_owned() };
        match elements {
            None => {
                return Err(problem("benchmark.json", "does not say how many messages a round delivered"));
            }
            Some(elements) if *elements != messages => {
                let what = format!(
                    "describes rounds of {elements} messages, but the record says {messages}: it belongs to another measurement"
                );
                return Err(problem("benchmark.json", &what));
            }
            Some(0) => return Err(problem("benchmark.json", "describes rounds that delivered nothing")),
            Some(_) => {}
        }

        let estimates: EstimatesFile = read_json(&folder.join("estimates.json"))?;
        let sample: SampleFile = read_json(&folder.join("sample.json"))?;

        // The checks follow the division, which may underflow to zero.
        let per_message = |round: f64| round / messages as f64;
        let positive = |numbers: &[f64]| numbers.iter().all(|number| number.is_finite() && *number > 0.0);
        let bounds = estimates.median.confidence_interval;
        let [low, median, high] =
            [bounds.lower_bound, estimates.median.point_estimate, bounds.upper_bound].map(per_message);
        if !positive(&[low, median, high]) || low > high {
            return Err(problem("estimates.json", "has an invalid time"));
        }
        let rounds = sample.iters.iter().zip(&sample.times);
        let samples: Vec<f64> = rounds.map(|(rounds, time)| per_message(time / rounds)).collect();
        if sample.iters.is_empty()
            || sample.iters.len() != sample.times.len()
            || !positive(&sample.iters)
            || !positive(&samples)
        {
            return Err(problem("sample.json", "has invalid samples"));
        }
        Ok(Estimate { median, interval: [low, high], level: bounds.confidence_level })
    }

    /// The problem of a benchmark without files: names the file that should be there.
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
            what: "is missing or belongs to another benchmark".to_owned(),
        })
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

#[derive(Deserialize)]
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

    proptest! {
        /// Whatever numbers the files hold, the result is a valid time or a problem.
        #[test]
        fn an_estimate_has_valid_times(
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
            if let Ok(read) = Estimates::find(folder.path()).estimate("g", "f", messages) {
                prop_assert!(read.interval[0] <= read.interval[1]);
                for time in [read.interval[0], read.median, read.interval[1]] {
                    prop_assert!(time > 0.0 && time.is_finite(), "{}", time);
                }
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
            prop_assert!(problem.what.starts_with("is damaged"), "{}", problem);
        }
    }
}

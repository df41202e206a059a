//! A folder as benchmarks leave it: chanlab's record, and criterion's files for each benchmark.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use harness::machine::Machine;
use harness::model_report::{Coverage, ExplorationBounds, Format, ModelReport, ModelSubject, ModelVerdict};
use harness::record::{
    BENCH_FILE, CellRecord, MODELS_FILE, ModelRecord, ParamsRecord, Record, Recorder, Run, Status,
};
use harness::shard::Shard;
use serde_json::json;
use tempfile::TempDir;

/// Messages of each round.
pub(crate) const MESSAGES: u64 = 2_000;

pub(crate) struct Fixture {
    folder: TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        // On the file system of the command, so that a link to it can be made.
        Fixture { folder: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder") }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn input(&self) -> PathBuf {
        self.path().join("criterion")
    }

    pub(crate) fn models_file(&self) -> PathBuf {
        self.path().join("models.jsonl")
    }

    fn append(&self, record: &Record) {
        Recorder::new(self.input().join(BENCH_FILE)).append(record).expect("written");
    }

    /// Appends a line that may be none.
    pub(crate) fn append_line(&self, line: &str) {
        let path = self.input().join(BENCH_FILE);
        let mut file = OpenOptions::new().append(true).open(path).expect("there is a record");
        writeln!(file, "{line}").expect("written");
    }

    /// A run of `workload` over all channels on the machine that `kernel` names.
    pub(crate) fn run(&self, name: &str, kernel: &str, workload: &str, grid: &[&str]) {
        let registry = adapters::registry();
        let info = registry.workload(workload).expect("a workload");
        let grid = grid
            .iter()
            .map(|text| ParamsRecord::of(info, &registry.params(workload, text).expect("params")))
            .collect();
        let channels: Vec<_> = registry.channels().map(|info| info.name.to_owned()).collect();
        self.append(&Record::Run(Run {
            run: name.to_owned(),
            began: "2026-01-02T03:04:05Z".to_owned(),
            command: "cargo bench".to_owned(),
            profile: "quick".to_owned(),
            workload: workload.to_owned(),
            grid,
            channels,
            machine: machine(kernel),
        }));
    }

    /// What became of a cell of the run `name`.
    pub(crate) fn cell(&self, name: &str, cell: [&str; 3], status: Status, effective_capacity: Option<&str>) {
        let [workload, params, channel] = cell;
        self.append(&Record::Cell(CellRecord {
            run: name.to_owned(),
            workload: workload.to_owned(),
            params: params.to_owned(),
            channel: channel.to_owned(),
            status,
            effective_capacity: effective_capacity.map(str::to_owned),
            replay: format!("cargo run --release -- round {channel} {workload} {params}"),
        }));
    }

    /// A measured cell whose median is `ns` ns/op.
    pub(crate) fn measured(&self, name: &str, cell: [&str; 3], ns: f64) {
        self.cell(name, cell, measured(), None);
        self.criterion(cell, ns);
    }

    /// Criterion's files of a benchmark; the folder that holds them.
    pub(crate) fn criterion(&self, cell: [&str; 3], ns: f64) -> PathBuf {
        let [workload, params, channel] = cell;
        let group = format!("{workload}/{params}");
        // Not criterion's names for them: folders say nothing.
        let folder = self.input().join(format!("folder of {params}")).join(channel).join("new");
        fs::create_dir_all(&folder).expect("made");
        let write = |file: &str, content: serde_json::Value| {
            fs::write(folder.join(file), content.to_string()).expect("written");
        };
        let round = ns * MESSAGES as f64;
        let estimate = json!({
            "confidence_interval": {
                "confidence_level": 0.95, "lower_bound": round * 0.98, "upper_bound": round * 1.02,
            },
            "point_estimate": round,
            "standard_error": round * 0.01,
        });
        write(
            "benchmark.json",
            json!({
                "group_id": group, "function_id": channel, "value_str": null,
                "throughput": { "Elements": MESSAGES },
                "full_id": format!("{group}/{channel}"), "directory_name": "", "title": "",
            }),
        );
        write(
            "estimates.json",
            json!({
                "mean": estimate, "median": estimate, "median_abs_dev": estimate, "slope": null,
                "std_dev": estimate,
            }),
        );
        let times: Vec<_> = (0..20).map(|sample| round * 5.0 * (0.95 + 0.005 * f64::from(sample))).collect();
        write("sample.json", json!({ "sampling_mode": "Flat", "iters": vec![5.0; 20], "times": times }));
        folder
    }

    /// A model that loom passed on the machine that `kernel` names.
    pub(crate) fn model(&self, model: &str, subject: &str, kernel: &str) {
        append_model(&self.models_file(), "loom", model, subject, kernel);
    }

    /// A model that `explorer` passed, recorded in the folder's target directory.
    pub(crate) fn model_by(&self, explorer: &str, model: &str, subject: &str, kernel: &str) {
        append_model(&self.target().join(explorer).join(MODELS_FILE), explorer, model, subject, kernel);
    }

    fn target(&self) -> PathBuf {
        self.path().join("target")
    }

    /// The page that the command draws when it was built into this folder's target directory, and is told of no models.
    pub(crate) fn page_of_its_target(&self) -> String {
        // What makes a folder one of cargo's.
        fs::write(self.target().join(".rustc_info.json"), "{}").expect("written");
        let command = self.target().join("chanlab");
        // No copy: while another test starts a process, a file that is being written cannot be started.
        fs::hard_link(env!("CARGO_BIN_EXE_chanlab"), &command).expect("linked");
        let paths = [self.input(), self.page_file()].map(|path| path.display().to_string());
        let [input, output] = paths.each_ref().map(String::as_str);
        let output = Command::new(command)
            .args(["report", "--input", input, "--output", output])
            .output()
            .expect("the command starts");
        assert!(output.status.success(), "{}", text(&output.stderr));
        fs::read_to_string(self.page_file()).expect("the page")
    }

    /// Runs `chanlab report` over this folder.
    pub(crate) fn report(&self) -> Output {
        if !self.models_file().exists() {
            fs::write(self.models_file(), "").expect("written");
        }
        let paths =
            [self.input(), self.models_file(), self.page_file()].map(|path| path.display().to_string());
        let [input, models, output] = paths.each_ref().map(String::as_str);
        chanlab(&["report", "--input", input, "--models", models, "--output", output])
    }

    fn page_file(&self) -> PathBuf {
        self.path().join("report.html")
    }

    /// The page, after a report that has to succeed.
    pub(crate) fn page(&self) -> String {
        let output = self.report();
        assert!(output.status.success(), "{}", text(&output.stderr));
        fs::read_to_string(self.page_file()).expect("the page")
    }
}

fn append_model(file: &Path, explorer: &str, model: &str, subject: &str, kernel: &str) {
    let bounds = match explorer {
        "shuttle" => ExplorationBounds::Shuttle {
            schedules: 1_234,
            depth: 3,
            seed: 7,
            shard: Shard::WHOLE,
            replay: false,
        },
        _ => ExplorationBounds::Loom {
            preemptions: Some(2),
            branches: 2_000,
            seconds: None,
            shard: Shard::WHOLE,
        },
    };
    let is_workload = adapters::registry().workload(subject).is_ok();
    let report = ModelReport {
        format: Format,
        request: None,
        at: "2026-01-02T03:04:05Z".to_owned(),
        model: model.to_owned(),
        subject: match is_workload {
            true => ModelSubject::Workload(subject.to_owned()),
            false => ModelSubject::Channel,
        },
        sut: if is_workload { "mutex-deque" } else { subject }.to_owned(),
        has_timeouts: false,
        bounds,
        executions: 1_234,
        seconds: 1.5,
        timed_waits: None,
        verdict: ModelVerdict::Passed { coverage: Coverage::Bounds },
    };
    let record = Record::Model(Box::new(ModelRecord { machine: machine(kernel), report }));
    Recorder::new(file).append(&record).expect("written");
}

/// A machine with this kernel.
pub(crate) fn machine(kernel: &str) -> Machine {
    let version = |channel: &str| (channel.to_owned(), format!("{channel} 1.2.3"));
    Machine {
        cpu: "a processor".to_owned(),
        cores: 2,
        kernel: kernel.to_owned(),
        system: "a system".to_owned(),
        rustc: "rustc 1.95.0".to_owned(),
        channels: adapters::registry().channels().map(|info| version(info.name)).collect(),
    }
}

/// The status of a cell that was measured.
pub(crate) fn measured() -> Status {
    Status::Measured { rounds: 120, messages: MESSAGES, beside_abandoned_threads: false }
}

/// Runs the command.
pub(crate) fn chanlab(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_chanlab")).args(arguments).output().expect("the command starts")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The text of a piece of HTML: without its elements, with single spaces.
pub(crate) fn words(html: &str) -> String {
    let mut words = String::new();
    let mut inside = false;
    for character in html.chars() {
        match character {
            '<' => inside = true,
            '>' => {
                inside = false;
                words.push(' ');
            }
            _ if !inside => words.push(character),
            _ => {}
        }
    }
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

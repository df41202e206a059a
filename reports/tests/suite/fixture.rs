//! A target directory with a run, the records of models, and the files of `cargo bench`, and the command
//! built into it.

use std::cell::RefCell;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use contract::shard::Shard;
use engine::journal::RoundsFile;
use engine::plan_file;
use records::crash::ProcessFailure;
use records::files::Recorder;
use records::format::Format;
use records::machine::Machine;
use records::model_report::{Coverage, ExplorationBounds, ModelReport, ModelSubject, ModelVerdict};
use records::plan::{Entry, Group, Launch, Plan, VERSION};
use records::protocol::Measured;
use records::record::{BENCH_FILE, BenchmarkRecord, BenchmarkStatus, MODELS_FILE, ParamsRecord, Record};
use records::rounds::{Line, ROUNDS_FILE, RoundLine};
use serde_json::json;
use tempfile::TempDir;

/// Messages of each round.
pub(crate) const MESSAGES: u64 = 2_000;

/// The epochs of a measured cell, with one round each.
pub(crate) const EPOCHS: u32 = 15;

pub(crate) struct Fixture {
    folder: TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        // On the file system of the command, which is linked into the folder.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let fixture = Fixture { folder };
        fs::create_dir(fixture.target()).expect("made");
        // This file marks a target directory of cargo.
        fs::write(fixture.target().join(".rustc_info.json"), "{}").expect("written");
        // A link instead of a copy: a file that is being written cannot be executed while another test forks.
        fs::hard_link(env!("CARGO_BIN_EXE_chanlab"), fixture.command()).expect("linked");
        fixture
    }

    fn target(&self) -> PathBuf {
        self.folder.path().join("target")
    }

    fn command(&self) -> PathBuf {
        self.target().join("chanlab-linked")
    }

    /// Criterion's directory.
    pub(crate) fn input(&self) -> PathBuf {
        self.target().join("criterion")
    }

    pub(crate) fn models_file(&self) -> PathBuf {
        self.target().join("loom").join(MODELS_FILE)
    }

    /// A run of `workload` over all channels of this build.
    pub(crate) fn run(&self, workload: &str, grid: &[&str]) -> Run {
        let channels: Vec<_> = adapters::registry().channels().map(|info| info.name).collect();
        self.run_of("2026-01-02T03-04-05Z", workload, grid, &channels)
    }

    /// A run of `workload` in the folder `name`.
    pub(crate) fn run_of(&self, name: &str, workload: &str, grid: &[&str], channels: &[&str]) -> Run {
        let registry = adapters::registry();
        // A workload of another runner has the params of one that this build knows.
        let info = registry
            .workload(workload)
            .or_else(|_| registry.workload("producer_consumer"))
            .expect("a workload");
        let group = |text: &&str| Group {
            workload: workload.to_owned(),
            params: ParamsRecord::new(info, &registry.params(info.name, text).expect("params")),
            least_messages: 1,
            deadline_ns: 30_000_000_000,
        };
        let entry = |name: &&str| Entry {
            name: (*name).to_owned(),
            channel: (*name).to_owned(),
            version: format!("{name} 1.2.3"),
            launch: Launch::Own,
            about: None,
        };
        let plan = Plan {
            version: VERSION,
            began: "2026-01-02T03:04:05Z".to_owned(),
            command: "chanlab run".to_owned(),
            profile: "quick".to_owned(),
            seed: 1,
            machine: machine("6.1"),
            entries: channels.iter().map(entry).collect(),
            groups: grid.iter().map(group).collect(),
            blocks: 1,
            budget_seconds: 1,
            fewest_epochs: 1,
            most_epochs: EPOCHS,
            precision: 0.05,
            placement: "any".to_owned(),
            allocations: false,
            versions: None,
            not_available: Vec::new(),
            programs: Vec::new(),
        };
        let folder = self.target().join("chanlab").join("runs").join(name);
        plan_file::write(&plan, &folder).expect("written");
        let (rounds, _) = RoundsFile::open(&folder).expect("a new run");
        let run = Run { folder, plan, written: RefCell::new((rounds, 0, 0)) };
        for group in 0..run.plan.groups.len() {
            run.append(&Line::Sized { group, messages: MESSAGES });
        }
        run
    }

    /// The end of a benchmark on the machine with this kernel.
    pub(crate) fn benchmark(&self, kernel: &str, cell: [&str; 3], status: BenchmarkStatus) {
        self.benchmark_of_capacity(kernel, cell, status, None);
    }

    pub(crate) fn benchmark_of_capacity(
        &self,
        kernel: &str,
        cell: [&str; 3],
        status: BenchmarkStatus,
        effective_capacity: Option<&str>,
    ) {
        let [workload, params, channel] = cell;
        let record = Record::Benchmark(BenchmarkRecord {
            format: Format,
            at: "2026-01-02T03:04:05Z".to_owned(),
            command: "cargo bench".to_owned(),
            profile: "quick".to_owned(),
            workload: workload.to_owned(),
            params: params.to_owned(),
            channel: channel.to_owned(),
            status,
            effective_capacity: effective_capacity.map(str::to_owned),
            replay: format!("cargo run --release -- round {channel} {workload} {params}"),
            machine: machine(kernel),
        });
        Recorder::new(self.input().join(BENCH_FILE)).append(&record).expect("written");
    }

    /// Appends an arbitrary line to the record of the benchmarks.
    pub(crate) fn append_line(&self, line: &str) {
        append_line(&self.input().join(BENCH_FILE), line);
    }

    /// A measured benchmark whose median is `ns` ns/op.
    pub(crate) fn measured_benchmark(&self, kernel: &str, cell: [&str; 3], ns: f64) {
        self.benchmark(kernel, cell, measured());
        self.criterion(cell, ns);
    }

    /// Criterion's files of a benchmark; returns their folder.
    pub(crate) fn criterion(&self, cell: [&str; 3], ns: f64) -> PathBuf {
        let [workload, params, channel] = cell;
        let group = format!("{workload}/{params}");
        // Names that criterion would not choose: the names of folders must not matter.
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

    /// A model that loom passed.
    pub(crate) fn model(&self, model: &str, subject: &str) {
        self.model_by("loom", model, subject);
    }

    /// A model that `explorer` passed.
    pub(crate) fn model_by(&self, explorer: &str, model: &str, subject: &str) {
        append_model(&self.target().join(explorer).join(MODELS_FILE), explorer, model, subject);
    }

    /// The folder of verifications.
    pub(crate) fn verifications(&self) -> PathBuf {
        self.target().join("chanlab").join("verify")
    }

    /// Runs `chanlab report` over this target directory.
    pub(crate) fn report(&self) -> Output {
        let page = self.page_file().display().to_string();
        Command::new(self.command())
            .args(["report", "--output", &page])
            .env_remove("CRITERION_HOME")
            .output()
            .expect("the command starts")
    }

    fn page_file(&self) -> PathBuf {
        self.folder.path().join("report.html")
    }

    /// The page and the warnings, after a report that must find problems.
    pub(crate) fn page_with_problems(&self) -> (String, String) {
        let output = self.report();
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        let last = stderr.lines().last().unwrap_or_default();
        assert!(last.contains("of the records: see the warnings above"), "{stderr}");
        (fs::read_to_string(self.page_file()).expect("the page"), stderr)
    }

    /// The page, which a report draws whatever it shows: the exit code says whether that is sound, failed or
    /// undecided, since the runs of these tests have no end.
    pub(crate) fn page(&self) -> String {
        let output = self.report();
        assert!(matches!(output.status.code(), Some(0 | 1 | 3)), "{}", text(&output.stderr));
        fs::read_to_string(self.page_file()).expect("the page")
    }
}

fn append_model(file: &Path, explorer: &str, model: &str, subject: &str) {
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
    let record = Record::Model(Box::new(report));
    Recorder::new(file).append(&record).expect("written");
}

/// A run in the fixture's target directory.
pub(crate) struct Run {
    folder: PathBuf,
    plan: Plan,
    /// The file, the number of the next round, and the moment in milliseconds.
    written: RefCell<(RoundsFile, u64, u64)>,
}

impl Run {
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn rounds_file(&self) -> PathBuf {
        self.folder.join(ROUNDS_FILE)
    }

    fn position(&self, [params, channel]: [&str; 2]) -> (usize, usize) {
        let group = self.plan.groups.iter().position(|group| group.params.id == params).expect(params);
        let entry = self.plan.entries.iter().position(|entry| entry.name == channel).expect(channel);
        (group, entry)
    }

    fn append(&self, line: &Line) {
        self.written.borrow_mut().0.append(line).expect("written");
    }

    pub(crate) fn append_line(&self, line: &str) {
        append_line(&self.rounds_file(), line);
    }

    /// Rounds of a cell whose median is `ns` ns/op.
    pub(crate) fn rounds(&self, cell: [&str; 2], ns: f64) {
        let (group, entry) = self.position(cell);
        for epoch in 0..EPOCHS {
            // All channels drift alike, by up to 2 %.
            let drift = 1.0 + 0.01 * (f64::from(epoch % 5) - 2.0);
            let wall_ns = (ns * drift * MESSAGES as f64).round() as u64;
            for block in [None, Some(0)] {
                self.round((group, entry), epoch, block, wall_ns);
            }
        }
    }

    fn round(&self, (group, entry): (usize, usize), epoch: u32, block: Option<u32>, wall_ns: u64) {
        let (round, at_ms) = {
            let (_, round, at_ms) = &mut *self.written.borrow_mut();
            *at_ms += wall_ns / 1_000_000 + 1;
            *round += 1;
            (*round - 1, *at_ms)
        };
        let cell = self.plan.cell(group, entry);
        let measured = Measured { cell, round, messages: MESSAGES, wall_ns, ..Measured::default() };
        self.append(&Line::Round(RoundLine {
            group,
            entry,
            epoch,
            block,
            at_ms,
            measured,
            extended_ns: None,
        }));
    }

    pub(crate) fn unsupported(&self, cell: [&str; 2], reason: &str) {
        let (group, entry) = self.position(cell);
        self.append(&Line::Unsupported { group, entry, reason: reason.to_owned() });
    }

    pub(crate) fn failed(&self, cell: [&str; 2], reason: &str) {
        let (group, entry) = self.position(cell);
        let failure = ProcessFailure { what: reason.to_owned(), ..ProcessFailure::default() };
        self.append(&Line::Failed { group, entry, epoch: 0, cause: None, failure });
    }

    pub(crate) fn capacity(&self, cell: [&str; 2], effective: &str) {
        let (group, entry) = self.position(cell);
        self.append(&Line::Capacity { group, entry, effective: effective.to_owned() });
    }
}

fn append_line(path: &Path, line: &str) {
    let mut file = OpenOptions::new().append(true).open(path).expect("the file exists");
    writeln!(file, "{line}").expect("written");
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

/// The status of a measured benchmark.
pub(crate) fn measured() -> BenchmarkStatus {
    BenchmarkStatus::Measured { rounds: 120, messages: MESSAGES, beside_abandoned_threads: false }
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

/// The rows of the first table in a piece of HTML, as text. Remarks below a row belong to it.
pub(crate) fn table_rows(html: &str) -> Vec<String> {
    let table = html.split("<tbody>").nth(1).expect("a table").split("</tbody>").next().expect("its end");
    let mut rows: Vec<String> = Vec::new();
    for row in table.split("<tr").skip(1) {
        let text = words(&format!("<tr{row}"));
        match rows.last_mut().filter(|_| row.starts_with(" class=\"remarks\"")) {
            Some(last) => last.push_str(&format!(" {text}")),
            None => rows.push(text),
        }
    }
    rows
}

//! A folder for a run, the command in it, and its records.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use engine::journal::RoundsFile;
use engine::plan_file;
use records::plan::{PLAN_FILE, Plan};
use records::rounds::{Line, ROUNDS_FILE, RoundLine};
use tempfile::TempDir;
use testing::runs::TAKES;

pub(crate) struct Sandbox {
    folder: TempDir,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        Sandbox { folder: tempfile::tempdir().expect("a folder") }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The run's folder.
    pub(crate) fn run_folder(&self) -> PathBuf {
        self.path().join("run")
    }

    /// The file in which runners log their own rounds.
    pub(crate) fn runner_log(&self) -> PathBuf {
        self.path().join("runner.log")
    }

    /// The command, not started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chanlab"));
        command.args(arguments).env(runner::LOG_VARIABLE, self.runner_log()).stdin(Stdio::null());
        command
    }

    /// `chanlab run` into the run's folder.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let folder = self.run_folder().display().to_string();
        let all = [&["run", "--output", &folder], arguments].concat();
        self.command(&all).output().expect("the command starts")
    }

    /// A runner as a shell script, which says a valid hello with one channel and then runs `body`.
    pub(crate) fn runner(&self, channel: &str, body: &str) -> String {
        let hello = format!(
            r#"{{"kind":"hello","protocol":2,"runner":"a script","language":"sh","channels":[{{"name":"{channel}","version":"1"}}],"workloads":["producer_consumer"]}}"#
        );
        self.script(channel, &format!("echo '{hello}'\n{body}"))
    }

    /// A program that is a shell script; its path.
    pub(crate) fn script(&self, name: &str, body: &str) -> String {
        let path = self.path().join(format!("{name}.sh"));
        fs::write(&path, format!("#!/bin/bash\n{TAKES}\n{body}\n")).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it may be run");
        path.display().to_string()
    }

    pub(crate) fn plan(&self) -> Plan {
        plan_file::read(&self.run_folder()).expect("a plan")
    }

    /// Every line of the run. Each must be whole.
    pub(crate) fn lines(&self) -> Vec<Line> {
        let text = fs::read_to_string(self.run_folder().join(ROUNDS_FILE)).expect("rounds");
        assert!(text.is_empty() || text.ends_with('\n'), "the last line is not whole");
        text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    pub(crate) fn rounds(&self) -> Vec<RoundLine> {
        let rounds = self.lines().into_iter().filter_map(|line| match line {
            Line::Round(round) => Some(round),
            _ => None,
        });
        rounds.collect()
    }

    /// Checks that every cell that did not close has each of its rounds once.
    pub(crate) fn assert_complete(&self, epochs: u32) {
        let plan = self.plan();
        let lines = self.lines();
        let mut closed = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut numbers = BTreeSet::new();
        for line in &lines {
            match line {
                Line::Round(round) => {
                    let place = (round.group, round.entry, round.epoch, round.block);
                    assert!(seen.insert(place), "{place:?} is there twice");
                    assert!(numbers.insert(round.measured.round), "round {} twice", round.measured.round);
                }
                Line::Failed { group, entry, .. } | Line::Unsupported { group, entry, .. } => {
                    assert!(closed.insert((*group, *entry)), "cell {group}, {entry} ended twice");
                }
                _ => {}
            }
        }
        for group in 0..plan.groups.len() {
            for entry in (0..plan.entries.len()).filter(|entry| !closed.contains(&(group, *entry))) {
                for epoch in 0..epochs {
                    for block in [None].into_iter().chain((0..plan.blocks).map(Some)) {
                        assert!(
                            seen.contains(&(group, entry, epoch, block)),
                            "{group} {entry} {epoch} {block:?}"
                        );
                    }
                }
            }
        }
    }
}

/// Changes the plan of a run and writes its rounds again, as a run of the other plan would have left them behind.
pub(crate) fn edit(run: &Path, change: impl FnOnce(&mut Plan)) {
    let mut plan = plan_file::read(run).expect("a plan");
    change(&mut plan);
    fs::write(run.join(PLAN_FILE), serde_json::to_vec(&plan).expect("JSON")).expect("written");
    let checksum = plan_file::checksum(run).expect("a plan");
    let path = run.join(ROUNDS_FILE);
    let rounds = fs::read_to_string(&path).expect("rounds");
    fs::remove_file(&path).expect("removed");
    let (mut file, _) = RoundsFile::open(run).expect("a new file");
    for line in rounds.lines() {
        let mut line: Line = serde_json::from_str(line).expect("a line");
        if let Line::Began { plan, .. } = &mut line {
            plan.clone_from(&checksum);
        }
        file.append(&line).expect("written");
    }
}

/// The processes with the sandbox in their environment, which every process of a command of it inherits.
#[cfg(target_os = "linux")]
fn processes(sandbox: &Sandbox) -> Vec<String> {
    let own = sandbox.runner_log().display().to_string();
    let all = fs::read_dir("/proc").expect("it is there").flatten().map(|entry| entry.path());
    let of_the_sandbox = all.filter(|path| {
        // A process that has ended has no environment any more, even if it was not reaped.
        fs::read(path.join("environ")).is_ok_and(|all| String::from_utf8_lossy(&all).contains(&own))
    });
    of_the_sandbox
        .map(|path| {
            format!("{}: {}", path.display(), text(&fs::read(path.join("cmdline")).unwrap_or_default()))
        })
        .collect()
}

/// The time within which every process of an ended command is gone.
#[cfg(target_os = "linux")]
const GONE_WITHIN: Duration = Duration::from_secs(2);

/// Waits until no process of the sandbox is left.
#[cfg(target_os = "linux")]
#[track_caller]
pub(crate) fn assert_nothing_is_left(sandbox: &Sandbox) {
    let until = Instant::now() + GONE_WITHIN;
    loop {
        let left = processes(sandbox);
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < until, "still there after {GONE_WITHIN:?}: {left:?}");
        std::thread::yield_now();
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

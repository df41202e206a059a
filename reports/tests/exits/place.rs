//! A folder with the command, recorded runs with known times, and programs that are runners or workers.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use records::checksum::{Checksum, plan_checksum};
use records::plan::VERSION;
use records::protocol::Measured;
use records::record::{Record, VerdictRecord};
use records::rounds::{ROUNDS_FILE, RoundLine};
use reports::exit::Exit;
use serde_json::{Value, json};
use tempfile::TempDir;
use testing::runs::{TAKES, sealed};

/// Messages of each recorded round.
const MESSAGES: u64 = 10_000;

/// Enough epochs to find a difference between two channels.
pub(crate) const EPOCHS: u32 = 12;

pub(crate) struct Place {
    folder: TempDir,
}

/// A side of a recorded run.
pub(crate) enum Side {
    /// Nanoseconds for each message, give or take one per cent.
    Takes(u64),
    Failed,
    Unsupported,
}

impl Place {
    pub(crate) fn new() -> Self {
        Place { folder: tempfile::tempdir().expect("a folder") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// The command, not started. It does not see what cargo bench left in the target directory.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chanlab"));
        command.args(arguments).env("CRITERION_HOME", self.path("none")).stdin(Stdio::null());
        command
    }

    /// Runs the command, which must end with this exit code: an error is one line at the end.
    #[track_caller]
    pub(crate) fn ends(&self, exit: Exit, arguments: &[&str]) -> Output {
        ended(self.command(arguments).output().expect("the command starts"), exit)
    }

    /// A program that is a shell script; its path.
    pub(crate) fn script(&self, name: &str, body: &str) -> String {
        let path = self.path(name);
        fs::write(&path, format!("#!/bin/bash\n{TAKES}\n{body}\n")).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it may be run");
        path.display().to_string()
    }

    /// A runner of the channel `fake`, whose rounds first execute `body`.
    pub(crate) fn runner(&self, body: &str) -> String {
        self.script(
            "fake.sh",
            &format!(
                r#"echo '{{"kind":"hello","protocol":2,"runner":"a script","language":"sh","channels":[{{"name":"fake","version":"1"}}],"workloads":["producer_consumer"]}}'
while read -r request; do
    [[ $request =~ \"cell\":([0-9]+) ]]; cell=${{BASH_REMATCH[1]}}
    case "$request" in
        *'"kind":"plan"'*)
            [[ $request =~ \"messages\":([0-9]+) ]] && messages=${{BASH_REMATCH[1]}} || messages=5000
            echo "{{\"kind\":\"planned\",\"cell\":$cell,\"messages\":$messages}}" ;;
        *'"kind":"quit"'*) exit ;;
        *)
            [[ $request =~ \"round\":([0-9]+) ]]; round=${{BASH_REMATCH[1]}}
            {body}
            takes "$messages"
            echo "{{\"kind\":\"round\",\"cell\":$cell,\"round\":$round,\"messages\":$messages,\"wall_ns\":$messages}}" ;;
    esac
done"#
            ),
        )
    }

    /// A worker with the channel `one`, whose verdict is this outcome.
    pub(crate) fn worker(&self, outcome: &str) -> String {
        let hello = r#"{"kind":"hello","format":1,"channels":[["one","one 1"]]}"#;
        let ended = format!(r#"{{"kind":"ended","outcome":{outcome}}}"#);
        let begins = r#"echo '{"kind":"begins","case":1}'"#;
        self.script(
            "worker.sh",
            &format!("if [[ $# -eq 0 ]]; then echo '{hello}'; exit; fi\n{begins}\necho '{ended}'"),
        )
    }

    /// `chanlab verify` of `one` by a worker with this outcome.
    #[track_caller]
    pub(crate) fn verify(&self, exit: Exit, outcome: &str, arguments: &[&str]) -> Output {
        let (worker, record) = (self.worker(outcome), self.text("verified.jsonl"));
        let own = ["verify", "--by", &worker, "--output", &record, "--method", "rounds"];
        self.ends(exit, &[&own[..], arguments].concat())
    }

    /// Writes a finished run of `capacity=64` over an old and a new version; returns its folder.
    pub(crate) fn run(&self, name: &str, sides: [Side; 2], epochs: u32) -> String {
        let folder = self.path(name);
        fs::create_dir_all(&folder).expect("made");
        let plan = plan(epochs).to_string();
        let rounds = rounds(&sides, epochs, plan_checksum(plan.as_bytes()));
        fs::write(folder.join("plan.json"), plan).expect("written");
        fs::write(folder.join(ROUNDS_FILE), rounds).expect("written");
        folder.display().to_string()
    }

    /// `chanlab report` of these sources and nothing else.
    #[track_caller]
    pub(crate) fn report(&self, exit: Exit, arguments: &[&str]) -> Output {
        let (empty, page) = (self.text("empty.jsonl"), self.text("report.html"));
        fs::write(&empty, "").expect("written");
        let mut all = [&["report", "--output", &page, "--models", &empty], arguments].concat();
        if !arguments.contains(&"--verified") {
            all.extend(["--verified", &empty]);
        }
        self.ends(exit, &all)
    }

    /// The record of a verification with this outcome.
    pub(crate) fn verified(&self, outcome: &str) -> String {
        self.verify(
            if outcome.contains("failed") { Exit::Failure } else { Exit::Sound },
            outcome,
            &["--seed", "1"],
        );
        let record = self.path("verified.jsonl");
        let text = fs::read_to_string(&record).expect("a record");
        let Ok(Record::Verified(verified)) = serde_json::from_str(&text) else { panic!("{text}") };
        assert!(matches!(*verified, VerdictRecord { seed: 1, .. }));
        record.display().to_string()
    }
}

#[track_caller]
pub(crate) fn ended(output: Output, exit: Exit) -> Output {
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(i32::from(exit.code())), "{stdout}{stderr}");
    assert!(!stderr.contains("panicked at"), "{stderr}");
    let last = stderr.lines().last().unwrap_or_default();
    assert_eq!(exit != Exit::Sound, last.starts_with("error: "), "{stderr}");
    output
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn plan(epochs: u32) -> Value {
    let entry = |version: &str| json!({ "name": format!("flume {version}"), "channel": "flume", "version": format!("flume {version}"), "launch": "own" });
    json!({
        "version": VERSION, "began": "2026-01-02T03:04:05Z", "command": "chanlab ab", "profile": "selected", "seed": 7,
        "machine": runner::machine::current(&adapters::registry()),
        "entries": [entry("1.0.0"), entry("1.1.0")],
        "groups": [{
            "workload": "producer_consumer",
            "params": {
                "id": "capacity=64",
                "values": {"producers": "1", "consumers": "1", "capacity": "64", "payload": "8", "work": "0"},
                "threads": ["producers", "consumers"], "capacity": "capacity",
            },
            "least_messages": 256, "deadline_ns": 30_000_000_000_u64,
        }],
        "blocks": 1, "budget_seconds": 1, "fewest_epochs": epochs, "most_epochs": epochs, "precision": 0.0,
        "placement": "any", "allocations": false, "versions": [0, 1],
    })
}

/// Each line is sealed and linked to the one before it.
fn rounds(sides: &[Side; 2], epochs: u32, plan: Checksum) -> Vec<u8> {
    let mut lines = vec![json!({ "kind": "sized", "group": 0, "messages": MESSAGES })];
    let mut number = 0;
    for epoch in 0..epochs {
        for block in [None, Some(0)] {
            for (entry, side) in sides.iter().enumerate() {
                let Side::Takes(ns) = side else { continue };
                let wall_ns = ns * MESSAGES * (1_000 + number * 7 % 10) / 1_000;
                let measured = Measured {
                    cell: entry as u64,
                    round: number,
                    messages: MESSAGES,
                    wall_ns,
                    ..Measured::default()
                };
                let round = RoundLine {
                    group: 0,
                    entry,
                    epoch,
                    block,
                    at_ms: (number + 1) * 10,
                    measured,
                    extended_ns: None,
                };
                let mut line = serde_json::to_value(round).expect("plain data");
                line["kind"] = json!("round");
                lines.push(line);
                number += 1;
            }
        }
    }
    for (entry, side) in sides.iter().enumerate() {
        match side {
            Side::Takes(_) => {}
            Side::Failed => {
                let failure =
                    json!({ "what": "lost a message", "ended": null, "stderr_tail": [], "backtrace": null });
                lines.push(
                    json!({ "kind": "failed", "group": 0, "entry": entry, "epoch": 0, "failure": failure }),
                );
            }
            Side::Unsupported => {
                lines.push(json!({ "kind": "unsupported", "group": 0, "entry": entry, "reason": "select" }));
            }
        }
    }
    lines.push(json!({ "kind": "ended", "at": "2026-01-02T03:05:00Z", "why": "done" }));
    sealed(plan, lines)
}

/// Appends to a file.
pub(crate) fn append(file: impl AsRef<Path>, text: &str) {
    let before = fs::read_to_string(&file).unwrap_or_default();
    fs::write(file, before + text).expect("written");
}

//! `kill -9` of the parent and of a runner, and a disk that is full, at random moments: a resumed run is
//! complete, and no round is lost or counted twice.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use records::plan::PLAN_FILE;
use records::rounds::{Line, ROUNDS_FILE};
use runner::LOG_VARIABLE;

use crate::sandbox::{Sandbox, text};

const EPOCHS: u32 = 60;

/// The minimum number of interruptions of each kind.
const KILLS_OF_THE_PARENT: usize = 36;
const KILLS_OF_A_RUNNER: usize = 6;
const FULL_DISKS: usize = 10;

/// The time limit for the whole run, with all interruptions.
const LIMIT: Duration = Duration::from_secs(600);

fn size(sandbox: &Sandbox) -> u64 {
    fs::metadata(sandbox.run_folder().join(ROUNDS_FILE)).map_or(0, |data| data.len())
}

/// Waits until the run has recorded `more` bytes; false when it ends first.
fn recorded(sandbox: &Sandbox, process: &mut Child, more: u64) -> bool {
    let before = size(sandbox);
    let until = Instant::now() + LIMIT;
    while size(sandbox) < before + more {
        if process.try_wait().expect("it can be asked").is_some() {
            return false;
        }
        assert!(Instant::now() < until, "nothing is recorded any more");
        std::thread::yield_now();
    }
    true
}

/// The runners that `parent` has started; the reaper of its children is a shell, and none of them.
fn runners_of(parent: u32) -> Vec<i32> {
    let tasks = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let is_runner = |id: &i32| {
        fs::read_to_string(format!("/proc/{id}/comm")).is_ok_and(|name| name.trim_end() == "chanlab")
    };
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>())
        .filter(is_runner)
        .collect()
}

fn kill_dead(process: i32) {
    // Ignored: it may have just ended.
    let _ = kill(Pid::from_raw(process), Signal::SIGKILL);
}

#[test]
#[cfg(target_os = "linux")]
fn nothing_is_lost_or_counted_twice() {
    let mut random = SmallRng::seed_from_u64(4_711);
    let sandbox = Sandbox::new();
    let folder = sandbox.run_folder().display().to_string();
    let epochs = EPOCHS.to_string();
    let mut begin: Vec<&str> = [
        "run",
        "--output",
        &folder,
        "--epochs",
        &epochs,
        "--profile",
        "quick",
        "--budget",
        "600",
        "--precision",
        "0",
    ]
    .to_vec();
    for group in ["producer_consumer/capacity=64", "producer_consumer/capacity=1024", "ping_pong/capacity=1"]
    {
        begin.push(group);
    }
    for channel in ["mutex-deque", "crossbeam", "flume"] {
        begin.extend(["--channel", channel]);
    }
    let resume = ["run", "--resume", &folder];

    let (mut parents, mut runners, mut disks) = (0, 0, 0);
    loop {
        let begun = sandbox.run_folder().join(PLAN_FILE).exists();
        let arguments: &[&str] = if begun { &resume } else { &begin };
        // A full disk: a limit on the size of files, in kibibytes.
        let full = disks < FULL_DISKS && parents >= KILLS_OF_THE_PARENT / 2;
        let mut command = if full {
            let most = size(&sandbox) / 1_024 + random.random_range(1..8);
            let mut shell = Command::new("bash");
            let program = env!("CARGO_BIN_EXE_chanlab");
            shell.args(["-c", &format!("trap '' XFSZ; ulimit -f {most}; exec \"$0\" \"$@\""), program]);
            shell.args(arguments).env(LOG_VARIABLE, sandbox.runner_log());
            shell
        } else {
            sandbox.command(arguments)
        };
        let mut process =
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the command starts");
        let wanted = parents < KILLS_OF_THE_PARENT || runners < KILLS_OF_A_RUNNER;
        if full {
            disks += 1;
        } else if wanted && recorded(&sandbox, &mut process, random.random_range(1..4_000)) {
            let own = runners_of(process.id());
            if runners < KILLS_OF_A_RUNNER && !own.is_empty() && random.random_ratio(1, 4) {
                kill_dead(own[random.random_range(0..own.len())]);
                runners += 1;
                recorded(&sandbox, &mut process, 2_000);
            }
            kill_dead(process.id() as i32);
            parents += 1;
        }
        let output = process.wait_with_output().expect("it ends");
        let stderr = text(&output.stderr);
        if full && output.status.code() == Some(4) {
            assert!(stderr.contains("cannot write "), "{stderr}");
            assert!(stderr.contains("resume with chanlab run --resume"), "{stderr}");
        } else if output.status.success() {
            break;
        } else {
            assert_eq!(output.status.code(), None, "{stderr}");
        }
    }
    assert!(parents + runners + disks >= 50, "{parents} + {runners} + {disks} interruptions");

    sandbox.assert_complete(EPOCHS);
    // The runners' own account: every recorded round was run, and at most one for each interruption is not
    // recorded.
    let log = fs::read_to_string(sandbox.runner_log()).expect("the runners' log");
    let mut ran: BTreeMap<u64, usize> = BTreeMap::new();
    for number in log.lines().filter_map(|line| line.parse().ok()) {
        *ran.entry(number).or_default() += 1;
    }
    ran.remove(&engine::schedule::UNRECORDED);
    let rounds = sandbox.rounds();
    for round in &rounds {
        assert!(ran.contains_key(&round.measured.round), "round {} was never run", round.measured.round);
    }
    let lost = ran.values().sum::<usize>() - rounds.len();
    assert!(lost <= parents + runners + disks, "{lost} rounds were run and not recorded");
    let failed = sandbox.lines().into_iter().filter(|line| matches!(line, Line::Failed { .. })).count();
    assert!(failed <= runners, "{failed} cells failed, and {runners} runners were killed");
}

/// Ctrl-C ends the run cleanly after the round in flight.
#[test]
fn an_interrupted_run_prints_the_command_that_resumes_it() {
    let sandbox = Sandbox::new();
    let folder = sandbox.run_folder().display().to_string();
    let mut process = sandbox
        .command(&[
            "run",
            "ping_pong/capacity=1",
            "--channel",
            "std",
            "--output",
            &folder,
            "--epochs",
            "1000",
            "--precision",
            "0",
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    assert!(recorded(&sandbox, &mut process, 3_000), "it records rounds");
    kill(Pid::from_raw(process.id() as i32), Signal::SIGTERM).expect("it runs");
    let output = process.wait_with_output().expect("it ends");
    let stderr = text(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(stderr.contains(&format!("stopped; resume with chanlab run --resume {folder}")), "{stderr}");
    assert!(matches!(sandbox.lines().last(), Some(Line::Ended { .. })));
}

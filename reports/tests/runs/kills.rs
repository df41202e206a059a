//! Signals to the parent, `kill -9` of a runner, and a disk that is full, at random moments: a resumed run is
//! complete, no round is lost or counted twice, and no process is left.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use records::plan::PLAN_FILE;
use records::rounds::{Line, ROUNDS_FILE};
use runner::LOG_VARIABLE;

use testing::moments;

use crate::sandbox::{Sandbox, assert_nothing_is_left, text};

/// What happens to a run before it is complete.
struct Fire {
    seed: u64,
    epochs: u32,
    /// The minimum number of interruptions of each kind. A killed runner closes one of the nine cells.
    parents: usize,
    runners: usize,
    full_disks: usize,
    /// The time limit for the whole run, with all interruptions.
    limit: Duration,
}

/// The signals that end a parent.
const SIGNALS: [Signal; 3] = [Signal::SIGKILL, Signal::SIGINT, Signal::SIGTERM];

/// The time limit for a line of a run that goes on.
const LIMIT: Duration = Duration::from_secs(120);

/// The exit code after a disk was full.
const UNABLE: i32 = 4;

/// The longest time after which a process is killed without regard to what it has recorded.
const EARLY: Duration = Duration::from_millis(300);

fn size(sandbox: &Sandbox) -> u64 {
    moments::size(&sandbox.run_folder().join(ROUNDS_FILE))
}

/// Waits until the run has recorded `more` bytes; false when it ends first.
fn recorded(sandbox: &Sandbox, process: &mut Child, more: u64) -> bool {
    let is_grown = moments::grown(&sandbox.run_folder().join(ROUNDS_FILE), process, more, LIMIT);
    let has_ended = process.try_wait().expect("it can be asked").is_some();
    assert!(is_grown || has_ended, "nothing is recorded any more");
    is_grown
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

fn send(process: i32, signal: Signal) {
    // Ignored: it may have just ended.
    let _ = kill(Pid::from_raw(process), signal);
}

/// Whether a parent ended as the signal demands: killed by it, or with its exit code once it handled it.
fn is_ended_by(status: ExitStatus, signal: Signal) -> bool {
    let handled = signal != Signal::SIGKILL && status.code() == Some(128 + signal as i32);
    handled || status.signal() == Some(signal as i32)
}

/// Waits for a random moment: until some bytes are recorded, or some time has passed. False when the process
/// ends first.
fn random_moment(sandbox: &Sandbox, process: &mut Child, random: &mut SmallRng) -> bool {
    if random.random_ratio(3, 4) {
        return recorded(sandbox, process, random.random_range(1..4_000));
    }
    let early = EARLY.mul_f64(random.random_range(0.0..1.0));
    !moments::passed(process, early, || false) && process.try_wait().expect("it can be asked").is_none()
}

/// The figures of a run under fire.
#[derive(Debug, Default)]
struct Ordeal {
    /// Ended parents, by signal.
    parents: BTreeMap<Signal, usize>,
    runners: usize,
    full_disks: usize,
    rounds: usize,
}

/// Carries out a run of three groups and three channels under fire, and checks it.
fn under(fire: &Fire) -> Ordeal {
    let mut random = SmallRng::seed_from_u64(fire.seed);
    let sandbox = Sandbox::new();
    let folder = sandbox.run_folder().display().to_string();
    let epochs = fire.epochs.to_string();
    let mut begin = vec!["run", "--output", &folder, "--epochs", &epochs, "--profile", "quick"];
    begin.extend(["--budget", "600", "--precision", "0"]);
    begin.extend([
        "producer_consumer/capacity=64",
        "producer_consumer/capacity=1024",
        "ping_pong/capacity=1",
    ]);
    for channel in ["mutex-deque", "crossbeam", "flume"] {
        begin.extend(["--channel", channel]);
    }
    let resume = ["run", "--resume", &folder];

    let (began, mut done, mut parents) = (Instant::now(), Ordeal::default(), 0);
    loop {
        assert!(began.elapsed() < fire.limit, "not complete after {:?}: {done:?}", fire.limit);
        let begun = sandbox.run_folder().join(PLAN_FILE).exists();
        let arguments: &[&str] = if begun { &resume } else { &begin };
        // A full disk: a limit on the size of files, in kibibytes.
        let full = done.full_disks < fire.full_disks && parents >= fire.parents / 2;
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
        let wanted = parents < fire.parents || done.runners < fire.runners;
        let mut sent = None;
        if full {
            done.full_disks += 1;
        } else if wanted && random_moment(&sandbox, &mut process, &mut random) {
            let own = runners_of(process.id());
            if done.runners < fire.runners && !own.is_empty() && random.random_ratio(1, 4) {
                send(own[random.random_range(0..own.len())], Signal::SIGKILL);
                done.runners += 1;
                recorded(&sandbox, &mut process, 2_000);
            }
            let signal = SIGNALS[random.random_range(0..SIGNALS.len())];
            send(process.id() as i32, signal);
            sent = Some(signal);
        }
        let output = process.wait_with_output().expect("it ends");
        let (status, stderr) = (output.status, text(&output.stderr));
        assert_nothing_is_left(&sandbox);
        match sent {
            Some(signal) if is_ended_by(status, signal) => {
                parents += 1;
                *done.parents.entry(signal).or_default() += 1;
                if status.code().is_some() {
                    let says =
                        format!("error: stopped by {signal}: the run is unfinished; resume with chanlab run");
                    assert!(stderr.contains(&says), "{stderr}");
                    assert!(
                        matches!(sandbox.lines().last(), Some(Line::Ended { .. })),
                        "its end is recorded"
                    );
                }
            }
            None if full && status.code() == Some(UNABLE) => {
                assert!(stderr.contains("cannot write "), "{stderr}");
                assert!(stderr.contains("resume with chanlab run --resume"), "{stderr}");
            }
            // A signal that comes after the last round changes nothing.
            _ if status.success() => break,
            _ => panic!("{status} after {sent:?}: {stderr}"),
        }
    }

    sandbox.assert_complete(fire.epochs);
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
    assert!(lost <= parents + done.runners + done.full_disks, "{lost} rounds were run and not recorded");
    let failed = sandbox.lines().into_iter().filter(|line| matches!(line, Line::Failed { .. })).count();
    assert!(failed <= done.runners, "{failed} cells failed, and {} runners were killed", done.runners);
    assert!(parents >= fire.parents && done.runners >= fire.runners, "{done:?}");
    done.rounds = rounds.len();
    done
}

#[test]
#[cfg(target_os = "linux")]
fn nothing_is_lost_or_counted_twice() {
    let limit = Duration::from_secs(600);
    // Enough epochs that the run is not complete before its interruptions, also when this thread waits for a processor.
    let fire = Fire { seed: 4_711, epochs: 180, parents: 36, runners: 6, full_disks: 10, limit };
    println!("{:?}", under(&fire));
}

/// As the other one, again and again, in another order each time.
#[test]
#[cfg(target_os = "linux")]
#[ignore = "some minutes; scripts/nightly runs it"]
fn nothing_is_lost_in_a_long_ordeal() {
    let first = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_nanos() as u64;
    let limit = Duration::from_secs(600);
    for seed in (0..6).map(|number| first.wrapping_add(number)) {
        println!("seed {seed}");
        let fire = Fire { seed, epochs: 120, parents: 40, runners: 6, full_disks: 10, limit };
        println!("{:?}", under(&fire));
    }
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
    assert_eq!(output.status.code(), Some(143), "{stderr}");
    let last = format!(
        "error: stopped by SIGTERM: the run is unfinished; resume with chanlab run --resume {folder}"
    );
    assert_eq!(stderr.lines().last(), Some(&*last), "{stderr}");
    assert!(matches!(sandbox.lines().last(), Some(Line::Ended { .. })));
}

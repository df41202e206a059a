//! What the machine lacks is no channel's failure: the run ends with exit code 4 and a sentence that names the limit,
//! no cell is closed, and a resumed run goes on.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use records::rounds::{EndReason, Line};

use crate::sandbox::{Sandbox, text};

const CHANLAB: &str = env!("CARGO_BIN_EXE_chanlab");

const MEASURES: [&str; 12] = [
    "run",
    "--no-go",
    "--epochs",
    "1",
    "--budget",
    "1",
    "--profile",
    "quick",
    "ping_pong/capacity=1",
    "--channel",
    "std",
    "--channel=flume",
];

/// A run under limits that a shell sets first.
fn limited(sandbox: &Sandbox, limits: &str) -> Output {
    let mut shell = Command::new("bash");
    shell.args(["-c", &format!("{limits}; exec \"$0\" \"$@\""), CHANLAB]).args(MEASURES);
    shell.args(["--channel", "kanal", "--channel", "mutex-deque"]);
    shell.arg("--output").arg(sandbox.run_folder()).stdin(Stdio::null());
    shell.output().expect("bash starts")
}

/// Checks that a run ended by a shortage, and that it can be resumed.
fn assert_shortage(sandbox: &Sandbox, output: &Output, names: &str) {
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    let error: Vec<&str> = stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert!(error.len() == 1 && error[0].contains(names), "{stderr}");
    let lines = sandbox.lines();
    assert!(
        !lines.iter().any(|line| matches!(line, Line::Failed { .. } | Line::Unsupported { .. })),
        "{lines:?}"
    );
    assert!(matches!(lines.last(), Some(Line::Ended { why: EndReason::Shortage, .. })), "{lines:?}");
    let folder = sandbox.run_folder().display().to_string();
    let resumed = sandbox.command(&["run", "--resume", &folder]).output().expect("it starts");
    assert!(resumed.status.success(), "{}", text(&resumed.stderr));
    sandbox.assert_complete(1);
}

#[test]
fn too_few_file_descriptors_end_the_run_and_a_resumed_one_goes_on() {
    let sandbox = Sandbox::new();
    let output = limited(&sandbox, "ulimit -n 14");
    assert_shortage(&sandbox, &output, "out of file descriptors (`ulimit -n` is 14)");
    // Not even enough to plan a run.
    let sandbox = Sandbox::new();
    let output = limited(&sandbox, "ulimit -n 11");
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert!(stderr.starts_with("error: ") && stderr.contains("(`ulimit -n` is 11)"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

/// The limit that lets the run begin and no channel work depends on the size of the program, so it is searched for.
#[test]
fn too_little_memory_ends_the_run_and_a_resumed_one_goes_on() {
    for kibibytes in (20_000..60_000).step_by(500) {
        let sandbox = Sandbox::new();
        let output = limited(&sandbox, &format!("ulimit -v {kibibytes}"));
        if sandbox.run_folder().join("rounds.jsonl").exists() {
            return assert_shortage(&sandbox, &output, &format!("`ulimit -v` is {kibibytes}"));
        }
        assert!(!output.status.success(), "{}", text(&output.stderr));
    }
    panic!("the run begins under none of the limits");
}

/// Root has no limit of processes, and the user `nobody` may have no access to the program.
#[test]
fn too_few_processes_end_the_run() {
    let sandbox = Sandbox::new();
    let program = sandbox.path().join("chanlab");
    let open = |path: &Path| {
        Command::new("chmod").arg("0777").arg(path).status().is_ok_and(|status| status.success())
    };
    let copied = fs::copy(CHANLAB, &program).is_ok() && open(&program) && open(sandbox.path());
    let id = |option: &str| {
        Command::new("id").arg(option).output().map(|output| text(&output.stdout)).unwrap_or_default()
    };
    if !copied || id("-u").trim() != "0" || Command::new("setpriv").arg("--version").output().is_err() {
        return println!("not available: another user for a limit of processes (needs root and setpriv)");
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "prlimit", "--nproc=5"]);
    command.arg(&program).args(MEASURES).arg("--output").arg(sandbox.run_folder());
    let output = command.stdin(Stdio::null()).output().expect("setpriv starts");
    let stderr = text(&output.stderr);
    if stderr.contains("prlimit: ") {
        return println!("not available: {stderr}");
    }
    assert_shortage(&sandbox, &output, "`ulimit -u` is 5");
}

#[test]
fn a_runner_that_reports_a_shortage_or_is_killed_by_another_is_tried_again() {
    for (name, body, says) in [
        (
            "starved",
            r#"sed 's/"kind":"round"/"kind":"failed"/; s/}$/,"cause":"shortage","reason":"could not start ping"}/' <<<"$request""#,
            "could not start ping",
        ),
        ("killed", "kill -KILL $$", "killed by signal 9 (SIGKILL); chanlab did not send that signal"),
        ("aborts", "echo 'memory allocation of 4096 bytes failed' >&2; kill -ABRT $$", "out of memory"),
    ] {
        let sandbox = Sandbox::new();
        let tries = sandbox.path().join("tries");
        let script = format!(
            "while read -r request; do case \"$request\" in\n\
             *'\"kind\":\"plan\"'*) echo \"{{\\\"kind\\\":\\\"planned\\\",\\\"cell\\\":0,\\\"messages\\\":1000}}\" ;;\n\
             *quit*) exit ;;\n*) echo try >> {}; {body} ;;\nesac; done",
            tries.display()
        );
        let runner = sandbox.runner(name, &script);
        let output = sandbox.run(&[
            "producer_consumer/capacity=64",
            "--channel",
            name,
            "--runner",
            &runner,
            "--epochs",
            "1",
        ]);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{stderr}");
        assert!(stderr.contains("error: the run stopped") && stderr.contains(says), "{stderr}");
        assert_eq!(fs::read_to_string(&tries).expect("tries").lines().count(), 3);
        assert!(!sandbox.lines().iter().any(|line| matches!(line, Line::Failed { .. })));
    }
}

#[test]
fn one_processor_and_no_home_are_enough() {
    let sandbox = Sandbox::new();
    let output = limited(
        &sandbox,
        "unset HOME; if command -v taskset >/dev/null; then taskset -cp 0 $$ >/dev/null; fi",
    );
    assert!(output.status.success(), "{}", text(&output.stderr));
    sandbox.assert_complete(1);
}

/// As root the file system has to be read-only; as another user a folder is enough.
#[test]
fn a_folder_that_cannot_be_written_is_one_sentence() {
    let sandbox = Sandbox::new();
    let output = sandbox.command(&MEASURES).args(["--output", "/proc/chanlab"]).output().expect("it starts");
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{stderr}");
    assert!(stderr.starts_with("error: cannot make the folder /proc/chanlab: "), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

/// Mounts are private to the shell that unshares them.
#[test]
fn a_full_disk_and_a_missing_proc_are_one_sentence_each() {
    let sandbox = Sandbox::new();
    let disk = sandbox.path().join("disk");
    fs::create_dir(&disk).expect("made");
    let unshared = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-ec", script, CHANLAB]).args(MEASURES).arg("--output");
        command.arg(disk.join("run")).stdin(Stdio::null()).output().expect("unshare starts")
    };
    if !Command::new("unshare").args(["-m", "true"]).status().is_ok_and(|status| status.success()) {
        return println!("not available: mounts of its own (needs root)");
    }
    let mount = format!("mount -t tmpfs -o size=8k none '{}'", disk.display());
    for (script, says) in [(mount.as_str(), "cannot write "), ("umount -l /proc", "Is /proc mounted?")] {
        let output = unshared(&format!("{script}; exec \"$0\" \"$@\""));
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{stderr}");
        let errors: Vec<&str> = stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        assert!(errors.len() == 1 && errors[0].contains(says), "{stderr}");
    }
}

/// Processes that take a processor as long as this lives.
struct Load(Vec<Child>);

/// On one processor, so that the number of the machine's processors does not matter.
const ON_ONE: [&str; 3] = ["taskset", "-c", "0"];

impl Load {
    fn new(processes: usize) -> Self {
        let mut spin = Command::new(ON_ONE[0]);
        spin.args(&ON_ONE[1..]).args(["sh", "-c", "while :; do :; done"]);
        Load((0..processes).map(|_| spin.spawn().expect("taskset starts")).collect())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for process in &mut self.0 {
            // Ignored: it may have ended.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Seven processes share a processor, so that the round takes several of its deadlines and less than ten.
#[test]
fn a_correct_round_does_not_hang_on_a_busy_machine() {
    if Command::new("taskset").arg("--version").output().is_err() {
        return println!("not available: taskset");
    }
    let _load = Load::new(6);
    let mut command = Command::new(ON_ONE[0]);
    command.args(&ON_ONE[1..]).args([CHANLAB, "round", "mutex-deque", "producer_consumer", "work=1000000"]);
    let output =
        command.args(["--messages=256", "--rounds=1", "--deadline=2"]).output().expect("taskset starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(
        text(&output.stdout).contains("1 round of 256 messages, all verified"),
        "{}",
        text(&output.stdout)
    );
}

//! A run belongs to one process, and says that it is unfinished wherever it is shown.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use engine::run_folder::LOCK_FILE;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use records::rounds::{Line, ROUNDS_FILE};

use crate::sandbox::{Sandbox, assert_nothing_is_left, text};

/// The time limit of every wait.
const LIMIT: Duration = Duration::from_secs(120);

/// The exit code of a command that makes no sense.
const USAGE: i32 = 2;
const UNDECIDED: i32 = 3;

/// The exit code of a command that could not work.
const UNABLE: i32 = 4;

/// The arguments of a small run.
fn small(epochs: &str) -> Vec<&str> {
    let mut arguments = vec!["ping_pong/capacity=1", "--channel", "std", "--channel", "crossbeam", "--no-go"];
    arguments.extend(["--profile", "quick", "--precision", "0", "--budget", "600", "--epochs", epochs]);
    arguments
}

fn start(sandbox: &Sandbox, arguments: &[&str]) -> Child {
    let mut command = sandbox.command(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command starts")
}

fn signal(process: &Child, signal: Signal) {
    kill(Pid::from_raw(process.id() as i32), signal).expect("it runs");
}

#[track_caller]
fn wait(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + LIMIT;
    while !holds() {
        assert!(Instant::now() < until, "{what} within {LIMIT:?}");
        std::thread::yield_now();
    }
}

fn rounds_file(sandbox: &Sandbox) -> PathBuf {
    sandbox.run_folder().join(ROUNDS_FILE)
}

fn wait_for_rounds(sandbox: &Sandbox, process: &Child) {
    let path = sandbox.run_folder().join(LOCK_FILE);
    let own = format!("{}\n", process.id());
    wait("the lock", || fs::read_to_string(&path).is_ok_and(|text| text == own));
    let before = fs::read(rounds_file(sandbox)).map_or(0, |all| all.len());
    wait("rounds", || fs::read(rounds_file(sandbox)).is_ok_and(|all| all.len() > before + 2_000));
}

/// A run that is stopped in the middle by SIGSTOP, so that it holds its folder for as long as the test likes.
fn suspended(sandbox: &Sandbox, arguments: &[&str]) -> Child {
    let process = start(sandbox, arguments);
    wait_for_rounds(sandbox, &process);
    signal(&process, Signal::SIGSTOP);
    process
}

#[track_caller]
fn assert_refused(output: &Output, folder: &Path, holder: &Child) {
    let stderr = text(&output.stderr);
    let expected = format!(
        "error: process {} is still measuring the run in {}: wait for its end, or stop it\n",
        holder.id(),
        folder.display()
    );
    assert_eq!((output.status.code(), stderr), (Some(USAGE), expected));
    assert_eq!(text(&output.stdout), "");
}

fn report(sandbox: &Sandbox, folder: &Path, exit: i32) -> (String, String) {
    let page = sandbox.path().join("page.html");
    let [run, output] = [folder, &page].map(|path| path.display().to_string());
    let output =
        sandbox.command(&["report", "--run", &run, "--output", &output]).output().expect("it starts");
    assert_eq!(output.status.code(), Some(exit), "{}", text(&output.stderr));
    (text(&output.stdout), fs::read_to_string(page).expect("a page"))
}

/// The marks at the top of the page, in the header of the overview, and in the header of every ranking.
fn marks(page: &str) -> [usize; 3] {
    ["<p class=\"unfinished\"", ">of an unfinished run<", "<span class=\"unfinished\">unfinished<"]
        .map(|mark| page.matches(mark).count())
}

#[test]
fn nobody_measures_into_the_folder_of_another_process() {
    let sandbox = Sandbox::new();
    let folder = sandbox.run_folder();
    let name = folder.display().to_string();
    let first = suspended(&sandbox, &[&["run", "--output", &name][..], &small("40")].concat());
    let resume = || sandbox.command(&["run", "--resume", &name]).output().expect("it starts");
    assert_refused(&resume(), &folder, &first);
    assert_refused(&sandbox.run(&small("40")), &folder, &first);

    // A page may be drawn, says that the run goes on, and changes nothing.
    let before = fs::read(rounds_file(&sandbox)).expect("rounds");
    let (stdout, page) = report(&sandbox, &folder, UNDECIDED);
    let words = format!(
        "run is unfinished: process {} is still measuring it, so its numbers will change.",
        first.id()
    );
    assert!(stdout.starts_with(&format!("UNFINISHED: this {words}\n\nping_pong (unfinished)\n")), "{stdout}");
    assert!(stdout.contains("in how many params of an unfinished run:"), "{stdout}");
    assert!(page.contains(&words) && page.contains("<title>unfinished: "), "{words}");
    assert_eq!(marks(&page), [1, 1, 1]);
    assert_eq!(fs::read(rounds_file(&sandbox)).expect("rounds"), before);

    // The death of a process releases its folder.
    signal(&first, Signal::SIGKILL);
    let output = first.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), None);
    let (stdout, page) = report(&sandbox, &folder, UNDECIDED);
    let words = format!("as after a kill or a power cut; chanlab run --resume {name} finishes it.");
    assert!(stdout.contains(&words) && page.contains(&words), "{stdout}");

    let second = suspended(&sandbox, &["run", "--resume", &name]);
    assert_refused(&resume(), &folder, &second);
    signal(&second, Signal::SIGCONT);
    let output = second.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", text(&output.stderr));
    sandbox.assert_complete(40);
    let (stdout, page) = report(&sandbox, &folder, 0);
    assert!(!stdout.contains("nfinished") && !stdout.contains("UNFINISHED"), "{stdout}");
    assert_eq!(marks(&page), [0, 0, 0]);
    assert!(!page.contains("unfinished:"));
}

#[test]
fn of_two_resumptions_at_once_one_is_refused_and_no_place_is_there_twice() {
    let sandbox = Sandbox::new();
    let name = sandbox.run_folder().display().to_string();
    let mut first = start(&sandbox, &[&["run", "--output", &name][..], &small("200")].concat());
    wait_for_rounds(&sandbox, &first);
    signal(&first, Signal::SIGKILL);
    first.wait().expect("it ends");
    for _ in 0..4 {
        let both = [0, 1].map(|_| start(&sandbox, &["run", "--resume", &name]));
        // One gets the folder, and the other one ends.
        let mut both = Vec::from(both);
        wait("the refusal of one", || both.iter_mut().any(|one| one.try_wait().expect("asked").is_some()));
        let refused = both.iter_mut().position(|one| one.try_wait().expect("asked").is_some()).expect("one");
        let refused = both.remove(refused);
        let stderr = text(&refused.wait_with_output().expect("it ended").stderr);
        assert!(stderr.contains(" is still measuring the run in "), "{stderr}");
        let holder = both.remove(0);
        wait_for_rounds(&sandbox, &holder);
        signal(&holder, Signal::SIGINT);
        assert_eq!(holder.wait_with_output().expect("it ends").status.code(), Some(130));
    }
    let output = sandbox.command(&["run", "--resume", &name]).output().expect("it starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
    sandbox.assert_complete(200);
}

#[test]
fn a_stopped_run_draws_its_page_with_the_mark_and_ends_with_the_code_of_the_signal() {
    for (sent, name, code) in [(Signal::SIGINT, "SIGINT", 130), (Signal::SIGTERM, "SIGTERM", 143)] {
        let sandbox = Sandbox::new();
        let folder = sandbox.run_folder();
        let process = start(
            &sandbox,
            &[&["run", "--output", &folder.display().to_string()][..], &small("1000")].concat(),
        );
        wait_for_rounds(&sandbox, &process);
        signal(&process, sent);
        let output = process.wait_with_output().expect("it ends");
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        let resume = format!("chanlab run --resume {}", folder.display());
        let last = format!("error: stopped by {name}: the run is unfinished; resume with {resume}");
        assert_eq!(stderr.lines().last(), Some(&*last));
        let words = format!(
            "run is unfinished: it was stopped before its plan was carried out; {resume} finishes it."
        );
        assert!(stdout.starts_with(&format!("UNFINISHED: this {words}\n")), "{stdout}");
        let page = fs::read_to_string(folder.join("report.html")).expect("a page");
        assert!(page.contains(&words));
        assert_eq!(marks(&page), [1, 1, 1]);
        assert!(matches!(sandbox.lines().last(), Some(Line::Ended { .. })));
        assert_nothing_is_left(&sandbox);
    }
}

#[test]
fn a_stopped_choice_is_marked() {
    let sandbox = Sandbox::new();
    let target = sandbox.path().join("target");
    fs::create_dir(&target).expect("made");
    // This file marks a target directory of cargo, so that the choice is recorded in it.
    fs::write(target.join(".rustc_info.json"), "{}").expect("written");
    let program = target.join("linked-chanlab");
    fs::copy(env!("CARGO_BIN_EXE_chanlab"), &program).expect("copied");
    let mut command = std::process::Command::new(&program);
    command
        .args(["choose", "--capacity", "16", "--budget", "3600"])
        .env(runner::LOG_VARIABLE, sandbox.runner_log());
    let process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let log = sandbox.runner_log();
    wait("some rounds", || fs::read_to_string(&log).is_ok_and(|text| text.lines().count() > 60));
    signal(&process, Signal::SIGTERM);
    let output = process.wait_with_output().expect("it ends");
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(143), "{stderr}");
    assert!(stdout.starts_with("UNFINISHED: this run is unfinished: it was stopped before"), "{stdout}");
    assert!(stdout.contains("\nTake "), "{stdout}");
    assert!(stderr.contains("error: stopped by SIGTERM: the run is unfinished; resume with "), "{stderr}");
}

#[test]
fn an_unfinished_run_is_named_by_a_comparison() {
    let sandbox = Sandbox::new();
    let name = sandbox.run_folder().display().to_string();
    assert!(sandbox.run(&small("12")).status.success());
    let other = sandbox.path().join("other");
    fs::create_dir(&other).expect("made");
    for file in ["plan.json", ROUNDS_FILE] {
        fs::copy(sandbox.run_folder().join(file), other.join(file)).expect("copied");
    }
    let rounds = fs::read_to_string(other.join(ROUNDS_FILE)).expect("rounds");
    let kept: Vec<&str> = rounds.lines().filter(|line| !line.contains("\"ended\"")).collect();
    fs::write(other.join(ROUNDS_FILE), kept.join("\n") + "\n").expect("written");
    let other = other.display().to_string();
    let output = sandbox.command(&["compare", &name, &other]).output().expect("it starts");
    let words = format!(
        "the new run is unfinished: it ended before its plan was carried out, as after a kill or a \
                         power cut; chanlab run --resume {other} finishes it"
    );
    assert!(text(&output.stdout).contains(&format!("note: {words}\n")), "{}", text(&output.stdout));
    assert!(text(&output.stderr).contains(&format!("warning: {words}\n")), "{}", text(&output.stderr));
}

/// The runner never answers, so the first signal waits for its round.
#[test]
fn a_second_signal_ends_everything_at_once() {
    let sandbox = Sandbox::new();
    let body = "while read -r request; do case $request in *quit*) exit ;; *'\"plan\"'*) echo '{\"kind\":\"planned\",\"cell\":0,\
                \"messages\":1000}' ;; *) (while :; do :; done) & touch \"$0.busy\"; while :; do :; done ;; esac; done";
    let runner = sandbox.runner("busy", body);
    let folder = sandbox.run_folder().display().to_string();
    let mut arguments = vec!["run", "producer_consumer/capacity=64", "--no-go", "--channel", "busy"];
    arguments.extend(["--runner", &runner, "--deadline", "3600", "--output", &folder]);
    let mut process = start(&sandbox, &arguments);
    let busy = format!("{runner}.busy");
    wait("the busy child", || Path::new(&busy).exists());
    signal(&process, Signal::SIGINT);
    let handled = Instant::now() + Duration::from_millis(300);
    while Instant::now() < handled {
        assert!(process.try_wait().expect("asked").is_none(), "the first signal waits for the round");
        std::thread::yield_now();
    }
    signal(&process, Signal::SIGTERM);
    let output = process.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(143), "{}", text(&output.stderr));
    assert_nothing_is_left(&sandbox);
}

/// Draws the page over an old one where there is no space for it; `limits` is shell code before the command.
#[track_caller]
fn assert_the_old_page_stays(sandbox: &Sandbox, folder: &Path, limits: &str, reason: &str) -> bool {
    let run = sandbox.run_folder().display().to_string();
    let script = format!(
        "{limits}\nprintf old > page.html || exit 99\n\"$0\" report --run \"$1\" --output page.html\ncode=$?\n\
         cat page.html; ls -A | tr '\\n' ' '; exit $code"
    );
    let shell = std::process::Command::new("unshare")
        .args(["-m", "bash", "-c", &script, env!("CARGO_BIN_EXE_chanlab"), &run])
        .current_dir(folder)
        .output();
    let Ok(output) = shell else { return false };
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    if output.status.code() == Some(98) || stderr.contains("unshare failed") {
        eprintln!("left out, since this user may not mount: {stderr}");
        return false;
    }
    assert_eq!(output.status.code(), Some(UNABLE), "{stdout}{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.starts_with("error: cannot write page.html: ") && stderr.contains(reason), "{stderr}");
    assert!(stdout.starts_with("oldpage.html"), "{stdout}");
    assert_eq!(stdout.matches("unfinished").count(), 0, "nothing is left of the attempt: {stdout}");
    true
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_keeps_the_old_page() {
    let sandbox = Sandbox::new();
    assert!(sandbox.run(&small("2")).status.success());
    let folder = sandbox.path().join("pages");
    fs::create_dir(&folder).expect("made");
    // A limit on the size of files, which every user may set.
    assert_the_old_page_stays(&sandbox, &folder, "trap '' XFSZ; ulimit -f 8", "File too large");
    let mount = "mount -t tmpfs -o size=16k none . || exit 98; cd \"$PWD\"";
    assert_the_old_page_stays(&sandbox, &folder, mount, "No space left on device");
}

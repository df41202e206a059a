//! A recorded command works when it is typed as the page shows it.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use engine::plan_file;

use crate::sandbox::{Sandbox, text};

/// What a shell makes of a line in which `chanlab`, or cargo with chanlab, is the tested command.
fn typed(sandbox: &Sandbox, line: &str) -> Output {
    let script = format!("chanlab() {{ \"$0\" \"$@\"; }}\ncargo() {{ shift 3; \"$0\" \"$@\"; }}\n{line}");
    Command::new("bash")
        .args(["-c", &script, env!("CARGO_BIN_EXE_chanlab")])
        .current_dir(sandbox.path())
        .env(runner::LOG_VARIABLE, sandbox.runner_log())
        .output()
        .expect("bash starts")
}

fn run(sandbox: &Sandbox, folder: &OsStr, arguments: &[&str]) -> Output {
    let mut command = sandbox.command(&["run", "--output"]);
    command.arg(folder).args(arguments).args([
        "--no-go",
        "--profile",
        "quick",
        "--epochs",
        "1",
        "--precision",
        "0",
    ]);
    command.current_dir(sandbox.path()).output().expect("it starts")
}

#[test]
fn a_folder_with_any_name_is_recorded_as_a_shell_reads_it() {
    let sandbox = Sandbox::new();
    for name in
        [&b"a b"[..], b"it's $HOME", b"\xff", b"new\nline\x1b[31m", b"-dash", "\u{202e}back".as_bytes()]
    {
        let name = OsString::from_vec([b"./", name].concat());
        let folder: PathBuf = sandbox.path().join(&name);
        let output = run(&sandbox, &name, &["ping_pong/capacity=1", "--channel", "std"]);
        assert!(output.status.success(), "{name:?}: {}", text(&output.stderr));
        let command = plan_file::read(&folder).expect("a plan").command;
        assert_eq!(command.lines().count(), 1, "{command}");
        assert!(command.starts_with("chanlab run --output "), "{command}");
        // Typed again, it names the same folder, which holds a run.
        let again = typed(&sandbox, &command);
        let stderr = text(&again.stderr);
        assert_eq!(again.status.code(), Some(2), "{command}: {stderr}");
        assert!(stderr.contains("holds a run already"), "{command}: {stderr}");
        fs::remove_dir_all(&folder).expect("removed");
        let again = typed(&sandbox, &command);
        assert!(again.status.success() && folder.is_dir(), "{command}: {}", text(&again.stderr));
        assert_eq!(plan_file::read(&folder).expect("a plan").command, command);
    }
}

/// The command below a failed cell names the runner's own command inside a word.
#[test]
fn the_replay_of_a_foreign_channel_runs_its_runner() {
    let sandbox = Sandbox::new();
    let body = "while read -r request; do case $request in *'\"plan\"'*) echo '{\"kind\":\"planned\",\"cell\":1,\
                \"messages\":1000}' ;; *) echo \"lost $1\" >&2; exit 3 ;; esac; done";
    let script = sandbox.runner("faulty", body);
    let spaced = sandbox.path().join("it's my runner.sh");
    fs::rename(script, &spaced).expect("renamed");
    let runner = format!("\"{}\" 'two words'", spaced.display());
    let cell = [
        "producer_consumer/capacity=64",
        "--channel",
        "mutex-deque",
        "--channel",
        "faulty",
        "--runner",
        &runner,
    ];
    let folder = sandbox.run_folder();
    run(&sandbox, folder.as_os_str(), &cell);
    let page = fs::read_to_string(folder.join("report.html")).expect("a page");
    assert!(page.contains("lost two words"), "the runner had one argument");
    let replay =
        page.split("again: <code>").nth(1).expect("a replay").split("</code>").next().expect("its end");
    let replay = replay.replace("&quot;", "\"").replace("&#39;", "'").replace("&amp;", "&");
    assert!(replay.starts_with("cargo run --release -- run producer_consumer/"), "{replay}");
    let again = sandbox.path().join("again");
    let line = format!("{replay} --profile quick --epochs 1 --output {}", again.display());
    let output = typed(&sandbox, &line);
    assert!(text(&output.stderr).contains("over faulty failed: "), "{line}: {}", text(&output.stderr));
    assert!(Path::new(&again.join("report.html")).is_file());
    let unclosed = sandbox.run(&["ping_pong", "--runner", "'open"]);
    assert_eq!(unclosed.status.code(), Some(2));
    assert!(text(&unclosed.stderr).contains("expected a command, with every quote closed"));
}

//! Other runners in a run: Go's runner, the messages when Go is missing, and a runner's description of its
//! channels.

use std::fs;
use std::path::Path;
use std::process::Output;

use crate::sandbox::{Sandbox, text};

/// One small cell, over every channel.
const SMALL: [&str; 5] = ["producer_consumer/capacity=64", "--profile", "quick", "--epochs", "1"];

/// `chanlab run` of one small cell, with only the programs in `programs` on the path.
fn run(sandbox: &Sandbox, programs: &Path, more: &[&str]) -> Output {
    let folder = sandbox.run_folder().display().to_string();
    let all = [&["run", "--output", &folder], &SMALL[..], more].concat();
    sandbox.command(&all).env("PATH", programs).output().expect("the command starts")
}

/// Checks that the reason `why` is shown at once, in the plan, at the end and on the page, and that the
/// others were measured.
#[track_caller]
fn assert_said(sandbox: &Sandbox, output: &Output, why: &str) {
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{stderr}");
    assert!(stderr.contains(&format!("\ngo: not available: {why}\n")), "{stderr}");
    assert!(stdout.contains(&format!("\nNot available: go: {why}\n")), "{stdout}");
    assert_eq!(sandbox.plan().not_available, [("go".to_owned(), why.to_owned())]);
    let page = fs::read_to_string(sandbox.run_folder().join("report.html")).expect("a page");
    assert!(page.contains(&format!("Not available: go: {why}.")), "the page does not say it");
    sandbox.assert_complete(1);
}

#[test]
fn without_go_the_others_are_measured_and_the_reason_is_shown() {
    let sandbox = Sandbox::new();
    let output = run(&sandbox, sandbox.path(), &[]);
    assert_said(&sandbox, &output, "there is no go on the path (scripts/install-go installs one)");
}

#[test]
fn a_failed_go_build_is_reported_by_its_first_error() {
    let sandbox = Sandbox::new();
    let script = sandbox
        .script("fails", "echo '# chanlab/runner' >&2; echo './main.go:9:2: undefined: x' >&2; exit 1");
    fs::rename(script, sandbox.path().join("go")).expect("renamed");
    let output = run(&sandbox, sandbox.path(), &[]);
    assert_said(&sandbox, &output, "go build failed: ./main.go:9:2: undefined: x");
}

#[test]
fn go_is_not_needed_when_it_is_left_out_or_others_are_named() {
    for more in [&["--no-go"][..], &["--channel", "std"]] {
        let sandbox = Sandbox::new();
        let output = run(&sandbox, sandbox.path(), more);
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(!text(&output.stderr).contains("not available"), "{}", text(&output.stderr));
        assert!(sandbox.plan().not_available.is_empty());
    }
}

#[test]
fn the_error_for_a_go_channel_without_go_has_the_reason() {
    let sandbox = Sandbox::new();
    let output = run(&sandbox, sandbox.path(), &["--channel", "go-chan"]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.starts_with("error: unknown channel go-chan: expected one of "), "{stderr}");
    assert!(stderr.contains("; go: not available: there is no go on the path"), "{stderr}");
}

#[test]
fn the_articles_benchmark_without_go_fails_in_one_line() {
    let sandbox = Sandbox::new();
    let document = sandbox.path().join("article.md");
    let arguments = ["article", "--output", &document.display().to_string()];
    let output =
        sandbox.command(&arguments).env("PATH", sandbox.path()).output().expect("the command starts");
    assert_eq!(output.status.code(), Some(3));
    let expected = "error: go: not available: there is no go on the path (scripts/install-go installs one)\n";
    assert_eq!(text(&output.stderr), expected);
    assert!(!document.exists(), "there is nothing to write");
}

#[test]
fn the_page_shows_a_runners_description_of_an_unknown_channel() {
    let sandbox = Sandbox::new();
    let hello = r#"{"kind":"hello","protocol":2,"runner":"a script","language":"sh","workloads":["producer_consumer"],"channels":[{"name":"pigeon","version":"pigeon 3","about":"a bird with a letter","lacks":[{"capability":"length","reason":"birds are not counted"}],"notes":["sleeps at night"]}]}"#;
    let runner = sandbox.script("pigeon", &format!("echo '{hello}'\nread -r _; exit 3"));
    let output = sandbox.run(&[&SMALL[..], &["--runner", &runner, "--channel", "pigeon"]].concat());
    // Its runner ends at the first request.
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let page = fs::read_to_string(sandbox.run_folder().join("report.html")).expect("a page");
    let channels = page.split("id=\"channels\"").nth(1).expect("the section");
    for said in
        ["a bird with a letter", "lacks length", "birds are not counted", "sleeps at night", "pigeon 3"]
    {
        assert!(channels.contains(said), "{said} is missing");
    }
}

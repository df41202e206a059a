//! `chanlab compare` over recorded runs, and `chanlab ab` over runners with known times.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use engine::plan_file;
use records::plan::{Entry, Group, Launch, Plan, VERSION};
use records::record::ParamsRecord;

use crate::sandbox::{Sandbox, edit, text};

/// Enough epochs to find a difference in one of two groups.
const EPOCHS: u32 = 12;

/// A runner whose messages take `ns_per_op` nanoseconds, give or take one per cent. Its rounds first execute
/// `else_`.
fn runner(sandbox: &Sandbox, name: &str, ns_per_op: u32, else_: &str) -> String {
    let body = format!(
        r#"ns={ns_per_op}
while read -r request; do
    [[ $request =~ \"cell\":([0-9]+) ]]; cell=${{BASH_REMATCH[1]}}
    case "$request" in
        *'"kind":"plan"'*)
            [[ $request =~ \"messages\":([0-9]+) ]] && messages=${{BASH_REMATCH[1]}} || messages=1000
            echo "{{\"kind\":\"planned\",\"cell\":$cell,\"messages\":$messages}}" ;;
        *'"kind":"quit"'*) exit ;;
        *)
            [[ $request =~ \"round\":([0-9]+) ]]; round=${{BASH_REMATCH[1]}}
            {else_}
            wall=$((messages * ns * (1000 + round % 10) / 1000))
            takes "$wall"
            echo "{{\"kind\":\"round\",\"cell\":$cell,\"round\":$round,\"messages\":$messages,\"wall_ns\":$wall}}" ;;
    esac
done"#
    );
    let hello = sandbox.runner("fake", &body);
    let path = sandbox.path().join(format!("{name}.sh"));
    fs::rename(hello, &path).expect("renamed");
    path.display().to_string()
}

/// Writes the plan of `chanlab ab` over two runners, as after the builds.
fn plan(sandbox: &Sandbox, old: &str, new: &str) {
    let registry = adapters::registry();
    let group = |params: &str| {
        let workload = registry.workload("producer_consumer").expect("known");
        Group {
            workload: workload.name.to_owned(),
            params: ParamsRecord::new(workload, &registry.params(workload.name, params).expect("params")),
            least_messages: 4_096,
            deadline_ns: 1_000_000_000,
        }
    };
    let entry = |version: &str, runner: &str| Entry {
        name: format!("fake {version}"),
        channel: "fake".to_owned(),
        version: format!("fake {version}"),
        launch: Launch::Command(vec![runner.to_owned()]),
        about: None,
    };
    let entries = vec![entry("1.0.0", old), entry("1.1.0", new)];
    let plan = Plan {
        not_available: Vec::new(),
        programs: engine::program::programs(&entries).expect("both say hello"),
        version: VERSION,
        began: "2026-01-02T03:04:05Z".to_owned(),
        command: "chanlab ab --crate fake 1.0.0 1.1.0".to_owned(),
        profile: "selected".to_owned(),
        seed: 7,
        machine: runner::machine::current(&registry),
        entries,
        groups: vec![group("capacity=64"), group("capacity=1024")],
        blocks: 1,
        budget_seconds: 1,
        fewest_epochs: EPOCHS,
        most_epochs: EPOCHS,
        precision: 0.0,
        placement: "any".to_owned(),
        allocations: false,
        versions: Some([0, 1]),
    };
    plan_file::write(&plan, &sandbox.run_folder()).expect("written");
}

fn ab(sandbox: &Sandbox, arguments: &[&str]) -> Output {
    let folder = sandbox.run_folder().display().to_string();
    sandbox.command(&[&["ab", "--resume", &folder], arguments].concat()).output().expect("it starts")
}

#[test]
fn a_slowdown_fails_beyond_the_threshold_only() {
    let sandbox = Sandbox::new();
    plan(&sandbox, &runner(&sandbox, "old", 100, ":"), &runner(&sandbox, "new", 120, ":"));
    let output = ab(&sandbox, &[]);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{stdout}{stderr}");
    assert!(stdout.contains("2 comparisons of fake 1.1.0 with fake 1.0.0: 2 slower.\n"), "{stdout}");
    assert!(
        stdout.contains(&format!(" over {EPOCHS} epochs, each with a 99 % interval for its group alone")),
        "{stdout}"
    );
    let last = stderr.lines().last().expect("an error");
    assert!(
        last.starts_with(
            "error: fake 1.1.0 is slower than fake 1.0.0 by more than 5 %: producer_consumer/capacity=64 1.20× ("
        ),
        "{last}"
    );
    // The run is complete, so a second command only judges it again.
    let rounds = sandbox.rounds().len();
    let markdown = sandbox.path().join("changes.md");
    let output = ab(&sandbox, &["--threshold", "50", "--markdown", &markdown.display().to_string()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(sandbox.rounds().len(), rounds);
    let markdown = fs::read_to_string(markdown).expect("written");
    assert!(markdown.starts_with("### fake 1.1.0 against fake 1.0.0\n"), "{markdown}");
    let printed = ab(&sandbox, &["--threshold", "50", "--markdown", "-"]);
    assert_eq!(text(&printed.stdout), markdown);
}

#[test]
fn two_equal_versions_pass() {
    let sandbox = Sandbox::new();
    plan(&sandbox, &runner(&sandbox, "old", 100, ":"), &runner(&sandbox, "new", 100, ":"));
    let output = ab(&sandbox, &["--threshold", "0"]);
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{stdout}");
    assert!(stdout.contains(": 2 with no difference detected.\n"), "{stdout}");
}

#[test]
fn a_new_version_that_crashes_fails_with_its_stderr_tail() {
    let sandbox = Sandbox::new();
    let crash = "if ((round % 5 == 3)); then echo 'double free' >&2; kill -ABRT $$; fi";
    plan(&sandbox, &runner(&sandbox, "old", 100, ":"), &runner(&sandbox, "new", 100, crash));
    let output = ab(&sandbox, &[]);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{stdout}{stderr}");
    assert!(stdout.contains("failed in the new one"), "{stdout}");
    let why = "capacity=64 failed over fake 1.1.0: ended without a reply; killed by signal 6 (SIGABRT); stderr ends with: double free";
    assert!(stdout.contains(why), "{stdout}");
    let last = stderr.lines().last().expect("an error");
    assert!(
        last.starts_with("error: fake 1.1.0 failed where fake 1.0.0 did not: producer_consumer/"),
        "{last}"
    );
}

/// Two runs of the baseline and of a runner with known times.
fn two_runs(sandbox: &Sandbox, times: [u32; 2]) -> [PathBuf; 2] {
    ["one", "two"].map(|name| {
        let folder = sandbox.path().join(name);
        // The command stays the same; its behaviour changes.
        let runner = runner(sandbox, "fake", times[usize::from(name == "two")], ":");
        let output = sandbox
            .command(&[
                "run",
                "producer_consumer/capacity=64",
                "--profile",
                "quick",
                "--precision",
                "0",
                "--epochs",
                &EPOCHS.to_string(),
                "--channel",
                "mutex-deque",
                "--channel",
                "fake",
                "--runner",
                &runner,
                "--output",
                &folder.display().to_string(),
            ])
            .output()
            .expect("it starts");
        assert!(output.status.success(), "{}", text(&output.stderr));
        folder
    })
}

fn compare(sandbox: &Sandbox, runs: &[PathBuf; 2], options: &[&str]) -> Output {
    let [old, new] = runs.each_ref().map(|folder| folder.display().to_string());
    sandbox.command(&[&["compare", &old, &new], options].concat()).output().expect("it starts")
}

#[test]
fn two_runs_are_compared_cell_by_cell() {
    let sandbox = Sandbox::new();
    let runs = two_runs(&sandbox, [100, 150]);
    let output = compare(&sandbox, &runs, &[]);
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let slower =
        "error: the new run is slower than the old run: producer_consumer/capacity=64 over fake 1.50× (";
    let last = text(&output.stderr);
    assert!(last.lines().last().is_some_and(|last| last.starts_with(slower)), "{last}");
    let row = |name: &str| {
        let row = stdout
            .lines()
            .find(|line| line.starts_with(&format!("producer_consumer/capacity=64 over {name} ")));
        row.unwrap_or_else(|| panic!("no row of {name}: {stdout}")).to_owned()
    };
    assert!(row("fake").ends_with("  slower") && row("fake").contains("  1.50× ("), "{}", row("fake"));
    row("mutex-deque");
    assert!(stdout.contains("the machine may have drifted between them"), "{stdout}");

    // The version of one channel differs, so it is left out by default.
    edit(&runs[1], |plan| plan.entries[1].version = "2".to_owned());
    let stdout = text(&compare(&sandbox, &runs, &[]).stdout);
    assert!(!stdout.contains("over fake") && stdout.contains("over mutex-deque"), "{stdout}");
    assert!(stdout.contains("note: left out, other versions: fake: 1 and 2\n"), "{stdout}");
    let stdout = text(&compare(&sandbox, &runs, &["--across-versions"]).stdout);
    assert!(
        stdout.contains("over fake") && stdout.contains("note: compared across versions: fake: 1 and 2\n"),
        "{stdout}"
    );

    // Nothing is left.
    edit(&runs[1], |plan| plan.entries[0].version = "chanlab 9".to_owned());
    let output = compare(&sandbox, &runs, &[]);
    let stderr = text(&output.stderr);
    assert_eq!((output.status.code(), stderr.lines().count()), (Some(2), 1), "{stderr}");
    assert!(stderr.contains("no cell in common: the versions differ (mutex-deque: "), "{stderr}");
}

#[test]
fn unlike_runs_are_refused_in_one_line_unless_forced() {
    let sandbox = Sandbox::new();
    let runs = two_runs(&sandbox, [100, 100]);
    edit(&runs[1], |plan| {
        plan.machine.kernel = "another".to_owned();
        plan.placement = "same-core".to_owned();
    });
    let output = compare(&sandbox, &runs, &[]);
    let stderr = text(&output.stderr);
    assert_eq!((output.status.code(), stderr.lines().count()), (Some(2), 1), "{stderr}");
    assert!(
        stderr.starts_with("error: the runs are not comparable")
            && stderr.contains("and another; threads' placement: any and same-core"),
        "{stderr}"
    );
    assert_eq!(text(&output.stdout), "");

    // The baseline's times are real, so the machine's drift may be significant.
    let output = compare(&sandbox, &runs, &["--force", "--threshold", "100"]);
    assert_eq!(output.status.code(), Some(0));
    let warnings = text(&output.stderr);
    assert_eq!(warnings.matches("warning: the runs differ: ").count(), 2, "{warnings}");
    assert!(text(&output.stdout).contains("note: the runs differ: threads' placement: any and same-core\n"));

    let missing = [runs[0].clone(), sandbox.path().join("three")];
    let output = compare(&sandbox, &missing, &[]);
    assert!(text(&output.stderr).starts_with("error: no run in "), "{}", text(&output.stderr));
}

//! A run is resumed where it was measured, by the same programs and with the same plan, or not at all.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use engine::plan_file;
use records::plan::{Launch, PLAN_FILE, Plan};
use records::rounds::{Line, ROUNDS_FILE};

use crate::sandbox::{Sandbox, edit, text};

/// A runner of the channel `fake`, whose version, and more, comes from a file beside it.
const SCRIPT: &str = r#". "$(dirname "$0")/facts"
printf '{"kind":"hello","protocol":2,"runner":"%s","language":"%s","channels":[{"name":"fake","version":"%s"}%s],"workloads":["producer_consumer"]}\n' "$runner" "$language" "$version" "$more"
while read -r request; do
    [[ $request =~ \"cell\":([0-9]+) ]]; cell=${BASH_REMATCH[1]}
    case "$request" in
        *'"kind":"plan"'*)
            [[ $request =~ \"messages\":([0-9]+) ]] && messages=${BASH_REMATCH[1]} || messages=1000
            echo "{\"kind\":\"planned\",\"cell\":$cell,\"messages\":$messages}" ;;
        *'"kind":"quit"'*) exit ;;
        *)
            [[ $request =~ \"round\":([0-9]+) ]]; round=${BASH_REMATCH[1]}
            takes "${messages}00"
            echo "{\"kind\":\"round\",\"cell\":$cell,\"round\":$round,\"messages\":$messages,\"wall_ns\":${messages}00}" ;;
    esac
done"#;

const FACTS: &str = "runner='r 1' language='sh 5' version='fake 1' more=";

/// A finished run of two epochs over the baseline and the script.
struct Case {
    sandbox: Sandbox,
    script: String,
}

impl Case {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        fs::write(sandbox.path().join("facts"), FACTS).expect("written");
        let script = sandbox.script("runner", SCRIPT);
        let runner = format!("bash {script}");
        let mut arguments =
            vec!["producer_consumer/capacity=64", "producer_consumer/capacity=1024", "--no-go"];
        arguments.extend(["--profile", "quick", "--precision", "0", "--epochs", "2", "--runner", &runner]);
        arguments.extend(["--channel", "mutex-deque", "--channel", "fake"]);
        let output = sandbox.run(&arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let rounds = fs::read_to_string(sandbox.run_folder().join(ROUNDS_FILE)).expect("rounds");
        let whole: Vec<&str> = rounds.lines().collect();
        // Half of it, so that there is something to resume.
        fs::write(sandbox.run_folder().join(ROUNDS_FILE), whole[..whole.len() / 2].join("\n") + "\n")
            .expect("written");
        Case { sandbox, script }
    }

    fn resume_by(&self, mut command: Command) -> Output {
        let folder = self.sandbox.run_folder();
        command.args(["run", "--resume"]).arg(folder).env(runner::LOG_VARIABLE, self.sandbox.runner_log());
        command.output().expect("it starts")
    }

    fn resume(&self) -> Output {
        self.resume_by(Command::new(env!("CARGO_BIN_EXE_chanlab")))
    }

    /// Checks that a resumption is refused in one line that says `why`, and changes nothing.
    #[track_caller]
    fn assert_refused(&self, output: impl FnOnce(&Self) -> Output, why: &[&str]) {
        let folder = self.sandbox.run_folder();
        let content = || [PLAN_FILE, ROUNDS_FILE].map(|file| fs::read(folder.join(file)).expect("there"));
        let before = content();
        let output = output(self);
        let stderr = text(&output.stderr);
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        let unlike = format!("error: the run in {} cannot go on here", folder.display());
        let nonsense = format!("error: {} makes no sense: ", folder.join(PLAN_FILE).display());
        let code = if stderr.starts_with(&nonsense) { 1 } else { 2 };
        assert!(code == 1 || stderr.starts_with(&unlike), "{stderr}");
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        for why in why {
            assert!(stderr.contains(why), "{why}: {stderr}");
        }
        assert_eq!(content(), before);
    }

    #[track_caller]
    fn assert_refused_after(&self, change: impl FnOnce(&mut Plan), why: &[&str]) {
        let plan = fs::read(self.sandbox.run_folder().join(PLAN_FILE)).expect("a plan");
        let rounds = fs::read(self.sandbox.run_folder().join(ROUNDS_FILE)).expect("rounds");
        edit(&self.sandbox.run_folder(), change);
        self.assert_refused(Case::resume, why);
        fs::write(self.sandbox.run_folder().join(PLAN_FILE), plan).expect("restored");
        fs::write(self.sandbox.run_folder().join(ROUNDS_FILE), rounds).expect("restored");
    }
}

#[test]
fn another_machine_or_build_is_refused_with_every_difference() {
    let case = Case::new();
    case.assert_refused_after(
        |plan| {
            plan.machine.cpu = "Another Processor".to_owned();
            plan.machine.cores += 1;
            plan.machine.kernel = "0.1".to_owned();
            plan.machine.system = "Another".to_owned();
            plan.machine.rustc = "rustc 1.80.0".to_owned();
            plan.machine.channels.insert("flume".to_owned(), "flume 0.1.0".to_owned());
            plan.machine.channels.insert("mutex-deque".to_owned(), "chanlab 0.0.1".to_owned());
        },
        &[
            "processor: Another Processor and ",
            "logical processors: ",
            "kernel: 0.1 and ",
            "system: Another and ",
            "compiler: rustc 1.80.0 and ",
            "flume: flume 0.1.0 and flume ",
            "harness: chanlab 0.0.1 and chanlab ",
        ],
    );
    case.assert_refused_after(|plan| plan.version = 2, &["format 2 of an older chanlab"]);

    // The same program with one more byte, which the system ignores.
    let other = case.sandbox.path().join("other-chanlab");
    let mut program = fs::read(env!("CARGO_BIN_EXE_chanlab")).expect("the program");
    program.push(0);
    fs::write(&other, program).expect("written");
    fs::set_permissions(&other, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("it may be run");
    case.assert_refused(|case| case.resume_by(Command::new(&other)), &["(this is another build of chanlab)"]);

    if std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1) {
        let mut command = Command::new("taskset");
        command.args(["-c", "0", env!("CARGO_BIN_EXE_chanlab")]);
        case.assert_refused(|case| case.resume_by(command), &["logical processors: ", " and 1)"]);
    }

    let output = case.resume();
    assert!(output.status.success(), "{}", text(&output.stderr));
    case.sandbox.assert_complete(2);
}

#[test]
fn another_program_or_another_hello_is_refused() {
    let case = Case::new();
    let facts = case.sandbox.path().join("facts");
    for (changed, why) in [
        (FACTS.replace("fake 1", "fake 2"), "fake: fake 1 and fake 2"),
        (FACTS.replace("r 1", "r 2"), "the name of bash "),
        (FACTS.replace("sh 5", "sh 6"), ": sh 5 and sh 6"),
        (format!("{FACTS}',{{\"name\":\"more\",\"version\":\"1\"}}'"), "has a new channel more"),
    ] {
        fs::write(&facts, changed).expect("written");
        case.assert_refused(Case::resume, &[why]);
    }
    fs::write(&facts, FACTS).expect("written");

    // A script that has changed is not started.
    let witness = case.sandbox.path().join("started");
    let script = fs::read(&case.script).expect("a script");
    fs::write(&case.script, format!("touch '{}'\n{SCRIPT}", witness.display())).expect("written");
    case.assert_refused(Case::resume, &["the file ", "runner.sh has changed ("]);
    assert!(!witness.exists());
    fs::remove_file(&case.script).expect("removed");
    case.assert_refused(Case::resume, &["names other files"]);
    // It is compared by content: a new file with the old one is the old one.
    fs::write(&case.script, script).expect("written");
    let output = case.resume();
    assert!(output.status.success(), "{}", text(&output.stderr));
    case.sandbox.assert_complete(2);
}

#[test]
fn an_edited_plan_is_refused() {
    let case = Case::new();
    let folder = case.sandbox.run_folder();
    let path = folder.join(PLAN_FILE);
    let plan = fs::read_to_string(&path).expect("a plan");
    let edits: [fn(&mut Plan); 4] = [
        |plan| plan.groups.reverse(),
        |plan| plan.entries.reverse(),
        |plan| plan.budget_seconds += 1,
        |plan| plan.blocks = 1,
    ];
    for change in edits {
        let mut edited: Plan = serde_json::from_str(&plan).expect("a plan");
        change(&mut edited);
        fs::write(&path, serde_json::to_vec_pretty(&edited).expect("JSON")).expect("written");
        case.assert_refused(Case::resume, &["(plan.json was changed after the rounds were begun)"]);
        // A page of it says so as well.
        let page = case.sandbox.path().join("page.html").display().to_string();
        let run = folder.display().to_string();
        let report =
            case.sandbox.command(&["report", "--run", &run, "--output", &page]).output().expect("it starts");
        let stderr = text(&report.stderr);
        let warning = "rounds.jsonl:1: the run began with another plan: its first line names the checksum ";
        assert!(stderr.contains(warning), "{stderr}");
    }
    fs::write(&path, &plan).expect("written");

    let rounds = fs::read_to_string(folder.join(ROUNDS_FILE)).expect("rounds");
    let (_, others) = rounds.split_once('\n').expect("lines");
    fs::write(folder.join(ROUNDS_FILE), others).expect("written");
    case.assert_refused(Case::resume, &["the rounds do not name the plan that they were begun with"]);
}

/// With no round, a plan may be edited, but not into one that means nothing here.
#[test]
fn a_plan_that_this_build_does_not_know_is_refused() {
    let case = Case::new();
    let flume = |plan: &mut Plan| plan.entries[0].channel = "no-such".to_owned();
    case.assert_refused_after(flume, &["the channel no-such is unknown"]);
    case.assert_refused_after(
        |plan| plan.placement = "sideways".to_owned(),
        &["the placement sideways is unknown"],
    );
    case.assert_refused_after(
        |plan| plan.entries[1].name = "mutex-deque".to_owned(),
        &["makes no sense: it has two entries of the same name, \"mutex-deque\""],
    );
    case.assert_refused_after(
        |plan| plan.entries[1].launch = Launch::Command(vec!["/bin/true".to_owned()]),
        &["the program of fake is not recorded"],
    );
    case.assert_refused_after(
        |plan| plan.groups[0].workload = "fan_out".to_owned(),
        &["fan_out/capacity=64: unknown workload fan_out"],
    );
    case.assert_refused_after(
        |plan| drop(plan.groups[0].params.values.insert("capacity".to_owned(), "1".to_owned())),
        &["producer_consumer/capacity=64 has the params of capacity=1"],
    );
    case.assert_refused_after(
        |plan| plan.groups[1] = plan.groups[0].clone(),
        &["two groups of the same name, \"producer_consumer/capacity=64\""],
    );
    case.assert_refused_after(
        |plan| plan.versions = Some([0, 9]),
        &["it compares the entries 0 and 9, which are not two of its entries"],
    );
}

/// A run of version 1, as an older chanlab left it on another machine.
#[test]
fn a_run_of_an_older_chanlab_is_refused_and_can_still_be_read() {
    let case = Case::new();
    let folder = case.sandbox.run_folder();
    let plan = plan_file::read(&folder).expect("a plan");
    let old = Plan { version: 1, programs: Vec::new(), ..plan };
    fs::write(folder.join(PLAN_FILE), serde_json::to_vec(&old).expect("JSON")).expect("written");
    let rounds = fs::read_to_string(folder.join(ROUNDS_FILE)).expect("rounds");
    // It neither named the plan nor sealed its lines.
    let lines = rounds.lines().skip(1).map(|line| serde_json::from_str::<Line>(line).expect("a line"));
    let lines: String = lines.map(|line| serde_json::to_string(&line).expect("JSON") + "\n").collect();
    fs::write(folder.join(ROUNDS_FILE), lines).expect("written");
    case.assert_refused(Case::resume, &["format 1 of an older chanlab"]);
    let page = case.sandbox.path().join("page.html");
    let [run, output] = [&folder, &page].map(|path: &std::path::PathBuf| path.display().to_string());
    let report =
        case.sandbox.command(&["report", "--run", &run, "--output", &output]).output().expect("it starts");
    // The machine may not have been steady, but nothing is wrong with the records.
    assert!(!text(&report.stderr).contains(".json"), "{}", text(&report.stderr));
    assert!(Path::new(&page).is_file());
}

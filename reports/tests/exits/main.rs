//! Every ending of every command has the exit code of the table ([`reports::exit::ENDINGS`]).

mod endings;
mod place;
mod results;

use std::fs;
use std::path::Path;

use reports::exit::{ENDINGS, EVERY, Exit, help, table};

use crate::place::{Place, text};

/// A way to end a command, and the test of it.
type Case = (&'static str, Exit, fn());

/// The programs whose endings are tested where they are.
const ELSEWHERE: [&str; 2] = ["chanlab-verify", "scripts/defects, scripts/mutants"];

#[test]
fn every_ending_of_the_table_is_tested_and_no_other() {
    let mut tested: Vec<(&str, Exit)> =
        endings::CASES.iter().map(|(command, exit, _)| (*command, *exit)).collect();
    let mut known: Vec<(&str, Exit)> = ENDINGS
        .iter()
        .map(|ending| (ending.command, ending.exit))
        .filter(|(command, _)| !ELSEWHERE.contains(command))
        .collect();
    tested.sort_unstable();
    tested.dedup();
    known.sort_unstable();
    assert_eq!(tested, known);
}

/// Carries out the cases of a command.
fn check(command: &str) {
    let cases: Vec<&Case> = endings::CASES.iter().filter(|(name, ..)| *name == command).collect();
    assert!(!cases.is_empty(), "{command}");
    for (_, exit, ends) in cases {
        eprintln!("{command} ends with {exit:?}");
        ends();
    }
}

/// A test for each command, so that they run side by side.
macro_rules! checked {
    ($($test:ident: $command:expr),* $(,)?) => {
        $(#[test] fn $test() { check($command); })*

        #[test]
        fn no_command_is_left_out() {
            let checked = [$($command),*];
            assert!(endings::CASES.iter().all(|(command, ..)| checked.contains(command)));
        }
    };
}

checked! {
    every_command: EVERY,
    run: "run",
    choose: "choose",
    honesty: "honesty",
    ab: "ab",
    compare: "compare",
    report: "report",
    round: "round",
    article: "article",
    bucket: "bucket",
    runner_check: "runner check",
    runner_serve: "runner serve",
    verify: "verify",
    log_produce: "log produce",
    log_show: "log show",
    consume: "consume",
    list: "list",
    scripts_of_models: "scripts/loom, scripts/shuttle",
}

#[test]
fn the_document_has_the_table_of_every_command() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/EXIT_CODES.md");
    let document = fs::read_to_string(file).expect("the document");
    for ending in ENDINGS {
        let section = format!("## {}\n\n{}", ending.command, table(ending.command));
        assert!(document.contains(&section), "docs/EXIT_CODES.md lacks:\n\n{section}");
    }
    for exit in Exit::ALL {
        let row = format!("| {} | {} |", exit.code(), exit.meaning());
        assert!(document.contains(&row), "docs/EXIT_CODES.md lacks:\n\n{row}");
    }
}

#[test]
fn the_help_of_a_command_has_its_codes() {
    let place = Place::new();
    let help_of = |words: &[&str]| {
        let words: Vec<&str> = words.iter().copied().chain(["--help"]).collect();
        text(&place.ends(Exit::Sound, &words).stdout).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let own = help_of(&[]);
    for exit in Exit::ALL {
        assert!(own.contains(&format!("{} {}", exit.code(), exit.meaning())), "{own}");
    }
    for ending in ENDINGS.iter().filter(|ending| ending.command != EVERY && !ending.command.contains('/')) {
        if ELSEWHERE.contains(&ending.command) {
            continue;
        }
        let words: Vec<&str> = ending.command.split(' ').collect();
        let codes = help(ending.command).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(help_of(&words).contains(&codes), "{}", ending.command);
    }
}

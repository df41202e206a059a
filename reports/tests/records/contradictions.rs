//! Each way in which the records of a run can contradict their plan or each other, and the problem that names it.

use records::checksum::plan_checksum;
use records::crash::ProcessFailure;
use records::rounds::{EndReason, Line};
use reports::collect::runs::{RoundPosition, RunState};
use reports::render;
use testing::runs::sealed;

use crate::recorded::{BLOCKS, EPOCHS, MESSAGES, Recorded, page, problems, read};

/// The round that most rows change.
const AT: (usize, usize, u32, Option<u32>) = (0, 1, 1, Some(0));

/// Its cell.
const CELL: RoundPosition = (0, 1);

/// A change of a sound run whose lines are sealed again afterwards, the problem that must name it, and the cells that have no
/// number then.
struct Row {
    name: &'static str,
    change: fn(&mut Recorded),
    problem: &'static str,
    void: &'static [RoundPosition],
}

const TABLE: &[Row] = &[
    Row {
        name: "a place twice, with another time",
        change: |run| {
            let mut copy = run.round(AT).clone();
            copy.measured.wall_ns += 1;
            let end = run.lines.len() - 1;
            run.lines.insert(end, Line::Round(copy));
        },
        problem: "epoch 2, block 1 is recorded twice, here and with other values in line",
        void: &[CELL],
    },
    Row {
        name: "a round twice",
        change: |run| {
            let place = run.place(AT);
            run.lines.insert(place, run.lines[place].clone());
        },
        problem: "the same round as in line",
        void: &[],
    },
    Row {
        name: "every line of a round twice",
        change: |run| {
            let twice = |line: Line| match line {
                Line::Round(_) => vec![line.clone(), line],
                _ => vec![line],
            };
            run.lines = std::mem::take(&mut run.lines).into_iter().flat_map(twice).collect();
        },
        problem: "counted once; and 55 more like it in this file",
        void: &[],
    },
    Row {
        name: "an unknown group",
        change: |run| run.round(AT).group = 2,
        problem: "a line of group 2, and the plan has 2 groups; left out",
        void: &[CELL],
    },
    Row {
        name: "an unknown entry",
        change: |run| run.round(AT).entry = usize::MAX,
        problem: "a line of entry 18446744073709551615, and the plan has 3 entries; left out",
        void: &[CELL],
    },
    Row {
        name: "an unknown epoch",
        change: |run| run.round(AT).epoch = 12,
        problem: "epoch 13, and the plan has at most 12 epochs; left out",
        void: &[CELL],
    },
    Row {
        name: "an unknown block",
        change: |run| run.round(AT).block = Some(BLOCKS),
        problem: "block 3, and the plan has 2 blocks; left out",
        void: &[CELL],
    },
    Row {
        name: "another cell",
        change: |run| run.round(AT).measured.cell = 0,
        problem: "the round says that it is of cell 0, and the plan calls this cell 1",
        void: &[CELL],
    },
    Row {
        name: "ten times the messages",
        change: |run| run.round(AT).measured.messages *= 10,
        problem: "a round of 10,000 messages, where the group has rounds of 1,000",
        void: &[CELL],
    },
    Row {
        name: "one message less",
        change: |run| run.round(AT).measured.messages -= 1,
        problem: "a round of 999 messages, where the group has rounds of 1,000",
        void: &[CELL],
    },
    Row {
        name: "a second size",
        change: |run| run.lines.insert(20, Line::Sized { group: 0, messages: 10 * MESSAGES }),
        problem: "the group has a second size, 10000 messages; in line 2 it has 1000",
        void: &[(0, 0), (0, 1), (0, 2)],
    },
    Row {
        name: "the size twice",
        change: |run| run.lines.insert(20, Line::Sized { group: 0, messages: MESSAGES }),
        problem: "the group has a second size, 1000 messages; in line 2 it has 1000",
        void: &[],
    },
    Row {
        name: "no size",
        change: |run| {
            let place = run.position(|line| matches!(line, Line::Sized { group: 1, .. }));
            run.lines.remove(place);
        },
        problem: "rounds without a size of the group before them",
        void: &[(1, 0), (1, 1)],
    },
    Row {
        name: "a round of 104 days",
        change: |run| run.round(AT).measured.wall_ns = 1 << 53,
        problem: "a round of 9,010,000 s, which chanlab would have ended after 40.0 s",
        void: &[CELL],
    },
    Row {
        name: "a round longer than the time since the line before it",
        change: |run| run.round(AT).measured.wall_ns *= 10,
        problem: "passed since the line before it",
        void: &[CELL],
    },
    Row {
        name: "a moment that goes back",
        change: |run| run.round(AT).at_ms = 0,
        problem: "recorded at 0 ms, which does not fit between the lines around it",
        void: &[CELL],
    },
    Row {
        name: "a moment of tomorrow",
        change: |run| run.round(AT).at_ms += 86_400_000,
        problem: "which does not fit between the lines around it",
        void: &[CELL],
    },
    Row {
        name: "the number of a round that repeats",
        change: |run| run.round(AT).measured.round -= 1,
        problem: "the numbers of rounds rise by one",
        void: &[CELL],
    },
    Row {
        name: "the number of a round that goes back",
        change: |run| run.round(AT).measured.round = 0,
        problem: "the numbers of rounds rise by one",
        void: &[CELL],
    },
    Row {
        name: "half a cell gone",
        change: |run| {
            let is_half = |line: &Line| matches!(line, Line::Round(round) if (round.group, round.entry) == CELL && round.epoch >= 2);
            run.lines.retain(|line| !is_half(line));
        },
        problem: "6 rounds are missing in epochs that are over, the first in epoch 3, warm-up",
        void: &[CELL],
    },
    Row {
        name: "half a block gone",
        change: |run| drop(run.lines.remove(run.place(AT))),
        problem: "1 round is missing in epochs that are over, the first in epoch 2, block 1",
        void: &[CELL],
    },
    Row {
        name: "a cell gone",
        change: |run| {
            run.lines
                .retain(|line| !matches!(line, Line::Round(round) if (round.group, round.entry) == CELL));
        },
        problem: "12 rounds are missing in epochs that are over, the first in epoch 1, warm-up",
        void: &[CELL],
    },
    Row {
        name: "the last epoch gone",
        change: |run| {
            run.lines.retain(|line| !matches!(line, Line::Round(round) if round.epoch == EPOCHS - 1));
        },
        problem: "1 epoch is missing from the group, the first is epoch 4",
        void: &[(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)],
    },
    Row {
        name: "an epoch gone",
        change: |run| {
            run.lines
                .retain(|line| !matches!(line, Line::Round(round) if round.group == 0 && round.epoch == 1));
        },
        problem: "1 epoch is missing from the group, the first is epoch 2",
        void: &[(0, 0), (0, 1), (0, 2)],
    },
    Row {
        name: "rounds after a failure",
        change: |run| {
            let failure = ProcessFailure::new("killed");
            let place = run.place(AT);
            run.lines.insert(place, Line::Failed { group: 0, entry: 1, epoch: 1, cause: None, failure });
        },
        problem: "a round after the cell failed or was found unsupported in line",
        void: &[CELL],
    },
    Row {
        name: "rounds after it was unsupported",
        change: |run| {
            let place = run.place(AT);
            run.lines.insert(place, Line::Unsupported { group: 0, entry: 1, reason: "why".to_owned() });
        },
        problem: "a round after the cell failed or was found unsupported in line",
        void: &[CELL],
    },
    Row {
        name: "unsupported after all its rounds",
        change: |run| {
            let end = run.lines.len() - 1;
            run.lines.insert(end, Line::Unsupported { group: 0, entry: 1, reason: "why".to_owned() });
        },
        problem: "the cell is unsupported and has 12 rounds",
        void: &[CELL],
    },
    Row {
        name: "unsupported twice",
        change: |run| {
            let place = run.position(|line| matches!(line, Line::Unsupported { .. }));
            run.lines.insert(place, run.lines[place].clone());
        },
        problem: "the cell failed or was unsupported before, in line 4",
        void: &[(1, 2)],
    },
    Row {
        name: "rounds after the end",
        change: |run| {
            let end = run.lines.pop().expect("the end");
            let place = run.place(AT);
            run.lines.insert(place, end);
        },
        problem: "a line after the plan was done in line",
        void: &[(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)],
    },
    Row {
        name: "a capacity twice",
        change: |run| run.lines.insert(1, Line::Capacity { group: 0, entry: 2, effective: "1".to_owned() }),
        problem: "a second capacity; the first is in line 1",
        void: &[(0, 2)],
    },
    Row {
        name: "no time",
        change: |run| run.round(AT).measured.wall_ns = 0,
        problem: "wall_ns is 0, which no round can have",
        void: &[CELL],
    },
    Row {
        name: "a count that no number holds",
        change: |run| run.round(AT).measured.peak_bytes = Some(u64::MAX),
        problem: "peak_bytes is 1.84e19, which no round can have",
        void: &[CELL],
    },
    Row {
        name: "a figure that no number holds",
        change: |run| run.round(AT).measured.figures[0].value = 1e300,
        problem: "fairness is 1.00e300, which no round can have",
        void: &[CELL],
    },
    Row {
        name: "more processor time than the processors had",
        change: |run| run.round(AT).measured.user_ns = Some(900_000_000),
        problem: "of processor time, and all processors had",
        void: &[CELL],
    },
    Row {
        name: "latencies of more messages",
        change: |run| run.round((1, 0, 2, Some(1))).measured.latency.as_mut().expect("it has one")[0][1] += 1,
        problem: "its latency counts 1,001 messages, where 1,000 are expected",
        void: &[(1, 0)],
    },
    Row {
        name: "latencies of fewer messages",
        change: |run| run.round((1, 0, 2, Some(1))).measured.latency.as_mut().expect("it has one")[0][1] -= 1,
        problem: "its latency counts 999 messages, where 1,000 are expected",
        void: &[(1, 0)],
    },
    Row {
        name: "latencies that do not rise",
        change: |run| run.round((1, 0, 2, Some(1))).measured.latency.as_mut().expect("it has one").reverse(),
        problem: "the times of its latency do not rise, or cannot be counted",
        void: &[(1, 0)],
    },
    Row {
        name: "a latency longer than its round",
        change: |run| {
            run.round((1, 0, 2, Some(1))).measured.latency.as_mut().expect("it has one")[1][0] = 1 << 40
        },
        problem: "a message took 1,100 s, and its whole round",
        void: &[(1, 0)],
    },
];

#[test]
fn a_sound_run_has_no_problem_and_a_number_in_each_cell() {
    let run = Recorded::sound(0).read();
    assert_eq!(problems(&run), [] as [&str; 0]);
    assert_eq!((run.rounds.len(), run.state), (5, RunState::Done));
    assert_eq!(page(run).totals.measured, 5);
}

#[test]
fn each_contradiction_is_named_and_its_cells_have_no_number() {
    let sound = Recorded::sound(0).read();
    for Row { name, change, problem, void } in TABLE {
        let mut recorded = Recorded::sound(0);
        change(&mut recorded);
        let run = recorded.read();
        let named = problems(&run);
        assert!(named.iter().any(|line| line.contains(problem)), "{name}: {problem}\nis not in {named:#?}");
        let contradictory: Vec<_> = run.contradictory.iter().copied().collect();
        assert_eq!(contradictory, *void, "{name}: {named:#?}");
        // The others keep theirs, to the last round.
        for (cell, rounds) in &sound.rounds {
            if !void.contains(cell) {
                assert_eq!(run.rounds.get(cell), Some(rounds), "{name}: {cell:?}");
            }
        }
        let page = page(run);
        // A failure stays one.
        assert_eq!(page.totals.contradictory + page.totals.failed, void.len() as u64, "{name}");
        let html = render::page::page(&page, "2026-01-02T03:04:05Z");
        assert!(html.find("id=\"problems\"") < html.find("id=\"overview\""), "{name}");
        assert_eq!(html.contains("contradictory records"), page.totals.contradictory > 0, "{name}");
    }
}

#[test]
fn lines_that_are_changed_lost_moved_or_added_show_without_any_contradiction() {
    let recorded = Recorded::sound(0);
    let (plan, rounds) = recorded.files();
    let text = String::from_utf8(rounds).expect("text");
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let said = |plan: &[u8], rounds: &str, problem: &str| {
        let found = problems(&read(plan, rounds.as_bytes()));
        assert!(found.iter().any(|line| line.contains(problem)), "{problem}\nis not in {found:#?}");
    };
    // The capacity: nothing else in the run says that it was there.
    said(&plan, &lines[1..].concat(), "the run began with another plan");
    let place = recorded.position(|line| matches!(line, Line::Unsupported { .. }));
    let mut moved = lines.clone();
    moved.swap(place, place - 1);
    said(&plan, &moved.concat(), "rounds.jsonl:3: the line does not follow the one before it");
    let changed = text.replacen("\"wall_ns\":1", "\"wall_ns\":2", 1);
    said(&plan, &changed, "rounds.jsonl:5: the line was changed: it names the checksum ");
    let capacity =
        serde_json::to_string(&recorded.lines[0]).expect("plain data").replace("\"entry\":2", "\"entry\":1");
    let added = [lines[0], &*format!("{capacity}\n"), &lines[1..].concat()].concat();
    said(&plan, &added, "rounds.jsonl:2: the line was added by hand: it has no checksum, as others have");
    // The names of two entries changed places.
    let other =
        String::from_utf8(plan.clone()).expect("text").replace("flume", "x").replace("kanal", "flume");
    said(other.replace('x', "kanal").as_bytes(), &text, "the run began with another plan");
    // All checksums are taken off.
    let bare: Vec<_> =
        recorded.lines.iter().map(|line| serde_json::to_string(line).expect("plain data") + "\n").collect();
    said(&plan, &bare.concat(), "the line was added by hand: it has no checksum");
    // An older version has none, and its lines are held against their plan all the same.
    let older = String::from_utf8(plan).expect("text").replace("\"version\": 3", "\"version\": 2");
    assert_eq!(problems(&read(older.as_bytes(), bare.concat().as_bytes())), [] as [&str; 0]);
    let half = sealed(plan_checksum(b""), &recorded.lines[..3]);
    let mixed = [&half[..], bare[3..].concat().as_bytes()].concat();
    let mixed = String::from_utf8(mixed).expect("text");
    said(older.as_bytes(), &mixed, "rounds.jsonl:4: the line was added by hand");
}

#[test]
fn a_run_that_was_killed_or_interrupted_and_resumed_is_sound() {
    let mut recorded = Recorded::sound(0);
    let middle = recorded.place((1, 1, 2, Some(0)));
    let at = "2026-01-02T03:06:05Z".to_owned();
    recorded.lines.insert(middle, Line::Ended { at, why: EndReason::Interrupted });
    assert_eq!(problems(&recorded.read()), [] as [&str; 0], "interrupted and resumed");
    // Killed after any line, or within it.
    let (plan, rounds) = Recorded::sound(0).files();
    let ends: Vec<usize> = (0..rounds.len()).filter(|end| rounds[*end] == b'\n').map(|end| end + 1).collect();
    for end in ends {
        for cut in [end, end - 5] {
            let run = read(&plan, &rounds[..cut]);
            assert_eq!(problems(&run), [] as [&str; 0], "{}", String::from_utf8_lossy(&rounds[..cut]));
            assert!(!run.state.is_done() || cut == rounds.len(), "{cut}");
        }
    }
}

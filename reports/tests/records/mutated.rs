//! Records that are changed by someone who knows their structure: no page may show another number without a problem.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use records::checksum::{Checksum, plan_checksum};
use reports::render;
use serde_json::Value;
use testing::runs::sealed;

use crate::recorded::{Recorded, page, problems, read};

/// The longest time for a page of a small run.
const LIMIT: Duration = Duration::from_secs(10);

/// Which checksums are right again after the change.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sealed {
    /// None: the change is made in a text editor.
    None,
    /// That of each changed line.
    Own,
    /// That of each changed line, and the links of all lines and of the plan: the whole file is written anew.
    All,
}

/// A change.
#[derive(Clone, Debug)]
enum Change {
    Swap,
    Duplicate,
    Delete(String),
    Move,
    /// Another number in a member of a line: its kind and its name.
    Number(String, String),
    /// Another text in a member of a line.
    Text(String, String),
    Cut,
    /// The first lines of one run and the others of another.
    Splice,
    /// A member of the plan.
    Plan,
    /// A byte.
    Byte,
}

impl Change {
    /// Whether nothing can show the change once all checksums are right again: the file is then one that another run could
    /// have left behind, to the last byte. The author of a whole file could as well have run another program.
    ///
    /// - Another time, count or figure of a round is one that the machine could have measured, as long as it fits the clock
    ///   of the run; names of figures, reasons and capacities are words of a runner.
    /// - A capacity that is recorded or not, and of which cell, is said by nothing else in the run.
    /// - Another plan with the same numbers is another plan: of other channels, on another machine, with another seed.
    /// - Two runs of one plan fit together at any line, if each has its own times.
    ///
    /// What places a round in the run (group, entry, epoch, block, cell, number), its messages, and every line but that of a
    /// capacity are held against the rest, so that their change has to show.
    fn is_plausible(&self) -> bool {
        const MEASURED: [&str; 8] =
            ["wall_ns", "user_ns", "system_ns", "voluntary", "involuntary", "figures", "latency", "at_ms"];
        match self {
            Change::Number(kind, member) => {
                kind == "round" && MEASURED.contains(&member.as_str()) || kind == "capacity"
            }
            Change::Text(kind, member) => {
                matches!((kind.as_str(), member.as_str()), ("round", "figures") | ("unsupported", "reason"))
                    || kind == "capacity" && member == "effective"
            }
            Change::Delete(kind) => kind == "capacity",
            Change::Splice | Change::Plan => true,
            Change::Swap | Change::Duplicate | Change::Move | Change::Cut | Change::Byte => false,
        }
    }
}

/// Makes changes.
struct Dice(Xoshiro256PlusPlus);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end)
    }

    /// Another valid number: near, far, or of other digits.
    fn number(&mut self, number: u64) -> u64 {
        match self.below(6) {
            0 => number.wrapping_add(1),
            1 => number.saturating_sub(1),
            2 => number.saturating_mul(10),
            3 => number / 10,
            4 => self.below(20) as u64,
            _ => self.0.random_range(0..=1_u64 << 53),
        }
    }

    /// Changes one leaf of a value that is a number or a text; returns which member of the value it is in, and whether it is
    /// a number.
    fn leaf(&mut self, value: &mut Value) -> Option<(String, bool)> {
        let mut paths = Vec::new();
        leaves(value, String::new(), &mut paths);
        let path = &paths[self.below(paths.len())];
        let leaf = value.pointer_mut(path)?;
        let is_number = leaf.is_number();
        *leaf = match leaf {
            Value::Number(number) => match number.as_u64() {
                Some(number) => self.number(number).into(),
                None => (number.as_f64()? * (0.1 + self.below(30) as f64)).into(),
            },
            Value::String(text) => match self.below(3) {
                0 => format!("{text}x").into(),
                1 => "flume".into(),
                _ => text.chars().rev().collect::<String>().into(),
            },
            Value::Bool(one) => (!*one).into(),
            _ => 7.into(),
        };
        let member = path.split('/').nth(1).unwrap_or_default().to_owned();
        Some((member, is_number))
    }
}

/// The JSON pointers of all leaves.
fn leaves(value: &Value, path: String, all: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                leaves(member, format!("{path}/{name}"), all);
            }
        }
        Value::Array(values) => {
            for (place, value) in values.iter().enumerate() {
                leaves(value, format!("{path}/{place}"), all);
            }
        }
        _ => all.push(path),
    }
}

/// A run in pieces: its plan, and each line as a value and as text.
struct Pieces {
    plan: Vec<u8>,
    values: Vec<Value>,
    texts: Vec<Vec<u8>>,
}

impl Pieces {
    fn of(recorded: &Recorded) -> Self {
        let (plan, rounds) = recorded.files();
        let texts: Vec<Vec<u8>> = rounds.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        let values =
            recorded.lines.iter().map(|line| serde_json::to_value(line).expect("plain data")).collect();
        Pieces { plan, values, texts }
    }

    /// Writes the value of a line into its text: with the checksum and the link that it had, or with a checksum of its own.
    fn rewrite(&mut self, place: usize, seal: Sealed) {
        let text = String::from_utf8(self.texts[place].clone()).expect("text");
        let digits =
            |name: &str| text.rsplit_once(name).map(|(_, rest)| rest[..8].to_owned()).expect("sealed");
        let (after, old) = (digits("\"after\":\""), digits("\"crc32\":\""));
        let mut body = serde_json::to_string(&self.values[place]).expect("plain data");
        body.pop();
        body.push_str(&format!(",\"after\":\"{after}\""));
        let checksum = if seal == Sealed::Own { Checksum::of(body.as_bytes()).to_string() } else { old };
        self.texts[place] = format!("{body},\"crc32\":\"{checksum}\"}}\n").into_bytes();
    }

    fn kind(&self, place: usize) -> String {
        self.values[place]["kind"].as_str().unwrap_or_default().to_owned()
    }

    /// Changes something; `None` when the dice found nothing to change.
    fn change(&mut self, dice: &mut Dice, seal: Sealed, other: &Pieces) -> Option<Change> {
        let (count, kinds) = (self.values.len(), if seal == Sealed::All { 8 } else { 10 });
        let [one, two] = [dice.below(count), dice.below(count)];
        let change = match dice.below(kinds) {
            0 => {
                self.values.swap(one, two);
                self.texts.swap(one, two);
                Change::Swap
            }
            1 => {
                let (value, text) = (self.values[one].clone(), self.texts[one].clone());
                self.values.insert(two, value);
                self.texts.insert(two, text);
                Change::Duplicate
            }
            2 => {
                let kind = self.kind(one);
                self.values.remove(one);
                self.texts.remove(one);
                Change::Delete(kind)
            }
            3 => {
                let (value, text) = (self.values.remove(one), self.texts.remove(one));
                self.values.insert(two.min(count - 1), value);
                self.texts.insert(two.min(count - 1), text);
                Change::Move
            }
            4 | 5 => {
                let kind = self.kind(one);
                let (member, is_number) = dice.leaf(&mut self.values[one])?;
                if seal != Sealed::All {
                    self.rewrite(one, seal);
                }
                match is_number {
                    true => Change::Number(kind, member),
                    false => Change::Text(kind, member),
                }
            }
            6 => {
                let place = one.min(other.values.len());
                self.values.truncate(place);
                self.texts.truncate(place);
                self.values.extend_from_slice(&other.values[place..]);
                self.texts.extend_from_slice(&other.texts[place..]);
                Change::Splice
            }
            7 => {
                let mut plan: Value = serde_json::from_slice(&self.plan).expect("JSON");
                dice.leaf(&mut plan)?;
                self.plan = serde_json::to_vec_pretty(&plan).expect("plain data");
                Change::Plan
            }
            8 => {
                let text = &mut self.texts[one];
                text.truncate(dice.below(text.len()));
                Change::Cut
            }
            _ => {
                let text = &mut self.texts[one];
                let place = dice.below(text.len());
                text[place] = text[place].wrapping_add(1 + dice.below(254) as u8);
                Change::Byte
            }
        };
        Some(change)
    }

    fn rounds(&self, seal: Sealed) -> Vec<u8> {
        match seal {
            Sealed::All => sealed(plan_checksum(&self.plan), &self.values),
            Sealed::None | Sealed::Own => self.texts.concat(),
        }
    }
}

/// What became of all changes.
#[derive(Debug, Default)]
struct Tally {
    /// The plan was refused.
    refused: u64,
    /// A problem is named.
    named: u64,
    /// The run is not done, which the page says.
    unfinished: u64,
    /// The page is the same.
    same: u64,
    /// The page is another one of a run that could have been.
    plausible: u64,
}

/// Changes a run `count` times and judges each page.
fn mutate(seed: u64, count: u64) -> Tally {
    let (recorded, other) = (Recorded::sound(0), Pieces::of(&Recorded::sound(1_234)));
    let html = |run| render::page::page(&page(run), "2026-01-02T03:04:05Z");
    let sound = html(recorded.read());
    let mut tally = Tally::default();
    for case in 0..count {
        let mut dice =
            Dice(Xoshiro256PlusPlus::seed_from_u64(seed ^ case.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
        let seal = [Sealed::None, Sealed::Own, Sealed::All][dice.below(3)];
        let mut pieces = Pieces::of(&recorded);
        let Some(change) = pieces.change(&mut dice, seal, &other) else { continue };
        let (began, about) =
            (Instant::now(), format!("seed {seed}, case {case}: {change:?}, sealed {seal:?}"));
        let rounds = pieces.rounds(seal);
        let judged = catch_unwind(AssertUnwindSafe(|| {
            let run = reports::collect::runs::RunData::from_bytes("run".as_ref(), &pieces.plan, &rounds);
            let run = run.ok()?;
            Some((problems(&run), run.state, html(run)))
        }));
        let judged = judged.unwrap_or_else(|_| panic!("{about}: a panic"));
        assert!(began.elapsed() < LIMIT, "{about}: {:?}", began.elapsed());
        match judged {
            None => tally.refused += 1,
            Some((problems, ..)) if !problems.is_empty() => tally.named += 1,
            Some((_, _, page)) if page == sound => tally.same += 1,
            Some((_, state, _)) if !state.is_done() => tally.unfinished += 1,
            Some(_) if seal == Sealed::All && change.is_plausible() => tally.plausible += 1,
            Some(_) => panic!("{about}: another page without a problem"),
        }
    }
    println!("seed {seed}, {count} changes: {tally:?}");
    tally
}

#[test]
fn no_change_of_the_records_shows_another_number_without_a_problem() {
    let seed = std::time::UNIX_EPOCH.elapsed().expect("a clock").as_nanos() as u64;
    let tally = mutate(seed, 300);
    assert!(tally.named > 100, "{tally:?}");
}

#[test]
#[ignore = "a minute: for the nightly run"]
fn ten_thousand_changes_of_the_records_show_no_other_number_without_a_problem() {
    let tally = mutate(16, 10_000);
    assert!(tally.named > 4_000 && tally.plausible < 3_000, "{tally:?}");
}

/// The same run again, so that a change above is the only difference.
#[test]
fn a_page_is_the_same_for_the_same_records() {
    let html = |run| render::page::page(&page(run), "2026-01-02T03:04:05Z");
    let (plan, rounds) = Recorded::sound(0).files();
    assert_eq!(html(read(&plan, &rounds)), html(read(&plan, &rounds)));
}

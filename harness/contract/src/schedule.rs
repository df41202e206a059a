//! A schedule of shuttle as text: the choices of an execution, which a failure prints and a replay reads.

/// The most choices that are read. An execution has a tenth of them: a longer text was made by hand.
const MAX_CHOICES: usize = 1_000_000;

/// The number of the thread that ran at each step; `NxM` for M steps of thread N.
pub fn text(choices: &[usize]) -> String {
    let runs = choices.chunk_by(|one, other| one == other).map(|run| match run {
        [task] => task.to_string(),
        _ => format!("{}x{}", run[0], run.len()),
    });
    runs.collect::<Vec<_>>().join(".")
}

/// The choices that [`text`] wrote; `None` when it cannot have written this text, or has written more than are read.
pub fn read(text: &str) -> Option<Vec<usize>> {
    let mut choices = Vec::new();
    for run in text.split('.') {
        let (task, times) = run.split_once('x').unwrap_or((run, "1"));
        let (task, times): (usize, usize) = (task.parse().ok()?, times.parse().ok()?);
        // Before they are made: a few digits can ask for all the memory that there is.
        if times == 0 || times > MAX_CHOICES - choices.len() {
            return None;
        }
        choices.extend(std::iter::repeat_n(task, times));
    }
    Some(choices)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_read_as_it_was_written() {
        let choices = [0, 1, 1, 1, 0, 7];
        assert_eq!(text(&choices), "0.1x3.0.7");
        assert_eq!(read("0.1x3.0.7").as_deref(), Some(&choices[..]));
    }

    #[test]
    fn other_text_is_no_schedule_however_much_it_asks_for() {
        for wrong in
            ["", "x", "1x", "x2", "1x0", "-1", "1x2x3", "1.", "a", "1x18446744073709551615", "1x1000000.1"]
        {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!(read("1x1000000").map(|choices| choices.len()), Some(MAX_CHOICES));
    }
}

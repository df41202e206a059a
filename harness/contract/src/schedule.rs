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

/// The choices that [`text`] wrote; `None` when it cannot have written this text.
pub fn read(text: &str) -> Option<Vec<usize>> {
    let mut choices = Vec::new();
    for run in text.split('.') {
        let (task, times) = run.split_once('x').unwrap_or((run, "1"));
        choices.extend(std::iter::repeat_n(task.parse::<usize>().ok()?, times.parse().ok()?));
    }
    Some(choices)
}

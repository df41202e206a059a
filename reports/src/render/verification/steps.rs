//! The smallest scenario of a failure as a table: one column for each thread, one row for each moment.

use records::verify::ThreadSteps;
use wording::{columns, numbers};

/// The most threads, and the most steps, the last ones, that are shown: every thread takes room in every row. Chanlab's own
/// scenarios are far smaller.
const MAX_THREADS: usize = 32;
const MAX_STEPS: usize = 500;

/// A row: the moment, and the step of each thread. Moments number the steps of all threads in time order;
/// steps of the same moment share a row.
pub(crate) type Row<'a> = (u64, Vec<&'a str>);

/// The threads that have a column.
pub(crate) fn columns(threads: &[ThreadSteps]) -> &[ThreadSteps] {
    &threads[..threads.len().min(MAX_THREADS)]
}

/// What the table leaves out, in words; `None` when it has everything.
pub(crate) fn left_out(threads: &[ThreadSteps]) -> Option<String> {
    let shown: usize = columns(threads).iter().map(|thread| thread.steps.len()).sum();
    let is_whole = shown <= MAX_STEPS && columns(threads).len() == threads.len();
    let all: usize = threads.iter().map(|thread| thread.steps.len()).sum();
    let [all, of] = [numbers::count(all as u64, "step"), numbers::count(threads.len() as u64, "thread")];
    (!is_whole).then(|| format!("… (the record has all {all} of {of})"))
}

/// The rows, in time order.
pub(crate) fn rows(threads: &[ThreadSteps]) -> Vec<Row<'_>> {
    let threads = columns(threads);
    let mut steps: Vec<(u64, usize, &str)> = Vec::new();
    for (column, thread) in threads.iter().enumerate() {
        steps.extend(thread.steps.iter().map(|(moment, step)| (*moment, column, step.as_str())));
    }
    // Steps of one thread in the same moment keep their order.
    steps.sort_by_key(|(moment, _, _)| *moment);
    steps.drain(..steps.len().saturating_sub(MAX_STEPS));
    let mut rows: Vec<Row<'_>> = Vec::new();
    for (moment, column, step) in steps {
        let free = rows.last_mut().filter(|(last, cells)| *last == moment && cells[column].is_empty());
        match free {
            Some((_, cells)) => cells[column] = step,
            None => {
                let mut cells = vec![""; threads.len()];
                cells[column] = step;
                rows.push((moment, cells));
            }
        }
    }
    rows
}

/// The rows as text: a head with the threads' names, then a line for each.
pub(crate) fn text(threads: &[ThreadSteps]) -> Vec<String> {
    if threads.iter().all(|thread| thread.steps.is_empty()) {
        return Vec::new();
    }
    let (rows, left_out) = (rows(threads), left_out(threads));
    let threads = columns(threads);
    let moments = rows.last().map_or(1, |(moment, _)| moment.to_string().len());
    let widths: Vec<usize> = threads
        .iter()
        .enumerate()
        .map(|(column, thread)| {
            let cells = rows.iter().map(|(_, cells)| cells[column]);
            columns::width(cells.chain([thread.thread.as_str()]))
        })
        .collect();
    let line = |first: String, cells: &[&str]| {
        let mut line = format!("{first:>moments$}");
        for (cell, width) in cells.iter().zip(&widths) {
            line.push_str(&format!(" │ {cell:width$}"));
        }
        line.trim_end().to_owned()
    };
    let names: Vec<&str> = threads.iter().map(|thread| thread.thread.as_str()).collect();
    let head = line(String::new(), &names);
    let body = rows.iter().map(|(moment, cells)| line(moment.to_string(), cells));
    [head].into_iter().chain(body).chain(left_out).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thread(name: &str, steps: &[(u64, &str)]) -> ThreadSteps {
        let steps = steps.iter().map(|(moment, step)| (*moment, (*step).to_owned())).collect();
        ThreadSteps { thread: name.to_owned(), steps }
    }

    #[test]
    fn steps_are_in_time_order_each_below_its_thread() {
        let threads = [
            thread("sender", &[(1, "send(7) begins"), (4, "→ ok"), (10, "drops its sender")]),
            thread("r", &[(2, "recv() begins"), (4, "→ 7"), (4, "again"), (11, "→ 7")]),
        ];
        assert_eq!(
            text(&threads),
            [
                "   │ sender           │ r",
                " 1 │ send(7) begins   │",
                " 2 │                  │ recv() begins",
                " 4 │ → ok             │ → 7",
                " 4 │                  │ again",
                "10 │ drops its sender │",
                "11 │                  │ → 7",
            ]
        );
        assert_eq!(left_out(&threads), None);
        assert_eq!(text(&[thread("idle", &[])]), Vec::<String>::new());
        assert_eq!(text(&[]), Vec::<String>::new());
    }

    #[test]
    fn many_threads_and_long_steps_take_no_more_than_their_part_of_a_table() {
        let long = "x".repeat(70_000);
        let text = text(&[thread("t", &[(0, &long), (1, "y")]), thread("u", &[(1, "z")])]);
        assert!(text[1].contains(&long) && text[2].len() < 200, "{}", text[2]);

        let many: Vec<ThreadSteps> = (0..2_000).map(|moment| thread("t", &[(moment, "s")])).collect();
        let text = super::text(&many);
        assert!(text.iter().map(String::len).sum::<usize>() < 20_000 && text.len() == MAX_THREADS + 2);
        assert_eq!(
            text.last().map(String::as_str),
            Some("… (the record has all 2,000 steps of 2,000 threads)")
        );

        let steps: Vec<(u64, &str)> = (0..2_000).map(|moment| (moment, "s")).collect();
        let threads = [thread("t", &steps)];
        assert!(
            rows(&threads).into_iter().map(|(moment, _)| moment).eq(1_500..2_000),
            "the last steps are shown"
        );
    }
}

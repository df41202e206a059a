//! The smallest scenario of a failure as a table: one column for each thread, one row for each moment.

use records::verify::ThreadSteps;

/// A row: the moment, and the step of each thread. Moments number the steps of all threads in time order;
/// steps of the same moment share a row.
pub(crate) type Row<'a> = (u64, Vec<&'a str>);

/// The rows, in time order.
pub(crate) fn rows(threads: &[ThreadSteps]) -> Vec<Row<'_>> {
    let mut steps: Vec<(u64, usize, &str)> = Vec::new();
    for (column, thread) in threads.iter().enumerate() {
        steps.extend(thread.steps.iter().map(|(moment, step)| (*moment, column, step.as_str())));
    }
    // Steps of one thread in the same moment keep their order.
    steps.sort_by_key(|(moment, _, _)| *moment);
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
    let rows = rows(threads);
    let length = |text: &str| text.chars().count();
    let moments = rows.last().map_or(1, |(moment, _)| moment.to_string().len());
    let widths: Vec<usize> = threads
        .iter()
        .enumerate()
        .map(|(column, thread)| {
            let cells = rows.iter().map(|(_, cells)| length(cells[column]));
            cells.chain([length(&thread.thread)]).max().unwrap_or(0)
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
    [head].into_iter().chain(body).collect()
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
        assert_eq!(text(&[thread("idle", &[])]), Vec::<String>::new());
        assert_eq!(text(&[]), Vec::<String>::new());
    }
}

//! Columns of the tables in the terminal.

/// The widest column, in characters. Each row is filled up to the width of its columns, so that one long name would cost
/// as much in every row; a longer cell stands out of its column.
const WIDEST: usize = 100;

/// The width of a column with these cells, in characters.
pub fn width<C: AsRef<str>>(cells: impl IntoIterator<Item = C>) -> usize {
    let length = |cell: C| cell.as_ref().chars().take(WIDEST).count();
    cells.into_iter().map(length).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_as_wide_as_its_longest_cell_and_no_wider_than_a_table_can_be() {
        assert_eq!(width(["a", "äöü", ""]), 3);
        assert_eq!(width([] as [&str; 0]), 0);
        // The standard library writes no padding of 65,536 characters or more: it panics.
        let width = width(["x".repeat(70_000)]);
        assert_eq!((width, format!("{:width$}|", "a").len()), (WIDEST, WIDEST + 1));
    }
}

//! The terminal: everything that chanlab prints goes through here, and text from elsewhere cannot control it.

use std::fmt;
use std::io::{self, ErrorKind, Stderr, Stdout, Write};

use records::text;

/// A writer for people: it shows hidden characters as escapes ([`text::visible`]), and drops what it is given
/// once the reader is gone (`chanlab list | head`), which is no failure.
#[derive(Debug)]
pub struct Terminal<W>(W);

/// The standard output.
pub fn stdout() -> Terminal<Stdout> {
    Terminal(io::stdout())
}

/// The standard error.
pub fn stderr() -> Terminal<Stderr> {
    Terminal(io::stderr())
}

/// Writes one line to the standard error, with line breaks as escapes; [`say!`](crate::say) formats it. A line
/// without a reader is no failure.
pub fn say(line: fmt::Arguments<'_>) {
    // One write, so that the lines of several processes do not mix.
    let _ = stderr().write_all(format!("{}\n", text::line(&line.to_string())).as_bytes());
}

/// Writes a line to the standard error, as `eprintln!` does, but through [`terminal`](crate::terminal).
#[macro_export]
macro_rules! say {
    () => { $crate::terminal::say(format_args!("")) };
    ($($line:tt)*) => { $crate::terminal::say(format_args!($($line)*)) };
}

impl<W: Write> Write for Terminal<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let shown = String::from_utf8_lossy(bytes);
        unless_closed(self.0.write_all(text::visible(&shown).as_bytes()))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        unless_closed(self.0.flush())
    }
}

fn unless_closed(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Fails(ErrorKind);

    impl Write for Fails {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn a_closed_pipe_is_no_failure_and_a_full_disk_is_one() {
        let mut closed = Terminal(Fails(ErrorKind::BrokenPipe));
        writeln!(closed, "a line").and_then(|()| closed.flush()).expect("the reader is gone");
        writeln!(Terminal(Fails(ErrorKind::StorageFull)), "a line").expect_err("the disk is full");
    }

    proptest! {
        #[test]
        fn nothing_that_is_written_controls_the_terminal(pieces in proptest::collection::vec(any::<String>(), 0..4), bytes in any::<Vec<u8>>()) {
            let mut terminal = Terminal(Vec::new());
            for piece in &pieces {
                write!(terminal, "{piece} and \x1b[2K\u{202e}{piece}").expect("memory does not fail");
            }
            terminal.write_all(&bytes).expect("memory does not fail");
            let shown = String::from_utf8(terminal.0).expect("UTF-8");
            prop_assert!(shown.chars().all(|character| character == '\n' || !text::is_hidden(character)), "{:?}", shown);
        }
    }
}

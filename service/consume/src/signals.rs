//! SIGINT and SIGTERM as notes, each signal one.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::Sender;

use engine::StopSignal;
use signal_hook::low_level::pipe;

use crate::Failure;
use crate::consumer::{Note, named};

/// Handles SIGINT and SIGTERM from now on.
///
/// # Errors
///
/// When they cannot be handled.
pub fn send_to(notes: &Sender<Note>) -> Result<(), Failure> {
    for signal in StopSignal::ALL {
        let (mut received, sent) = UnixStream::pair().map_err(refused)?;
        pipe::register(signal.number(), sent).map_err(refused)?;
        let notes = notes.clone();
        named(format!("on {}", signal.name()), move || {
            let mut byte = [0];
            while received.read_exact(&mut byte).is_ok() && notes.send(Note::Signal(signal)).is_ok() {}
        })?;
    }
    Ok(())
}

fn refused(error: io::Error) -> Failure {
    Failure::System { what: "handle SIGINT and SIGTERM".to_owned(), error }
}

//! The stop request of the user.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

static STOP: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// The number of the signal that set the flag; 0 before.
static SIGNAL: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);

/// A signal that asks the program to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopSignal {
    /// SIGINT, as Ctrl-C sends it.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

impl StopSignal {
    /// Both.
    pub const ALL: [StopSignal; 2] = [StopSignal::Interrupt, StopSignal::Terminate];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            StopSignal::Interrupt => "SIGINT",
            StopSignal::Terminate => "SIGTERM",
        }
    }

    /// Its number.
    pub fn number(self) -> i32 {
        match self {
            StopSignal::Interrupt => SIGINT,
            StopSignal::Terminate => SIGTERM,
        }
    }

    /// The exit code of a process that it ended, by the convention of shells.
    pub fn exit_code(self) -> u8 {
        128 + self.number() as u8
    }
}

/// The flag that SIGINT and SIGTERM set. A second signal ends the program at once, with the exit code of that
/// signal; the reaper of the supervisor then ends every child process.
///
/// # Errors
///
/// When the signals cannot be handled.
pub fn stop_request() -> io::Result<&'static AtomicBool> {
    static REGISTERED: Mutex<bool> = Mutex::new(false);
    let mut is_registered = REGISTERED.lock().unwrap_or_else(PoisonError::into_inner);
    if !*is_registered {
        for signal in StopSignal::ALL {
            // In this order: the shutdown asks for a flag that an earlier signal has set, and a thread that
            // sees the flag also sees the signal.
            let (number, code) = (signal.number(), i32::from(signal.exit_code()));
            flag::register_usize(number, Arc::clone(&SIGNAL), number as usize)?;
            flag::register_conditional_shutdown(number, code, Arc::clone(&STOP))?;
            flag::register(number, Arc::clone(&STOP))?;
        }
        // A signal that came between the first line and the last one no longer had its default action.
        if stopped_by().is_some() {
            STOP.store(true, Ordering::SeqCst);
        }
        *is_registered = true;
    }
    Ok(&STOP)
}

/// The signal that set the flag of [`stop_request`]; `None` before there was one.
pub fn stopped_by() -> Option<StopSignal> {
    let number = SIGNAL.load(Ordering::SeqCst);
    StopSignal::ALL.into_iter().find(|signal| signal.number() as usize == number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The signal is sent to this process, so there is one test.
    #[test]
    fn the_first_signal_sets_the_flag_and_is_remembered() {
        let stop = stop_request().expect("handled");
        assert_eq!((stop.load(Ordering::SeqCst), stopped_by()), (false, None));
        signal_hook::low_level::raise(SIGTERM).expect("sent");
        assert_eq!((stop.load(Ordering::SeqCst), stopped_by()), (true, Some(StopSignal::Terminate)));
        assert_eq!(StopSignal::ALL.map(StopSignal::exit_code), [130, 143]);
    }
}

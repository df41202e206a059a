//! The stop request of the user.

use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// The flag that SIGINT and SIGTERM set. A second signal ends the program at once.
///
/// # Errors
///
/// When the signals cannot be handled.
pub fn stop_request() -> io::Result<&'static AtomicBool> {
    static STOP: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);
    static REGISTERED: Mutex<bool> = Mutex::new(false);
    let mut is_registered = REGISTERED.lock().unwrap_or_else(PoisonError::into_inner);
    if !*is_registered {
        for signal in [SIGINT, SIGTERM] {
            // In this order: the shutdown asks for a flag that an earlier signal has set.
            flag::register_conditional_shutdown(signal, 1, Arc::clone(&STOP))?;
            flag::register(signal, Arc::clone(&STOP))?;
        }
        *is_registered = true;
    }
    Ok(&STOP)
}

//! Ctrl-C and polite ends, noticed at the next look so that children are stopped in order.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::failure::{Failure, Result};

static ASKED_TO_STOP: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// From now on the signals that end a program only set a flag; a second one ends it at once.
pub(crate) fn listen() -> Result<()> {
    let asked = Arc::clone(ASKED_TO_STOP.get_or_init(Arc::default));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        // The order matters: the first of these two sees the flag as the signals before it left it.
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&asked))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&asked)))
            .map_err(|error| Failure::new("cannot listen for Ctrl-C").why(error))?;
    }
    Ok(())
}

/// Fails once the user wants the command to end.
pub(crate) fn check() -> Result<()> {
    let asked = ASKED_TO_STOP.get().is_some_and(|asked| asked.load(Ordering::Relaxed));
    if asked { Err(Failure::Interrupted) } else { Ok(()) }
}

//! What the person at the terminal sees while something takes its time, and every wait with its limit.
#![expect(clippy::print_stdout, reason = "printing is what this module is for")]
#![expect(clippy::disallowed_methods, reason = "the one place of xtask that reads the clock: it times real processes")]

use std::io::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use crate::failure::{Failure, Result};
use crate::interrupt;

const LOOK_AGAIN: Duration = Duration::from_millis(100);
const SAY_SOMETHING: Duration = Duration::from_secs(15);

/// What one attempt of a wait found.
pub(crate) enum Attempt<T> {
    /// It is there.
    Done(T),
    /// Not yet; the reason is told if the limit passes.
    NotYet(String),
}

/// One line to the user.
pub(crate) fn say(line: impl AsRef<str>) {
    println!("{}", line.as_ref());
    // A closed pipe ends the command at its next look, not here.
    let _ = std::io::stdout().flush();
}

/// A running clock that speaks up every 15 seconds.
pub(crate) struct Stopwatch {
    started: Instant,
    spoke: Instant,
}

impl Stopwatch {
    /// Starts now.
    pub(crate) fn start() -> Self {
        let now = Instant::now();
        Self { started: now, spoke: now }
    }

    /// Time since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Prints that `what` goes on, if nothing was said for a while.
    pub(crate) fn tick(&mut self, what: &str) {
        if self.spoke.elapsed() >= SAY_SOMETHING {
            self.spoke = Instant::now();
            say(format!("    … {what}, {} so far", human(self.elapsed())));
        }
    }
}

/// Tries until the thing is there, the limit has passed, or the user wants to stop.
pub(crate) fn wait_for<T>(what: &str, limit: Duration, mut attempt: impl FnMut() -> Result<Attempt<T>>) -> Result<T> {
    let mut watch = Stopwatch::start();
    loop {
        interrupt::check()?;
        let reason = match attempt()? {
            Attempt::Done(found) => return Ok(found),
            Attempt::NotYet(reason) => reason,
        };
        if watch.elapsed() > limit {
            return Err(Failure::new(format!("waited {} in vain for {what}", human(limit))).why(reason));
        }
        watch.tick(&format!("waiting for {what}"));
        thread::sleep(LOOK_AGAIN);
    }
}

/// Sleeps one look's length, or fails because the user wants to stop.
pub(crate) fn pause() -> Result<()> {
    interrupt::check()?;
    thread::sleep(LOOK_AGAIN);
    Ok(())
}

/// A duration as people say it.
pub(crate) fn human(duration: Duration) -> String {
    match duration.as_secs() {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        seconds @ 10..120 => format!("{seconds} s"),
        seconds => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_told_as_people_say_them() {
        let told = [400, 9_940, 61_000, 201_000].map(|millis| human(Duration::from_millis(millis)));
        assert_eq!(told, ["0.4 s", "9.9 s", "61 s", "3 min 21 s"]);
    }

    #[test]
    fn a_wait_that_passes_its_limit_tells_the_last_reason() {
        let failed = wait_for::<()>("rain", Duration::ZERO, || Ok(Attempt::NotYet("blue sky".into())));
        assert_eq!(
            failed.map_err(|error| error.to_string()),
            Err("waited 0.0 s in vain for rain\n  | blue sky".into())
        );
    }
}

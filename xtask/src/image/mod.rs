//! `cargo xtask image`: what the image ships is built and run as far as that goes without a container engine.

mod context;
mod dockerfile;
mod names;
mod pod;
mod program;

use crate::failure::Result;
use crate::places::Places;
use crate::process::Guard;
use crate::progress::{Stopwatch, human, say};

/// Checks the Dockerfile, builds the binary from the files and by the command that it names, and runs it as a pod would.
pub(crate) fn image(places: &Places) -> Result<()> {
    let watch = Stopwatch::start();
    say("==> Reading the Dockerfile with BuildKit's own code");
    let visible = dockerfile::check(places, &Guard::start()?)?;
    say(format!("==> Building the binary from the {} files that the Dockerfile's build can see", visible.len()));
    let program = program::build(places, &visible)?;
    program::check(&program, &places.target.join("image"))?;
    pod::check(places, &program)?;
    say(format!("==> What the image ships was built and run, {} in total", human(watch.elapsed())));
    Ok(())
}

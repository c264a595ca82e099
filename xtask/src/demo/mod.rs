//! `cargo xtask demo`: the story of a few QueueGrants, told with kubectl and checked against the cloud.

mod stage;
mod story;

use crate::control_plane::Options;
use crate::environment::Environment;
use crate::failure::Result;
use crate::places::Places;
use crate::progress::{Stopwatch, human, say};
use stage::Stage;

/// Tells the story; fails at the first step that does not hold.
pub(crate) fn demo(places: &Places) -> Result<()> {
    let watch = Stopwatch::start();
    let mut stage = Stage::set(Environment::start(places, Options::default())?)?;
    for (number, (heading, scene)) in story::SCENES.iter().enumerate() {
        say(format!("\n{}. {heading}\n", number + 1));
        scene(&mut stage).map_err(|failure| stage.explain(failure))?;
    }
    say(format!(
        "\nEvery step held; the story took {}. Next: `cargo xtask up` keeps all this for you.",
        human(watch.elapsed())
    ));
    Ok(())
}

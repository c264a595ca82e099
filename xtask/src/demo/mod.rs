//! `cargo xtask demo`: a story of each kind, told with kubectl and checked against the cloud.

mod hpc_user;
mod pool_membership;
mod queue_grant;
mod stage;
mod workspace_member;

use crate::control_plane::Options;
use crate::environment::Environment;
use crate::failure::Result;
use crate::places::Places;
use crate::progress::{Stopwatch, human, say};
use crate::samples::Kind;
use stage::Stage;

/// What is told about one kind.
struct Story {
    /// The kind.
    kind: Kind,
    /// Headings and scenes, in order.
    scenes: &'static [(&'static str, Scene)],
}

/// What a platform team does, what happens in the cloud meanwhile, and what must hold after it.
type Scene = fn(&mut Stage<'_>) -> Result<()>;

/// The stories, in order; none needs another.
const STORIES: [&Story; 4] = [&queue_grant::STORY, &pool_membership::STORY, &workspace_member::STORY, &hpc_user::STORY];

/// The kinds that there are stories about.
pub(crate) fn kinds() -> [&'static Kind; 4] {
    STORIES.map(|story| &story.kind)
}

/// How the accounts are applied, as it is shown.
const ACCOUNTS: &str = "deploy/samples/account.yaml  # pointed to the simulated cloud";

/// Applies the samples of every kind, and waits until the cloud holds what they ask for.
pub(crate) fn grant(environment: &mut Environment) -> Result<()> {
    environment.tenant().show_apply(ACCOUNTS, &environment.samples.accounts)?;
    for sample in environment.samples.of_kinds.clone() {
        let mut stage = Stage::set(environment, sample)?;
        stage.apply_samples().map_err(|failure| stage.explain(failure))?;
    }
    Ok(())
}

/// Tells the stories; fails at the first step that does not hold.
pub(crate) fn demo(places: &Places) -> Result<()> {
    let watch = Stopwatch::start();
    let mut environment = Environment::start(places, Options::default(), &kinds())?;
    say("\nHow to reach the clouds\n");
    environment.tenant().show_apply(ACCOUNTS, &environment.samples.accounts)?;
    let mut number = 0;
    for (story, sample) in STORIES.into_iter().zip(environment.samples.of_kinds.clone()) {
        let mut stage = Stage::set(&mut environment, sample)?;
        for (heading, scene) in story.scenes {
            number += 1;
            say(format!("\n{number}. {heading}\n"));
            scene(&mut stage).map_err(|failure| stage.explain(failure))?;
        }
    }
    say(format!(
        "\nEvery step held; the stories took {}. Next: `cargo xtask up` keeps all this for you.",
        human(watch.elapsed())
    ));
    Ok(())
}

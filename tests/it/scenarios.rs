//! Every script in `tests/scenarios/`, in both worlds.

use std::iter;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{StreamExt, stream};

use crate::environment::environment;
use crate::kstatus::record::Story;
use crate::runner::Runner;
use crate::script::Script;
use crate::world::World;

/// Real worlds at once: each has an operator process of its own.
const REAL_AT_ONCE: usize = 6;

/// All scripts, by name.
pub fn all_scripts() -> Vec<Script> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    paths.sort();
    let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    paths.iter().map(|path| Script::parse(&name(path), &std::fs::read_to_string(path).unwrap())).collect()
}

/// Only those whose name contains `SCENARIO`, if that is set.
fn scripts() -> Vec<Script> {
    let wanted = std::env::var("SCENARIO").unwrap_or_default();
    all_scripts().into_iter().filter(|script| script.name.contains(&wanted)).collect()
}

/// What each scenario comes to in the pure world. Played once, for all tests that look at it.
pub static PLAYED: LazyLock<Vec<Story>> = LazyLock::new(|| {
    let (scripts, next) = (scripts(), AtomicUsize::new(0));
    let next = || scripts.get(next.fetch_add(1, Ordering::Relaxed));
    let play_on = || iter::from_fn(next).map(Story::of).collect::<Vec<_>>();
    std::thread::scope(|scope| {
        let at_once = std::thread::available_parallelism().map_or(1, usize::from);
        let playing: Vec<_> = (0..at_once).map(|_| scope.spawn(play_on)).collect();
        playing.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
});

/// P1, P7 and P8 are checked at the end of each. Fails there, for one, when the message of a status changes with time alone.
#[test]
fn every_scenario_holds_in_the_pure_world() {
    assert!(!PLAYED.is_empty(), "no scenario has that name");
    let broken: Vec<_> = PLAYED.iter().filter_map(|story| story.broken.as_deref()).collect();
    assert!(broken.is_empty(), "{} did not hold:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn every_scenario_holds_on_a_real_api_server() {
    let scripts: Vec<_> = scripts().into_iter().filter(|script| script.real).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let environment = runtime.block_on(environment());
    let runs = stream::iter(scripts).map(|script| {
        let (name, environment) = (script.name.clone(), environment.to_path_buf());
        async move {
            // A task of its own, so that one that does not hold leaves the others running.
            let run = tokio::task::spawn_local(async move {
                let world = World::real(&script.name, &script.settings, &environment).await;
                Runner::run(&script, world).await;
            });
            run.await.err().map(|_| name)
        }
    });
    let all = runs.buffer_unordered(REAL_AT_ONCE).collect::<Vec<_>>();
    let failed: Vec<_> = tokio::task::LocalSet::new().block_on(&runtime, all).into_iter().flatten().collect();
    assert!(failed.is_empty(), "these did not hold, as told above: {failed:?}");
}

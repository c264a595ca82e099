//! `cargo xtask chaos`: harm to every exchange of every life, then to pairs of them at random.

use crate::failure::Result;
use crate::places::Places;
use crate::test;

/// The test that does it.
const EVERYTHING: &str = "chaos::crashes::everything";

/// Harms everything once, in every way or those that are named; then pairs at random for so many minutes. The same seed does the same.
pub(crate) fn chaos(places: &Places, minutes: u64, seed: Option<u64>, only: &[String]) -> Result<()> {
    let mut environment = vec![("CHAOS_MINUTES", minutes.to_string()), ("CHAOS_ONLY", only.join(","))];
    environment.extend(seed.map(|seed| ("CHAOS_SEED", seed.to_string())));
    let arguments = ["--test", "it", "--", EVERYTHING, "--exact", "--ignored", "--nocapture"];
    test::run(places, &arguments.map(str::to_owned), &environment)
}

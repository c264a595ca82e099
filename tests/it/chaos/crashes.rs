//! Harm to every exchange of every life: a crash before the request arrives, between request and answer, and after the answer;
//! orders to stop; standing still, for shorter and for longer than the lease lasts; refusals, connections that break, answers that
//! break off, and none at all.
//!
//! `cargo xtask test` takes a sample. `cargo xtask chaos` does all, then pairs at random for as long as it is told to; the seed
//! that it prints plays the same again. With `--only` it does some kinds of harm, such as `stop` or `freeze15-between`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use futures::{StreamExt, stream};
use tokio::time::Instant;

use super::life::{Course, LIVES, live};
use super::rig::{Blow, Harm, Place};
use crate::environment::environment;
use crate::histories::random::Random;
use crate::scenarios::all_scripts;
use crate::script::Script;

/// Lives at once. Each is an operator of its own.
const AT_ONCE: usize = 12;

/// How many of the crashes, and of the other harm, of each life are in the sample.
const SAMPLE: (usize, usize) = (10, 5);

const PLACES: [Place; 3] = [Place::Before, Place::Between, Place::After];
/// What happens to the operator itself but for crashes; a lease lasts 5 s.
const BLOWS: [Blow; 3] = [Blow::Stop, Blow::Freeze(4), Blow::Freeze(15)];
const OF_EXCHANGES: [Harm; 8] = [
    Harm::Answer(409),
    Harm::Answer(429),
    Harm::Answer(500),
    Harm::Answer(503),
    Harm::ResetBefore,
    Harm::ResetAfter,
    Harm::Truncate,
    Harm::Hang,
];

/// Every kind of crash.
fn crashes() -> Vec<Harm> {
    PLACES.map(|place| Harm::Strike(place, Blow::Crash)).to_vec()
}

/// Every other kind of harm.
fn others() -> Vec<Harm> {
    let blows = BLOWS.into_iter().flat_map(|blow| PLACES.map(|place| Harm::Strike(place, blow)));
    blows.chain(OF_EXCHANGES).collect()
}

impl Harm {
    pub fn is_crash(self) -> bool {
        matches!(self, Self::Strike(_, Blow::Crash))
    }

    /// What it is called in the names of lives, such as `freeze15-between`.
    fn label(self) -> String {
        let what =
            if let Self::Strike(place, blow) = self { format!("{blow:?}-{place:?}") } else { format!("{self:?}") };
        what.to_lowercase().replace(['(', ')'], "")
    }
}

/// A life, and what is done to it.
struct Plan<'a> {
    script: &'a Script,
    /// Exchanges without harm.
    usual: usize,
    harm: Vec<(usize, Harm)>,
}

/// What many lives came to.
#[derive(Default)]
struct Summary {
    lives: usize,
    /// Exchanges that were to be harmed, and those that were.
    planned: usize,
    harmed: usize,
    ended: usize,
    checked: BTreeMap<&'static str, usize>,
    longest: Duration,
    /// What took the longest.
    slowest: String,
    failures: Vec<String>,
}

impl Summary {
    /// What one life under this harm came to.
    fn of(plan: &Plan<'_>, lived: Result<Course, String>) -> Self {
        match lived {
            Ok(course) => Self {
                lives: 1,
                planned: plan.harm.len(),
                harmed: course.harmed,
                ended: course.ended,
                checked: course.checked,
                longest: course.recovery,
                slowest: format!("{} with {:?}", plan.script.name, plan.harm),
                failures: Vec::new(),
            },
            Err(why) => {
                println!("BROKEN {why}");
                Self { lives: 1, failures: vec![why], ..Self::default() }
            }
        }
    }

    fn add(&mut self, other: Self) {
        self.lives += other.lives;
        self.planned += other.planned;
        self.harmed += other.harmed;
        self.ended += other.ended;
        for (property, count) in other.checked {
            *self.checked.entry(property).or_default() += count;
        }
        if other.longest > self.longest {
            (self.longest, self.slowest) = (other.longest, other.slowest);
        }
        self.failures.extend(other.failures);
    }

    fn told(&self) -> String {
        format!(
            "{} lives, {} of {} exchanges harmed, {} ends by itself, checks {:?}, longest recovery {:.1} s of {}, {} broken",
            self.lives,
            self.harmed,
            self.planned,
            self.ended,
            self.checked,
            self.longest.as_secs_f64(),
            self.slowest,
            self.failures.len()
        )
    }

    /// Tells, and fails if anything did not hold.
    fn conclude(&self, seed: u64) {
        println!("{}; seed {seed}", self.told());
        assert!(self.failures.is_empty(), "{}", self.failures.join("\n"));
        // Some end before the exchange comes that was to be harmed.
        assert!(self.harmed * 10 >= self.planned * 8, "{} of {} were harmed", self.harmed, self.planned);
        for property in ["P2", "P3", "P4", "P5"] {
            assert!(self.checked.contains_key(property), "{property} was never checked");
        }
    }
}

/// The lives, and how many exchanges each takes when nothing happens to it.
async fn lives(environment: &Path) -> Vec<(Script, usize)> {
    let scripts = all_scripts().into_iter().filter(|script| LIVES.contains(&script.name.as_str()));
    let undisturbed = scripts.map(|script| async move {
        let lived = live(&script, &format!("clean-{}", short(&script)), &[], None, environment).await;
        let exchanges = lived.unwrap_or_else(|why| panic!("{why}")).exchanges;
        (script, exchanges)
    });
    let lives: Vec<_> = stream::iter(undisturbed).buffer_unordered(AT_ONCE).collect().await;
    assert_eq!(lives.len(), LIVES.len());
    lives
}

/// `queue` of `life-of-queue-grants`.
fn short(script: &Script) -> &str {
    script.name.split('-').nth(2).unwrap()
}

async fn run(plans: Vec<Plan<'_>>, environment: &Path, label: &str) -> Summary {
    let runs = plans.into_iter().enumerate().map(|(number, plan)| async move {
        let name = format!("{label}-{}-{number}", short(plan.script));
        let lived = live(plan.script, &name, &plan.harm, Some(plan.usual), environment).await;
        Summary::of(&plan, lived)
    });
    let add = async |mut all: Summary, one| {
        all.add(one);
        all
    };
    stream::iter(runs).buffer_unordered(AT_ONCE).fold(Summary::default(), add).await
}

/// P1–P6, P8. Fails when what is to be owned is recorded after the grant, with the report on it: lives without harm pass then, those
/// that crash in between do not. Fails when an object is let go before its access is gone, even in a life without harm.
#[tokio::test(flavor = "multi_thread")]
async fn a_sample_of_harm_to_every_life_on_a_real_api_server() {
    let environment = environment().await;
    let seed = 7;
    let mut random = Random::new(seed);
    let lives = lives(&environment).await;
    let mut plans = Vec::new();
    for (script, usual) in &lives {
        // Spread over the life, at different places in each run of the same seed only when the life is another.
        for (count, kinds) in [(SAMPLE.0, crashes()), (SAMPLE.1, others())] {
            for part in 0..count {
                let number = (part * usual + random.index(*usual)) / count;
                plans.push(Plan { script, usual: *usual, harm: vec![(number, random.pick(&kinds))] });
            }
        }
    }
    run(plans, &environment, "sample").await.conclude(seed);
}

/// P1–P6, P8. All of it, then pairs at random for so many minutes. Fails as the sample does, whose harm is among this.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes its time: cargo xtask chaos"]
async fn everything() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let minutes = number("CHAOS_MINUTES").unwrap_or_default();
    let seed = number("CHAOS_SEED").unwrap_or_else(rand::random);
    let environment = environment().await;
    let lives = lives(&environment).await;
    let only = std::env::var("CHAOS_ONLY").unwrap_or_default();
    let mut kinds = [crashes(), others()].concat();
    kinds.retain(|harm| only.split(',').any(|wanted| harm.label().contains(wanted)));
    let mut summary = Summary::default();
    for &harm in &kinds {
        let plans = lives.iter().flat_map(|(script, usual)| {
            (0..*usual).map(move |number| Plan { script, usual: *usual, harm: vec![(number, harm)] })
        });
        let of_harm = run(plans.collect(), &environment, &harm.label()).await;
        // Who ends it here knows what has held so far.
        println!("{harm:?} at each exchange of each life: {}", of_harm.told());
        summary.add(of_harm);
    }
    let (mut random, until) = (Random::new(seed), Instant::now() + Duration::from_secs(60 * minutes));
    let mut batch = 0;
    while Instant::now() < until {
        let pair = |random: &mut Random| {
            let (script, usual) = &lives[random.index(lives.len())];
            // The second one may be after the life that a single one would have had.
            let harm = (0..2).map(|_| (random.index(usual + usual / 4), random.pick(&kinds))).collect();
            Plan { script, usual: *usual, harm }
        };
        let plans = (0..4 * AT_ONCE).map(|_| pair(&mut random)).collect();
        summary.add(run(plans, &environment, &format!("pairs-{batch}")).await);
        batch += 1;
    }
    println!("with {batch} batches of pairs:");
    summary.conclude(seed);
}

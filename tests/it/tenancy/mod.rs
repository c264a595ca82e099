//! What ClusterCloudAccounts allow and deny: tenant × kind × target × principal × access × policies, before and after edits,
//! by an oracle that was written from the page alone.
//!
//! `TENANCY=500 cargo test --test it tenancy` plays more random worlds than usual, `TENANCY_SEED=N` one anew.

mod alphabet;
mod checks;
mod cluster;
mod matrix;
mod objects;
mod oracle;
mod rules;
mod table;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::histories::number;
use crate::world::in_virtual_time;
use cluster::Cluster;
use matrix::Matrix;

/// Which worlds are played where the environment does not say.
const FIRST_SEED: u64 = 1;
const WORLDS: u64 = 12;

/// How often something was decided.
#[derive(Debug, Default)]
pub struct Tally {
    allowed: usize,
    denied: usize,
}

impl Tally {
    fn count(&mut self, cluster: &Cluster) {
        let allowed = cluster.objects.iter().filter(|object| cluster.allows(object)).count();
        self.allowed += allowed;
        self.denied += cluster.objects.len() - allowed;
    }
}

/// Plays a world; what went wrong, after all that was done.
fn check(seed: u64) -> Result<Tally, String> {
    let play = || {
        in_virtual_time(async {
            let mut matrix = Matrix::begin(seed).await;
            matrix.play().await.map_err(|what| format!("{}\n{what}", matrix.told))?;
            Ok(matrix.tally)
        })
    };
    catch_unwind(AssertUnwindSafe(play)).unwrap_or_else(|_| Err("it panicked, as told above".to_owned()))
}

#[test]
fn random_worlds_agree_with_the_oracle() {
    let one = number("TENANCY_SEED");
    let (first, count) = one.map_or((FIRST_SEED, number("TENANCY").unwrap_or(WORLDS)), |seed| (seed, 1));
    let (next, failed, all) = (AtomicU64::new(first), Mutex::new(Vec::new()), Mutex::new(Tally::default()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + count {
                return;
            }
            match check(seed) {
                Ok(tally) => {
                    let mut all = all.lock().unwrap();
                    all.allowed += tally.allowed;
                    all.denied += tally.denied;
                }
                Err(what) => failed.lock().unwrap().push((seed, what)),
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let mut failed = failed.into_inner().unwrap();
    failed.sort();
    let seeds: Vec<_> = failed.iter().map(|(seed, _)| *seed).collect();
    if let Some((seed, what)) = failed.first() {
        panic!("{} of {count} worlds failed: {seeds:?}\nTENANCY_SEED={seed}: {what}", seeds.len());
    }
    let Tally { allowed, denied } = all.into_inner().unwrap();
    assert!(one.is_some() || allowed.min(denied) * 5 > allowed.max(denied), "{allowed} allowed, {denied} denied");
}

#[test]
fn every_pattern_stands_for_what_the_oracle_says() {
    let decided = in_virtual_time(table::play()).unwrap_or_else(|what| panic!("{what}"));
    assert!(decided > 1000, "{decided}");
}

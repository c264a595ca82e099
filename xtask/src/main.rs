//! Developer commands: `cargo xtask demo | up | test | image | bench | check | generate`.
#![expect(clippy::print_stderr, reason = "the last word of a failed command goes to standard error")]

mod argocd;
mod bench;
mod chaos;
mod chart;
mod check;
mod control_plane;
mod demo;
mod environment;
mod failure;
mod generate;
mod go;
mod image;
mod interrupt;
mod kubectl;
mod loopback;
mod places;
mod process;
mod progress;
mod samples;
mod simulator;
mod test;
mod tools;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::control_plane::Options;
use crate::failure::{Failure, Result};
use crate::places::Places;

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Developer commands of cloud-access-operator")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Tells what the operator does, on a real API server and a simulated cloud, and checks each step.
    Demo,
    /// Starts API server, simulated cloud and operator, and keeps them until Ctrl-C.
    Up {
        /// Write every request to the API server to target/dev/audit.log.
        #[arg(long)]
        audit: bool,
    },
    /// Runs all tests, with a real API server.
    Test {
        /// Arguments for `cargo test`, after `--`.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Checks the Dockerfile, builds the binary that the image ships, and runs it as a pod would.
    Image,
    /// Harms every exchange of the operator with API server and clouds, and checks what has to hold all the same.
    Chaos {
        /// Then harms pairs of exchanges at random, for so long.
        #[arg(long, default_value_t = 0)]
        minutes: u64,
        /// The same pairs as a run that printed this.
        #[arg(long)]
        seed: Option<u64>,
        /// Only kinds of harm whose names contain this, such as `stop`; can be given several times.
        #[arg(long)]
        only: Vec<String>,
    },
    /// Measures the operator against a bare client, and writes docs/benchmarks.md.
    Bench(BenchOptions),
    /// Formatting, lints, dependencies, generated files: what has to hold before a commit.
    Check,
    /// Writes the generated files: crds/, what the chart has of them and of its values, and what Argo CD is to know.
    Generate,
}

/// What is measured.
#[derive(clap::Args)]
struct BenchOptions {
    /// Only these scenarios, by the names that docs/benchmarks.md has; can be given several times.
    #[arg(long)]
    only: Vec<String>,
    /// With so many objects, instead of 100,1000,10000.
    #[arg(long, value_delimiter = ',')]
    objects: Vec<usize>,
    /// Over so many targets, instead of 100,1.
    #[arg(long, value_delimiter = ',')]
    targets: Vec<usize>,
    /// Only what says most, in about ten minutes: all kinds mixed, 1000 objects, the lower latency.
    #[arg(long)]
    quick: bool,
    /// Of objects that become Ready or go, only cases whose names contain this, such as "mixed over 100, 200 ms".
    #[arg(long)]
    case: Option<String>,
    /// So many comparisons with the bare client; the median is told.
    #[arg(long)]
    runs: Option<usize>,
}

impl BenchOptions {
    /// The same for the benchmark's own command line.
    fn arguments(&self) -> Vec<String> {
        let only = self.only.iter().map(|name| format!("--only={name}"));
        let objects = self.objects.iter().map(|objects| format!("--objects={objects}"));
        let targets = self.targets.iter().map(|targets| format!("--targets={targets}"));
        let runs = self.runs.map(|runs| format!("--runs={runs}"));
        let case = self.case.iter().map(|case| format!("--case={case}"));
        only.chain(objects)
            .chain(targets)
            .chain(runs)
            .chain(case)
            .chain(self.quick.then(|| "--quick".to_owned()))
            .collect()
    }
}

fn main() -> ExitCode {
    match run(&Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Interrupted) => {
            eprintln!("stopped");
            ExitCode::from(130)
        }
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> Result<()> {
    interrupt::listen()?;
    let places = Places::find()?;
    match command {
        Command::Demo => demo::demo(&places),
        Command::Up { audit } => environment::up(&places, Options { audit: *audit }, &demo::kinds()),
        Command::Test { arguments } => test::test(&places, arguments),
        Command::Image => image::image(&places),
        Command::Chaos { minutes, seed, only } => chaos::chaos(&places, *minutes, *seed, only),
        Command::Bench(options) => bench::bench(&places, &options.arguments()),
        Command::Check => check::check(&places),
        Command::Generate => generate::generate(&places),
    }
}

//! The benchmark's binary, which `cargo xtask bench` builds and starts.
#![expect(clippy::print_stdout, reason = "a table is printed")]

use std::fs;
use std::path::PathBuf;

use bench::bench::Bench;
use bench::document::{line, render};
use bench::results::{Circumstances, Results};
use bench::scenarios::{Extent, SCENARIOS};
use clap::Parser;

/// Measures the operator against a bare client.
#[derive(Debug, Parser)]
struct Options {
    /// Where the kubeconfigs of a control plane are; logs go there.
    #[arg(long)]
    environment: PathBuf,
    /// Where operator and simulator were built.
    #[arg(long)]
    programs: PathBuf,
    /// Where the page is, with the results of all runs and what people say about them.
    #[arg(long)]
    docs: PathBuf,
    /// What was built.
    #[arg(long)]
    commit: String,
    /// Only these scenarios.
    #[arg(long)]
    only: Vec<String>,
    /// How many objects; 100, 1000 and 10000 if not said, and 1000 of a quick run.
    #[arg(long, value_delimiter = ',')]
    objects: Vec<usize>,
    /// Over how many targets.
    #[arg(long, value_delimiter = ',', default_values_t = [100, 1])]
    targets: Vec<usize>,
    /// Only what says most.
    #[arg(long)]
    quick: bool,
    /// Of objects that become Ready or go, only cases whose names contain this, such as "mixed over 100, 200 ms".
    #[arg(long)]
    case: Option<String>,
    /// How often a time is compared with the bare client's: the median is told.
    #[arg(long, default_value_t = 1)]
    runs: usize,
}

#[tokio::main]
async fn main() -> bench::Result<()> {
    let options = Options::parse();
    let default: &[usize] = if options.quick { &[1_000] } else { &[100, 1_000, 10_000] };
    let sizes = if options.objects.is_empty() { default.to_vec() } else { options.objects.clone() };
    let extent =
        Extent { sizes, targets: options.targets, quick: options.quick, case: options.case, runs: options.runs.max(1) };
    let circumstances = Circumstances::now(&options.commit)?;
    let kept = options.docs.join("benchmarks.json");
    let mut results = Results::read(&kept)?;
    let bench = Bench::start(&options.environment, &options.programs).await?;
    println!("| case | measure | figure | bound | |\n| --- | --- | --- | --- | --- |");
    for scenario in SCENARIOS {
        if !options.only.is_empty() && !options.only.iter().any(|name| name == scenario.name) {
            continue;
        }
        let mut sink = |case: String, rows: Vec<_>| {
            for row in &rows {
                print!("{}", line(&case, row));
            }
            results.put(scenario.name, &case, &circumstances, rows);
            results.write(&kept)?;
            let findings = fs::read_to_string(options.docs.join("benchmarks-findings.md")).unwrap_or_default();
            Ok(fs::write(options.docs.join("benchmarks.md"), render(&results, &findings))?)
        };
        (scenario.run)(&bench, &extent, &mut sink).await?;
    }
    Ok(())
}

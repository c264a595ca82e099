//! Programs that are started, watched and stopped: what they cost, as the kernel counts it.

use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Result;

/// How long a program may take to stop when asked politely.
const PATIENCE: Duration = Duration::from_secs(30);

/// Ticks of the kernel's clock in a second, on every Linux that there is.
const TICKS: f64 = 100.0;

/// A running program; dropping it stops it.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    /// Starts it.
    pub fn start(command: &mut Command) -> Result<Self> {
        let started = command.spawn();
        Ok(Self(started.map_err(|error| format!("cannot start {}: {error}", command.get_program().display()))?))
    }

    /// Seconds of CPU so far.
    pub fn cpu_seconds(&self) -> Result<f64> {
        let stat = fs::read_to_string(self.proc("stat"))?;
        // The name, in parentheses, may hold blanks; user and system time are the 14th and the 15th field.
        let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        let ticks = after_name.split(' ').skip(11).take(2).map(str::parse::<u32>).sum::<Result<u32, _>>()?;
        Ok(f64::from(ticks) / TICKS)
    }

    /// Memory in MiB: `VmRSS` is resident now, `VmHWM` was at its peak.
    pub fn memory(&self, field: &str) -> Result<f64> {
        let status = fs::read_to_string(self.proc("status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let kib = line.and_then(|line| line.split_whitespace().next()).ok_or("the kernel tells no memory")?;
        Ok(f64::from(kib.parse::<u32>()?) / 1024.0)
    }

    fn proc(&self, file: &str) -> std::path::PathBuf {
        Path::new("/proc").join(self.0.id().to_string()).join(file)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Politely first: it has work to finish.
        let told = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        let until = Instant::now() + PATIENCE;
        while told.is_ok() && Instant::now() < until && matches!(self.0.try_wait(), Ok(None)) {
            sleep(Duration::from_millis(20));
        }
        // They fail only when it has ended.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

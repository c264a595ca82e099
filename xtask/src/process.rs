//! Children: started with a log each, stopped in order, and never left behind, not even when this process is killed.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::rc::Rc;
use std::time::Duration;

use crate::failure::{Failure, Result};
use crate::places::cannot;
use crate::progress::{Stopwatch, pause};

/// How long a child may take to stop when asked politely.
const PATIENCE: Duration = Duration::from_secs(5);

/// Stops what is listed once its standard input ends, as it does however the process at the other end dies.
const GUARD: &str = r#"
trap '' INT TERM HUP
groups=''
while read -r order group; do
  case $order in
    add) groups="$groups $group" ;;
    drop)
      rest=''
      for one in $groups; do [ "$one" = "$group" ] || rest="$rest $one"; done
      groups=$rest ;;
  esac
done
[ -n "$groups" ] || exit 0
for group in $groups; do kill -s TERM -- "-$group"; done
sleep 3
for group in $groups; do kill -s KILL -- "-$group"; done
"#;

/// A small shell process that outlives this one by moments, to stop what this one could not.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    orders: Rc<RefCell<ChildStdin>>,
}

impl Guard {
    /// Starts the guard.
    pub(crate) fn start() -> Result<Self> {
        let failed = |why: String| Failure::new("cannot start `sh`, which watches over child processes").why(why);
        let mut child = Command::new("sh")
            .args(["-c", GUARD])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let orders = child.stdin.take().ok_or_else(|| failed("it has no standard input".into()))?;
        Ok(Self { orders: Rc::new(RefCell::new(orders)) })
    }

    fn order(&self, order: &str, group: u32) {
        // Without its guard a child is still stopped by `Daemon::drop`.
        let _ = writeln!(self.orders.borrow_mut(), "{order} {group}");
    }
}

/// A child that runs beside this process, in a process group of its own, so that Ctrl-C leaves its end to us.
#[derive(Debug)]
pub(crate) struct Daemon {
    name: String,
    log: PathBuf,
    child: Child,
    guard: Guard,
}

impl Daemon {
    /// Starts a program; what it prints goes to `NAME.log` in `directory`.
    pub(crate) fn start(guard: &Guard, name: &str, mut command: Command, directory: &Path) -> Result<Self> {
        let log = directory.join(format!("{name}.log"));
        let file = File::create(&log).map_err(|error| cannot("write", &log, error))?;
        let copy = file.try_clone().map_err(|error| cannot("write", &log, error))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(copy)
            .stderr(file)
            .process_group(0)
            .spawn()
            .map_err(|error| Failure::new(format!("cannot start {}", shown(&command))).why(error))?;
        guard.order("add", child.id());
        Ok(Self { name: name.into(), log, child, guard: guard.clone() })
    }

    /// Fails, with the end of its log, if the program has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.status()? {
            None => Ok(()),
            Some(status) => Err(self.ended(status)),
        }
    }

    /// Waits for the program to end well, telling every now and then that `what` goes on.
    pub(crate) fn finish(mut self, what: &str) -> Result<()> {
        let mut watch = Stopwatch::start();
        loop {
            match self.status()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(self.ended(status)),
                None => watch.tick(what),
            }
            pause()?;
        }
    }

    /// Waits for the program to end well, and prints meanwhile what it writes.
    pub(crate) fn follow(mut self) -> Result<()> {
        let mut log = File::open(&self.log).map_err(|error| cannot("read", &self.log, error))?;
        loop {
            // Looked at first: what it wrote last is printed, too.
            let status = self.status()?;
            io::copy(&mut log, &mut io::stdout()).map_err(|error| cannot("print", &self.log, error))?;
            match status {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(self.ended(status)),
                None => pause()?,
            }
        }
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where the program's output is.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// A failure of this program, with the end of its log.
    pub(crate) fn failure(&self, what: &str) -> Failure {
        Failure::new(format!("{} {what}", self.name))
            .why(tail(&self.log))
            .advice(format!("read the whole log, {}", self.log.display()))
    }

    fn status(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().map_err(|error| Failure::new(format!("cannot watch {}", self.name)).why(error))
    }

    fn ended(&self, status: ExitStatus) -> Failure {
        self.failure(&format!("ended unexpectedly ({status}); its last words:"))
    }

    fn signal(&self, signal: &str) {
        let order = format!("kill -s {signal} -- -{}", self.child.id());
        // It fails only when nobody is left in the group.
        let _ = Command::new("sh").args(["-c", &order]).stderr(Stdio::null()).status();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal("TERM");
            let watch = Stopwatch::start();
            while watch.elapsed() < PATIENCE && matches!(self.child.try_wait(), Ok(None)) {
                std::thread::sleep(Duration::from_millis(20));
            }
            self.signal("KILL");
            // Reaps it; a process that was just killed does end.
            let _ = self.child.wait();
        }
        self.guard.order("drop", self.child.id());
    }
}

/// Runs a program in the foreground, with this terminal, and says whether it ended well.
pub(crate) fn succeeds(command: &mut Command) -> Result<bool> {
    let mut child =
        command.spawn().map_err(|error| Failure::new(format!("cannot start {}", shown(command))).why(error))?;
    loop {
        let ended =
            child.try_wait().map_err(|error| Failure::new(format!("cannot watch {}", shown(command))).why(error))?;
        if let Some(status) = ended {
            return Ok(status.success());
        }
        if let Err(interrupted) = pause() {
            // The terminal told it too, unless the signal was sent to us alone.
            let _ = child.kill();
            let _ = child.wait();
            return Err(interrupted);
        }
    }
}

/// Runs a program in the foreground, which must end well; `what` says what it was for.
pub(crate) fn run(what: &str, command: &mut Command) -> Result<()> {
    if succeeds(command)? {
        return Ok(());
    }
    Err(Failure::new(format!("{what} failed")).why(format!("see above what {} printed", shown(command))))
}

/// Runs a short program and returns what it printed; when it fails, what it complained about.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Failure::new(format!("cannot start {}", shown(command))).why(error))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(Failure::new(format!("{} failed ({})", shown(command), output.status)).why(complaint))
}

/// The last lines of a log.
pub(crate) fn tail(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}

/// A command as the user would recognise it: the program and its first words.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = command.get_args().take(3).map(|word| word.to_string_lossy());
    let words: Vec<_> = std::iter::once(program.to_string_lossy()).chain(words).collect();
    format!("`{}`", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_leaves_behind_is_stopped_by_its_guard() -> Result<()> {
        let guard = Guard::start()?;
        let mut orphan =
            Command::new("sleep").arg("60").process_group(0).spawn().map_err(|e| Failure::new(e.to_string()))?;
        guard.order("add", orphan.id());
        drop(guard);
        let status = orphan.wait().map_err(|error| Failure::new(error.to_string()))?;
        assert!(!status.success(), "it was ended by a signal, not by itself");
        Ok(())
    }

    #[test]
    fn a_failed_command_tells_what_it_complained_about() {
        let failed = capture(Command::new("sh").args(["-c", "echo no such thing >&2; exit 3"]));
        let told = failed.map_err(|error| error.to_string());
        let expected = "`sh -c echo no such thing >&2; exit 3` failed (exit status: 3)\n  | no such thing";
        assert_eq!(told, Err(expected.into()));
    }
}

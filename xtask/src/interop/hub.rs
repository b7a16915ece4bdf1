use core::time::Duration;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};

use serde_json::Value;

use super::print_tail;
use crate::failure::Failure;
use crate::process::{Running, Waited};

/// A hub that serves, on the ports that the clients insist on. It is stopped when this is dropped.
pub(super) struct Hub {
    supervisor: Running,
    /// While this is open the hub runs; see [`SUPERVISOR`].
    leash: Option<ChildStdin>,
    ready: Value,
    log: PathBuf,
}

impl Hub {
    /// Starts `iothub up` and waits until it serves. What it logs goes into the file `log`.
    ///
    /// # Errors
    ///
    /// It does not come to serve; what it said about that has been printed.
    pub(super) fn start(program: &Path, log: &Path) -> Result<Self, Failure> {
        let file = File::create(log).map_err(Failure::while_doing(log.display()))?;
        println!("$ iothub {}", UP.join(" "));
        let mut supervisor = Running::start(
            Command::new("sh")
                .args(["-c", SUPERVISOR, "sh"])
                .arg(program)
                .args(UP)
                .stdin(Stdio::piped())
                .stderr(file),
        )?;
        let leash = supervisor.take_input();
        match supervisor.next_line(READY_LIMIT) {
            Waited::Line(_, line) => {
                let ready =
                    serde_json::from_str(&line).map_err(Failure::while_doing("first line of iothub"))?;
                Ok(Self { supervisor, leash, ready, log: log.to_owned() })
            }
            Waited::Nothing | Waited::Closed => {
                drop(leash);
                // However it ended, what it said is worth more than how.
                let _ = supervisor.ended();
                print_tail("hub", log);
                Err(Failure::new("the hub did not come to serve (see above)"))
            }
        }
    }

    /// Stops the hub as a service manager would.
    ///
    /// # Errors
    ///
    /// It does not end soon, or not with success.
    pub(super) fn stop(mut self) -> Result<(), Failure> {
        self.leash = None;
        loop {
            match self.supervisor.next_line(STOP_LIMIT) {
                Waited::Line(..) => {}
                Waited::Nothing => return Err(Failure::new(format!("still running after {STOP_LIMIT:?}"))),
                Waited::Closed => break,
            }
        }
        let status = self.supervisor.ended()?;
        if status.success() { Ok(()) } else { Err(Failure::new(status.to_string())) }
    }

    /// Leaves the hub running when this program ends.
    ///
    /// # Errors
    ///
    /// The hub has ended already.
    pub(super) fn keep(mut self) -> Result<(), Failure> {
        let mut leash = self.leash.take().expect("a hub is stopped or kept once, as both consume it");
        leash.write_all(b"keep\n").map_err(Failure::while_doing("the hub cannot be kept"))?;
        drop(leash);
        self.supervisor.ended().map(drop)
    }

    pub(super) fn host_name(&self) -> &str {
        self.ready["hostName"].as_str().unwrap_or_default()
    }

    pub(super) fn log(&self) -> &Path {
        &self.log
    }

    /// What the hub wants set so that clients find and trust it.
    pub(super) fn environment(&self) -> impl Iterator<Item = (&str, &str)> {
        let variables = self.ready["environment"].as_object().into_iter().flatten();
        variables.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        // Once let off the leash it ends by itself; the supervisor sees to it if it does not.
        if self.leash.take().is_some() {
            let _ = self.supervisor.ended();
        }
    }
}

/// On one address of this machine only: nobody else is meant to find it.
const UP: [&str; 9] =
    ["up", "--bind", "127.0.0.1", "--mqtt-port", "8883", "--https-port", "443", "-o", "json"];

/// Ends the hub when standard input is closed, which happens however this program ends. The word `keep`
/// there lets it live. Whoever ignores SIGTERM is killed.
const SUPERVISOR: &str = r#"
"$@" </dev/null & hub=$!
trap : INT TERM HUP
exec >&-
word=; read -r word
[ "$word" = keep ] && exit 0
trap - INT TERM HUP
kill -TERM "$hub" 2>/dev/null
( sleep 10; kill -KILL "$hub" ) 2>/dev/null & guard=$!
wait "$hub"; status=$?
kill "$guard" 2>/dev/null
exit "$status"
"#;

const READY_LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;

    /// Says that it is ready, and ends with 7 on SIGTERM.
    const PROGRAM: &str = r#"
        tail -f /dev/null >/dev/null & tail=$!
        trap 'kill "$tail"; exit 7' TERM
        echo ready
        wait
    "#;

    #[test]
    fn the_supervisor_ends_its_program_when_let_off_the_leash_and_says_how_that_ended() {
        let mut supervisor = supervise(PROGRAM);
        assert!(matches!(supervisor.next_line(READY_LIMIT), Waited::Line(_, line) if line == "ready"));
        drop(supervisor.take_input());
        assert!(matches!(supervisor.next_line(STOP_LIMIT), Waited::Closed));
        assert_eq!(supervisor.ended().unwrap().code(), Some(7));
    }

    #[test]
    fn a_program_that_ends_by_itself_closes_the_output() {
        let mut supervisor = supervise("exit 0");
        assert!(matches!(supervisor.next_line(READY_LIMIT), Waited::Closed));
    }

    fn supervise(program: &str) -> Running {
        let arguments = ["-c", SUPERVISOR, "sh", "sh", "-c", program];
        Running::start(Command::new("sh").args(arguments).stdin(Stdio::piped())).unwrap()
    }
}

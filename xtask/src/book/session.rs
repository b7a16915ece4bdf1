use core::time::Duration;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::time::Instant;

use super::likeness;
use super::page::{Doing, Ends, Shown, Step};
use super::programs::Programs;
use crate::clock;
use crate::failure::Failure;
use crate::process::{Running, Waited};

/// A shell in which pages are done step by step, in a folder of its own and with nothing of this environment but the
/// programs that are installed.
pub(super) struct Session {
    shell: Running,
    input: ChildStdin,
    folder: PathBuf,
    program_of_blocks: PathBuf,
    /// How many steps have been begun.
    begun: usize,
    background: Vec<Background>,
}

/// What has been started and goes on.
struct Background {
    /// Where it stands: page and line.
    place: String,
    /// Its process group.
    group: String,
}

impl Session {
    /// # Errors
    ///
    /// The folder cannot be written, or there is no `bash`.
    pub(super) fn open(folder: &Path, programs: &Programs) -> Result<Self, Failure> {
        let cannot = |error| Failure::while_doing(folder.display())(error);
        for inner in ["bin", "run", "tmp", "work"] {
            fs::create_dir_all(folder.join(inner)).map_err(cannot)?;
        }
        let stand_in = folder.join("bin/iothub");
        fs::write(&stand_in, STAND_IN.replace("IOTHUB", &programs.iothub.display().to_string()))
            .map_err(cannot)?;
        make_executable(&stand_in)?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        let paths = core::iter::once(folder.join("bin")).chain(std::env::split_paths(&path));
        let path = std::env::join_paths(paths).map_err(Failure::while_doing("PATH"))?;
        let mut shell = Running::start(
            Command::new("bash")
                .args(["--noprofile", "--norc", "-eo", "pipefail"])
                .env_clear()
                .env("PATH", path)
                .env("HOME", folder.join("work"))
                .env("XDG_RUNTIME_DIR", folder.join("run"))
                .env("TMPDIR", folder.join("tmp"))
                .env("LANG", "C.UTF-8")
                .current_dir(folder.join("work"))
                .stdin(Stdio::piped())
                // What steps say goes into files; this is only about jobs that were ended.
                .stderr(Stdio::null()),
        )?;
        let input = shell.take_input().expect("it was piped above");
        let (folder, program_of_blocks) = (folder.to_owned(), programs.blocks.clone());
        Ok(Self { shell, input, folder, program_of_blocks, begun: 0, background: Vec::new() })
    }

    /// Does a step of the page at this path, and compares what it prints with what is shown.
    ///
    /// # Errors
    ///
    /// Whatever is not as the page says; what was printed is in the error.
    pub(super) fn take(&mut self, path: &str, step: &Step) -> Result<(), Failure> {
        let place = format!("{path}:{}", step.line);
        self.begun += 1;
        let (script, printed) = (self.file("sh"), self.file("out"));
        let text = match &step.doing {
            Doing::Script(text) => text.clone(),
            Doing::Program => format!("'{}' {place}\n", self.program_of_blocks.display()),
        };
        match step.ends {
            Ends::With(0) => {
                write(&script, &text)?;
                self.say(&format!(". '{}' >'{}' 2>&1; echo 0", script.display(), printed.display()))?;
            }
            Ends::With(_) => {
                write(&script, &text)?;
                let call = format!("( set -e; . '{}' ) >'{}' 2>&1", script.display(), printed.display());
                self.say(&format!("set +e; {call}; echo $?; set -e"))?;
            }
            Ends::Interrupted => {
                // The signal is for what it started, whose status it then ends with.
                write(&script, &format!("trap : INT\n{text}"))?;
                let call = format!("( . '{}' ) >'{}' 2>&1 &", script.display(), printed.display());
                self.say(&format!("set -m; {call} set +m; echo $!"))?;
            }
        }
        let answer = self.hear(&place, &printed)?;
        match step.ends {
            Ends::With(status) if answer == status.to_string() => compare(&place, step, &read(&printed)?),
            Ends::With(status) => {
                let printed = read(&printed)?;
                Err(Failure::new(format!(
                    "{place}: exit status {answer}, not {status}; it printed\n{printed}"
                )))
            }
            Ends::Interrupted => {
                self.background.push(Background { place: place.clone(), group: answer });
                self.await_begin(&place, step, &printed)
            }
        }
    }

    /// Ends what runs in the background as Ctrl-C would, the latest first.
    ///
    /// # Errors
    ///
    /// It does not end, or not with success.
    pub(super) fn close(mut self) -> Result<(), Failure> {
        while let Some(Background { place, group }) = self.background.pop() {
            self.say(&format!("set +e; kill -INT -- -{group}; wait {group}; echo $?; set -e"))?;
            let answer = self.hear(&place, &self.folder.join("none"))?;
            if answer != "0" {
                return Err(Failure::new(format!("{place}: exit status {answer} after Ctrl-C")));
            }
        }
        Ok(())
    }

    fn say(&mut self, line: &str) -> Result<(), Failure> {
        writeln!(self.input, "{line}").map_err(Failure::while_doing("the shell does not listen"))
    }

    /// What the shell says next.
    fn hear(&mut self, place: &str, printed: &Path) -> Result<String, Failure> {
        let so_far = || fs::read_to_string(printed).unwrap_or_default();
        match self.shell.next_line(PATIENCE) {
            Waited::Line(_, line) => Ok(line),
            Waited::Nothing => {
                Err(Failure::new(format!("{place}: not done after {PATIENCE:?}; it printed\n{}", so_far())))
            }
            Waited::Closed => {
                let status = self.shell.ended()?;
                Err(Failure::new(format!("{place}: {status}; it printed\n{}", so_far())))
            }
        }
    }

    /// Waits until what goes on has printed what is shown.
    fn await_begin(&mut self, place: &str, step: &Step, printed: &Path) -> Result<(), Failure> {
        let deadline: Instant = clock::now() + PATIENCE;
        while !is_begin(step, &read(printed)?) {
            if clock::now() > deadline {
                return compare(place, step, &read(printed)?);
            }
            // The shell says nothing meanwhile: this only waits, and notices if it ends.
            if let Waited::Closed = self.shell.next_line(Duration::from_millis(20)) {
                return Err(Failure::new(format!("{place}: the shell has ended")));
            }
        }
        Ok(())
    }

    fn file(&self, extension: &str) -> PathBuf {
        self.folder.join(format!("tmp/step-{}.{extension}", self.begun))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for Background { group, .. } in &self.background {
            // It may have ended already, which is what is wanted.
            let _ = Command::new("kill").args(["-KILL", "--", &format!("-{group}")]).status();
        }
    }
}

fn compare(place: &str, step: &Step, printed: &str) -> Result<(), Failure> {
    let (is_like, shown) = match &step.shown {
        None => return Ok(()),
        Some(Shown::Text(shown)) => (likeness::of_text(shown, printed), shown),
        Some(Shown::Json(shown)) => (likeness::of_json(shown, printed), shown),
    };
    match is_like {
        true => Ok(()),
        false => Err(Failure::new(format!("{place}: shown is\n{shown}\nbut it printed\n{printed}"))),
    }
}

fn is_begin(step: &Step, printed: &str) -> bool {
    match &step.shown {
        None => true,
        Some(Shown::Text(shown)) => likeness::of_begin(shown, printed),
        Some(Shown::Json(shown)) => likeness::of_json(shown, printed),
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    match fs::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        // What has just been started may not have opened it yet.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(Failure::while_doing(path.display())(error)),
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(Failure::while_doing(path.display()))
}

fn make_executable(path: &Path) -> Result<(), Failure> {
    let status = Command::new("chmod").arg("+x").arg(path).status();
    match status.map_err(Failure::while_doing("chmod cannot be started"))? {
        status if status.success() => Ok(()),
        status => Err(Failure::new(format!("chmod: {status}"))),
    }
}

/// How long a step may take, and what goes on may take to print what is shown. Far more than any needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// `iothub` as a person would see it at a terminal, which is a file here: tables unless something else is asked for. And
/// the ports are free ones.
const STAND_IN: &str = r#"#!/usr/bin/env bash
arguments=("$@")
if [[ ${1-} == up ]]; then
    [[ " $* " == *" --mqtt-port "* ]] || arguments+=(--mqtt-port 0)
    [[ " $* " == *" --https-port "* ]] || arguments+=(--https-port 0)
fi
if [[ -f /dev/stdout && " $* " != *" -o "* && " $* " != *" --help "* ]]; then
    arguments+=(-o table)
fi
exec 'IOTHUB' "${arguments[@]}"
"#;

use core::time::Duration;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// A program that runs. Killed when dropped.
pub(crate) struct Program {
    child: Child,
    /// How it was called, for messages.
    call: String,
    out: Receiver<String>,
    err: Receiver<String>,
}

/// What a program has said that has ended, as far as it was not read before, and its exit status.
pub(crate) struct End {
    pub(crate) call: String,
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Program {
    /// Starts it, with this on its standard input.
    pub(crate) fn start(mut command: Command, input: &[u8]) -> Self {
        command.stdout(Stdio::piped());
        Self::spawn(command, input)
    }

    /// Starts it with a standard output that nobody reads any more, as that of `head` is.
    pub(crate) fn start_unheard(mut command: Command) -> Self {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        command.stdout(writer);
        Self::spawn(command, b"")
    }

    fn spawn(mut command: Command, input: &[u8]) -> Self {
        let call = format!("{command:?}");
        command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{call}: {error}"));
        // One that ends without reading its input is within its rights.
        let _ = child.stdin.take().unwrap().write_all(input);
        let out = child.stdout.take().map_or_else(|| channel().1, lines);
        let err = lines(child.stderr.take().unwrap());
        Self { child, call, out, err }
    }

    /// The next line on standard output.
    pub(crate) fn line(&mut self) -> String {
        match self.out.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(why) => panic!("{}: no line but {why}; on standard error:\n{}", self.call, self.complaints()),
        }
    }

    /// The next line on standard output with this in it.
    pub(crate) fn line_with(&mut self, part: &str) -> String {
        loop {
            let line = self.line();
            if line.contains(part) {
                return line;
            }
        }
    }

    /// The next line on standard output, which is JSON.
    pub(crate) fn json(&mut self) -> Value {
        let line = self.line();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{}: {error}: {line}", self.call))
    }

    /// The next line on standard output that is JSON with this in it.
    pub(crate) fn json_with(&mut self, name: &str, value: &str) -> Value {
        loop {
            let json = self.json();
            if json[name] == value {
                return json;
            }
        }
    }

    /// The next line on standard error.
    pub(crate) fn remark(&mut self) -> String {
        let line = self.err.recv_timeout(PATIENCE);
        line.unwrap_or_else(|why| panic!("{}: nothing on standard error but {why}", self.call))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.unwrap(), signal).unwrap_or_else(|error| panic!("{}: {error}", self.call));
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> End {
        let out = self.rest(&self.out);
        let err = self.rest(&self.err);
        let code = self.child.wait().unwrap().code();
        End { call: self.call.clone(), code, out, err }
    }

    fn rest(&self, lines: &Receiver<String>) -> String {
        let mut text = String::new();
        loop {
            match lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    text.push_str(&line);
                    text.push('\n');
                }
                Err(RecvTimeoutError::Disconnected) => return text,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("{}: does not end; on standard error:\n{}", self.call, self.complaints())
                }
            }
        }
    }

    /// What is on standard error by now.
    fn complaints(&self) -> String {
        self.err.try_iter().fold(String::new(), |text, line| text + &line + "\n")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl End {
    /// All is well: what was said on standard output. Nothing was said on standard error.
    pub(crate) fn ok(self) -> String {
        assert_eq!((self.code, &*self.err), (Some(0), ""), "{}: {}", self.call, self.out);
        self.out
    }

    /// All is well: the one JSON document, on one line.
    pub(crate) fn json(self) -> Value {
        let call = self.call.clone();
        let out = self.ok();
        assert_eq!(out.matches('\n').count(), 1, "{call}: not one line: {out:?}");
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{call}: {error}: {out}"))
    }

    /// Refused with this exit status and one line, which is given.
    pub(crate) fn refused(self, code: i32) -> String {
        assert_eq!((self.code, &*self.out), (Some(code), ""), "{}: {}", self.call, self.err);
        let line = self.err.strip_prefix("iothub: ").and_then(|line| line.strip_suffix('\n'));
        let line = line
            .unwrap_or_else(|| panic!("{}: not a line that begins with the name: {}", self.call, self.err));
        assert!(!line.contains('\n'), "{}: more than one line: {line}", self.call);
        line.to_owned()
    }
}

/// Reads on a thread of its own, so that whoever waits for a line can stop waiting.
fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        loop {
            let mut line = Vec::new();
            match from.read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let line = String::from_utf8_lossy(&line);
            if sender.send(line.trim_end_matches('\n').to_owned()).is_err() {
                return;
            }
        }
    });
    receiver
}

/// How long a program may say nothing while something is expected. Far more than any needs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

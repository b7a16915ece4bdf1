use core::time::Duration;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Instant;

use crate::clock;
use crate::failure::Failure;

/// A program that has been started and is stopped when this is dropped.
///
/// What it prints to standard output is read as lines, each with the time at which it came.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<(Instant, String)>,
}

/// What came of waiting for a line.
pub(crate) enum Waited {
    Line(Instant, String),
    /// Nothing within the time given.
    Nothing,
    /// Standard output was closed: usually the program has ended.
    Closed,
}

impl Running {
    /// Starts the program, taking over its standard output.
    ///
    /// # Errors
    ///
    /// The program cannot be started.
    pub(crate) fn start(command: &mut Command) -> Result<Self, Failure> {
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .map_err(Failure::while_doing(format_args!("{program} cannot be started")))?;
        let output = child.stdout.take().expect("standard output was asked for above");
        Ok(Self { child, lines: read_lines(output) })
    }

    /// Its standard input, when that was piped and has not been taken before.
    pub(crate) fn take_input(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Waits for the next line.
    pub(crate) fn next_line(&mut self, limit: Duration) -> Waited {
        match self.lines.recv_timeout(limit) {
            Ok((at, line)) => Waited::Line(at, line),
            Err(RecvTimeoutError::Timeout) => Waited::Nothing,
            Err(RecvTimeoutError::Disconnected) => Waited::Closed,
        }
    }

    /// Waits until the program has ended by itself. Call it once its output is closed.
    ///
    /// # Errors
    ///
    /// The system does not say how it ended.
    pub(crate) fn ended(&mut self) -> Result<ExitStatus, Failure> {
        self.child.wait().map_err(Failure::while_doing("waiting for a program to end"))
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_lines(output: ChildStdout) -> Receiver<(Instant, String)> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send((clock::now(), line)).is_err() {
                break;
            }
        }
    });
    receiver
}

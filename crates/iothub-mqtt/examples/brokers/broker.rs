use core::net::Ipv4Addr;
use core::time::Duration;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use crate::{Failure, clock};

/// A broker that runs until this is dropped.
pub(crate) struct Broker {
    command: Command,
    child: Child,
    port: u16,
}

impl Broker {
    /// How long a broker may take until it listens.
    const STARTS_WITHIN: Duration = Duration::from_secs(20);

    /// Runs the command, and returns when somebody listens on the port.
    pub(crate) fn start(command: &[String], port: u16) -> Result<Self, Failure> {
        let [program, arguments @ ..] = command else { return Err("which broker?".into()) };
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
        let child = command.spawn()?;
        let mut broker = Self { command, child, port };
        broker.listens()?;
        Ok(broker)
    }

    /// A connection to it.
    pub(crate) fn connect(&self) -> std::io::Result<TcpStream> {
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))
    }

    /// It goes on to be there, but does nothing: what is sent to it arrives, and is not read.
    pub(crate) fn pause(&self) -> Result<(), Failure> {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-STOP", &id]).status()?;
        if status.success() { Ok(()) } else { Err(format!("kill -STOP {id}: {status}").into()) }
    }

    /// Kills it without a warning, and starts it again.
    pub(crate) fn restart(&mut self) -> Result<(), Failure> {
        self.child.kill()?;
        self.child.wait()?;
        self.child = self.command.spawn()?;
        self.listens()
    }

    fn listens(&mut self) -> Result<(), Failure> {
        let deadline = clock::now() + Self::STARTS_WITHIN;
        while self.connect().is_err() {
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("the broker ended at once: {status}").into());
            }
            if clock::now() > deadline {
                return Err(format!("nobody listens on port {}", self.port).into());
            }
            clock::pause();
        }
        Ok(())
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

use std::io;

use crate::failure::Failure;

/// The wish of somebody outside that this program ends: Ctrl-C, or SIGTERM from a service manager.
///
/// Listens from when it is made, so that a wish that comes early is not lost.
#[cfg(unix)]
pub(crate) struct Interrupt {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Interrupt {
    pub(crate) fn listen() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};

        let listen = |kind| signal(kind).map_err(|error| unheard(&error));
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Returns when it is time to end.
    pub(crate) async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// The wish of somebody outside that this program ends: Ctrl-C, or the closing of the console.
///
/// Listens from when it is made, so that a wish that comes early is not lost.
#[cfg(windows)]
pub(crate) struct Interrupt {
    interrupt: tokio::signal::windows::CtrlC,
    terminate: tokio::signal::windows::CtrlClose,
}

#[cfg(windows)]
impl Interrupt {
    pub(crate) fn listen() -> Result<Self, Failure> {
        use tokio::signal::windows::{ctrl_c, ctrl_close};

        let (interrupt, terminate) = (ctrl_c(), ctrl_close());
        Ok(Self {
            interrupt: interrupt.map_err(|error| unheard(&error))?,
            terminate: terminate.map_err(|error| unheard(&error))?,
        })
    }

    /// Returns when it is time to end.
    pub(crate) async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

impl Interrupt {
    /// What comes of `work`, or `why` if it is time to end before that.
    pub(crate) async fn during<T>(
        &mut self,
        work: impl Future<Output = Result<T, Failure>>,
        why: impl FnOnce() -> Failure,
    ) -> Result<T, Failure> {
        tokio::select! {
            () = self.wait() => Err(why()),
            result = work => result,
        }
    }
}

fn unheard(error: &io::Error) -> Failure {
    Failure::failed(format_args!("cannot listen to signals: {error}"))
}

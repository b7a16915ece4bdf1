use embedded_io_async::{Read, Write};
use iothub_proto::{Instant, Timestamp};

use crate::fault::Fault;

/// What the board knows of time and chance. Nothing else in here asks for either.
pub trait Board {
    /// Milliseconds since the board has started, or since any other moment: never less than before.
    fn now(&self) -> Instant;

    /// Civil time, for the date on a token. A clock that runs minutes behind is good enough; one that was never set is
    /// not: ask a time server first.
    fn date(&self) -> Timestamp;

    /// Returns when that time has come. May be dropped before.
    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()>;

    /// A number that differs between boards and starts. It spreads devices in time and need not be a secret.
    fn chance(&self) -> u64;

    /// A connection has ended, or did not come about: for the log.
    fn disconnected(&self, why: &Fault);
}

/// How a stream of bytes to the hub comes about: TCP, and TLS over it.
pub trait Network {
    /// Receives. A `read` that is dropped must not have taken anything from the stream.
    type Reader<'n>: Read
    where
        Self: 'n;
    /// Sends. A `write` that makes no progress must fail some time, as the loop waits for it.
    type Writer<'n>: Write
    where
        Self: 'n;

    /// Makes a connection. The one before is gone.
    ///
    /// # Errors
    ///
    /// [`Fault::Stream`], to be tried again later.
    fn connect(&mut self) -> impl Future<Output = Result<(Self::Reader<'_>, Self::Writer<'_>), Fault>>;
}

/// What the device is for.
pub trait Application {
    /// Writes the next measurement into `out`, as JSON, and says how long it is.
    fn measure(&mut self, out: &mut [u8]) -> usize;

    /// What the back end shall know of this device: a JSON merge patch of the reported properties.
    fn report(&self) -> &[u8];

    /// Runs a method. Writes the answer into `out`, as JSON, and gives its length and a number that says how it went.
    fn method(&mut self, name: &str, payload: &[u8], out: &mut [u8]) -> (i32, usize);

    /// Does what a message from the back end says. It is completed when this returns, and comes again if the device
    /// is reset before that.
    fn command(&mut self, payload: &[u8]);

    /// Takes over the desired properties: all of them, as JSON.
    fn desired(&mut self, all: &[u8]);

    /// Takes over a change of the desired properties: a JSON merge patch.
    fn desired_change(&mut self, patch: &[u8]);
}

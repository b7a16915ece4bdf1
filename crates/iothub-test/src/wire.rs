use core::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use iothub_device::{ConnectError, Transport};
use iothub_server::{ByteStream, Door};

use crate::faults::Faults;

/// A way from devices to a hub in the same process, without sockets and TLS: for
/// [`Device::connect_over`](iothub_device::Device::connect_over). What [`Faults`] say happens on it.
#[derive(Clone, Debug)]
pub struct Wire {
    pub(crate) faults: Faults,
}

/// Where a hub is to be found, while there is one.
#[derive(Clone, Default)]
pub(crate) struct Entrance(Arc<Mutex<Option<Door>>>);

impl Entrance {
    pub(crate) fn set(&self, door: Option<Door>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = door;
    }

    pub(crate) fn door(&self) -> Option<Door> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Entrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Entrance").field(&self.door()).finish()
    }
}

impl Transport for Wire {
    type Stream = Box<dyn ByteStream>;

    async fn connect(&self) -> Result<Self::Stream, ConnectError> {
        let door = self.faults.entrance().door().filter(|_| self.faults.admits()).ok_or_else(|| {
            let source = io::Error::from(io::ErrorKind::ConnectionRefused);
            ConnectError::Unreachable { address: "the hub of the test".into(), source }
        })?;
        let (near, far) = tokio::io::duplex(BUFFER_LEN);
        tokio::spawn(async move { door.serve(far).await });
        Ok(Box::new(self.faults.over(near)))
    }
}

/// Bytes on their way in each direction, as a socket would buffer them.
const BUFFER_LEN: usize = 64 * 1024;

//! Reading and writing packets without an end around it, to be measured. Not for use outside the workspace.

use iothub_codec::Version;
use iothub_proto::{Limits, Packet};

use crate::aliases::Aliases;
use crate::error::{WireError, WriteError};
use crate::frame::Frame;
use crate::wire5::Sender;
use crate::{wire4, wire5};

/// Reads packets as a server does.
#[derive(Default)]
pub struct Reader {
    aliases: Aliases,
}

impl Reader {
    /// Reads one packet that a device has sent; `None` if it is not whole.
    ///
    /// # Errors
    ///
    /// As for [`Server::poll_packet`](crate::Server::poll_packet).
    pub fn read<'a>(
        &'a mut self,
        version: Version,
        bytes: &'a [u8],
    ) -> Result<Option<Packet<'a>>, WireError> {
        let Some(frame) = Frame::read(bytes, version, u32::MAX, |_| Ok(()))? else { return Ok(None) };
        let Some(bytes) = bytes.get(..frame.len) else { return Ok(None) };
        match version {
            Version::V311 => wire4::read(frame, bytes, Limits::CLASSIC),
            Version::V5 => wire5::read(frame, bytes, Sender::Client, &mut self.aliases),
        }
        .map(Some)
    }
}

/// Appends a packet as a client writes it.
///
/// # Errors
///
/// As for [`Client::send`](crate::Client::send).
pub fn write(version: Version, packet: &Packet<'_>, out: &mut Vec<u8>) -> Result<(), WriteError> {
    match version {
        Version::V311 => wire4::write(packet, out, u32::MAX),
        Version::V5 => wire5::write(packet, Sender::Client, out, u32::MAX),
    }
}

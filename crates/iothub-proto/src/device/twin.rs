use core::time::Duration;

use iothub_codec::{EncodeError, Publish, Reply, RequestId, Status, TwinGet, TwinPart, TwinPatch};

use super::event::DeviceEvent;
use super::{Asked, DeviceSession};
use crate::document::Desired as Found;
use crate::error::{PeerError, SendError};
use crate::packet::Packet;
use crate::requests::Ticket;
use crate::time::Instant;

impl<const REQUESTS: usize, const WINDOW: usize> DeviceSession<'_, REQUESTS, WINDOW> {
    /// Asks for the twin.
    ///
    /// It comes as [`DeviceEvent::Twin`] within `timeout`; otherwise the request ends as
    /// [`DeviceEvent::Refused`], [`DeviceEvent::TimedOut`] or [`DeviceEvent::Lost`].
    ///
    /// # Errors
    ///
    /// [`SendError::TooManyOpen`] while `REQUESTS` requests await their answer, and
    /// [`SendError::NotReady`] until [`DeviceEvent::Ready`]. Nothing has been sent or remembered.
    pub fn get_twin<'b>(
        &mut self,
        now: Instant,
        timeout: Duration,
        out: &'b mut [u8],
    ) -> Result<(Ticket, Packet<'b>), SendError> {
        self.get_twin_part(now, timeout, TwinPart::Whole, None, out)
    }

    /// Asks for the twin or a section of it, unless that is still at `known_version`: then
    /// [`DeviceEvent::NotModified`] comes. For all else it is [`Self::get_twin`].
    ///
    /// # Errors
    ///
    /// As for [`Self::get_twin`]; and [`SendError::Encode`] with [`EncodeError::NotExpressible`] for everything but
    /// the whole, without a version, in all dialects but `$az/iot`.
    pub fn get_twin_part<'b>(
        &mut self,
        now: Instant,
        timeout: Duration,
        part: TwinPart,
        known_version: Option<u64>,
        out: &'b mut [u8],
    ) -> Result<(Ticket, Packet<'b>), SendError> {
        let codec = self.codec;
        self.ask(Asked::Twin(part), now.after(timeout), |request| {
            codec.encode(&TwinGet { request, part, known_version }, out)
        })
    }

    /// Changes the reported properties of the twin.
    ///
    /// `patch` is a JSON merge patch: members set to `null` are removed. `if_version` makes the hub refuse
    /// the change unless the reported properties are at exactly that version. The outcome comes as
    /// [`DeviceEvent::Reported`] or [`DeviceEvent::Refused`] within `timeout`, and otherwise as
    /// [`DeviceEvent::TimedOut`] or [`DeviceEvent::Lost`]; then the change may or may not have happened.
    ///
    /// # Errors
    ///
    /// As for [`Self::get_twin`]; and [`SendError::TooLarge`] for a patch that the hub does not take.
    pub fn report<'b>(
        &mut self,
        now: Instant,
        timeout: Duration,
        patch: &'b [u8],
        if_version: Option<u64>,
        out: &'b mut [u8],
    ) -> Result<(Ticket, Packet<'b>), SendError> {
        let codec = self.codec;
        self.ask(Asked::Report, now.after(timeout), |request| {
            codec.encode(&TwinPatch { request, patch, if_version }, out)
        })
    }

    /// An answer came: to the session itself, to the application, or to nobody any longer.
    pub(super) fn answered<'a>(
        &mut self,
        now: Instant,
        reply: &Reply<'a>,
    ) -> Result<Option<DeviceEvent<'a>>, PeerError> {
        if self.desired.awaits(reply.request) {
            return self.desired.answered(now, reply, &mut self.seed);
        }
        let Some((ticket, asked)) = self.requests.close(reply.request) else { return Ok(None) };
        let Reply { status, code, version, payload, reason, .. } = *reply;
        if !status.is_success() {
            return Ok(Some(DeviceEvent::Refused { ticket, status, code, reason }));
        }
        Ok(Some(match asked {
            Asked::Report => DeviceEvent::Reported { ticket, version },
            Asked::Twin(_) if status == Status::NOT_MODIFIED => DeviceEvent::NotModified { ticket },
            Asked::Twin(part) => {
                let version = match part {
                    TwinPart::Whole => Found::find(payload).map(|desired| desired.version),
                    TwinPart::Desired | TwinPart::Reported => version,
                };
                if let (TwinPart::Whole | TwinPart::Desired, Some(version)) = (part, version) {
                    self.desired.told(version);
                }
                DeviceEvent::Twin { ticket, part, document: payload, version }
            }
        }))
    }

    fn ask<'b>(
        &mut self,
        asked: Asked,
        deadline: Instant,
        write: impl FnOnce(RequestId<'static>) -> Result<Publish<'b>, EncodeError>,
    ) -> Result<(Ticket, Packet<'b>), SendError> {
        self.must_be_ready()?;
        let full = SendError::TooManyOpen { limit: REQUESTS };
        let ticket = self.requests.open(asked, deadline).ok_or(full)?;
        let written = write(ticket.request()).map_err(SendError::from);
        match written.and_then(|publish| self.flow.admit(&publish).map(|()| publish)) {
            Ok(publish) => Ok((ticket, Packet::Publish { ack: None, publish })),
            Err(error) => {
                self.requests.forget(ticket);
                Err(error)
            }
        }
    }
}

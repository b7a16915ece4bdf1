use iothub_codec::{Ack, Content, Operation, Publish, Qos, Reply, RequestId, Status, Telemetry, ToDevice};

use super::event::DeviceEvent;
use super::{DeviceSession, OWED, State, UNSETTLED};
use crate::error::{PeerError, SendError};
use crate::packet::{AckToken, Packet};
use crate::time::Instant;

impl<const REQUESTS: usize, const WINDOW: usize> DeviceSession<'_, REQUESTS, WINDOW> {
    /// Sends a message to the cloud.
    ///
    /// At QoS 1 the token names it until [`DeviceEvent::Sent`] or [`DeviceEvent::SendRefused`]; at QoS 0 there is
    /// none, and no outcome.
    ///
    /// # Errors
    ///
    /// [`SendError::NotReady`] until [`DeviceEvent::Ready`], [`SendError::WindowFull`] while as many
    /// messages as the hub takes are unacknowledged, [`SendError::TooLarge`] and [`SendError::QosNotTaken`] for what
    /// the hub never takes. Nothing has been sent or remembered.
    pub fn send_telemetry<'b>(
        &mut self,
        telemetry: &Telemetry<'b>,
        out: &'b mut [u8],
    ) -> Result<(Option<AckToken>, Packet<'b>), SendError> {
        self.must_be_ready()?;
        let publish = self.codec.encode(telemetry, out)?;
        self.flow.admit(&publish)?;
        let ack = match telemetry.qos {
            Qos::AtMostOnce => None,
            Qos::AtLeastOnce => {
                let limit = self.telemetry_window();
                let token = self.unacknowledged.open(usize::from(limit));
                Some(token.ok_or(SendError::WindowFull { limit })?)
            }
        };
        Ok((ack, Packet::Publish { ack, publish }))
    }

    /// Most messages at QoS 1 that may be unacknowledged at a time: as many as the hub of this connection takes, and
    /// no more than `WINDOW`.
    pub fn telemetry_window(&self) -> u16 {
        self.flow.receive_maximum.min(u16::try_from(WINDOW).unwrap_or(u16::MAX))
    }

    /// How many more of them there may be now. Between [`DeviceEvent::Ready`] and the end of the connection,
    /// [`Self::send_telemetry`] takes so many before it says [`SendError::WindowFull`].
    pub fn telemetry_room(&self) -> u16 {
        let open = u16::try_from(self.unacknowledged.len()).unwrap_or(u16::MAX);
        self.telemetry_window().saturating_sub(open)
    }

    /// Forgets a message that was sent over an earlier connection and not acknowledged: there is room for another, and its
    /// token may name that. It is done before the next [`Self::connect`], by the MQTT endpoint as well; afterwards, this does
    /// nothing.
    ///
    /// A message that the hub answers by ending the connection would end each connection over which it is sent again.
    pub fn forget_telemetry(&mut self, token: AckToken) {
        if self.state == State::Offline {
            self.unacknowledged.close(token);
        }
    }

    /// Answers a direct method: `code` is the device's own number, `payload` JSON or nothing.
    ///
    /// # Errors
    ///
    /// [`SendError::NotReady`] while there is no connection: the hub has given up on the call.
    /// [`SendError::TooLarge`] for an answer that the hub does not take.
    pub fn reply<'b>(
        &mut self,
        request: RequestId<'b>,
        name: &'b str,
        code: i32,
        payload: &'b [u8],
        out: &'b mut [u8],
    ) -> Result<Packet<'b>, SendError> {
        self.reply_with_content(request, name, code, payload, Content::JSON, out)
    }

    /// Answers a direct method, and says what the payload is: something else than JSON, or JSON in so many words.
    ///
    /// # Errors
    ///
    /// As for [`Self::reply`]; and [`SendError::Encode`] with
    /// [`NotExpressible`](iothub_codec::EncodeError::NotExpressible) for an encoding outside the `$az/iot` dialect, and
    /// for anything in the classic one.
    pub fn reply_with_content<'b>(
        &mut self,
        request: RequestId<'b>,
        name: &'b str,
        code: i32,
        payload: &'b [u8],
        content: Content<'b>,
        out: &'b mut [u8],
    ) -> Result<Packet<'b>, SendError> {
        let reply = Reply { code: Some(code), payload, content, ..Reply::new(request, Status::SUCCESS) };
        self.answer(name, &reply, out)
    }

    /// Tells the caller of a direct method that it is not run, with a status that says why, such as
    /// [`Status::TARGET_UNAVAILABLE`].
    ///
    /// # Errors
    ///
    /// As for [`Self::reply`]; and [`SendError::Encode`] with
    /// [`NotExpressible`](iothub_codec::EncodeError::NotExpressible) in the classic dialect, where a device has nothing
    /// but its own numbers.
    pub fn decline<'b>(
        &mut self,
        request: RequestId<'b>,
        name: &'b str,
        status: Status,
        out: &'b mut [u8],
    ) -> Result<Packet<'b>, SendError> {
        self.answer(name, &Reply::new(request, status), out)
    }

    fn answer<'b>(
        &self,
        name: &'b str,
        reply: &Reply<'b>,
        out: &'b mut [u8],
    ) -> Result<Packet<'b>, SendError> {
        self.must_be_connected()?;
        let publish = self.codec.encode_reply(Operation::Method(name), reply, out)?;
        self.flow.admit(&publish)?;
        Ok(Packet::Publish { ack: None, publish })
    }

    /// PUBACK came; `None` when nothing awaits it.
    pub(super) fn acknowledged<'a>(
        &mut self,
        token: AckToken,
        ack: &Ack<'a>,
    ) -> Result<Option<DeviceEvent<'a>>, PeerError> {
        if !self.unacknowledged.contains(token) {
            return Ok(None);
        }
        let outcome = self.codec.decode_ack(ack)?;
        self.unacknowledged.close(token);
        Ok(Some(if outcome.status.is_success() {
            DeviceEvent::Sent { token }
        } else {
            DeviceEvent::SendRefused { token, outcome }
        }))
    }

    pub(super) fn receive<'a>(
        &mut self,
        now: Instant,
        ack: Option<AckToken>,
        publish: &Publish<'a>,
    ) -> Result<Option<DeviceEvent<'a>>, PeerError> {
        let message = self.codec.decode_to_device(publish)?;
        if let Some(token) = ack {
            // The application says when these two are dealt with; all else is when it is read.
            let (room, limit) = match message {
                ToDevice::Command(_) | ToDevice::Input(_) => (self.unsettled.admit(token), UNSETTLED),
                ToDevice::Method(_) | ToDevice::DesiredChanged(_) | ToDevice::Reply(_) => {
                    (self.owed.admit(token), OWED)
                }
            };
            if !room {
                return Err(PeerError::WindowOverrun { limit });
            }
        }
        Ok(match message {
            ToDevice::Command(command) => Some(DeviceEvent::Command { command, ack }),
            ToDevice::Input(input) => Some(DeviceEvent::Input { input, ack }),
            ToDevice::Method(call) => Some(DeviceEvent::Method(call)),
            ToDevice::DesiredChanged(change) => self.desired.change(now, change),
            ToDevice::Reply(reply) => self.answered(now, &reply)?,
        })
    }
}

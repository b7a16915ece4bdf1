use iothub_codec::{AuthStep, Dialect, Identity, IdentityBuf, Version};

use super::{HubSession, WINDOW};
use crate::error::SendError;
use crate::flow::Flow;
use crate::packet::{Limits, Opening, Packet, Session};
use crate::requests::Requests;
use crate::subscriptions::Subscriptions;
use crate::time::Instant;
use crate::window::Window;

/// The keep-alive that IoT Hub sets where a device asks for none or for a longer one, in seconds: 19 minutes.
const KEEP_ALIVE_S: u16 = 1140;
/// What MQTT 5 takes a Receive Maximum for that is not said.
const RECEIVE_MAXIMUM: u16 = u16::MAX;

impl<const CALLS: usize> HubSession<CALLS> {
    /// A session for the device or module whose CONNECT was accepted, and the CONNACK that tells it so.
    ///
    /// `kept` is what [`Self::kept`] gave when the last connection ended; it goes on if the device asks for that, in
    /// the same dialect.
    ///
    /// Method calls are numbered from `first_call`, which is to be chance, or to go on from connection to connection:
    /// there are devices that answer a call of one connection over the next, where no other call may have its number.
    pub fn accept(
        dialect: Dialect,
        identity: Identity<'_>,
        opening: &Opening<'_>,
        kept: Option<Subscriptions>,
        first_call: u32,
    ) -> (Self, Packet<'static>) {
        let wanted = kept.filter(|kept| kept.dialect() == dialect && opening.session == Session::Resume);
        let session = if wanted.is_some() { Session::Resume } else { Session::Fresh };
        let version = opening.connect.version;
        let (limits, lasts) = match version {
            Version::V311 => (Limits::CLASSIC, opening.session == Session::Resume),
            Version::V5 => (limits(opening), opening.session_expiry_s.is_some_and(|s| s > 0)),
        };
        let accepted = Self {
            dialect,
            identity: IdentityBuf::new(identity),
            subscriptions: wanted.unwrap_or(Subscriptions::none(dialect)),
            flow: Flow {
                version,
                receive_maximum: opening.receive_maximum.unwrap_or(RECEIVE_MAXIMUM).min(WINDOW),
                packet_len_max: opening.maximum_packet_size.unwrap_or(u32::MAX),
                qos_max: Limits::CLASSIC.maximum_qos,
            },
            lasts,
            explains: opening.connect.properties.request_problem_information() != Some(false),
            expires: None,
            renewing: false,
            unacknowledged: Window::new(),
            calls: Requests::numbered_from(first_call),
        };
        (accepted, Packet::Connected { session, limits })
    }

    /// What the next connection of the device may go on with: `None` if it asked for nothing to last.
    pub fn kept(&self) -> Option<Subscriptions> {
        self.lasts.then_some(self.subscriptions)
    }

    /// When the device's credentials expire: [`HubEvent::Expired`](super::HubEvent::Expired) comes then. Without
    /// that call they do not.
    pub fn expire_at(&mut self, at: Instant) {
        self.expires = Some(at);
    }

    /// Goes on with the credentials of the last [`HubEvent::AuthStep`](super::HubEvent::AuthStep), which expire at
    /// that time.
    ///
    /// # Errors
    ///
    /// [`SendError::NotAwaited`] when the device asked for nothing.
    pub fn renewed<'b>(&mut self, until: Instant, out: &'b mut [u8]) -> Result<Packet<'b>, SendError> {
        if !self.renewing {
            return Err(SendError::NotAwaited);
        }
        let auth = self.codec().encode_auth(&AuthStep::Renewed, out)?;
        self.renewing = false;
        self.expires = Some(until);
        Ok(Packet::Auth(auth))
    }
}

fn limits(opening: &Opening<'_>) -> Limits {
    Limits {
        keep_alive_s: match opening.keep_alive_s {
            1..=KEEP_ALIVE_S => None,
            _ => Some(KEEP_ALIVE_S),
        },
        // IoT Hub knows only sessions that end with the connection, and those that never do.
        session_expiry_s: opening.session_expiry_s.filter(|s| (1..u32::MAX).contains(s)).map(|_| u32::MAX),
        ..Limits::PREVIEW5
    }
}

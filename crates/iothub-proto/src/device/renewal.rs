use core::time::Duration;

use iothub_codec::{Auth, AuthStep, DecodeError, DecodeErrorKind, Field, Place, Signature};

use super::DeviceSession;
use super::event::DeviceEvent;
use crate::backoff::Seed;
use crate::error::{PeerError, SendError};
use crate::packet::Packet;
use crate::time::{Instant, Now, Timestamp};

/// When credentials must be renewed, and by when the hub has to answer that.
#[derive(Clone, Copy, Debug)]
pub(super) struct Renewal {
    /// The next time.
    at: Option<Instant>,
    asked: Option<Asked>,
}

/// AUTH is sent and not answered.
#[derive(Clone, Copy, Debug)]
struct Asked {
    until: Instant,
    /// When to renew again, once it is answered.
    then: Instant,
}

/// Credentials are renewed at a moment of chance when between so much and so much of their lifetime is over, in
/// percent: not all devices that connected at one moment come back at one moment.
const RENEW_AFTER_PERCENT: u64 = 80;
const RENEW_BEFORE_PERCENT: u64 = 90;
/// How long a hub may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

impl Renewal {
    pub(super) const NONE: Self = Self { at: None, asked: None };

    pub(super) fn begin(&mut self, now: Now, valid_until: Option<Timestamp>, seed: &mut Seed) {
        *self = Self { at: valid_until.map(|end| moment(now, end, seed)), asked: None };
    }

    pub(super) fn end(&mut self) {
        *self = Self::NONE;
    }

    /// Whether it is time, which is said once.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        self.at.take_if(|at| *at <= now).is_some()
    }

    /// Whether the hub has taken too long.
    pub(super) fn is_unanswered(&self, now: Instant) -> bool {
        self.asked.is_some_and(|asked| asked.until <= now)
    }

    pub(super) fn deadline(&self) -> Option<(Instant, &'static str)> {
        let due = self.at.map(|at| (at, "credentials expire soon"));
        let answer = self.asked.map(|asked| (asked.until, "the answer to AUTH is due"));
        [due, answer].into_iter().flatten().min_by_key(|(at, _)| *at)
    }
}

fn moment(now: Now, valid_until: Timestamp, seed: &mut Seed) -> Instant {
    let left_ms = u64::try_from(valid_until.since(now.timestamp).as_millis()).unwrap_or(u64::MAX);
    let percent_ms = left_ms / 100;
    let spread_ms = seed.up_to(percent_ms * (RENEW_BEFORE_PERCENT - RENEW_AFTER_PERCENT));
    now.instant.after(Duration::from_millis(percent_ms * RENEW_AFTER_PERCENT + spread_ms))
}

impl<const REQUESTS: usize, const WINDOW: usize> DeviceSession<'_, REQUESTS, WINDOW> {
    /// Renews the signature without connecting again: only over MQTT 5. The policy must be that of the connection.
    ///
    /// The hub answers with [`DeviceEvent::Renewed`], or ends the connection; if it does neither within half a
    /// minute, [`DeviceEvent::NotRenewed`] ends it.
    ///
    /// # Errors
    ///
    /// [`SendError::Encode`] with [`NotExpressible`](iothub_codec::EncodeError::NotExpressible) over MQTT 3.1.1, where
    /// a device connects again instead; [`SendError::NotReady`] while there is no connection, and
    /// [`SendError::TooManyOpen`] while another awaits its answer.
    pub fn renew<'b>(
        &mut self,
        now: Now,
        signature: &Signature<'_>,
        out: &'b mut [u8],
    ) -> Result<Packet<'b>, SendError> {
        self.must_be_connected()?;
        if self.renewal.asked.is_some() {
            return Err(SendError::TooManyOpen { limit: 1 });
        }
        let auth = self.codec.encode_auth(&AuthStep::Renew(*signature), out)?;
        let valid_until = Timestamp::from_millis(signature.terms.expiry_ms);
        let then = moment(now, valid_until, &mut self.seed);
        // It is not said a second time that they expire soon: they are renewed, or the connection ends.
        let asked = Some(Asked { until: now.instant.after(ANSWER_WITHIN), then });
        self.renewal = Renewal { at: None, asked };
        Ok(Packet::Auth(auth))
    }

    /// AUTH came; `None` when nothing was asked.
    pub(super) fn renewal_answered(
        &mut self,
        auth: &Auth<'_>,
    ) -> Result<Option<DeviceEvent<'static>>, PeerError> {
        let Some(Asked { then, .. }) = self.renewal.asked else { return Ok(None) };
        match self.codec.decode_auth(auth)? {
            AuthStep::Renewed => {
                self.renewal = Renewal { at: Some(then), asked: None };
                Ok(Some(DeviceEvent::Renewed))
            }
            // Only a device does that.
            AuthStep::Renew(_) => Err(BACKWARDS.into()),
        }
    }
}

const BACKWARDS: DecodeError =
    DecodeError { place: Place::Whole, kind: DecodeErrorKind::BadValue(Field::Status) };

use crate::dialect::provisioning;
use crate::error::{DecodeError, EncodeError};
use crate::filters::Filters;
use crate::publish::Publish;
use crate::request::RequestId;
use crate::text::Text;

/// Device to provisioning service: wants a hub and a name there, and a [`ProvisioningReply`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register<'a> {
    /// Comes back in the reply.
    pub request: RequestId<'a>,
    /// What the device says about itself: JSON, or nothing.
    pub payload: &'a [u8],
}

/// Device to provisioning service: asks what became of a [`Register`] that was taken in, and wants a
/// [`ProvisioningReply`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegistrationStatus<'a> {
    /// Comes back in the reply.
    pub request: RequestId<'a>,
    /// The `operationId` of the earlier reply.
    pub operation: Text<'a>,
}

/// What the provisioning service receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is its message")]
pub enum ToProvisioning<'a> {
    Register(Register<'a>),
    Status(RegistrationStatus<'a>),
}

/// Provisioning service to device: the answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProvisioningReply<'a> {
    /// Which request.
    pub request: RequestId<'a>,
    /// What became of it, as HTTP says it: 200 for what is done, 202 for what is being done.
    pub code: u16,
    /// After how many seconds to ask again.
    pub retry_after_s: Option<u32>,
    /// JSON: how the registration stands, or what is wrong.
    pub payload: &'a [u8],
}

impl<'a> Register<'a> {
    /// Writes the topic into `out`; the payload stays as it is.
    ///
    /// # Errors
    ///
    /// [`EncodeError`]; for a buffer that is too small it says how much is needed.
    pub fn encode(&self, out: &'a mut [u8]) -> Result<Publish<'a>, EncodeError> {
        provisioning::seal_register(self, out)
    }
}

impl RegistrationStatus<'_> {
    /// Writes the topic into `out`. There is no payload.
    ///
    /// # Errors
    ///
    /// As for [`Register::encode`].
    pub fn encode<'b>(&self, out: &'b mut [u8]) -> Result<Publish<'b>, EncodeError> {
        provisioning::seal_status(self, out)
    }
}

impl<'a> ToProvisioning<'a> {
    /// Reads what a device sent.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] for everything that only the service sends, or nobody.
    pub fn decode(publish: &Publish<'a>) -> Result<Self, DecodeError> {
        provisioning::open_request(publish)
    }
}

impl<'a> ProvisioningReply<'a> {
    /// Whether the service did it, or is doing it; what it says about the registration is in the payload.
    pub const fn is_success(&self) -> bool {
        self.code < 300
    }

    /// Whether the same request can succeed later, after [`Self::retry_after_s`].
    pub const fn is_retryable(&self) -> bool {
        self.code >= 429
    }

    /// Writes the topic into `out`; the payload stays as it is.
    ///
    /// # Errors
    ///
    /// As for [`Register::encode`].
    pub fn encode(&self, out: &'a mut [u8]) -> Result<Publish<'a>, EncodeError> {
        provisioning::seal_reply(self, out)
    }

    /// Reads what the service sent.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] for everything that only a device sends, or nobody.
    pub fn decode(publish: &Publish<'a>) -> Result<Self, DecodeError> {
        provisioning::open_reply(publish)
    }

    /// The topic filter that a device must have subscribed to before it asks.
    pub const fn filters() -> Filters<'static> {
        provisioning::FILTERS
    }

    /// Reads one topic filter of a device: there is only the one that [`Self::filters`] gives.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] for every other one.
    pub fn decode_filter(topic: &str) -> Result<(), DecodeError> {
        provisioning::open_filter(topic)
    }
}

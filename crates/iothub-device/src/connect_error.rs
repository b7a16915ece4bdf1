use core::time::Duration;
use std::borrow::Cow;
use std::io;

use iothub_mqtt::{WireError, WriteError};
use iothub_proto::{FailureClass, PeerError, RefusalReason, Retry, Timestamp};
use rustls::{AlertDescription, CertificateError};

use crate::connect_stage::ConnectStage;
use crate::credentials::CredentialsError;
use crate::not_expressible::NotExpressible;
use crate::proxy::ProxyError;
use crate::refusal::Refusal;
use crate::roots::BadRoots;
use crate::skew::{self, OutOfDate};

/// Why there is no connection to the hub.
///
/// [`Device::connect`](crate::Device::connect) returns it for the first connection; for those that follow
/// it is the cause in a [`ConnectionStatus`](crate::ConnectionStatus).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The host name has no address, or nothing listens there.
    #[error("cannot reach {address}: {source}")]
    Unreachable {
        /// Where the connection should have gone.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// TLS did not come about: most often a certificate that is not trusted, or not for this host name.
    #[error("no TLS with {name}: {source}")]
    Tls {
        /// The name that the certificate has to be for.
        name: String,
        /// What TLS said.
        source: io::Error,
    },
    /// There are no certificates to trust: what was given as a CA cannot be read, or the platform has none.
    #[error("no trusted certificates: {0}")]
    NoRoots(#[from] BadRoots),
    /// The host name can be in no certificate.
    #[error("`{name}` is no name that a certificate can be for")]
    BadServerName {
        /// The name.
        name: String,
    },
    /// The proxy does not connect the device to its hub.
    #[error("proxy {proxy}: {source}")]
    Proxy {
        /// Which, without its password.
        proxy: String,
        /// What it said or did.
        source: ProxyError,
    },
    /// The hub, or what stands in its place, answered the request for a WebSocket with something else.
    #[error("the hub opens no WebSocket: HTTP status {status}")]
    NotUpgraded {
        /// HTTP's number for why.
        status: u16,
    },
    /// What came instead of an answer to the request for a WebSocket cannot be read.
    #[error("no WebSocket with the hub: {source}")]
    NoWebSocket {
        /// What is wrong.
        source: io::Error,
    },
    /// There is nothing to prove with who the device is: whoever has its secrets gave none.
    #[error("no credentials: {0}")]
    Credentials(#[from] CredentialsError),
    /// The hub did not accept the device.
    #[error("refused by the hub: {reason}{}", .refusal.remark())]
    Refused {
        /// Why.
        reason: RefusalReason,
        /// What the hub said besides.
        refusal: Refusal,
        /// Whether the hub may say something else the next time.
        retry: Retry,
    },
    /// The hub ended the connection and said why: only over MQTT 5.
    #[error("disconnected by the hub: {refusal}")]
    Dismissed {
        /// MQTT's reason code, such as 142 when the same device has connected again.
        reason_code: u8,
        /// What the hub said besides.
        refusal: Refusal,
    },
    /// The hub did not answer a new signature in time.
    #[error("the hub did not answer new credentials in time")]
    NotRenewed,
    /// The options ask for something that their dialect has no way to say.
    #[error(transparent)]
    NotExpressible(#[from] NotExpressible),
    /// The connection was not ready in time.
    #[error("not connected within {after:?}: still waiting for {waiting_for}")]
    TimedOut {
        /// How long was waited, in all.
        after: Duration,
        /// What it was waiting for then.
        waiting_for: ConnectStage,
    },
    /// The hub closed the connection, as it does over MQTT 3.1.1 when a token has expired, the same device connects
    /// again, or a message is not acceptable.
    #[error("closed by the hub")]
    ClosedByHub,
    /// The connection broke.
    #[error("connection broken: {0}")]
    Broken(#[source] io::Error),
    /// Nothing could be written for half as long again as the keep-alive.
    #[error("nothing could be sent for {after:?}")]
    Stalled {
        /// How long was waited.
        after: Duration,
    },
    /// The hub does not speak MQTT as it should, or has fallen silent.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The hub does not keep to the rules of the conversation.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// The first packet cannot be written from these options.
    #[error("cannot introduce the device: {0}")]
    Unwritable(#[from] iothub_proto::SendError),
    /// A packet that had to be sent cannot be.
    #[error(transparent)]
    Unsendable(#[from] WriteError),
}

impl ConnectError {
    /// What this is, as far as it decides about the next attempt.
    pub fn class(&self) -> FailureClass {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } => FailureClass::Unreachable,
            Self::Tls { source, .. } | Self::Proxy { source: ProxyError::Tls(source), .. } => {
                class_of_tls(source)
            }
            // In TLS 1.3 that is heard only after the handshake.
            Self::Broken(source) | Self::NoWebSocket { source } if is_about_own_certificate(source) => {
                FailureClass::Untrusted
            }
            Self::Proxy { source: ProxyError::Unauthorized { .. }, .. } => FailureClass::Unproven,
            Self::Proxy { .. } => FailureClass::Unreachable,
            Self::NotUpgraded { status: 429 } => FailureClass::Throttled,
            Self::NotUpgraded { status: 500.. } => FailureClass::Busy,
            Self::NotUpgraded { .. } => FailureClass::Disorderly,
            Self::NoWebSocket { source } if source.kind() == io::ErrorKind::InvalidData => {
                FailureClass::Disorderly
            }
            Self::NoWebSocket { .. } => FailureClass::Lost,
            Self::Refused { reason, refusal, retry } => {
                FailureClass::of_refusal(*reason, refusal.status, *retry)
            }
            Self::Dismissed { reason_code, refusal } => {
                FailureClass::of_dismissal(*reason_code, refusal.status)
            }
            Self::Credentials(error) if error.is_retryable() => FailureClass::Unproven,
            Self::NotRenewed
            | Self::Stalled { .. }
            | Self::Wire(WireError::Silent { .. } | WireError::NotReading { .. }) => FailureClass::Silent,
            Self::ClosedByHub | Self::Broken(_) | Self::Unsendable(_) => FailureClass::Lost,
            Self::Wire(_) | Self::Peer(_) => FailureClass::Disorderly,
            Self::NoRoots(_)
            | Self::BadServerName { .. }
            | Self::Credentials(_)
            | Self::NotExpressible(_)
            | Self::Unwritable(_) => FailureClass::Misconfigured,
        }
    }

    /// Whether connecting again in the same way, later, can succeed.
    ///
    /// Of the refusals, [`RefusalReason::NotAuthorized`] counts as such: keys are rotated and devices
    /// enabled without the device's doing. For the same reason, so does everything that a proxy or a web server says.
    pub fn is_retryable(&self) -> bool {
        !matches!(self.class(), FailureClass::Rejected | FailureClass::Misconfigured)
    }

    /// Whether one end does not accept the certificate of the other, for more than its dates: only somebody can mend that.
    pub(crate) fn is_about_certificate(&self) -> bool {
        let (Self::Tls { source, .. }
        | Self::Proxy { source: ProxyError::Tls(source), .. }
        | Self::Broken(source)
        | Self::NoWebSocket { source }) = self
        else {
            return false;
        };
        let Some(rustls::Error::InvalidCertificate(why)) = skew::tls_error(source) else {
            return is_about_own_certificate(source);
        };
        // Not every verifier says which dates.
        let is_about_dates = matches!(why, CertificateError::Expired | CertificateError::NotValidYet);
        !is_about_dates && OutOfDate::of(source).is_none()
    }

    /// What to do about it, as a sentence; `clock` is what the device's clock said when it happened.
    pub(crate) fn advice(&self, clock: Timestamp) -> Cow<'static, str> {
        if let Self::Tls { source, .. } | Self::Proxy { source: ProxyError::Tls(source), .. } = self
            && let Some(skew) = OutOfDate::of(source)
        {
            return skew.advice().into();
        }
        if let Self::Tls { source, .. } | Self::Broken(source) | Self::NoWebSocket { source } = self
            && is_about_own_certificate(source)
        {
            return "Check the certificate that this device shows, and its key: the hub does not accept it, or wants one where none is shown."
                .into();
        }
        if let Self::Proxy { source: ProxyError::Unauthorized { .. }, .. } = self {
            return "Check the name and password that the proxy is given.".into();
        }
        let class = self.class();
        if class == FailureClass::NotAuthorized {
            return skew::advice_about_proof(clock).into();
        }
        class.advice().into()
    }
}

/// Whether the other end has said that it does not accept what this one has shown.
fn is_about_own_certificate(source: &io::Error) -> bool {
    matches!(
        skew::tls_error(source),
        Some(rustls::Error::AlertReceived(
            AlertDescription::NoCertificate
                | AlertDescription::BadCertificate
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::CertificateRevoked
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnknownCA
                | AlertDescription::AccessDenied
                | AlertDescription::CertificateRequired
        ))
    )
}

fn class_of_tls(source: &io::Error) -> FailureClass {
    if OutOfDate::of(source).is_some() {
        FailureClass::ClockSkewed
    } else if skew::tls_error(source).is_some() {
        FailureClass::Untrusted
    } else {
        // What broke was below TLS.
        FailureClass::Unreachable
    }
}

#[cfg(test)]
mod tests {
    use iothub_codec::Status;

    use super::*;

    fn refused(reason: RefusalReason, retry: Retry) -> ConnectError {
        ConnectError::Refused { reason, refusal: Refusal::new(Status::BAD_REQUEST, None), retry }
    }

    #[test]
    fn what_no_second_attempt_can_mend_is_not_retried() {
        for (error, retryable) in [
            (refused(RefusalReason::UnacceptableProtocol, Retry::Never), false),
            (refused(RefusalReason::Unavailable, Retry::Later), true),
            (refused(RefusalReason::NotAuthorized, Retry::Never), true),
            // MQTT's reason says nothing of it, and the hub's status does.
            (refused(RefusalReason::ImplementationSpecific, Retry::Later), true),
            (ConnectError::ClosedByHub, true),
            (ConnectError::NotRenewed, true),
            (
                ConnectError::Dismissed {
                    reason_code: 135,
                    refusal: Refusal::new(Status::NOT_AUTHORIZED, None),
                },
                true,
            ),
            (ConnectError::BadServerName { name: "?".to_owned() }, false),
        ] {
            assert_eq!(error.is_retryable(), retryable, "{error}");
        }
    }

    #[test]
    fn what_a_proxy_or_web_server_does_is_tried_again_as_fits() {
        let proxy = |source| ConnectError::Proxy { proxy: "p".to_owned(), source };
        let said = || "said".to_owned();
        let broken = |kind: io::ErrorKind| ConnectError::NoWebSocket { source: kind.into() };
        for (error, class, advice) in [
            (
                proxy(ProxyError::Unauthorized { given: true, status_line: said() }),
                FailureClass::Unproven,
                "Check the name and password that the proxy is given.",
            ),
            (
                proxy(ProxyError::Refused { target: said(), status: 403, status_line: said() }),
                FailureClass::Unreachable,
                FailureClass::Unreachable.advice(),
            ),
            (
                proxy(ProxyError::Tls(io::ErrorKind::ConnectionReset.into())),
                FailureClass::Unreachable,
                FailureClass::Unreachable.advice(),
            ),
            (
                ConnectError::NotUpgraded { status: 404 },
                FailureClass::Disorderly,
                FailureClass::Disorderly.advice(),
            ),
            (
                ConnectError::NotUpgraded { status: 429 },
                FailureClass::Throttled,
                FailureClass::Throttled.advice(),
            ),
            (ConnectError::NotUpgraded { status: 503 }, FailureClass::Busy, FailureClass::Busy.advice()),
            (broken(io::ErrorKind::InvalidData), FailureClass::Disorderly, FailureClass::Disorderly.advice()),
            (broken(io::ErrorKind::UnexpectedEof), FailureClass::Lost, FailureClass::Lost.advice()),
        ] {
            assert_eq!(error.class(), class, "{error}");
            assert_eq!(error.advice(Timestamp::from_secs(0)), advice, "{error}");
            assert!(error.is_retryable(), "{error}");
        }
    }

    #[test]
    fn a_hub_that_does_not_accept_the_certificate_of_the_device_is_told_from_a_broken_connection() {
        let alert = |alert| io::Error::new(io::ErrorKind::InvalidData, rustls::Error::AlertReceived(alert));
        type Made = fn(io::Error) -> ConnectError;
        let made: [Made; 3] = [
            ConnectError::Broken,
            |source| ConnectError::NoWebSocket { source },
            |source| ConnectError::Tls { name: "hub".to_owned(), source },
        ];
        for error in made {
            for (description, is_about_it) in [
                (AlertDescription::UnknownCA, true),
                (AlertDescription::CertificateRequired, true),
                (AlertDescription::InternalError, false),
            ] {
                let error = error(alert(description));
                let advice = error.advice(Timestamp::from_secs(0));
                assert_eq!(
                    advice.starts_with("Check the certificate that this device"),
                    is_about_it,
                    "{error}"
                );
                if is_about_it {
                    assert_eq!(error.class(), FailureClass::Untrusted, "{error}");
                }
            }
        }
        assert_eq!(ConnectError::Broken(alert(AlertDescription::InternalError)).class(), FailureClass::Lost);
    }
}

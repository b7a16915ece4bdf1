use core::fmt;
use core::time::Duration;

use iothub_model::{X509CertificateInfo, X509Thumbprint};
use iothub_proto::Timestamp;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use webpki::{EndEntityCert, KeyUsage};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use crate::twin::date;

/// A certificate, as far as a hub looks at it.
#[derive(Clone, Debug)]
pub(crate) struct Certificate<'a> {
    der: &'a [u8],
    /// The common name of its subject, if there is exactly one.
    pub(crate) common_name: Option<String>,
    /// The whole name of its subject, for people.
    pub(crate) subject: String,
    /// The whole name of who has signed it, for people.
    issuer_name: String,
    serial_number: String,
    version: u32,
    /// Whether it may sign others.
    pub(crate) is_authority: bool,
    /// From when it is valid.
    pub(crate) begins: Timestamp,
    /// Until when it is valid.
    pub(crate) ends: Timestamp,
}

impl<'a> Certificate<'a> {
    pub(crate) fn read(der: &'a [u8]) -> Result<Self, NotACertificate> {
        let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| NotACertificate)?;
        if !rest.is_empty() {
            return Err(NotACertificate);
        }
        let mut names = certificate.subject().iter_common_name();
        let common_name = match (names.next(), names.next()) {
            (Some(name), None) => name.as_str().ok().map(str::to_owned),
            (Some(_), Some(_)) | (None, _) => None,
        };
        let constraints = certificate.basic_constraints().map_err(|_| NotACertificate)?;
        let time = |seconds: i64| Timestamp::from_secs(u64::try_from(seconds).unwrap_or_default());
        Ok(Self {
            der,
            common_name,
            subject: certificate.subject().to_string(),
            issuer_name: certificate.issuer().to_string(),
            serial_number: Hex(certificate.raw_serial()).to_string(),
            version: certificate.version().0.saturating_add(1),
            is_authority: constraints.is_some_and(|constraints| constraints.value.ca),
            begins: time(certificate.validity().not_before.timestamp()),
            ends: time(certificate.validity().not_after.timestamp()),
        })
    }

    /// What back ends are told of it.
    pub(crate) fn info(&self) -> X509CertificateInfo {
        let prints = self.thumbprints();
        X509CertificateInfo {
            subject_name: self.subject.clone(),
            sha1_thumbprint: prints.sha1(),
            sha256_thumbprint: prints.sha256(),
            issuer_name: self.issuer_name.clone(),
            not_before_utc: date(self.begins),
            not_after_utc: date(self.ends),
            serial_number: self.serial_number.clone(),
            version: self.version,
        }
    }

    pub(crate) fn thumbprints(&self) -> Thumbprints {
        Thumbprints { sha1: Sha1::digest(self.der).into(), sha256: Sha256::digest(self.der).into() }
    }

    /// Which of the authorities, given in DER, a client's certificate goes back to by way of `others`.
    ///
    /// Whether it is valid at this time is asked of it apart, so of its own dates it is not asked here.
    pub(crate) fn issuer(
        &self,
        others: &[Vec<u8>],
        authorities: &[&[u8]],
        now: Timestamp,
    ) -> Result<usize, webpki::Error> {
        let der = CertificateDer::from(self.der);
        let others: Vec<CertificateDer<'_>> =
            others.iter().map(|der| CertificateDer::from(&der[..])).collect();
        let authorities: Vec<CertificateDer<'_>> =
            authorities.iter().map(|der| CertificateDer::from(*der)).collect();
        let anchors: Vec<TrustAnchor<'_>> =
            authorities.iter().map(webpki::anchor_from_trusted_cert).collect::<Result<_, _>>()?;
        let certificate = EndEntityCert::try_from(&der)?;
        // Not by `clamp`, which asks for an order that a stranger need not keep to.
        let at = Duration::from_millis(now.max(self.begins).min(self.ends).as_millis());
        let path = certificate.verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &anchors,
            &others,
            UnixTime::since_unix_epoch(at),
            KeyUsage::client_auth(),
            None,
            None,
        )?;
        let found = anchors.iter().position(|anchor| anchor == path.anchor());
        found.ok_or(webpki::Error::UnknownIssuer)
    }
}

/// Bytes that are not a certificate in DER.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a certificate")]
pub(crate) struct NotACertificate;

/// The digests by which a certificate is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Thumbprints {
    sha1: [u8; 20],
    sha256: [u8; 32],
}

impl Thumbprints {
    /// Whether one of them is registered. The registry has 40 or 64 digits, in any case.
    pub(crate) fn are_among(&self, registered: &X509Thumbprint) -> bool {
        [&registered.primary_thumbprint, &registered.secondary_thumbprint].into_iter().flatten().any(
            |digits| match digits.len() {
                40 => Hex(&self.sha1).to_string().eq_ignore_ascii_case(digits),
                64 => Hex(&self.sha256).to_string().eq_ignore_ascii_case(digits),
                _ => false,
            },
        )
    }

    /// The longer of the two: 64 digits in capitals.
    pub(crate) fn sha256(&self) -> String {
        Hex(&self.sha256).to_string()
    }

    /// By which tools name a certificate most often: of SHA-1, 40 digits in capitals.
    pub(crate) fn sha1(&self) -> String {
        Hex(&self.sha1).to_string()
    }
}

struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

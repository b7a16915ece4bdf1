//! Who registers, and by which enrollment.

use iothub_codec::{Proof, Registration, RegistrationId, SasToken, SharedKey};
use iothub_model::{
    Attestation, AttestationType, Authentication, AuthenticationType, EnrollmentTerms, ErrorCode,
    SymmetricKey, X509Attestation, X509Certificate, X509Certificates, X509Thumbprint,
};
use iothub_proto::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::auth::{Denied, Gate, read};
use crate::authority::Authority;
use crate::certificate::Certificate;
use crate::key::{from_base64, to_base64};
use crate::provisioning::Provisioning;
use crate::rest::Failure;
use crate::rule::Rule;

/// A device that has shown who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attested {
    /// The name under which it registers, as it says it.
    pub(crate) id: String,
    pub(crate) by: By,
    /// Of the certificate that it has shown, if that let it in.
    pub(crate) thumbprint: Option<String>,
    /// Until when its proof is good.
    pub(crate) until: Timestamp,
}

/// Which enrollment lets a device register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// The one of its name.
    Enrollment,
    /// A group, of this name.
    Group(String),
}

impl Provisioning {
    /// On what terms a device registers, if it still may.
    pub(crate) fn terms(&self, attested: &Attested) -> Option<&EnrollmentTerms> {
        match &attested.by {
            By::Enrollment => self.enrollment(&attested.id).map(|enrollment| &enrollment.terms),
            By::Group(id) => self.group(id).map(|group| &group.terms),
        }
    }

    /// Which enrollment a device belongs to that claims to be of that name: its own, and without one the group whose
    /// proof it has.
    pub(crate) fn attest(
        &self,
        gate: &Gate,
        (registration, proof): (Registration<'_>, &Proof<'_>),
        certificates: &[Vec<u8>],
        now: Timestamp,
    ) -> Result<Attested, Denied> {
        match proof {
            Proof::Token(text) => self.attest_by_token(gate, registration, text, now),
            Proof::Signature(_) => {
                Err(Denied::new(Rule::NoProof, "no dialect of provisioning has signatures"))
            }
            Proof::None => self.attest_by_certificate(gate, registration, certificates, now),
        }
    }

    fn attest_by_token(
        &self,
        gate: &Gate,
        registration: Registration<'_>,
        text: &str,
        now: Timestamp,
    ) -> Result<Attested, Denied> {
        let id = registration.id;
        let token = read(text)?;
        let until = gate.unexpired("token", Timestamp::from_secs(token.expiry_s()), now)?;
        if !token.covers_registration(registration) {
            let (resource, scope) = (token.resource_encoded(), registration.scope);
            let why = format!("the token is for {resource}, not for {scope}/registrations/{id}");
            return Err(Denied::new(Rule::ForeignProof, why));
        }
        if let Some(policy) = token.policy().filter(|policy| *policy != POLICY) {
            let why = format!("the token names policy {policy} (skn), and devices register with {POLICY:?}");
            return Err(Denied::new(Rule::UnknownPolicy, why));
        }
        let attested = |by| Attested { id: id.as_str().into(), by, thumbprint: None, until };
        if let Some(enrollment) = self.enrollment(id.as_str()) {
            let keys = keys_of(&enrollment.terms).ok_or_else(|| {
                let why = format!("enrollment {id} does not attest by a symmetric key");
                Denied::new(Rule::WrongKindOfProof, why)
            })?;
            let signed = has_signed(keys, &token, |key| key);
            let why = || format!("the signature is by neither key of enrollment {id}");
            return if signed {
                Ok(attested(By::Enrollment))
            } else {
                Err(Denied::new(Rule::WrongKey, why()))
            };
        }
        let of_group =
            |terms| keys_of(terms).is_some_and(|keys| has_signed(keys, &token, |key| key.derive(id)));
        match self.groups(None).find(|group| of_group(&group.terms)) {
            Some(group) => Ok(attested(By::Group(group.enrollment_group_id.clone()))),
            None => {
                let why =
                    format!("there is no enrollment {id}, and its key is derived from that of no group");
                Err(Denied::new(Rule::NotEnrolled, why))
            }
        }
    }

    fn attest_by_certificate(
        &self,
        gate: &Gate,
        registration: Registration<'_>,
        certificates: &[Vec<u8>],
        now: Timestamp,
    ) -> Result<Attested, Denied> {
        let id = registration.id;
        let Some((der, others)) = certificates.split_first() else {
            let why = format!("{id} has sent no token, and has shown no certificate to TLS");
            return Err(Denied::new(Rule::NoCertificate, why));
        };
        let certificate =
            Certificate::read(der).map_err(|error| Denied::new(Rule::WrongCertificate, error.to_string()))?;
        let until = gate.current(&certificate, now)?;
        let thumbprint = Some(certificate.thumbprints().sha256());
        let attested = |by| Attested { id: id.as_str().into(), by, thumbprint, until };
        if let Some(enrollment) = self.enrollment(id.as_str()) {
            let Some(x509) = x509_of(&enrollment.terms) else {
                let why = format!("enrollment {id} does not attest by a certificate");
                return Err(Denied::new(Rule::WrongKindOfProof, why));
            };
            if ders(x509.client_certificates.as_ref()).any(|known| known == *der) {
                return Ok(attested(By::Enrollment));
            }
            let why = format!("the certificate is not one of enrollment {id}");
            return Err(Denied::new(Rule::WrongCertificate, why));
        }
        if certificate.common_name.as_deref() != Some(id.as_str()) {
            let name = certificate.common_name.as_deref().unwrap_or("none that is clear");
            let why = format!("there is no enrollment {id}, and the certificate is of {name:.256?}");
            return Err(Denied::new(Rule::WrongCertificate, why));
        }
        let signs = |terms| {
            let authorities = x509_of(terms).map(|x509| signers(x509, gate)).unwrap_or_default();
            let authorities: Vec<&[u8]> = authorities.iter().map(|der| &der[..]).collect();
            !authorities.is_empty() && certificate.issuer(others, &authorities, now).is_ok()
        };
        match self.groups(None).find(|group| signs(&group.terms)) {
            Some(group) => Ok(attested(By::Group(group.enrollment_group_id.clone()))),
            None => {
                let why =
                    format!("there is no enrollment {id}, and its certificate goes back to that of no group");
                Err(Denied::new(Rule::NotEnrolled, why))
            }
        }
    }
}

impl Attested {
    /// What the device proves itself with to its hub.
    pub(crate) fn authentication(&self, terms: &EnrollmentTerms) -> Authentication {
        if let Some(thumbprint) = &self.thumbprint {
            let x509_thumbprint =
                X509Thumbprint { primary_thumbprint: Some(thumbprint.clone()), secondary_thumbprint: None };
            return Authentication {
                kind: AuthenticationType::SelfSigned,
                x509_thumbprint,
                ..Authentication::default()
            };
        }
        let keys = keys_of(terms).cloned().unwrap_or_default();
        let own = |key: Option<String>| match &self.by {
            By::Enrollment => key,
            By::Group(_) => derived(&key?, &self.id),
        };
        let symmetric_key =
            SymmetricKey { primary_key: own(keys.primary_key), secondary_key: own(keys.secondary_key) };
        Authentication { kind: AuthenticationType::Sas, symmetric_key, ..Authentication::default() }
    }
}

/// Sees to it that an attestation can let somebody in, and says of its certificates what is in them.
pub(crate) fn check(attestation: &mut Attestation, is_group: bool) -> Result<(), Failure> {
    match attestation.kind {
        AttestationType::SymmetricKey => {
            attestation.x509 = None;
            Ok(())
        }
        AttestationType::X509 => {
            attestation.symmetric_key = None;
            let x509 = attestation.x509.get_or_insert_default();
            let X509Attestation { client_certificates, signing_certificates, ca_references } = x509;
            let (wanted, name, unfit) = match is_group {
                true => (signing_certificates, "signingCertificates", client_certificates),
                false => (client_certificates, "clientCertificates", signing_certificates),
            };
            if unfit.as_ref().is_some_and(|unfit| *unfit != X509Certificates::default()) {
                return Err(invalid(format!("attestation.x509 takes {name} here")));
            }
            *unfit = None;
            if ca_references.is_some() && !is_group {
                return Err(invalid("attestation.x509.caReferences is for groups".into()));
            }
            if ca_references.is_some() && wanted.is_none() {
                return Ok(());
            }
            let certificates = wanted.get_or_insert_default();
            if certificates.primary.is_none() {
                return Err(invalid(format!("attestation.x509.{name}.primary is missing")));
            }
            let both = [&mut certificates.primary, &mut certificates.secondary];
            both.into_iter().flatten().try_for_each(|certificate| describe(certificate, is_group))
        }
        AttestationType::Tpm | AttestationType::None => {
            let kind = attestation.kind;
            Err(invalid(format!("attestation.type {kind} is not served here: symmetricKey and x509 are")))
        }
    }
}

fn describe(certificate: &mut X509Certificate, is_authority: bool) -> Result<(), Failure> {
    let text = certificate.certificate.as_deref().unwrap_or_default();
    let der = der_of(text)
        .filter(|der| der.len() <= Authority::LEN_MAX)
        .ok_or_else(|| invalid("attestation.x509: not a certificate in PEM or base64".into()))?;
    let read = Certificate::read(&der)
        .map_err(|_| invalid("attestation.x509: not a certificate inside of the base64".into()))?;
    if is_authority && !read.is_authority {
        let why = "attestation.x509: the basic constraints of a signing certificate must say CA:TRUE";
        return Err(invalid(why.into()));
    }
    certificate.info = Some(read.info());
    certificate.certificate = Some(to_base64(&der));
    Ok(())
}

/// PEM, the base64 in it, or PEM in base64 once more, as some clients have it.
fn der_of(text: &str) -> Option<Vec<u8>> {
    if text.contains("-----BEGIN") {
        return CertificateDer::from_pem_slice(text.as_bytes()).ok().map(|der| der.to_vec());
    }
    let bytes = from_base64(&text.split_whitespace().collect::<String>())?;
    match CertificateDer::from_pem_slice(&bytes) {
        Ok(der) => Some(der.to_vec()),
        Err(_) => Some(bytes),
    }
}

fn ders(certificates: Option<&X509Certificates>) -> impl Iterator<Item = Vec<u8>> {
    let both = certificates.into_iter().flat_map(|both| [&both.primary, &both.secondary]);
    both.flatten().filter_map(|certificate| from_base64(certificate.certificate.as_deref()?))
}

/// The certificates of authorities that a group means, in DER.
fn signers(x509: &X509Attestation, gate: &Gate) -> Vec<Vec<u8>> {
    let named = x509.ca_references.iter().flat_map(|names| [&names.primary, &names.secondary]).flatten();
    let named = named.filter_map(|name| Some(gate.authorities.get(name)?.der()));
    ders(x509.signing_certificates.as_ref()).chain(named).collect()
}

fn keys_of(terms: &EnrollmentTerms) -> Option<&SymmetricKey> {
    let attestation = terms.attestation.as_ref()?;
    attestation.symmetric_key.as_ref().filter(|_| attestation.kind == AttestationType::SymmetricKey)
}

fn x509_of(terms: &EnrollmentTerms) -> Option<&X509Attestation> {
    let attestation = terms.attestation.as_ref()?;
    attestation.x509.as_ref().filter(|_| attestation.kind == AttestationType::X509)
}

/// Whether one of the keys, or what becomes of it, has signed that.
fn has_signed(keys: &SymmetricKey, token: &SasToken<'_>, own: impl Fn(SharedKey) -> SharedKey) -> bool {
    let keys = [&keys.primary_key, &keys.secondary_key].into_iter().flatten();
    keys.filter_map(|key| SharedKey::from_base64(key).ok()).any(|key| own(key).verify(token))
}

/// The key of a member of a group, in base64.
fn derived(group_key: &str, id: &str) -> Option<String> {
    let (key, id) = (SharedKey::from_base64(group_key).ok()?, RegistrationId::new(id).ok()?);
    Some(key.derive(id).write_base64(&mut [0; SharedKey::BASE64_LEN_MAX]).to_owned())
}

fn invalid(message: String) -> Failure {
    Failure::new(ErrorCode::ArgumentInvalid, message)
}

/// What a token of a device says as its policy.
const POLICY: &str = "registration";

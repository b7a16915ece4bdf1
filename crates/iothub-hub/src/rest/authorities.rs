//! The certificate authorities that devices' certificates may go back to. Azure keeps them outside of the hub; this is
//! local.

use iothub_model::{CertificateAuthority, Date, ErrorCode};
use iothub_proto::Now;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::authority::Authority;
use crate::certificate::Certificate;
use crate::change::Change;
use crate::credential::Credential;
use crate::effect::Effects;
use crate::hub::Hub;
use crate::input::RestRequest;
use crate::key::to_base64;
use crate::rest::registration::json;
use crate::rest::{Failure, Outcome};
use crate::twin::date;

impl Hub {
    pub(super) fn list_authorities(&self) -> Result<Outcome, Failure> {
        let authorities: Vec<_> =
            self.gate.authorities.iter().map(|(name, authority)| document(name, authority)).collect();
        Ok(Outcome::json(200, &authorities, None))
    }

    pub(super) fn get_authority(&self, name: &str) -> Result<Outcome, Failure> {
        let authority = self.gate.authorities.get(name).ok_or_else(|| unknown(name))?;
        Ok(Outcome::json(200, &document(name, authority), None))
    }

    /// Registers an authority, or puts another certificate in its place.
    ///
    /// That its owner has the key need not be proven: whoever may write to the registry may let anybody in anyway.
    pub(super) fn put_authority(
        &mut self,
        now: Now,
        name: &str,
        request: &RestRequest<'_>,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        let asked: CertificateAuthority = json(request.body)?;
        let der = read(now, &asked.certificate)?;
        let before = self.gate.authorities.get(name);
        if before.is_none() && self.gate.authorities.len() >= Authority::MAX {
            let message = format!("a hub has at most {} authorities", Authority::MAX);
            return Err(Failure::new(ErrorCode::InvalidOperation, message));
        }
        let certificate = to_base64(&der);
        if before.is_none_or(|before| before.certificate != certificate) {
            let authority = Authority { certificate, created_ms: now.timestamp.as_millis() };
            self.record(Change::AuthoritySet { name: name.into(), authority }, effects);
            self.expel_issued(now, name, effects);
        }
        self.get_authority(name)
    }

    pub(super) fn delete_authority(
        &mut self,
        now: Now,
        name: &str,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        if !self.gate.authorities.contains_key(name) {
            return Err(unknown(name));
        }
        self.record(Change::AuthorityRemoved { name: name.into() }, effects);
        self.expel_issued(now, name, effects);
        Ok(Outcome::empty(204))
    }

    /// Ends the connections of devices that an authority let in which is not there any longer.
    fn expel_issued(&mut self, now: Now, name: &str, effects: &mut Effects) {
        let issued = |credential: &Credential| match credential {
            Credential::Issued { authority } => authority == name,
            Credential::Policy { .. } | Credential::Key(_) | Credential::Certificate(_) => false,
        };
        self.expel_where(now, issued, "the authority of its certificate was removed", effects);
    }
}

/// The certificate of an authority, from PEM.
fn read(now: Now, pem: &str) -> Result<Vec<u8>, Failure> {
    let invalid = |why: &str| Failure::new(ErrorCode::ArgumentInvalid, format!("certificate: {why}"));
    let der = CertificateDer::from_pem_slice(pem.as_bytes())
        .map_err(|_| invalid("not a certificate in PEM, from -----BEGIN CERTIFICATE----- on"))?;
    if der.len() > Authority::LEN_MAX {
        return Err(invalid(&format!("at most {} bytes are taken", Authority::LEN_MAX)));
    }
    let certificate = Certificate::read(&der).map_err(|_| invalid("not a certificate inside of the PEM"))?;
    if !certificate.is_authority {
        return Err(invalid("its basic constraints do not say that it is an authority's (CA:TRUE)"));
    }
    if certificate.ends <= now.timestamp {
        return Err(invalid(&format!("it has expired, on {}", date(certificate.ends))));
    }
    if webpki::anchor_from_trusted_cert(&der).is_err() {
        return Err(invalid("it is not of version 3, or has parts that are not understood"));
    }
    Ok(der.to_vec())
}

fn document(name: &str, authority: &Authority) -> CertificateAuthority {
    let der = authority.der();
    let read = Certificate::read(&der).ok();
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in authority.certificate.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    CertificateAuthority {
        name: name.into(),
        subject: read.as_ref().map(|read| read.subject.clone()).unwrap_or_default(),
        thumbprint: read.as_ref().map(|read| read.thumbprints().sha1()).unwrap_or_default(),
        expiry: read.as_ref().map_or(Date::NEVER, |read| date(read.ends)),
        created: Date::from_millis(authority.created_ms),
        certificate: pem,
    }
}

fn unknown(name: &str) -> Failure {
    Failure::new(ErrorCode::CertificateNotFound, format!("no authority is registered as {name}"))
}

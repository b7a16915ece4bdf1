use core::fmt;
use core::net::IpAddr;
use std::io;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::folder::Folder;

/// A certificate authority of the hub's own, and the certificate it gave the hub.
#[derive(Clone)]
pub(crate) struct Authority {
    ca_pem: String,
    server_pem: String,
    server_key_pem: String,
}

impl Authority {
    /// Makes an authority that lasts as long as the process.
    pub(crate) fn in_memory(names: &[String], today: OffsetDateTime) -> Result<Self, rcgen::Error> {
        let root = Root::generate(today)?;
        let leaf = root.issue(names, today)?;
        Ok(Self { ca_pem: root.pem, server_pem: leaf.pem, server_key_pem: leaf.key_pem })
    }

    /// The authority kept in `folder`; made there if there is none. The hub's certificate is issued again when
    /// its names have changed or it is about to expire; the authority itself only when it is about to.
    pub(crate) fn kept_in(
        folder: &Folder,
        names: &[String],
        today: OffsetDateTime,
    ) -> Result<Self, AuthorityError> {
        let record = Record::read(folder)?;
        let root = match record.as_ref().filter(|record| record.root_lasts(today)) {
            Some(record) => Root::read(folder, record)?,
            None => None,
        };
        if let (Some(root), Some(record)) = (&root, &record)
            && record.leaf_serves(names, today)
            && let (Some(server_pem), Some(server_key_pem)) = (folder.read(SERVER)?, folder.read(SERVER_KEY)?)
        {
            checked::<CertificateDer<'_>>(SERVER, &server_pem)?;
            checked::<PrivateKeyDer<'_>>(SERVER_KEY, &server_key_pem)?;
            return Ok(Self { ca_pem: root.pem.clone(), server_pem, server_key_pem });
        }
        let root = match root {
            Some(root) => root,
            None => Root::generate(today)?.write(folder)?,
        };
        let leaf = root.issue(names, today)?;
        folder.write(SERVER_KEY, leaf.key_pem.as_bytes())?;
        folder.write(SERVER, leaf.pem.as_bytes())?;
        Record::new(&root, &leaf, names).write(folder)?;
        Ok(Self { ca_pem: root.pem, server_pem: leaf.pem, server_key_pem: leaf.key_pem })
    }

    /// The certificate that clients have to trust, as PEM.
    pub(crate) fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The hub's certificate chain, as PEM: its own certificate, without the authority's.
    pub(crate) fn server_pem(&self) -> &str {
        &self.server_pem
    }

    /// The key of the hub's certificate.
    pub(crate) fn server_key(&self) -> Result<PrivateKeyDer<'static>, rustls::pki_types::pem::Error> {
        PrivateKeyDer::from_pem_slice(self.server_key_pem.as_bytes())
    }
}

/// Why there is no authority.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthorityError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Certificate(#[from] rcgen::Error),
    #[error("{file}: damaged: {why} (restore it from a copy, or remove it to have certificates made anew)")]
    Damaged { file: &'static str, why: String },
}

impl AuthorityError {
    fn damaged(file: &'static str, why: impl fmt::Display) -> Self {
        Self::Damaged { file, why: why.to_string() }
    }
}

/// Sees to it that a file of ours is what it is called: what clients are to trust nobody else reads here.
fn checked<T: PemObject>(file: &'static str, pem: &str) -> Result<(), AuthorityError> {
    T::from_pem_slice(pem.as_bytes()).map(drop).map_err(|error| AuthorityError::damaged(file, error))
}

/// The authority's own certificate, and the key that signs.
struct Root {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
    name: String,
    not_after: OffsetDateTime,
}

impl Root {
    fn generate(today: OffsetDateTime) -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate()?;
        let name = Self::name_by(&key);
        let mut params = Self::params(&name);
        params.not_before = today - BACKDATED;
        params.not_after = today + ROOT_LASTS;
        let (pem, not_after) = (params.self_signed(&key)?.pem(), params.not_after);
        Ok(Self { pem, issuer: Issuer::new(params, key), name, not_after })
    }

    /// `None` if a file of it is missing.
    fn read(folder: &Folder, record: &Record) -> Result<Option<Self>, AuthorityError> {
        let (Some(pem), Some(key)) = (folder.read(CA)?, folder.read(CA_KEY)?) else { return Ok(None) };
        checked::<CertificateDer<'_>>(CA, &pem)?;
        let key = KeyPair::from_pem(&key).map_err(|error| AuthorityError::damaged(CA_KEY, error))?;
        Ok(Some(Self {
            pem,
            issuer: Issuer::new(Self::params(&record.authority), key),
            name: record.authority.clone(),
            not_after: record.authority_until()?,
        }))
    }

    fn write(self, folder: &Folder) -> Result<Self, AuthorityError> {
        // The record first goes: without it nobody takes the new authority for the old one half-way.
        folder.write(RECORD, b"null")?;
        folder.write(CA_KEY, self.issuer.key().serialize_pem().as_bytes())?;
        folder.write(CA, self.pem.as_bytes())?;
        Ok(self)
    }

    fn issue(&self, names: &[String], today: OffsetDateTime) -> Result<Leaf, rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.subject_alt_names = names
            .iter()
            .map(|name| match name.parse::<IpAddr>() {
                Ok(address) => Ok(SanType::IpAddress(address)),
                Err(_) => Ok(SanType::DnsName(name.as_str().try_into()?)),
            })
            .collect::<Result<_, rcgen::Error>>()?;
        params.distinguished_name = common_name(names.first().map_or("localhost", String::as_str));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.not_before = today - BACKDATED;
        params.not_after = (today + LEAF_LASTS).min(self.not_after);
        let pem = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Leaf { pem, key_pem: key.serialize_pem(), not_after: params.not_after })
    }

    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params
    }

    /// Two authorities of one name and different keys in one trust store make some clients pick the wrong
    /// one; so the name follows from the key.
    fn name_by(key: &KeyPair) -> String {
        let digits: String =
            key.public_key_raw().iter().rev().take(4).map(|byte| format!("{byte:02x}")).collect();
        format!("iothub local authority {digits}")
    }
}

/// The hub's certificate.
struct Leaf {
    pem: String,
    key_pem: String,
    not_after: OffsetDateTime,
}

/// What the certificates in a folder say, so that nothing has to be read out of them.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    authority: String,
    /// Seconds since 1970.
    authority_until: i64,
    names: Vec<String>,
    /// Seconds since 1970.
    server_until: i64,
}

impl Record {
    fn new(root: &Root, leaf: &Leaf, names: &[String]) -> Self {
        Self {
            authority: root.name.clone(),
            authority_until: root.not_after.unix_timestamp(),
            names: names.to_vec(),
            server_until: leaf.not_after.unix_timestamp(),
        }
    }

    fn read(folder: &Folder) -> Result<Option<Self>, AuthorityError> {
        match folder.read(RECORD)? {
            Some(text) => serde_json::from_str(&text).map_err(|error| AuthorityError::damaged(RECORD, error)),
            None => Ok(None),
        }
    }

    fn write(&self, folder: &Folder) -> Result<(), AuthorityError> {
        let record = serde_json::to_vec_pretty(self).expect("a record has text for names");
        Ok(folder.write(RECORD, &record)?)
    }

    fn root_lasts(&self, today: OffsetDateTime) -> bool {
        self.authority_until > (today + RENEWED_BEFORE).unix_timestamp()
    }

    fn leaf_serves(&self, names: &[String], today: OffsetDateTime) -> bool {
        self.names == names && self.server_until > (today + RENEWED_BEFORE).unix_timestamp()
    }

    fn authority_until(&self) -> Result<OffsetDateTime, AuthorityError> {
        OffsetDateTime::from_unix_timestamp(self.authority_until)
            .map_err(|error| AuthorityError::damaged(RECORD, error))
    }
}

fn common_name(name: &str) -> DistinguishedName {
    // Longer ones are not allowed in a common name; clients look at the alternative names anyway.
    const MAX_LEN: usize = 64;

    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name.chars().take(MAX_LEN).collect::<String>());
    distinguished
}

pub(crate) const CA: &str = "ca.pem";
const CA_KEY: &str = "ca-key.pem";
const SERVER: &str = "server.pem";
const SERVER_KEY: &str = "server-key.pem";
pub(crate) const RECORD: &str = "certificates.json";
/// All of them, in the order in which they are written elsewhere: what says that the others belong together comes last,
/// and must not be there before.
pub(crate) const FILES: [&str; 5] = [CA_KEY, CA, SERVER_KEY, SERVER, RECORD];

/// Ten years.
const ROOT_LASTS: Duration = Duration::days(3650);
/// Longer ones are refused by some clients, whoever signed them.
const LEAF_LASTS: Duration = Duration::days(397);
/// How long before its end a certificate is replaced.
const RENEWED_BEFORE: Duration = Duration::days(30);
/// Devices with clocks that are late accept it as well.
const BACKDATED: Duration = Duration::days(1);

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: OffsetDateTime = time::macros::datetime!(2026-11-21 12:00 UTC);

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.into()).collect()
    }

    #[test]
    fn the_authority_stays_and_its_certificate_follows_the_names_and_the_date() {
        let scratch = crate::scratch::Scratch::new();
        let folder = Folder::open(scratch.path()).unwrap();
        let first = Authority::kept_in(&folder, &names(&["localhost", "127.0.0.1"]), TODAY).unwrap();
        // (what, names, days later, whether the authority stays, whether the hub's certificate stays)
        let rows: &[(&str, &[&str], i64, bool, bool)] = &[
            ("nothing changed", &["localhost", "127.0.0.1"], 1, true, true),
            ("long before its end", &["localhost", "127.0.0.1"], 366, true, true),
            ("shortly before its end", &["localhost", "127.0.0.1"], 368, true, false),
            ("other names", &["localhost", "hub.example"], 368, true, false),
            ("the authority ends", &["localhost", "hub.example"], 3630, false, false),
        ];
        let mut before = first;
        for (what, list, days, ca_stays, server_stays) in rows {
            let now = Authority::kept_in(&folder, &names(list), TODAY + Duration::days(*days)).unwrap();
            assert_eq!(now.ca_pem == before.ca_pem, *ca_stays, "{what}");
            assert_eq!(now.server_pem == before.server_pem, *server_stays, "{what}");
            before = now;
        }
    }

    #[test]
    fn an_authority_without_its_key_is_made_again() {
        let scratch = crate::scratch::Scratch::new();
        let folder = Folder::open(scratch.path()).unwrap();
        let first = Authority::kept_in(&folder, &names(&["localhost"]), TODAY).unwrap();
        std::fs::remove_file(folder.path().join(CA_KEY)).unwrap();
        let second = Authority::kept_in(&folder, &names(&["localhost"]), TODAY).unwrap();
        assert_ne!(first.ca_pem, second.ca_pem);
    }

    #[test]
    fn a_file_that_is_damaged_is_named() {
        for file in [CA, CA_KEY, SERVER, SERVER_KEY, RECORD] {
            let scratch = crate::scratch::Scratch::new();
            let folder = Folder::open(scratch.path()).unwrap();
            Authority::kept_in(&folder, &names(&["localhost"]), TODAY).unwrap();
            folder.write(file, b"damaged").unwrap();
            let Err(error) = Authority::kept_in(&folder, &names(&["localhost"]), TODAY) else {
                panic!("{file} is taken")
            };
            assert!(error.to_string().starts_with(&format!("{file}: damaged: ")), "{error}");
            std::fs::remove_file(folder.path().join(file)).unwrap();
            Authority::kept_in(&folder, &names(&["localhost"]), TODAY).unwrap();
        }
    }

    #[cfg(unix)]
    #[test]
    fn keys_are_readable_by_their_owner_only() {
        use std::os::unix::fs::PermissionsExt;

        let scratch = crate::scratch::Scratch::new();
        let folder = Folder::open(&scratch.path().join("data")).unwrap();
        Authority::kept_in(&folder, &names(&["localhost"]), TODAY).unwrap();
        for name in ["", CA_KEY, SERVER_KEY] {
            let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{name:?}: {mode:o}");
        }
    }

    #[test]
    fn a_name_that_cannot_be_one_is_refused() {
        assert!(Authority::in_memory(&names(&["hüb.example"]), TODAY).is_err());
    }
}

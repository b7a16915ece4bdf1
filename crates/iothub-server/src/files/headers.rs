use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use iothub_hub::{BlobCondition, BlobProblem, BlobRefusal, FileSettings};

/// The text of a header, if it is there.
pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, BlobRefusal> {
    let unreadable = |_| BlobRefusal::new(BlobProblem::InvalidHeaderValue, format!("{name} is not ASCII"));
    headers.get(name).map(|value| value.to_str().map_err(unreadable)).transpose()
}

/// What a client says of the file that it writes. What it says of the blob counts more than what it says of the request.
pub(crate) fn said(headers: &HeaderMap) -> Result<BTreeMap<String, String>, BlobRefusal> {
    read(headers, Whose::BlobOrRequest)
}

/// The same where the request has something else than the file in it.
pub(crate) fn said_of_blob(headers: &HeaderMap) -> Result<BTreeMap<String, String>, BlobRefusal> {
    read(headers, Whose::Blob)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Blob,
    BlobOrRequest,
}

fn read(headers: &HeaderMap, whose: Whose) -> Result<BTreeMap<String, String>, BlobRefusal> {
    let mut said = BTreeMap::new();
    for (name, of_blob, of_request) in OF_CONTENT {
        let value = match text(headers, of_blob)? {
            Some(value) => Some(value),
            None => of_request
                .filter(|_| whose == Whose::BlobOrRequest)
                .map(|name| text(headers, name))
                .transpose()?
                .flatten(),
        };
        said.extend(value.map(|value| ((*name).to_owned(), value.to_owned())));
    }
    for name in headers.keys().map(|name| name.as_str()).filter(|name| name.starts_with(METADATA)) {
        let value = text(headers, name)?.unwrap_or_default();
        said.insert(name.to_owned(), value.to_owned());
    }
    if said.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > FileSettings::HEADERS_MAX {
        let why = format!("metadata and the like have at most {} bytes", FileSettings::HEADERS_MAX);
        return Err(BlobRefusal::new(BlobProblem::MetadataTooLarge, why));
    }
    if let Some(md5) = said.get("content-md5") {
        read_md5(md5)?;
    }
    Ok(said)
}

/// What the body must be, if the client says so.
pub(crate) fn md5(headers: &HeaderMap) -> Result<Option<[u8; 16]>, BlobRefusal> {
    // Who sends another sum wants it to be checked.
    for name in ["x-ms-content-crc64", "x-ms-structured-body"] {
        if headers.contains_key(name) {
            let why = format!("{name} is not served: send Content-MD5 instead");
            return Err(BlobRefusal::new(BlobProblem::InvalidHeaderValue, why));
        }
    }
    text(headers, "content-md5")?.map(read_md5).transpose()
}

pub(crate) fn condition(headers: &HeaderMap) -> Result<BlobCondition, BlobRefusal> {
    let owned = |name| Ok(text(headers, name)?.map(str::to_owned));
    for name in ["if-modified-since", "if-unmodified-since", "x-ms-if-tags", "x-ms-lease-id"] {
        if headers.contains_key(name) {
            let why = format!("{name} is not served: use If-Match or If-None-Match");
            return Err(BlobRefusal::new(BlobProblem::InvalidHeaderValue, why));
        }
    }
    Ok(BlobCondition { matches: owned("if-match")?, differs: owned("if-none-match")? })
}

fn read_md5(text: &str) -> Result<[u8; 16], BlobRefusal> {
    let md5 = STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
    md5.ok_or_else(|| BlobRefusal::new(BlobProblem::InvalidMd5, "an MD5 is base64 of 16 bytes"))
}

/// Names of what is said of a file: as it is given back, as it is said of the blob, and of the request that writes it.
const OF_CONTENT: &[(&str, &str, Option<&str>)] = &[
    ("content-type", "x-ms-blob-content-type", Some("content-type")),
    ("content-encoding", "x-ms-blob-content-encoding", Some("content-encoding")),
    ("content-language", "x-ms-blob-content-language", Some("content-language")),
    ("content-disposition", "x-ms-blob-content-disposition", None),
    ("cache-control", "x-ms-blob-cache-control", Some("cache-control")),
    ("content-md5", "x-ms-blob-content-md5", None),
];
const METADATA: &str = "x-ms-meta-";

use core::fmt;

use crate::response::Response;

/// Why something is not done with a file, by the codes of Azure's storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobProblem {
    /// Nothing says who asks.
    NoAuthenticationInformation,
    /// What says it is not of this hub's making, is over, or is for something else.
    AuthenticationFailed,
    /// It is not for that.
    AuthorizationPermissionMismatch,
    /// There is no such file.
    BlobNotFound,
    /// There is one already, and it was not to be replaced.
    BlobAlreadyExists,
    /// It has changed since.
    ConditionNotMet,
    /// It has not changed since.
    NotModified,
    /// The address is not one.
    InvalidUri,
    /// A parameter of the address is not served.
    InvalidQueryParameterValue,
    /// A header says what is not served, or cannot be read.
    InvalidHeaderValue,
    /// A header is missing.
    MissingRequiredHeader,
    /// The length is not said beforehand.
    MissingContentLengthHeader,
    /// What is said of the file besides its content is too long.
    MetadataTooLarge,
    /// The MD5 is not one.
    InvalidMd5,
    /// What came is not what the MD5 says.
    Md5Mismatch,
    /// Fewer bytes came than were announced.
    IncompleteBody,
    /// The file, or a part of it, is longer than it may be.
    RequestBodyTooLarge,
    /// The file has too many parts.
    BlockCountExceedsLimit,
    /// The name of a part is not base64 of at most 64 bytes.
    InvalidBlobOrBlock,
    /// A part is named that there is not.
    InvalidBlockList,
    /// The list of parts cannot be read.
    InvalidXmlDocument,
    /// The part of the file that is asked for is behind its end.
    InvalidRange,
    /// Nothing like that is done with files.
    UnsupportedHttpVerb,
    /// Device or hub have as many bytes of files as they may.
    StorageQuotaExceeded,
    /// The disk is full, or nearly so.
    InsufficientStorage,
    /// Others have to end first.
    ServerBusy,
    /// The hub cannot read or write; its log says why.
    InternalError,
}

impl BlobProblem {
    /// Its code, as bodies and `x-ms-error-code` have it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoAuthenticationInformation => "NoAuthenticationInformation",
            Self::AuthenticationFailed => "AuthenticationFailed",
            Self::AuthorizationPermissionMismatch => "AuthorizationPermissionMismatch",
            Self::BlobNotFound => "BlobNotFound",
            Self::BlobAlreadyExists => "BlobAlreadyExists",
            Self::ConditionNotMet | Self::NotModified => "ConditionNotMet",
            Self::InvalidUri => "InvalidUri",
            Self::InvalidQueryParameterValue => "InvalidQueryParameterValue",
            Self::InvalidHeaderValue => "InvalidHeaderValue",
            Self::MissingRequiredHeader => "MissingRequiredHeader",
            Self::MissingContentLengthHeader => "MissingContentLengthHeader",
            Self::MetadataTooLarge => "MetadataTooLarge",
            Self::InvalidMd5 => "InvalidMd5",
            Self::Md5Mismatch => "Md5Mismatch",
            Self::IncompleteBody => "IncompleteBody",
            Self::RequestBodyTooLarge => "RequestBodyTooLarge",
            Self::BlockCountExceedsLimit => "BlockCountExceedsLimit",
            Self::InvalidBlobOrBlock => "InvalidBlobOrBlock",
            Self::InvalidBlockList => "InvalidBlockList",
            Self::InvalidXmlDocument => "InvalidXmlDocument",
            Self::InvalidRange => "InvalidRange",
            Self::UnsupportedHttpVerb => "UnsupportedHttpVerb",
            Self::StorageQuotaExceeded => "StorageQuotaExceeded",
            Self::InsufficientStorage => "InsufficientStorage",
            Self::ServerBusy => "ServerBusy",
            Self::InternalError => "InternalError",
        }
    }

    /// The status that it is answered with.
    pub const fn status(self) -> u16 {
        match self {
            Self::NotModified => 304,
            Self::InvalidUri
            | Self::InvalidQueryParameterValue
            | Self::InvalidHeaderValue
            | Self::MissingRequiredHeader
            | Self::MetadataTooLarge
            | Self::InvalidMd5
            | Self::Md5Mismatch
            | Self::IncompleteBody
            | Self::InvalidBlobOrBlock
            | Self::InvalidBlockList
            | Self::InvalidXmlDocument => 400,
            Self::NoAuthenticationInformation => 401,
            Self::AuthenticationFailed
            | Self::AuthorizationPermissionMismatch
            | Self::StorageQuotaExceeded => 403,
            Self::BlobNotFound => 404,
            Self::UnsupportedHttpVerb => 405,
            Self::BlobAlreadyExists | Self::BlockCountExceedsLimit => 409,
            Self::MissingContentLengthHeader => 411,
            Self::ConditionNotMet => 412,
            Self::RequestBodyTooLarge => 413,
            Self::InvalidRange => 416,
            Self::InternalError => 500,
            Self::ServerBusy => 503,
            Self::InsufficientStorage => 507,
        }
    }
}

/// A problem, and what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobRefusal {
    /// Which one.
    pub problem: BlobProblem,
    /// The same in a sentence, without secrets.
    pub why: String,
}

impl BlobRefusal {
    /// A problem, and what it is about.
    pub fn new(problem: BlobProblem, why: impl Into<String>) -> Self {
        Self { problem, why: why.into() }
    }

    /// The answer, which names the request for the log.
    pub fn response(&self, request_id: &str) -> Response {
        let (status, code) = (self.problem.status(), self.problem.code());
        let headers = vec![
            ("x-ms-error-code".into(), code.to_owned()),
            ("x-ms-request-id".into(), request_id.to_owned()),
            ("content-type".into(), "application/xml".to_owned()),
        ];
        let why = escaped(&self.why);
        if self.problem == BlobProblem::NotModified {
            return Response { status, headers, body: Vec::new() };
        }
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code>\
             <Message>{why}\nRequestId:{request_id}</Message></Error>"
        );
        Response { status, headers, body: body.into_bytes() }
    }
}

impl fmt::Display for BlobRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.problem.code(), self.why)
    }
}

fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, c| {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // XML has no place for them.
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_presents_cannot_add_to_the_document() {
        let refusal = BlobRefusal::new(BlobProblem::InvalidUri, "no </Message> \u{1} & so");
        let body = String::from_utf8(refusal.response("r1").body).unwrap();
        assert!(body.contains("no &lt;/Message&gt;   &amp; so\nRequestId:r1</Message>"), "{body}");
    }
}

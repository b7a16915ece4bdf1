use crate::byte_set::ByteSet;
use crate::text::Text;

/// Whether that is the name of a host. Those of hubs are looked at for nothing but to be the first part of a path,
/// and no list of parameters.
pub(super) fn is_host(host: Text<'_>) -> bool {
    !host.is_empty() && host.bytes().all(|byte| ByteSet::HOST.has(byte))
}

/// The same of a text that is not encoded.
pub(super) fn is_plain_host(host: &str) -> bool {
    is_of(ByteSet::HOST, host)
}

/// Whether a method can be called that: printable ASCII, without the characters that the reference excludes and
/// without MQTT's wildcards.
pub(crate) fn is_method(name: &str) -> bool {
    is_of(ByteSet::METHOD, name)
}

fn is_of(set: ByteSet, name: &str) -> bool {
    !name.is_empty() && set.stranger(name.as_bytes()).is_none()
}

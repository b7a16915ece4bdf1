use crate::byte_set::ByteSet;
use crate::text::Text;

/// Whether that is the name of a host. Those of hubs are looked at for nothing but to be the first part of a path,
/// and no list of parameters.
pub(super) fn is_host(host: Text<'_>) -> bool {
    !host.is_empty() && host.bytes().all(|byte| ByteSet::HOST.has(byte))
}

/// Whether a method can be called that: printable ASCII, without the characters that the reference excludes and
/// without MQTT's wildcards.
pub(crate) fn is_method(name: &str) -> bool {
    !name.is_empty() && ByteSet::METHOD.stranger(name.as_bytes()).is_none()
}

use crate::text::Text;

/// Whether that is the name of a host. Those of hubs are looked at for nothing but to be the first part of a path,
/// and no list of parameters.
pub(super) fn is_host(host: Text<'_>) -> bool {
    !host.is_empty() && host.bytes().all(|b| b.is_ascii_graphic() && !b"/&=".contains(&b))
}

/// Whether a method can be called that: printable ASCII, without the characters that the reference excludes and
/// without MQTT's wildcards.
pub(super) fn is_method(name: &str) -> bool {
    let excluded = |b: u8| b"$()<>@,;:\\\"/[]?={}#+".contains(&b);
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && !excluded(b))
}

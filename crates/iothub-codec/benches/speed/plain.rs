//! What one writes for one's own program in an hour: the classic dialect, borrowed, with `split_once` and `parse`.
//! Nothing is checked that is not needed to get at the parts, nothing is decoded, and errors have no place.

#[expect(dead_code, reason = "what is read is for the measured program, which looks at nothing")]
pub(crate) enum ToDevice<'a> {
    /// With its properties.
    Command(&'a str),
    Method {
        name: &'a str,
        request: &'a str,
    },
    DesiredChanged(u64),
    Answer(Answer<'a>),
}

#[expect(dead_code, reason = "likewise")]
pub(crate) enum ToHub<'a> {
    /// With its properties.
    Telemetry(&'a str),
    TwinGet(&'a str),
    TwinPatch(&'a str),
    Answer(Answer<'a>),
}

#[expect(dead_code, reason = "likewise")]
pub(crate) struct Answer<'a> {
    code: i32,
    request: &'a str,
    version: Option<u64>,
}

#[inline(never)]
pub(crate) fn to_device<'a>(device: &str, topic: &'a str) -> Option<ToDevice<'a>> {
    if let Some(rest) = topic.strip_prefix("devices/") {
        return Some(ToDevice::Command(rest.strip_prefix(device)?.strip_prefix("/messages/devicebound/")?));
    }
    if let Some(rest) = topic.strip_prefix("$iothub/methods/POST/") {
        let (name, rest) = rest.split_once('/')?;
        return Some(ToDevice::Method { name, request: rest.strip_prefix("?$rid=")? });
    }
    if let Some(version) = topic.strip_prefix("$iothub/twin/PATCH/properties/desired/?$version=") {
        return Some(ToDevice::DesiredChanged(version.parse().ok()?));
    }
    Some(ToDevice::Answer(answer(topic.strip_prefix("$iothub/twin/res/")?)?))
}

#[inline(never)]
pub(crate) fn to_hub<'a>(device: &str, topic: &'a str) -> Option<ToHub<'a>> {
    if let Some(rest) = topic.strip_prefix("devices/") {
        return Some(ToHub::Telemetry(rest.strip_prefix(device)?.strip_prefix("/messages/events/")?));
    }
    if let Some(request) = topic.strip_prefix("$iothub/twin/GET/?$rid=") {
        return Some(ToHub::TwinGet(request));
    }
    if let Some(request) = topic.strip_prefix("$iothub/twin/PATCH/properties/reported/?$rid=") {
        return Some(ToHub::TwinPatch(request));
    }
    Some(ToHub::Answer(answer(topic.strip_prefix("$iothub/methods/res/")?)?))
}

fn answer(rest: &str) -> Option<Answer<'_>> {
    let (code, rest) = rest.split_once('/')?;
    let mut answer = Answer { code: code.parse().ok()?, request: "", version: None };
    for parameter in rest.strip_prefix('?')?.split('&') {
        match parameter.split_once('=')? {
            ("$rid", value) => answer.request = value,
            ("$version", value) => answer.version = Some(value.parse().ok()?),
            _ => {}
        }
    }
    Some(answer)
}

pub(crate) fn pairs(properties: &str) -> impl Iterator<Item = (&str, &str)> {
    properties.split('&').filter_map(|pair| pair.split_once('='))
}

#[inline(never)]
pub(crate) fn find<'a>(properties: &'a str, name: &str) -> Option<&'a str> {
    pairs(properties).find(|pair| pair.0 == name).map(|pair| pair.1)
}

/// A topic in the caller's buffer.
pub(crate) struct Topic<'b> {
    buffer: &'b mut [u8],
    len: usize,
}

impl<'b> Topic<'b> {
    pub(crate) fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, len: 0 }
    }

    pub(crate) fn put(mut self, text: &str) -> Option<Self> {
        self.buffer.get_mut(self.len..self.len + text.len())?.copy_from_slice(text.as_bytes());
        self.len += text.len();
        Some(self)
    }

    pub(crate) fn put_number(mut self, number: u64) -> Option<Self> {
        use std::io::Write;
        let mut rest = self.buffer.get_mut(self.len..)?;
        let room = rest.len();
        write!(rest, "{number}").ok()?;
        self.len += room - rest.len();
        Some(self)
    }

    pub(crate) fn put_properties(mut self, properties: &[(&str, &str)]) -> Option<Self> {
        for (index, (name, value)) in properties.iter().enumerate() {
            if index > 0 {
                self.push(b'&')?;
            }
            self.put_encoded(name)?;
            self.push(b'=')?;
            self.put_encoded(value)?;
        }
        Some(self)
    }

    pub(crate) fn finish(self) -> Option<&'b str> {
        core::str::from_utf8(self.buffer.get(..self.len)?).ok()
    }

    fn put_encoded(&mut self, text: &str) -> Option<()> {
        for byte in text.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                self.push(byte)?;
            } else {
                self.push(b'%')?;
                self.push(b"0123456789ABCDEF"[usize::from(byte >> 4)])?;
                self.push(b"0123456789ABCDEF"[usize::from(byte & 15)])?;
            }
        }
        Some(())
    }

    fn push(&mut self, byte: u8) -> Option<()> {
        *self.buffer.get_mut(self.len)? = byte;
        self.len += 1;
        Some(())
    }
}

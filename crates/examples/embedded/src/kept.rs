use iothub_proto::AckToken;

use crate::fault::Fault;

/// The message that the hub has not acknowledged yet, as it went out. It outlives connections.
///
/// The session knows that there is one, and by what token; its bytes are here. A device that wants several on their way
/// at a time has several of these: the session and the hub take sixteen.
#[derive(Debug)]
pub(crate) struct Kept<const N: usize> {
    token: Option<AckToken>,
    len: usize,
    frame: [u8; N],
}

/// The DUP flag in the first byte of a PUBLISH.
const DUPLICATE: u8 = 0b1000;

impl<const N: usize> Kept<N> {
    pub(crate) const fn new() -> Self {
        Self { token: None, len: 0, frame: [0; N] }
    }

    /// Puts the packet together from its parts, and keeps it.
    pub(crate) fn keep(&mut self, token: AckToken, parts: &[&[u8]]) -> Result<&[u8], Fault> {
        let mut len = 0;
        for part in parts {
            let end = len + part.len();
            self.frame.get_mut(len..end).ok_or(Fault::TooLong)?.copy_from_slice(part);
            len = end;
        }
        (self.token, self.len) = (Some(token), len);
        Ok(self.frame.get(..len).unwrap_or_default())
    }

    /// The packet as it goes out again, if there is one.
    pub(crate) fn again(&mut self) -> Option<&[u8]> {
        self.token?;
        if let Some(first) = self.frame.first_mut() {
            *first |= DUPLICATE;
        }
        self.frame.get(..self.len)
    }

    /// The hub has it.
    pub(crate) fn forget(&mut self, token: AckToken) {
        if self.token == Some(token) {
            self.token = None;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.token.is_none()
    }
}

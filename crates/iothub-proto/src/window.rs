use crate::packet::AckToken;

/// QoS 1 messages that were sent and are not acknowledged yet.
#[derive(Clone, Debug)]
pub(crate) struct Window<const N: usize> {
    open: [Option<AckToken>; N],
    next: AckToken,
}

impl<const N: usize> Window<N> {
    /// Never the name of a message: packets that are no messages share MQTT's packet identifiers.
    pub(crate) const RESERVED: AckToken = AckToken::new(u16::MAX).expect("not zero");

    pub(crate) const fn new() -> Self {
        Self { open: [None; N], next: AckToken::FIRST }
    }

    /// A token for one more message; `None` while `limit` or all places are taken.
    pub(crate) fn open(&mut self, limit: usize) -> Option<AckToken> {
        if self.len() >= limit {
            return None;
        }
        // At most N + 2 steps: one of N + 2 tokens in a row is neither open nor reserved.
        let mut token = self.next;
        while self.contains(token) || token == Self::RESERVED {
            token = token.next();
        }
        self.next = token.next();
        self.put(token)
    }

    /// Opens that very token again; `None` if it is open or there is no room.
    pub(crate) fn reopen(&mut self, token: AckToken, limit: usize) -> Option<AckToken> {
        if self.len() >= limit || self.contains(token) {
            return None;
        }
        self.put(token)
    }

    /// Opens a token that the other end has chosen; a repeated message finds it open. `false` without room.
    pub(crate) fn admit(&mut self, token: AckToken) -> bool {
        self.contains(token) || self.reopen(token, N).is_some()
    }

    /// Whether the token was open.
    pub(crate) fn close(&mut self, token: AckToken) -> bool {
        match self.open.iter_mut().find(|place| **place == Some(token)) {
            Some(place) => {
                *place = None;
                true
            }
            None => false,
        }
    }

    /// One of the open tokens.
    pub(crate) fn first(&self) -> Option<AckToken> {
        self.open.iter().flatten().copied().next()
    }

    pub(crate) fn len(&self) -> usize {
        self.open.iter().flatten().count()
    }

    pub(crate) fn contains(&self, token: AckToken) -> bool {
        self.open.contains(&Some(token))
    }

    fn put(&mut self, token: AckToken) -> Option<AckToken> {
        let place = self.open.iter_mut().find(|place| place.is_none())?;
        *place = Some(token);
        Some(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_in_use_are_skipped() {
        let mut window = Window::<3>::new();
        let two = AckToken::new(2).unwrap();
        assert_eq!(window.reopen(two, 3), Some(two));
        assert_eq!(window.reopen(two, 3), None);
        assert_eq!(window.open(3), AckToken::new(1));
        assert_eq!(window.open(3), AckToken::new(3));
        assert_eq!(window.open(3), None, "all places are taken");
        assert!(window.close(two));
        assert!(!window.close(two), "the second acknowledgement is nothing");
        assert_eq!(window.open(2), None, "the limit is below the room");
        assert_eq!(window.open(3), AckToken::new(4));
    }
}

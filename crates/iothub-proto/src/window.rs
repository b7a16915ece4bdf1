use core::cell::Cell;

use crate::packet::AckToken;

/// QoS 1 messages that were sent and are not acknowledged yet, in the order in which they were.
#[derive(Clone, Debug)]
pub(crate) struct Window<const N: usize> {
    /// Of which `..len` are open. What is behind them means nothing.
    tokens: [AckToken; N],
    len: u16,
    next: AckToken,
}

impl<const N: usize> Window<N> {
    /// Never the name of a message: packets that are no messages share MQTT's packet identifiers.
    pub(crate) const RESERVED: AckToken = AckToken::new(u16::MAX).expect("not zero");

    pub(crate) const fn new() -> Self {
        Self { tokens: [AckToken::FIRST; N], len: 0, next: AckToken::FIRST }
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
        // Mostly the first: acknowledgements come in the order of the messages.
        let Some(at) = self.iter().position(|open| *open == token) else { return false };
        let len = self.len();
        let behind = self.tokens.get_mut(at..len).unwrap_or_default();
        // As `copy_within` does, which has a panic in it.
        for pair in Cell::from_mut(behind).as_slice_of_cells().windows(2) {
            if let [place, next] = pair {
                place.set(next.get());
            }
        }
        self.len -= 1;
        true
    }

    /// The one that has been open for longest.
    pub(crate) fn first(&self) -> Option<AckToken> {
        self.iter().copied().next()
    }

    pub(crate) fn contains(&self, token: AckToken) -> bool {
        // Most are not in it, and then looking at all without a branch is quicker than stopping early.
        self.iter().fold(false, |found, open| found | (*open == token))
    }

    pub(crate) const fn len(&self) -> usize {
        self.len as usize
    }

    fn put(&mut self, token: AckToken) -> Option<AckToken> {
        const { assert!(N <= u16::MAX as usize, "there are no more tokens") };
        let len = self.len();
        *self.tokens.get_mut(len)? = token;
        self.len += 1;
        Some(token)
    }

    fn iter(&self) -> core::slice::Iter<'_, AckToken> {
        self.tokens.get(..self.len()).unwrap_or_default().iter()
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

    #[test]
    fn tokens_come_out_in_the_order_in_which_they_were_opened() {
        let mut window = Window::<4>::new();
        for token in [7, 5, 9, 1].map(|id| AckToken::new(id).unwrap()) {
            assert!(window.admit(token));
        }
        assert!(!window.admit(AckToken::new(2).unwrap()), "all places are taken");
        assert!(window.admit(AckToken::new(5).unwrap()), "a repeated message");
        assert!(window.close(AckToken::new(5).unwrap()));
        assert!(window.admit(AckToken::new(2).unwrap()));
        let mut order = [0; 4];
        for place in &mut order {
            let first = window.first().unwrap();
            assert!(window.close(first));
            *place = first.get();
        }
        assert_eq!((order, window.first()), ([7, 9, 1, 2], None));
    }
}

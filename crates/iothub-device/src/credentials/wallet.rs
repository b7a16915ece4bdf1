use iothub_proto::Timestamp;

use super::Proven;

/// Keeps a proof until the connection that needs it.
///
/// One that was made ahead serves for one connection. A token from elsewhere serves for further ones until half of its
/// life is over, so that a device comes back while its vault is away.
#[derive(Debug, Default)]
pub(crate) struct Wallet<'a>(Option<Proven<'a>>);

impl<'a> Wallet<'a> {
    /// Keeps a proof that was made ahead.
    pub(crate) fn keep(&mut self, proven: Proven<'a>) {
        self.0 = Some(proven);
    }

    /// Keeps a proof that is being used, if it may be used again.
    pub(crate) fn keep_used(&mut self, proven: Proven<'a>) {
        self.0 = proven.again_until().is_some().then_some(proven);
    }

    /// What was kept, if it still serves.
    pub(crate) fn take(&mut self, now: Timestamp) -> Option<Proven<'a>> {
        let serves = |until: Option<Timestamp>| until.is_none_or(|until| now < until);
        self.0.take().filter(|proven| serves(proven.again_until()) && serves(proven.expiry()))
    }

    /// The hub was not content: the next connection needs another proof.
    pub(crate) fn empty(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use iothub_codec::{Signature, Terms};

    use super::*;

    fn token(again_until: Option<u64>) -> Proven<'static> {
        let (valid_until, again_until) =
            (Some(Timestamp::from_secs(200)), again_until.map(Timestamp::from_secs));
        Proven::Token { token: "t".to_owned(), valid_until, again_until }
    }

    #[test]
    fn a_token_from_elsewhere_serves_until_half_of_its_life_is_over() {
        for (again_until, now_s, serves) in
            [(Some(100), 0, true), (Some(100), 99, true), (Some(100), 100, false), (None, 0, false)]
        {
            let mut wallet = Wallet::default();
            wallet.keep_used(token(again_until));
            assert_eq!(
                wallet.take(Timestamp::from_secs(now_s)).is_some(),
                serves,
                "{again_until:?} at {now_s}"
            );
            assert!(wallet.take(Timestamp::from_secs(now_s)).is_none(), "it was taken");
        }
    }

    #[test]
    fn what_was_made_ahead_serves_once() {
        let mut wallet = Wallet::default();
        wallet.keep(token(None));
        let proven = wallet.take(Timestamp::from_secs(1)).expect("it was kept");
        wallet.keep_used(proven);
        assert!(wallet.take(Timestamp::from_secs(1)).is_none());
    }

    #[test]
    fn what_was_made_ahead_and_has_expired_meanwhile_does_not_serve() {
        let terms = Terms { expiry_ms: 200_000, at_ms: None, policy: None };
        let signature = Proven::Signature(Signature { terms, code: [7; 32] });
        for (now_s, serves) in [(199, true), (200, false)] {
            for proven in [token(None), signature.clone(), token(Some(500))] {
                let mut wallet = Wallet::default();
                wallet.keep(proven);
                assert_eq!(wallet.take(Timestamp::from_secs(now_s)).is_some(), serves, "at {now_s}");
            }
        }
    }

    #[test]
    fn what_the_hub_refused_does_not_serve() {
        let mut wallet = Wallet::default();
        wallet.keep_used(token(Some(100)));
        wallet.empty();
        assert!(wallet.take(Timestamp::from_secs(1)).is_none());
    }
}

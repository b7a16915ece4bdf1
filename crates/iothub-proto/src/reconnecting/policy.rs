use core::time::Duration;

use super::class::FailureClass;
use crate::backoff::Backoff;

/// Decides what follows a failure. [`ByClass`] does unless another is given; a [`Backoff`] does the same for all that
/// may pass.
///
/// Whatever it says, [`FailureClass::Misconfigured`] ends a device: it is not asked.
///
/// ```
/// use core::time::Duration;
/// use iothub_proto::{ByClass, Failure, FailureClass, Next, ReconnectPolicy};
///
/// /// Gives up when the hub has refused the device ten times in a row.
/// struct GivesUp;
///
/// impl ReconnectPolicy for GivesUp {
///     fn next(&self, failure: &Failure) -> Next {
///         match failure.class {
///             FailureClass::NotAuthorized if failure.before >= 9 => Next::Never,
///             _ => ByClass::DEFAULT.next(failure),
///         }
///     }
/// }
///
/// let failure = Failure { class: FailureClass::NotAuthorized, before: 9, lasted: None };
/// assert_eq!(GivesUp.next(&failure), Next::Never);
/// ```
pub trait ReconnectPolicy {
    /// What to do after this failure.
    fn next(&self, failure: &Failure) -> Next;
}

/// What a [`ReconnectPolicy`] is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What ended the connection, or the attempt to make one.
    pub class: FailureClass,
    /// How many other failures there were since a connection last held.
    pub before: u32,
    /// How long the connection was ready; `None` if it never was.
    pub lasted: Option<Duration>,
}

/// What a [`ReconnectPolicy`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Try again after a wait of chance, up to that long: many devices that failed at one moment come back spread over
    /// that time.
    Within(Duration),
    /// Try again after exactly that long. For a device of its own: many would come back at one moment.
    After(Duration),
    /// Do not try again.
    Never,
}

/// A [`Backoff`] for each class of failure: the usual policy.
///
/// | class | first wait, up to | longest wait, up to | because |
/// |---|---|---|---|
/// | `Unreachable`, `Lost`, `Silent`, `Expired`, `Unproven` | 5 s | 60 s | these happen to a whole fleet at one moment, and pass |
/// | `ClosedEarly` | 5 s | 5 min | a second client with the same identity looks like this, and a hub in trouble |
/// | `ClockSkewed` | 5 s | 60 s | clocks are set soon after a start, once there is a network |
/// | `Busy` | 10 s | 2 min | to come back soon is what keeps a hub busy |
/// | `Throttled` | 15 s | 5 min | likewise |
/// | `NotAuthorized`, `Untrusted`, `Disorderly` | 30 s | 5 min | only a person can change that, whom the device should not outwait |
/// | `TakenOver` | 30 s | 10 min | two clients with one identity end each other's connections for ever |
/// | `Rejected`, `Misconfigured` | never | never | the hub, or the device itself, would say the same each time |
///
/// The bound doubles with each failure in a row; each wait is chance between zero and the bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByClass([Option<Backoff>; FailureClass::ALL.len()]);

impl ByClass {
    /// As the table says.
    pub const DEFAULT: Self = {
        let mut waits = [None; FailureClass::ALL.len()];
        let mut at = 0;
        while at < waits.len() {
            waits[at] = usual(FailureClass::ALL[at]);
            at += 1;
        }
        Self(waits)
    };

    /// The same, but for that class this one; `None` never tries again.
    #[must_use]
    pub const fn with(mut self, class: FailureClass, backoff: Option<Backoff>) -> Self {
        self.0[class as usize] = backoff;
        self
    }

    /// What follows a failure of that class; `None` if no other attempt does.
    pub const fn of(&self, class: FailureClass) -> Option<Backoff> {
        self.0[class as usize]
    }
}

impl Default for ByClass {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl ReconnectPolicy for ByClass {
    fn next(&self, failure: &Failure) -> Next {
        self.of(failure.class).map_or(Next::Never, |backoff| Next::Within(backoff.bound(failure.before)))
    }
}

/// The same for every failure that may pass.
impl ReconnectPolicy for Backoff {
    fn next(&self, failure: &Failure) -> Next {
        match usual(failure.class) {
            Some(_) => Next::Within(self.bound(failure.before)),
            None => Next::Never,
        }
    }
}

const fn usual(class: FailureClass) -> Option<Backoff> {
    let (base, longest) = match class {
        FailureClass::Unreachable
        | FailureClass::Lost
        | FailureClass::Silent
        | FailureClass::Expired
        | FailureClass::Unproven
        | FailureClass::ClockSkewed => (5, 60),
        FailureClass::ClosedEarly => (5, 300),
        FailureClass::Busy => (10, 120),
        FailureClass::Throttled => (15, 300),
        FailureClass::NotAuthorized | FailureClass::Untrusted | FailureClass::Disorderly => (30, 300),
        FailureClass::TakenOver => (30, 600),
        FailureClass::Rejected | FailureClass::Misconfigured => return None,
    };
    Some(Backoff { base: Duration::from_secs(base), longest: Duration::from_secs(longest) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(policy: &impl ReconnectPolicy, class: FailureClass, before: u32) -> Next {
        policy.next(&Failure { class, before, lasted: None })
    }

    #[test]
    fn bounds_grow_by_class() {
        let within = |secs| Next::Within(Duration::from_secs(secs));
        for (class, bounds) in [
            (FailureClass::Unreachable, [within(5), within(10), within(60)]),
            (FailureClass::ClosedEarly, [within(5), within(10), within(300)]),
            (FailureClass::TakenOver, [within(30), within(60), within(600)]),
            (FailureClass::NotAuthorized, [within(30), within(60), within(300)]),
            (FailureClass::Rejected, [Next::Never; 3]),
            (FailureClass::Misconfigured, [Next::Never; 3]),
        ] {
            assert_eq!([0, 1, 30].map(|before| next(&ByClass::DEFAULT, class, before)), bounds, "{class}");
        }
    }

    #[test]
    fn one_class_can_be_given_another_backoff_and_the_others_keep_theirs() {
        let soon = Backoff { base: Duration::from_millis(1), longest: Duration::from_millis(2) };
        let policy =
            ByClass::DEFAULT.with(FailureClass::TakenOver, Some(soon)).with(FailureClass::Busy, None);
        assert_eq!(next(&policy, FailureClass::TakenOver, 5), Next::Within(soon.longest));
        assert_eq!(next(&policy, FailureClass::Busy, 0), Next::Never);
        for class in FailureClass::ALL {
            if ![FailureClass::TakenOver, FailureClass::Busy].contains(class) {
                assert_eq!(policy.of(*class), ByClass::DEFAULT.of(*class), "{class}");
            }
        }
    }

    #[test]
    fn a_backoff_is_a_policy_that_knows_only_what_cannot_pass() {
        let backoff = Backoff { base: Duration::from_secs(1), longest: Duration::from_secs(4) };
        for class in FailureClass::ALL {
            let hopeless = ByClass::DEFAULT.of(*class).is_none();
            let expected = if hopeless { Next::Never } else { Next::Within(Duration::from_secs(4)) };
            assert_eq!(next(&backoff, *class, 9), expected, "{class}");
        }
    }
}

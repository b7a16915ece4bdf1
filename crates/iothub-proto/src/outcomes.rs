use iothub_codec::Qos;

/// The outcomes of one SUBSCRIBE, in the order of its filters: a granted QoS each, or a refusal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Granted {
    codes: Codes,
    /// Filters behind those, each of which exceeds the quota.
    beyond: u16,
}

/// The outcomes of one UNSUBSCRIBE, in the order of its filters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Removed(Codes);

/// What became of a subscription that a device gave up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// It is gone.
    Gone,
    /// It was never there.
    NeverThere,
}

impl Granted {
    /// Most filters of one SUBSCRIBE that can have any outcome: as many as IoT Hub lets a client of MQTT 5 have. All
    /// behind them exceed the quota.
    pub const MAX_LEN: usize = Codes::MAX_LEN;

    /// No outcomes yet.
    pub const EMPTY: Self = Self { codes: Codes::EMPTY, beyond: 0 };

    /// Adds the outcome for the next filter. `false` when there is no room: behind [`Self::MAX_LEN`] others for any
    /// but [`FilterRefusal::QuotaExceeded`], of which there are never more than a packet has filters.
    #[must_use]
    pub const fn push(&mut self, outcome: Result<Qos, FilterRefusal>) -> bool {
        let code = match outcome {
            Ok(Qos::AtMostOnce) => 0,
            Ok(Qos::AtLeastOnce) => 1,
            Err(refusal) => refusal.code(),
        };
        if self.beyond == 0 && self.codes.push(code) {
            return true;
        }
        let exceeds = code == FilterRefusal::QuotaExceeded.code() && self.beyond < u16::MAX;
        if exceeds {
            self.beyond += 1;
        }
        exceeds
    }

    /// The outcomes, in the order of the filters.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Result<Qos, FilterRefusal>> + '_ {
        let codes = self.codes.as_slice();
        (0..codes.len() + usize::from(self.beyond)).map(|at| match codes.get(at) {
            Some(0) => Ok(Qos::AtMostOnce),
            Some(1) => Ok(Qos::AtLeastOnce),
            Some(code) => Err(refusal(*code)),
            None => Err(FilterRefusal::QuotaExceeded),
        })
    }
}

impl Removed {
    /// Most filters in one UNSUBSCRIBE.
    pub const MAX_LEN: usize = Codes::MAX_LEN;

    /// No outcomes: none yet, or none that MQTT 3.1.1 could say.
    pub const EMPTY: Self = Self(Codes::EMPTY);

    /// Adds the outcome for the next filter. `false` when there is no room.
    #[must_use]
    pub const fn push(&mut self, outcome: Result<Removal, FilterRefusal>) -> bool {
        self.0.push(match outcome {
            Ok(Removal::Gone) => 0,
            Ok(Removal::NeverThere) => NEVER_THERE,
            Err(refusal) => refusal.code(),
        })
    }

    /// The outcomes, in the order of the filters.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Result<Removal, FilterRefusal>> + '_ {
        self.0.as_slice().iter().map(|code| match *code {
            0 => Ok(Removal::Gone),
            NEVER_THERE => Ok(Removal::NeverThere),
            code => Err(refusal(code)),
        })
    }
}

impl core::fmt::Debug for Granted {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl core::fmt::Debug for Removed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Why a hub does not grant a filter, or does not give it up. MQTT 3.1.1 says only that it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum FilterRefusal {
    /// None that the hub wants to tell: all that MQTT 3.1.1 can say.
    Unspecified = 0x80,
    /// The hub's own reason.
    ImplementationSpecific = 0x83,
    /// Not for this device.
    NotAuthorized = 0x87,
    /// Nothing has such a topic.
    TopicFilterInvalid = 0x8F,
    /// The packet identifier is in use.
    PacketIdentifierInUse = 0x91,
    /// The device has as many subscriptions as it may have.
    QuotaExceeded = 0x97,
    /// There are no shared subscriptions.
    SharedNotSupported = 0x9E,
    /// Subscriptions have no identifiers.
    IdentifiersNotSupported = 0xA1,
    /// There are no wildcards, or not here.
    WildcardsNotSupported = 0xA2,
}

impl FilterRefusal {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Unspecified,
        Self::ImplementationSpecific,
        Self::NotAuthorized,
        Self::TopicFilterInvalid,
        Self::PacketIdentifierInUse,
        Self::QuotaExceeded,
        Self::SharedNotSupported,
        Self::IdentifiersNotSupported,
        Self::WildcardsNotSupported,
    ];

    /// The code of MQTT 5.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The refusal with that code of MQTT 5; `None` for any other code.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.code() == code)
    }
}

/// Of a code that was pushed as one.
fn refusal(code: u8) -> FilterRefusal {
    FilterRefusal::from_code(code).unwrap_or(FilterRefusal::Unspecified)
}

/// MQTT 5 calls it "no subscription existed".
const NEVER_THERE: u8 = 0x11;

/// MQTT 5's reason codes: a byte each, where what they mean would take two.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Codes {
    len: u8,
    codes: [u8; Self::MAX_LEN],
}

impl Codes {
    const MAX_LEN: usize = 50;

    const EMPTY: Self = Self { len: 0, codes: [0; Self::MAX_LEN] };

    const fn push(&mut self, code: u8) -> bool {
        let fits = (self.len as usize) < Self::MAX_LEN;
        if fits {
            self.codes[self.len as usize] = code;
            self.len += 1;
        }
        fits
    }

    fn as_slice(&self) -> &[u8] {
        self.codes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_come_back_in_order() {
        let mut granted = Granted::EMPTY;
        let outcomes = [Ok(Qos::AtLeastOnce), Err(FilterRefusal::QuotaExceeded), Ok(Qos::AtMostOnce)];
        assert!(outcomes.iter().all(|outcome| granted.push(*outcome)));
        assert!(granted.iter().eq(outcomes));
        let mut removed = Removed::EMPTY;
        let outcomes = [Ok(Removal::NeverThere), Err(FilterRefusal::NotAuthorized), Ok(Removal::Gone)];
        assert!(outcomes.iter().all(|outcome| removed.push(*outcome)));
        assert!(removed.iter().eq(outcomes));
    }

    #[test]
    fn outcomes_are_kept_up_to_their_limit() {
        let mut granted = Granted::EMPTY;
        for _ in 0..Granted::MAX_LEN {
            assert!(granted.push(Ok(Qos::AtLeastOnce)));
        }
        assert!(!granted.push(Err(FilterRefusal::Unspecified)));
        assert_eq!(granted.iter().len(), Granted::MAX_LEN);
    }

    #[test]
    fn what_exceeds_the_quota_is_counted_however_much_it_is() {
        let mut granted = Granted::EMPTY;
        for at in 0..60_000 {
            let outcome = if at < Granted::MAX_LEN { Ok(Qos::AtMostOnce) } else { QUOTA };
            assert!(granted.push(outcome), "{at}");
        }
        assert!(!granted.push(Ok(Qos::AtMostOnce)), "not behind one that exceeds it");
        assert_eq!(granted.iter().len(), 60_000);
        assert_eq!(granted.iter().filter(|outcome| *outcome == QUOTA).count(), 60_000 - Granted::MAX_LEN);
        assert_eq!(granted.iter().last(), Some(QUOTA));
    }

    const QUOTA: Result<Qos, FilterRefusal> = Err(FilterRefusal::QuotaExceeded);
}

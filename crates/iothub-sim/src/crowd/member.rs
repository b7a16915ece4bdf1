use core::time::Duration;

use iothub_codec::{Channels, Codec, DeviceId, Dialect, Identity, Introduction, Proof, Signature, Terms};
use iothub_proto::{
    ByClass, DeviceEvent, DeviceSession, FailureClass, Hello, Instant, Now, Packet, Reconnecting, Seed,
    Session, Timestamp,
};

use crate::chance::Chance;

/// One device of many.
pub(super) struct Member {
    session: DeviceSession<'static, 1>,
    reconnecting: Reconnecting,
    dialect: Dialect,
    seed: Seed,
    attempts: u32,
    /// Whether the last of them is under way.
    connecting: bool,
}

impl Member {
    pub(super) fn new(dialect: Dialect, chance: &mut Chance) -> Self {
        // All have one name: nothing here depends on it.
        let id = DeviceId::new("pump-0").expect("the crowd names its devices well");
        Self {
            session: DeviceSession::new(Codec::new(dialect, Identity::device(id)), Channels::NONE),
            reconnecting: Reconnecting::new(Seed::new(chance.number())),
            dialect,
            seed: Seed::new(chance.number()),
            attempts: 0,
            connecting: false,
        }
    }

    /// Begins an attempt, and gives its number.
    pub(super) fn connects(&mut self, now: Instant) -> u32 {
        let terms = Terms { expiry_ms: NEVER.as_millis(), at_ms: None, policy: None };
        let hello = Hello {
            introduction: Introduction { host: "hub1", client_agent: None, model_id: None },
            proof: if self.dialect == Dialect::Classic {
                Proof::Token("a token")
            } else {
                Proof::Signature(Signature { terms, code: [7; 32] })
            },
            valid_until: None,
            session: Session::Resume,
            keep_alive_s: 60,
            will: None,
            packet_len_max: None,
            seed: self.seed,
        };
        let now = Now { instant: now, timestamp: Timestamp::default() };
        self.session.connect(now, &hello, &mut [0; 512]).expect("the CONNECT of a crowd is a short one");
        self.attempts += 1;
        self.connecting = true;
        self.attempts
    }

    /// Whether that attempt is under way.
    pub(super) const fn awaits(&self, attempt: u32) -> bool {
        self.connecting && self.attempts == attempt
    }

    pub(super) fn is_ready(&self) -> bool {
        self.session.is_ready()
    }

    /// What the hub says; gives what has failed, if that is what it comes to.
    pub(super) fn hears(&mut self, now: Instant, packet: &Packet<'_>) -> Option<FailureClass> {
        let event =
            self.session.handle_packet(now, packet).expect("the hub of a crowd keeps to the rules")?;
        if let DeviceEvent::ConnectRefused { reason, outcome, retry } = event {
            return Some(FailureClass::of_refusal(reason, outcome.status, retry));
        }
        if let DeviceEvent::Disconnected { reason_code, outcome, .. } = event {
            return Some(FailureClass::of_dismissal(reason_code, outcome.status));
        }
        if self.session.is_ready() {
            self.connecting = false;
            self.reconnecting.ready(now);
        }
        None
    }

    /// How long it waits before it connects again.
    pub(super) fn fails(&mut self, now: Instant, class: FailureClass) -> Option<Duration> {
        self.session.handle_disconnect();
        self.connecting = false;
        self.reconnecting.failed(now, class, &ByClass::DEFAULT).retry_in
    }
}

/// Later than any schedule ends.
const NEVER: Timestamp = Timestamp::from_secs(4_000_000_000);
